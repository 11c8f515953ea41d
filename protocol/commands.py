"""Commands from the home to a device, and the device's result: small maps inside the protected link, each numbered and answered once.

A device observes `c` (RFC 7641) and hears of a command as a notification. The number is the home's, never given twice, so that a command
that comes again is answered again and not done again. A remote start of the cuff only arms it: the button must follow (threats T14).
"""

from protocol import cbor, errors, fields

ARM, STOP, IDENTIFY, UPDATE = 1, 2, 3, 4  # arm the cuff for its button; stop whatever runs; show yourself; look for an update
DONE, REFUSED, TOO_LATE, NOT_UNDERSTOOD = 0, 1, 2, 3

KIND, NUMBER, CHALLENGE, VALID_S = 0, 1, 2, 3
OUTCOME, FAULT_CODE = 4, 21
CHALLENGE_BYTES = 8
MAX_COMMAND_BYTES = 256

COMMAND = {
    KIND: (int, 1, 255, True),
    NUMBER: (int, 0, (1 << 40) - 1, True),
    CHALLENGE: (bytes, CHALLENGE_BYTES, CHALLENGE_BYTES, False),
    VALID_S: (int, 1, 3600, True),
}
RESULT = {KIND: COMMAND[KIND], NUMBER: COMMAND[NUMBER], OUTCOME: (int, 0, 3, True), FAULT_CODE: (int, 1, 65535, False)}


def encode(command: "dict[int, object]") -> bytes:
    """Return the command's bytes. Raises BadCommand."""
    return cbor.encode(fields.check(command, COMMAND, errors.BadCommand))


def decode(data: bytes) -> "dict[int, object]":
    """Return the command that `data` holds. An unknown kind is no error: it is answered NOT_UNDERSTOOD. Raises NotCBOR, BadCommand."""
    return fields.check(_decoded(data), COMMAND, errors.BadCommand)


def encode_result(result: "dict[int, object]") -> bytes:
    """Return the result's bytes. Raises BadCommand."""
    return cbor.encode(fields.check(result, RESULT, errors.BadCommand))


def decode_result(data: bytes) -> "dict[int, object]":
    """Return the result that `data` holds. Raises NotCBOR, BadCommand."""
    return fields.check(_decoded(data), RESULT, errors.BadCommand)


def _decoded(data: bytes) -> object:
    if len(data) > MAX_COMMAND_BYTES:
        raise errors.BadCommand(None, len(data))
    return cbor.decode(data)
