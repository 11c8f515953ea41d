"""A reading closed for its owner, and a packet of closed readings closed again for the ingester.

What goes into a row and which key closes it stands in `protocol/seals.py`, what goes into a packet in `protocol/envelope.py`; here
they meet `cryptography` (AES-256-GCM; HPKE of RFC 9180 with X25519, HKDF-SHA-256 and AES-256-GCM) and the order of rows: each names
the one sealed before it, so that its owner sees a missing or a moved one. Randomness is handed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from gateway.errors import BadReceipt
from gateway.pseudonyms import Keys, hkdf
from protocol import envelope, seals
from protocol.errors import ProtocolError

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a pseudonym's rows have got to: the digest of the last sealed row (empty before the first) and the next row's number."""

    previous: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Row:
    """One sealed reading as it leaves the home: a minute and a random id in the clear, the rest closed."""

    minute: int
    row_id: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """What proves a reading to its owner: the device's signed bytes, and the pairing and key they were signed with."""

    signed: bytes
    pairing: bytes
    public_key: bytes


START = Chain(b"", 0)
VAGUE_S = 300  # a time that is less sure says so wherever it is shown


def seal(
    keys: Keys,
    chain: Chain,
    kind: int,
    utc_s: int,
    values: Mapping[int, int | bytes],
    origin: Origin,
    random: Callable[[int], bytes],
    uncertainty_s: float | None = 0.0,
) -> tuple[Row, Chain]:
    """Return the sealed Row of a reading and the Chain after it; random(n) gives n random bytes; uncertainty_s: as in `anchors.py`."""
    minute = utc_s // 60
    row_id = random(seals.ROW_ID_BYTES)
    entry: dict[int, object] = {
        seals.KIND: kind,
        seals.UTC: utc_s,
        seals.VALUES: dict(values),
        seals.SIGNED: origin.signed,
        seals.PAIRING: origin.pairing,
        seals.DEVICE_KEY: origin.public_key,
        seals.PREVIOUS: chain.previous,
        seals.NUMBER: chain.number,
    }
    if uncertainty_s is None or uncertainty_s > VAGUE_S:
        entry[seals.UNCERTAINTY] = -1 if uncertainty_s is None else min(int(uncertainty_s), seals.MOST_UNCERTAINTY - 1)
    sealed = seals.seal_row(keys.root_key, keys.pseudonym, minute, row_id, entry, hkdf, _aes_gcm, random(seals.NONCE_BYTES))
    return Row(minute, row_id, sealed), Chain(sha256(sealed).digest(), chain.number + 1)


def seal_entry(keys: Keys, minute: int, entry: dict[int, object], random: Callable[[int], bytes]) -> Row:
    """Return the sealed Row of an entry that is none of the chain's end: a stone in an earlier place."""
    row_id = random(seals.ROW_ID_BYTES)
    nonce = random(seals.NONCE_BYTES)
    return Row(minute, row_id, seals.seal_row(keys.root_key, keys.pseudonym, minute, row_id, entry, hkdf, _aes_gcm, nonce))


@dataclass(frozen=True, slots=True)
class Packet:
    """One message for the ingester, and what opens its receipt; digest: SHA-256 of the payload."""

    payload: bytes
    digest: bytes
    reply_key: bytes = field(repr=False)


def pack(
    keys: Keys,
    rows: Sequence[Row],
    now_ms: int,
    ingester: X25519PublicKey,
    random: Callable[[int], bytes],
    *,
    erases: bool = False,
    back_after: bytes | None = None,
) -> Packet:
    """Return one message for the ingester: up to 50 rows of one pseudonym, signed by it, and closed to everybody between.

    No rows ask how the pseudonym stands; a row without sealed bytes withdraws its id; erases: everything of the pseudonym goes;
    back_after: its rows behind this id are asked back.
    """
    packed = [envelope.Row(row.minute, row.row_id, row.sealed) for row in rows]
    reply_key = random(envelope.REPLY_KEY_BYTES)
    batch = envelope.encode_batch(keys.write_public_key, packed, now_ms // 60_000, reply_key, keys.sign, erases, back_after)
    payload = _SUITE.encrypt(batch, ingester, info=envelope.BATCH_INFO)
    return Packet(payload, sha256(payload).digest(), reply_key)


def close_to(public_key: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Return bytes that only the holder of the private half of an X25519 key (32 bytes) can open."""
    return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public_key), info=info)


def digest8(sealed: bytes) -> bytes:
    """Return the eight bytes by which a receipt names the sealed bytes of a row."""
    return sha256(sealed).digest()[:8]


@dataclass(frozen=True, slots=True)
class RowReceipt:
    """The ingester's word about one row: stored, stored before, or in conflict with other bytes under its id."""

    row_id: bytes
    digest8: bytes
    status: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ingester's word about one message, verified."""

    message_digest: bytes
    rows: tuple[RowReceipt, ...]
    committed_utc_ms: int
    is_erased: bool


def open_receipt(message: bytes, reply_keys: Mapping[bytes, bytes], ingester: Ed25519PublicKey) -> Receipt | None:
    """Return the Receipt in bytes from the broker, or None: it answers a message that nobody remembers.

    reply_keys: by digest of the messages that went out. Raises BadReceipt: not a receipt, not under that message's reply key, for
    another message, or not signed by the ingester's pinned key.
    """

    try:
        digest = envelope.answered_digest(message)
        if digest not in reply_keys:
            return None
        receipt = envelope.decode_receipt(envelope.open_receipt(message, reply_keys[digest], open_aes_gcm), _verifier(ingester))
    except ProtocolError as error:
        raise BadReceipt(str(error)) from None
    if receipt.message_digest != digest:
        raise BadReceipt("for another message")
    rows = tuple(RowReceipt(row.row_id, row.digest8, row.status) for row in receipt.rows)
    return Receipt(digest, rows, receipt.committed_utc_ms, receipt.standing == envelope.ERASED)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows that were asked back, verified to come from the ingester; more: whether others follow the last of them."""

    rows: tuple[Row, ...]
    is_erased: bool
    more: bool


def answers(message: bytes, packet: Packet) -> bool:
    """Return whether bytes from the broker say that they answer a packet."""
    return message.startswith(packet.digest)


def open_page(message: bytes, packet: Packet, ingester: Ed25519PublicKey) -> Page:
    """Return the Page that answers a packet. Raises BadReceipt: it is none, or not signed by the ingester's pinned key."""
    try:
        page = envelope.decode_page(envelope.open_receipt(message, packet.reply_key, open_aes_gcm), _verifier(ingester))
    except ProtocolError as error:
        raise BadReceipt(str(error)) from None
    if page.message_digest != packet.digest:
        raise BadReceipt("for another message")
    return Page(tuple(Row(*row) for row in page.rows), page.standing == envelope.ERASED, page.more)


def _verifier(ingester: Ed25519PublicKey) -> Callable[[bytes, bytes], bool]:
    def verify(signed: bytes, signature: bytes) -> bool:
        try:
            ingester.verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    return verify


def open_row(keys: Keys, row: Row) -> dict[int, object]:
    """Return the entry in a sealed row of this name. Raises SealBroken: these keys do not open it, or it is no entry."""
    return dict(seals.open_row(keys.root_key, keys.pseudonym, row.minute, row.row_id, row.sealed, hkdf, open_aes_gcm))


def _aes_gcm(key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    return AESGCM(key).encrypt(nonce, plaintext, associated_data)


def open_aes_gcm(key: bytes, nonce: bytes, sealed: bytes, associated_data: bytes) -> bytes | None:
    """Return what AES-256-GCM opens, None when the tag does not fit."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated_data)
    except InvalidTag:
        return None
