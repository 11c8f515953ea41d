"""Opening what only its owner can: link boxes become subjects, sealed rows become readings, each checked back to its device.

All of it happens inside a request of somebody who is signed in, with a key that their cookie carries half of, and is forgotten
with the request. A reading is verified when the device's own signature holds over exactly the values and the time that are shown;
a reading whose signature does not hold is shown too, and says so.
"""

import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from cloud import hpke, wrapping
from cloud.errors import CannotUnwrap
from cloud.grants import Granted
from cloud.notes import Note
from cloud.readings import SealedRow
from protocol import cbor, cose, linking, readings, seals, sign1, units
from protocol.errors import ProtocolError
from protocol.linking import Epoch

WEIGHT, PRESSURE, CLIMATE = "weight", "pressure", "climate"
KINDS = {readings.SCALE: WEIGHT, readings.CUFF: PRESSURE, readings.CLIMATE: CLIMATE}
# which pages a subject can have
KINDS_OF = {linking.PERSON: (WEIGHT, PRESSURE), linking.ROOM: (CLIMATE,)}
# the approval key of what came from an export: no home asks about it, and it is in no chain
IMPORTED = bytes(32)
# A device without a clock is given the gateway's time; one with a clock must agree with what is shown, to the rounding.
CLOCK_TOLERANCE_S = 2
HOUR_S = 3600  # the longest that a room's climate is averaged over
# A signature takes 60 us to check; a verdict is remembered by the digest of all it depends on, and tells nothing else.
VERDICTS_AT_MOST = 100_000
_VERDICTS: dict[bytes, bool] = {}


# What a weighing may tell besides the weight; negative keys are the home's own working out, which no device signed.
_OF_A_BODY = {
    readings.IMPEDANCE: ("impedance_ohm", 1),
    readings.BARE_FEET: ("bare_feet", 1),
    readings.FAT_PERMILLE: ("fat_percent", 10),
    readings.FAT_FREE_GRAMS: ("fat_free_kg", 1000),
}


class Subject(NamedTuple):
    """A person or a room whose readings this account may open; epochs: its names, the oldest first, of which the newest is in use."""

    label: str
    subject: int
    tag: bytes
    approval_key: bytes
    epochs: tuple[Epoch, ...]
    # the names of all who may read along, as the home calls them
    recipients: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """What can be measured of it."""
        return KINDS_OF[self.subject]

    @property
    def number(self) -> str:
        """What names it in a page: stable for the account, and no pseudonym."""
        return sha256(b"foyer subject\x00" + self.tag).hexdigest()[:12]

    @property
    def root_key(self) -> bytes:
        """The root of the data keys in use: what the home and this account share now, and nobody who was removed."""
        root_key: bytes = self.epochs[-1].root_key
        return root_key

    @property
    def pseudonyms(self) -> tuple[bytes, ...]:
        """Every name its rows lie under."""
        return tuple(epoch.pseudonym for epoch in self.epochs)

    def epoch_of(self, pseudonym: bytes) -> Epoch:
        """Return the keys of one of its names. Raises KeyError: it is none of them."""
        for epoch in self.epochs:
            if epoch.pseudonym == pseudonym:
                return epoch
        raise KeyError(pseudonym)

    def __repr__(self) -> str:
        return "Subject(***)"


class Reading(NamedTuple):
    """One reading as it is shown; values are named with their units."""

    row_id: bytes
    kind: str
    utc_s: int
    values: dict[str, float]
    verified: bool
    # worked out at home from readings that stay there, so no device signed it
    by_home: bool = False
    # what its person wrote beside it, and whether they marked it as wrong
    words: str = ""
    is_wrong: bool = False
    # taken at most so long before utc_s; 0: within minutes of it; -1: nobody knows
    uncertainty_s: int = 0
    # of a room: the means of so many seconds around utc_s; 0: measured at that time
    span_s: int = 0


def subjects(private_key: bytes, boxes: Iterable[bytes]) -> list[Subject]:
    """Return the people, then the rooms, that an account's link boxes hold; a box that is none is left out."""
    found: dict[bytes, Subject] = {}
    for sealed in boxes:
        box = box_in(private_key, sealed)
        if box is None:
            # whoever sent it to this account sent rubbish; it must not hide the others
            continue
        # linked again: one subject, under the label it has now, with what either box opens
        before = found.get(box.tag)
        epochs = {epoch.pseudonym: epoch for epoch in (*(before.epochs if before else ()), *box.epochs)}
        found[box.tag] = Subject(box.label, box.subject, box.tag, box.approval_key, tuple(epochs.values()), tuple(box.recipients))
    return sorted(found.values(), key=lambda subject: (subject.subject, subject.label.casefold()))


def box_in(private_key: bytes, sealed: bytes) -> linking.Box | None:
    """Return what a link box holds, or None: it does not open, or is none."""
    try:
        return linking.decode_box(hpke.open_with(private_key, sealed, linking.BOX_INFO))
    except (CannotUnwrap, ProtocolError):
        return None


class Opener:
    """Opens the rows of one subject; keeps the keys of months it has met, for as long as the request lasts."""

    def __init__(self, subject: Subject, notes: Mapping[bytes, Note] | None = None) -> None:
        self._roots = {epoch.pseudonym: epoch.root_key for epoch in subject.epochs}
        self._notes = notes or {}
        self._leaves: dict[tuple[bytes, bytes], bytes] = {}

    def readings(self, rows: Iterable[SealedRow], kinds: Iterable[str] = ()) -> list[Reading]:
        """Return the readings of these kinds (default: all that can be shown), oldest first; what does not open is left out."""
        names = set(kinds or KINDS.values())
        wanted = [number for number, name in KINDS.items() if name in names]
        opened = (self._reading(row, wanted) for row in rows)
        return sorted((reading for reading in opened if reading), key=lambda reading: reading.utc_s)

    def entry(self, row: SealedRow, kinds: Iterable[int] = tuple(KINDS)) -> dict[int, Any] | None:
        """Return what is inside a row as it was sealed, or None: it does not open, or is of another kind."""
        if row.pseudonym not in self._roots:
            return None
        try:
            entry: dict[int, Any] = seals.open_row(
                self._roots[row.pseudonym], row.pseudonym, row.minute, row.row_id, row.sealed, self._hkdf, wrapping.try_open, kinds
            )
        except ProtocolError:
            return None
        return entry

    def _reading(self, row: SealedRow, kinds: Iterable[int]) -> Reading | None:
        entry = self.entry(row, kinds)
        if entry is None:
            return None
        kind, values = entry[seals.KIND], entry[seals.VALUES]
        shown = named(kind, values)
        if shown is None:
            return None
        note = self._notes.get(row.row_id, Note("", False))
        return Reading(
            row.row_id,
            KINDS[kind],
            entry[seals.UTC],
            shown,
            is_verified(entry),
            is_by_home(entry),
            note.words,
            note.is_wrong,
            _uncertainty_s(entry),
            _span_s(values),
        )

    def _hkdf(self, salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
        if secret not in self._roots.values():
            return wrapping.hkdf(salt, secret, info, length)
        leaf = self._leaves.get((secret, info))
        if leaf is None:
            leaf = self._leaves[secret, info] = wrapping.hkdf(salt, secret, info, length)
        return leaf


class GrantedOpener(Opener):
    """Opens what a grant opens: it has leaves and no root, so another kind or month is closed to it by arithmetic."""

    def __init__(self, granted: Granted) -> None:
        super().__init__(Subject(granted.label, granted.subject, b"", b"", (Epoch(granted.pseudonym, b"", b""),)))
        self._granted = {cbor.encode(["foyer leaf", kind, month]): leaf for (kind, month), leaf in granted.leaves.items()}

    def _hkdf(self, salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
        # no root: a leaf that was not granted is 32 random bytes, which open nothing
        return wrapping.hkdf(salt, secret, info, length) if secret else self._granted.get(info) or os.urandom(32)


def _uncertainty_s(entry: dict[int, Any]) -> int:
    return int(entry.get(seals.UNCERTAINTY, 0))


def _span_s(values: Mapping[int, object]) -> int:
    span_s = values.get(readings.SPAN_SECONDS, 0)
    return span_s if isinstance(span_s, int) and 0 < span_s <= HOUR_S else 0


def named(kind: int, values: dict[int, object]) -> dict[str, float] | None:
    """Return the values of a reading by names with units, or None when it is of a kind without a page, or lacks one."""
    numbers = {key: value for key, value in values.items() if isinstance(value, int) and not isinstance(value, bool)}
    try:
        if kind == readings.SCALE:
            weight: dict[str, float] = {"weight_kg": units.kg_from_grams(numbers[readings.GRAMS]), "stable": numbers[readings.STABLE]}
            return weight | {
                name: numbers[key] if scale == 1 else numbers[key] / scale for key, (name, scale) in _OF_A_BODY.items() if key in numbers
            }
        if kind == readings.CUFF:
            return {
                "systolic_mmHg": numbers[readings.SYSTOLIC],
                "diastolic_mmHg": numbers[readings.DIASTOLIC],
                "map_mmHg": numbers[readings.MAP],
                "pulse_per_min": numbers[readings.PULSE],
            }
        if kind == readings.CLIMATE:
            return {
                "room_Cel": units.Cel_from_centi_Cel(numbers[readings.TEMPERATURE]),
                "humidity_percent": numbers[readings.HUMIDITY],
            }
    except KeyError:
        return None
    return None


def is_by_home(entry: Mapping[int, object]) -> bool:
    """Whether the home says that it worked this reading out itself: a child's weight in somebody's arms, whose own weight stays at home."""
    return entry[seals.SIGNED] == entry[seals.DEVICE_KEY] == b""


def is_verified(entry: dict[int, object]) -> bool:
    """Whether the device's signature holds and was made over exactly the kind, values and time of this entry."""
    kind, utc_s, values = entry[seals.KIND], entry[seals.UTC], entry[seals.VALUES]
    signed = _signed_reading(entry[seals.SIGNED], entry[seals.DEVICE_KEY], kind, entry[seals.PAIRING])
    if signed is None or not isinstance(values, dict) or not isinstance(utc_s, int):
        return False
    clock = dict(signed).get(readings.UTC)
    if isinstance(clock, int) and abs(clock - utc_s) > CLOCK_TOLERANCE_S:
        return False
    first = readings.GRAMS  # the common fields are below it
    measured = {key: value for key, value in signed if key >= first}
    return measured == {key: value for key, value in values.items() if key >= first}


def _signed_reading(message: object, public_key: object, kind: object, pairing: object) -> tuple[tuple[int, object], ...] | None:
    if not (isinstance(message, bytes) and isinstance(public_key, bytes) and isinstance(kind, int) and isinstance(pairing, bytes)):
        return None
    try:
        parsed = sign1.parse_sign1(message)
        digest = sha256(message + public_key + pairing + bytes([kind & 255])).digest()
        if digest not in _VERDICTS:
            if len(_VERDICTS) >= VERDICTS_AT_MOST:
                _VERDICTS.clear()
            _VERDICTS[digest] = _signature_holds(parsed, public_key, kind, pairing)
        reading = readings.decode(parsed.payload)
    except ProtocolError:
        return None
    return tuple(reading.items()) if _VERDICTS[digest] and reading[readings.KIND] == kind else None


def _signature_holds(parsed: sign1.Sign1, public_key: bytes, kind: int, pairing: bytes) -> bool:
    if parsed.kid != sha256(public_key).digest()[: sign1.KID_BYTES]:
        return False
    try:
        key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public_key)
    except ValueError:
        return False

    def verify(tbs: bytes, signature: bytes) -> bool:
        try:
            key.verify(
                encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")), tbs, ECDSA(SHA256())
            )
        except InvalidSignature:
            return False
        return True

    try:
        sign1.verify1(parsed, cose.reading_aad(kind, pairing), verify)
    except ProtocolError:
        return False
    return True
