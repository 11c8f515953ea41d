"""From a heart to a number: the simulated arm, pump, bleed and sensor, read by the firmware's own arithmetic in virtual time."""

import sys
from types import ModuleType

import pytest

from simulator.boards import BUTTON, I2C_SCL, I2C_SDA, PUMP, SECOND_VALVE, VALVE, CuffBoard
from simulator.clock import VirtualClock
from simulator.people.circulation import Circulation
from simulator.people.person import Person

if "micropython" not in sys.modules:
    stand_in = ModuleType("micropython")
    stand_in.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules["micropython"] = stand_in

from firmware.cuff import oscillometry, recording

OVER_mmHg = 35.0
LOWER_mmHg = 20.0


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("systolic_mmHg", "diastolic_mmHg", "pulse_per_min"), [(118.0, 76.0, 68.0), (104.0, 66.0, 60.0), (138.0, 90.0, 76.0)]
)
def test_the_firmwares_estimate_is_near_the_persons_pressure(
    seed: int, systolic_mmHg: float, diastolic_mmHg: float, pulse_per_min: float
) -> None:
    """Through pins and bytes only, systolic and diastolic pressure are found within 5 mmHg and the pulse within 3."""
    person = Person("Ada", 61.0, systolic_mmHg, diastolic_mmHg, pulse_per_min, seed)
    clock = VirtualClock()
    board = CuffBoard(clock, seed, lambda _what, _facts: None)
    bus, lines = board.i2c[I2C_SCL, I2C_SDA], board.lines

    def pressure_mmHg() -> float:
        bus.write(0x18, b"\xaa\x00\x00", clock.now_s())
        clock.advance(0.006)
        return (int.from_bytes(bus.read(0x18, 4, clock.now_s())[1:], "big") - 419_430) / 11_184.8

    zero_mmHg = sum(pressure_mmHg() for _ in range(20)) / 20
    board.pneumatics.wrap(person.artery, Circulation(person, clock.now_s()).arterial, clock.now_s())
    assert lines.read(BUTTON, clock.now_s(), 0.0) == 1
    lines.drive(VALVE, 1, clock.now_s(), 1.0)
    lines.drive(SECOND_VALVE, 1, clock.now_s(), 1.0)
    lines.duty(PUMP, 20_000, 1.0, clock.now_s())
    while pressure_mmHg() < systolic_mmHg + OVER_mmHg:
        clock.advance(0.004)
    lines.duty(PUMP, 20_000, 0.0, clock.now_s())
    series = recording.Recording()
    cuff_mmHg = systolic_mmHg
    while cuff_mmHg > diastolic_mmHg - LOWER_mmHg:
        cuff_mmHg = pressure_mmHg() - zero_mmHg
        series.feed(cuff_mmHg, int(clock.now_s() * 1000))
        clock.advance(0.004)
    found = oscillometry.estimate(series.samples, series.count)
    assert found.systolic_mmHg == pytest.approx(systolic_mmHg, abs=5)
    assert found.diastolic_mmHg == pytest.approx(diastolic_mmHg, abs=5)
    assert found.pulse_per_min == pytest.approx(pulse_per_min, abs=3)
