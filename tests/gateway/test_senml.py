"""Readings as SenML, held against the examples of RFC 8428 and its rules."""

import json
import re
from pathlib import Path

import pytest

from gateway import senml
from protocol import readings, units

KID = bytes.fromhex("0a1b2c3d")
EXAMPLES = Path(__file__).parents[1] / "vectors" / "senml"
# Of RFC 8428 section 12.1, those that may appear here.
UNITS = {"kg", "Cel", "Pa", "%RH", "beat/min", "Ohm", "%EL", "/"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")

CASES = {
    readings.SCALE: {readings.GRAMS: 72400, readings.STABLE: 1, readings.IMPEDANCE: 512, readings.BATTERY: 88},
    readings.CUFF: {10: 121, 11: 79, 12: 94, 13: 63, 14: 0},
    readings.CLIMATE: {readings.TEMPERATURE: -1250, readings.HUMIDITY: 45},
    readings.FAULT: {readings.FAULT_CODE: 50},
}


@pytest.mark.parametrize("kind", CASES)
def test_a_pack_resolves_to_named_values_with_registered_units(kind: int) -> None:
    """Base name and time stand in the first record only; every resolved name, unit and value is valid."""
    pack = json.loads(json.dumps(senml.render(KID, kind, 1_790_000_000.0, CASES[kind])))
    assert pack[0]["bt"] == 1_790_000_000.0
    for number, record in enumerate(pack):
        assert set(record) == ({"bn", "bt", "n", "u", "v"} if number == 0 else {"n", "u", "v"})
        assert NAME.fullmatch(pack[0]["bn"] + record["n"])
        assert record["u"] in UNITS
        assert isinstance(record["v"], int | float)


def test_values_are_in_their_units() -> None:
    """72.4 kg, -12.5 Cel, and pascals that round back to the label's mmHg."""
    assert senml.render(KID, readings.SCALE, 0.0, CASES[readings.SCALE])[0]["v"] == 72.4
    assert senml.render(KID, readings.CLIMATE, 0.0, CASES[readings.CLIMATE])[0]["v"] == -12.5
    for systolic_mmHg in range(40, 281):
        (record, *_) = senml.render(KID, readings.CUFF, 0.0, {**CASES[readings.CUFF], 10: systolic_mmHg})
        assert round(units.mmHg_from_Pa(float(record["v"]))) == systolic_mmHg


def test_nothing_to_say_is_an_empty_pack() -> None:
    """A status without values renders nothing."""
    assert senml.render(KID, readings.STATUS, 0.0, {}) == []
