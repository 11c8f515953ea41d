"""OSCORE, RFC 8613, for the end that is asked: requests opened, responses sealed. See `protocol/oscore.py`.

A replay window is `replay.py`'s. In a home that end is aiocoap; this one lets the tests play both, and runs under both Pythons.
"""

from protocol import coap, errors, oscore, oscore_opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocol.oscore import Cipher, Options


def unprotect_request(
    context: oscore.Context, options: "Options", payload: bytes, open_: "Cipher"
) -> tuple[oscore_opening.Opened, oscore.Binding, int]:
    """Return what the request says, the binding for its response, and its sequence number, which the caller checks for replay."""
    compressed = oscore_opening.option(options)
    if compressed.partial_iv is None or compressed.kid is None:
        raise errors.NotOSCORE(options)
    if compressed.kid != context.recipient_id or compressed.kid_context != context.id_context:
        raise errors.WrongContext(compressed.kid)
    binding = oscore.Binding(compressed.kid, compressed.partial_iv)
    request_nonce = oscore.nonce(context.common_iv, compressed.kid, compressed.partial_iv)
    opened = oscore_opening.open_with(context, binding, request_nonce, payload, open_)
    return opened, binding, int.from_bytes(compressed.partial_iv, "big")


def protect_response(
    context: oscore.Context,
    binding: oscore.Binding,
    code: int,
    options: "Options",
    payload: bytes,
    seal: "Cipher",
    sequence: int | None = None,
) -> "tuple[int, Options, bytes]":
    """Return the outer code, options and payload.

    sequence: one of the server's own, needed for any response after the first to a request, and for every response to a request
    whose freshness was in doubt; None uses the request's nonce (section 8.3).
    """
    partial_iv = None if sequence is None else oscore.encode_sequence(sequence)
    whose = (binding.kid, binding.partial_iv) if partial_iv is None else (context.sender_id, partial_iv)
    sealed = seal(
        context.sender_key,
        oscore.nonce(context.common_iv, whose[0], whose[1]),
        oscore.aad(binding),
        bytes((code,)) + coap.encode_options(options, payload),
    )
    return coap.CHANGED, oscore.outer((), oscore.compress(partial_iv, None, None)), sealed
