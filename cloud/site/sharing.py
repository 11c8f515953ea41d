"""Reading what somebody shares: by a credential instead of a session, with leaves instead of a root, and always noted in their log.

What leaves here has no signature of a device, no key id and no number in it (threats T10): values, times, and names that mean
something in this one grant.
"""

import time
from typing import NamedTuple

from cloud import audit, grants, stores
from cloud import readings as store
from cloud.errors import CannotUnwrap, Declined
from cloud.fhir import Measured
from cloud.grants import DAY_S, Entered, Grant, Granted
from cloud.site.opening import KINDS, GrantedOpener, Reading, is_verified, named
from cloud.site.premises import Premises
from protocol import seals


class Share(NamedTuple):
    """A grant that somebody entered: on whose terms, and what it opens."""

    entered: Entered
    grant: Grant
    parts: list[Granted]
    erasure_key: bytes

    def __repr__(self) -> str:
        return "Share(***)"


def enter(premises: Premises, text: str, use: str) -> Share:
    """Return what a credential opens. Raises Declined("grant_over"): none, ended, revoked, or of somebody who erased their account."""
    credential = grants.parse_credential(text)
    if credential is None:
        raise Declined("grant_over")
    now_utc_s = int(time.time())
    with premises.accounts.connect() as connection:
        account_id = grants.whose(connection, credential, use, now_utc_s)
        if account_id is None:
            raise Declined("grant_over")
        try:
            erasure_key = premises.admission.erasure.of(account_id)
            entered = grants.enter(connection, credential, erasure_key)
            grant = grants.grant_of(connection, account_id, entered.grant_id, erasure_key, now_utc_s)
            parts = grants.open_grant(connection, entered, erasure_key)
        except CannotUnwrap:
            raise Declined("grant_over") from None
    if grant is None:
        raise Declined("grant_over")
    return Share(entered, grant, parts, erasure_key)


def note(premises: Premises, share: Share, what: str, **facts: str) -> None:
    """Write into the owner's log that something was read, before it is handed out."""
    with stores.writing(premises.accounts) as connection:
        facts |= {"name": share.grant.terms.name, "grant": share.grant.client_id}
        audit.write(connection, share.entered.account_id, share.erasure_key, what, int(time.time()), **facts)


def readings_of(premises: Premises, share: Share) -> list[tuple[Granted, Reading]]:
    """Return the readings that a grant opens, part by part, oldest first."""
    return [(part, reading) for part, reading, _ in _opened(premises, share)]


def measured(premises: Premises, share: Share) -> list[Measured]:
    """Return the same for programs, oldest first, under names of this grant alone."""
    found = [
        Measured(
            reading_id=grants.name_for(share.entered, "reading", reading.row_id),
            kind=reading.kind,
            utc_s=reading.utc_s,
            values=reading.values,
            verified=reading.verified,
            is_wrong=False,
            words="",
            subject=grants.name_for(share.entered, "subject", part.pseudonym),
            label=part.label,
            device_key=grants.name_for(share.entered, "device", device_key).encode(),
        )
        for part, reading, device_key in _opened(premises, share)
    ]
    return sorted(found, key=lambda each: (each.utc_s, each.reading_id))


def _opened(premises: Premises, share: Share) -> list[tuple[Granted, Reading, bytes]]:
    terms = share.grant.terms
    first_s, end_s = terms.since_day * DAY_S, (terms.until_day + 1) * DAY_S
    found = []
    with premises.readings.connect() as connection:
        for part in share.parts:
            opener, kinds = GrantedOpener(part), sorted({kind for kind, _ in part.leaves})
            own = []
            for row in store.rows_since(connection, part.pseudonym, first_s // 60):
                if row.minute * 60 >= end_s or row.row_id in part.wrong:
                    continue
                entry = opener.entry(row, kinds)
                values = entry and named(entry[seals.KIND], entry[seals.VALUES])
                if entry is None or not values:
                    continue
                kind, utc_s = KINDS[entry[seals.KIND]], entry[seals.UTC]
                own.append(
                    (
                        part,
                        Reading(row.row_id, kind, utc_s, values, is_verified(entry), uncertainty_s=int(entry.get(seals.UNCERTAINTY, 0))),
                        entry[seals.DEVICE_KEY],
                    )
                )
            found += sorted(own, key=lambda each: each[1].utc_s)
    return found
