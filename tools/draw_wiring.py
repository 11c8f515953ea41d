"""Draw the wiring of a device as an SVG, from its board's pin numbers: `python -m tools.draw_wiring`.

Nobody draws by hand: the numbers are read from `firmware/boards/`, so a picture cannot tell another pin than the firmware drives.
What hangs on the pins is said here. A test compares the pictures in `docs/drawings/` with what this draws.
"""

import ast
import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
DRAWINGS = ROOT / "docs/drawings"

INK, QUIET, ACCENT, LINE, GROUND = "#1F2328", "#5C6370", "#B84A06", "#E4DED4", "#FAF7F2"
WIDTH, ROW, TOP = 960, 62, 92
BOARD_X, BOARD_WIDTH, PART_X, PART_WIDTH = 40, 200, 470, 450


class Part(NamedTuple):
    """One part beside the board: its pins there by name, what it is, and a line about it."""

    pins: tuple[str, ...]
    name: str
    words: str


CUFF = (
    Part(("I2C_CLOCK", "I2C_DATA"), "MPRLS0300YG, pressure sensor, I2C 0x18", "3.3 V; 4.7 kΩ pull-ups; on the tube, in the box"),
    Part(("PUMP",), "pump, 6 V, by N-MOSFET and diode", "PWM 20 kHz; gate to ground by 100 kΩ: off while the pin floats"),
    Part(("VALVE",), "first valve, normally open, by N-MOSFET and diode", "on the cuff's block; 1 holds the air; gate 100 kΩ to ground"),
    Part(("SECOND_VALVE",), "second valve, the same, on a pin of its own", "either valve alone empties the cuff within 10 s"),
    Part(("BUTTON",), "START / STOP", "to ground; starts when nothing runs, stops everything else"),
    Part(("BUTTON_A", "BUTTON_B", "BUTTON_GUEST"), "A, B, GUEST", "to ground; say who is measured next"),
    Part(("BUTTON_TWICE",), "TWICE", "to ground; two measurements and their mean"),
    Part((), "over-pressure cut-off, no firmware in it", "MPX5050 on the block, comparator at 320 mmHg, latch, relay"),
    Part((), "needle on the cuff's block, always open", "2 to 3 mmHg a second, whatever fails"),
)
SCALE = (
    Part(
        ("HX711_DATA", "HX711_CLOCK"),
        "HX711, four 50 kg half-bridges as one bridge",
        "channel A, gain 128; its clock is held high in deep sleep",
    ),
    Part(("I2C_CLOCK", "I2C_DATA"), "SSD1306 0x3C, AD5933 0x0D", "3.3 V; 4.7 kΩ pull-ups; an NAU7802 at 0x2A on board s3n"),
    Part(("SWITCH",), "spring switch under the plate", "to ground under a load; 1 MΩ up; wakes the processor"),
    Part(("BUTTON",), "button", "to ground; held for 10 s the scale forgets its home"),
    Part((), "front end of the AD5933, four electrodes", "at most 0.5 mA at 50 kHz, 100 nF in each lead"),
    Part(("BATTERY",), "four AA cells in series, by 2 MΩ and 1 MΩ", "a third of their voltage, 100 nF to ground; 2 µA"),
    Part((), "regulator to 3.3 V", "of 2 µA at rest; the bridge is fed by the converter's own"),
)
BABYPHONE = (
    Part(
        ("I2C_CLOCK", "I2C_DATA"),
        "SHT40, temperature and humidity, I2C 0x44",
        "3.3 V; 4.7 kΩ pull-ups; on a tongue of its own, away from the regulator",
    ),
    Part(("I2S_CLOCK", "I2S_WORD", "I2S_DATA"), "ICS-43434, microphone", "3.3 V; L/R to ground: the left slot; 100 nF beside it"),
    Part(
        ("SPEAKER_CLOCK", "SPEAKER_WORD", "SPEAKER_DATA"),
        "MAX98357A, amplifier, and a speaker of 28 mm, 4 Ω",
        "5 V; GAIN open: 9 dB; 100 µF beside it",
    ),
    Part(("SPEAKER_ON",), "the amplifier's SD_MODE", "100 kΩ to ground: silent while the pin floats"),
    Part(
        ("NIGHT_LIGHT",),
        "night light: warm white LED, 50 mA, by N-MOSFET",
        "PWM 1 kHz; gate to ground by 100 kΩ: dark while the pin floats",
    ),
    Part(("LISTENING_LAMP",), "red LED, 1 kΩ to ground", "lit while the room's sound is sent"),
    Part(("BUTTON",), "button", "to ground; held for 10 s the babyphone forgets its home"),
    Part(("LIGHT_BUTTON", "SOUND_BUTTON"), "light, sound", "to ground; each on and off"),
    Part((), "supply: USB, 5 V, 1 A", "on mains; no battery in it"),
)
DEVICES = {"babyphone": BABYPHONE, "cuff": CUFF, "scale": SCALE}
WORDS = {
    "babyphone": "Two I2S lines: one only listens, one only plays. The lamp is the firmware's promise.",
    "cuff": "One supply for pump and valves goes through the cut-off's relay: without it, or without power, all air goes out.",
    "scale": "Asleep, converter and display are off; the switch needs no current to know that somebody stands there.",
}


def pins(device: str) -> dict[str, int]:
    """Return the pin numbers of a device's board by name, read from the firmware's own file."""
    tree = ast.parse((ROOT / f"firmware/boards/s3_{device}.py").read_text(encoding="utf-8"))
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def draw(device: str) -> str:
    """Return the picture of a device."""
    numbers, parts = pins(device), DEVICES[device]
    height = TOP + ROW * len(parts) + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" role="img">',
        f"<title>Wiring of the {escape(device)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="{GROUND}"/>',
        _text(BOARD_X, 40, f"Foyer: wiring of the {device}", 20, INK, bold=True),
        _text(BOARD_X, 64, WORDS[device], 14),
        f'<rect x="{BOARD_X}" y="{TOP - 8}" width="{BOARD_WIDTH}" height="{height - TOP - 16}" rx="8" fill="#FFFFFF" stroke="{INK}"/>',
        _text(BOARD_X + 16, TOP + 18, "ESP32-S3", 16, INK, bold=True),
    ]
    wired_rows: list[int] = []
    for row, part in enumerate(parts):
        lines += _part(part, row, numbers)
        if part.name.startswith(("pump", "first valve", "second valve", "over-pressure")):
            wired_rows.append(row)
    if wired_rows:
        lines += _spine(wired_rows)
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def _spine(wired_rows: list[int]) -> list[str]:
    """Return the one supply that several parts hang on."""
    spine = PART_X + PART_WIDTH + 16
    first, last = (TOP + ROW * wired_rows[place] + 26 for place in (0, -1))
    lines = [f'<path d="M{spine} {first} V{last}" stroke="{ACCENT}" stroke-width="3" fill="none"/>']
    for row in wired_rows:
        y = TOP + ROW * row + 26
        lines.append(f'<path d="M{PART_X + PART_WIDTH} {y} H{spine}" stroke="{ACCENT}" stroke-width="3" fill="none"/>')
    return lines


def _part(part: Part, row: int, numbers: dict[str, int]) -> list[str]:
    y = TOP + ROW * row
    edge = LINE if part.pins else ACCENT
    lines = [
        f'<rect x="{PART_X}" y="{y}" width="{PART_WIDTH}" height="{ROW - 10}" rx="8" fill="#FFFFFF" stroke="{edge}"/>',
        _text(PART_X + 12, y + 22, part.name, 15, INK, bold=True),
        _text(PART_X + 12, y + 42, part.words, 13),
    ]
    for place, name in enumerate(part.pins):
        at = y + 26 + (place - (len(part.pins) - 1) / 2) * 17
        lines.append(f'<path d="M{BOARD_X + BOARD_WIDTH} {at:.1f} H{PART_X}" stroke="{INK}" fill="none"/>')
        lines.append(_text(BOARD_X + BOARD_WIDTH - 10, at + 5, f"GPIO {numbers[name]}", 13, INK, anchor="end"))
        lines.append(_text(BOARD_X + BOARD_WIDTH + 12, at - 3, name.lower().replace("_", " "), 12))
    return lines


def _text(x: float, y: float, words: str, size: int, colour: str = QUIET, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def main() -> int:
    DRAWINGS.mkdir(parents=True, exist_ok=True)
    for device in DEVICES:
        path = DRAWINGS / f"{device}_wiring.svg"
        path.write_text(draw(device), encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
