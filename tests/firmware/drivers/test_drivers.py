"""Each driver writes what its datasheet asks for, and believes nothing that the chip itself doubts."""

from collections.abc import Callable

import pytest

from protocol import faults
from tests.firmware.drivers import bodies
from tests.on_micropython import both_pythons

Call = Callable[..., object]
POWERED = 0x40


def sht_answer(temperature: int, humidity: int) -> bytes:
    """Six bytes as the chip sends them; the checksum is computed here from its definition, not by the driver."""
    out = b""
    for word in (temperature, humidity):
        crc = 0xFF
        for byte in word.to_bytes(2, "big"):
            crc ^= byte
            for _ in range(8):
                crc = ((crc << 1) ^ 0x31) & 0xFF if crc & 0x80 else (crc << 1) & 0xFF
        out += word.to_bytes(2, "big") + bytes([crc])
    return out


@both_pythons
@pytest.mark.parametrize(
    ("raw", "value"), [(0, 0), (1, 1), (0x7FFFFE, 8388606), (0xFFFFFF, -1), (0x800001, -8388607), (0xABCDEF, -5517841)]
)
def test_hx711_gives_the_signed_24_bits_after_25_pulses(call: Call, raw: int, value: int) -> None:
    """25 pulses choose channel A and gain 128 again, each with interrupts held off."""
    assert call(bodies.hx711, raw) == [True, value, 25, True]


@both_pythons
@pytest.mark.parametrize("raw", [0x7FFFFF, 0x800000])
def test_hx711_at_its_ends_is_saturated(call: Call, raw: int) -> None:
    """A torn wire is no weight."""
    assert call(bodies.hx711, raw)[1] == ["ChipSaturated", faults.CHIP_SATURATED]  # type: ignore[index]


@both_pythons
def test_hx711_line_that_stays_low_is_an_error(call: Call) -> None:
    """A line held low by something else reads as ready for ever; the missing release tells."""
    assert call(bodies.hx711, 0, 0)[1] == ["BusGarbled", faults.CHIP_CHECKSUM]  # type: ignore[index]


@both_pythons
@pytest.mark.parametrize(("counts", "thousandths_mmHg"), [(419430, 0), (3774874, 300_000), (419430 + 1118481, 100_000), (408246, -1000)])
def test_mprls_counts_are_pressure(call: Call, counts: int, thousandths_mmHg: int) -> None:
    """Transfer function B: 2.5 to 22.5 percent of 2^24 for 0 to 300 mmHg."""
    got = call(bodies.mprls, bytes([POWERED]) + counts.to_bytes(3, "big"))
    assert isinstance(got, int)
    assert abs(got - thousandths_mmHg) <= 1


@both_pythons
def test_mprls_busy_gives_nothing_yet(call: Call) -> None:
    """A busy chip is neither a value nor an error."""
    assert call(bodies.mprls, bytes([POWERED | 0x20, 0, 0, 0])) is None


@both_pythons
@pytest.mark.parametrize("status", [0x00, POWERED | 0x04, POWERED | 0x01])
def test_mprls_that_doubts_itself_is_not_believed(call: Call, status: int) -> None:
    """No power, failed memory, saturated arithmetic: an error, whatever the value says."""
    assert call(bodies.mprls, bytes([status, 10, 0, 0])) == ["ChipDoubts", faults.CHIP_UNTRUSTED]


@both_pythons
def test_mprls_that_does_not_answer_is_absent(call: Call) -> None:
    """At start and in the middle."""
    assert call(bodies.mprls_absent) == ["ChipAbsent", faults.CHIP_ABSENT]
    assert call(bodies.mprls, None) == ["ChipAbsent", faults.CHIP_ABSENT]


@both_pythons
def test_sht4x_checksum_is_the_datasheets(call: Call) -> None:
    """BEEF gives 92."""
    assert call(bodies.crc, b"\xbe\xef") == 0x92


@both_pythons
@pytest.mark.parametrize(
    ("raw", "expected"),
    [((0, 0), [-4500, 0]), ((65535, 65535), [13000, 10000]), ((24466, 29360), [2033, 5000]), ((27306, 3146), [2792, 0])],
)
def test_sht4x_words_are_climate(call: Call, raw: tuple[int, int], expected: list[int]) -> None:
    """Both formulae, and humidity held within 0 to 100 %."""
    assert call(bodies.sht4x, sht_answer(*raw)) == expected


@both_pythons
@pytest.mark.parametrize("at", [0, 2, 3, 5])
def test_sht4x_garbled_answer_is_an_error(call: Call, at: int) -> None:
    """One wrong bit anywhere is no climate."""
    answer = bytearray(sht_answer(24466, 29360))
    answer[at] ^= 0x10
    assert call(bodies.sht4x, bytes(answer)) == ["BusGarbled", faults.CHIP_CHECKSUM]


@both_pythons
def test_sht4x_that_does_not_answer_is_absent(call: Call) -> None:
    """No acknowledgement is no chip."""
    assert call(bodies.sht4x, None) == ["ChipAbsent", faults.CHIP_ABSENT]


@both_pythons
def test_sht4x_tells_its_serial_number(call: Call) -> None:
    """Both words in order."""
    assert call(bodies.sht4x_serial) == 0x12345678


@both_pythons
def test_ics43434_that_rustles_lives(call: Call) -> None:
    """One count is enough; how loud it is, is not the driver's."""
    assert call(bodies.ics43434, [0] * 63 + [-256]) is True


@both_pythons
def test_ics43434_line_that_never_moves_is_no_microphone(call: Call) -> None:
    """Even silence rustles."""
    for still in ([0] * 64, [-256] * 512, []):
        assert call(bodies.ics43434, still) == ["ChipAbsent", faults.CHIP_ABSENT]
