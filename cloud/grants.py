"""What a person shares, with whom, and until when: grants to partners, and read-only links for a doctor or a grandparent (R37, R38).

A grant has a key pair of its own. Sealed to its public half lie the pseudonyms and exactly those leaves of the key tree that are
granted: kinds and months (threats T10); so its owner can bring it up to date from any session, and nobody can widen it. Its private
half lies under each credential that was handed out: a partner's secret, the tokens made with it, or the part behind the # of a link.
The store keeps digests of credentials and halves of keys, and opens nothing by itself. Revoking deletes the grant and every
credential at once; what was read before has been read, and nothing here promises otherwise.
"""

import datetime
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from cloud import bearers, hpke, notes, wrapping
from cloud.accounts import GRANT_KEYS, GRANTS
from cloud.bearers import Bearer
from cloud.errors import CannotUnwrap, Declined
from protocol import cbor, seals

PARTNER, PERSON = "partner", "person"
SECRET, TOKEN, LINK = "secret", "token", "link"
GRANTS_AT_MOST = 20
LONGEST_NAME, LONGEST_COUNTRY = 60, 40
# Months of leaves are made when a grant is: so far back and so far ahead it may reach.
DAYS_BACK_AT_MOST, DAYS_AHEAD_AT_MOST = 3660, {PARTNER: 366, PERSON: 92}
TOKEN_LIFE_S = 600
DAY_S = 86400

_INFO = b"foyer grant 1"
_ABOUT_PURPOSE = b"foyer grant about\x00"
_BOX_PURPOSE = b"foyer grant box\x00"
_KEY_PURPOSE = b"foyer grant key\x00"


class Terms(NamedTuple):
    """What a person decided: with whom, what, which days, until when; `things` are pairs of a subject's number and a kind's."""

    whom: str
    name: str
    country: str
    things: Sequence[tuple[str, int]]
    since_day: int
    until_day: int
    made_utc_s: int

    @property
    def is_for_a_partner(self) -> bool:
        return self.whom == PARTNER


class Grant(NamedTuple):
    """One grant as its owner sees it."""

    grant_id: bytes
    public_key: bytes
    terms: Terms
    expires_utc_s: int

    @property
    def client_id(self) -> str:
        """By what a partner names it; it opens nothing."""
        return self.grant_id.hex()


class Granted(NamedTuple):
    """What one subject's part of a grant opens; leaves by kind and month, and the readings that their owner called wrong."""

    pseudonym: bytes
    label: str
    subject: int
    leaves: Mapping[tuple[int, str], bytes]
    wrong: frozenset[bytes]

    def __repr__(self) -> str:
        return "Granted(***)"


class Entered(NamedTuple):
    """A credential that holds: whose grant it is, and what opens it."""

    account_id: bytes
    grant_id: bytes
    private_key: bytes
    expires_utc_s: int

    def __repr__(self) -> str:
        return "Entered(***)"


def parse_credential(text: str) -> Bearer | None:
    """Return a credential's two parts, or None when it is none of ours."""
    return bearers.parse(text, b"foyer grant credential 1")


def check_terms(terms: Terms, expires_utc_s: int) -> Terms:
    """Return the terms in the one form that is kept.

    Raises Declined: "grant_nameless", "card_number", "grant_empty" (nothing to share), "grant_period" (days that make no sense).
    """
    name, country = (" ".join(words.split()) for words in (terms.name, terms.country))
    if not 0 < len(name) <= LONGEST_NAME or len(country) > LONGEST_COUNTRY or (terms.is_for_a_partner and not country):
        raise Declined("grant_nameless")
    notes.check_words(f"{name} {country}")
    if not terms.things:
        raise Declined("grant_empty")
    today, last = terms.made_utc_s // DAY_S, expires_utc_s // DAY_S
    if not today - DAYS_BACK_AT_MOST <= terms.since_day <= terms.until_day or not today < last <= today + DAYS_AHEAD_AT_MOST[terms.whom]:
        raise Declined("grant_period")
    return terms._replace(name=name, country=country, until_day=min(terms.until_day, last))


def make(
    connection: Connection, account_id: bytes, erasure_key: bytes, terms: Terms, granted: list[Granted], expires_utc_s: int
) -> tuple[Grant, str]:
    """Store a grant; return it and the one credential that opens it, which is kept nowhere. Raises Declined("grant_too_many")."""
    count = connection.execute(select(func.count()).select_from(GRANTS).where(GRANTS.c.account_id == account_id)).scalar_one()
    if count >= GRANTS_AT_MOST:
        raise Declined("grant_too_many")
    private_key, grant_id, text = hpke.new_private_key(), os.urandom(16), bearers.new_text()
    grant = Grant(grant_id, hpke.public_half(private_key), terms, expires_utc_s)
    fields: dict[int, object] = {0: terms.whom, 1: terms.name, 2: terms.country, 3: [list(each) for each in terms.things]}
    fields |= {4: terms.since_day, 5: terms.until_day, 6: terms.made_utc_s}
    connection.execute(
        insert(GRANTS).values(
            account_id=account_id,
            grant_id=grant_id,
            public_key=grant.public_key,
            about=wrapping.wrap(erasure_key, cbor.encode(fields), _ABOUT_PURPOSE + account_id),
            box=_box(grant, account_id, erasure_key, granted),
            expires_utc_s=expires_utc_s,
        )
    )
    use = SECRET if terms.is_for_a_partner else LINK
    hand_out(connection, Entered(account_id, grant_id, private_key, expires_utc_s), erasure_key, text, use, expires_utc_s)
    return grant, text


def bring_up_to_date(connection: Connection, account_id: bytes, erasure_key: bytes, grant: Grant, granted: list[Granted]) -> None:
    """Replace what a grant opens, from a session of its owner: a reading was called wrong, or a home was linked anew."""
    own = (GRANTS.c.account_id == account_id) & (GRANTS.c.grant_id == grant.grant_id)
    connection.execute(update(GRANTS).where(own).values(box=_box(grant, account_id, erasure_key, granted)))


def grants_of(connection: Connection, account_id: bytes, erasure_key: bytes, now_utc_s: int) -> list[Grant]:
    """Return the grants of an account that stand, the newest first; those that ended are deleted."""
    end(connection, account_id, now_utc_s)
    found = [_grant(row, account_id, erasure_key) for row in connection.execute(select(GRANTS).where(GRANTS.c.account_id == account_id))]
    return sorted(found, key=lambda each: (-each.terms.made_utc_s, each.grant_id))


def grant_of(connection: Connection, account_id: bytes, grant_id: bytes, erasure_key: bytes, now_utc_s: int) -> Grant | None:
    """Return one grant, or None: there is none, or it ended."""
    own = (GRANTS.c.account_id == account_id) & (GRANTS.c.grant_id == grant_id) & (GRANTS.c.expires_utc_s > now_utc_s)
    row = connection.execute(select(GRANTS).where(own)).one_or_none()
    return None if row is None else _grant(row, account_id, erasure_key)


def revoke(connection: Connection, account_id: bytes, grant_id: bytes) -> bool:
    """End a grant and every credential of it; return whether there was one. It holds for the next request of anybody."""
    keys = (GRANT_KEYS.c.account_id == account_id) & (GRANT_KEYS.c.grant_id == grant_id)
    connection.execute(delete(GRANT_KEYS).where(keys))
    gone = connection.execute(delete(GRANTS).where(GRANTS.c.account_id == account_id, GRANTS.c.grant_id == grant_id))
    return bool(gone.rowcount)


def end(connection: Connection, account_id: bytes, now_utc_s: int) -> None:
    """Delete what ended by itself."""
    for table in (GRANT_KEYS, GRANTS):
        connection.execute(delete(table).where(table.c.account_id == account_id, table.c.expires_utc_s <= now_utc_s))


def hand_out(connection: Connection, entered: Entered, erasure_key: bytes, text: str, use: str, expires_utc_s: int) -> None:
    """Store what makes a credential open a grant: a token, made by who has the secret."""
    credential = parse_credential(text)
    if credential is None:
        raise CannotUnwrap("a credential of our own making")
    inner = wrapping.wrap(credential.half_key, entered.private_key, _KEY_PURPOSE + entered.account_id)
    connection.execute(
        insert(GRANT_KEYS).values(
            key_digest=credential.digest,
            account_id=entered.account_id,
            grant_id=entered.grant_id,
            use=use,
            box=wrapping.wrap(erasure_key, inner, _KEY_PURPOSE + entered.account_id),
            expires_utc_s=min(expires_utc_s, entered.expires_utc_s),
        )
    )


def give_back(connection: Connection, credential: Bearer) -> None:
    """Forget a token; a partner's secret is its owner's to end."""
    connection.execute(delete(GRANT_KEYS).where(GRANT_KEYS.c.key_digest == credential.digest, GRANT_KEYS.c.use == TOKEN))


def whose(connection: Connection, credential: Bearer, use: str, now_utc_s: int) -> bytes | None:
    """Return whose grant a credential is for, or None: unknown, ended, revoked, or made for another use."""
    own = (GRANT_KEYS.c.key_digest == credential.digest) & (GRANT_KEYS.c.use == use) & (GRANT_KEYS.c.expires_utc_s > now_utc_s)
    return connection.execute(select(GRANT_KEYS.c.account_id).where(own)).scalar_one_or_none()


def enter(connection: Connection, credential: Bearer, erasure_key: bytes) -> Entered:
    """Return what a credential opens. Raises CannotUnwrap: it was revoked meanwhile, or the account is erased."""
    row = connection.execute(select(GRANT_KEYS).where(GRANT_KEYS.c.key_digest == credential.digest)).one_or_none()
    if row is None:
        raise CannotUnwrap("grant")
    purpose = _KEY_PURPOSE + row.account_id
    private_key = wrapping.unwrap(credential.half_key, wrapping.unwrap(erasure_key, row.box, purpose), purpose)
    return Entered(row.account_id, row.grant_id, private_key, row.expires_utc_s)


def open_grant(connection: Connection, entered: Entered, erasure_key: bytes) -> list[Granted]:
    """Return what a grant opens. Raises CannotUnwrap: it was revoked."""
    own = (GRANTS.c.account_id == entered.account_id) & (GRANTS.c.grant_id == entered.grant_id)
    box = connection.execute(select(GRANTS.c.box).where(own)).scalar_one_or_none()
    if box is None:
        raise CannotUnwrap("grant")
    opened = hpke.open_with(entered.private_key, wrapping.unwrap(erasure_key, box, _BOX_PURPOSE + entered.account_id), _INFO)
    parts = cbor.decode(opened)
    if not isinstance(parts, list):
        raise CannotUnwrap("grant")
    return [
        Granted(pseudonym, label, subject, {(kind, month): leaf for kind, month, leaf in leaves}, frozenset(wrong))
        for pseudonym, label, subject, leaves, wrong in parts
    ]


def part(
    pseudonym: bytes, label: str, subject: int, root_key: bytes, kinds: Iterable[int], terms: Terms, wrong: Iterable[bytes]
) -> Granted:
    """Return what a grant opens of one subject: the leaves of these kinds and of the months of its period, and no other."""
    months = sorted({seals.month_of(day * 1440) for day in range(terms.since_day, terms.until_day + 1)})
    leaves = {(kind, month): seals.leaf_key(root_key, kind, month, wrapping.hkdf) for kind in sorted(kinds) for month in months}
    return Granted(pseudonym, "" if terms.is_for_a_partner else label, subject, leaves, frozenset(wrong))


def name_for(entered: Entered, what: str, data: bytes) -> str:
    """Return what a thing is called in this grant alone: two partners cannot tell that they speak of the same."""
    key = wrapping.hkdf(b"", entered.private_key, b"foyer grant names 1", 32)
    return wrapping.mac(key, what.encode() + b"\x00" + data).hex()[:32]


def day_of(text: str) -> int:
    """Return a day written as 2026-11-22, in days since 1970. Raises Declined("grant_period"): it is none."""
    try:
        return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days
    except ValueError:
        raise Declined("grant_period") from None


def _box(grant: Grant, account_id: bytes, erasure_key: bytes, granted: list[Granted]) -> bytes:
    parts = [
        [each.pseudonym, each.label, each.subject, [[kind, month, leaf] for (kind, month), leaf in each.leaves.items()], sorted(each.wrong)]
        for each in granted
    ]
    return wrapping.wrap(erasure_key, hpke.seal_to(grant.public_key, cbor.encode(parts), _INFO), _BOX_PURPOSE + account_id)


def _grant(row: Any, account_id: bytes, erasure_key: bytes) -> Grant:
    fields = cbor.decode(wrapping.unwrap(erasure_key, row.about, _ABOUT_PURPOSE + account_id))
    if not isinstance(fields, dict):
        raise CannotUnwrap("grant")
    things = [(str(number), int(kind)) for number, kind in fields[3]]
    terms = Terms(fields[0], fields[1], fields[2], things, fields[4], fields[5], fields[6])
    return Grant(row.grant_id, row.public_key, terms, row.expires_utc_s)
