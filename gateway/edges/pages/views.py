"""What the page shows of a reading, a device, a person: facts of the database turned into words, numbers and sentences of state.

Also `/state.json`, the same facts for programs of the home that are signed in.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from sqlite3 import Row as Found
from typing import Any

from structlog.typing import FilteringBoundLogger

from gateway import body, reception
from gateway.body import Facts
from gateway.devices import Device
from gateway.edges import households, linkbook, places, questions, way
from gateway.edges.buffer import Buffer
from gateway.edges.changes import Changes
from gateway.edges.custody import NO_DEVICE
from gateway.edges.enrolments import Enrolments
from gateway.edges.mqtt import Outside
from gateway.edges.pages.words import Words
from gateway.edges.sending import Sending
from gateway.edges.way import Way
from gateway.sealing import VAGUE_S
from protocol import readings, units
from protocol.sentences import SENTENCES

PERSON, ROOM = 0, 1
NAMES: Mapping[int, Mapping[int, tuple[str, float]]] = {
    readings.SCALE: {readings.GRAMS: ("weight_kg", 1000), readings.STABLE: ("stable", 1), readings.IMPEDANCE: ("impedance_ohm", 1)},
    readings.CUFF: {
        readings.SYSTOLIC: ("systolic_mmHg", 1),
        readings.DIASTOLIC: ("diastolic_mmHg", 1),
        readings.MAP: ("mean_mmHg", 1),
        readings.PULSE: ("pulse_per_min", 1),
        readings.FLAGS: ("flags", 1),
    },
    readings.CLIMATE: {readings.TEMPERATURE: ("temperature_Cel", 100), readings.HUMIDITY: ("humidity_percent", 1)},
    readings.STATUS: {readings.RESET_CAUSE: ("reset_cause", 1), readings.FAULT_CODE: ("fault", 1)},
    readings.FAULT: {readings.FAULT_CODE: ("fault", 1)},
}
_STOPS = (way.RECEIPTED, way.ASSIGNED, way.SEALED, way.PUBLISHED, way.IN_CLOUD)  # those that say something to people
LEARNT = ("last_seen_ms", "battery_percent", "last_fault", "used_by", "room")
_STATES_JSON = 1000


@dataclass(frozen=True)
class House:
    """Everything the page may look at; outside and sending are None while nothing leaves the home."""

    buffer: Buffer
    enrolments: Enrolments
    changes: Changes
    way: Way
    outside: Outside | None
    sending: Sending | None
    site: str
    log: FilteringBoundLogger
    doubts: Mapping[bytes, int] = field(default_factory=dict)  # by key id: the fault of a device's Bluetooth, while it lasts

    def subjects(self) -> dict[int, dict[str, Any]]:
        """Return everybody and every room by number."""
        return {row["subject"]: row for row in self.buffer.read(households.subjects)}

    def device(self, kid: bytes) -> Device | None:
        """Return a device by its key id, one with older keys too."""
        known = (*self.enrolments.devices, *self.enrolments.former, *self.enrolments.gone)
        return next((device for device in known if device.kid == kid), None)


def values_of(kind: int, signed: bytes) -> dict[str, float]:
    """Return what a kept reading measured, named with units, in the units people use."""
    fields = reception.stored_fields(signed)
    return {name: fields[key] / scale if scale != 1 else fields[key] for key, (name, scale) in NAMES[kind].items() if key in fields}


def in_words(kind: int, signed: bytes, words: Words) -> tuple[str, str]:
    """Return a reading as a large number and the small words behind it."""
    values = values_of(kind, signed)
    if kind == readings.SCALE:
        return words.number(values["weight_kg"], 1), "kg"
    if kind == readings.CUFF:
        pulse = words("reading.pulse", pulse=round(values["pulse_per_min"]))
        return f"{round(values['systolic_mmHg'])}/{round(values['diastolic_mmHg'])}", f"mmHg, {pulse}"
    if kind == readings.CLIMATE:
        return words.number(values["temperature_Cel"], 1), words("reading.climate", percent=round(values["humidity_percent"]))
    fault = values.get("fault")
    if fault is None:
        return "", words("reading.status")
    sentence = SENTENCES.get(int(fault), {}).get(words.language)
    return "", str(sentence or words("reading.fault", code=int(fault)))


def body_words(row: Found, subjects: Mapping[int, Mapping[str, Any]], words: Words) -> str:
    """Return the composition of a weighing as a few words, or why there is none where somebody can do something about it."""
    somebody = subjects.get(row["subject"])
    facts = Facts(*(somebody[field] for field in Facts._fields)) if somebody else Facts()
    values = reception.stored_values(row["signed"])
    permille = body.added(values, row["utc_s"], facts).get(readings.FAT_PERMILLE)
    if permille is not None:
        return words("body.composition", percent=words.number(permille / 10, 1))
    why = body.why_not(values, row["utc_s"], facts)
    return words(f"body.{why}") if why in (body.NO_BARE_FEET, body.NOT_FOR_THEM) else ""


def state(row: Found, house: House, subjects: Mapping[int, Mapping[str, Any]], words: Words) -> str:
    """Return where a reading is, as a sentence."""
    place = row["place"]
    somebody = subjects.get(row["subject"])
    if place == places.KEPT:
        return words("state.kept")
    if place == places.INBOX:
        return words("state.inbox")
    if place == places.ACCOUNT:
        return words("state.account")
    if place == places.CONFLICT:
        return words("state.conflict")
    if place in (places.ERASED, places.PART):
        return words(f"state.{place}")
    if place == places.HOME:
        if somebody is None:
            return words("state.device")
        if somebody["stopped_ms"] is not None:
            return words("state.stopped")
        return words("state.sealing") if somebody["account_key"] is not None else words("state.home", name=somebody["name"])
    return waiting(house, words)


def waiting(house: House, words: Words) -> str:
    """Return what a sealed reading waits for, as a sentence."""
    if house.outside is None:
        return words("state.no_broker")
    if not house.outside.connected:
        return words("state.no_internet", clock=words.clock(house.outside.since_ms / 1000))
    if house.sending is not None and house.sending.unanswered:
        return words("state.unanswered")
    return words("state.sent")


def way_out(house: House, words: Words) -> str:
    """Return how things stand between the home and the account store, as a sentence."""
    if house.outside is None:
        return words("way.none")
    queued = house.buffer.read(questions.queue_length)
    if not house.outside.connected:
        return words("way.cut", clock=words.clock(house.outside.since_ms / 1000), count=queued)
    return words("way.open") if queued == 0 else words("way.queued", count=queued)


def lines(rows: list[Found], house: House, words: Words) -> list[dict[str, Any]]:
    """Return readings as the page lists them."""
    subjects = house.subjects()
    numbers = [row["reading"] for row in rows]
    stops = house.way.stops_of(min(numbers), max(numbers)) if numbers else {}
    shown = []
    for row in rows:
        number, unit = in_words(row["kind"], row["signed"], words)
        somebody = subjects.get(row["subject"])
        device = house.device(row["kid"])
        shown.append(
            {
                "reading": row["reading"],
                "kind": readings.KIND_NAMES[row["kind"]],
                "number": number,
                "unit": unit,
                "body": body_words(row, subjects, words) if row["kind"] == readings.SCALE else "",
                "when": _when(row, words),
                "who": somebody["name"] if somebody else "",
                "device": device.name if device else words("device.difference" if row["kid"] == NO_DEVICE else "device.unenrolled"),
                "sure": _sure(row, words),
                "state": state(row, house, subjects, words),
                "place": row["place"],
                "reason": words(f"reason.{row['reason']}") if row["place"] == places.INBOX else "",
                "way": _way(row, stops.get(row["reading"], {}), words),
            }
        )
    return shown


def _when(row: Found, words: Words) -> str:
    """Return when a reading was taken, as sure as it is."""
    now_s, uncertainty_s = time.time(), row["uncertainty_s"]
    until = words.moment(row["utc_s"], now_s)
    if uncertainty_s is None:
        return words("reading.before", until=until)
    if uncertainty_s <= VAGUE_S:
        return until
    return words("reading.between", since=words.moment(row["utc_s"] - uncertainty_s, now_s), until=until)


def _way(row: Found, stops: Mapping[str, int], words: Words) -> list[dict[str, str]]:
    """Return the stops a reading has passed, in order, each with its time of day to the second."""
    passed = [("measured", row["utc_s"] * 1000), ("received", row["received_ms"])]
    passed += [(stop, stops[stop]) for stop in _STOPS if stop in stops]
    if row["uncertainty_s"] is None or row["uncertainty_s"] > VAGUE_S:
        del passed[0]
    return [{"stop": words(f"stop.{stop}"), "clock": words.clock(at_ms / 1000, seconds=True)} for stop, at_ms in passed]


def _sure(row: Found, words: Words) -> str:
    """Return how sure it is whose a reading is, if that was worked out; what somebody said is said."""
    if row["subject"] is None or row["reason"] != "nearest" or row["probability"] is None:
        return ""
    return words("reading.sure", percent=words.number(min(99.9, 100 * row["probability"]), 1))


def cards(house: House, words: Words) -> list[dict[str, Any]]:
    """Return a card for the newest weight and pressure of everybody, and for each room."""
    shown = []
    for subject in sorted(house.subjects().values(), key=lambda row: (row["kind"], row["subject"])):
        kinds = (readings.SCALE, readings.CUFF) if subject["kind"] == PERSON else (readings.CLIMATE,)
        for kind in kinds:
            row = questions.latest(house.buffer.reader, subject["subject"], kind)
            if row is not None:
                (line,) = lines([row], house, words)
                shown.append({**line, "title": words(f"card.{line['kind']}", name=subject["name"])})
    return shown


def devices(house: House, words: Words) -> list[dict[str, Any]]:
    """Return the enrolled devices as the page lists them."""
    learnt = house.buffer.read(households.devices)
    shown = []
    for device in house.enrolments.devices:
        facts = learnt.get(device.kid, {})
        seen = max(facts.get("last_seen_ms") or 0, facts.get("present_ms") or 0) or None
        battery = facts.get("battery_percent")
        fault = facts.get("last_fault")
        sentences = [words("device.seen", when=words.moment(seen / 1000, time.time())) if seen else words("device.never")]
        signal_dBm, version = facts.get("signal_dBm"), facts.get("version")
        if signal_dBm is not None:
            sentences.append(words(f"device.signal.{_strength(signal_dBm)}", dBm=words.number(signal_dBm, 0)))
        if version is not None:
            sentences.append(words("device.version", version=version))
        if battery is not None:
            sentences.append(words("device.battery_low" if battery < 15 else "device.battery", percent=battery))
        if device.kid in house.doubts:
            sentences.append(SENTENCES[house.doubts[device.kid]][words.language])
        if fault is not None:
            sentences.append(str(SENTENCES.get(fault, {}).get(words.language) or words("reading.fault", code=fault)))
        shown.append(
            {
                "kid": device.kid.hex(),
                "kind": device.kind,
                "name": device.name,
                "sentences": sentences,
                "seen": seen is not None,
                "used_by": facts.get("used_by"),
                "buttons": {"a": facts.get("button_a"), "b": facts.get("button_b")},
                "room": facts.get("room"),
            }
        )
    return shown


def _strength(signal_dBm: int) -> str:
    # around -70 dBm links begin to repeat themselves, below -80 they break
    return "good" if signal_dBm >= -67 else "weak" if signal_dBm >= -79 else "poor"


def for_programs(house: House, form_token: str, after: int, words: Words) -> dict[str, Any]:
    """Return the home's state as /state.json gives it: times in milliseconds of UTC, bytes in hexadecimal."""
    subjects = house.subjects()
    links = house.buffer.read(linkbook.last_links)
    rows = house.buffer.read(lambda connection: questions.recent(connection, _STATES_JSON, after=after))
    stops = house.way.stops_of(rows[-1]["reading"], rows[0]["reading"]) if rows else {}
    people = [_subject(row, links) for row in subjects.values()]
    return {
        "form_token": form_token,
        "people": [row for row in people if row["kind"] == "person"],
        "rooms": [row for row in people if row["kind"] == "room"],
        "devices": [
            {"kid": device.kid.hex(), "serial": device.serial, "kind": device.kind, "name": device.name, **_learnt(house, device)}
            for device in house.enrolments.devices
        ],
        "readings": [_reading(row, stops.get(row["reading"], {}), state(row, house, subjects, words)) for row in rows],
        "inbox": house.buffer.read(lambda connection: questions.count_in(connection, places.INBOX)),
        "queue": house.buffer.read(questions.queue_length),
        "broker": None if house.outside is None else {"connected": house.outside.connected, "since_ms": house.outside.since_ms},
        "counts": dict(house.way.counts),
    }


def _learnt(house: House, device: Device) -> dict[str, Any]:
    facts = house.buffer.read(households.devices).get(device.kid, {})
    return {key: facts.get(key) for key in LEARNT}


def _subject(row: Mapping[str, Any], links: Mapping[int, Any]) -> dict[str, Any]:
    link = links.get(row["subject"])
    return {
        "subject": row["subject"],
        "kind": "person" if row["kind"] == PERSON else "room",
        "name": row["name"],
        "usual_kg": None if row["usual_g"] is None else float(units.kg_from_grams(row["usual_g"])),
        "linked": row["account_key"] is not None,
        "link": None if link is None else link.state,
    }


def _reading(row: Found, stops: dict[str, int], sentence: str) -> dict[str, Any]:
    return {
        "reading": row["reading"],
        "kid": row["kid"].hex(),
        "sequence": row["sequence"],
        "kind": readings.KIND_NAMES[row["kind"]],
        "digest8": row["digest"][:8].hex(),
        "row_id": None if row["row_id"] is None else row["row_id"].hex(),
        "subject": row["subject"],
        "probability": row["probability"],
        "reason": row["reason"],
        "place": row["place"],
        "state": sentence,
        "utc_s": row["utc_s"],
        "uncertainty_s": row["uncertainty_s"],
        "values": values_of(row["kind"], row["signed"]),
        "stops": {"received": row["received_ms"], **stops},
    }
