"""Draws the icons by which a phone or a computer keeps the site among its applications, as PNG, from the same few lines as `hearth.svg`.

A maskable icon may be cut to any shape by the phone, so its house stands well inside; the others bring round corners of their own.
Each picture is shapes over one another; a shape is polygons, and what it covers is added up line by line, four lines to a pixel.
"""

import math
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from tools.build import ROOT

FOLDER = ROOT / "cloud/site/static"
PAPER, INK, HEARTH = (0xFA, 0xF7, 0xF2), (0x1F, 0x23, 0x28), (0xB8, 0x4A, 0x06)
# hearth.svg is drawn on 32 by 32
UNITS = 32.0
LINES = 4
ROUND = 24

Point = tuple[float, float]
Polygon = list[Point]
Colour = tuple[int, int, int]

HOUSE: Polygon = [(4, 15.5), (16, 5), (28, 15.5), (28, 28), (4, 28)]
HALF_A_STROKE = 1.0


class Icon(NamedTuple):
    """One file: its size in pixels, how large the house is in it, and how round its corners are (0: it fills its square)."""

    name: str
    pixels: int
    house: float
    corner: float


ICONS = (
    Icon("icon-192.png", 192, 0.8, 0.2),
    Icon("icon-512.png", 512, 0.8, 0.2),
    Icon("icon-maskable-512.png", 512, 0.62, 0.0),
    Icon("icon-touch-180.png", 180, 0.74, 0.0),
)


def curve(start: Point, first: Point, second: Point, end: Point) -> Polygon:
    """Return points of a cubic curve, whose control points and end are told from its start, as in SVG's `c`."""
    x, y = start
    points = []
    for step in range(1, ROUND + 1):
        t = step / ROUND
        a, b, c = 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        points.append((x + a * first[0] + b * second[0] + c * end[0], y + a * first[1] + b * second[1] + c * end[1]))
    return points


def circle(centre: Point, radius: float, begin: float = 0.0, turn: float = 2 * math.pi) -> Polygon:
    """Return points of a circle or a part of one."""
    angles = [begin + turn * step / (2 * ROUND) for step in range(2 * ROUND + 1)]
    return [(centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)) for angle in angles]


def flame() -> Polygon:
    """Return the flame of hearth.svg."""
    points = curve((16, 13), (0.6, 2.8), (4.4, 4.4), (4.4, 8.1)) + circle((16, 21.1), 4.4, 0, math.pi)
    for first, second, end in (
        ((0, -1.7), (0.9, -2.8), (1.8, -3.8)),
        ((0.3, 1.1), (0.8, 1.7), (1.5, 2)),
        ((0.5, -2.3), (-0.1, -4.2), (1.1, -6.3)),
    ):
        points += curve(points[-1], first, second, end)
    return points


def walls() -> list[Polygon]:
    """Return the stroke around the house: a bar for each side, and a disc for each corner."""
    shapes = [circle(corner, HALF_A_STROKE) for corner in HOUSE]
    for (x, y), (u, v) in zip(HOUSE, HOUSE[1:] + HOUSE[:1], strict=True):
        length = math.hypot(u - x, v - y)
        across, down = (v - y) / length * HALF_A_STROKE, -(u - x) / length * HALF_A_STROKE
        shapes.append([(x + across, y + down), (u + across, v + down), (u - across, v - down), (x - across, y - down)])
    return shapes


def sheet(corner: float) -> list[Polygon]:
    """Return the ground of an icon on the unit square, with round corners."""
    if not corner:
        return [[(0, 0), (1, 0), (1, 1), (0, 1)]]
    centres = ((1 - corner, 1 - corner), (corner, 1 - corner), (corner, corner), (1 - corner, corner))
    return [[point for number, centre in enumerate(centres) for point in circle(centre, corner, number * math.pi / 2, math.pi / 2)]]


def crossings(polygon: Polygon, y: float) -> list[tuple[float, float]]:
    """Return from where to where a horizontal line is inside a polygon."""
    found = []
    for (x, a), (u, b) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (a <= y) != (b <= y):
            found.append(x + (y - a) / (b - a) * (u - x))
    found.sort()
    return list(zip(found[::2], found[1::2], strict=True))


def covered(shape: list[Polygon], pixels: int) -> list[list[float]]:
    """Return how much of each pixel a shape on the unit square covers, 0 to 1, row by row."""
    rows = [[0.0] * pixels for _ in range(pixels)]
    scaled = [[(x * pixels, y * pixels) for x, y in polygon] for polygon in shape]
    for line in range(pixels * LINES):
        row = rows[line // LINES]
        reached = 0.0
        # what two polygons of a shape share counts once
        for begin, end in sorted(span for polygon in scaled for span in crossings(polygon, (line + 0.5) / LINES)):
            start, stop = max(begin, reached, 0.0), min(end, float(pixels))
            reached = max(reached, stop)
            for at in range(int(start), math.ceil(stop)):
                row[at] += max(0.0, min(stop, at + 1) - max(start, at)) / LINES
    return rows


def placed(shape: list[Polygon], house: float) -> list[Polygon]:
    """Return a shape of hearth.svg on the unit square, as large as the house is to be, and in its middle."""
    return [[(0.5 + (x - 16) / UNITS * house, 0.5 + (y - 16.5) / UNITS * house) for x, y in polygon] for polygon in shape]


def draw(icon: Icon) -> bytes:
    """Return the file of an icon."""
    ground = covered(sheet(icon.corner), icon.pixels)
    layers: list[tuple[list[Polygon], Colour]] = [(walls(), INK), ([flame()], HEARTH)]
    colours: list[list[list[float]]] = [[[*map(float, PAPER)] for _ in row] for row in ground]
    for shape, colour in layers:
        for row, covers in zip(colours, covered(placed(shape, icon.house), icon.pixels), strict=True):
            for at, part in enumerate(covers):
                if part:
                    row[at] = [old + (new - old) * min(part, 1.0) for old, new in zip(row[at], colour, strict=True)]
    lines = [
        b"\x00"
        + b"".join(
            bytes((*(round(value) for value in colour), round(255 * min(part, 1.0)))) for colour, part in zip(row, covers, strict=True)
        )
        for row, covers in zip(colours, ground, strict=True)
    ]
    return png(icon.pixels, b"".join(lines))


def png(pixels: int, lines: bytes) -> bytes:
    """Return a PNG of red, green, blue and opacity (W3C Portable Network Graphics, sections 5 and 11)."""
    header = struct.pack(">IIBBBBB", pixels, pixels, 8, 6, 0, 0, 0)
    pieces = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in pieces)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def main() -> None:
    """Write the icons into the site's folder."""
    for icon in ICONS:
        Path(FOLDER / icon.name).write_bytes(draw(icon))


if __name__ == "__main__":
    main()
