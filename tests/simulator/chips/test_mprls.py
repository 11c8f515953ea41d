"""The pressure sensor, read by bytes."""

import numpy as np
import pytest

from simulator.buses.errors import NotAcknowledged, NotModelled
from simulator.chips.mprls import MPRLS
from simulator.clock import constant


def exact(pressure_mmHg: float) -> MPRLS:
    chip = MPRLS(1, offset_mmHg=0.0, gain=1.0, noise_mmHg=0.0)
    chip.follow(constant(pressure_mmHg))
    return chip


def read_mmHg(chip: MPRLS, at_s: float = 0.0) -> float:
    """Measure by the datasheet's figures: 2.5 % of 2^24 is 0 mmHg, 22.5 % is 300."""
    chip.write(bytes([0xAA, 0, 0]), at_s)
    answer = chip.read(4, at_s + 0.0051)
    assert answer[0] == 0b0100_0000
    return (int.from_bytes(answer[1:], "big") - 0.025 * 2**24) / (0.2 * 2**24) * 300


@pytest.mark.parametrize("pressure_mmHg", np.linspace(0, 300, 13).tolist())
def test_the_whole_range_is_read_to_one_step(pressure_mmHg: float) -> None:
    """What the world puts on the port is what the counts say."""
    assert read_mmHg(exact(pressure_mmHg)) == pytest.approx(pressure_mmHg, abs=0.0002)


def test_it_says_busy_for_5_ms() -> None:
    """A read too early shows the busy bit, and the old value."""
    chip = exact(100.0)
    chip.write(b"\xaa\x00\x00", 0.0)
    assert chip.read(1, 0.0049)[0] == 0b0110_0000
    assert chip.read(1, 0.0051)[0] == 0b0100_0000


def test_it_samples_when_it_was_asked() -> None:
    """The pressure counts at the time of the measurement, not of the reading."""
    chip = MPRLS(1, offset_mmHg=0.0, gain=1.0, noise_mmHg=0.0)
    chip.follow(lambda at_s: at_s * 1000)
    chip.write(b"\xaa\x00\x00", 0.1)
    value = int.from_bytes(chip.read(4, 9.0)[1:], "big")
    assert (value - 419430) / 11184.8 == pytest.approx(102.5, abs=0.01)


def test_its_own_errors_are_within_its_accuracy_and_its_noise_small() -> None:
    """Offset and gain of a part stay within 1.5 % of full scale, its noise within 0.1 mmHg rms."""
    for seed in range(20):
        chip = MPRLS(seed)
        chip.follow(constant(200.0))
        values = [read_mmHg(chip, float(at_s)) for at_s in range(100)]
        assert np.mean(values) == pytest.approx(200.0, abs=4.5)
        assert np.std(values) < 0.1


def test_faults_show_in_the_status_byte() -> None:
    """A broken memory and a saturated value are said, not hidden."""
    chip = exact(100.0)
    chip.break_memory()
    assert chip.read(1, 1.0)[0] & 0b100
    far = exact(2000.0)
    far.write(b"\xaa\x00\x00", 0.0)
    assert far.read(1, 1.0)[0] & 1


def test_unplugged_it_does_not_acknowledge() -> None:
    """Without the chip neither a write nor a read is answered."""
    chip = exact(0.0)
    chip.unplug()
    with pytest.raises(NotAcknowledged):
        chip.write(b"\xaa\x00\x00", 0.0)
    with pytest.raises(NotAcknowledged):
        chip.read(4, 0.0)
    chip.plug()
    assert read_mmHg(chip) == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize("command", [b"\xab\x00\x00", b"\xaa\x00\x01", b"\xaa"])
def test_what_is_not_modelled_is_refused_loudly(command: bytes) -> None:
    """Another command than the one in the datasheet's table raises."""
    with pytest.raises(NotModelled):
        exact(0.0).write(command, 0.0)


def test_its_faults_are_seen_on_the_bus() -> None:
    """Frozen, hung, noisy, drifting and shifted, each as it says."""
    frozen = exact(100.0)
    before = read_mmHg(frozen)
    frozen.freeze()
    frozen.follow(constant(200.0))
    assert read_mmHg(frozen, 1.0) == before
    hung = exact(100.0)
    hung.hang()
    assert hung.read(1, 9.0)[0] & 0b0010_0000
    noisy = exact(100.0)
    noisy.rattle(5.0)
    assert 3 < np.std([read_mmHg(noisy, float(at_s)) for at_s in range(200)]) < 7
    drifting = exact(100.0)
    drifting.drift(2.0, 10.0)
    assert read_mmHg(drifting, 20.0) == pytest.approx(120.0, abs=0.01)
    shifted = exact(100.0)
    shifted.shift(10.0, 0.5)
    assert read_mmHg(shifted) == pytest.approx(60.0, abs=0.01)
