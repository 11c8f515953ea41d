"""Whose word it takes to move what an account holds (threats T2): the household's password alone never does.

A person with an account is asked at that account, the first that was linked to them. For a child or a room any one guardian's account
speaks, whichever answers first. A request that nobody answers in two weeks is over, and may be made again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.errors import IllegalEvent

# What is asked.
GIVE, FORGET, SPLIT, UNLINK, SHARE, ERASE = "give", "forget", "split", "unlink", "share", "erase"

# States: what is true of a request. Events: what happened.
OPEN, DONE, DECLINED, EXPIRED = "open", "done", "declined", "expired"
ALLOWED, REFUSED, TOO_LATE = "allowed", "refused", "too_late"

TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    OPEN: {ALLOWED: DONE, REFUSED: DECLINED, TOO_LATE: EXPIRED},
    DONE: {ALLOWED: DONE, REFUSED: DONE, TOO_LATE: DONE},
    DECLINED: {ALLOWED: DECLINED, REFUSED: DECLINED, TOO_LATE: DECLINED},
    EXPIRED: {ALLOWED: EXPIRED, REFUSED: EXPIRED, TOO_LATE: EXPIRED},
}

LIVES_MS = 14 * 86_400_000
SHARING_MS = 86_400_000


def after(state: str, event: str) -> str:
    """Return the state that follows. Raises IllegalEvent: the table has no such row."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalEvent(state, event) from None


def approvers(subject: Mapping[str, Any], recipients: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the recipients any one of whom may allow something; none: nobody has to be asked.

    recipients: of this subject, the first linked first; those that are leaving have no say.
    """
    linked = [each for each in recipients if each["state"] == "linked"]
    return linked if is_in_care(subject) else linked[:1]


def is_in_care(subject: Mapping[str, Any]) -> bool:
    """Return whether a subject is a child or a room: then its accounts are guardians, and none of them its own."""
    return subject["kind"] == 1 or bool(subject["ward"])


def who_leave(subject: Mapping[str, Any], recipients: Sequence[Mapping[str, Any]], link_id: bytes) -> list[bytes]:
    """Return the links that end when one does: it alone, or all, when it is the person's own account that others were let in by."""
    linked = [each["link_id"] for each in recipients if each["state"] == "linked"]
    if link_id not in linked:
        return []
    return linked if not is_in_care(subject) and linked[0] == link_id else [link_id]
