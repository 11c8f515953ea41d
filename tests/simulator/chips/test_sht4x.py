"""The climate sensor, read by bytes with a checksum of its own."""

import numpy as np
import pytest

from simulator.buses.errors import NotAcknowledged, NotModelled
from simulator.chips import sht4x
from simulator.chips.sht4x import SHT4x
from simulator.clock import constant


def table_crc(data: bytes) -> int:
    """CRC-8 of Sensirion by long division over the whole message, another way than the chip's."""
    value = int.from_bytes(data, "big") << 8 ^ 0xFF << 8 * len(data)
    for shift in range(8 * len(data) - 1, -1, -1):
        if value >> (shift + 8) & 1:
            value ^= 0x131 << shift
    return value


def read(chip: SHT4x, at_s: float, command: int = 0xFD) -> tuple[float, float]:
    """Measure and return Cel and percent by the datasheet's formulae."""
    chip.write(bytes([command]), at_s)
    answer = chip.read(6, at_s + 0.0084)
    assert table_crc(answer[0:2]) == answer[2]
    assert table_crc(answer[3:5]) == answer[5]
    return -45 + 175 * int.from_bytes(answer[0:2], "big") / 65535, -6 + 125 * int.from_bytes(answer[3:5], "big") / 65535


def in_air(Cel: float, percent: float, seed: int = 1) -> SHT4x:
    chip = SHT4x(0.0, seed)
    chip.follow(constant(Cel), constant(percent))
    return chip


def test_the_checksum_is_the_datasheets() -> None:
    """BEEF gives 92 (section 4.4), and both ways of computing agree."""
    assert sht4x.crc8(b"\xbe\xef") == 0x92 == table_crc(b"\xbe\xef")


@pytest.mark.parametrize("command", [0xFD, 0xF6, 0xE0])
@pytest.mark.parametrize("share", np.linspace(0.02, 0.98, 9).tolist())
def test_the_whole_range_is_read_within_its_accuracy(share: float, command: int) -> None:
    """Air of any temperature and humidity is read within 0.2 K and 1.8 % in all three precisions."""
    Cel, percent = -40 + 165 * share, 100 * share
    got_Cel, got_percent = read(in_air(Cel, percent), 1.0, command)
    assert got_Cel == pytest.approx(Cel, abs=0.2)
    assert got_percent == pytest.approx(percent, abs=1.8)


def test_it_does_not_acknowledge_before_it_is_ready() -> None:
    """A read within the first milliseconds is refused, and one without a command too."""
    chip = in_air(20, 50)
    with pytest.raises(NotAcknowledged):
        chip.read(6, 0.5)
    chip.write(b"\xfd", 1.0)
    with pytest.raises(NotAcknowledged):
        chip.read(6, 1.004)
    with pytest.raises(NotAcknowledged):
        chip.write(b"\xfd", 1.004)
    assert len(chip.read(6, 1.0084)) == 6
    with pytest.raises(NotAcknowledged):
        chip.read(6, 1.01)


def test_it_follows_the_air_with_its_lags() -> None:
    """After a step the temperature has gone 63 % of the way in 2 s, the humidity in 6 s."""
    chip = SHT4x(0.0, 1)
    chip.follow(lambda at_s: 20.0 if at_s < 10 else 30.0, lambda at_s: 40.0 if at_s < 10 else 60.0)
    before_Cel, before_percent = read(chip, 9.9)
    read(chip, 10.0)
    assert read(chip, 12.0)[0] - before_Cel == pytest.approx(6.32, abs=0.3)
    assert read(chip, 16.0)[1] - before_percent == pytest.approx(12.64, abs=0.9)
    assert read(chip, 100.0)[0] - before_Cel == pytest.approx(10.0, abs=0.1)


def test_it_says_what_its_elements_felt() -> None:
    """The truth that a report compares with is told at each measurement."""
    felt: list[tuple[float, float]] = []
    chip = SHT4x(0.0, 1, lambda Cel, percent: felt.append((Cel, percent)))
    chip.follow(constant(18.25), constant(51.0))
    got_Cel, _ = read(chip, 1.0)
    assert felt == [(pytest.approx(18.25), pytest.approx(51.0))]
    assert got_Cel == pytest.approx(18.25, abs=0.1)


def test_serial_number_and_reset() -> None:
    """The serial number is this part's, with checksums; a reset forgets a measurement."""
    chip = in_air(20, 50)
    chip.write(b"\x89", 1.0)
    serial = chip.read(6, 1.01)
    assert table_crc(serial[:2]) == serial[2]
    chip.write(b"\x89", 2.0)
    assert chip.read(6, 2.01) == serial
    chip.write(b"\xfd", 3.0)
    chip.write(b"\x94", 3.01)
    with pytest.raises(NotAcknowledged):
        chip.read(6, 3.02)


def test_a_disturbed_answer_fails_its_checksum() -> None:
    """One flipped bit on the way is visible."""
    chip = in_air(20, 50)
    chip.disturb_next_answer()
    chip.write(b"\xfd", 1.0)
    answer = chip.read(6, 1.01)
    assert table_crc(answer[:2]) != answer[2]
    read(chip, 2.0)


def test_unplugged_it_does_not_acknowledge() -> None:
    """Without the chip nothing answers."""
    chip = in_air(20, 50)
    chip.unplug()
    with pytest.raises(NotAcknowledged):
        chip.write(b"\xfd", 1.0)
    chip.plug()
    read(chip, 2.0)


@pytest.mark.parametrize("command", [b"\x39", b"\x15", b"\x00", b"\xfd\x00"])
def test_what_is_not_modelled_is_refused_loudly(command: bytes) -> None:
    """Heater commands and unknown ones raise."""
    with pytest.raises(NotModelled):
        in_air(20, 50).write(command, 1.0)
