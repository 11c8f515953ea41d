"""What is in flash survives the loss of power at every single flash operation."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.on_micropython import there

HEAP_KiB = 4096  # the chip itself lies in memory here


def on_device(body: str) -> object:
    """Run a function of bodies.py, which only MicroPython can import."""
    return there(SimpleNamespace(__module__="tests.firmware.flash.bodies", __name__=body), heap_KiB=HEAP_KiB)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", ["outbox_survives", "counters_never_repeat", "settings_and_identity_are_old_or_new"])
def test_power_may_fail_at_every_flash_operation(body: str, record_property: Callable[[str, object], None]) -> None:
    """Torn at 0, 50 and 100 percent or left as garbage: nothing announced is lost, no number comes twice, no file is half."""
    cuts = on_device(body)
    record_property("cut points", cuts)
    assert isinstance(cuts, int)
    assert cuts > 40


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
