"""Readings: what each integer key means, its range, and the rule for keys that come later. Live values have the same keys (`live.py`).

A reading is a map with integer keys and integer values; `FIELDS` is the one place that says which, and `protocol/foyer.cddl` says the
same for other languages (a test plays them against each other). Keys from 32 on are extensions: an integer or up to 32 bytes,
kept and ignored. An unknown key below 32 refuses the reading, because it might change what the known ones mean.
"""

from protocol import cbor, errors

SCALE, CUFF, CLIMATE, STATUS, FAULT = 0, 1, 2, 3, 4
KIND_NAMES = ("scale", "cuff", "climate", "status", "fault")

KIND, SEQUENCE, UPTIME, UTC, BATTERY = 0, 1, 2, 3, 9
GRAMS, STABLE, IMPEDANCE, BARE_FEET = 10, 11, 12, 15
SYSTOLIC, DIASTOLIC, MAP, PULSE, FLAGS, WHO = 10, 11, 12, 13, 14, 17
TEMPERATURE, HUMIDITY, LOUDNESS, CRYING = 13, 14, 16, 18
RESET_CAUSE, FAULT_CODE, WAITING, REFUSED, STARTS = 20, 21, 22, 23, 24

# What the home works out and adds to what a device signed, inside the seal only. No device can sign a negative key.
FAT_PERMILLE, FAT_FREE_GRAMS = -1, -2  # of a weighing: fat as a share of the weight, and the weight without it
SPAN_SECONDS = -3  # of a room's climate: the means of so many seconds, around the time that stands beside them

FIRST_EXTENSION = 32
LAST_EXCEPTION = 32  # of a status: kind and place of what ended the last life, as text for a developer
MAX_EXTENSION_BYTES = 32
MAX_READING_BYTES = 512  # five times the largest we send; a flash block holds several
SEQUENCE_END = 1 << 40  # RFC 8613 section 7.2.1 ends there too

_COMMON = {
    SEQUENCE: (0, SEQUENCE_END - 1, True),
    UTC: (1577836800, 4102444799, False),  # 2020 to 2099: before or after, the clock was wrong
    BATTERY: (0, 100, False),
}
# kind: {key: (least, most, must be there)}
FIELDS = {
    SCALE: {GRAMS: (1000, 250000, True), STABLE: (0, 1, True), IMPEDANCE: (1, 5000, False), BARE_FEET: (0, 1, False)},
    CUFF: {
        SYSTOLIC: (40, 280, True),
        DIASTOLIC: (20, 200, True),
        MAP: (30, 240, True),
        PULSE: (20, 250, True),
        FLAGS: (0, 65535, True),
        WHO: (1, 65535, False),
    },
    CLIMATE: {TEMPERATURE: (-4000, 12500, True), HUMIDITY: (0, 100, True)},
    STATUS: {
        RESET_CAUSE: (0, 255, False),
        FAULT_CODE: (1, 65535, False),
        WAITING: (0, 65535, False),
        REFUSED: (0, 65535, False),
        STARTS: (0, 255, False),
    },
    FAULT: {FAULT_CODE: (1, 65535, True)},
}


def encode(reading: dict[int, object]) -> bytes:
    """Return the reading's bytes. Raises BadReading as `check` does."""
    return cbor.encode(check(reading))


def decode(data: bytes) -> dict[int, object]:
    """Return the reading that `data` holds. Raises NotCBOR, BadReading."""
    return check(decode_map(data))


def check(reading: dict[int, object]) -> dict[int, object]:
    """Return `reading` itself if every field is known, there and in range.

    Raises BadReading(field, got): the first field that is not; `got` is None when it is missing.
    """
    kind = reading.get(KIND)
    if not is_integer(kind) or kind not in FIELDS:
        raise errors.BadReading(KIND, kind)
    check_fields(reading, _COMMON, FIELDS[kind])
    if kind == CUFF and not reading[DIASTOLIC] < reading[MAP] < reading[SYSTOLIC]:  # type: ignore[operator]
        raise errors.BadReading(MAP, reading[MAP])
    return reading


def is_integer(value: object) -> bool:
    """Return whether it is a number and not true or false, which are numbers to Python."""
    return isinstance(value, int) and not isinstance(value, bool)


def decode_map(data: bytes) -> dict[int, object]:
    """Return the map that `data` holds, whatever is in it. Raises NotCBOR, BadReading."""
    if len(data) > MAX_READING_BYTES:
        raise errors.BadReading(None, len(data))
    value = cbor.decode(data)
    if not isinstance(value, dict):
        raise errors.BadReading(None, value)
    return value


def check_fields(reading: dict[int, object], common: dict[int, tuple[int, int, bool]], own: dict[int, tuple[int, int, bool]]) -> None:
    """Raise BadReading(field, got) at the first field that follows none of the rules, which are {key: (least, most, must be there)}."""
    _check_uptime(reading.get(UPTIME))
    for fields in (common, own):
        for key, (_, _, needed) in fields.items():
            if needed and key not in reading:
                raise errors.BadReading(key, None)
    for key, value in reading.items():
        if not is_integer(key):
            raise errors.BadReading(key, value)
        if key in (KIND, UPTIME):
            continue
        if key >= FIRST_EXTENSION:
            if not is_integer(value) and not (isinstance(value, bytes) and len(value) <= MAX_EXTENSION_BYTES):
                raise errors.BadReading(key, value)
            continue
        rule = own.get(key) or common.get(key)
        if rule is None or not is_integer(value) or not rule[0] <= value <= rule[1]:  # type: ignore[operator]
            raise errors.BadReading(key, value)


def _check_uptime(uptime: object) -> None:
    """[boot, up_ms]: which start of the device, and how long since; always there, because a device may have no clock."""
    if not isinstance(uptime, (list, tuple)) or len(uptime) != 2:
        raise errors.BadReading(UPTIME, uptime)
    for number in uptime:
        if not is_integer(number) or not 0 <= number < 1 << 48:
            raise errors.BadReading(UPTIME, uptime)
