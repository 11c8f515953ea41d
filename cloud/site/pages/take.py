"""What is yours: take everything with you, bring an export back, or erase all of it.

These pages work without agreeing to a changed text. Erasing asks for the password once more, and says which rows go: those of the
people and rooms that are ticked. What is not ticked stays for whoever else looks at it, and cannot be opened from here any more.
"""

import json
import os
import smtplib
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from cloud import (
    accounts,
    audit,
    consents,
    erasure,
    exports,
    hpke,
    keys,
    letters,
    links,
    notes,
    passkeys,
    post,
    sessions,
    stores,
    tombstones,
    wrapping,
)
from cloud import readings as store
from cloud.errors import CannotUnwrap, Declined
from cloud.exports import Held
from cloud.grants import Grant
from cloud.notes import Note
from cloud.site import farewells, holdings
from cloud.site.languages import Tongue
from cloud.site.opening import IMPORTED, KINDS, Opener, Subject, is_by_home, is_verified, named
from cloud.site.pages.homes import questions_of
from cloud.site.premises import Visitor, before_reading, go, language_of, show
from cloud.site.sentences import CHANGED, DECLINED
from protocol import cbor, envelope, linking, seals
from protocol.envelope import Row


@before_reading
async def take(request: Request, visitor: Visitor) -> Response:
    """Offer all three."""
    return await _show(request, visitor)


@before_reading
async def export(request: Request, visitor: Visitor) -> Response:
    """Hand out the zip, and note it in the log that the zip holds."""
    data = await run_in_threadpool(_export, visitor, Tongue(language_of(request), visitor.browser.zone))
    name = time.strftime("foyer-%Y-%m-%d.zip")
    return Response(data, media_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'})


@before_reading
async def bring(request: Request, visitor: Visitor) -> Response:
    """Take an export in: its readings become this account's, under new keys of its own."""
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=4)
    # in memory, whatever its size: readings in clear have no business in a temporary file
    parser.spool_max_size = exports.LARGEST_ARCHIVE_BYTES
    try:
        form = await parser.parse()
        given = form.get("archive")
        data = await given.read() if isinstance(given, UploadFile) else b""
        await form.close()
        returned = await run_in_threadpool(exports.read_archive, data)
    except (MultiPartException, KeyError):
        return await _show(request, visitor, DECLINED["import_wrong"], 400)
    except Declined as declined:
        return await _show(request, visitor, DECLINED[declined.reason], 400)
    await run_in_threadpool(_bring, visitor, returned)
    return go(request, "take?changed=imported")


@before_reading
async def erase(request: Request, visitor: Visitor) -> Response:
    """Erase the account, after the password once more; the receipt is the answer."""
    form = await request.form()
    premises = visitor.premises
    whose = visitor.account_id.hex()
    ticked = {str(number) for number in form.getlist("subject")}
    try:
        premises.limiter.check("wrong for an address", whose, time.monotonic())
        await premises.slowly(premises.admission.check_again, visitor.account_id, str(form.get("password", "")))
    except Declined as declined:
        premises.limiter.count("wrong for an address", whose, time.monotonic())
        return await _show(request, visitor, DECLINED[declined.reason], 400)
    receipt = await run_in_threadpool(_erase, visitor, ticked)
    response = show(request, "erased.html", receipt=receipt, rows=json.loads(receipt.text)["rows_of_readings_erased"])
    response.delete_cookie(premises.cookie_name, secure=premises.settings.secure, httponly=True, samesite="lax")
    return response


def held_by(visitor: Visitor) -> list[Held]:
    """Open everything an account may open."""
    held = []
    with visitor.premises.readings.connect() as connection:
        for subject in visitor.subjects():
            written = visitor.notes(subject)
            opener = Opener(subject)
            for row in holdings.rows_since(connection, subject, 0):
                entry = opener.entry(row)
                values = None if entry is None or entry[seals.KIND] == seals.STONE else named(entry[seals.KIND], entry[seals.VALUES])
                if entry is None or values is None:
                    continue
                note = written.get(row.row_id, Note("", False))
                is_room = subject.subject == linking.ROOM
                about = (subject.number, subject.label, is_room, KINDS[entry[seals.KIND]], entry, values, is_verified(entry))
                held.append(Held(row.row_id, *about, note.words, note.is_wrong, is_by_home(entry)))
    return held


def _export(visitor: Visitor, tongue: Tongue) -> bytes:
    visitor.note("exported")
    premises, now_utc_s = visitor.premises, int(time.time())
    held = held_by(visitor)
    with stores.writing(premises.accounts) as connection:
        own = sessions.sessions_of(connection, visitor.account_id, now_utc_s)
        records = consents.consents_of(connection, visitor.account_id)
        entries = audit.read(connection, visitor.account_id, visitor.erasure_key())
        chain = audit.raw(connection, visitor.account_id)
        own_passkeys = passkeys.passkeys_of(connection, visitor.account_id, visitor.erasure_key())
        waiting = letters.waiting_of(connection, visitor.account_id, visitor.erasure_key())
        created = accounts.account_of(connection, visitor.account_id)
    email, language = premises.admission.address_and_language(visitor.account_id)
    account: dict[str, Any] = {
        "email": email,
        "language": language,
        "created_day": created.created_day if created else None,
        "subjects": [
            {"label": each.label, "is_room": each.subject == linking.ROOM, "read_by": list(each.recipients)} for each in visitor.subjects()
        ],
        "grants": [_as_words(each, visitor.subjects()) for each in visitor.grants()],
        "passkeys": [{"name": each.name, "opens_readings": each.opens, "public_key": each.public_key.hex()} for each in own_passkeys],
        "asked_by_homes": [{"whose": each.label, **each.asked._asdict(), "made_utc_s": each.made_utc_s} for each in questions_of(visitor)],
        "letters_waiting": [each.subject for each in waiting],
        "sessions": [
            {"browser": premises.admission.browser_of(each).words, "since_utc_s": each.created_utc_s, "seen_utc_s": each.seen_utc_s}
            for each in own
        ],
        "consents": [consents.as_record(each, visitor.account_id, premises.settings.controller) for each in records],
        "log": [{"number": each.number, "utc_s": each.utc_s, "what": each.what, "facts": each.facts} for each in entries],
        "log_chain": chain,
    }
    page = premises.render("export.html", tongue, language=tongue.language, account=account, held=held, UTC=seals.UTC)
    return exports.archive(account, held, page, keys.site_key(premises.keys))


def _as_words(grant: Grant, subjects: list[Subject]) -> dict[str, Any]:
    """Return a grant as its owner made it; nothing by which it could be used."""
    labels = {subject.number: subject.label for subject in subjects}
    terms = grant.terms
    return {
        "whom": terms.whom,
        "name": terms.name,
        "country": terms.country,
        "client_id": grant.client_id,
        "shared": [{"whose": labels.get(number, ""), "kind": KINDS[kind]} for number, kind in terms.things],
        "since_utc_s": terms.since_day * 86400,
        "until_utc_s": terms.until_day * 86400,
        "made_utc_s": terms.made_utc_s,
        "expires_utc_s": grant.expires_utc_s,
    }


def _bring(visitor: Visitor, returned: list[exports.Returned]) -> None:
    premises, now_utc_s = visitor.premises, int(time.time())
    private_key, erasure_key = visitor.private_key(), visitor.erasure_key()
    with premises.accounts.connect() as connection:
        account = accounts.account_of(connection, visitor.account_id)
    if account is None:
        raise CannotUnwrap("account")
    count = 0
    for label, subject in sorted({(each.label, each.subject) for each in returned}):
        # the same export again leads to the same keys, so nothing is there twice
        seeds = _seeds(private_key, label, subject)
        write_key = Ed25519PrivateKey.from_private_bytes(seeds.write_seed)
        pseudonym = envelope.pseudonym_of(write_key.public_key().public_bytes_raw())
        known = {name for each in visitor.subjects() for name in each.pseudonyms}
        if pseudonym not in known:
            epoch = linking.Epoch(pseudonym, seeds.root_key, seeds.write_seed)
            box = linking.encode_box(linking.Box(label, subject, _tag(seeds), IMPORTED, [epoch], []))
            with stores.writing(premises.accounts) as connection:
                links.keep_box(connection, visitor.account_id, erasure_key, hpke.seal_to(account.public_key, box, linking.BOX_INFO))
        own = [each for each in returned if (each.label, each.subject) == (label, subject)]
        count += _store(premises.owners_hand, pseudonym, seeds.root_key, own, now_utc_s)
        with stores.writing(premises.accounts) as connection:
            for each in own:
                if each.words or each.is_wrong:
                    note = Note(notes.check_words(each.words), each.is_wrong)
                    notes.write(connection, visitor.account_id, erasure_key, _tag(seeds), each.row_id, note)
    visitor.note("imported", readings=str(count))


def _seeds(private_key: bytes, label: str, subject: int) -> seals.PersonSeeds:
    secret = wrapping.hkdf(b"", private_key, b"foyer import 1", 32)
    return seals.derive_person(secret, "imported", wrapping.digest(cbor.encode([label, subject]))[:16], 0, wrapping.hkdf)


def _tag(seeds: seals.PersonSeeds) -> bytes:
    return wrapping.hkdf(b"", seeds.root_key, b"foyer import tag", linking.TAG_BYTES)


def _store(owners_hand: Any, pseudonym: bytes, root_key: bytes, returned: list[exports.Returned], now_utc_s: int) -> int:
    stored = 0
    with owners_hand() as engine, stores.writing(engine) as connection:
        erasure.lift(connection, pseudonym)
        known = store.ids_since(connection, pseudonym, 0)
        rows = []
        for number, each in enumerate(returned):
            if each.row_id in known:
                continue
            known.add(each.row_id)
            minute = each.entry[seals.UTC] // 60
            entry = {**each.entry, seals.NUMBER: number}
            sealed = seals.seal_row(root_key, pseudonym, minute, each.row_id, entry, wrapping.hkdf, wrapping.seal, os.urandom(12))
            rows.append(Row(minute, each.row_id, sealed))
        for start in range(0, len(rows), envelope.ROWS_IN_BATCH):
            store.add_rows(connection, pseudonym, rows[start : start + envelope.ROWS_IN_BATCH], now_utc_s // 86400)
            stored += len(rows[start : start + envelope.ROWS_IN_BATCH])
    return stored


def _erase(visitor: Visitor, ticked: set[str]) -> erasure.Receipt:
    premises, now_utc_s = visitor.premises, int(time.time())
    email, language = premises.admission.address_and_language(visitor.account_id)
    subjects = visitor.subjects()
    gone = [each for each in subjects if each.number in ticked]
    rows = 0
    with premises.owners_hand() as engine:
        with stores.writing(engine) as connection:
            for subject in gone:
                for epoch in subject.epochs:
                    asked = erasure.check_order(erasure.order(epoch.write_seed, [], now_utc_s), now_utc_s)
                    rows += erasure.erase_rows(connection, asked, now_utc_s)
                    tombstones.note_outside(premises.keys / "tombstones", epoch.pseudonym)
        erasure.scrub(engine)
    left = (
        "none" if len(gone) == len(subjects) else "those of people or rooms that were not ticked; this account's keys to them are destroyed"
    )
    farewells.say_farewells(visitor, now_utc_s)
    site_key = keys.site_key(premises.keys)
    receipt = erasure.erase_account(premises.admission, visitor.account_id, rows, left, site_key, premises.settings.controller)
    premises.log.info("site.erased", rows=rows)
    _send_receipt(visitor, email, language, receipt)
    return receipt


def _send_receipt(visitor: Visitor, email: str, language: str, receipt: erasure.Receipt) -> None:
    mail = visitor.premises.mail
    if mail is None:
        return
    words = f"{receipt.text}\n\nEd25519 {receipt.signature}\n{receipt.site_key}"
    try:
        # it cannot wait in the store: nothing of this person is there any more
        post.send(mail, letters.compose("erased", language, email, receipt=words))
    except (post.Refused, OSError, smtplib.SMTPException) as error:
        visitor.premises.log.warning("post.given_up", reason=type(error).__name__)


async def _show(request: Request, visitor: Visitor, sentence: str | None = None, status: int = 200) -> Response:
    subjects: list[Subject] = await run_in_threadpool(visitor.subjects)
    changed = CHANGED.get(request.query_params.get("changed", ""))
    return show(request, "take.html", visitor, status, subjects=subjects, sentence=sentence, changed=changed)
