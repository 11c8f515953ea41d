"""How an account comes by its subjects (people and rooms): link codes that live a quarter of an hour, and the boxes they take.

A code is for one box. The home's messages come through a broker that may repeat them, so the same box again is answered as the
first time, and another box under a used code is refused (threats T1).
"""

import os
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from cloud import wrapping
from cloud.accounts import ACCOUNTS, LINK_BOXES, LINK_CODES
from protocol.linking import DONE, EXPIRED, LINK_ID_BYTES

CODE_LIFE_S = 15 * 60

_ID_PURPOSE = b"foyer link id\x00"
_BOX_PURPOSE = b"foyer link box\x00"


class WaitingCode(NamedTuple):
    """A code that waits for a home, or has just been used."""

    link_id: bytes
    made_utc_s: int
    used: bool


def make_code(connection: Connection, account_id: bytes, erasure_key: bytes, link_pepper: bytes, now_utc_s: int) -> bytes:
    """Make and return a link id of 40 random bits; the account's earlier codes end."""
    connection.execute(delete(LINK_CODES).where(LINK_CODES.c.account_id == account_id))
    connection.execute(delete(LINK_CODES).where(LINK_CODES.c.made_utc_s <= now_utc_s - CODE_LIFE_S))
    link_id = os.urandom(LINK_ID_BYTES)
    connection.execute(
        insert(LINK_CODES).values(
            link_mac=wrapping.mac(link_pepper, link_id),
            account_id=account_id,
            link_id_box=wrapping.wrap(erasure_key, link_id, _ID_PURPOSE + account_id),
            made_utc_s=now_utc_s,
        )
    )
    return link_id


def code_of(connection: Connection, account_id: bytes, erasure_key: bytes, now_utc_s: int) -> WaitingCode | None:
    """Return the account's code that is still alive, or None."""
    row = connection.execute(
        select(LINK_CODES).where(LINK_CODES.c.account_id == account_id, LINK_CODES.c.made_utc_s > now_utc_s - CODE_LIFE_S)
    ).one_or_none()
    if row is None:
        return None
    link_id = wrapping.unwrap(erasure_key, row.link_id_box, _ID_PURPOSE + account_id)
    return WaitingCode(link_id, row.made_utc_s, row.box_digest is not None)


def account_waiting(connection: Connection, link_mac: bytes, now_utc_s: int) -> tuple[bytes, bytes] | None:
    """Return id and public key of the account that made a link id, or None: unknown, or too old."""
    row = connection.execute(
        select(ACCOUNTS.c.account_id, ACCOUNTS.c.public_key)
        .join(LINK_CODES, LINK_CODES.c.account_id == ACCOUNTS.c.account_id)
        .where(LINK_CODES.c.link_mac == link_mac, LINK_CODES.c.made_utc_s > now_utc_s - CODE_LIFE_S)
    ).one_or_none()
    return None if row is None else (row.account_id, row.public_key)


def take_box(connection: Connection, account_id: bytes, erasure_key: bytes, link_mac: bytes, box: bytes) -> tuple[int, bool]:
    """Keep a box under the account that made the code; return DONE, also for the same box again, or EXPIRED; and whether it is new."""
    digest = wrapping.digest(box)
    kept = connection.execute(select(LINK_CODES.c.box_digest).where(LINK_CODES.c.link_mac == link_mac).with_for_update()).one_or_none()
    if kept is None:
        return EXPIRED, False
    if kept.box_digest is not None:
        return (DONE if kept.box_digest == digest else EXPIRED), False
    connection.execute(update(LINK_CODES).where(LINK_CODES.c.link_mac == link_mac).values(box_digest=digest))
    keep_box(connection, account_id, erasure_key, box)
    return DONE, True


def keep_box(connection: Connection, account_id: bytes, erasure_key: bytes, box: bytes) -> None:
    """Keep a box that is sealed to the account's key."""
    sealed = wrapping.wrap(erasure_key, box, _BOX_PURPOSE + account_id)
    connection.execute(insert(LINK_BOXES).values(account_id=account_id, box_id=os.urandom(16), box=sealed))


def boxes_of(connection: Connection, account_id: bytes, erasure_key: bytes) -> list[bytes]:
    """Return the boxes of an account, each still sealed to its private key."""
    found = connection.execute(select(LINK_BOXES.c.box).where(LINK_BOXES.c.account_id == account_id).order_by(LINK_BOXES.c.box_id))
    return [wrapping.unwrap(erasure_key, box, _BOX_PURPOSE + account_id) for box in found.scalars()]
