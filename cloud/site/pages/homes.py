"""Between an account and its homes: what they ask and only it may allow, who else reads along, whether rows are missing, and leaving.

A decision is a MAC under a key that is inside the link box, so it is made here, in the session of its owner, and nowhere else.
"""

import time
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloud import erasure, hpke, links, stores, tombstones
from cloud.errors import CannotUnwrap
from cloud.site import holdings
from cloud.site.farewells import word_of
from cloud.site.holdings import Course
from cloud.site.opening import Subject, box_in
from cloud.site.premises import Visitor, before_reading, go, show
from cloud.site.sentences import CHANGED
from protocol import linking
from protocol.errors import ProtocolError


class Question(NamedTuple):
    """What a home asks, opened."""

    request_id: bytes
    label: str
    asked: linking.Request
    made_utc_s: int


@before_reading
async def homes(request: Request, visitor: Visitor) -> Response:
    """Show all of it."""
    asked, subjects = await run_in_threadpool(_look, visitor)
    changed = CHANGED.get(request.query_params.get("changed", ""))
    return show(request, "homes.html", visitor, questions=asked, subjects=subjects, changed=changed)


@before_reading
async def decide(request: Request, visitor: Visitor) -> Response:
    """Allow or decline what a home asks."""
    form = await request.form()
    decision = {"approve": linking.APPROVED, "decline": linking.DECLINED}.get(str(form.get("decision", "")))
    try:
        request_id = bytes.fromhex(str(form.get("request", "")))
    except ValueError:
        raise HTTPException(404) from None
    if decision is None or not await run_in_threadpool(_decide, visitor, request_id, decision):
        raise HTTPException(404)
    return go(request, f"homes?changed={'approved' if decision else 'declined'}")


@before_reading
async def leave(request: Request, visitor: Visitor) -> Response:
    """End the link of one subject; with it go its readings here, if that is ticked."""
    form = await request.form()
    if not await run_in_threadpool(_leave, visitor, str(form.get("subject", "")), form.get("erase") == "yes"):
        raise HTTPException(404)
    return go(request, "homes?changed=left")


def _look(visitor: Visitor) -> tuple[list[Question], list[tuple[Subject, Course]]]:
    found = questions_of(visitor)
    with visitor.premises.readings.connect() as connection:
        subjects = [(subject, holdings.check(connection, subject)) for subject in visitor.subjects()]
    return found, subjects


def questions_of(visitor: Visitor) -> list[Question]:
    """Return what homes ask this account and it has not answered, opened."""
    private_key, erasure_key = visitor.private_key(), visitor.erasure_key()
    with stores.writing(visitor.premises.accounts) as connection:
        boxes = dict(links.links_of(connection, visitor.account_id, erasure_key))
        asked = links.requests_of(connection, visitor.account_id, erasure_key, int(time.time()))
    found = []
    for each in asked:
        box = box_in(private_key, boxes.get(each.link_mac, b""))
        words = _words(private_key, each.box)
        if box is not None and words is not None:
            found.append(Question(each.request_id, box.label, words, each.made_utc_s))
    return found


def _words(private_key: bytes, sealed: bytes) -> linking.Request | None:
    try:
        return linking.decode_request(hpke.open_with(private_key, sealed, linking.REQUEST_INFO))
    except (CannotUnwrap, ProtocolError):
        # nobody who holds this link's key writes such; there is nothing to show
        return None


def _decide(visitor: Visitor, request_id: bytes, decision: int) -> bool:
    private_key, erasure_key = visitor.private_key(), visitor.erasure_key()
    with stores.writing(visitor.premises.accounts) as connection:
        boxes = dict(links.links_of(connection, visitor.account_id, erasure_key))
        asked = links.requests_of(connection, visitor.account_id, erasure_key, int(time.time()))
        one = next((each for each in asked if each.request_id == request_id), None)
        box = None if one is None else box_in(private_key, boxes.get(one.link_mac, b""))
        if box is None:
            return False
        links.decide(connection, visitor.account_id, request_id, decision, word_of(box, request_id, decision))
    visitor.note("request-approved" if decision == linking.APPROVED else "request-declined")
    return True


def _leave(visitor: Visitor, number: str, erases: bool) -> bool:
    now_utc_s = int(time.time())
    subject = next((each for each in visitor.subjects() if each.number == number), None)
    if subject is None:
        return False
    private_key, erasure_key = visitor.private_key(), visitor.erasure_key()
    if erases:
        with visitor.premises.owners_hand() as engine:
            with stores.writing(engine) as connection:
                for epoch in subject.epochs:
                    asked = erasure.check_order(erasure.order(epoch.write_seed, [], now_utc_s), now_utc_s)
                    erasure.erase_rows(connection, asked, now_utc_s)
                    tombstones.note_outside(visitor.premises.keys / "tombstones", epoch.pseudonym)
            erasure.scrub(engine)
    with stores.writing(visitor.premises.accounts) as connection:
        for link_mac, sealed in links.links_of(connection, visitor.account_id, erasure_key):
            box = box_in(private_key, sealed)
            if box is not None and box.tag == subject.tag:
                links.say_farewell(connection, link_mac, word_of(box, linking.FAREWELL, linking.APPROVED), now_utc_s // 86400)
                links.leave(connection, visitor.account_id, link_mac)
    visitor.note("left")
    return True
