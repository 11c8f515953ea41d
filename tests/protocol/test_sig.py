"""The Bluetooth SIG's layouts, taken apart here as its documents say."""

import struct

import pytest

from protocol import sig


def number_of(sfloat: int) -> float:
    """Return an SFLOAT's value: four bits of exponent and twelve of mantissa, both two's complement."""
    exponent, mantissa = sfloat >> 12, sfloat & 0xFFF
    return (mantissa - (mantissa >> 11 << 12)) * 10.0 ** (exponent - (exponent >> 3 << 4))


def test_the_sfloat_of_121_is_that_of_the_specification() -> None:
    """0x0079, and the other way to write it is read as the same here; every value that a cuff has comes back."""
    assert sig.sfloat(121) == b"\x79\x00"
    assert number_of(0xF4BA) == number_of(0x0079) == 121
    assert all(number_of(int.from_bytes(sig.sfloat(value), "little")) == value for value in range(-2045, 2046))


@pytest.mark.parametrize(("grams", "steps"), [(1000, 200), (72_352, 14_470), (72_353, 14_471), (250_000, 50_000)])
def test_a_weight_has_steps_of_five_grams_and_an_unknown_user(grams: int, steps: int) -> None:
    """Weight Measurement: flags, weight, user; the nearest step."""
    assert struct.unpack("<BHB", sig.weight(grams)) == (4, steps, 255)


def test_a_pressure_has_mean_pulse_and_whether_it_was_irregular() -> None:
    """Blood Pressure Measurement in mmHg: three pressures, pulse, user, status."""
    for irregular in (False, True):
        flags, *numbers, user, status = struct.unpack("<BHHHHBH", sig.pressure(124, 79, 94, 66, irregular))
        assert (flags, user, status) == (0b11100, 255, 4 if irregular else 0)
        assert [number_of(each) for each in numbers] == [124, 79, 94, 66]


def test_a_composition_without_fat_says_so_and_nothing_else() -> None:
    """Body Composition Measurement: unsuccessful, and of the optional fields only the user."""
    assert struct.unpack("<HHB", sig.composition()) == (4, 0xFFFF, 255)


@pytest.mark.parametrize("centi_Cel", [-4000, -1, 0, 2134, 12_500])
def test_a_temperature_may_be_below_zero(centi_Cel: int) -> None:
    """Hundredths of a degree with a sign; humidity in hundredths of a percent."""
    assert struct.unpack("<h", sig.temperature(centi_Cel)) == (centi_Cel,)
    assert struct.unpack("<H", sig.humidity(47)) == (4700,)


def test_what_a_device_can_is_said_bit_by_bit() -> None:
    """Several users everywhere; a scale's resolution of 5 g is number 7 of its list; a cuff tells an irregular pulse."""
    (weight,), (body,), (pressure,) = (
        struct.unpack(layout, data)
        for layout, data in (("<I", sig.WEIGHT_FEATURES), ("<I", sig.BODY_FEATURES), ("<H", sig.PRESSURE_FEATURES))
    )
    assert (weight >> 1 & 1, weight >> 3 & 15, body, pressure) == (1, 7, 2, 0b100100)
