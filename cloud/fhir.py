"""Readings as HL7 FHIR R4B: one Bundle of Observations, the devices that measured them, and whose they are.

Plain dictionaries, checked against a frozen table of codes, units and ranges; nothing leaves this file that is not in the table.
A room's climate has a Location as its subject, never a person. A device is named by a pseudonym of its key, never by a serial
number. Impedance has no LOINC code that says what a foot-to-foot scale measures, so it has a code of our own.

Source: HL7 FHIR R4B (4.3.0); LOINC and UCUM codes as in notes on interoperability.
"""

import datetime
from hashlib import sha256
from typing import Any, NamedTuple

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
OWN = "https://foyer.example/fhir/CodeSystem/measurement"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VITAL_SIGNS_PROFILE = "http://hl7.org/fhir/StructureDefinition/vitalsigns"


class Quantity(NamedTuple):
    """One row of the table: a value's name here, its code, its unit, and the range it may have."""

    system: str
    code: str
    display: str
    unit: str
    ucum: str
    least: float
    most: float


TABLE: dict[str, Quantity] = {
    "weight_kg": Quantity(LOINC, "29463-7", "Body weight", "kg", "kg", 1, 250),
    "impedance_ohm": Quantity(OWN, "impedance", "Foot-to-foot impedance", "Ohm", "Ohm", 1, 10_000),
    "fat_percent": Quantity(LOINC, "41982-0", "Percentage of body fat Measured", "%", "%", 0, 100),
    "systolic_mmHg": Quantity(LOINC, "8480-6", "Systolic blood pressure", "mmHg", "mm[Hg]", 30, 300),
    "diastolic_mmHg": Quantity(LOINC, "8462-4", "Diastolic blood pressure", "mmHg", "mm[Hg]", 20, 250),
    "map_mmHg": Quantity(LOINC, "8478-0", "Mean blood pressure", "mmHg", "mm[Hg]", 20, 280),
    "pulse_per_min": Quantity(LOINC, "8867-4", "Heart rate", "/min", "/min", 20, 300),
    "room_Cel": Quantity(LOINC, "60832-3", "Room temperature", "°C", "Cel", -40, 125),
    "humidity_percent": Quantity(LOINC, "65643-9", "Relative humidity", "%", "%", 0, 100),
}
PANEL = {"system": LOINC, "code": "85354-9", "display": "Blood pressure panel with all children optional"}
COMPONENTS = ("systolic_mmHg", "diastolic_mmHg", "map_mmHg")
ALONE = {
    "weight": ("weight_kg", "impedance_ohm", "fat_percent"),
    "pressure": ("pulse_per_min",),
    "climate": ("room_Cel", "humidity_percent"),
}


class Measured(NamedTuple):
    """One reading, as this file takes it."""

    reading_id: str
    kind: str
    utc_s: int
    values: dict[str, float]
    verified: bool
    is_wrong: bool
    words: str
    subject: str
    label: str
    device_key: bytes


class OutOfTable(ValueError):
    """A value that no row of the table allows; `name` and `got` say which."""

    def __init__(self, name: str, got: float) -> None:
        super().__init__(f"{name}: {got}")
        self.name = name
        self.got = got


def bundle(readings: list[Measured]) -> dict[str, Any]:
    """Return a Bundle of type collection. Raises OutOfTable."""
    entries: dict[str, dict[str, Any]] = {}
    for each in readings:
        for resource in (subject(each), device(each), *observations(each)):
            entries[f"{resource['resourceType']}/{resource['id']}"] = resource
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:foyer:{name}", "resource": resource} for name, resource in entries.items()],
    }


def observations(each: Measured) -> list[dict[str, Any]]:
    """Return the Observations of one reading: a panel for blood pressure, one for each other value. Raises OutOfTable."""
    made = []
    if each.kind == "pressure":
        components = [{"code": _code(name), "valueQuantity": _quantity(name, each.values[name])} for name in COMPONENTS]
        made.append({**_common(each, "panel"), "code": {"coding": [PANEL]}, "component": components})
    for name in ALONE[each.kind]:
        if name in each.values:
            made.append({**_common(each, name), "code": _code(name), "valueQuantity": _quantity(name, each.values[name])})
    return made


def device(each: Measured) -> dict[str, Any]:
    """Return the Device: what it is, under a pseudonym of its key."""
    names = {"weight": "Body scale", "pressure": "Blood pressure cuff", "climate": "Babyphone"}
    return {
        "resourceType": "Device",
        "id": _device_id(each),
        "deviceName": [{"name": f"Foyer {names[each.kind]}", "type": "user-friendly-name"}],
    }


def subject(each: Measured) -> dict[str, Any]:
    """Return whose reading it is: a Patient with nothing but the name the home uses, if that, or a Location for a room."""
    if each.kind == "climate":
        return {"resourceType": "Location", "id": each.subject, "mode": "instance"} | ({"name": each.label} if each.label else {})
    return {"resourceType": "Patient", "id": each.subject} | ({"name": [{"text": each.label}]} if each.label else {})


def _common(each: Measured, part: str) -> dict[str, Any]:
    moment = datetime.datetime.fromtimestamp(each.utc_s, datetime.UTC).isoformat().replace("+00:00", "Z")
    kind = "Location" if each.kind == "climate" else "Patient"
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"{each.reading_id}-{part.partition('_')[0]}",
        # what its person marked as wrong says so; what no device signed is not final
        "status": "entered-in-error" if each.is_wrong else "final" if each.verified else "preliminary",
        "subject": {"reference": f"{kind}/{each.subject}"},
        "device": {"reference": f"Device/{_device_id(each)}"},
        "effectiveDateTime": moment,
    }
    if each.kind != "climate":
        resource["category"] = [{"coding": [{"system": CATEGORY, "code": "vital-signs", "display": "Vital Signs"}]}]
    if each.words:
        resource["note"] = [{"text": each.words}]
    return resource


def _code(name: str) -> dict[str, Any]:
    row = TABLE[name]
    return {"coding": [{"system": row.system, "code": row.code, "display": row.display}], "text": row.display}


def _quantity(name: str, value: float) -> dict[str, Any]:
    row = TABLE[name]
    if not row.least <= value <= row.most:
        raise OutOfTable(name, value)
    return {"value": value, "unit": row.unit, "system": UCUM, "code": row.ucum}


def _device_id(each: Measured) -> str:
    return sha256(b"foyer device\x00" + each.device_key).hexdigest()[:32]


def codes(resource: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the codes an Observation may be asked for by: its own, and those of its parts."""
    coded = [resource["code"], *(part["code"] for part in resource.get("component", []))]
    return {(coding["system"], coding["code"]) for each in coded for coding in each["coding"]}


def searchset(
    base: str, self_link: str, next_link: str, total: int, matches: list[dict[str, Any]], more: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a Bundle of type searchset: the matches, then what was asked to be included."""
    links = [{"relation": "self", "url": self_link}] + ([{"relation": "next", "url": next_link}] if next_link else [])
    entries = [(each, "match") for each in matches] + [(each, "include") for each in more]
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    if entries:
        found["entry"] = [
            {"fullUrl": f"{base}/{each['resourceType']}/{each['id']}", "resource": each, "search": {"mode": mode}} for each, mode in entries
        ]
    return found


def outcome(code: str, words: str) -> dict[str, Any]:
    """Return an OperationOutcome: what was not done, and why. Source: FHIR R4B, value set issue-type."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code, "diagnostics": words}]}


def capability(base: str, token_address: str, date: str) -> dict[str, Any]:
    """Return the CapabilityStatement: what a partner may ask, and how it shows that it may."""
    uris = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
    security = {
        "cors": False,
        "service": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "OAuth"}]}],
        "description": "OAuth 2.0 client credentials, handed out by the person whose readings they open.",
        "extension": [{"url": uris, "extension": [{"url": "token", "valueUri": token_address}]}],
    }
    asked = {
        "Observation": [("date", "date"), ("code", "token"), ("subject", "reference"), ("_id", "token")],
        "Device": [("_id", "token")],
        "Patient": [("_id", "token")],
        "Location": [("_id", "token")],
    }
    resources: list[dict[str, Any]] = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": [{"name": name, "type": type_} for name, type_ in parameters],
        }
        for kind, parameters in asked.items()
    ]
    resources[0]["searchInclude"] = ["Observation:subject", "Observation:device"]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "implementation": {"description": "Foyer: readings that their owner shares", "url": base},
        "fhirVersion": "4.3.0",
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "security": security, "resource": resources}],
    }
