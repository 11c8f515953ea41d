"""The people and rooms of the home, and the link of each to an account."""

import secrets
import time
from sqlite3 import Connection
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway import display
from gateway.body import Facts
from gateway.edges import households, linkbook
from gateway.edges.log import utc_ms
from gateway.edges.pages.frame import BOTH, DO, Addresses, Frame
from gateway.edges.pages.typed import body_facts, grams, name_in
from gateway.edges.pages.views import PERSON, ROOM
from gateway.edges.pages.words import Words
from gateway.errors import LinkRefused

_MOST_SUBJECTS = 50


async def everybody(frame: Frame, request: Request, words: Words) -> Response:
    """Show everybody, or add a person."""
    if request.method == "GET":
        return _show(frame, request, words, "")
    form = await request.form()
    name, usual_g = name_in(form.get("name")), grams(form.get("usual_kg"))
    if name is None or usual_g is None or len(frame.house.subjects()) >= _MOST_SUBJECTS:
        return _show(frame, request, words, words("people.wrong"), 400)
    await frame.house.buffer.write(
        lambda connection: households.add_subject(connection, PERSON, name, usual_g, secrets.token_bytes(16), utc_ms())
    )
    return frame.back(words, "people")


async def add_room(frame: Frame, request: Request, words: Words) -> Response:
    """Add a room."""
    name = name_in((await request.form()).get("name"))
    if name is None or len(frame.house.subjects()) >= _MOST_SUBJECTS:
        return _show(frame, request, words, words("people.wrong_room"), 400)
    await frame.house.buffer.write(
        lambda connection: households.add_subject(connection, ROOM, name, None, secrets.token_bytes(16), utc_ms())
    )
    return frame.back(words, "people")


async def change(frame: Frame, request: Request, words: Words) -> Response:
    """Change a name, a person's usual weight, and what is said of their body."""
    subject = frame.subject(request)
    form = await request.form()
    name, usual_g = name_in(form.get("name")), grams(form.get("usual_kg"))
    said = body_facts(form, Facts(*(subject[field] for field in Facts._fields)), time.gmtime().tm_year)
    if name is None or said is None or (subject["kind"] == PERSON and usual_g is None):
        return _show(frame, request, words, words("people.wrong_body" if said is None else "people.wrong"), 400)
    changed_g = usual_g if subject["kind"] == PERSON else None

    def write(connection: Connection) -> None:
        households.change_subject(connection, subject["subject"], name, changed_g)
        households.tell_body(connection, subject["subject"], said)

    await frame.house.buffer.write(write)
    return frame.back(words, "people")


async def link(frame: Frame, request: Request, words: Words) -> Response:
    """Show how a link to an account stands, or begin one with a typed code."""
    subject = frame.subject(request)
    if request.method == "GET":
        return _show_link(frame, request, words, subject, "")
    if frame.linking is None:
        return _show_link(frame, request, words, subject, words("link.no_broker"), 409)
    try:
        form = await request.form()
        await frame.linking.begin(str(form.get("code", "")), subject["subject"], name_in(form.get("name")) or "")
    except LinkRefused as refused:
        return _show_link(frame, request, words, subject, words(refused.sentence), 400)
    return frame.back(words, f"link/{subject['subject']}")


def _show(frame: Frame, request: Request, words: Words, wrong: str, status: int = 200) -> Response:
    links = frame.house.buffer.read(linkbook.last_links)
    names = {number: row["name"] for number, row in frame.house.subjects().items() if row["kind"] == PERSON}
    shown = [
        {
            **row,
            "initials": display.initials(row["subject"], names) if row["kind"] == PERSON else "",
            "usual": "" if row["usual_g"] is None else words.number(row["usual_g"] / 1000, 1),
            "link": words("people.linked") if row["account_key"] else _link_words(links.get(row["subject"]), words),
        }
        for row in sorted(frame.house.subjects().values(), key=lambda row: (row["kind"], row["subject"]))
    ]
    return frame.show("people", request, words, status, subjects=shown, wrong=wrong)


def _show_link(frame: Frame, request: Request, words: Words, subject: dict[str, Any], wrong: str, status: int = 200) -> Response:
    found = frame.house.buffer.read(linkbook.last_links).get(subject["subject"])
    may_link = subject["account_key"] is None or (subject["share_until_ms"] or 0) > utc_ms()
    sentence = words("people.linked") if subject["account_key"] else _link_words(found, words)
    return frame.show("link", request, words, status, subject=subject, state=sentence, wrong=wrong, may_link=may_link)


def _link_words(found: Any, words: Words) -> str:
    return "" if found is None else words(f"link.{found.state}")


ADDRESSES: Addresses = {
    "/people": (everybody, BOTH),
    "/people/{subject:int}": (change, DO),
    "/rooms": (add_room, DO),
    "/link/{subject:int}": (link, BOTH),
}
