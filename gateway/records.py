"""What the home writes down of its own doings: a chain of exchanges, and how long anything of the kind is kept.

An exchange is something that crossed the home's wall or took its place: readings receipted by the account store, a link's keys handed
over, an export taken away, somebody erased, a command. Each entry's digest covers the one before, so an entry that was changed or taken out
of the middle shows. A person is a number here, never a name: when they are erased the number points at nobody and the chain still holds.
Old entries leave at the front, and the digest of the last that left is where the chain then begins.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from protocol import cbor

BEGIN = bytes(32)
_DAY_MS = 86_400_000
CONNECTIONS_KEPT_MS = 30 * _DAY_MS  # docs/privacy.md: a month shows a stranger's visit, and a habit no longer
EXCHANGES_KEPT_MS = 365 * _DAY_MS

# What an exchange can be.
SENT = "sent"  # readings the account store has receipted
LINKED = "linked"  # the keys of a person or room were handed to an account
WITHDRAWN = "withdrawn"  # readings taken back from an account
EXPORTED = "exported"  # everything kept here was taken as a file
ERASED = "erased"  # a person and what was kept of them
COMMANDED = "commanded"  # a device was told to do something
SETTLED = "settled"  # a setting of the home was changed
BROUGHT_BACK = "brought_back"  # readings came home from an account, after a damage or a restored backup
WHAT = (SENT, LINKED, WITHDRAWN, EXPORTED, ERASED, COMMANDED, SETTLED, BROUGHT_BACK)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One entry: what happened when, whose it was (a subject's number), to whom it went, and how many; digest: of it and all before."""

    number: int
    at_ms: int
    what: str
    whom: str
    subject: int | None
    count: int
    digest: bytes = b""


def digest(before: bytes, entry: Exchange) -> bytes:
    """Return the digest of an entry that follows another's digest."""
    facts = [before, entry.number, entry.at_ms, entry.what, entry.whom, -1 if entry.subject is None else entry.subject, entry.count]
    return sha256(cbor.encode(facts)).digest()


def first_broken(begin: bytes, entries: Iterable[Exchange]) -> int | None:
    """Return the number of the first entry that does not follow from the one before; None: the chain holds."""
    before, expected = begin, None
    for entry in entries:
        if digest(before, entry) != entry.digest or (expected is not None and entry.number != expected):
            return entry.number
        before, expected = entry.digest, entry.number + 1
    return None
