"""What an open page is told, as server-sent events: a reading has arrived, a home has been linked, this page is behind.

A page says from which minute on it shows, and what it has shown (`seen`); if rows came in between, it is told `stale` and fetches
itself again. A revoked session ends the stream. Every quarter of a minute without news a line is sent, so both ends notice when
the other is gone.
"""

import json
import time
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cloud.site import holdings
from cloud.site.courses import course
from cloud.site.languages import Tongue
from cloud.site.opening import Opener, Reading, Subject
from cloud.site.pages.measurements import as_facts, cards_of, mark_of
from cloud.site.periods import Window
from cloud.site.premises import Visitor, language_of, signed_in

ALIVE_EVERY_S = 15
# While a stream is open it holds the courses of its cards; older points than these are not drawn anyway.
COURSE_AT_MOST = 1500


@signed_in
async def live(request: Request, visitor: Visitor) -> Response:
    """Stream what happens from now on."""
    since = request.query_params.get("since", "")
    window = Window(int(since) if since.isascii() and since.isdigit() and len(since) < 10 else 0)
    stream = _Stream(visitor, Tongue(language_of(request), visitor.browser.zone), window)
    return StreamingResponse(_events(stream, request.query_params.get("seen", "")), media_type="text/event-stream")


async def _events(stream: "_Stream", seen: str) -> AsyncIterator[str]:
    async with stream.visitor.premises.watch.listening() as news:
        await run_in_threadpool(stream.begin)
        yield "retry: 1000\n\n"
        if seen and seen != stream.mark:
            yield _event("stale", {})
        while not news.is_over:
            changed = await news.wait(ALIVE_EVERY_S)
            if not await run_in_threadpool(stream.visitor.stands):
                yield _event("ended", {})
                return
            if not changed:
                yield _event("alive", {"utc_s": int(time.time())})
                continue
            for event in await run_in_threadpool(stream.news):
                yield event


class _Stream:
    """One open page: what it has shown, and the courses that its cards draw."""

    def __init__(self, visitor: Visitor, tongue: Tongue, window: Window) -> None:
        self.visitor = visitor
        self.tongue = tongue
        self._window = window
        self._subjects: dict[bytes, Subject] = {}
        self._known: dict[bytes, set[bytes]] = {}
        self._courses: dict[tuple[bytes, str], list[Reading]] = {}

    @property
    def mark(self) -> str:
        return mark_of(row_id for known in self._known.values() for row_id in known)

    def begin(self) -> None:
        self._subjects = {subject.tag: subject for subject in self.visitor.subjects()}
        with self.visitor.premises.readings.connect() as connection:
            for tag, subject in self._subjects.items():
                self._known[tag] = holdings.ids_since(connection, subject, self._window.since_minute)

    def news(self) -> list[str]:
        """Return the events since the last time."""
        found = {subject.tag: subject for subject in self.visitor.subjects()}
        is_linked = found.keys() != self._subjects.keys()
        # a subject may have a new name, too
        self._subjects = found
        if is_linked:
            return [_event("linked", {})]
        events = []
        with self.visitor.premises.readings.connect() as connection:
            for tag, subject in self._subjects.items():
                held = holdings.ids_since(connection, subject, self._window.since_minute)
                new, gone = held - self._known.setdefault(tag, set()), self._known[tag] - held
                self._known[tag] = held
                if gone:
                    # withdrawn at home, or deleted from another page: what this one shows is no longer so
                    events.append(_event("stale", {}))
                if not new:
                    continue
                for reading in Opener(subject).readings(holdings.rows_named(connection, subject, new)):
                    events.append(self._arrived(subject, reading))
        return events

    def _arrived(self, subject: Subject, reading: Reading) -> str:
        readings = self._course(subject, reading.kind)
        if (reading.verified or reading.by_home) and all(known.row_id != reading.row_id for known in readings):
            readings.append(reading)
            readings.sort(key=lambda each: each.utc_s)
            del readings[:-COURSE_AT_MOST]
        facts = {"language": self.tongue.language, "subject": subject, "kind": reading.kind, "reading": reading}
        render = self.visitor.premises.render
        return _event(
            "reading",
            {
                **as_facts(subject, reading),
                "subject": subject.number,
                "row": render("row.html", self.tongue, **facts),
                "latest": render("latest.html", self.tongue, **facts),
                "course": render("course.html", self.tongue, drawing=course(readings, reading.kind)),
            },
        )

    def _course(self, subject: Subject, kind: str) -> list[Reading]:
        key = (subject.tag, kind)
        if key not in self._courses:
            # opened once, at the first arrival
            for shown in cards_of(self.visitor, self._window):
                self._courses[shown.subject.tag, shown.kind] = shown.trusted
        return self._courses.setdefault(key, [])


def _event(name: str, facts: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(facts, ensure_ascii=False)}\n\n"
