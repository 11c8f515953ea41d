"""Live values: what a nursery sounds like now, for the phone of whoever listens. Protected on the link, never signed, never kept.

The keys and their meaning are those of `readings.py`, and so is the rule for keys that come later.
"""

from protocol import cbor, errors, readings

FIELDS = {
    readings.LOUDNESS: (0, 400, True),
    readings.CRYING: (0, 1, False),
    readings.TEMPERATURE: (-4000, 12500, False),
    readings.HUMIDITY: (0, 100, False),
}


def encode(value: dict[int, object]) -> bytes:
    """Return the bytes of a live value: kind 2, [boot, up_ms], loudness in half dB(A), crying, and the climate if at hand."""
    return cbor.encode(check(value))


def decode(data: bytes) -> dict[int, object]:
    """Return the live value that `data` holds. Raises NotCBOR, BadReading."""
    return check(readings.decode_map(data))


def check(value: dict[int, object]) -> dict[int, object]:
    """Return `value` itself if it is a live value. Raises BadReading(field, got)."""
    kind = value.get(readings.KIND)
    if not readings.is_integer(kind) or kind != readings.CLIMATE:
        raise errors.BadReading(readings.KIND, kind)
    readings.check_fields(value, {}, FIELDS)
    return value
