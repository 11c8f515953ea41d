"""OSCORE, RFC 8613: a CoAP message sealed inside another, and a response that can only be the answer to its request.

AES-CCM-16-64-128 and HKDF-SHA-256, both handed in: `hkdf(salt, secret, info, length)`, `seal(key, nonce, aad, plaintext)` and
`open_(key, nonce, aad, sealed)`, which raises TagBroken. Pure arithmetic: the sender's sequence number comes from the caller, who must
never give the same one twice (appendix B.1.1). A device asks and never answers: the server's half is `protocol/oscore_server.py`.
Left out: group OSCORE, other algorithms.
"""

from collections import namedtuple

from protocol import cbor, coap, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Cipher = Callable[[bytes, bytes, bytes, bytes], bytes]
    Options = tuple[tuple[int, bytes], ...]

ALGORITHM = 10  # AES-CCM-16-64-128
MAX_ID_BYTES = 7  # nonce length 13 - 6 (section 3.3)
SEQUENCE_END = 1 << 40  # section 7.2.1

_NONCE_BYTES = 13
_KEY_BYTES = 16
FLAG_KID_CONTEXT, FLAG_KID, PIV_LENGTH = 0x10, 0x08, 0x07  # section 6.1
# class U options travel outside (section 4.1)
OUTER = (coap.URI_HOST, coap.URI_PORT, coap.PROXY_URI, coap.PROXY_SCHEME)

Context = namedtuple("Context", ("sender_id", "recipient_id", "id_context", "sender_key", "recipient_key", "common_iv"))
# what ties a response to its request: whose key id, which Partial IV
Binding = namedtuple("Binding", ("kid", "partial_iv"))


def derive(
    master_secret: bytes,
    master_salt: bytes,
    sender_id: bytes,
    recipient_id: bytes,
    hkdf: "Callable[[bytes, bytes, bytes, int], bytes]",
    id_context: bytes | None = None,
) -> Context:
    """Return the security context of one end (section 3.2); the other end swaps the ids."""
    if len(sender_id) > MAX_ID_BYTES or len(recipient_id) > MAX_ID_BYTES or sender_id == recipient_id:
        raise errors.NotEncodable((sender_id, recipient_id))

    def key(key_id: bytes, label: str, length: int) -> bytes:
        return hkdf(master_salt, master_secret, cbor.encode([key_id, id_context, ALGORITHM, label, length]), length)

    return Context(
        sender_id,
        recipient_id,
        id_context,
        key(sender_id, "Key", _KEY_BYTES),
        key(recipient_id, "Key", _KEY_BYTES),
        key(b"", "IV", _NONCE_BYTES),
    )


def protect_request(
    context: Context, code: int, options: "Options", payload: bytes, sequence: int, seal: "Cipher"
) -> "tuple[int, Options, bytes, Binding]":
    """Return the outer code, options and payload, and the binding that opens the response.

    sequence: never given before with this context. Raises SequenceTooLarge: the context is used up, a new one is due.
    """
    partial_iv = encode_sequence(sequence)
    binding = Binding(context.sender_id, partial_iv)
    compressed = compress(partial_iv, context.sender_id, context.id_context)
    sealed = seal(
        context.sender_key,
        nonce(context.common_iv, context.sender_id, partial_iv),
        aad(binding),
        bytes((code,)) + coap.encode_options(tuple([pair for pair in options if pair[0] not in OUTER]), payload),
    )
    observes = coap.option(options, coap.OBSERVE) is not None  # seen outside too, section 4.1.3.5
    return coap.FETCH if observes else coap.POST, outer(options, compressed), sealed, binding


def encode_sequence(sequence: int) -> bytes:
    """Return the Partial IV: one to five bytes. Raises SequenceTooLarge."""
    if not 0 <= sequence < SEQUENCE_END:
        raise errors.SequenceTooLarge(sequence)
    return coap.uint(sequence) or b"\x00"


def nonce(common_iv: bytes, key_id: bytes, partial_iv: bytes) -> bytes:
    """Return the AEAD nonce (section 5.2): length of the id, id and Partial IV, padded left, xored with the common IV."""
    id_bytes = _NONCE_BYTES - 6
    padded = bytes((len(key_id),)) + bytes(id_bytes - len(key_id)) + key_id + bytes(5 - len(partial_iv)) + partial_iv
    return bytes([one ^ other for one, other in zip(padded, common_iv)])


def aad(binding: Binding) -> bytes:
    """Return the additional authenticated data (section 5.4): a response carries its request's, and so answers nothing else."""
    external = cbor.encode([1, [ALGORITHM], binding.kid, binding.partial_iv, b""])
    return cbor.encode(["Encrypt0", b"", external])


def compress(partial_iv: bytes | None, kid: bytes | None, kid_context: bytes | None) -> bytes:
    """Return the value of the OSCORE option (section 6.1); each None when it is left out."""
    flags = len(partial_iv or b"")
    out = partial_iv or b""
    if kid_context is not None:
        flags |= FLAG_KID_CONTEXT
        out += bytes((len(kid_context),)) + kid_context
    if kid is not None:
        flags |= FLAG_KID
        out += kid
    return bytes((flags,)) + out if flags else b""


def outer(options: "Options", compressed: bytes) -> "Options":
    """Return the options that travel outside, with the OSCORE option in its place."""
    outer = [pair for pair in options if (pair[0] in OUTER or pair[0] == coap.OBSERVE) and pair[0] < coap.OSCORE]
    outer.append((coap.OSCORE, compressed))
    outer.extend([pair for pair in options if pair[0] in OUTER and pair[0] > coap.OSCORE])
    return tuple(outer)
