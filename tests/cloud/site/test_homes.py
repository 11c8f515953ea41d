"""What a home asks an account, what it decides, who reads along, and what its chains show."""

import hmac
import re
import time
from typing import Any

import pytest

from cloud import hpke, readings, stores
from protocol import linking
from protocol.envelope import ERASED
from tests.cloud.counterpart import Device, Person, weight
from tests.cloud.site.conftest import PASSWORD, Premises

NOW_UTC_S = int(time.time())


def ask(site: Premises, person: Person, request: linking.Request, request_id: bytes = b"r" * 16) -> linking.Word:
    """Let the person's home ask something of whoever it was linked to last."""
    words = hpke.seal_to(person.account_key, linking.encode_request(request), linking.REQUEST_INFO)
    return said(site, person.talk(linking.REQUEST, 1, request_id + words))


def said(site: Premises, message: bytes) -> linking.Word:
    answer = site.desk.answer(message, NOW_UTC_S)
    assert answer is not None
    return linking.decode_word(answer)


@pytest.fixture
def ada(site: Premises) -> tuple[Any, Person]:
    browser, person = site.browser(), Person("Ada")
    browser.register()
    browser.post("/en/recovery-code")
    browser.link(person)
    return browser, person


@pytest.mark.parametrize(("word", "decision"), [("approve", linking.APPROVED), ("decline", linking.DECLINED)])
def test_only_the_accounts_session_decides(site: Premises, ada: tuple[Any, Person], word: str, decision: int) -> None:
    """A request shows in words; its answer carries the MAC that only the opened box can make; it is given once."""
    browser, person = ada
    assert ask(site, person, linking.Request("give", "Ben", 1, NOW_UTC_S)).decisions == []
    page = browser.get("/en/homes").text
    assert "from Ada and give it to Ben" in page
    (request_id,) = re.findall(r'name="request" value="(\w+)"', page)
    stranger = site.browser()
    stranger.register("eve@example.org")
    stranger.post("/en/recovery-code")
    assert stranger.post("/en/homes/decide", {"request": request_id, "decision": "approve"}).status_code == 404
    assert browser.post("/en/homes/decide", {"request": request_id, "decision": "maybe"}).status_code == 404
    assert browser.post("/en/homes/decide", {"request": request_id, "decision": word}).status_code == 200
    assert browser.post("/en/homes/decide", {"request": request_id, "decision": "approve"}).status_code == 404, "once"
    (answer,) = said(site, person.talk(linking.NEWS)).decisions
    mac = hmac.digest(person.approval_key, linking.decision_message(b"r" * 16, decision), "sha256")
    assert answer == (b"r" * 16, decision, mac)


def test_a_home_replaces_its_box_and_an_older_one_changes_nothing(site: Premises, ada: tuple[Any, Person]) -> None:
    """A new box shows a new label; the one before, sent again by somebody on the way, is not taken."""
    browser, person = ada
    first = person.box(person.account_key)
    person.label = "Adele"
    assert said(site, person.talk(linking.NEW_BOX, 2, person.box(person.account_key))).box_version == 2
    assert "Adele" in browser.get("/en/homes").text
    assert said(site, person.talk(linking.NEW_BOX, 1, first)).box_version == 2
    assert "Adele" in browser.get("/en/homes").text


def test_leaving_takes_the_box_and_leaves_a_farewell(site: Premises, ada: tuple[Any, Person]) -> None:
    """The subject is gone from the account, its rows with it if that was ticked, and the home is told by a MAC."""
    browser, person = ada
    site.store(person, [person.row(Device(), weight(70_000), NOW_UTC_S - 60)])
    (number,) = re.findall(r'name="subject" value="(\w+)"', browser.get("/en/homes").text)
    assert browser.post("/en/homes/leave", {"subject": "nobody"}).status_code == 404
    assert browser.post("/en/homes/leave", {"subject": number, "erase": "yes"}).status_code == 200
    assert "Ada" not in browser.get("/en/homes").text
    word = said(site, person.talk(linking.NEWS))
    mac = hmac.digest(person.approval_key, linking.decision_message(linking.FAREWELL, linking.APPROVED), "sha256")
    assert (word.is_known, word.decisions) == (False, [(linking.FAREWELL, linking.APPROVED, mac)])
    with stores.writing(site.writer) as connection:
        assert readings.count_of(connection, person.pseudonym) == 0
        assert readings.add_rows(connection, person.pseudonym, [person.row(Device(), weight(70_000), NOW_UTC_S)], 0).standing == 1


def test_an_erased_account_leaves_a_farewell_to_each_of_its_homes(site: Premises, ada: tuple[Any, Person]) -> None:
    """Every home is told by a MAC that only the account could make, and what it still sends is answered as erased and kept nowhere."""
    browser, person = ada
    room = Person("Nursery", linking.ROOM)
    browser.link(room)
    for each in (person, room):
        site.store(each, [each.row(Device(), weight(70_000), NOW_UTC_S - 60)])
    numbers = re.findall(r'name="subject" value="(\w+)"', browser.get("/en/take").text)
    page = browser.request(
        "POST", "/en/take/erase", data={"password": PASSWORD, "subject": numbers}, headers={"sec-fetch-site": "same-origin"}
    )
    assert "Your home is told when it next asks" in page.text
    for each in (person, room):
        word = said(site, each.talk(linking.NEWS))
        mac = hmac.digest(each.approval_key, linking.decision_message(linking.FAREWELL, linking.APPROVED), "sha256")
        assert (word.is_known, word.decisions) == (False, [(linking.FAREWELL, linking.APPROVED, mac)])
        with stores.writing(site.writer) as connection:
            late = readings.add_rows(connection, each.pseudonym, [each.row(Device(), weight(70_000), NOW_UTC_S)], 0)
            assert late.standing == ERASED
            assert readings.count_of(connection, each.pseudonym) == 0


def test_a_home_that_leaves_takes_the_box(site: Premises, ada: tuple[Any, Person]) -> None:
    """Said under the link's own key it ends the link; said under another it ends nothing."""
    browser, person = ada
    assert not said(site, Person("Eve").talk(linking.LEAVE)).is_known
    assert "Ada" in browser.get("/en/homes").text
    assert not said(site, person.talk(linking.LEAVE)).is_known
    assert "Ada" not in browser.get("/en/link").text


def test_the_page_says_when_the_store_dropped_a_row(site: Premises, ada: tuple[Any, Person]) -> None:
    """All there, one deleted by its owner, one dropped behind everybody's back: holds, holds, broken."""
    browser, person = ada
    rows = [person.row(Device(), weight(70_000 + number), NOW_UTC_S - 600 + 60 * number) for number in range(4)]
    site.store(person, rows)
    assert 'data-chain="holds"' in browser.get("/en/homes").text
    address = re.search(rf"/en/reading/\w+/{rows[1].row_id.hex()}", browser.get("/en/weight").text)
    assert address
    browser.post(f"{address[0]}/delete")
    page = browser.get("/en/homes").text
    assert 'data-chain="holds"' in page
    assert "All readings here (3)" in page
    assert "Taken out by whoever may: 1." in page
    with stores.writing(site.writer) as connection:
        connection.execute(readings.SEALED_ROWS.delete().where(readings.SEALED_ROWS.c.id == rows[2].row_id))
    assert "1 readings are missing" in browser.get("/en/homes").text


def test_an_owner_who_looks_keeps_what_no_home_asks_after(site: Premises, ada: tuple[Any, Person]) -> None:
    """A year old and asked after by nobody: one look at the first page, and it does not lapse."""
    browser, person = ada
    today = NOW_UTC_S // 86400
    with stores.writing(site.writer) as connection:
        readings.add_rows(connection, person.pseudonym, [person.row(Device(), weight(70_000), NOW_UTC_S)], today - 390)
    browser.get("/en/home")
    with stores.writing(site.writer) as connection:
        assert readings.keep_house(connection, today + 20) == []
        assert readings.count_of(connection, person.pseudonym) == 1
