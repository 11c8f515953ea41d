"""Whose pressure is it? What the cuff itself said goes before what the household said of it, and a guest's is nobody's.

Key 17 of a cuff's reading names a button that was pressed on the cuff before the measurement, or, from 16 on, the person whom the home
armed it for. Which person stands behind a button is chosen at the page, for each cuff.
"""

from collections.abc import Collection

from gateway.people import Assignment

A, B, GUEST = 1, 2, 3
FIRST_OF_THE_HOME = 16


def whose(who: int | None, buttons: tuple[int | None, int | None], used_by: int | None, people: Collection[int]) -> Assignment:
    """Return whose a cuff's reading is.

    who: key 17, None when nobody was said; buttons: the people behind A and B; used_by: who uses this cuff alone; people: all of the home.
    """
    if who is None:
        return _of(used_by, "device", "nobody_said")
    if who == GUEST:
        return Assignment(None, 0.0, "guest")
    if who in (A, B):
        return _of(buttons[who - A], "button", "button_unset")
    armed_for = who - FIRST_OF_THE_HOME
    return _of(armed_for if armed_for in people else None, "armed", "nobody_said")


def _of(subject: int | None, reason: str, doubt: str) -> Assignment:
    return Assignment(None, 0.0, doubt) if subject is None else Assignment(subject, 1.0, reason)
