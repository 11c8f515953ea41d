"""Coming in where letters are sent: what a stranger can find out, how often one may try, and what a letter says."""

import dataclasses
import re
import smtplib
import ssl
import time
from typing import Any

import pytest

from cloud import letters, limits, post
from cloud.configuration import Mail
from cloud.errors import Declined
from cloud.limits import Limit, Limiter, network_of
from tests.cloud.postbox import Postbox
from tests.cloud.site.conftest import ADDRESS, PASSWORD


def link_in(words: str) -> str:
    found = re.search(rf"{ADDRESS}(\S+)", words)
    assert found
    return found[1]


def join(site: Any, postbox: Postbox, email: str = "ada@example.org", language: str = "en", **more: str) -> Any:
    """Register and confirm; return the browser that is signed in."""
    browser = site.browser()
    browser.register(email, language, **more)
    site.deliver()
    link = link_in(postbox.words())
    browser.get(link)
    page = browser.post(f"/{language}/confirm", {"token": link.partition("token=")[2], "password": PASSWORD, "zone": "Europe/Paris"})
    assert page.url.path == f"/{language}/recovery-code"
    return browser


def test_registering_does_not_tell_whether_an_address_is_taken(lettered: Any, postbox: Postbox) -> None:
    """Free or taken: the same page byte for byte, the same headers, no cookie, and rows of the same number; the letters differ."""
    join(lettered, postbox)
    pages, rows = [], []
    for email in ("ada@example.org", "bob@example.org"):
        before = count_rows(lettered)
        pages.append(lettered.browser().register(email))
        rows.append({name: number - before[name] for name, number in count_rows(lettered).items()})
    assert pages[0].url.path == "/en/mailbox"
    assert pages[0].text == pages[1].text
    assert dict(pages[0].headers) == dict(pages[1].headers)
    assert rows[0] == rows[1]
    lettered.deliver()
    subjects = [(letter["To"], letter["Subject"]) for letter in postbox.letters[1:]]
    assert subjects == [("ada@example.org", "You have an account already"), ("bob@example.org", "Confirm your address")]
    assert lettered.browser().sign_in().url.path == "/en/home"


def count_rows(site: Any) -> dict[str, int]:
    with site.premises.accounts.connect() as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
            for name in ("accounts", "addresses", "confirmations", "letters", "consents", "log_entries", "sessions")
        }


def test_nobody_is_in_before_the_letter_came_back(lettered: Any, postbox: Postbox) -> None:
    """No session before; the link alone, or with another password, opens nothing; once used or a day old it is over."""
    browser = lettered.browser()
    browser.register()
    assert not browser.client.cookies
    assert lettered.browser().sign_in().status_code == 400
    lettered.deliver()
    token = link_in(postbox.words()).partition("token=")[2]
    wrong = browser.post("/en/confirm", {"token": token, "password": "not the password"})
    assert (wrong.status_code, browser.client.cookies) == (400, {})
    unknown = browser.post("/en/confirm", {"token": "x" * 32, "password": PASSWORD})
    assert unknown.text.replace("x" * 32, token) == wrong.text
    admission = lettered.premises.admission
    from_then = int(time.time()) + 86_401
    with pytest.raises(Declined, match="confirm_wrong"):
        admission.confirm(token, PASSWORD, None, from_then)
    assert browser.post("/en/confirm", {"token": token, "password": PASSWORD}).url.path == "/en/recovery-code"
    again = lettered.browser().post("/en/confirm", {"token": token, "password": PASSWORD})
    assert again.status_code == 400


def test_an_account_that_nobody_confirms_is_erased_with_its_key(lettered: Any) -> None:
    """After a day nothing of it is left, and what was confirmed stays."""
    lettered.browser().register()
    assert len(list((lettered.folder / "keys/erasure").iterdir())) == 1
    assert lettered.premises.admission.forget_unconfirmed(int(time.time()) + 3600) == 0
    assert lettered.premises.admission.forget_unconfirmed(int(time.time()) + 86_401) == 1
    assert set(count_rows(lettered).values()) == {0}
    assert list((lettered.folder / "keys/erasure").iterdir()) == []


def test_whoever_registers_with_anothers_address_gets_nothing_by_their_click(lettered: Any, postbox: Postbox) -> None:
    """The letter's reader does not know the stranger's password, and the stranger does not see the letter."""
    stranger, reader = lettered.browser(), lettered.browser()
    stranger.register("ada@example.org")
    lettered.deliver()
    link = link_in(postbox.words())
    reader.get(link)
    assert reader.post("/en/confirm", {"token": link.partition("token=")[2], "password": "ada's own phrase"}).status_code == 400
    assert count_rows(lettered)["addresses"] == 0


def test_what_happens_to_a_password_is_told_by_letter(lettered: Any, postbox: Postbox) -> None:
    """In the language of the account; a letter holds no key, password or code."""
    browser = join(lettered, postbox, language="fr")
    browser.post("/fr/recovery-code")
    browser.post("/fr/account/password", {"old": PASSWORD, "new": "quite another phrase"})
    lettered.deliver()
    assert postbox.letters[-1]["Subject"] == "Votre mot de passe a été modifié"
    assert "/fr/recover" in postbox.words()
    assert "another phrase" not in postbox.words()


def test_letters_wait_sealed_until_a_server_takes_them(lettered: Any, postbox: Postbox) -> None:
    """The address stands nowhere in the store; a server that cannot just now is asked later; one that never will ends it."""
    postbox.refuses = {"ada@": 451, "bob@": 550}
    lettered.browser().register("ada@example.org")
    lettered.browser().register("bob@example.org")
    lettered.deliver()
    assert postbox.letters == []
    held = b"".join(path.read_bytes() for path in lettered.folder.glob("accounts.db*"))
    assert b"ada@example.org" not in held
    assert b"confirm?token" not in held
    assert count_rows(lettered)["letters"] == 1
    postbox.refuses = {}
    lettered.deliver()
    assert postbox.letters == []
    lettered.premises.postman.deliver_due(int(time.time()) + letters.RETRY_AFTER_S[0] + 1)
    assert [letter["To"] for letter in postbox.letters] == ["ada@example.org"]
    assert count_rows(lettered)["letters"] == 0


def test_letters_go_over_tls_to_a_server_that_is_believed(broker: Any) -> None:
    """STARTTLS with the authority's certificate; another authority, or a server without TLS, gets no letter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(broker.folder / "broker.pem", broker.folder / "broker.key")
    letter = letters.compose("confirm", "en", "ada@example.org", link="x")
    with Postbox(context) as postbox, Postbox() as bare:
        mail = Mail("localhost", postbox.port, "starttls", "foyer@example.org", "", None, broker.authority)
        with pytest.raises(ssl.SSLCertVerificationError):
            post.send(dataclasses.replace(mail, authority=None), letter)
        with pytest.raises(smtplib.SMTPNotSupportedError, match="STARTTLS"):
            post.send(dataclasses.replace(mail, port=bare.port), letter)
        assert bare.letters == postbox.letters == []
        post.send(mail, letter)
        assert (len(postbox.letters), postbox.secured) == (1, 1)


@pytest.mark.parametrize("address", ["ada@example.org\r\nBcc: eve@example.org", "ada@example.org, eve@example.org", "ada@example.org\x00"])
def test_no_address_can_become_a_header(lettered: Any, postbox: Postbox, address: str) -> None:
    """Such an address is refused before a letter is written."""
    assert lettered.browser().register(address).status_code == 400
    lettered.deliver()
    assert postbox.letters == []


def test_wrong_tries_are_counted_for_an_address_and_told(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten wrong ones even the right password waits, with a sentence that says so, whether there is an account or not."""
    site.browser().register()
    for email in ("ada@example.org", "nobody@example.org"):
        pages = [site.browser().sign_in(email, "not the password") for _ in range(11)]
        assert [page.status_code for page in pages] == [400] * 10 + [429]
        assert "Wait a quarter of an hour" in pages[-1].text
    assert site.browser().sign_in().status_code == 429
    monkeypatch.setattr(time, "monotonic", lambda clock=time.monotonic: clock() + 901)
    assert site.browser().sign_in().url.path == "/en/home"


def test_letters_to_one_address_are_few(lettered: Any) -> None:
    """Nobody can fill a mailbox from here."""
    pages = [lettered.browser().register("bob@example.org") for _ in range(4)]
    assert [page.url.path for page in pages] == ["/en/mailbox"] * 3 + ["/en/register"]
    assert pages[-1].status_code == 429


def test_a_window_slides_and_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many in so many seconds, per name; success begins anew; memory is bounded; no name stands in memory."""
    limiter = Limiter({"x": Limit(2, 10, "busy")})
    for now_s in (0, 6):
        limiter.check("x", "ada", now_s)
        limiter.count("x", "ada", now_s)
    with pytest.raises(Declined):
        limiter.check("x", "ada", 9)
    limiter.check("x", "bob", 9)
    limiter.check("x", "ada", 11)
    limiter.forget("x", "ada")
    limiter.check("x", "ada", 9)
    monkeypatch.setattr(limits, "NAMES_AT_MOST", 5)
    for number in range(50):
        limiter.count("x", f"name {number}", 0)
    assert len(limiter._times) == 5
    assert "name" not in repr(limiter._times)


def test_a_network_is_who_is_connected_unless_our_proxy_says_otherwise() -> None:
    """A stranger's header is not believed; of many words of the proxy the last; IPv6 counts by the subscriber's 64 bits."""
    for client, proxy, forwarded, network in (
        ("203.0.113.9", "", "198.51.100.1", "203.0.113.9"),
        ("203.0.113.9", "10.0.0.1", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.1", "rubbish", "unknown"),
        ("2001:db8::1:2", "", "", "2001:db8::/64"),
    ):
        assert network_of(client, proxy, forwarded) == network
