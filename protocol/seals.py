"""How a reading is closed for its owner: keys, padding and the sealed row.

The home derives everything from one secret: a person's write key (whose hash is the pseudonym) and the root of a tree of data
keys. The tree has a leaf for every kind of reading and month, and every row has a key of its own below its leaf, so a grant can
open one kind of one year and nothing else. What stands in clear beside a sealed row (pseudonym, minute, id) is bound to it as
associated data; the kind does not stand in clear, so its owner tries the few leaves of that month.

Each row carries its number and the digest of the row before it. When a row is withdrawn, a stone takes its place in that chain: the
same number and the same digest of the row before, and in place of a reading the digest of the row that stood there. So its owner
tells what was taken out, by whoever holds the keys, from what is missing (threats T9).

No key is made and no cipher is run here: HKDF, AEAD and randomness are handed in. What is left out: re-wrapping leaves for a
partner. Source: RFC 5869 (HKDF), RFC 5116 (AEAD), ISO/IEC 9797-1 padding method 2.
"""

from collections import namedtuple
from hashlib import sha256

from protocol import cbor
from protocol.errors import NotCBOR, SealBroken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Hkdf = Callable[[bytes, bytes, bytes, int], bytes]
    Entry = dict[int, object]

PSEUDONYM_BYTES = 16
ROW_ID_BYTES = 16
NONCE_BYTES = 12
# A scale's reading with its signature takes some 330 bytes, a climate's some 320: one step hides which it is.
PADDING_STEP_BYTES = 512
LARGEST_ROW_BYTES = 4096

KIND = 0
UTC = 1
VALUES = 2
SIGNED = 3
PAIRING = 4
DEVICE_KEY = 5
PREVIOUS = 6
NUMBER = 7
UNCERTAINTY = 8  # may be absent: taken at most so many seconds before UTC; -1: nobody knows how many. Absent: within minutes
MOST_UNCERTAINTY = 1 << 40

# The kind of an entry that stands for a withdrawn one; it has no device, and its values are {TAKEN_OUT: 32 bytes of SHA-256}.
STONE = 5
TAKEN_OUT = 0

_ENTRY = {KIND: int, UTC: int, VALUES: dict, SIGNED: bytes, PAIRING: bytes, DEVICE_KEY: bytes, PREVIOUS: bytes, NUMBER: int}
_KINDS = range(6)

PersonSeeds = namedtuple("PersonSeeds", ("write_seed", "root_key"))


def derive_person(home_secret: bytes, domain: str, person_id: bytes, epoch: int, hkdf: "Hkdf") -> PersonSeeds:
    """Return the PersonSeeds of one person (or room) in one domain and epoch.

    home_secret: 32 bytes that never leave the home; person_id: 16 random bytes; epoch: counts revocations.
    hkdf(salt, secret, info, length): RFC 5869 with SHA-256.
    """
    return PersonSeeds(
        hkdf(b"", home_secret, cbor.encode(["foyer write key", domain, person_id, epoch]), 32),
        hkdf(b"", home_secret, cbor.encode(["foyer root key", domain, person_id, epoch]), 32),
    )


def stone(taken_out: "Entry", sealed: bytes, minute: int) -> "Entry":
    """Return the entry that takes the place of a withdrawn row in its chain; sealed: that row's sealed bytes."""
    return stone_at(taken_out[PREVIOUS], taken_out[NUMBER], sha256(sealed).digest(), minute)


def stone_at(previous: object, number: object, digest: bytes, minute: int) -> "Entry":
    """Return the entry that takes the place of the row with this number, whose predecessor and itself have these digests."""
    empty = {SIGNED: b"", PAIRING: b"", DEVICE_KEY: b""}
    return {KIND: STONE, UTC: minute * 60, VALUES: {TAKEN_OUT: digest}, PREVIOUS: previous, NUMBER: number, **empty}


def leaf_key(root_key: bytes, kind: int, month: str, hkdf: "Hkdf") -> bytes:
    """Return the key of one kind of reading in one month ("2026-11")."""
    return hkdf(b"", root_key, cbor.encode(["foyer leaf", kind, month]), 32)


def month_of(minute: int) -> str:
    """Return the calendar month, as "YYYY-MM" in UTC, of a minute counted since 1970.

    Source: the civil calendar counted in eras of 400 years from 1 March.
    """
    days = minute // 1440 + 719468
    era = days // 146097
    day_of_era = days - era * 146097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return "%04d-%02d" % (year, month)


def seal_row(
    root_key: bytes,
    pseudonym: bytes,
    minute: int,
    row_id: bytes,
    entry: "Entry",
    hkdf: "Hkdf",
    seal: "Callable[[bytes, bytes, bytes, bytes], bytes]",
    nonce: bytes,
) -> bytes:
    """Return the sealed bytes of one reading.

    entry: {KIND, UTC, VALUES, SIGNED, PAIRING, DEVICE_KEY, PREVIOUS, NUMBER}; nonce: 12 random bytes.
    seal(key, nonce, plaintext, associated_data): AES-256-GCM.
    Raises SealBroken: the entry is not one, or too long.
    """
    kind = _kind(_check_entry(entry))
    plaintext = pad(cbor.encode(entry))
    if len(plaintext) > LARGEST_ROW_BYTES:
        raise SealBroken("too long to seal: %d bytes" % len(plaintext))
    key = _row_key(root_key, kind, minute, row_id, hkdf)
    return nonce + seal(key, nonce, plaintext, _associated(pseudonym, minute, row_id))


def open_row(
    root_key: bytes,
    pseudonym: bytes,
    minute: int,
    row_id: bytes,
    sealed: bytes,
    hkdf: "Hkdf",
    open_: "Callable[[bytes, bytes, bytes, bytes], bytes | None]",
    kinds: "Iterable[int]" = _KINDS,
) -> "Entry":
    """Return the entry inside a sealed row, trying the leaf of every kind, or of those that are wanted.

    open_(key, nonce, ciphertext, associated_data) -> bytes, or None when the tag does not fit.
    Raises SealBroken: no leaf opens it, or what is inside is no entry of the leaf that opened it.
    """
    if not NONCE_BYTES + 16 < len(sealed) <= LARGEST_ROW_BYTES + NONCE_BYTES + 16:
        raise SealBroken("length %d" % len(sealed))
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    associated = _associated(pseudonym, minute, row_id)
    for kind in kinds:
        plaintext = open_(_row_key(root_key, kind, minute, row_id, hkdf), nonce, ciphertext, associated)
        if plaintext is not None:
            return _entry(plaintext, kind)
    raise SealBroken("no key of this owner opens it")


def pad(plaintext: bytes) -> bytes:
    """Return the bytes followed by 0x80 and zeros, up to the next step, so that lengths tell nothing."""
    return plaintext + b"\x80" + bytes(-(len(plaintext) + 1) % PADDING_STEP_BYTES)


def unpad(padded: bytes) -> bytes:
    """Return the bytes before the padding. Raises SealBroken: it is not padded."""
    stripped = padded.rstrip(b"\x00")
    if not padded or len(padded) % PADDING_STEP_BYTES or stripped[-1:] != b"\x80":
        raise SealBroken("not padded")
    return stripped[:-1]


def _row_key(root_key: bytes, kind: int, minute: int, row_id: bytes, hkdf: "Hkdf") -> bytes:
    return hkdf(b"", leaf_key(root_key, kind, month_of(minute), hkdf), cbor.encode(["foyer row", row_id]), 32)


def _associated(pseudonym: bytes, minute: int, row_id: bytes) -> bytes:
    return cbor.encode([1, pseudonym, minute, row_id])


def _entry(plaintext: bytes, kind: int) -> "Entry":
    try:
        entry = _check_entry(cbor.decode(unpad(plaintext)))
    except NotCBOR as error:
        raise SealBroken("sealed bytes are not CBOR: %s" % error) from None
    if entry[KIND] != kind:
        raise SealBroken("kind %s under the leaf of kind %d" % (entry[KIND], kind))
    return entry


def _kind(entry: "Entry") -> int:
    kind = entry[KIND]
    return kind if isinstance(kind, int) else -1


def _is_digest(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def _check_entry(entry: object) -> "Entry":
    if not isinstance(entry, dict) or set(entry) - {UNCERTAINTY} != set(_ENTRY):
        raise SealBroken("not an entry")
    uncertainty = entry.get(UNCERTAINTY, 0)
    if not isinstance(uncertainty, int) or isinstance(uncertainty, bool) or not -1 <= uncertainty < MOST_UNCERTAINTY:
        raise SealBroken("an uncertainty that is none")
    for key in _ENTRY:
        if not isinstance(entry[key], _ENTRY[key]) or isinstance(entry[key], bool):
            raise SealBroken("entry field %d is of the wrong type" % key)
    if entry[KIND] not in _KINDS or entry[UTC] < 0 or entry[NUMBER] < 0:
        raise SealBroken("entry out of range")
    if entry[KIND] == STONE and (set(entry[VALUES]) != {TAKEN_OUT} or not _is_digest(entry[VALUES][TAKEN_OUT])):
        raise SealBroken("a stone without the digest of what it stands for")
    return entry
