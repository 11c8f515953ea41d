"""A scale's calibration: a straight line through known masses, and a sentence when there is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor
from simulator.boards import ScaleBoard
from simulator.usb.board import BenchDevice
from tests.tools.bench_room import BenchRoom
from tools import calibrate
from tools.faults import Fault
from tools.records import Records


@given(
    st.floats(7_100, 15_900),
    st.integers(-500_000, 500_000),
    st.lists(st.integers(5, 200), min_size=1, max_size=4, unique=True),
    st.just(20),
)
def test_masses_on_a_line_give_that_line(per_kg: float, zero: int, masses_kg: list[int], least_kg: int) -> None:
    """Zero, masses and counts come back, lightest first."""
    masses_kg = sorted({*masses_kg, least_kg})
    found = calibrate.fields([(0.0, zero), *((kg, zero + kg * per_kg) for kg in reversed(masses_kg))], 20260101)
    assert found["zero_counts"] == zero
    assert found["masses_g"] == [kg * 1000 for kg in masses_kg]
    assert found["counts"] == pytest.approx([kg * per_kg for kg in masses_kg], abs=1)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(0.0, 10.0)], "without a mass"),
        ([(0.0, 0.0), (20.0, -20_000.0)], "do not rise"),
        ([(0.0, 0.0), (20.0, 200_000.0), (40.0, 390_000.0)], "off the line"),
        ([(0.0, 0.0), (10.0, 100_000.0)], "20 kg or more"),
        ([(0.0, 0.0), (20.0, 200_000.0), (20.0, 200_100.0)], "each only once"),
        ([(0.0, 0.0), (20.0, 600_000.0)], "another mass was on the plate than was typed"),
    ],
)
def test_masses_that_make_no_line_are_said(points: list[tuple[float, float]], words: str) -> None:
    """None, a cell wired backwards, a plate that touches something, too light a mass, one twice, another than was typed."""
    with pytest.raises(calibrate.Uncalibratable, match=words):
        calibrate.fields(points, 20260101)


@pytest.mark.parametrize("magnitudes", [[12, 15, 9], [8200, 8190, 7900]])
def test_electrodes_that_see_no_firm_resistor_calibrate_nothing(magnitudes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing there, or something that moves; somebody without a resistor says so and calibrates the masses alone."""
    monkeypatch.setattr(calibrate.technician, "run", lambda *_: {"magnitudes": magnitudes})
    with pytest.raises(Fault, match="see no resistor"):
        calibrate._feet("port", lambda _: None, lambda _: "")
    assert calibrate._feet("port", lambda _: None, lambda _: "No") == {}


class Bench:
    """A scale on a bench, and a technician who does what the tool asks; `said` is what they read."""

    def __init__(self, room: BenchRoom) -> None:
        self.room = room
        self.device: BenchDevice = room.board()
        self.said: list[str] = []
        assert room.flash(self.device).returncode == 0
        assert room.provision(self.device).returncode == 0

    def calibrate(self, laid_and_typed: list[tuple[float, str]], resistor_ohm: float | None) -> dict[str, object]:
        """Lay and type each in turn; None: there is no resistor."""
        board = self.device.board
        assert isinstance(board, ScaleBoard)
        waiting = iter(laid_and_typed)

        def ask(words: str) -> str:
            self.said.append(words)
            laid_kg, typed = 0.0, ""
            if "known mass" in words:
                laid_kg, typed = next(waiting, (0.0, ""))
            elif "resistor" in words and resistor_ohm is None:
                typed = "no"
            elif "resistor" in words:
                board.electrodes.touch(resistor_ohm)
            board.plate.lay(laid_kg)
            return typed

        try:
            return calibrate.guide(str(self.device.port), Records(self.room.records), self.said.append, ask)
        finally:
            board.plate.lay(0)
            board.electrodes.leave()

    def calibration(self) -> object:
        """Return what stands in the device's settings."""
        settings = cbor.decode(self.room.files_of(self.device)["settings.cbor"])
        assert isinstance(settings, dict)
        return settings.get("calibration")


@pytest.fixture
def bench(room: BenchRoom) -> Bench:
    return Bench(room)


@pytest.mark.timeout(900)
def test_a_technician_is_led_through_and_nonsense_changes_nothing(bench: Bench) -> None:
    """Words that are no mass are asked again; masses and a resistor end in the device's settings and the record, with the day, and near
    what the cell truly gives; a mass that was mistyped leaves the calibration as it was."""
    asked = [(20.0, "twenty"), (20.0, "2"), (20.0, "20"), (100.0, "100,0 kg")]
    found = bench.calibrate(asked, 500.0)
    assert any("twenty is no number" in words for words in bench.said)
    assert any("too light or too heavy" in words for words in bench.said)
    assert found == bench.calibration()
    truth = bench.room.house.calibration("one", "scale")
    assert len(str(found["date"])) == 8
    assert found["masses_g"] == [20_000, 100_000]
    counts = dict(zip(truth["masses_g"], truth["counts"], strict=True))  # type: ignore[call-overload]
    for mass_g, measured in zip(found["masses_g"], found["counts"], strict=True):  # type: ignore[call-overload]
        assert abs(measured - counts[mass_g]) < 0.05 * 10_737  # 50 g
    assert abs(int(str(found["counts_at_500_ohm"])) - int(str(truth["counts_at_500_ohm"]))) < 100
    (record,) = (json.loads(path.read_text()) for path in bench.room.records.glob("FY-*.json"))
    assert record["calibration"]["counts_at_500_ohm"] == found["counts_at_500_ohm"]

    with pytest.raises(Fault, match="another mass was on the plate"):
        bench.calibrate([(60.0, "20")], 500.0)
    assert bench.calibration() == found
