"""EDHOC, RFC 9528: the initiator of method 3 (static Diffie-Hellman keys on both sides) with cipher suite 2 (P-256, AES-CCM, SHA-256).

A device begins it once per cold start and gets an OSCORE context from it that nobody can rebuild later, because both sides' ephemeral
keys are forgotten. The other end is pinned: its public key was written at pairing, and no other is listened to. Nothing that
identifies the device travels in clear; its key id is inside message 3.

No input or output; the arithmetic is handed in, and what takes long is a generator that yields and returns. Left out: methods 0 to 2,
other suites, credentials by value, message 4 (the first protected answer confirms the key), our own external authorization data.
"""

from collections import namedtuple
from hashlib import sha256

from protocol import cbor, errors

METHOD = 3
SUITE = 2
MAC_BYTES = 8
PUBLIC_BYTES = 32  # x alone (section 3.7)
MAX_MESSAGE_BYTES = 256  # ours have 39, 45 to 50, and 19 to 22
KEY_ID_BYTES = 4
MAX_ITEMS = 8  # of a sequence; message 2's plaintext has three, and external data in pairs

_SECRET_LABEL, _SALT_LABEL = 0, 1  # of the exporter, appendix A.1
_SECRET_BYTES, _SALT_BYTES = 16, 8

# public_key: 65 bytes, uncompressed; key_id: as messages name it; claims: the bytes both ends compute with
Credential = namedtuple("Credential", ("public_key", "key_id", "claims"))
# new_key_steps() -> (private, public 65); point_steps(public) -> point; agree_steps(point, private) -> 32 bytes; each a generator.
# sha256(data), hmac(key, data), expand(extracted, info, length), seal and open_(key, nonce, aad, text) return bytes.
Crypto = namedtuple("Crypto", ("new_key_steps", "point_steps", "agree_steps", "sha256", "hmac", "expand", "seal", "open_"))
# what an OSCORE context is derived from: the ids are ours and the other end's, as OSCORE's sender and recipient
Agreed = namedtuple("Agreed", ("master_secret", "master_salt", "sender_id", "recipient_id"))


def credential(public_key: bytes) -> Credential:
    """Return what Foyer makes of a link's public key: named by four bytes of its SHA-256, in claims (section 3.5.2) that are never sent."""
    key_id = sha256(public_key).digest()[:KEY_ID_BYTES]
    key = {1: 2, 2: key_id, -1: 1, -2: public_key[1:33], -3: public_key[33:]}
    return Credential(public_key, key_id, cbor.encode({2: "", 8: {1: key}}))


def encode_identifier(identifier: bytes) -> bytes:
    """Return a connection or key identifier as it stands in a message: a byte that is a small integer stands for itself (section 3.3.2)."""
    if len(identifier) == 1 and identifier[0] & 0xDF < 24:
        return identifier
    return cbor.encode(identifier)


def decode_identifier(item: object) -> bytes:
    """Return the identifier behind an item of a message. Raises NotEDHOC: no identifier, or not in its one form."""
    if isinstance(item, int) and not isinstance(item, bool) and -24 <= item < 24:
        return cbor.encode(item)
    if not isinstance(item, bytes) or encode_identifier(item) == item:
        raise errors.NotEDHOC(item)
    return item


def refuse_critical(items: list[object]) -> None:
    """Read external authorization data: pairs of a label and perhaps a value. Raises CriticalData: a negative label; NotEDHOC: no data."""
    value_may_follow = False
    for item in items:
        if isinstance(item, bytes) and value_may_follow:
            value_may_follow = False
        elif isinstance(item, int) and not isinstance(item, bool):
            if item < 0:
                raise errors.CriticalData(item)
            value_may_follow = True
        else:
            raise errors.NotEDHOC(item)


class Schedule:
    """The key schedule of section 4, from the first shared secret on; the same for both ends."""

    def __init__(self, crypto: Crypto, message_1: bytes, ephemeral_2: bytes, shared_xy: bytes) -> None:
        self._crypto = crypto
        self.th_2 = crypto.sha256(cbor.encode(ephemeral_2) + cbor.encode(crypto.sha256(message_1)))
        self._prk = crypto.hmac(self.th_2, shared_xy)

    def derive(self, label: int, context: bytes, length: int) -> bytes:
        """Return EDHOC_KDF of the present pseudorandom key."""
        info = cbor.encode(label) + cbor.encode(context) + cbor.encode(length)
        return bytes(self._crypto.expand(self._prk, info, length))

    def keystream(self, text: bytes) -> bytes:
        """Return message 2's text with its key stream xored in, which encrypts and decrypts."""
        return bytes([one ^ other for one, other in zip(text, self.derive(0, self.th_2, len(text)))])

    def mix_responder(self, shared_rx: bytes) -> None:
        """Go on to PRK_3e2m: only who holds the responder's static key, or the ephemeral one of the initiator, can follow."""
        self._prk = self._crypto.hmac(self.derive(1, self.th_2, 32), shared_rx)

    def mac_2(self, connection_r: bytes, responder: Credential, data_2: bytes) -> bytes:
        """Return the responder's proof. connection_r: encoded."""
        context = connection_r + cbor.encode({4: responder.key_id}) + cbor.encode(self.th_2) + responder.claims + data_2
        return self.derive(2, context, MAC_BYTES)

    def hash_3(self, plaintext_2: bytes, responder: Credential) -> None:
        """Make TH_3."""
        self.th_3 = self._crypto.sha256(cbor.encode(self.th_2) + plaintext_2 + responder.claims)

    def cipher_3(self) -> tuple[bytes, bytes, bytes]:
        """Return key, nonce and associated data of message 3."""
        return self.derive(3, self.th_3, 16), self.derive(4, self.th_3, 13), cbor.encode(["Encrypt0", b"", self.th_3])

    def mix_initiator(self, shared_iy: bytes) -> None:
        """Go on to PRK_4e3m."""
        self._prk = self._crypto.hmac(self.derive(5, self.th_3, 32), shared_iy)

    def mac_3(self, initiator: Credential, data_3: bytes = b"") -> bytes:
        """Return the initiator's proof."""
        return self.derive(6, cbor.encode({4: initiator.key_id}) + cbor.encode(self.th_3) + initiator.claims + data_3, MAC_BYTES)

    def export(self, plaintext_3: bytes, initiator: Credential) -> tuple[bytes, bytes]:
        """Return OSCORE's master secret and salt (appendix A.1); the schedule ends here."""
        th_4 = self._crypto.sha256(cbor.encode(self.th_3) + plaintext_3 + initiator.claims)
        self._prk = self.derive(7, th_4, 32)
        self._prk = self.derive(10, b"", 32)
        return self.derive(_SECRET_LABEL, b"", _SECRET_BYTES), self.derive(_SALT_LABEL, b"", _SALT_BYTES)


class Initiator:
    """One run of the device's side: `begin_steps` gives message 1, `finish_steps` takes message 2 and gives message 3."""

    def __init__(self, private_key: bytes, own: Credential, responder: Credential, crypto: Crypto, connection_id: bytes) -> None:
        """private_key: of `own`, 32 bytes; connection_id: what the other end shall call us, OSCORE's recipient id; it is sent in clear."""
        self._private_key = private_key
        self._own = own
        self._responder = responder
        self._crypto = crypto
        self._connection_id = connection_id
        self.agreed: Agreed | None = None

    def begin_steps(self, suites: object = SUITE):  # type: ignore[no-untyped-def]
        """Yield, and return message 1."""
        self._ephemeral, public = yield from self._crypto.new_key_steps()
        self._message_1 = cbor.encode(METHOD) + cbor.encode(suites) + cbor.encode(public[1:33]) + encode_identifier(self._connection_id)
        return self._message_1

    def finish_steps(self, message_2: bytes):  # type: ignore[no-untyped-def]
        """Yield, and return message 3; `agreed` then holds what OSCORE needs.

        Raises NotEDHOC (WrongSuite, UnknownCredential, CriticalData, MacBroken, PointOffCurve) or NotCBOR: the run is over.
        """
        crypto = self._crypto
        ephemeral_2, ciphertext_2 = parse_message_2(message_2)
        point = yield from crypto.point_steps(ephemeral_2)
        shared = yield from crypto.agree_steps(point, self._ephemeral)
        schedule = Schedule(crypto, self._message_1, ephemeral_2, shared)
        plaintext_2 = schedule.keystream(ciphertext_2)
        connection_r, mac_2, data_2 = self._read_plaintext_2(plaintext_2)
        responder_point = yield from crypto.point_steps(self._responder.public_key)
        shared = yield from crypto.agree_steps(responder_point, self._ephemeral)
        responder_point = None
        self._ephemeral = b""
        schedule.mix_responder(shared)
        if not same(mac_2, schedule.mac_2(encode_identifier(connection_r), self._responder, data_2)):
            raise errors.MacBroken(2)
        schedule.hash_3(plaintext_2, self._responder)
        key, nonce, aad = schedule.cipher_3()
        shared = yield from crypto.agree_steps(point, self._private_key)
        schedule.mix_initiator(shared)
        plaintext_3 = encode_identifier(self._own.key_id) + cbor.encode(schedule.mac_3(self._own))
        secret, salt = schedule.export(plaintext_3, self._own)
        self.agreed = Agreed(secret, salt, connection_r, self._connection_id)
        return cbor.encode(crypto.seal(key, nonce, aad, plaintext_3))

    def _read_plaintext_2(self, plaintext_2: bytes) -> tuple[bytes, bytes, bytes]:
        """Return the responder's connection id, its proof, and its external data as bytes."""
        items, ends = cbor.decode_sequence(plaintext_2, MAX_ITEMS)
        if len(items) < 3 or not isinstance(items[2], bytes) or len(items[2]) != MAC_BYTES:
            raise errors.NotEDHOC(len(items))
        connection_r = decode_identifier(items[0])
        if connection_r == self._connection_id or len(connection_r) > 7:
            raise errors.NotEDHOC(connection_r)
        if decode_identifier(items[1]) != self._responder.key_id:
            raise errors.UnknownCredential(items[1])
        refuse_critical(items[3:])
        return connection_r, items[2], plaintext_2[ends[2] :]


def parse_message_2(message_2: bytes) -> tuple[bytes, bytes]:
    """Return the other end's ephemeral key and the ciphertext. Raises NotCBOR, NotEDHOC, WrongSuite: it is an error message (section 6)."""
    if len(message_2) > MAX_MESSAGE_BYTES:
        raise errors.NotEDHOC(len(message_2))
    items, _ = cbor.decode_sequence(message_2, MAX_ITEMS)
    if items and isinstance(items[0], int):
        if items[0] == 2:
            raise errors.WrongSuite(items[1:])
        raise errors.NotEDHOC(items[0])
    if len(items) != 1 or not isinstance(items[0], bytes) or len(items[0]) <= PUBLIC_BYTES:
        raise errors.NotEDHOC(len(items))
    return items[0][:PUBLIC_BYTES], items[0][PUBLIC_BYTES:]


def same(one: bytes, other: bytes) -> bool:
    """Compare two proofs in a time that does not tell where they differ."""
    difference = len(one) ^ len(other)
    for left, right in zip(one, other):
        difference |= left ^ right
    return difference == 0
