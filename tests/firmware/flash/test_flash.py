"""What is in flash survives the loss of power at every single flash operation."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.on_micropython import there

HEAP_KiB = 4096  # the chip itself lies in memory here


TEN_YEARS_OF_WEIGH_INS = 4 * 3653
TEN_YEARS_OF_MINUTES = 60 * 24 * 3653
BLOCKS = 1536  # of the file system on an ESP32-S3 with 8 MB; wear is levelled over all that are free
ENDURANCE_ERASES = 100_000

CAMPAIGNS = {
    "outbox_survives": 100,
    "counters_never_repeat": 40,
    "settings_and_identity_are_old_or_new": 40,
    "ending_is_old_or_new": 28,
    "forgetting_is_finished_by_the_next_start": 48,
    "whole_life_survives": 130,
}


def on_device(body: str, *arguments: object) -> object:
    """Run a function of bodies.py, which only MicroPython can import."""
    return there(SimpleNamespace(__module__="tests.firmware.flash.bodies", __name__=body), *arguments, heap_KiB=HEAP_KiB)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", CAMPAIGNS)
def test_power_may_fail_at_every_flash_operation(body: str, record_property: Callable[[str, object], None]) -> None:
    """Torn at 0, 50 and 100 percent or left as garbage: nothing announced is lost, no number comes twice, no file is half."""
    cuts = on_device(body)
    record_property("cut points", cuts)
    print(f"{body}: {cuts} cut points")
    assert isinstance(cuts, int)
    assert cuts >= CAMPAIGNS[body]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_power_may_fail_again_while_the_last_cut_is_mended(seed: int) -> None:
    """A storm of random cuts over one chip: what was shown arrives, once, and the file system mounts every time."""
    cuts = on_device("storms", seed, 120)
    print(f"storm {seed}: {cuts} cuts")
    assert isinstance(cuts, int)
    assert cuts > 60


@pytest.mark.parametrize(
    ("body", "sample", "ten_years"), [("wear", 400, TEN_YEARS_OF_WEIGH_INS), ("wear_of_readings", 1500, TEN_YEARS_OF_MINUTES)]
)
def test_ten_years_wear_the_flash_by_less_than_a_tenth(body: str, sample: int, ten_years: int) -> None:
    """Erases a reading times ten years of them, levelled over the blocks, and what the worst block is ahead: under 10,000 of 100,000.

    LittleFS moves its folders every 100 erases, so the worst block stays the same number ahead: 87 after 4,000 readings, 81 after 48,000.
    """
    erases, worst, blocks = on_device(body, sample)  # type: ignore[misc]
    worst_block = erases / sample * ten_years / BLOCKS + worst - erases / blocks
    print(f"{body}: {erases / sample:.3f} erases a reading; after ten years the worst block has {worst_block:.0f}")
    assert worst_block < ENDURANCE_ERASES / 10


def test_a_full_outbox_refuses_and_keeps() -> None:
    """Nothing that waits gives way to what is new."""
    assert on_device("full_outbox_refuses") == [5, [0, 1, 2, 3, 4]]


def test_a_full_flash_refuses_and_keeps() -> None:
    """A chip with no block left is a full outbox too, not a broken device."""
    assert on_device("full_flash_refuses") == [True, True, True]


def test_only_the_matching_receipt_lets_a_reading_go() -> None:
    """Another sequence or digest removes nothing."""
    assert on_device("wrong_receipts_delete_nothing") == [7]


def test_a_broken_record_is_set_aside() -> None:
    """It does not block the others, and it is not deleted."""
    found, sequences, after_restart, files = on_device("broken_record_is_set_aside")  # type: ignore[misc]
    assert (found, sequences, after_restart) == (None, [2], [2])
    assert files == ["0000000000001.bad", "0000000000002"]


def test_unreadable_counters_give_no_numbers() -> None:
    """A number that might have been given is not given."""
    assert on_device("unreadable_counters_give_no_numbers") == 4
