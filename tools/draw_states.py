"""Draws the state machines of docs/drawings from the tables in the code, as SVG. Nobody draws by hand.

States stand in a ring in the table's order, each row of the table is an arrow, rows between the same two states share one.
"""

import ast
import math
import sys

from tools.build import ROOT

DRAWINGS = ROOT / "docs/drawings"
MACHINES = {"scale": "firmware/scale/states.py", "cuff": "firmware/cuff/states.py"}

RADIUS, BOX_WIDTH, BOX_HEIGHT, MARGIN = 330, 150, 40, 130
# Where along an arrow its words may stand: nearer to where it begins, for the words of the way back stand nearer to the other end.
PLACES = (0.36, 0.28, 0.44, 0.22, 0.5, 0.56, 0.17, 0.62, 0.7, 0.78)
Table = dict[str, dict[str, str]]
Point = tuple[float, float]
Curve = tuple[Point, Point, Point]
Room = tuple[float, float, float, float]


def table(source: str) -> Table:
    """Return TRANSITIONS of a source as plain text: its names stand for the constants of the same file."""
    tree = ast.parse(source)
    names: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                names[node.targets[0].id] = eval(compile(ast.Expression(node.value), "states", "eval"), {"__builtins__": {}}, names)  # noqa: S307  our own file
            except Exception:  # noqa: S112  a constant that needs more than the file itself is no state
                continue
    found = names["TRANSITIONS"]
    assert isinstance(found, dict)  # noqa: S101  what the file's own tests hold
    return {str(state): {str(event): str(following) for event, following in rows.items()} for state, rows in found.items()}


def draw(title: str, rows: Table) -> str:
    """Return the picture of a table."""
    states = list(rows)
    size = 2 * (RADIUS + MARGIN)
    middle = size / 2
    turn = 2 * math.pi / len(states)
    places = {
        state: (middle + RADIUS * math.sin(at * turn), middle - RADIUS * math.cos(at * turn) * 0.86) for at, state in enumerate(states)
    }
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, events in rows.items():
        for event, following in events.items():
            arrows.setdefault((state, following), []).append(event.replace("_", " "))
    curves = {ends: _curve(places[ends[0]], places[ends[1]]) for ends in arrows if ends[0] != ends[1]}
    parts = [_line(curve) for curve in curves.values()]
    parts += [_box(*places[state], state.replace("_", " ")) for state in states]
    taken = [(x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2, x + BOX_WIDTH / 2, y + BOX_HEIGHT / 2) for x, y in places.values()]
    for (state, following), said in arrows.items():
        if state == following:
            x, y = places[state]
            parts.append(_words(x, y - BOX_HEIGHT / 2 - 8, [f"↺ {event}" for event in said]))
            continue
        x, y = _free_place(curves[state, following], said, taken)
        taken.append(_room(x, y, said))
        parts.append(_words(x, y, said))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" font-family="system-ui, sans-serif" font-size="13" '
        f'role="img"><title>{title}</title>\n<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L10 5L0 10z" fill="#5C6370"/></marker></defs>\n'
        f'<rect width="{size}" height="{size}" fill="#FAF7F2"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _box(x: float, y: float, words: str) -> str:
    return (
        f'<rect x="{x - BOX_WIDTH / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" fill="#fff" '
        f'stroke="#B84A06" stroke-width="1.5"/><text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" fill="#1F2328">{words}</text>'
    )


def _curve(start: Point, end: Point) -> Curve:
    """Return start, bend and end of an arrow from box to box; the way back bends to the other side."""
    (x, y), (to_x, to_y) = start, end
    away_x, away_y = to_x - x, to_y - y
    length = math.hypot(away_x, away_y)
    bend_x, bend_y = (x + to_x) / 2 - away_y / length * 34, (y + to_y) / 2 + away_x / length * 34
    return _edge(x, y, bend_x, bend_y), (bend_x, bend_y), _edge(to_x, to_y, bend_x, bend_y)


def _line(curve: Curve) -> str:
    (start_x, start_y), (bend_x, bend_y), (end_x, end_y) = curve
    return (
        f'<path d="M{start_x:.0f} {start_y:.0f}Q{bend_x:.0f} {bend_y:.0f} {end_x:.0f} {end_y:.0f}" fill="none" stroke="#5C6370" '
        'marker-end="url(#tip)"/>'
    )


def _free_place(curve: Curve, lines: list[str], taken: list[Room]) -> Point:
    """Return where on an arrow its words cover no box and no other words, or as little as can be; rather near to where it begins."""

    def covered(place: Point) -> float:
        left, top, right, bottom = _room(*place, lines)
        return sum(
            max(0.0, min(right, other[2]) - max(left, other[0])) * max(0.0, min(bottom, other[3]) - max(top, other[1])) for other in taken
        )

    return min((_along(curve, share) for share in PLACES), key=covered)


def _along(curve: Curve, share: float) -> Point:
    near, mixed, far = (1 - share) ** 2, 2 * share * (1 - share), share**2
    (start_x, start_y), (bend_x, bend_y), (end_x, end_y) = curve
    return near * start_x + mixed * bend_x + far * end_x, near * start_y + mixed * bend_y + far * end_y


def _room(x: float, y: float, lines: list[str]) -> Room:
    """Return about what words take: left, top, right, bottom."""
    wide, tall = 6.2 * max(map(len, lines)) + 6, 14 * len(lines) + 4
    return x - wide / 2, y - 4 - tall / 2, x + wide / 2, y - 4 + tall / 2


def _edge(x: float, y: float, toward_x: float, toward_y: float) -> tuple[float, float]:
    """Return where the line from a box's middle leaves the box."""
    away_x, away_y = toward_x - x, toward_y - y
    share = min(BOX_WIDTH / 2 / abs(away_x) if away_x else math.inf, BOX_HEIGHT / 2 / abs(away_y) if away_y else math.inf)
    return x + away_x * share, y + away_y * share


def _words(x: float, y: float, lines: list[str]) -> str:
    spans = "".join(f'<tspan x="{x:.0f}" dy="{0 if at == 0 else 14}">{line}</tspan>' for at, line in enumerate(lines))
    return (
        f'<text x="{x:.0f}" y="{y - 7 * (len(lines) - 1):.0f}" text-anchor="middle" font-size="11" fill="#5C6370" stroke="#FAF7F2" '
        f'stroke-width="4" paint-order="stroke">{spans}</text>'
    )


def drawings() -> dict[str, str]:
    """Return every drawing by its file name."""
    return {
        f"{name}.svg": draw(f"The states of the {name}", table((ROOT / path).read_text(encoding="utf-8")))
        for name, path in MACHINES.items()
    }


if __name__ == "__main__":
    DRAWINGS.mkdir(parents=True, exist_ok=True)
    for file_name, picture in drawings().items():
        (DRAWINGS / file_name).write_text(picture, encoding="utf-8")
        sys.stdout.write(f"docs/drawings/{file_name}: drawn\n")
