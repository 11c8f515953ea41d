"""RFC 8428 (SenML, JSON): a verified reading in the shape other programs of the home read.

The wire carries integers; here they become SenML's registered units (kg, Cel, %RH, Pa, beat/min, Ohm). It knows no millimetre of mercury,
so pressures are in pascals, to 0.01: rounding back gives the label's whole mmHg. Left out: base values other than name and time,
sums, update times, data values.
"""

from collections.abc import Mapping

from protocol import readings, units

Record = dict[str, str | float | bool]


def render(kid: bytes, kind: int, utc_s: float, values: Mapping[int, int | bytes]) -> list[Record]:
    """Return the SenML records of a reading, the first with base name and base time.

    kid names the device, in hexadecimal: no serial number leaves this way. A fault gives its number.
    """
    records: list[Record] = []
    for key, name, unit in _FIELDS.get(kind, ()):
        value = values.get(key)
        if isinstance(value, int):
            records.append({"n": name, "u": unit, "v": _scaled(kind, key, value)})
    battery = values.get(readings.BATTERY)
    if isinstance(battery, int):
        records.append({"n": "battery", "u": "%EL", "v": battery})
    if not records:
        return []
    return [{"bn": f"{kid.hex()}/", "bt": utc_s, **records[0]}, *records[1:]]


_FIELDS: Mapping[int, tuple[tuple[int, str, str], ...]] = {
    readings.SCALE: ((readings.GRAMS, "weight", "kg"), (readings.IMPEDANCE, "impedance", "Ohm")),
    readings.CUFF: (
        (readings.SYSTOLIC, "systolic", "Pa"),
        (readings.DIASTOLIC, "diastolic", "Pa"),
        (readings.MAP, "mean", "Pa"),
        (readings.PULSE, "pulse", "beat/min"),
    ),
    readings.CLIMATE: ((readings.TEMPERATURE, "temperature", "Cel"), (readings.HUMIDITY, "humidity", "%RH")),
    readings.FAULT: ((readings.FAULT_CODE, "fault", "/"),),
}


def _scaled(kind: int, key: int, value: int) -> float:
    if kind == readings.SCALE and key == readings.GRAMS:
        return float(units.kg_from_grams(value))
    if kind == readings.CUFF and key != readings.PULSE:
        return round(float(units.Pa_from_mmHg(value)), 2)
    if kind == readings.CLIMATE and key == readings.TEMPERATURE:
        return float(units.Cel_from_centi_Cel(value))
    return value
