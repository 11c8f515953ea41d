"""The converter, read bit by bit by a reader that shares nothing with its driver."""

import numpy as np
import pytest

from simulator.chips import hx711
from simulator.chips.hx711 import HX711
from simulator.clock import constant

PULSE_s = 1e-6


class Reader:
    """Two wires and a clock, typed from figure 2 of the datasheet."""

    def __init__(self, chip: HX711) -> None:
        self.chip = chip
        self.now_s = 0.0

    def edge(self, level: int, rested_s: float = PULSE_s) -> None:
        self.now_s += rested_s
        self.chip.clock_edge(level, self.now_s, rested_s)

    def wait(self, longest_s: float = 1.0) -> float:
        """Wait for DOUT to fall; return how long that took."""
        began_s = self.now_s
        while self.chip.data_level(self.now_s, 0.001):
            self.now_s += 0.001
            assert self.now_s - began_s < longest_s, "DOUT never fell"
        return self.now_s - began_s

    def read(self, pulses: int = 25) -> int:
        self.wait()
        bits = 0
        for pulse in range(pulses):
            self.edge(1)
            level = self.chip.data_level(self.now_s, PULSE_s)
            self.edge(0)
            if pulse < 24:
                bits = bits << 1 | level
        return bits - (1 << 24) if bits >> 23 else bits


def quiet(input_mV: float) -> Reader:
    chip = HX711(0.0, 1, noise_LSB=0.0)
    chip.follow(constant(input_mV))
    return Reader(chip)


@pytest.mark.parametrize("input_mV", np.linspace(-19.5, 19.5, 14).tolist())
def test_the_whole_range_is_read_to_one_step(input_mV: float) -> None:
    """What the world puts between the inputs is what 24 clocked bits say."""
    assert quiet(input_mV).read() * hx711.STEP_mV == pytest.approx(input_mV, abs=hx711.STEP_mV)


@pytest.mark.parametrize(("pulses", "counts"), [(25, 1_073_742), (27, 536_871), (26, 0)])
def test_the_number_of_pulses_chooses_the_next_conversion(pulses: int, counts: int) -> None:
    """25 pulses choose A at 128, 27 A at 64, 26 the unconnected channel B."""
    reader = quiet(2.5)
    reader.read(pulses)
    assert reader.read() == pytest.approx(counts, abs=1)


def test_conversions_come_at_the_measured_rate_and_the_first_settles() -> None:
    """The first conversion needs 400 ms, later ones come 10.97 times a second."""
    reader = quiet(1.0)
    assert reader.wait() == pytest.approx(4 / 10.97, abs=0.002)
    began_s = reader.now_s
    for _ in range(22):
        reader.read()
    assert reader.now_s - began_s == pytest.approx(21 / 10.97, abs=0.01)


def test_noise_is_that_of_a_real_module() -> None:
    """At rest the counts scatter by 51 to 65 LSB rms."""
    reader = Reader(HX711(0.0, 4))
    assert 51 < np.std([reader.read() for _ in range(600)]) < 65


@pytest.mark.parametrize(("input_mV", "counts"), [(25.0, 0x7FFFFF), (-25.0, -0x800000), (5000.0, 0x7FFFFF)])
def test_beyond_its_range_it_saturates(input_mV: float, counts: int) -> None:
    """Too large an input gives the extreme codes, not a wrapped one."""
    assert quiet(input_mV).read() == counts


def test_a_clock_held_high_for_61_us_powers_it_down() -> None:
    """The release is a reset: 400 ms later it converts on channel A at 128, whatever was chosen before."""
    reader = quiet(2.5)
    reader.read(27)
    reader.wait()
    reader.edge(1)
    reader.edge(0, 61e-6)
    assert reader.wait() == pytest.approx(4 / 10.97, abs=0.002)
    assert reader.read() == pytest.approx(1_073_742, abs=1)


def test_it_stays_silent_while_it_is_powered_down() -> None:
    """With the clock high DOUT stays high for as long as that lasts."""
    reader = quiet(2.5)
    reader.wait()
    reader.edge(1)
    assert all(reader.chip.data_level(reader.now_s + later_s, 0.1) for later_s in (0.1, 0.5, 3.0))


def test_a_slow_host_does_not_power_it_down() -> None:
    """Milliseconds on the wall between two edges do not count while the device's own clock says a microsecond."""
    reader = quiet(2.5)
    reader.wait()
    bits = 0
    for _ in range(24):
        reader.chip.clock_edge(1, reader.now_s + 0.0001, PULSE_s)
        reader.now_s += 0.002
        reader.chip.clock_edge(0, reader.now_s, PULSE_s)
        bits = bits << 1 | reader.chip.data_level(reader.now_s, PULSE_s)
    assert bits == pytest.approx(1_073_742, abs=1)


@pytest.mark.parametrize("stalled_after", [1, 12, 24, 25])
def test_a_host_that_stalls_during_a_read_does_not_spoil_it(stalled_after: int) -> None:
    """A conversion that is due while a read stands still for 150 ms waits: the bits are whole, and DOUT is high after the last pulse."""
    reader = quiet(2.5)
    reader.wait()
    reader.now_s += 0.085
    bits = 0
    for pulse in range(1, 26):
        reader.edge(1)
        reader.edge(0)
        if pulse == stalled_after:
            reader.now_s += 0.15
        if pulse <= 24:
            bits = bits << 1 | reader.chip.data_level(reader.now_s, PULSE_s)
    assert bits == pytest.approx(1_073_742, abs=1)
    assert reader.chip.data_level(reader.now_s, PULSE_s) == 1
    assert reader.read() == pytest.approx(1_073_742, abs=1)
    assert reader.chip.communication_errors == 0


@pytest.mark.parametrize("pulses", [3, 24, 28])
def test_a_wrong_number_of_pulses_is_counted(pulses: int) -> None:
    """Anything but 25, 26 or 27 pulses is a communication error, and the next conversion is read rightly all the same."""
    reader = quiet(2.5)
    reader.read(pulses)
    reader.now_s += 1.2
    reader.read()
    assert reader.chip.communication_errors >= 1
    assert reader.read() == pytest.approx(1_073_742, abs=1)


def test_a_conversion_that_nobody_reads_gives_way_to_the_next() -> None:
    """After a pause the value is of now, not of then."""
    chip = HX711(0.0, 1, noise_LSB=0.0)
    chip.follow(lambda at_s: 1.0 if at_s < 50 else 2.0)
    reader = Reader(chip)
    reader.wait()
    reader.now_s = 60.0
    assert reader.read() * hx711.STEP_mV == pytest.approx(2.0, abs=1e-5)


def test_unplugged_it_floats_high_and_comes_back() -> None:
    """Without the board DOUT reads high; plugged in again it starts from the beginning."""
    reader = quiet(2.5)
    reader.wait()
    reader.chip.unplug()
    assert all(reader.chip.data_level(later_s, 0.1) for later_s in (1.0, 2.0))
    reader.now_s = 3.0
    reader.chip.plug(3.0)
    assert reader.read() == pytest.approx(1_073_742, abs=1)
