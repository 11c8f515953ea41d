"""What a Home Assistant in the same home is told, and in which words: MQTT discovery by device, and the states behind it.

Off until the owner names a broker in the configuration. Then: the air of each room, and of each device its battery, when it was last
heard and whether it has a fault. A person's readings only if the owner ticked that person and that kind. Never loudness or
sound: they are for parents, and Home Assistant keeps a history of everything. Alarms, crying among them, only if the owner turned that on.

Everything is a retained message, so what shall be there is one map of topics; whoever publishes compares it with what is there.
Source: home-assistant.io/integrations/mqtt, "MQTT discovery"; what of it is checked by tests stands in tests/vectors/home_assistant.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol import readings

PREFIX = "homeassistant"
ONLINE, OFFLINE = "online", "offline"
# Of a kind of reading: the name of each value as `views` has it, its device class (None: Home Assistant has no such), its unit.
_SENSORS: Mapping[int, tuple[tuple[str, str | None, str], ...]] = {
    readings.SCALE: (("weight_kg", "weight", "kg"),),
    readings.CUFF: (("systolic_mmHg", "pressure", "mmHg"), ("diastolic_mmHg", "pressure", "mmHg"), ("pulse_per_min", None, "bpm")),
    readings.CLIMATE: (("temperature_Cel", "temperature", "°C"), ("humidity_percent", "humidity", "%")),
}
HEALTH = (readings.SCALE, readings.CUFF)


@dataclass(frozen=True, slots=True)
class Told:
    """One device with what may be said of it; fault: whether its last word of itself was one."""

    kid: str
    kind: str
    name: str
    battery_percent: int | None
    last_seen_utc: str | None
    fault: bool


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest reading of a kind of somebody, or of a room; values as `views` names them."""

    subject: int
    name: str
    kind: int
    values: Mapping[str, float]


def availability_topic(home: str) -> str:
    """Return where the gateway says that it is there; home: a random name of this home."""
    return f"foyer/{home}/availability"


def alarm_topic(home: str, kid: str) -> str:
    """Return where the alarms of a device are told as they happen, if the owner turned that on."""
    return f"foyer/{home}/alarms/{kid}"


def filters(home: str) -> tuple[str, str]:
    """Return the topic filters of everything that this gateway retains."""
    return f"foyer/{home}/#", f"{PREFIX}/device/foyer_{home}/+/config"


def messages(home: str, devices: Sequence[Told], latest: Sequence[Latest], labels: Mapping[str, str]) -> dict[str, str]:
    """Return every message that shall be retained, by topic; labels: what each value is called, in the home's language."""
    told: dict[str, str] = {}
    for device in devices:
        parts = {"problem": _part(home, device.kid, "problem", labels, platform="binary_sensor", device_class="problem")}
        state: dict[str, object] = {"problem": "ON" if device.fault else "OFF"}
        if device.battery_percent is not None:
            parts["battery"] = _part(
                home, device.kid, "battery", labels, device_class="battery", unit_of_measurement="%", state_class="measurement"
            )
            state["battery"] = device.battery_percent
        if device.last_seen_utc is not None:
            parts["last_seen"] = _part(home, device.kid, "last_seen", labels, device_class="timestamp")
            state["last_seen"] = device.last_seen_utc
        for part in parts.values():
            part["entity_category"] = "diagnostic"
        _put(told, home, device.kid, device.name, labels[device.kind], parts, state)
    for subject in sorted({each.subject for each in latest}):
        its = [each for each in latest if each.subject == subject]
        node = f"subject_{subject}"
        parts = {
            name: _part(home, node, name, labels, device_class=device_class, unit_of_measurement=unit, state_class="measurement")
            for each in its
            for name, device_class, unit in _SENSORS[each.kind]
            if name in each.values
        }
        _put(
            told,
            home,
            node,
            its[0].name,
            labels["subject"],
            parts,
            {name: value for each in its for name, value in each.values.items() if name in parts},
        )
    return told


def _part(home: str, node: str, name: str, labels: Mapping[str, str], platform: str = "sensor", **more: str | None) -> dict[str, str]:
    facts = {
        "platform": platform,
        "unique_id": f"foyer_{home}_{node}_{name}",
        "name": labels[name],
        "state_topic": f"foyer/{home}/{node}",
        "value_template": f"{{{{ value_json.{name} }}}}",
    }
    return facts | {key: value for key, value in more.items() if value is not None}


def _put(
    told: dict[str, str], home: str, node: str, name: str, model: str, parts: Mapping[str, object], state: Mapping[str, object]
) -> None:
    discovery = {
        "device": {"identifiers": [f"foyer_{home}_{node}"], "name": name, "manufacturer": "Foyer", "model": model},
        "origin": {"name": "Foyer"},
        "availability_topic": availability_topic(home),
        "components": parts,
    }
    told[f"{PREFIX}/device/foyer_{home}/{node}/config"] = json.dumps(discovery, ensure_ascii=False)
    told[f"foyer/{home}/{node}"] = json.dumps(state)


def changes(there: Mapping[str, str], wanted: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what to publish so that exactly what is wanted is there; an empty message takes one away, and goes first.

    A value goes before the description that points at it would show nothing; so states come before discovery.
    """
    gone = [(topic, "") for topic in sorted(there) if topic not in wanted]
    new = [(topic, wanted[topic]) for topic in sorted(wanted) if there.get(topic) != wanted[topic]]
    return gone + new
