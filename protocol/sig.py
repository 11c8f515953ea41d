"""What phones are told over Bluetooth: the SIG's own layouts, little-endian; GATT Specification Supplement, and each service's document.

Weight Scale 1.0, Body Composition 1.0, Blood Pressure 1.1, Environmental Sensing 1.0, User Data 1.1, Device Information 1.2. Left out: a
time stamp, because theirs is the phone's local time and no device knows a zone; imperial units; whose a measurement is: a device does not
know, so the user is always the unknown one; and the share of fat, which the home works out with what only it knows.
"""

WEIGHT_SCALE, WEIGHT_MEASUREMENT, WEIGHT_FEATURE = 0x181D, 0x2A9D, 0x2A9E
BODY_COMPOSITION, BODY_MEASUREMENT, BODY_FEATURE = 0x181B, 0x2A9C, 0x2A9B
BLOOD_PRESSURE, PRESSURE_MEASUREMENT, PRESSURE_FEATURE = 0x1810, 0x2A35, 0x2A49
ENVIRONMENT, TEMPERATURE, HUMIDITY = 0x181A, 0x2A6E, 0x2A6F
USER_DATA, CHANGE_INCREMENT, USER_INDEX, USER_CONTROL, LANGUAGE = 0x181C, 0x2A99, 0x2A9A, 0x2A9F, 0x2AA2
DEVICE_INFORMATION, MANUFACTURER, MODEL = 0x180A, 0x2A29, 0x2A24

UNKNOWN_USER = 0xFF
UNSUCCESSFUL = 0xFFFF  # of a share of fat: then nothing else but the user may be said
_USER = 0x04
_PRESSURE_FLAGS = 0x1C  # pulse, user, status; millimetres of mercury
_IRREGULAR = 0x0004
_GRAMS = 5  # a weight's unit
WEIGHT_FEATURES = (1 << 1 | 7 << 3).to_bytes(4, "little")  # several users; steps of 5 g
BODY_FEATURES = (1 << 1).to_bytes(4, "little")  # several users
PRESSURE_FEATURES = (1 << 2 | 1 << 5).to_bytes(2, "little")  # irregular pulse; several bonds


def weight(grams: int) -> bytes:
    """Return a Weight Measurement."""
    return bytes((_USER,)) + _u16((grams + _GRAMS // 2) // _GRAMS) + bytes((UNKNOWN_USER,))


def composition() -> bytes:
    """Return a Body Composition Measurement that has no share of fat, and so may have nothing but the user (section 3.2.1.2)."""
    return _u16(_USER) + _u16(UNSUCCESSFUL) + bytes((UNKNOWN_USER,))


def pressure(systolic_mmHg: int, diastolic_mmHg: int, map_mmHg: int, pulse_per_min: int, irregular: bool) -> bytes:
    """Return a Blood Pressure Measurement."""
    numbers = b"".join([sfloat(each) for each in (systolic_mmHg, diastolic_mmHg, map_mmHg, pulse_per_min)])
    return bytes((_PRESSURE_FLAGS,)) + numbers + bytes((UNKNOWN_USER,)) + _u16(_IRREGULAR if irregular else 0)


def temperature(centi_Cel: int) -> bytes:
    """Return a Temperature."""
    return _u16(centi_Cel & 0xFFFF)


def humidity(percent: int) -> bytes:
    """Return a Humidity."""
    return _u16(100 * percent)


def sfloat(value: int) -> bytes:
    """Return a whole number of -2045..2045 as the 16-bit float of IEEE 11073-20601: 12 bits of mantissa, an exponent of 0."""
    return _u16(value & 0x0FFF)


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "little")
