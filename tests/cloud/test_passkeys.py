"""What passkeys keep, apart from any browser: challenges that serve once, wraps that open by PRF alone, a second factor that holds."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud import hpke, passkeys, sessions, stores
from cloud.errors import CannotUnwrap, Declined
from cloud.passkeys import Challenges, Passkey, Realm
from tests.cloud.site.conftest import Premises

REALM = Realm("foyer.example", "https://foyer.example")


@pytest.fixture
def site(tmp_path: Path) -> Any:
    made = Premises(tmp_path)
    yield made
    made.close()


def new_passkey(name: str, *, opens: bool) -> Passkey:
    return Passkey(os.urandom(32), os.urandom(16), b"public", 0, name, opens)


def account_of(site: Premises) -> tuple[bytes, bytes]:
    site.browser().register()
    with site.premises.accounts.connect() as connection:
        account_id = connection.exec_driver_sql("SELECT account_id FROM accounts").scalar()
    return account_id, site.premises.admission.erasure.of(account_id)


def test_a_challenge_serves_once_for_its_use_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another use, a second time, five minutes later, one never given: each is the same refusal."""
    challenges = Challenges()
    challenge = challenges.new("sign in")
    with pytest.raises(Declined, match="passkey_wrong"):
        challenges.take(challenge, "add")
    challenge = challenges.new("sign in")
    assert challenges.take(challenge, "sign in") == challenge
    for wrong in (challenge, os.urandom(32), b""):
        with pytest.raises(Declined, match="passkey_wrong"):
            challenges.take(wrong, "sign in")
    old = challenges.new("sign in")
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 301)
    with pytest.raises(Declined, match="passkey_wrong"):
        challenges.take(old, "sign in")


def test_only_the_prf_of_a_passkey_opens_what_lies_under_it(site: Premises) -> None:
    """The store, the erasure key and the pepper open nothing; another PRF, and one that opens nothing by itself, neither."""
    account_id, key = account_of(site)
    private_key, prf, pepper = hpke.new_private_key(), os.urandom(32), site.premises.pepper.password
    opening, second = new_passkey("Phone", opens=True), new_passkey("Key", opens=False)
    with stores.writing(site.premises.accounts) as connection:
        passkeys.keep(connection, account_id, key, opening, private_key, prf, pepper)
        assert not passkeys.is_asked_besides(connection, account_id)
        passkeys.keep(connection, account_id, key, second, private_key, None, pepper)
        assert passkeys.is_asked_besides(connection, account_id)
        assert passkeys.private_key(connection, account_id, key, opening.credential_digest, prf, pepper) == private_key
        for digest, given_prf in ((opening.credential_digest, os.urandom(32)), (second.credential_digest, prf), (os.urandom(32), prf)):
            with pytest.raises(CannotUnwrap):
                passkeys.private_key(connection, account_id, key, digest, given_prf, pepper)
        assert sorted(each.name for each in passkeys.passkeys_of(connection, account_id, key)) == ["Key", "Phone"]
        assert passkeys.remove(connection, account_id, second.credential_digest)
        assert not passkeys.remove(connection, os.urandom(16), opening.credential_digest)


def test_a_password_alone_is_no_session_where_a_passkey_is_asked_besides(site: Premises) -> None:
    """The cookie of a right password opens no page and is listed nowhere until the passkey followed; a wrong one is told as ever."""
    account_id, key = account_of(site)
    with stores.writing(site.premises.accounts) as connection:
        passkeys.keep(connection, account_id, key, new_passkey("Key", opens=False), bytes(32), None, site.premises.pepper.password)
    browser = site.browser()
    assert browser.sign_in().url.path == "/en/passkey"
    for name in ("home", "account", "take", "log", "share", "weight"):
        assert browser.get(f"/en/{name}").url.path == "/en/passkey"
    assert browser.get("/en/weight.json").status_code == 401
    assert browser.post("/en/take/export").url.path == "/en/passkey"
    cookie = sessions.parse_cookie(browser.client.cookies["foyer"])
    assert cookie
    with stores.writing(site.premises.accounts) as connection:
        assert sessions.find(connection, cookie, int(time.time())) is None
        assert len(sessions.sessions_of(connection, account_id, int(time.time()))) == 1
        waiting = sessions.find_waiting(connection, cookie, int(time.time()))
        assert waiting
        assert sessions.find_waiting(connection, cookie, int(time.time()) + 301) is None
        sessions.complete(connection, waiting)
    assert browser.get("/en/home").url.path == "/en/home"
    assert site.browser().sign_in(password="not the password").status_code == 400


def test_an_address_in_numbers_has_no_passkeys(site: Premises) -> None:
    """Nothing is offered and every address for them is none."""
    browser = site.browser()
    browser.register()
    assert "passkey" not in browser.get("/en/account").text.lower()
    for name in ("options", "sign-in", "add-options", "add"):
        assert browser.post(f"/en/passkey/{name}").status_code == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda each: st.lists(each) | st.dictionaries(st.text(max_size=8), each),
    max_leaves=8,
)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "rawId": JSON,
        "type": JSON,
        "response": st.dictionaries(st.sampled_from(["clientDataJSON", "signature"]), JSON) | JSON,
    },
)


@given(SAID)
@settings(max_examples=150, deadline=None)
def test_whatever_a_browser_says_is_refused_in_our_words(said: dict[str, Any]) -> None:
    """Rubbish in any shape is a refusal and never a fault."""
    challenges = Challenges()
    with pytest.raises(Declined, match="passkey_wrong"):
        passkeys.check_made(REALM, said, challenges, "add", "x", None)
    with pytest.raises(Declined, match="passkey_wrong"):
        passkeys.check_proof(REALM, said, challenges, "sign in", new_passkey("Key", opens=False))
