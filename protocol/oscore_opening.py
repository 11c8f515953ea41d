"""OSCORE, RFC 8613, from outside: what its option says, and what an answer says to the request it belongs to. See `protocol/oscore.py`."""

from collections import namedtuple

from protocol import coap, errors, oscore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocol.oscore import Cipher, Options

TAG_BYTES = 8

# what an OSCORE option says; each None when absent
Compressed = namedtuple("Compressed", ("partial_iv", "kid", "kid_context"))
# code: of the message without protection
Opened = namedtuple("Opened", ("code", "options", "payload"))


def unprotect_response(context: oscore.Context, binding: oscore.Binding, options: "Options", payload: bytes, open_: "Cipher") -> Opened:
    """Return what the response says. Raises NotOSCORE (WrongContext, TagBroken, PlaintextEmpty) or NotCoAP."""
    compressed = option(options)
    if compressed.kid is not None and compressed.kid != context.recipient_id:
        raise errors.WrongContext(compressed.kid)
    if compressed.kid_context is not None and compressed.kid_context != context.id_context:
        raise errors.WrongContext(compressed.kid_context)
    if compressed.partial_iv is None:
        response_nonce = oscore.nonce(context.common_iv, binding.kid, binding.partial_iv)
    else:
        response_nonce = oscore.nonce(context.common_iv, context.recipient_id, compressed.partial_iv)
    return open_with(context, binding, response_nonce, payload, open_)


def number(options: "Options") -> int:
    """Return the other end's own number in an answer's OSCORE option, or -1: it has none and used the request's (section 7.4.1)."""
    partial_iv = decompress(coap.option(options, coap.OSCORE) or b"").partial_iv
    return -1 if partial_iv is None else int.from_bytes(partial_iv, "big")


def decompress(value: bytes) -> Compressed:
    """Return what an OSCORE option says. Raises NotOSCORE: reserved bits, a length that lies, a Partial IV in a longer form."""
    if not value:
        return Compressed(None, None, None)
    flags = value[0]
    length = flags & oscore.PIV_LENGTH
    if flags == 0 or flags & 0xE0 or length > 5 or len(value) < 1 + length:
        raise errors.NotOSCORE(value)
    at = 1 + length
    partial_iv = value[1:at] if length else None
    if length > 1 and value[1] == 0:
        raise errors.NotOSCORE(value)
    kid_context = None
    if flags & oscore.FLAG_KID_CONTEXT:
        if len(value) <= at or len(value) - at - 1 < value[at]:
            raise errors.NotOSCORE(value)
        end = at + 1 + value[at]
        kid_context = value[at + 1 : end]
        at = end
    if flags & oscore.FLAG_KID:
        return Compressed(partial_iv, value[at:], kid_context)
    if at != len(value):
        raise errors.NotOSCORE(value)
    return Compressed(partial_iv, None, kid_context)


def option(options: "Options") -> Compressed:
    """Return what the OSCORE option of an outer message says. Raises NotOSCORE, UnknownCriticalOption."""
    value = coap.option(options, coap.OSCORE)
    if value is None:
        raise errors.NotOSCORE(None)
    coap.refuse_critical(options, (coap.OSCORE,) + oscore.OUTER)
    return decompress(value)


def open_with(context: oscore.Context, binding: oscore.Binding, used_nonce: bytes, payload: bytes, open_: "Cipher") -> Opened:
    """Return what was sealed with a nonce. Raises TagBroken, PlaintextEmpty, NotCoAP."""
    if len(payload) < TAG_BYTES:
        raise errors.TagBroken(len(payload))
    plaintext = open_(context.recipient_key, used_nonce, oscore.aad(binding), payload)
    if not plaintext:
        raise errors.PlaintextEmpty(None)
    options, inner = coap.decode_options(plaintext, 1)
    return Opened(plaintext[0], options, inner)
