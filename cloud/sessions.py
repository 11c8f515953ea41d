"""Who is signed in: a cookie that carries half of a key, and a row that carries the other half.

The private key of the account lies in the row, under the session key that both halves make; it is opened for the length of a request
and forgotten. What the cookie is, `bearers.py` knows.
"""

import os
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from cloud import bearers, wrapping
from cloud.accounts import SESSIONS
from cloud.bearers import Bearer

LIFE_S = 30 * 86400
WAITS_S = 300
# Often enough to recognise a session by, seldom enough not to write at every request.
SEEN_STEP_S = 300

_KEY_PURPOSE = b"foyer session private key\x00"
_RECOVERY_PURPOSE = b"foyer session recovery code\x00"


class Session(NamedTuple):
    """One row: who, since when, and the boxes that the cookie's half helps to open."""

    session_digest: bytes
    account_id: bytes
    store_half: bytes
    key_box: bytes
    personal: bytes
    recovery_box: bytes | None
    created_utc_s: int
    seen_utc_s: int
    # 1: the password was right, and a passkey must follow
    waits: int = 0

    def __repr__(self) -> str:
        return "Session(***)"


def parse_cookie(text: str) -> Bearer | None:
    """Return the cookie's two parts, or None when it is none of ours."""
    return bearers.parse(text, b"foyer session 1")


def open_session(
    connection: Connection,
    cookie: Bearer,
    account_id: bytes,
    private_key: bytes,
    erasure_key: bytes,
    personal: bytes,
    now_utc_s: int,
    waits: bool = False,
) -> Session:
    """Store and return a new session that opens this account's private key; waits: not before a passkey followed."""
    store_half = os.urandom(32)
    key_box = wrapping.wrap(_session_key(cookie, store_half), private_key, _KEY_PURPOSE + account_id)
    session = Session(
        cookie.digest,
        account_id,
        store_half,
        wrapping.wrap(erasure_key, key_box, _KEY_PURPOSE + account_id),
        personal,
        None,
        now_utc_s,
        now_utc_s,
        int(waits),
    )
    connection.execute(insert(SESSIONS).values(**session._asdict()))
    return session


def find(connection: Connection, cookie: Bearer, now_utc_s: int) -> Session | None:
    """Return the session of a cookie, or None: there is none, it ended, it was revoked, or it still waits for a passkey."""
    return _find(connection, cookie, now_utc_s - LIFE_S, waits=False)


def find_waiting(connection: Connection, cookie: Bearer, now_utc_s: int) -> Session | None:
    """Return the session of a cookie whose passkey is still to come, or None."""
    return _find(connection, cookie, now_utc_s - WAITS_S, waits=True)


def complete(connection: Connection, session: Session) -> None:
    """Make a session of one that waited."""
    connection.execute(update(SESSIONS).where(SESSIONS.c.session_digest == session.session_digest).values(waits=0))


def _find(connection: Connection, cookie: Bearer, since_utc_s: int, *, waits: bool) -> Session | None:
    own = (SESSIONS.c.session_digest == cookie.digest) & (SESSIONS.c.created_utc_s > since_utc_s)
    row = connection.execute(select(SESSIONS).where(own, SESSIONS.c.waits == int(waits))).one_or_none()
    return None if row is None else Session(*row)


def private_key(session: Session, cookie: Bearer, erasure_key: bytes) -> bytes:
    """Return the account's private key, 32 bytes. Raises CannotUnwrap: the halves do not belong together, or the account is erased."""
    purpose = _KEY_PURPOSE + session.account_id
    return wrapping.unwrap(_session_key(cookie, session.store_half), wrapping.unwrap(erasure_key, session.key_box, purpose), purpose)


def keep_recovery_code(connection: Connection, session: Session, cookie: Bearer, code: str | None) -> None:
    """Keep a new recovery code readable in this session, until it has been written down (None)."""
    box = code and wrapping.wrap(_session_key(cookie, session.store_half), code.encode(), _RECOVERY_PURPOSE + session.account_id)
    connection.execute(update(SESSIONS).where(SESSIONS.c.session_digest == session.session_digest).values(recovery_box=box))


def recovery_code(session: Session, cookie: Bearer) -> str | None:
    """Return the recovery code that still waits to be written down, or None."""
    if session.recovery_box is None:
        return None
    key = _session_key(cookie, session.store_half)
    return wrapping.unwrap(key, session.recovery_box, _RECOVERY_PURPOSE + session.account_id).decode()


def seen(connection: Connection, session: Session, now_utc_s: int) -> None:
    """Note that the session is alive."""
    connection.execute(update(SESSIONS).where(SESSIONS.c.session_digest == session.session_digest).values(seen_utc_s=now_utc_s))


def sessions_of(connection: Connection, account_id: bytes, now_utc_s: int) -> list[Session]:
    """Return the live sessions of an account, the last seen first; those that ended are deleted."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.account_id == account_id, SESSIONS.c.created_utc_s <= now_utc_s - LIFE_S))
    lives = (SESSIONS.c.account_id == account_id) & (SESSIONS.c.waits == 0)
    found = connection.execute(select(SESSIONS).where(lives).order_by(SESSIONS.c.seen_utc_s.desc()))
    return [Session(*row) for row in found]


def revoke(connection: Connection, account_id: bytes, session_digest: bytes) -> None:
    """End one session of this account; another account's is left alone."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.session_digest == session_digest, SESSIONS.c.account_id == account_id))


def revoke_all(connection: Connection, account_id: bytes, but: bytes = b"") -> None:
    """End every session of this account, but one if it is named."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.account_id == account_id, SESSIONS.c.session_digest != but))


def _session_key(cookie: Bearer, store_half: bytes) -> bytes:
    return wrapping.hkdf(store_half, cookie.half_key, b"foyer session 1 key", 32)
