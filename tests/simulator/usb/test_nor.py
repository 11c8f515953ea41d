"""NOR flash: bits fall, sectors rise, and a cut tears exactly the operation that it hits."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.usb.nor import PAGE_BYTES, SECTOR_BYTES, NorFlash, PowerLost

SIZE = 64 << 10


@given(st.lists(st.tuples(st.integers(0, SIZE - 600), st.binary(min_size=1, max_size=600)), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_programming_lets_bits_fall_and_never_rise(tmp_path: Path, writes: list[tuple[int, bytes]]) -> None:
    """The chip is the AND of all that was programmed since the last erase."""
    flash = NorFlash(tmp_path / "chip", SIZE)
    flash.erase(0, SIZE)
    model = bytearray(b"\xff" * SIZE)
    for at, data in writes:
        flash.program(at, data)
        for index, byte in enumerate(data):
            model[at + index] &= byte
    assert flash.read(0, SIZE) == model
    flash.close()


@pytest.mark.parametrize("share", [0, 50, 100])
def test_a_cut_tears_the_operation_it_hits(tmp_path: Path, share: int) -> None:
    """Half an erase lifts half a sector; what comes after never happens."""
    left = [3]

    def cut() -> int | None:
        left[0] -= 1
        return share if left[0] == 0 else None

    flash = NorFlash(tmp_path / "chip", SIZE, cut)
    flash.program(0, bytes(2 * PAGE_BYTES))
    with pytest.raises(PowerLost):
        flash.erase(0, 2 * SECTOR_BYTES)
    lifted = SECTOR_BYTES * share // 100
    assert flash.read(0, 2 * PAGE_BYTES) == (b"\xff" * lifted)[: 2 * PAGE_BYTES] + bytes(max(0, 2 * PAGE_BYTES - lifted))
    assert flash.operations == 3
    flash.close()


def test_reading_past_the_chip_is_refused(tmp_path: Path) -> None:
    """A tool that asks for more than there is gets an error and no zeros."""
    flash = NorFlash(tmp_path / "chip", SIZE)
    with pytest.raises(ValueError, match="not on a chip"):
        flash.read(SIZE - 1, 2)
    flash.close()
