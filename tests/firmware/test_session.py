"""A device's link keys under attack: they end before a forger can hope for luck, and no reading waits for them."""

import ast

import pytest

from protocol import link
from tests.on_micropython import run


def forgeries(most: int, count: int, answered: bool) -> list[object]:
    """Return what `session_bodies.py` says of a device in MicroPython."""
    source = "from tests.firmware import session_bodies\nprint('\\x1e' + repr(session_bodies.forgeries({}, {}, {})))\n"
    found: list[object] = ast.literal_eval(run(source.format(most, count, answered)).rpartition("\x1e")[2])
    return found


def test_a_million_forged_answers_are_the_end_of_a_link() -> None:
    """Threats T21: 2^20, as at the gateway."""
    assert link.MOST_FORGED == 2**20


@pytest.mark.parametrize("answered", [False, True])
def test_worn_keys_are_given_up_for_good_and_the_request_is_asked_with_new_ones(answered: bool) -> None:
    """Threats T21: after the last forgery the device waits no longer, forgets the keys in its RTC's memory too, and introduces itself anew;
    an answer that came before is still an answer.
    """
    forged, waits, again, linked, kept, woken = forgeries(8, 8, answered)
    assert (forged, waits, again) == (8, False, not answered)
    assert not linked
    assert not kept
    assert not woken


def test_fewer_forgeries_change_nothing() -> None:
    """One before the last: the device goes on waiting, with the keys it has."""
    forged, waits, again, linked, kept, woken = forgeries(8, 7, False)
    assert (forged, waits, again) == (7, True, False)
    assert linked
    assert kept
    assert woken
