"""What homes leave for whoever may steer their devices: one closed notice in each slot, replaced by the next.

A slot is a number that only home and owner can derive; the account is not kept beside it, nor the home. The site opens a notice in its
owner's live session, and closes one order under the challenge inside (protocol/steering.py). A notice that was answered is marked, so that
a page loaded again sends nothing twice; the home would not take it twice either.
"""

import os
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from cloud import hpke, wrapping
from cloud.accounts import NOTICES
from cloud.errors import CannotUnwrap
from protocol import seals, steering
from protocol.errors import ProtocolError

KEPT_S = 30 * 86400
MOST_SLOTS = 100_000


class Left(NamedTuple):
    """A notice as it was left; answered: an order went out under its challenge."""

    body: bytes
    left_utc_s: int
    answered: bool


def leave(connection: Connection, slot: bytes, body: bytes, now_utc_s: int) -> bool:
    """Keep a notice in place of the slot's last; return False: there are more slots than this store serves."""
    connection.execute(delete(NOTICES).where(NOTICES.c.left_utc_s < now_utc_s - KEPT_S))
    changed = connection.execute(
        update(NOTICES).where(NOTICES.c.slot == slot).values(body=body, left_utc_s=now_utc_s, answered_utc_s=None)
    ).rowcount
    if changed:
        return True
    if connection.execute(select(func.count()).select_from(NOTICES)).scalar_one() >= MOST_SLOTS:
        return False
    connection.execute(insert(NOTICES).values(slot=slot, body=body, left_utc_s=now_utc_s))
    return True


def left_in(connection: Connection, slot: bytes) -> Left | None:
    """Return the notice of a slot, or None."""
    row = connection.execute(select(NOTICES).where(NOTICES.c.slot == slot)).one_or_none()
    return None if row is None else Left(row.body, row.left_utc_s, row.answered_utc_s is not None)


def answer(connection: Connection, slot: bytes, body: bytes, now_utc_s: int) -> bool:
    """Mark this very notice as answered; return False: it was, or another has taken its place."""
    unanswered = (NOTICES.c.slot == slot) & (NOTICES.c.body == body) & NOTICES.c.answered_utc_s.is_(None)
    return connection.execute(update(NOTICES).where(unanswered).values(answered_utc_s=now_utc_s)).rowcount == 1


def slot_of(root_key: bytes) -> bytes:
    """Return where a subject's notices are left."""
    return steering.slot_of(root_key, wrapping.hkdf)


def open_notice(private_key: bytes, root_key: bytes, body: bytes) -> steering.Notice | None:
    """Return the notice that a subject's home left, or None: it was not made by that home for this account."""
    slot, nonce = slot_of(root_key), body[: seals.NONCE_BYTES]
    inner = wrapping.try_open(steering.notice_key(root_key, wrapping.hkdf), nonce, body[seals.NONCE_BYTES :], slot)
    if inner is None:
        return None
    try:
        return steering.decode_notice(hpke.open_with(private_key, inner, steering.NOTICE_INFO + slot))
    except (CannotUnwrap, ProtocolError):
        return None


def order_message(notice: steering.Notice, root_key: bytes, order: steering.Order) -> bytes:
    """Return an order as it goes out."""
    slot = slot_of(root_key)
    body = steering.close_order(notice.challenge, slot, order, wrapping.hkdf, wrapping.seal, os.urandom(seals.NONCE_BYTES))
    return steering.encode_message(steering.ORDER, slot, body)
