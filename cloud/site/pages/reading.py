"""One reading: what a device signed, what its person writes beside it, whether it is wrong; and deleting it here for good (R14, R15)."""

import time

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloud import erasure, notes, stores
from cloud import readings as store
from cloud.errors import Declined
from cloud.notes import Note
from cloud.site import holdings
from cloud.site.opening import Opener, Reading, Subject
from cloud.site.premises import Visitor, go, show, signed_in
from cloud.site.sentences import CHANGED, DECLINED


@signed_in
async def reading(request: Request, visitor: Visitor) -> Response:
    """Show one reading, or keep what is written beside it (POST)."""
    subject, found = await run_in_threadpool(_find, request, visitor)
    if request.method != "POST":
        return _show(request, visitor, subject, found)
    form = await request.form()
    try:
        note = Note(notes.check_words(str(form.get("words", ""))), form.get("wrong") == "yes")
    except Declined as declined:
        return _show(request, visitor, subject, found, DECLINED[declined.reason], 400)
    await run_in_threadpool(_write, visitor, subject, found, note)
    await run_in_threadpool(_log, visitor, found, note)
    return go(request, f"reading/{subject.number}/{found.row_id.hex()}?changed=noted")


@signed_in
async def remove(request: Request, visitor: Visitor) -> Response:
    """Delete one reading here for good, by an order signed with its subject's write key."""
    subject, found = await run_in_threadpool(_find, request, visitor)
    await run_in_threadpool(_delete, visitor, subject, found)
    return go(request, f"{found.kind}?changed=deleted")


def _find(request: Request, visitor: Visitor) -> tuple[Subject, Reading]:
    try:
        row_id = bytes.fromhex(request.path_params["row"])
    except ValueError:
        raise HTTPException(404) from None
    subject = next((each for each in visitor.subjects() if each.number == request.path_params["number"]), None)
    if subject is None or len(row_id) != 16:
        raise HTTPException(404)
    with visitor.premises.readings.connect() as connection:
        rows = holdings.rows_named(connection, subject, [row_id])
    found = Opener(subject, visitor.notes(subject)).readings(rows)
    if not found:
        raise HTTPException(404)
    return subject, found[0]


def _write(visitor: Visitor, subject: Subject, found: Reading, note: Note) -> None:
    with stores.writing(visitor.premises.accounts) as connection:
        notes.write(connection, visitor.account_id, visitor.erasure_key(), subject.tag, found.row_id, note)
    if note.is_wrong != found.is_wrong:
        visitor.bring_grants_up_to_date()


def _log(visitor: Visitor, found: Reading, note: Note) -> None:
    """Keep the history: what was written is replaced, and that it was is not (R14)."""
    day = time.strftime("%Y-%m-%d", time.gmtime(found.utc_s))
    if note.words != found.words:
        visitor.note("reading-noted", day=day)
    if note.is_wrong != found.is_wrong:
        visitor.note("reading-wrong" if note.is_wrong else "reading-right", day=day)


def _delete(visitor: Visitor, subject: Subject, found: Reading) -> None:
    now_utc_s = int(time.time())
    with visitor.premises.readings.connect() as connection:
        rows = holdings.rows_named(connection, subject, [found.row_id])
    for row in rows:
        epoch = subject.epoch_of(row.pseudonym)
        asked = erasure.check_order(erasure.order(epoch.write_seed, [found.row_id], now_utc_s), now_utc_s)
        stone = holdings.stone_for(subject, row)
        with visitor.premises.owners_hand() as engine, stores.writing(engine) as connection:
            erasure.erase_rows(connection, asked, now_utc_s)
            if stone is not None:
                store.add_rows(connection, row.pseudonym, [stone], now_utc_s // 86400)
    _write(visitor, subject, found, Note("", False))
    visitor.note("reading-deleted")


def _show(request: Request, visitor: Visitor, subject: Subject, found: Reading, sentence: str | None = None, status: int = 200) -> Response:
    changed = CHANGED.get(request.query_params.get("changed", ""))
    facts = {"subject": subject, "reading": found, "kind": found.kind, "sentence": sentence, "changed": changed}
    return show(request, "reading.html", visitor, status, **facts)
