"""What a person writes beside a reading: a note, and whether the reading is wrong (R14, R15).

A reading is what a device signed and stays as it is; what is written beside it can be replaced. It is sealed under a key of the
subject it belongs to, under the account's erasure key, and found by a MAC of the reading's id under that same key: nothing in the
accounts store can be joined with a row of the readings store.
"""

import re
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from cloud import wrapping
from cloud.accounts import NOTES
from cloud.errors import CannotUnwrap, Declined
from protocol import cbor

LONGEST_NOTE = 280
_PURPOSE = b"foyer note\x00"
# one piece; four, four, four, and up to seven more; or four, six, five (American Express). Dates and readings are neither.
_CARD = re.compile(r"(?<!\d)(?:\d{13,19}|\d{4}(?:[ .\-]\d{4}){2}[ .\-]\d{1,4}(?:[ .\-]\d{1,3})?|\d{4}[ .\-]\d{6}[ .\-]\d{5})(?!\d)")


class Note(NamedTuple):
    """What stands beside one reading."""

    words: str
    is_wrong: bool


def check_words(typed: str) -> str:
    """Return a note in the one form that is kept.

    Raises Declined: "note_long", or "card_number": a text with a number of a payment card is refused (R19).
    """
    words = " ".join(typed.split())
    if len(words) > LONGEST_NOTE:
        raise Declined("note_long")
    if has_card_number(words):
        raise Declined("card_number")
    return words


def has_card_number(words: str) -> bool:
    """Whether 13 to 19 digits, in one piece or in a card's own groups, pass the check of ISO/IEC 7812 (Luhn)."""
    return any(_luhn([int(letter) for letter in found[0] if letter.isdigit()]) for found in _CARD.finditer(words))


def write(connection: Connection, account_id: bytes, erasure_key: bytes, subject_key: bytes, row_id: bytes, note: Note) -> None:
    """Put a note beside a reading, in place of the one before; an empty one takes it away."""
    key = _key(subject_key)
    own = (NOTES.c.account_id == account_id) & (NOTES.c.note_mac == wrapping.mac(key, row_id))
    connection.execute(delete(NOTES).where(own))
    if note != Note("", False):
        purpose = _PURPOSE + account_id
        inner = wrapping.wrap(key, cbor.encode({0: row_id, 1: note.words, 2: int(note.is_wrong)}), purpose)
        box = wrapping.wrap(erasure_key, inner, purpose)
        connection.execute(insert(NOTES).values(account_id=account_id, note_mac=wrapping.mac(key, row_id), box=box))


def notes_of(connection: Connection, account_id: bytes, erasure_key: bytes, subject_key: bytes) -> dict[bytes, Note]:
    """Return the notes of one subject by the ids of their readings."""
    key, purpose = _key(subject_key), _PURPOSE + account_id
    found: dict[bytes, Note] = {}
    for box in connection.execute(select(NOTES.c.box).where(NOTES.c.account_id == account_id)).scalars():
        try:
            fields = cbor.decode(wrapping.unwrap(key, wrapping.unwrap(erasure_key, box, purpose), purpose))
        except CannotUnwrap:
            # another subject's
            continue
        if isinstance(fields, dict):
            found[fields[0]] = Note(fields[1], bool(fields[2]))
    return found


def _key(subject_key: bytes) -> bytes:
    return wrapping.hkdf(b"", subject_key, b"foyer notes 1", 32)


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1
