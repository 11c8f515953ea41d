"""The panel's page, its stream of news, and its forms.

One address a language, `/en/` and `/fr/`; `events` beside it streams what changed as server-sent events. A form answers 303 back to the
page; to the script, which says that it accepts plain text, it answers 204, or the refusal's sentence.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from simulator.house import House
from simulator.panel import actions, scene
from simulator.panel.actions import Errands, Home, Refused
from simulator.panel.defences import Defences
from simulator.panel.news import Notifier
from simulator.panel.scene import Row, Scene
from simulator.panel.switches import Switch
from simulator.panel.witness import Witness
from simulator.panel.words import LANGUAGES, NAMES, Tongue, preferred
from simulator.people.person import Person

HERE = Path(__file__).parent
RECORDINGS = HERE.parent.parent / "tests" / "vectors" / "standing"

LOOK_s = 0.5  # pressure, temperature and patience change without news
GATHER_s = 0.08  # news come in bursts: one reading passes four stops within a few ms
SIGN_OF_LIFE_s = 5.0

Ways = Callable[[], Sequence[Mapping[str, object]]]
MOST_FIELDS = 8


class Panel:
    """The page over one house."""

    def __init__(self, home: Home, ways: Ways, changed: Notifier, links: Mapping[str, str]) -> None:
        self._home = home
        self._ways = ways
        self._changed = changed
        self._links = {name: address for name, address in links.items() if urlsplit(address).scheme in ("http", "https")}
        self._witness = Witness()
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._row = self._templates.get_template("reading.html")

    def scene(self, tongue: Tongue) -> Scene:
        """Return what is to be seen now."""
        house = self._home.house
        self._witness.follow(house.events)
        switches = {name: switch.is_on() for name, switch in self._home.switches.items()}
        return scene.compose(house.look(), self._ways(), switches, self._witness, tongue, time.time())

    async def start(self, request: Request) -> Response:
        """Send whoever comes without a language to theirs."""
        return RedirectResponse(f"/{preferred(request.headers.get('accept-language', ''))}/", 303)

    async def page(self, request: Request) -> Response:
        """Show the house."""
        tongue = _tongue(request)
        seen = self.scene(tongue)
        house = self._home.house
        slots: dict[str, str | None] = dict.fromkeys(("scale", "cuff", "babyphone"))
        for name, device in reversed(house.devices.items()):
            slots[device.kind] = name
        page = self._templates.get_template("panel.html").render(
            tongue=tongue,
            say=tongue.say,
            names=NAMES,
            facts=seen.facts,
            rows=seen.rows,
            slots=slots,
            devices={name: device.kind for name, device in house.devices.items()},
            people=self._home.people,
            recordings={name: scene.recorded_name(name, tongue, "recorded_short") for name in self._home.recordings},
            switches=self._home.switches,
            links=self._links,
        )
        return HTMLResponse(page)

    async def events(self, request: Request) -> Response:
        """Stream what changes."""
        tongue = _tongue(request)
        return StreamingResponse(self._stream(tongue), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def act(self, request: Request) -> Response:
        """Do something with a device."""
        tongue = _tongue(request)
        device = request.path_params["device"]
        try:
            await actions.act(self._home, device, request.path_params["verb"], await _form(request))
        except Refused as refused:
            return self._refusal(request, tongue, refused)
        return self._done(request, tongue, device)

    async def turn(self, request: Request) -> Response:
        """Turn a switch."""
        tongue = _tongue(request)
        try:
            await actions.turn(self._home, request.path_params["switch"], await _form(request))
        except Refused as refused:
            return self._refusal(request, tongue, refused)
        return self._done(request, tongue, "home")

    async def missing(self, request: Request, error: Exception) -> Response:
        """Answer what was not found with a sentence."""
        language = request.url.path.split("/")[1]
        tongue = Tongue(language if language in LANGUAGES else "en")
        return self._refusal(request, tongue, Refused(error.status_code if isinstance(error, HTTPException) else 500, "no_page"))

    def _done(self, request: Request, tongue: Tongue, anchor: str) -> Response:
        self._changed.tell()
        return Response(status_code=204) if _is_script(request) else RedirectResponse(f"/{tongue.language}/#{anchor}", 303)

    def _refusal(self, request: Request, tongue: Tongue, refused: Refused) -> Response:
        facts = {name: tongue.number(value) if isinstance(value, float) else value for name, value in refused.facts.items()}
        if "field" in facts:
            facts["field"] = tongue.say(f"label_{facts['field']}")
        sentence = tongue.say(refused.sentence, **facts)
        if _is_script(request):
            return PlainTextResponse(sentence, refused.status)
        page = self._templates.get_template("refusal.html").render(tongue=tongue, say=tongue.say, sentence=sentence)
        return HTMLResponse(page, refused.status)

    def _render(self, row: Row, tongue: Tongue) -> str:
        return self._row.render(row=row, say=tongue.say)

    async def _stream(self, tongue: Tongue) -> AsyncIterator[str]:
        """Yield the scene's changes against what this page was sent, and a sign of life when there are none."""
        yield "retry: 1000\n\n"
        facts: dict[str, str] = {}
        rows: dict[str, str] = {}
        alive_s = time.monotonic()
        while not self._changed.closed:
            count = self._changed.count
            now = self.scene(tongue)
            drawn = {row.name: self._render(row, tongue) for row in now.rows}
            news: dict[str, object] = {}
            if new_facts := {name: value for name, value in now.facts.items() if facts.get(name) != value}:
                news["facts"] = new_facts
            if list(drawn) != list(rows) or drawn != rows:
                news["order"] = list(drawn)
                news["rows"] = {name: html for name, html in drawn.items() if rows.get(name) != html}
            facts, rows = now.facts, drawn
            if news:
                yield f"data: {json.dumps(news, ensure_ascii=False, separators=(',', ':'))}\n\n"
            elif time.monotonic() - alive_s > SIGN_OF_LIFE_s:
                yield ": still here\n\n"
            else:
                await self._changed.wait(count, LOOK_s)
                await asyncio.sleep(GATHER_s)
                continue
            alive_s = time.monotonic()


def application(
    house: House,
    people: Sequence[Person],
    switches: Mapping[str, Switch],
    ways: Ways,
    changed: Notifier,
    links: Mapping[str, str],
    recordings: Path = RECORDINGS,
) -> Starlette:
    """Return the panel, to be run in the event loop of the house.

    people: who lives there; switches: "broker", "gateway" or others; ways: every reading, newest first, as {"device", "kind", "sequence",
    "stops": {stop: UTC seconds}}; changed: told whenever something happened; links: "site" and "page" addresses to show;
    recordings: a folder of personN.csv, forces of recorded people.
    """
    files = {path.stem: path for path in sorted(recordings.glob("person*.csv"))}
    errands = Errands()
    panel = Panel(Home(house, people, files, switches, errands), ways, changed, links)

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        await errands.end()

    return Starlette(
        routes=[
            Route("/", panel.start),
            Route("/{language}/", panel.page),
            Route("/{language}/events", panel.events),
            Route("/{language}/devices/{device}/{verb}", panel.act, methods=["POST"]),
            Route("/{language}/switches/{switch}", panel.turn, methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
        ],
        middleware=[Middleware(Defences)],
        exception_handlers={404: panel.missing, 405: panel.missing},
        lifespan=life,
    )


def _tongue(request: Request) -> Tongue:
    language = request.path_params["language"]
    if language not in LANGUAGES:
        raise HTTPException(404)
    return Tongue(language)


def _is_script(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("text/plain")


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()  # its announced length was held small by the defences
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Refused(415, "bad_form")
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError:
        raise Refused(400, "bad_form") from None
