"""The small line of a card: where the last readings went, as coordinates for a drawing of 240 by 48.

A line for weight and the room; for blood pressure a stroke from diastolic to systolic per reading. Times are to scale, so a gap in
time is a gap in the drawing.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cloud.site.opening import CLIMATE, PRESSURE, WEIGHT, Reading

WIDTH, HEIGHT, MARGIN = 240.0, 48.0, 4.0
# More points than this cannot be told apart at this size.
POINTS_AT_MOST = 60
# A line that fills the height would make a hundred grams look like an event.
LEAST_SPAN = {WEIGHT: 2.0, PRESSURE: 40.0, CLIMATE: 2.0}
FIRST_VALUE = {WEIGHT: ("weight_kg", "weight_kg"), PRESSURE: ("diastolic_mmHg", "systolic_mmHg"), CLIMATE: ("room_Cel", "room_Cel")}


class Stroke(NamedTuple):
    """One reading in the drawing: x, and y from and to (the same for a single value)."""

    x: float
    low: float
    high: float


class Course(NamedTuple):
    """A whole drawing: the strokes, and the same as points of a line."""

    strokes: list[Stroke]
    is_line: bool

    @property
    def points(self) -> str:
        """The line in the words of SVG."""
        return " ".join(f"{stroke.x:g},{stroke.high:g}" for stroke in self.strokes)


def course(readings: Sequence[Reading], kind: str) -> Course | None:
    """Return the drawing of readings of one kind, oldest first; None when there are too few for a course."""
    step = max(1, -(-len(readings) // POINTS_AT_MOST))
    chosen = list(readings[::-1][::step][::-1])
    if len(chosen) < 2 or chosen[0].utc_s == chosen[-1].utc_s:
        return None
    low_name, high_name = FIRST_VALUE[kind]
    least, most = min(reading.values[low_name] for reading in chosen), max(reading.values[high_name] for reading in chosen)
    spread = max(most - least, LEAST_SPAN[kind])
    bottom = (least + most - spread) / 2
    first_s, span_s = chosen[0].utc_s, chosen[-1].utc_s - chosen[0].utc_s

    def y(value: float) -> float:
        return round(HEIGHT - MARGIN - (value - bottom) / spread * (HEIGHT - 2 * MARGIN), 1)

    def x(utc_s: int) -> float:
        return round(MARGIN + (utc_s - first_s) / span_s * (WIDTH - 2 * MARGIN), 1)

    strokes = [Stroke(x(reading.utc_s), y(reading.values[low_name]), y(reading.values[high_name])) for reading in chosen]
    return Course(strokes, kind != PRESSURE)
