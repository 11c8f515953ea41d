"""Cuff, pump and valve against what real cuffs and real limits say."""

import numpy as np
import pytest

from simulator.parts import artery
from simulator.parts.artery import Artery, ExponentialLinearArtery
from simulator.parts.comparator import Comparator
from simulator.parts.pneumatics import Pneumatics, Squeeze
from simulator.people.circulation import Circulation
from simulator.people.person import Person

PERSON = Person("Ada", 61.0, 122.0, 78.0, 66.0, 3)


def wrapped() -> Pneumatics:
    air = Pneumatics(0.0)
    air.wrap(PERSON.artery, Circulation(PERSON, 0.0).arterial, 0.0)
    return air


def inflated(to_mmHg: float) -> tuple[Pneumatics, float]:
    """Return a cuff pumped up to a pressure with the valve closed, and the time it took."""
    air, at_s = wrapped(), 0.0
    air.drive_valve(True, 0.0)
    air.drive_pump(1.0, 0.0)
    while air.pressure_mmHg(at_s) < to_mmHg:
        at_s += 0.01
        assert at_s < 60
    air.drive_pump(0.0, at_s)
    return air, at_s


def seconds_until(air: Pneumatics, at_s: float, below_mmHg: float) -> float:
    began_s = at_s
    while air.pressure_mmHg(at_s) > below_mmHg:
        at_s += 0.01
        assert at_s - began_s < 120
    return at_s - began_s


def test_it_inflates_as_a_pump_of_its_size_does() -> None:
    """180 mmHg are reached within 6 to 15 s, only around an arm, and never without the valve closed."""
    _, took_s = inflated(180.0)
    assert 6 < took_s < 15
    loose = Pneumatics(0.0)
    loose.drive_valve(True, 0.0)
    loose.drive_pump(1.0, 0.0)
    assert loose.pressure_mmHg(took_s) < 60
    leaking = wrapped()
    leaking.drive_pump(1.0, 0.0)
    assert leaking.pressure_mmHg(60.0) < 30


def test_the_bleed_deflates_at_the_rate_that_oscillometry_wants() -> None:
    """Between 150 and 60 mmHg the pressure falls by 2 to 3.5 mmHg each second."""
    air, at_s = inflated(185.0)
    at_s += seconds_until(air, at_s, 150.0)
    assert 2.0 < 90 / seconds_until(air, at_s, 60.0) < 3.5


def test_it_relaxes_after_the_peak() -> None:
    """Within 3 s of the pump's stop 10 to 30 mmHg are lost, by bleed and cloth: too early for a leak test."""
    air, at_s = inflated(180.0)
    assert 10 < 180 - air.pressure_mmHg(at_s + 3.0) < 30


def test_each_open_valve_alone_empties_the_cuff() -> None:
    """With one jammed, 260 mmHg fall to 15 within 10 s, and 45 to 15 takes 1.3 to 2.1 s as in real cuffs; both together take less."""
    for jammed in (0, 1):
        air, at_s = inflated(260.0)
        air.jam_valve(True, jammed)
        air.drive_valve(False, at_s)
        first_s = seconds_until(air, at_s, 45.0)
        last_s = seconds_until(air, at_s + first_s, 15.0)
        assert first_s + last_s < 10
        assert 1.3 < last_s < 2.1
    both, at_s = inflated(260.0)
    both.drive_valve(False, at_s)
    assert seconds_until(both, at_s, 15.0) < 5


def test_both_open_valves_pass_more_than_a_pump_that_cannot_be_switched_off() -> None:
    """A shorted transistor at full power holds no arm above 15 mmHg."""
    air, at_s = inflated(200.0)
    air.short_pump()
    air.drive_valve(False, at_s)
    assert air.pressure_mmHg(at_s + 10) < 15
    assert air.pressure_mmHg(at_s + 100) < 15


def test_pulses_show_in_the_cuff_as_in_real_recordings() -> None:
    """The envelope peaks at 0.5 to 3.4 mmHg between the diastolic and the systolic pressure, at the heart's own rate."""
    air, at_s = inflated(170.0)
    at_s += 5.0
    pressures = []
    while air.pressure_mmHg(at_s) > 50:
        pressures.append(air.pressure_mmHg(at_s))
        at_s += 0.02
    trend = np.convolve(pressures, np.ones(91) / 91, "valid")  # two beats
    swing = np.array(pressures[45:-45]) - trend
    peaks = np.array([np.ptp(swing[place : place + 50]) for place in range(len(swing) - 50)])
    best = int(np.argmax(peaks))
    assert 0.5 < peaks[best] < 3.4
    assert 78 < trend[best] < 118
    spectrum = np.abs(np.fft.rfft(swing - swing.mean()))
    assert np.argmax(spectrum) / (len(swing) * 0.02) == pytest.approx(66 / 60, abs=0.1)


def test_the_envelope_has_the_ratios_that_oscillometry_stands_on() -> None:
    """At the systolic and the diastolic pressure the swing is 0.5 to 0.66 and 0.69 to 0.83 of its maximum, in everybody's artery."""
    for seed in range(30):
        arm = artery.somebodys(seed)
        swings = {mmHg: arm.held_ml(120 - mmHg) - arm.held_ml(78 - mmHg) for mmHg in range(50, 160)}
        largest = max(swings.values())
        assert 0.50 < swings[120] / largest < 0.66
        assert 0.69 < swings[78] / largest < 0.83
        assert 78 < max(swings, key=lambda mmHg: swings[mmHg]) < 110


def test_overpressure_is_cut_off_without_firmware() -> None:
    """With pump and valve driven for ever the comparator opens the valve at 320 mmHg within its sensor's error, and stays open."""
    air = wrapped()
    trips: list[float] = []
    comparator = Comparator(air, 1, trips.append)
    air.drive_valve(True, 0.0)
    air.drive_pump(1.0, 0.0)
    highest_mmHg = max(air.pressure_mmHg(at_s / 20) for at_s in range(1200))
    assert 310 < highest_mmHg < 330
    assert len(trips) == 1
    assert comparator.tripped
    assert air.pressure_mmHg(60.0) < 15
    comparator.lose_power(60.0)
    assert not comparator.tripped


def test_faults_of_parts_are_felt() -> None:
    """A leak, a jammed valve and a dead pump do what they say."""
    leaking, at_s = inflated(150.0)
    leaking.leak(20.0)
    assert seconds_until(leaking, at_s, 60.0) < 15
    jammed, at_s = inflated(150.0)
    jammed.jam_valve(True, 0)
    jammed.jam_valve(True, 1)
    jammed.drive_valve(False, at_s)
    assert jammed.pressure_mmHg(at_s + 5) > 100
    jammed.free_valve()
    assert jammed.pressure_mmHg(at_s + 15) < 15
    dead = wrapped()
    dead.break_pump()
    dead.drive_valve(True, 0.0)
    dead.drive_pump(1.0, 0.0)
    assert dead.pressure_mmHg(20.0) == 0.0


def test_nobody_looking_changes_nothing() -> None:
    """The pressure at a time is the same whether it was asked for once or a thousand times before."""
    once, often = wrapped(), wrapped()
    for air in (once, often):
        air.drive_valve(True, 0.0)
        air.drive_pump(1.0, 0.0)
    for at_ms in range(0, 5000, 5):
        often.pressure_mmHg(at_ms / 1000)
    assert once.pressure_mmHg(5.0) == pytest.approx(often.pressure_mmHg(5.0), abs=0.2)


def test_a_bent_tube_parts_the_box_from_the_cuff() -> None:
    """The pump leaps against the bend, the arm keeps what it had, and its own needle and valves still empty it."""
    air, at_s = inflated(100.0)
    air.kink(at_s)
    air.drive_pump(1.0, at_s)
    assert air.sensed_mmHg(at_s + 0.5) > 250
    assert air.pressure_mmHg(at_s + 0.6) < 105
    air.drive_valve(False, at_s + 0.6)
    assert air.pressure_mmHg(at_s + 6) < 15
    air.straighten(at_s + 6)
    assert air.sensed_mmHg(at_s + 6) == air.pressure_mmHg(at_s + 6)


def test_a_tube_that_slips_off_empties_the_cuff_and_the_sensor_sees_nothing() -> None:
    """At once, whatever the valves do."""
    air, at_s = inflated(150.0)
    air.slip_off(at_s)
    assert air.sensed_mmHg(at_s + 0.01) == 0.0
    assert air.pressure_mmHg(at_s + 2) < 15


def test_a_blocked_needle_holds_the_air() -> None:
    """Nothing but the cloth gives."""
    air, at_s = inflated(150.0)
    air.block_bleed()
    assert air.pressure_mmHg(at_s + 20) > 125


def test_a_loose_cuff_fills_long_and_shows_little_pulse() -> None:
    """Half as loose as around nothing: it does not reach 40 mmHg in the time that a snug one needs for 180."""
    loose = Pneumatics(0.0)
    loose.wrap(PERSON.artery, Circulation(PERSON, 0.0).arterial, 0.0, slack=0.7)
    loose.drive_valve(True, 0.0)
    loose.drive_pump(1.0, 0.0)
    _, took_s = inflated(180.0)
    assert loose.pressure_mmHg(took_s) < 80


def test_a_movement_comes_and_goes() -> None:
    """A squeeze moves the pressure to and fro by about what it says, and leaves it where it was."""
    air, at_s = inflated(120.0)
    still, _ = inflated(120.0)
    air.squeeze(Squeeze(at_s + 5, 1.0, 15.0, 1.5))
    swing = [air.pressure_mmHg(at_s + 5 + place / 100) - still.pressure_mmHg(at_s + 5 + place / 100) for place in range(100)]
    assert 8 < max(swing) < 25
    assert -25 < min(swing) < -8
    assert air.pressure_mmHg(at_s + 9) == pytest.approx(still.pressure_mmHg(at_s + 9), abs=1.0)


@pytest.mark.parametrize("walls", [Artery(), ExponentialLinearArtery()])
def test_compliance_is_the_slope_of_what_an_artery_holds(walls: Artery | ExponentialLinearArtery) -> None:
    """In both models, on both sides."""
    for mmHg in range(-60, 61, 7):
        slope = (walls.held_ml(mmHg + 0.01) - walls.held_ml(mmHg - 0.01)) / 0.02
        assert slope == pytest.approx(walls.compliance_ml_per_mmHg(mmHg), rel=1e-3)
