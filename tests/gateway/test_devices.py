"""Enrolments from outside: what is no device's record, or holds a key that is none, lets nobody in."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway import devices
from gateway.errors import BadEnrolment
from tests.gateway.counterpart import Counterpart

GOOD = Counterpart().enrolment()
OF_P384 = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex()
OFF = GOOD["link_key"][:-1] + ("0" if GOOD["link_key"][-1] != "0" else "1")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"link_key": OFF}, "no point of P-256"),
        ({"link_key": "04" + "00" * 64}, "no point of P-256"),
        ({"link_key": OF_P384}, "link_key"),
        ({"public_key": OF_P384}, "public_key"),
        ({"public_key": Counterpart().enrolment()["public_key"]}, "kid is not the public key's"),
        ({"kid": "00000000"}, "kid is not the public key's"),
        ({"link_key": GOOD["public_key"]}, "one key for signing and for the link"),
        ({"pairing": "00"}, "pairing"),
        ({"kind": "kettle"}, "kind is none of"),
        ({"serial": ""}, "serial"),
        ({"serial": 7}, "serial"),
        ({"name": "x" * 81}, "name"),
        ({"paired_ms": -1}, "paired_ms"),
        ({"paired_ms": True}, "paired_ms"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_a_record_that_is_none_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    """A key of another curve or of none, one key for both, another kid, a field missing or out of range."""
    with pytest.raises(BadEnrolment, match=reason):
        devices.parse("x.json", json.dumps({**GOOD, **change}))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_record_without_one_of_its_fields_is_refused(name: str) -> None:
    """None of them has a default."""
    with pytest.raises(BadEnrolment, match=name):
        devices.parse("x.json", json.dumps({key: value for key, value in GOOD.items() if key != name}))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '{"serial": NaN}'])
def test_what_is_no_object_is_refused(text: str) -> None:
    """Not JSON, or JSON of another shape."""
    with pytest.raises(BadEnrolment):
        devices.parse("x.json", text)
