"""Another e-mail address, and another language of letters: the person's own to amend, and nobody else's (R14)."""

import json
import re
import time
from typing import Any

import pytest

from cloud import profile
from cloud.errors import Declined
from tests.cloud.postbox import Postbox
from tests.cloud.site.conftest import PASSWORD, Premises
from tests.cloud.site.test_entry import count_rows, join, link_in
from tests.cloud.site.test_take import unpacked

ACCOUNT = "/en/account"
FILES = {"sec-fetch-site": "same-origin"}


def ask(browser: Any, email: str, password: str = PASSWORD) -> Any:
    return browser.post(f"{ACCOUNT}/address", {"email": email, "password": password})


def test_a_new_address_is_taken_when_its_letter_came_back(lettered: Premises, postbox: Postbox) -> None:
    """Until then nothing changes; then the new one signs in, the old one does not, its mailbox is told, and the log and export say so."""
    browser = join(lettered, postbox)
    browser.post("/en/recovery-code")
    assert "A letter is on its way to the new address" in ask(browser, " New@Example.ORG ").text
    lettered.deliver()
    assert [postbox.letters[-1][name] for name in ("To", "Subject")] == ["new@example.org", "Your new address"]
    link = link_in(postbox.words())
    assert lettered.browser().sign_in().url.path == "/en/home"
    assert lettered.browser().sign_in("new@example.org").status_code == 400
    assert lettered.browser().get(link).url.path == "/en/sign-in"
    page = browser.get(link)
    assert "new@example.org" in page.text
    assert lettered.browser().sign_in("new@example.org").status_code == 400, "a look changes nothing"
    done = browser.post("/en/address", {"token": link.partition("token=")[2]})
    assert done.url.path == ACCOUNT
    assert "The address is changed" in done.text
    assert lettered.browser().sign_in("new@example.org").url.path == "/en/home"
    assert lettered.browser().sign_in().status_code == 400
    lettered.deliver()
    assert [postbox.letters[-1][name] for name in ("To", "Subject")] == ["ada@example.org", "Your address was changed"]
    assert "You changed the e-mail address." in browser.get("/en/log").text
    export = browser.request("POST", "/en/take/export", headers=FILES).content
    assert json.loads(unpacked(export)["account.json"])["email"] == "new@example.org"
    # and the address that was left is free for somebody else
    assert join(lettered, postbox).get("/en/home").status_code == 200


def test_a_link_to_another_address_serves_once_for_its_own_account_and_not_for_long(lettered: Premises, postbox: Postbox) -> None:
    """Another account's, a used one, one a day old, one that was changed: each is the same refusal, and nothing changes."""
    ada, bob = join(lettered, postbox), join(lettered, postbox, "bob@example.org")
    for browser in (ada, bob):
        browser.post("/en/recovery-code")
    ask(ada, "new@example.org")
    lettered.deliver()
    token = link_in(postbox.words()).partition("token=")[2]
    refusal = "This link is another account"
    assert refusal in bob.get(f"/en/address?token={token}").text
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "", "x", "é", "A" * 900):
        answer = ada.post("/en/address", {"token": wrong})
        assert (answer.status_code, refusal in answer.text) == (400, True)
    account_id = lettered.premises.admission.account_with("ada@example.org")
    assert account_id
    with pytest.raises(Declined, match="new_address_wrong"):
        profile.address_in(lettered.premises.admission, account_id, token, int(time.time()) + 86_500)
    assert ada.post("/en/address", {"token": token}).status_code == 200
    assert refusal in ada.post("/en/address", {"token": token}).text
    assert refusal in ada.get(f"/en/address?token={token}").text


def test_asking_for_an_address_does_not_tell_whether_it_is_taken(lettered: Premises, postbox: Postbox) -> None:
    """The same page and the same rows for a free and for another's address; only that mailbox hears, and its account stays as it was."""
    ada, _bob = join(lettered, postbox), join(lettered, postbox, "bob@example.org")
    ada.post("/en/recovery-code")
    pages, rows = [], []
    for email in ("bob@example.org", "free@example.org"):
        before = count_rows(lettered)
        pages.append(ask(ada, email))
        rows.append({name: number - before[name] for name, number in count_rows(lettered).items()})
    # but for the minute, which may have gone by
    said = [re.sub(r"(to|yester)day, \d\d:\d\d", "", page.text) for page in pages]
    assert (pages[0].url, said[0]) == (pages[1].url, said[1])
    assert rows[0] == rows[1]
    lettered.deliver()
    assert [(each["To"], each["Subject"]) for each in postbox.letters[-2:]] == [
        ("bob@example.org", "You have an account already"),
        ("free@example.org", "Your new address"),
    ]
    assert lettered.browser().sign_in("bob@example.org").url.path == "/en/home"


def test_whoever_has_the_session_and_not_the_password_changes_no_address(lettered: Premises, postbox: Postbox) -> None:
    """A wrong password, no address, or one that would be two: a sentence each, no letter; after ten wrong ones the right one waits too."""
    ada = join(lettered, postbox)
    ada.post("/en/recovery-code")
    letters = len(postbox.letters)
    for email in ("a@b@c", "x@example.org\r\nBcc: all@example.org", "a@example.org, b@example.org", ""):
        assert "does not look like an e-mail address" in ask(ada, email).text
    assert "already" in ask(ada, "ada@example.org").text
    for _ in range(10):
        assert "The present password is not right" in ask(ada, "new@example.org", "not the password").text
    assert "too many wrong tries" in ask(ada, "new@example.org").text
    lettered.deliver()
    assert len(postbox.letters) == letters


def test_strangers_mailboxes_are_not_filled_from_an_account(lettered: Premises, postbox: Postbox) -> None:
    """Five letters to five addresses, and no sixth."""
    ada = join(lettered, postbox)
    ada.post("/en/recovery-code")
    for number in range(5):
        assert "A letter is on its way" in ask(ada, f"stranger{number}@example.org").text
    assert ask(ada, "stranger5@example.org").status_code == 400
    lettered.deliver()
    assert [each["To"] for each in postbox.letters if "stranger5" in each["To"]] == []


def test_whoever_was_quicker_keeps_the_address(lettered: Premises, postbox: Postbox) -> None:
    """Taken between the letter and the click: a sentence, and everybody signs in with what they had."""
    ada = join(lettered, postbox)
    ada.post("/en/recovery-code")
    ask(ada, "new@example.org")
    lettered.deliver()
    token = link_in(postbox.words()).partition("token=")[2]
    join(lettered, postbox, "new@example.org")
    late = ada.post("/en/address", {"token": token})
    assert (late.status_code, "No account could be made with this address" in late.text) == (400, True)
    for email in ("ada@example.org", "new@example.org"):
        assert lettered.browser().sign_in(email).url.path in ("/en/home", "/en/recovery-code")


def test_without_letters_the_address_changes_at_once(site: Premises) -> None:
    """On a machine of one's own: a free one is taken, another's is told."""
    ada = site.browser()
    for email in ("bob@example.org", "ada@example.org"):
        ada.client.cookies.clear()
        ada.register(email)
        ada.post("/en/recovery-code")
    assert "No account could be made with this address" in ask(ada, "bob@example.org").text
    assert "The address is changed" in ask(ada, "new@example.org").text
    assert site.browser().sign_in("new@example.org").url.path == "/en/home"
    assert site.browser().sign_in("ada@example.org").status_code == 400


def test_letters_come_in_the_language_that_is_chosen(lettered: Premises, postbox: Postbox) -> None:
    """From the next one on; a language that is none is refused."""
    ada = join(lettered, postbox)
    ada.post("/en/recovery-code")
    assert ada.post(f"{ACCOUNT}/language", {"letters": "de"}).status_code == 400
    assert "Letters come in this language" in ada.post(f"{ACCOUNT}/language", {"letters": "fr"}).text
    ada.post(f"{ACCOUNT}/password", {"old": PASSWORD, "new": "quite another phrase"})
    lettered.deliver()
    assert postbox.letters[-1]["Subject"] == "Votre mot de passe a été modifié"
    assert "You changed the language of letters." in ada.get("/en/log").text
