"""Commands on a device: each is answered, none is done twice; what is late, played back, unknown or unfit is refused with its reason."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.flash import forgetting
from firmware.update import own
from protocol import cbor, commands, faults
from tests.firmware import commanding_bodies as bodies
from tests.on_micropython import both_pythons

Call = Callable[..., object]
UNTIL = [3, 6000]
ARM = {0: commands.ARM, 1: 7, 8: UNTIL, 10: 2}


@both_pythons
def test_a_command_is_done_once_and_answered_as_often_as_it_comes(call: Call, tmp_path: Path) -> None:
    """Done, then the same result again; a lower number is refused and told where the numbers stand; a higher one is done."""
    path = str(tmp_path / "order")
    results, done = call(bodies.answers, path, [ARM, ARM, {**ARM, 1: 6}, {**ARM, 1: 8}])  # type: ignore[misc]
    assert results == [
        {0: 1, 1: 7, 4: commands.DONE},
        {0: 1, 1: 7, 4: commands.DONE},
        {0: 1, 1: 6, 4: commands.REFUSED, 5: 7, 21: faults.COMMAND_REPEATED},
        {0: 1, 1: 8, 4: commands.DONE},
    ]
    assert done == [7, 8]


@both_pythons
@pytest.mark.parametrize(
    ("change", "outcome", "fault"),
    [
        ({8: [3, 4999]}, commands.TOO_LATE, faults.COMMAND_LATE),
        ({8: [2, 9000]}, commands.TOO_LATE, faults.COMMAND_LATE),
        ({8: [4, 9000]}, commands.TOO_LATE, faults.COMMAND_LATE),
        ({0: 99}, commands.NOT_UNDERSTOOD, faults.COMMAND_UNKNOWN),
        ({0: commands.UPDATE}, commands.NOT_UNDERSTOOD, faults.COMMAND_UNKNOWN),
        ({10: 0}, commands.REFUSED, faults.COMMAND_UNFIT),
        ({11: 5}, commands.REFUSED, faults.COMMAND_UNFIT),
    ],
)
def test_what_is_late_unknown_or_unfit_is_refused_with_its_reason(
    call: Call, tmp_path: Path, change: dict[int, object], outcome: int, fault: int
) -> None:
    """Past its time, of another start, of a kind that this device lacks, or out of range: answered, and nothing is done."""
    command = {**ARM, **change}
    results, done = call(bodies.answers, str(tmp_path / "order"), [command, ARM])  # type: ignore[misc]
    assert results[0] == {0: command[0], 1: 7, 4: outcome, 21: fault}
    assert results[1][4] == commands.DONE, "what was not begun has used up no number"
    assert done == [7]


@both_pythons
def test_the_devices_own_reason_is_told(call: Call, tmp_path: Path) -> None:
    """A function that says no: refused with its fault code, and again with the same."""
    results, done = call(bodies.answers, str(tmp_path / "order"), [ARM, ARM], faults.COMMAND_NOT_NOW)  # type: ignore[misc]
    assert results == [{0: 1, 1: 7, 4: commands.REFUSED, 21: faults.COMMAND_NOT_NOW}] * 2
    assert done == [7]


@both_pythons
def test_what_is_no_command_is_done_by_nobody_and_answered_by_nobody(call: Call, tmp_path: Path) -> None:
    """Not even its number can be read."""
    garbage = [b"", b"\xff", b"\xa0", bytes(300), {0: 1, 1: 7}, {0: 1, 1: 7, 8: [3]}]
    results, done = call(bodies.answers, str(tmp_path / "order"), garbage)  # type: ignore[misc]
    assert results == [None] * len(garbage)
    assert done == []


@both_pythons
@pytest.mark.parametrize("kind", [commands.ARM, commands.IDENTIFY])
def test_a_power_cut_while_it_is_done_never_does_it_twice(call: Call, tmp_path: Path, kind: int) -> None:
    """After the next start the home hears that it was begun, and that nobody knows how far it came."""
    result, begun, record = call(bodies.cut_while_done, str(tmp_path / "order"), {0: kind, 1: 7, 8: UNTIL})  # type: ignore[misc]
    assert result == {0: kind, 1: 7, 4: commands.INTERRUPTED, 21: faults.COMMAND_INTERRUPTED}
    assert begun == 1
    assert record == [7, kind, commands.INTERRUPTED, faults.COMMAND_INTERRUPTED]


@both_pythons
def test_stop_does_not_wait_for_the_flash(call: Call, tmp_path: Path) -> None:
    """Cut while it stops, it stops again: to stop twice is to stop."""
    result, begun, _ = call(bodies.cut_while_done, str(tmp_path / "order"), {0: commands.STOP, 1: 7, 8: UNTIL})  # type: ignore[misc]
    assert result == {0: commands.STOP, 1: 7, 4: commands.DONE}
    assert begun == 2


@both_pythons
def test_a_record_that_cannot_be_read_does_nothing_now_and_locks_nobody_out(call: Call, tmp_path: Path) -> None:
    """The next command counts as begun; those above it are done."""
    results, done = call(bodies.with_a_broken_record, str(tmp_path / "order"), [ARM, ARM, {**ARM, 1: 8}])  # type: ignore[misc]
    interrupted = {0: 1, 1: 7, 4: commands.INTERRUPTED, 21: faults.RECORD_BROKEN}
    assert results == [interrupted, interrupted, {0: 1, 1: 8, 4: commands.DONE}]
    assert done == [8]


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([1, 3, 5, 99]), st.integers(4990, 5010)), max_size=14))
def test_whatever_order_they_come_in_numbers_done_rise_and_none_is_done_twice(asked: list[tuple[int, int, int]]) -> None:
    """Played back, overtaken, late and unknown ones in any order: against the rule in a line."""
    with tempfile.TemporaryDirectory() as folder:
        results, done = bodies.answers(f"{folder}/order", [{0: kind, 1: number, 8: [3, until_ms]} for number, kind, until_ms in asked])
    assert done == sorted(set(done))
    assert len(results) == len(asked)
    assert all(result is not None for result in results)


def test_a_factory_reset_forgets_the_home_s_numbers(tmp_path: Path) -> None:
    """The next home begins at its own."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state/forgetting").write_bytes(b"")
    (tmp_path / "state/order.cbor").write_bytes(b"\x84\x07\x01\x00\x00")
    forgetting.finish(str(tmp_path))
    assert not (tmp_path / "state/order.cbor").exists()


def test_a_factory_reset_lowers_no_floor_under_releases(tmp_path: Path) -> None:
    """Threats T27: which release runs, and whose may follow it, is what it was; an older one stays refused by whoever resets a device."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state/forgetting").write_bytes(b"")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/release.cbor").write_bytes(cbor.encode({"kind": "scale", "version": "0.1.5", "sequence": 5, "digest": ""}))
    (tmp_path / "a/release.keys").write_bytes(b"\x04" * 130)
    chosen = {"device": "scale", "board": "s3", "ssid": "home", "password": "secret"}
    (tmp_path / "settings.cbor").write_bytes(cbor.encode(chosen))
    before = own.own(chosen, str(tmp_path / "a"))
    forgetting.finish(str(tmp_path))
    left = cbor.decode((tmp_path / "settings.cbor").read_bytes())
    assert isinstance(left, dict)
    assert "ssid" not in left
    assert own.own(left, str(tmp_path / "a")) == before
    assert before.sequence == 5
