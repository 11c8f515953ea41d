"""The page's addresses: each parses, asks, and shows; each form does one thing and answers 303, so a reload repeats nothing.

Every address stands below its language (/en/…, /fr/…), but /state.json and /authority.pem. Forms carry the session's token.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from gateway import alarms
from gateway.edges import households, linkbook, questions
from gateway.edges.linking import Linking
from gateway.edges.log import utc_ms
from gateway.edges.pages import views
from gateway.edges.pages.access import LONGEST_PASSWORD, SHORTEST_PASSWORD, Access, Busy, Guard, token_of
from gateway.edges.pages.events import news
from gateway.edges.pages.typed import choice, grams, name_in
from gateway.edges.pages.views import PERSON, ROOM, House
from gateway.edges.pages.words import LANGUAGES, Words
from gateway.edges.way import ASSIGNED
from gateway.errors import LinkRefused, NoRoom

_PAGE_ROWS = 40
_MOST_SUBJECTS = 50

Shown = Callable[["Pages", Request, Words], Awaitable[Response]]


class Pages:
    """The pages of one home. woken: called when somebody's readings may move on."""

    def __init__(
        self,
        house: House,
        access: Access,
        linking: Linking | None,
        woken: Callable[[], None],
        words: dict[str, Words],
        authority: Path,
        stopping: asyncio.Event,
    ) -> None:
        self._house = house
        self._access = access
        self._linking = linking
        self._woken = woken
        self._words = words
        self._authority = authority
        self._stopping = stopping
        self._templates = Environment(
            loader=PackageLoader("gateway.edges.pages"), autoescape=select_autoescape(), undefined=StrictUndefined, trim_blocks=True
        )

    def application(self, host_names: tuple[str, ...]) -> ASGIApp:
        """Return all of it, behind its guard."""
        pages: dict[str, tuple[Any, list[str]]] = {
            "/": (self._home, ["GET"]),
            "/setup": (self._set_up, ["GET", "POST"]),
            "/sign-in": (self._sign_in, ["GET", "POST"]),
            "/sign-out": (self._sign_out, ["POST"]),
            "/people": (self._people, ["GET", "POST"]),
            "/rooms": (self._rooms, ["POST"]),
            "/people/{subject:int}": (self._person, ["POST"]),
            "/link/{subject:int}": (self._link, ["GET", "POST"]),
            "/devices": (self._devices, ["GET"]),
            "/devices/{kid}": (self._device, ["POST"]),
            "/readings": (self._readings, ["GET"]),
            "/inbox": (self._inbox, ["GET"]),
            "/inbox/{reading:int}": (self._assign, ["POST"]),
            "/nursery": (self._nursery, ["GET"]),
            "/nursery/{kid}": (self._alarm, ["POST"]),
            "/events": (self._events, ["GET"]),
        }
        routes: list[Any] = [
            Route(f"/{language}{path}", self._in_words(language, page), methods=methods)
            for language in LANGUAGES
            for path, (page, methods) in pages.items()
        ]
        routes += [
            Route("/state.json", self._state),
            Route("/authority.pem", self._authority_file),
            Mount("/static", StaticFiles(packages=[("gateway.edges.pages", "static")])),
        ]
        handlers: Any = {HTTPException: self._failed, NoRoom: self._no_room, Busy: self._busy}
        return Guard(Starlette(routes=routes, exception_handlers=handlers), self._access, host_names, LANGUAGES)

    def _in_words(self, language: str, page: Callable[[Request, Words], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        words = self._words[language]

        async def answer(request: Request) -> Response:
            session = getattr(request.state, "session", None)
            # Before there is a session there is no token: where the form came from was checked by the guard.
            if request.method == "POST" and page not in (self._set_up, self._sign_in):
                given = str((await request.form()).get("token", ""))
                if session is None or not secrets.compare_digest(given.encode(), token_of(session).encode()):
                    raise HTTPException(403)
            return await page(request, words)

        return answer

    def _show(self, name: str, request: Request, words: Words, status: int = 200, **facts: Any) -> Response:
        session = getattr(request.state, "session", None)
        inbox = self._house.buffer.read(lambda connection: questions.count_in(connection, questions.INBOX)) if session else 0
        there = request.url.path.partition(f"/{words.language}/")[2]
        other = next(language for language in LANGUAGES if language != words.language)
        html = self._templates.get_template(f"{name}.html").render(
            t=words, here=f"/{words.language}/", there=there, other=other, page=name, session=session, inbox_count=inbox,
            token=token_of(session) if session else "", site=self._house.site, **facts,
        )  # fmt: skip
        return HTMLResponse(html, status)

    def _back(self, words: Words, page: str) -> Response:
        self._house.changes.happened()
        return RedirectResponse(f"/{words.language}/{page}", 303)

    # --- coming in

    async def _set_up(self, request: Request, words: Words) -> Response:
        if self._access.is_set_up:
            return RedirectResponse(f"/{words.language}/sign-in", 303)
        if request.method == "GET":
            return self._show("setup", request, words, wrong="")
        form = await request.form()
        password = str(form.get("password", ""))
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            return self._show("setup", request, words, 400, wrong=words("setup.short", least=SHORTEST_PASSWORD))
        if not await self._access.set_up(str(form.get("code", "")), password):
            return self._show("setup", request, words, 403, wrong=words("setup.wrong"))
        response = self._back(words, "people")
        await self._access.begin_session(response)
        return response

    async def _sign_in(self, request: Request, words: Words) -> Response:
        if request.method == "GET":
            return self._show("sign_in", request, words, wrong="")
        form = await request.form()
        if not await self._access.password_fits(str(form.get("password", ""))):
            return self._show("sign_in", request, words, 403, wrong=words("sign_in.wrong"))
        response = self._back(words, "")
        await self._access.begin_session(response)
        return response

    async def _sign_out(self, request: Request, words: Words) -> Response:
        await self._access.end_session(request.state.session)
        return RedirectResponse(f"/{words.language}/sign-in", 303)

    # --- looking

    async def _home(self, request: Request, words: Words) -> Response:
        rows = self._house.buffer.read(lambda connection: questions.recent(connection, 8))
        return self._show(
            "home", request, words,
            cards=views.cards(self._house, words), lines=views.lines(rows, self._house, words),
            people=[row for row in self._house.subjects().values() if row["kind"] == PERSON], devices=self._house.enrolments.devices,
        )  # fmt: skip

    async def _readings(self, request: Request, words: Words) -> Response:
        before = request.query_params.get("before", "")
        limit = int(before) if before.isdecimal() and len(before) < 15 else None
        rows = self._house.buffer.read(lambda connection: questions.recent(connection, _PAGE_ROWS, before=limit))
        older = rows[-1]["reading"] if len(rows) == _PAGE_ROWS else None
        return self._show("readings", request, words, lines=views.lines(rows, self._house, words), older=older)

    async def _nursery(self, request: Request, words: Words) -> Response:
        rooms = [device for device in views.devices(self._house, words) if device["kind"] == "babyphone"]
        now_s = time.monotonic()
        latest = {kid.hex(): (live, now_s - live.at_s) for kid, live in self._house.changes.latest.items()}
        subjects = self._house.subjects()
        shown = [
            {
                **device,
                "live": latest.get(device["kid"]),
                "where": _name(subjects, device["room"]),
                "alarms": {alarm.kind: alarm.state for alarm in self._house.changes.alarms(bytes.fromhex(device["kid"]))},
            }
            for device in rooms
        ]
        return self._show("nursery", request, words, rooms=shown, kinds=alarms.KINDS)

    async def _alarm(self, request: Request, words: Words) -> Response:
        """Silence one alarm: for good (`acknowledge`) or for some minutes (`snooze`)."""
        kid = next((kid for kid in self._babyphones() if kid.hex() == request.path_params["kid"]), None)
        form = await request.form()
        kind, what = form.get("alarm"), form.get("what")
        if kid is None or not isinstance(kind, str) or kind not in alarms.KINDS or what not in ("acknowledge", "snooze"):
            raise HTTPException(404)
        room, now_s = self._house.changes.room(kid), time.monotonic()
        (room.snooze if what == "snooze" else room.acknowledge)(kind, now_s)
        return self._back(words, "nursery")

    def _babyphones(self) -> list[bytes]:
        return [device.kid for device in self._house.enrolments.devices if device.kind == "babyphone"]

    async def _events(self, request: Request, words: Words) -> Response:  # noqa: ARG002
        return StreamingResponse(news(self._house.changes, self._babyphones, self._stopping), media_type="text/event-stream")

    async def _state(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        number = int(after) if after.isdecimal() and len(after) < 15 else 0
        language = request.query_params.get("language", "en")
        words = self._words.get(language, self._words["en"])
        return JSONResponse(views.for_programs(self._house, token_of(request.state.session), number, words))

    async def _authority_file(self, request: Request) -> Response:  # noqa: ARG002
        return FileResponse(self._authority, media_type="application/x-pem-file", filename="foyer-home.pem")

    # --- people, rooms, devices

    async def _people(self, request: Request, words: Words) -> Response:
        if request.method == "GET":
            return self._show_people(request, words, "")
        form = await request.form()
        name, usual_g = name_in(form.get("name")), grams(form.get("usual_kg"))
        if name is None or usual_g is None or len(self._house.subjects()) >= _MOST_SUBJECTS:
            return self._show_people(request, words, words("people.wrong"), 400)
        await self._house.buffer.write(
            lambda connection: households.add_subject(connection, PERSON, name, usual_g, secrets.token_bytes(16), utc_ms())
        )
        return self._back(words, "people")

    async def _rooms(self, request: Request, words: Words) -> Response:
        name = name_in((await request.form()).get("name"))
        if name is None or len(self._house.subjects()) >= _MOST_SUBJECTS:
            return self._show_people(request, words, words("people.wrong_room"), 400)
        await self._house.buffer.write(
            lambda connection: households.add_subject(connection, ROOM, name, None, secrets.token_bytes(16), utc_ms())
        )
        return self._back(words, "people")

    async def _person(self, request: Request, words: Words) -> Response:
        subject = self._subject(request)
        form = await request.form()
        name, usual_g = name_in(form.get("name")), grams(form.get("usual_kg"))
        if name is None or (subject["kind"] == PERSON and usual_g is None):
            return self._show_people(request, words, words("people.wrong"), 400)
        changed_g = usual_g if subject["kind"] == PERSON else None
        await self._house.buffer.write(lambda connection: households.change_subject(connection, subject["subject"], name, changed_g))
        return self._back(words, "people")

    def _show_people(self, request: Request, words: Words, wrong: str, status: int = 200) -> Response:
        links = self._house.buffer.read(linkbook.last_links)
        shown = [
            {
                **row,
                "usual": "" if row["usual_g"] is None else words.number(row["usual_g"] / 1000, 1),
                "link": words("people.linked") if row["account_key"] else _link_words(links.get(row["subject"]), words),
            }
            for row in sorted(self._house.subjects().values(), key=lambda row: (row["kind"], row["subject"]))
        ]
        return self._show("people", request, words, status, subjects=shown, wrong=wrong)

    async def _devices(self, request: Request, words: Words) -> Response:
        outside = self._house.outside
        return self._show(
            "devices",
            request,
            words,
            devices=views.devices(self._house, words),
            subjects=list(self._house.subjects().values()),
            waiting=self._house.buffer.read(questions.queue_length),
            way_out="none" if outside is None else "open" if outside.connected else "cut",
            sentence=views.way_out(self._house, words),
        )

    async def _device(self, request: Request, words: Words) -> Response:
        device = next((each for each in self._house.enrolments.devices if each.kid.hex() == request.path_params["kid"]), None)
        if device is None:
            raise HTTPException(404)
        form = await request.form()
        subjects = self._house.subjects()
        used_by, room = choice(form.get("used_by"), subjects, PERSON), choice(form.get("room"), subjects, ROOM)
        await self._house.buffer.write(lambda connection: households.give_device(connection, device.kid, used_by, room))
        self._woken()
        return self._back(words, "devices")

    # --- the inbox and the way out

    async def _inbox(self, request: Request, words: Words) -> Response:
        rows = self._house.buffer.read(lambda connection: questions.recent(connection, _PAGE_ROWS, place=questions.INBOX))
        subjects = self._house.subjects().values()
        lines = [
            {**line, "whose": [row for row in subjects if (row["kind"] == ROOM) == (line["kind"] == "climate")]}
            for line in views.lines(rows, self._house, words)
        ]
        return self._show("inbox", request, words, lines=lines)

    async def _assign(self, request: Request, words: Words) -> Response:
        subject = str((await request.form()).get("subject", ""))
        if not subject.isdecimal() or len(subject) > 9:
            raise HTTPException(400)
        reading, whose = request.path_params["reading"], int(subject)
        if await self._house.buffer.write(lambda connection: questions.assign(connection, reading, whose)):
            self._house.way.passed(reading, ASSIGNED, utc_ms())
            self._house.log.info("reading.assigned", reading=reading, subject=whose, reason="by_hand")
        self._woken()
        return self._back(words, "inbox")

    async def _link(self, request: Request, words: Words) -> Response:
        subject = self._subject(request)
        if request.method == "GET":
            return self._show_link(request, words, subject, "")
        if self._linking is None:
            return self._show_link(request, words, subject, words("link.no_broker"), 409)
        try:
            await self._linking.begin(str((await request.form()).get("code", "")), subject["subject"])
        except LinkRefused as refused:
            return self._show_link(request, words, subject, words(refused.sentence), 400)
        return self._back(words, f"link/{subject['subject']}")

    def _show_link(self, request: Request, words: Words, subject: dict[str, Any], wrong: str, status: int = 200) -> Response:
        link = self._house.buffer.read(linkbook.last_links).get(subject["subject"])
        sentence = words("people.linked") if subject["account_key"] else _link_words(link, words)
        return self._show("link", request, words, status, subject=subject, state=sentence, wrong=wrong)

    def _subject(self, request: Request) -> dict[str, Any]:
        subject = self._house.subjects().get(request.path_params["subject"])
        if subject is None:
            raise HTTPException(404)
        return subject

    # --- what went wrong

    async def _failed(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        words = self._words[request.url.path[1:3] if request.url.path[1:3] in LANGUAGES else "en"]
        known = f"error.{status}"
        return self._show("error", request, words, status, sentence=words(known if known in words.names else "error.500"))

    async def _no_room(self, request: Request, _: Exception) -> Response:
        return await self._failed(request, HTTPException(507))

    async def _busy(self, request: Request, _: Exception) -> Response:
        return await self._failed(request, HTTPException(429))


def _link_words(link: Any, words: Words) -> str:
    return "" if link is None else words(f"link.{link.state}")


def _name(subjects: dict[int, dict[str, Any]], number: int | None) -> str:
    return subjects[number]["name"] if number in subjects else ""
