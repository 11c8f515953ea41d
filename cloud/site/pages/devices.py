"""Telling the devices at home what to do, as far as somebody at home allowed it, and what became of it (threats T14, T15)."""

import time
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cloud import releases, steering, stores
from cloud.site.languages import N_
from cloud.site.premises import Visitor, go, show, signed_in
from protocol import commands
from protocol import steering as steering_
from protocol.sentences import SENTENCES

KINDS = {"scale": N_("Body scale"), "cuff": N_("Blood pressure cuff"), "babyphone": N_("Babyphone")}
FUNCTIONS = {
    commands.ARM: (N_("Arm the cuff"), N_("It fills only when its own button is pressed within a minute.")),
    commands.STOP: (N_("Stop"), N_("Stops and vents at once.")),
    commands.IDENTIFY: (N_("Show itself"), N_("Its light or display says which device this is.")),
    commands.REPORT: (N_("Report its state"), N_("Battery, faults and what waits on it, as a signed reading.")),
    commands.UPDATE: (N_("Look for an update"), N_("It is checked and tried before it is kept.")),
    commands.RESTART: (N_("Start again"), N_("Nothing that was measured is lost.")),
    commands.CHOOSE: (N_("Set its display"), N_("The language and unit of its display.")),
    commands.LIGHT: (N_("Night light"), N_("As bright as you say, until you say otherwise or its time is over.")),
    commands.PLAY: (N_("Play"), N_("A lullaby or white noise, from the device itself.")),
    commands.VOLUME: (N_("Set the volume"), N_("For what plays now and for what will. Keep it low.")),
}
STATES = {
    "asking": N_("It waits for a yes at home, since %(when)s."),
    "waiting": N_("It waits for the device to wake, since %(when)s."),
    "handed": N_("The device was told, %(when)s, and has not answered yet."),
    "done": N_("Done, %(when)s."),
    "refused": N_("Refused, %(when)s."),
    "late": N_("Not done: its time ran out, %(when)s."),
    "strange": N_("Not done, %(when)s: the device does not know this yet."),
    "interrupted": N_("Begun, %(when)s, and interrupted by a loss of power."),
    "unanswered": N_("The device was told, and time ran out, %(when)s, without an answer."),
    "declined": N_("Declined at home, %(when)s."),
    "withdrawn": N_("Taken back, %(when)s."),
}
UPDATES = {
    "asked": N_("Update %(version)s: asked for at home, %(when)s; it begins when the device is there."),
    "offered": N_("Update %(version)s: offered, %(when)s; the device takes it when it is there."),
    "fetching": N_("Update %(version)s: on its way, %(percent)s %%."),
    "ready": N_("Update %(version)s: arrived; it waits for a quiet moment."),
    "trying": N_("Update %(version)s: on trial since %(when)s."),
    "kept": N_("Update %(version)s: installed, %(when)s."),
    "given_back": N_("Update %(version)s: given back, %(when)s."),
    "refused": N_("Update %(version)s: not taken, %(when)s."),
}


class Home(NamedTuple):
    """One subject's notice, opened; answered: an order is on its way and the home has not left another notice yet."""

    number: str
    label: str
    root_key: bytes
    body: bytes
    notice: steering_.Notice
    left_utc_s: int
    answered: bool

    def __repr__(self) -> str:
        return "Home(***)"


@signed_in
async def devices(request: Request, visitor: Visitor) -> Response:
    """Show the devices that this account may steer (GET), or tell one something (POST)."""
    homes = await run_in_threadpool(_homes, visitor)
    if request.method == "GET":
        return _show(request, visitor, homes)
    form = await request.form()
    words = {name: str(value) for name, value in form.items()}
    home = next((each for each in homes if each.number == words.get("home")), None)
    order = None if home is None or home.answered else _order(home.notice, words)
    if home is None or order is None or visitor.premises.send_order is None:
        return _show(request, visitor, homes, N_("This cannot be sent now. Load the page again."), 409)
    await run_in_threadpool(_send, visitor, home, order)
    return go(request, "devices")


def _show(request: Request, visitor: Visitor, homes: list[Home], wrong: str = "", status: int = 200) -> Response:
    facts = {"homes": homes, "kinds": KINDS, "functions": FUNCTIONS, "commands": commands, "said": _said, "wrong": wrong}
    there = releases.on_shelf(visitor.premises.settings.releases) if any(home.notice.devices for home in homes) else []
    news = {(each.kind, each.version): each.news for each in there}
    return show(request, "devices.html", visitor, status, **facts, news=news, updates=UPDATES, sentences=SENTENCES)


def _homes(visitor: Visitor) -> list[Home]:
    private_key, found = visitor.private_key(), []
    for subject in visitor.subjects():
        with visitor.premises.accounts.connect() as connection:
            left = steering.left_in(connection, steering.slot_of(subject.root_key))
        notice = None if left is None else steering.open_notice(private_key, subject.root_key, left.body)
        if left is not None and notice is not None and notice.devices:
            found.append(Home(subject.number, subject.label, subject.root_key, left.body, notice, left.left_utc_s, left.answered))
    return found


def _order(notice: steering_.Notice, words: dict[str, str]) -> steering_.Order | None:
    device = next((each for each in notice.devices if each.kid.hex() == words.get("device")), None)
    function = _number(words.get("function"))
    if device is None or function is None or function not in device.functions or function not in FUNCTIONS:
        return None
    rules, arguments = commands.ARGUMENTS[function], {}
    for name, key in steering_.COMFORTS.items():
        if key in rules and words.get(name):
            value = _number(words[name])
            if value is None or not rules[key][1] <= value <= rules[key][2]:
                return None
            arguments[key] = value
    return steering_.Order(device.kid, function, arguments, int(time.time()))


def _send(visitor: Visitor, home: Home, order: steering_.Order) -> None:
    premises = visitor.premises
    with stores.writing(premises.accounts) as connection:
        if not steering.answer(connection, steering.slot_of(home.root_key), home.body, int(time.time())):
            # the home left another notice just now, or the form came twice: the page shows what is true
            return
    if premises.send_order is not None:
        premises.send_order(home.notice.alias, steering.order_message(home.notice, home.root_key, order))
    visitor.note("ordered")


def _said(each: steering_.Said, language: str) -> tuple[str, str, str]:
    """Return what was asked, what became of it, and why not, to be said in a language."""
    name = FUNCTIONS[each.function][0] if each.function in FUNCTIONS else "?"
    why = str(SENTENCES.get(each.fault, {}).get(language, ""))
    # a device's display has the straight one alone
    return name, STATES.get(each.state, STATES["waiting"]), why.replace("'", "’")


def _number(words: str | None) -> int | None:
    return int(words) if words and len(words) < 6 and words.isascii() and words.isdecimal() else None
