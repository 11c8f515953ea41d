"""`foyer replay`: recordings of a cuff through the device's own code, and files that are none."""

import json
import math
from pathlib import Path

import pytest

from tools import replay
from tools.replays import cuff

SYSTOLIC_mmHg, DIASTOLIC_mmHg, PULSE_per_min = 128.0, 82.0, 66.0
KEYS = {"systolic_mmHg", "diastolic_mmHg", "map_mmHg", "pulse_per_min", "irregular", "quality", "refused"}


def held(across_mmHg: float) -> float:
    if across_mmHg < 0:
        return math.exp(0.055 * across_mmHg)
    return 1 + 0.055 / 0.036 * (1 - math.exp(-0.036 * across_mmHg))


def pulse_mmHg(at_s: float, cuff_mmHg: float) -> float:
    angle = 2 * math.pi * at_s * PULSE_per_min / 60
    shape = 0.5 + 0.36 * (math.sin(angle) + 0.5 * math.sin(2 * angle) + 0.25 * math.sin(3 * angle))
    inside = DIASTOLIC_mmHg + (SYSTOLIC_mmHg - DIASTOLIC_mmHg) * shape
    return 1.2 * (held(inside - cuff_mmHg) - held(DIASTOLIC_mmHg - cuff_mmHg))


def recording(
    rate_per_s: float = 50, highest: float = 180, lowest: float = 40, fall: float = 2.7, by_hand: bool = False, zero_mmHg: float = 0.0
) -> list[tuple[float, float]]:
    """Return a deflation; by_hand: 3 s empty and pumped up in steps before, an exhaust and silence after."""
    rows = []
    at_s = 0.0
    if by_hand:
        while at_s < 12:
            rows.append((at_s, zero_mmHg + (0.0 if at_s < 3 else min(highest, 20.0 * math.floor(at_s - 2)))))
            at_s += 1 / rate_per_s
    began_s = at_s
    while (pressure := highest - fall * (at_s - began_s)) > lowest:
        rows.append((at_s, zero_mmHg + pressure + pulse_mmHg(at_s, pressure) + 0.05 * math.sin(len(rows) * 12.9898)))
        at_s += 1 / rate_per_s
    if by_hand:
        ended_s = at_s
        while at_s < ended_s + 5:
            rows.append((at_s, zero_mmHg + lowest * math.exp((ended_s - at_s) / 0.8)))
            at_s += 1 / rate_per_s
    return rows


def written(path: Path, rows: list[tuple[float, float]], header: str = "time_s,pressure_mmHg\n", step_mmHg: float = 0.0) -> Path:
    if step_mmHg:
        rows = [(at_s, round(mmHg / step_mmHg) * step_mmHg) for at_s, mmHg in rows]
    path.write_text(header + "".join(f"{at_s:.4f},{mmHg:.3f}\n" for at_s, mmHg in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("rows", "step_mmHg"),
    [
        (recording(20), 0.0),
        (recording(31.25), 0.5),
        (recording(250, fall=5.0), 0.0),
        (recording(50, fall=1.7), 0.0),
        (recording(100, by_hand=True), 0.5),
        (recording(60, by_hand=True, zero_mmHg=6.0), 0.0),
    ],
    ids=["20 a second", "half millimetres", "fast", "slow", "pumped by hand", "zero off"],
)
def test_a_recording_is_measured(tmp_path: Path, rows: list[tuple[float, float]], step_mmHg: float) -> None:
    """Whatever the rate, the speed and what comes before and after: within 6 mmHg and 2 beats."""
    (found,) = cuff.replay([written(tmp_path / "one.csv", rows, step_mmHg=step_mmHg)])
    assert set(found) == KEYS
    assert found["refused"] is None
    assert found["systolic_mmHg"] == pytest.approx(SYSTOLIC_mmHg, abs=6)
    assert found["diastolic_mmHg"] == pytest.approx(DIASTOLIC_mmHg, abs=6)
    assert found["pulse_per_min"] == pytest.approx(PULSE_per_min, abs=2)
    assert found["irregular"] is False


def test_several_files_give_one_line_of_json_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In their order, a refused one among them."""
    good = written(tmp_path / "good.csv", recording())
    assert replay.main(["cuff", str(good), str(tmp_path / "missing.csv"), str(good)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["refused"] is None for line in lines] == [True, False, True]
    assert lines[0] == lines[2]
    assert lines[1]["systolic_mmHg"] is None


ODD = {
    "empty": b"",
    "no text": bytes(range(256)),
    "no numbers": b"time_s,pressure_mmHg\na,b\nc,d\n",
    "other columns": b"t,p\n1,2\n",
    "one line": b"time_s,pressure_mmHg\n0,1\n",
    "half of a quotation": b'time_s,pressure_mmHg\n"0,1\n',
    "infinite": b"time_s,pressure_mmHg\n" + b"".join(b"%d,inf\n" % place for place in range(100)),
    "time goes back": b"time_s,pressure_mmHg\n" + b"".join(b"%f,100\n" % (abs(500 - place) / 20) for place in range(1000)),
    "too slow": b"time_s,pressure_mmHg\n" + b"".join(b"%f,%f\n" % (place / 10, 180 - place / 4) for place in range(500)),
    "flat": b"time_s,pressure_mmHg\n" + b"".join(b"%f,100\n" % (place / 50) for place in range(2000)),
    "no pulse": b"time_s,pressure_mmHg\n" + b"".join(b"%f,%f\n" % (place / 50, 180 - place / 20) for place in range(2500)),
    "only up": b"time_s,pressure_mmHg\n" + b"".join(b"%f,%f\n" % (place / 50, place / 20) for place in range(2500)),
    "a leap": b"time_s,pressure_mmHg\n" + b"".join(b"%f,%d\n" % (place / 50, 180 if place < 1000 else 20) for place in range(2000)),
    "a hole": b"time_s,pressure_mmHg\n" + b"".join(b"%f,%d\n" % (place / 50 + (100 if place > 500 else 0), 150) for place in range(1000)),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_refused_with_a_reason(tmp_path: Path, name: str) -> None:
    """Never with a traceback, never with a number."""
    path = tmp_path / "odd.csv"
    path.write_bytes(ODD[name])
    (found,) = cuff.replay([path])
    assert set(found) == KEYS
    assert found["systolic_mmHg"] is None
    assert isinstance(found["refused"], str)
    assert "Traceback" not in found["refused"]
    assert "failed" not in found["refused"]


@pytest.mark.parametrize(("highest", "lowest"), [(115, 40), (180, 100)])
def test_a_recording_that_does_not_show_it_all_is_refused(tmp_path: Path, highest: float, lowest: float) -> None:
    """Begun below the systolic pressure, or ended above the diastolic."""
    (found,) = cuff.replay([written(tmp_path / "part.csv", recording(highest=highest, lowest=lowest))])
    assert found["refused"] is not None


def test_a_file_without_header_or_with_semicolons_is_read(tmp_path: Path) -> None:
    """Two columns of numbers are time and pressure; a spreadsheet's separator and marks are its own."""
    plain = written(tmp_path / "plain.csv", recording(), header="")
    other = tmp_path / "other.csv"
    other.write_text("\ufeff" + "# from a logger\n" + "pressure_mmHg;time_s\n", encoding="utf-8")
    with other.open("a", encoding="utf-8") as file:
        file.writelines(f"{mmHg:.3f};{at_s:.4f}\n" for at_s, mmHg in recording())
    first, second = cuff.replay([plain, other])
    assert first == second
    assert first["refused"] is None
