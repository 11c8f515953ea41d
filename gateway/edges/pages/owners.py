"""Whose is it, afterwards: a reading given to somebody else, taken back or deleted; a person's history split, shared, unlinked, erased.

What touches a linked account is asked there first and waits (gateway/approvals.py); the page says so. Each form does one thing.
"""

import datetime
import math
from sqlite3 import Connection
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import approvals, people, reception
from gateway.edges import custody, households, linkbook, places, questions, requests
from gateway.edges.custody import Choice
from gateway.edges.log import utc_ms
from gateway.edges.pages import views
from gateway.edges.pages.frame import DO, LOOK, Addresses, Frame
from gateway.edges.pages.typed import number
from gateway.edges.pages.views import PERSON, ROOM
from gateway.edges.pages.words import Words
from protocol import readings

_DAY_S = 86_400


async def reading(frame: Frame, request: Request, words: Words) -> Response:
    """Show one reading, and what can be done about whose it is."""
    row = _row(frame, request)
    (line,) = views.lines([row], frame.house, words)
    subjects = frame.house.subjects()
    kind = ROOM if row["kind"] == readings.CLIMATE else PERSON
    others = [each for each in subjects.values() if each["kind"] == kind and each["subject"] != row["subject"]]
    difference = frame.house.buffer.read(lambda connection: custody.difference_of(connection, row["reading"]))
    waits = [each for each in frame.house.buffer.read(requests.open_requests) if f'"reading": {row["reading"]}' in each["facts"]]
    return frame.show(
        "reading", request, words, each=line, others=others, is_somebodys=row["subject"] is not None, difference=difference is not None,
        waits=bool(waits), movable=people.needs_somebody(row["kind"]), parted=row["place"] == places.PART,
    )  # fmt: skip


async def give(frame: Frame, request: Request, words: Words) -> Response:
    """Give a reading to somebody else, or back to the inbox."""
    row, form = _row(frame, request), await request.form()
    to = None if form.get("subject") == "inbox" else number(form.get("subject"))
    if to is None and form.get("subject") != "inbox":
        raise HTTPException(400)
    return await _ask(frame, words, row, approvals.GIVE, {"reading": row["reading"], "to": to})


async def forget(frame: Frame, request: Request, words: Words) -> Response:
    """Delete a reading; a difference may be undone instead, so that the weighing in arms waits in the inbox again."""
    row, form = _row(frame, request), await request.form()
    facts: dict[str, Any] = {"reading": row["reading"]}
    if form.get("undo") == "yes":
        facts["undo"] = True
    return await _ask(frame, words, row, approvals.FORGET, facts)


async def carried(frame: Frame, request: Request, words: Words) -> Response:
    """Say that a weighing in the inbox was a child in somebody's arms."""
    row, form = _row(frame, request), await request.form()
    child, lighter = number(form.get("child")), number(form.get("alone"))
    if child is None or lighter is None:
        raise HTTPException(400)
    now_ms = utc_ms()
    made = await frame.house.buffer.write(lambda connection: frame.book.carried(connection, row["reading"], child, lighter, now_ms))
    if made is not None:
        frame.house.log.info("reading.carried", reading=made, subject=child)
    frame.woken()
    return frame.back(words, "inbox")


async def guest(frame: Frame, request: Request, words: Words) -> Response:
    """Say that a reading in the inbox was a guest's: it is not kept."""
    row = _row(frame, request)
    if row["place"] == places.INBOX:
        await frame.house.buffer.write(lambda connection: frame.book.forget(connection, [row["reading"]], "guest"))
    return frame.back(words, "inbox")


async def person(frame: Frame, request: Request, words: Words) -> Response:
    """Show who reads along with a person or room, what waits for an account's word, and what can be done."""
    return _show_person(frame, request, words, "")


async def ward(frame: Frame, request: Request, words: Words) -> Response:
    """Say whether a person is a child in others' care; nobody's account may be made a ward's, or taken from one, without its word."""
    subject = frame.subject(request)
    is_ward = (await request.form()).get("ward") == "yes"
    if subject["account_key"] is not None:
        return _show_person(frame, request, words, words("person.ward_linked"), 409)
    await frame.house.buffer.write(lambda connection: households.set_ward(connection, subject["subject"], is_ward))
    return frame.back(words, f"person/{subject['subject']}")


async def split(frame: Frame, request: Request, words: Words) -> Response:
    """Give part of a person's history to somebody else: from a day to a day, and of the weighings those within two weights."""
    subject, form = frame.subject(request), await request.form()
    to, choice = number(form.get("to")), _choice(form)
    others = frame.house.subjects()
    if choice is None or to not in others or to == subject["subject"] or others[to]["kind"] != subject["kind"]:
        return _show_person(frame, request, words, words("person.split_wrong"), 400)
    facts = {"to": to, "choice": [choice.since_s, choice.until_s, choice.lightest_g, choice.heaviest_g, choice.weighings_only]}
    return await _ask_of(frame, words, subject, approvals.SPLIT, facts)


async def share(frame: Frame, request: Request, words: Words) -> Response:
    """Ask whether one more account may be linked."""
    return await _ask_of(frame, words, frame.subject(request), approvals.SHARE, {})


async def unlink(frame: Frame, request: Request, words: Words) -> Response:
    """End the link of one account."""
    subject, form = frame.subject(request), await request.form()
    linked = frame.house.buffer.read(lambda connection: linkbook.recipients(connection, subject["subject"]))
    if form.get("link") not in [each["link_id"].hex() for each in linked]:
        raise HTTPException(404)
    return await _ask_of(frame, words, subject, approvals.UNLINK, {"link": str(form["link"])})


async def erase(frame: Frame, request: Request, words: Words) -> Response:
    """Erase a person or room, here and in the accounts; the name must be typed once more."""
    subject, form = frame.subject(request), await request.form()
    if " ".join(str(form.get("name", "")).split()) != subject["name"]:
        return _show_person(frame, request, words, words("person.erase_wrong"), 400)
    return await _ask_of(frame, words, subject, approvals.ERASE, {})


async def after_erasure(frame: Frame, request: Request, words: Words) -> Response:
    """Say what becomes of the readings here that an account erased there: sent again, or deleted here too."""
    subject, what = frame.subject(request), (await request.form()).get("what")
    if what not in ("again", "delete") or subject["stopped_ms"] is None:
        raise HTTPException(404)

    def write(connection: Connection) -> None:
        if what == "again":
            frame.book.send_again(connection, subject["subject"])
        else:
            frame.book.forget(connection, custody.erased_of(connection, subject["subject"]), "erased")

    await frame.house.buffer.write(write)
    frame.woken()
    return frame.back(words, f"person/{subject['subject']}")


def _row(frame: Frame, request: Request) -> Any:
    number_ = request.path_params["reading"]
    rows = frame.house.buffer.read(lambda connection: questions.recent(connection, 1, before=number_ + 1, after=number_ - 1))
    if not rows:
        raise HTTPException(404)
    return rows[0]


async def _ask(frame: Frame, words: Words, row: Any, what: str, facts: dict[str, Any]) -> Response:
    """Do something to one reading, or ask whose account has a say."""
    back = f"reading/{row['reading']}"
    if row["place"] in (places.KEPT, places.PART) and what == approvals.GIVE:
        raise HTTPException(404)
    if row["subject"] is not None:
        return await _ask_of(frame, words, frame.house.subjects()[row["subject"]], what, facts, back)

    def write(connection: Connection) -> None:
        if what == approvals.GIVE:
            frame.book.give(connection, row["reading"], facts["to"], "by_hand")
        else:
            frame.book.forget(connection, [row["reading"]], "by_hand")

    await frame.house.buffer.write(write)
    frame.woken()
    return frame.back(words, back if what == approvals.GIVE else "readings")


async def _ask_of(frame: Frame, words: Words, subject: Any, what: str, facts: dict[str, Any], back: str = "") -> Response:
    now_ms = utc_ms()
    done = await frame.house.buffer.write(
        lambda connection: requests.ask_or_do(connection, frame.book, subject["subject"], what, facts, now_ms)
    )
    frame.house.log.info("request.done" if done else "request.asked", subject=subject["subject"], what=what)
    frame.woken()
    if done and what in (approvals.FORGET, approvals.ERASE):
        back = "readings" if what == approvals.FORGET else "people"
    return frame.back(words, back or f"person/{subject['subject']}")


def _show_person(frame: Frame, request: Request, words: Words, wrong: str, status: int = 200) -> Response:
    subject = frame.subject(request)
    now_s = utc_ms() / 1000
    linked = frame.house.buffer.read(lambda connection: linkbook.recipients(connection, subject["subject"]))
    waits = frame.house.buffer.read(lambda connection: requests.open_requests(connection, subject["subject"]))
    others = [each for each in frame.house.subjects().values() if each["kind"] == subject["kind"] and each["subject"] != subject["subject"]]
    return frame.show(
        "person", request, words, status, subject=subject, wrong=wrong, others=others, in_care=approvals.is_in_care(subject),
        linked=[
            {"link": each["link_id"].hex(), "name": each["name"], "leaving": each["state"] == linkbook.LEAVING,
             "since": words.moment(each["since_ms"] / 1000, now_s)}
            for each in linked
        ],
        waits=[{"what": words(f"request.{each['what']}"), "when": words.moment(each["made_ms"] / 1000, now_s)} for each in waits],
        may_share=(subject["share_until_ms"] or 0) > utc_ms(), erased=subject["stopped_ms"] is not None,
        held=len(frame.house.buffer.read(lambda connection: custody.erased_of(connection, subject["subject"]))),
        sent=frame.house.buffer.read(lambda connection: custody.count_sent(connection, subject["subject"])),
    )  # fmt: skip


def _choice(form: Any) -> Choice | None:
    """Return the part of a history that a form says; None: it says none."""
    since_s, until_s = _day(form.get("since"), 0), _day(form.get("until"), 1)
    lightest_g, heaviest_g = _grams(form.get("lightest_kg")), _grams(form.get("heaviest_kg"))
    if None in (since_s, until_s, lightest_g, heaviest_g):
        return None
    narrowed = bool(lightest_g) or bool(heaviest_g)
    return Choice(since_s or 0, until_s or 2**40, lightest_g or 0, heaviest_g or 2**31, narrowed)


def _day(typed: object, after_days: int) -> int | None:
    """Return when a typed day begins (or, one day later, has ended) here; 0: nothing was typed; None: it is no day."""
    if not typed:
        return 0
    try:
        day = datetime.date.fromisoformat(str(typed)) + datetime.timedelta(days=after_days)
        return max(0, round(datetime.datetime(day.year, day.month, day.day).astimezone().timestamp()))
    except (ValueError, OverflowError, OSError):
        return None


def _grams(typed: object) -> int | None:
    if not typed:
        return 0
    try:
        weight_kg = float(str(typed).strip().replace(",", "."))
    except ValueError:
        return None
    return round(weight_kg * 1000) if math.isfinite(weight_kg) and 0 < weight_kg <= 250 else None


def offers(frame: Frame, row: Any, words: Words) -> list[dict[str, Any]]:
    """Return what a weighing in the inbox may say of a child in somebody's arms, as one touch each."""
    weighing = people.weighing_of(reception.stored_fields(row["signed"]), row["utc_s"])
    if weighing is None:
        return []
    known = frame.house.buffer.read(households.people)
    alone = frame.house.buffer.read(lambda connection: custody.alone_near(connection, row["kid"], row["utc_s"], row["reading"], {}))
    names = frame.house.subjects()
    return [
        {
            "child": each.child,
            "alone": each.reading,
            "words": words(
                "inbox.carried",
                child=names[each.child]["name"], carrier=names[each.carrier]["name"], weight=words.number(each.weight_g / 1000, 1),
            ),
        }
        for each in people.carried(weighing, known, alone)
    ]  # fmt: skip


ADDRESSES: Addresses = {
    "/reading/{reading:int}": (reading, LOOK),
    "/reading/{reading:int}/give": (give, DO),
    "/reading/{reading:int}/forget": (forget, DO),
    "/inbox/{reading:int}/carried": (carried, DO),
    "/inbox/{reading:int}/guest": (guest, DO),
    "/person/{subject:int}": (person, LOOK),
    "/person/{subject:int}/ward": (ward, DO),
    "/person/{subject:int}/split": (split, DO),
    "/person/{subject:int}/share": (share, DO),
    "/person/{subject:int}/unlink": (unlink, DO),
    "/person/{subject:int}/erase": (erase, DO),
    "/person/{subject:int}/after-erasure": (after_erasure, DO),
}
