"""How an account comes by its subjects (people and rooms): link codes that live a quarter of an hour, the boxes they take, and after.

A code is for one box. The home's messages come through a broker that may repeat them, so the same box again is answered as the
first time, and another box under a used code is refused (threats T1).

With its box a home hands in a key under which it talks about this link from then on: it replaces the box, asks what only the account
may allow, and leaves. What the account decides carries a MAC that is made in its session, so the store cannot decide for it (T2). An
account that ends a link, or is erased, leaves a farewell of the same kind, for the home to find.
"""

import os
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from cloud import wrapping
from cloud.accounts import ACCOUNTS, FAREWELLS, LINK_BOXES, LINK_CODES, LINKS, REQUESTS
from protocol.linking import APPROVED, DONE, EXPIRED, FAREWELL, LINK_ID_BYTES, Decision

CODE_LIFE_S = 15 * 60
REQUEST_LIFE_S = 30 * 86400
REQUESTS_AT_MOST = 50
FAREWELL_DAYS = 396

_ID_PURPOSE = b"foyer link id\x00"
_BOX_PURPOSE = b"foyer link box\x00"
_REQUEST_PURPOSE = b"foyer request\x00"


class Asked(NamedTuple):
    """What a home asks, still sealed to the account's private key."""

    request_id: bytes
    link_mac: bytes
    box: bytes
    made_utc_s: int


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


def take_box(
    connection: Connection, account_id: bytes, erasure_key: bytes, link_mac: bytes, box: bytes, talk_mac: bytes
) -> tuple[int, bool]:
    """Keep a box under the account that made the code; return DONE, also for the same box again, or EXPIRED; and whether it is new."""
    digest = wrapping.digest(box)
    kept = connection.execute(select(LINK_CODES.c.box_digest).where(LINK_CODES.c.link_mac == link_mac).with_for_update()).one_or_none()
    if kept is None:
        return EXPIRED, False
    if kept.box_digest is not None:
        return (DONE if kept.box_digest == digest else EXPIRED), False
    connection.execute(update(LINK_CODES).where(LINK_CODES.c.link_mac == link_mac).values(box_digest=digest))
    box_id = keep_box(connection, account_id, erasure_key, box)
    connection.execute(delete(LINKS).where(LINKS.c.link_mac == talk_mac))
    connection.execute(insert(LINKS).values(link_mac=talk_mac, account_id=account_id, box_id=box_id, box_version=0))
    return DONE, True


def keep_box(connection: Connection, account_id: bytes, erasure_key: bytes, box: bytes) -> bytes:
    """Keep a box that is sealed to the account's key; return its id."""
    sealed, box_id = wrapping.wrap(erasure_key, box, _BOX_PURPOSE + account_id), os.urandom(16)
    connection.execute(insert(LINK_BOXES).values(account_id=account_id, box_id=box_id, box=sealed))
    return box_id


def boxes_of(connection: Connection, account_id: bytes, erasure_key: bytes) -> list[bytes]:
    """Return the boxes of an account, each still sealed to its private key."""
    found = connection.execute(select(LINK_BOXES.c.box).where(LINK_BOXES.c.account_id == account_id).order_by(LINK_BOXES.c.box_id))
    return [wrapping.unwrap(erasure_key, box, _BOX_PURPOSE + account_id) for box in found.scalars()]


def link_talking(connection: Connection, talk_mac: bytes) -> tuple[bytes, int] | None:
    """Return the account of a link and the version of its box, or None: there is no such link (any more)."""
    row = connection.execute(select(LINKS.c.account_id, LINKS.c.box_version).where(LINKS.c.link_mac == talk_mac)).one_or_none()
    return None if row is None else (row.account_id, row.box_version)


def replace_box(connection: Connection, account_id: bytes, erasure_key: bytes, talk_mac: bytes, box: bytes, version: int) -> None:
    """Keep a link's newer box in place of the one before; an older one, sent again by somebody on the way, changes nothing."""
    row = connection.execute(select(LINKS).where(LINKS.c.link_mac == talk_mac).with_for_update()).one()
    if version <= row.box_version:
        return
    sealed = wrapping.wrap(erasure_key, box, _BOX_PURPOSE + account_id)
    own = (LINK_BOXES.c.account_id == account_id) & (LINK_BOXES.c.box_id == row.box_id)
    connection.execute(update(LINK_BOXES).where(own).values(box=sealed))
    connection.execute(update(LINKS).where(LINKS.c.link_mac == talk_mac).values(box_version=version))


def take_request(
    connection: Connection, account_id: bytes, erasure_key: bytes, talk_mac: bytes, request_id: bytes, box: bytes, now_utc_s: int
) -> bool:
    """Keep what a home asks, once; return whether it is new. One link may have so many open and no more."""
    own = (REQUESTS.c.account_id == account_id) & (REQUESTS.c.request_id == request_id)
    waiting = (REQUESTS.c.link_mac == talk_mac) & REQUESTS.c.decision.is_(None)
    if connection.execute(select(REQUESTS.c.request_id).where(own)).first() is not None:
        return False
    if connection.execute(select(func.count()).select_from(REQUESTS).where(waiting)).scalar_one() >= REQUESTS_AT_MOST:
        return False
    sealed = wrapping.wrap(erasure_key, box, _REQUEST_PURPOSE + account_id)
    values = {"account_id": account_id, "request_id": request_id, "link_mac": talk_mac, "box": sealed, "made_utc_s": now_utc_s}
    connection.execute(insert(REQUESTS).values(values))
    return True


def leave(connection: Connection, account_id: bytes, talk_mac: bytes) -> None:
    """End a link with its box and whatever it asked."""
    row = connection.execute(select(LINKS.c.box_id).where(LINKS.c.link_mac == talk_mac)).one_or_none()
    if row is not None:
        connection.execute(delete(LINK_BOXES).where(LINK_BOXES.c.account_id == account_id, LINK_BOXES.c.box_id == row.box_id))
    connection.execute(delete(REQUESTS).where(REQUESTS.c.account_id == account_id, REQUESTS.c.link_mac == talk_mac))
    connection.execute(delete(LINKS).where(LINKS.c.link_mac == talk_mac))


def decisions_of(connection: Connection, account_id: bytes, talk_mac: bytes) -> list[Decision]:
    """Return what an account decided of what a link asked."""
    own = (REQUESTS.c.account_id == account_id) & (REQUESTS.c.link_mac == talk_mac) & REQUESTS.c.decision.is_not(None)
    found = connection.execute(select(REQUESTS.c.request_id, REQUESTS.c.decision, REQUESTS.c.mac).where(own).limit(REQUESTS_AT_MOST))
    return [Decision(*row) for row in found]


def farewell_of(connection: Connection, talk_mac: bytes) -> list[Decision]:
    """Return the farewell of an account that ended a link, if it did."""
    mac = connection.execute(select(FAREWELLS.c.mac).where(FAREWELLS.c.link_mac == talk_mac)).scalar_one_or_none()
    return [] if mac is None else [Decision(FAREWELL, APPROVED, mac)]


def say_farewell(connection: Connection, link_mac: bytes, mac: bytes, day: int) -> None:
    """Leave word for a home that an account ended a link."""
    connection.execute(delete(FAREWELLS).where((FAREWELLS.c.link_mac == link_mac) | (FAREWELLS.c.until_day < day)))
    connection.execute(insert(FAREWELLS).values(link_mac=link_mac, mac=mac, until_day=day + FAREWELL_DAYS))


def links_of(connection: Connection, account_id: bytes, erasure_key: bytes) -> list[tuple[bytes, bytes]]:
    """Return each link of an account as its MAC and its box, still sealed to the account's private key."""
    joined = LINKS.join(LINK_BOXES, (LINK_BOXES.c.account_id == LINKS.c.account_id) & (LINK_BOXES.c.box_id == LINKS.c.box_id))
    found = connection.execute(select(LINKS.c.link_mac, LINK_BOXES.c.box).select_from(joined).where(LINKS.c.account_id == account_id))
    return [(row.link_mac, wrapping.unwrap(erasure_key, row.box, _BOX_PURPOSE + account_id)) for row in found]


def requests_of(connection: Connection, account_id: bytes, erasure_key: bytes, now_utc_s: int) -> list[Asked]:
    """Return what homes ask of an account and nobody has decided, the oldest first; what is older than 30 days is forgotten."""
    connection.execute(delete(REQUESTS).where(REQUESTS.c.account_id == account_id, REQUESTS.c.made_utc_s < now_utc_s - REQUEST_LIFE_S))
    own = (REQUESTS.c.account_id == account_id) & REQUESTS.c.decision.is_(None)
    found = connection.execute(select(REQUESTS).where(own).order_by(REQUESTS.c.made_utc_s, REQUESTS.c.request_id))
    purpose = _REQUEST_PURPOSE + account_id
    return [Asked(row.request_id, row.link_mac, wrapping.unwrap(erasure_key, row.box, purpose), row.made_utc_s) for row in found]


def decide(connection: Connection, account_id: bytes, request_id: bytes, decision: int, mac: bytes) -> bool:
    """Keep what the account decided, once; return whether it was open."""
    own = (REQUESTS.c.account_id == account_id) & (REQUESTS.c.request_id == request_id) & REQUESTS.c.decision.is_(None)
    return connection.execute(update(REQUESTS).where(own).values(decision=decision, mac=mac)).rowcount > 0
