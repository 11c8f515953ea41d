"""What one can do in the house, as a table: from a form's fields to the house's verb.

A form is checked before anything moves: every refusal is one sentence of words.py with a status of its own. Visits and measurements
take their time, so they are begun and left running; what refuses does so at once.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from simulator.device import Device
from simulator.errors import DeviceNotRunning
from simulator.house import House, InUse
from simulator.panel.switches import Switch
from simulator.parts import room, sound
from simulator.people.person import Person
from simulator.people.standing import BadRecording

VISIT_s = 8.0
RECORDED_VISIT_s = 10.0
REFUSES_WITHIN_s = 0.05
LONGEST_NOISE_s = 600.0

Form = Mapping[str, str]


class Refused(Exception):
    """What was asked cannot be done: `status` for the browser, `sentence` and `facts` for the person (names of words.py)."""

    def __init__(self, status: int, sentence: str, **facts: object) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.facts = facts


class Errands:
    """Visits and measurements that are under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, errand: Coroutine[None, None, None]) -> None:
        """Begin something that takes its time; raises what it refuses with at once."""
        task = asyncio.get_running_loop().create_task(errand)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        done, _ = await asyncio.wait({task}, timeout=REFUSES_WITHIN_s)
        if done:
            task.result()

    async def end(self) -> None:
        """Let everybody step off and take cuffs off."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Home(NamedTuple):
    """Everything one can act upon. recordings: by name, the file of somebody's force on a plate."""

    house: House
    people: Sequence[Person]
    recordings: Mapping[str, Path]
    switches: Mapping[str, Switch]
    errands: Errands


async def act(home: Home, device: str, verb: str, form: Form) -> None:
    """Do something with a device. Raises Refused."""
    found = home.house.devices.get(device)
    if found is None:
        raise Refused(404, "no_device")
    doing = VERBS.get(verb)
    if doing is None or (doing.kind and doing.kind != found.kind):
        raise Refused(404, "no_verb")
    try:
        await doing.do(home, found, form)
    except InUse:
        raise Refused(409, "in_use") from None
    except DeviceNotRunning:
        raise Refused(409, "unpowered") from None
    except BadRecording:
        raise Refused(400, "bad_recording") from None


async def turn(home: Home, switch: str, form: Form) -> None:
    """Turn a switch on or off. Raises Refused."""
    found = home.switches.get(switch)
    if found is None:
        raise Refused(404, "no_switch")
    on = _choice(form, "to", "on", "off") == "on"
    try:
        await (found.turn_on() if on else found.turn_off())
    except Exception as error:  # a household's program may fail in any way of its own; the person hears its own word for it
        raise Refused(502, "switch_failed", what=str(error) or type(error).__name__) from error


async def _power(_: Home, device: Device, form: Form) -> None:
    await (device.restore_power() if _choice(form, "to", "on", "off") == "on" else device.cut_power())


async def _wifi(_: Home, device: Device, form: Form) -> None:
    device.wifi = _choice(form, "to", "on", "off") == "on"


async def _step(home: Home, device: Device, form: Form) -> None:
    await home.errands.begin(home.house.step_on(device, _person(home, form), VISIT_s))


async def _stand(home: Home, device: Device, form: Form) -> None:
    name = form.get("recording", "")
    recording = home.recordings.get(name)
    if recording is None:
        raise Refused(400, "no_recording")
    await home.errands.begin(home.house.stand_recorded(device, recording, RECORDED_VISIT_s, name))


async def _wrap(home: Home, device: Device, form: Form) -> None:
    await home.errands.begin(home.house.wrap_and_press(device, _person(home, form)))


async def _press(home: Home, device: Device, _: Form) -> None:
    if not device.powered:
        raise DeviceNotRunning(device.name)
    home.house.press(device)


async def _window(home: Home, device: Device, form: Form) -> None:
    (home.house.open_window if _choice(form, "to", "open", "closed") == "open" else home.house.close_window)(device)


async def _heat(home: Home, device: Device, form: Form) -> None:
    home.house.heat(1.0 if _choice(form, "to", "on", "off") == "on" else 0.0, device)


async def _room(home: Home, device: Device, form: Form) -> None:
    home.house.set_room(_number(form, "Cel", *room.RANGE_Cel), _number(form, "percent", *room.RANGE_percent), device)


async def _noise(home: Home, device: Device, form: Form) -> None:
    home.house.make_noise(_number(form, "dBA", *sound.RANGE_dBA), _number(form, "seconds", 1.0, LONGEST_NOISE_s), device)


class Verb(NamedTuple):
    """What may be done, and with which kind of device ("" for any)."""

    kind: str
    do: Callable[[Home, Device, Form], Awaitable[None]]


VERBS = {
    "power": Verb("", _power),
    "wifi": Verb("", _wifi),
    "step": Verb("scale", _step),
    "stand": Verb("scale", _stand),
    "wrap": Verb("cuff", _wrap),
    "press": Verb("cuff", _press),
    "window": Verb("babyphone", _window),
    "heat": Verb("babyphone", _heat),
    "room": Verb("babyphone", _room),
    "noise": Verb("babyphone", _noise),
}


def _person(home: Home, form: Form) -> Person:
    for person in home.people:
        if person.name == form.get("person"):
            return person
    raise Refused(400, "no_person")


def _choice(form: Form, field: str, *choices: str) -> str:
    chosen = form.get(field, "")
    if chosen not in choices:
        raise Refused(400, "no_choice", choices=", ".join(choices))
    return chosen


def _number(form: Form, field: str, lowest: float, highest: float) -> float:
    try:
        number = float(form.get(field, "").replace(",", "."))
    except ValueError:
        raise Refused(400, "no_number", field=field) from None
    if not (math.isfinite(number) and lowest <= number <= highest):
        raise Refused(400, "out_of_range", field=field, lowest=lowest, highest=highest)
    return number
