"""The scene: everything on the page that changes, as flat facts by name and a list of readings.

The template puts a fact where its name stands and the script replaces it there when it changes, so the page without a script and the
page with one show the same. Pure: the house's look, the readings and the switches come in, words and states go out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from simulator.panel import way
from simulator.panel.way import Around, Reading
from simulator.panel.witness import Witness
from simulator.panel.words import Tongue

SHOWN_READINGS = 12
SHOWN_CLIMATE = 3  # the nursery measures often; its readings, arrived or waiting, shall not push a weigh-in off the list
CLIMATE = 2
LONG_WORDS = 15  # letters; longer ones are drawn smaller on a device's display
LONG_NUMBER = 8
LOUD_dBA = 50.0
_ARROWS = {1: "▲", 0: "", -1: "▼"}

Look = Mapping[str, Mapping[str, object]]


class Stop(NamedTuple):
    """One stop of a reading's way, as the list shows it; `clock` and `after` are empty when it was not passed yet."""

    name: str
    clock: str
    after: str


class Row(NamedTuple):
    """One reading, as the list shows it."""

    name: str
    device: str
    place: str
    waits: bool
    title: str
    number: int
    clock: str
    sentence: str
    groups: tuple[tuple[str, tuple[Stop, ...]], ...]


class Scene(NamedTuple):
    """What is to be seen now."""

    facts: dict[str, str]
    rows: list[Row]


def readings(said: Sequence[Mapping[str, object]], look: Look, switches: Mapping[str, bool], now_s: float) -> list[Reading]:
    """Return every reading with its place and what it waits for, the newest first."""
    gateway, broker = switches.get("gateway", True), switches.get("broker", True)
    followed = []
    for one in said:
        seen = look.get(str(one.get("device")), {})
        around = Around(bool(seen.get("powered", True)), bool(seen.get("wifi", True)), gateway, broker)
        reading = way.follow(one, around, now_s)
        if reading is not None:
            followed.append(reading)
    return sorted(followed, key=lambda reading: reading.began_s, reverse=True)


def compose(
    look: Look, said: Sequence[Mapping[str, object]], switches: Mapping[str, bool], witness: Witness, tongue: Tongue, now_s: float
) -> Scene:
    """Return the scene. said: what `ways()` returned; switches: by name, whether it is on; now_s: UTC."""
    every = readings(said, look, switches, now_s)
    kinds = {name: str(seen["kind"]) for name, seen in look.items()}
    facts: dict[str, str] = {}
    for name, seen in look.items():
        facts |= {f"{name}.{fact}": value for fact, value in _device(name, seen, witness, tongue).items()}
        own = [reading for reading in every if reading.device == name]
        facts[f"{name}.waiting"] = _count(reading.place == way.DEVICE and bool(reading.reason) for reading in own)
        facts[f"{name}.latest"] = _latest(own, tongue, kinds)
    for name, on in switches.items():
        facts |= {f"switch.{name}.{fact}": value for fact, value in _switch(name, on, witness, tongue).items()}
    facts["home.waiting"] = _count(reading.place == way.HOME and bool(reading.reason) for reading in every)
    arrived = sum(reading.place == way.CLOUD for reading in every)
    facts["cloud.arrived"] = _plural(arrived, "arrived_none", "arrived_one", "arrived_many", tongue)
    facts["cloud.count"] = str(arrived) if arrived else ""
    facts["announcement"] = _announcement(every, witness, kinds, tongue)
    shown = _shown(every)
    hidden = arrived - sum(reading.place == way.CLOUD for reading in shown)
    facts["earlier"] = _plural(hidden, "", "readings_earlier_one", "readings_earlier", tongue)
    facts["later"] = _plural(len(every) - len(shown) - hidden, "", "readings_later_one", "readings_later", tongue)
    facts["none"] = "" if shown else tongue.say("readings_none")
    return Scene(facts, [_row(reading, tongue, kinds) for reading in shown])


def _device(name: str, seen: Mapping[str, object], witness: Witness, tongue: Tongue) -> dict[str, str]:
    powered, wifi = bool(seen["powered"]), bool(seen["wifi"])
    power, air = ("on" if powered else "off"), ("on" if wifi else "off")
    display = seen["display"]
    number, words = display if isinstance(display, tuple) else ("", "")
    whose = seen.get("whose")
    initials, trend = whose if powered and isinstance(whose, tuple) else ("", 0)
    since_power, since_wifi = witness.since_s(name, "power", powered), witness.since_s(name, "wifi", wifi)
    if not powered:
        state = tongue.say("state_off", clock=tongue.clock(since_power))
    elif not wifi:
        state = tongue.say("state_no_wifi", clock=tongue.clock(since_wifi))
    else:
        state = tongue.say("state_well" if name in witness.ready else "state_starting")
    facts = {
        "number": str(number) if powered else "",
        "words": str(words) if powered else "",
        "whose": f"{initials} {_ARROWS[trend]}".strip(),
        "long": "yes" if len(str(words)) > LONG_WORDS else "no",
        "wide": "yes" if len(str(number)) > LONG_NUMBER else "no",
        "dark": "" if powered and (number or words) else tongue.say("display_dark"),
        "power": power,
        "wifi": air,
        "state": state,
        **_toggle("power", powered, tongue),
        **_toggle("wifi", wifi, tongue),
    }
    return facts | _PARTS[str(seen["kind"])](name, seen, witness, tongue)


def _scale(name: str, seen: Mapping[str, object], witness: Witness, tongue: Tongue) -> dict[str, str]:
    who = witness.using.get(name, "")
    load = tongue.number(_float(seen, "load_kg"), 1, "kg")
    if who:
        truth = tongue.say("truth_scale_who", person=recorded_name(who, tongue), load=load)
    else:
        truth = tongue.say("truth_scale", load=load) if seen.get("occupied") else tongue.say("truth_scale_empty")
    return {"used": "yes" if who or seen.get("occupied") else "no", "truth": truth}


def _cuff(name: str, seen: Mapping[str, object], witness: Witness, tongue: Tongue) -> dict[str, str]:
    wrapped = bool(seen.get("wrapped"))
    truth = tongue.say("truth_cuff")
    if wrapped:
        pressure = tongue.number(_float(seen, "pressure_mmHg"), 0, "mmHg")
        sentence = "truth_cuff_cut_off" if seen.get("cut_off") else "truth_cuff_who"
        truth = tongue.say(sentence, person=witness.using.get(name, ""), pressure=pressure)
    return {"used": "yes" if wrapped else "no", "pump": "on" if seen.get("pump_runs") else "off", "truth": truth}


def _babyphone(name: str, seen: Mapping[str, object], witness: Witness, tongue: Tongue) -> dict[str, str]:
    window, heater = bool(seen.get("window_open")), witness.heater.get(name, 0.0) > 0
    loudness_dBA = _float(seen, "sound_dBA")
    return {
        "truth": tongue.say(
            "truth_babyphone",
            Cel=tongue.number(_float(seen, "room_Cel"), 1, "°C"),
            percent=tongue.number(_float(seen, "room_percent"), 0, "%"),
            dBA=tongue.number(loudness_dBA, 0, "dB(A)"),
        ),
        "window": "open" if window else "closed",
        "window.to": "closed" if window else "open",
        "window.label": tongue.say("window_close" if window else "window_open"),
        "heater": "on" if heater else "off",
        "heater.to": "off" if heater else "on",
        "heater.label": tongue.say("heat_off" if heater else "heat_on"),
        "loud": "yes" if loudness_dBA > LOUD_dBA else "no",
    }


_PARTS = {"scale": _scale, "cuff": _cuff, "babyphone": _babyphone}


def _switch(name: str, on: bool, witness: Witness, tongue: Tongue) -> dict[str, str]:
    known = name if name in ("gateway", "broker") else "switch"
    now = "on" if on else "off"
    return {
        "now": now,
        "state": tongue.say(f"state_{known}_{now}", clock=tongue.clock(witness.since_s(name, "switch", on))),
        "to": "off" if on else "on",
        "label": tongue.say(f"{known}_off" if on else f"{known}_on"),
    }


def _toggle(what: str, on: bool, tongue: Tongue) -> dict[str, str]:
    return {f"{what}.to": "off" if on else "on", f"{what}.label": tongue.say(f"{what}_off" if on else f"{what}_on")}


def _sentence(reading: Reading, tongue: Tongue, kinds: Mapping[str, str]) -> str:
    if reading.took_s is not None:
        return tongue.say("arrived", seconds=tongue.number(reading.took_s, 1, "s"))
    if reading.reason:
        place = tongue.say(f"in_{kinds[reading.device]}") if reading.device in kinds else ""
        return tongue.say(reading.reason, place=place, clock=tongue.clock(reading.since_s))
    return tongue.say("moving", stop=tongue.say(f"stop_{reading.last}"))


def _title(reading: Reading, tongue: Tongue) -> str:
    return tongue.say(f"kind_{reading.kind if 0 <= reading.kind <= 4 else -1}")


def _latest(own: Sequence[Reading], tongue: Tongue, kinds: Mapping[str, str]) -> str:
    if not own:
        return tongue.say("latest_none")
    return tongue.say("latest", kind=_title(own[0], tongue), sequence=own[0].sequence, sentence=_sentence(own[0], tongue, kinds))


def _shown(every: Sequence[Reading]) -> list[Reading]:
    """Return the readings worth a row: the newest, and of the room's only a few that arrived and a few that did not."""
    shown: list[Reading] = []
    climate = {True: 0, False: 0}
    for reading in every:
        if reading.kind == CLIMATE:
            arrived = reading.place == way.CLOUD
            climate[arrived] += 1
            if climate[arrived] > SHOWN_CLIMATE:
                continue
        shown.append(reading)
    return shown[:SHOWN_READINGS]


def _row(reading: Reading, tongue: Tongue, kinds: Mapping[str, str]) -> Row:
    def stop(name: str) -> Stop:
        if name not in reading.stops:
            return Stop(tongue.say(f"stop_{name}"), "", "")
        at_s = reading.stops[name]
        after = f"+\N{NO-BREAK SPACE}{tongue.number(max(0.0, at_s - reading.began_s), 2, 's')}"
        return Stop(tongue.say(f"stop_{name}"), tongue.clock(at_s, with_seconds=True), after)

    groups = (("where_device", way.ON_DEVICE), ("where_home", way.AT_HOME), ("where_cloud", way.IN_CLOUD))
    return Row(
        name=reading.name,
        device=reading.device,
        place=reading.place,
        waits=bool(reading.reason),
        title=_title(reading, tongue),
        number=reading.sequence,
        clock=tongue.clock(reading.began_s, with_seconds=True),
        sentence=_sentence(reading, tongue, kinds),
        groups=tuple((tongue.say(where), tuple(stop(name) for name in stops)) for where, stops in groups),
    )


def _announcement(every: Sequence[Reading], witness: Witness, kinds: Mapping[str, str], tongue: Tongue) -> str:
    """Return the newest thing worth hearing: what somebody did, or that a reading arrived; the room's own are too many to be told."""
    last = witness.last
    arrived = next((reading for reading in every if reading.place == way.CLOUD and reading.kind != CLIMATE), None)
    if arrived is not None and (last is None or arrived.since_s > last.at_s):
        return _latest([arrived], tongue, kinds)
    if last is None:
        return ""
    name = f"did_{last.what}"
    if last.what in ("power", "wifi"):
        name += "_on" if last.facts.get("on") else "_off"
    elif last.what == "window":
        name += "_open" if last.facts.get("open") else "_closed"
    elif last.what == "heater":
        name += "_on" if last.facts.get("share") else "_off"
    device = tongue.say(f"device_{kinds[last.device]}") if last.device in kinds else last.device
    return tongue.say(name, person=recorded_name(str(last.facts.get("person", "")), tongue), device=device)


def recorded_name(name: str, tongue: Tongue, words: str = "recorded") -> str:
    """Return how a person is called; the recorded ones have only a number."""
    number = name.removeprefix("person")
    return tongue.say(words, number=number) if number != name and number.isdigit() else name


def _plural(count: int, none: str, one: str, many: str, tongue: Tongue) -> str:
    if count == 0:
        return tongue.say(none) if none else ""
    return tongue.say(one if count == 1 else many, count=count)


def _count(those: Iterable[bool]) -> str:
    count = sum(those)
    return str(count) if count else ""


def _float(seen: Mapping[str, object], fact: str) -> float:
    value = seen.get(fact)
    return float(value) if isinstance(value, int | float) else 0.0
