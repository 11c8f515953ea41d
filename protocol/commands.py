"""Commands from the home to a device, and the device's result: small maps inside the protected link, each numbered and answered once.

A device says that it is there (`presence`) and observes what waits for it (RFC 7641): one command, or nothing. Numbers rise, and a device
writes down the number before it begins, so that a command that comes again is answered again and not done again. A command names the last
moment to begin it in the device's own uptime: neither end's calendar can lengthen it, nor can somebody who holds it back on the way.
A remote start of the cuff only arms it: the button must follow (threats T14).

What an argument may be stands in `ARGUMENTS`; a kind that is not there is no error here: the device answers it NOT_UNDERSTOOD.
"""

from protocol import cbor, errors, fields

ARM, STOP, IDENTIFY, UPDATE, REPORT, CHOOSE, RESTART = 1, 2, 3, 4, 5, 6, 7
LIGHT, PLAY, VOLUME, LISTEN = 8, 9, 10, 11
DONE, REFUSED, TOO_LATE, NOT_UNDERSTOOD, INTERRUPTED = 0, 1, 2, 3, 4

KIND, NUMBER, UPTIME, UNTIL = 0, 1, 2, 8
WHO, SECONDS, LANGUAGE, UNIT = 10, 11, 12, 13
LEVEL, SOUND, LOUDNESS, MINUTES, KEY = 14, 15, 16, 17, 18
PHONES = 22
RELEASE, MANIFEST_BYTES = 19, 20  # of an update: its number, and how long its signed manifest is
OUTCOME, HIGHEST, FAULT_CODE = 4, 5, 21
VERSION, SIGNAL = 32, 33  # extensions of a presence: the release as text, and how well the Wi-Fi is heard, in dBm
FIRST_ARGUMENT = 10
MAX_COMMAND_BYTES = 256
NUMBER_END = 1 << 40

# of a kind: {argument: (type, least, most, must be there)}, as in `fields.py`
ARGUMENTS: "dict[int, fields.Rules]" = {
    ARM: {WHO: (int, 1, 65535, False)},
    STOP: {},
    IDENTIFY: {SECONDS: (int, 1, 60, False)},
    UPDATE: {RELEASE: (int, 0, (1 << 32) - 1, True), MANIFEST_BYTES: (int, 1, 1536, True)},
    REPORT: {},
    CHOOSE: {LANGUAGE: (int, 0, 1, False), UNIT: (int, 0, 2, False), PHONES: (int, 0, 1, False)},
    RESTART: {},
    LIGHT: {LEVEL: (int, 0, 100, True), MINUTES: (int, 1, 720, False)},
    PLAY: {SOUND: (int, 1, 2, True), LOUDNESS: (int, 0, 100, False), MINUTES: (int, 1, 600, False)},
    VOLUME: {LOUDNESS: (int, 0, 100, True)},
    LISTEN: {KEY: (bytes, 16, 16, False), SECONDS: (int, 0, 600, True)},
}
_UPTIME = (list, 2, 2, True)
_HEAD = {KIND: (int, 1, 255, True), NUMBER: (int, 0, NUMBER_END - 1, True), UNTIL: _UPTIME}
PRESENCE: "fields.Rules" = {UPTIME: _UPTIME}
RESULT = {
    KIND: _HEAD[KIND],
    NUMBER: _HEAD[NUMBER],
    OUTCOME: (int, 0, INTERRUPTED, True),
    HIGHEST: (int, 0, NUMBER_END - 1, False),
    FAULT_CODE: (int, 1, 65535, False),
}


def encode(command: "dict[int, object]") -> bytes:
    """Return the command's bytes. Raises BadCommand: the head or an argument is wrong."""
    return cbor.encode(check_arguments(check_head(command)))


def decode(data: bytes) -> "dict[int, object]":
    """Return the command that `data` holds, its arguments checked if its kind is known. Raises NotCBOR, BadCommand."""
    return check_arguments(decode_head(data))


def decode_head(data: bytes) -> "dict[int, object]":
    """Return the command that `data` holds with whatever arguments it has: enough to answer it. Raises NotCBOR, BadCommand."""
    return check_head(_decoded(data))


def check_head(command: object) -> "dict[int, object]":
    """Return `command` itself if its kind, number and time are right and its arguments small. Raises BadCommand."""
    return _timed(fields.check(command, _HEAD, errors.BadCommand, FIRST_ARGUMENT), UNTIL)


def check_arguments(command: "dict[int, object]") -> "dict[int, object]":
    """Return `command` itself if its kind's arguments are right, or its kind unknown. Raises BadCommand(argument, got)."""
    rules = ARGUMENTS.get(command[KIND])  # type: ignore[call-overload]
    if rules is not None:
        fields.check(command, _joined(rules), errors.BadCommand)
    return command


def encode_presence(boot: int, up_ms: int) -> bytes:
    """Return what a device asks with: its start and its uptime. Raises BadCommand."""
    presence: dict[int, object] = {UPTIME: [boot, up_ms]}
    return cbor.encode(_timed(presence, UPTIME))


def decode_presence(data: bytes) -> "tuple[int, int]":
    """Return (boot, up_ms) of a device that asks. Raises NotCBOR, BadCommand."""
    known = _timed(fields.check(_decoded(data), PRESENCE, errors.BadCommand), UPTIME)
    return known[UPTIME][0], known[UPTIME][1]  # type: ignore[index]


def encode_result(result: "dict[int, object]") -> bytes:
    """Return the result's bytes. Raises BadCommand."""
    return cbor.encode(fields.check(result, RESULT, errors.BadCommand))


def decode_result(data: bytes) -> "dict[int, object]":
    """Return the result that `data` holds. Raises NotCBOR, BadCommand."""
    return fields.check(_decoded(data), RESULT, errors.BadCommand)


def _joined(rules: "fields.Rules") -> "fields.Rules":
    joined = dict(_HEAD)
    joined.update(rules)
    return joined


def _timed(known: "dict[int, object]", key: int) -> "dict[int, object]":
    for number in known[key]:  # type: ignore[attr-defined]
        if not fields.is_integer(number) or not 0 <= number < 1 << 48:
            raise errors.BadCommand(key, known[key])
    return known


def _decoded(data: bytes) -> object:
    if len(data) > MAX_COMMAND_BYTES:
        raise errors.BadCommand(None, len(data))
    return cbor.decode(data)
