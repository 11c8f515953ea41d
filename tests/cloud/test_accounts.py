"""Accounts: what opens them, what does not, and what a thief of the databases has."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import make_url

from cloud import credentials, hpke, keys, sessions, stores, wrapping
from cloud.admission import Admission, Browser, check_address
from cloud.errors import CannotUnwrap, Declined
from cloud.sessions import parse_cookie

ADDRESS, PASSWORD = "ada@example.org", "ashtray velvet horizon"
NOW_UTC_S = 1_790_000_000
BROWSER = Browser("Firefox, Linux", "Europe/Paris")
BOTH = {"terms", "cookies"}


@pytest.fixture
def admission(tmp_path: Path) -> Any:
    keys.make_missing(tmp_path / "keys")
    engine = stores.open_store(make_url(f"sqlite:///{tmp_path}/accounts.db"))
    stores.upgrade(engine, "accounts")
    yield Admission(engine, keys.pepper(tmp_path / "keys"), keys.ErasureKeys(tmp_path / "keys"))
    engine.dispose()


def session_of(admission: Admission, cookie_text: str, now_utc_s: int = NOW_UTC_S) -> Any:
    cookie = parse_cookie(cookie_text)
    with admission.engine.connect() as connection:
        return cookie, sessions.find(connection, cookie, now_utc_s)


def private_key(admission: Admission, cookie_text: str) -> bytes:
    cookie, session = session_of(admission, cookie_text)
    return sessions.private_key(session, cookie, admission.erasure.of(session.account_id))


def register(admission: Admission) -> str:
    return str(admission.register(ADDRESS, PASSWORD, "en", BOTH, BROWSER, NOW_UTC_S))


def test_password_opens_the_same_key_from_every_session(admission: Admission) -> None:
    """Registering and signing in again, in another spelling of the address, reach one private key."""
    first = private_key(admission, register(admission))
    again = admission.sign_in("  ADA@Example.org ", PASSWORD, BROWSER, NOW_UTC_S)
    assert private_key(admission, again) == first
    account_id = session_of(admission, again)[1].account_id
    assert admission.address_of(account_id) == ADDRESS


@pytest.mark.parametrize("missing", ["terms", "cookies"])
def test_no_account_without_explicit_consent(admission: Admission, missing: str) -> None:
    """Without the terms, or without the one cookie, nothing is stored and no key stays behind."""
    with pytest.raises(Declined, match=f"{missing}_not_accepted"):
        admission.register(ADDRESS, PASSWORD, "en", BOTH - {missing}, BROWSER, NOW_UTC_S)
    assert list((Path(str(admission.engine.url.database)).parent / "keys" / "erasure").iterdir()) == []


def test_consents_name_the_text_and_the_time(admission: Admission) -> None:
    """Each record carries purpose, digest of the text shown, its language and the moment."""
    register(admission)
    with admission.engine.connect() as connection:
        rows = connection.execute(text("SELECT purpose, text_digest, language, given_utc_s FROM consents ORDER BY purpose")).all()
    folder = Path(keys.__file__).parent / "texts"
    assert [tuple(row) for row in rows] == [
        (purpose, wrapping.digest((folder / f"{purpose}.{version}.en.txt").read_bytes()), "en", NOW_UTC_S)
        for purpose, version in (("cookies", 1), ("rules", 3), ("terms", 2))
    ]


def test_an_address_has_one_account(admission: Admission) -> None:
    """A second registration is declined and leaves the first as it was, with one erasure key in all."""
    register(admission)
    with pytest.raises(Declined, match="address_taken"):
        admission.register(ADDRESS.upper(), "another quite long one", "fr", BOTH, BROWSER, NOW_UTC_S)
    admission.sign_in(ADDRESS, PASSWORD, BROWSER, NOW_UTC_S)
    assert len(list((Path(str(admission.engine.url.database)).parent / "keys" / "erasure").iterdir())) == 1


def test_wrong_password_and_no_such_account_look_and_last_alike(real_password_cost: None, admission: Admission) -> None:
    """One error, and one argon2id run each, so neither text nor time tells whether an address has an account."""
    register(admission)
    took_s: dict[str, list[float]] = {ADDRESS: [], "nobody@example.org": []}
    for _ in range(5):
        for address, times in took_s.items():
            start = time.perf_counter()
            with pytest.raises(Declined) as declined:
                admission.sign_in(address, "not the password", BROWSER, NOW_UTC_S)
            times.append(time.perf_counter() - start)
            assert declined.value.reason == "sign_in_wrong"
    # the quickest of each: a busy machine only ever adds
    known, unknown = (min(times) for times in took_s.values())
    assert 0.5 < known / unknown < 2
    assert min(known, unknown) > 0.02


def test_recovery_code_sets_a_new_password_and_ends_every_session(admission: Admission) -> None:
    """The code, typed carelessly, opens the same key; old password, old code and old sessions are over."""
    old = register(admission)
    key = private_key(admission, old)
    cookie, session = session_of(admission, old)
    code = sessions.recovery_code(session, cookie)
    assert code is not None
    new = admission.recover(ADDRESS, code.lower().replace("-", " "), "quite another phrase", BROWSER, NOW_UTC_S)
    assert private_key(admission, new) == key
    assert session_of(admission, old)[1] is None
    for attempt in (
        lambda: admission.sign_in(ADDRESS, PASSWORD, BROWSER, NOW_UTC_S),
        lambda: admission.recover(ADDRESS, code, "a third phrase here", BROWSER, NOW_UTC_S),
        lambda: admission.recover("nobody@example.org", code, "a third phrase here", BROWSER, NOW_UTC_S),
    ):
        with pytest.raises(Declined):
            attempt()
    admission.sign_in(ADDRESS, "quite another phrase", BROWSER, NOW_UTC_S)


def test_changing_the_password_ends_the_other_sessions(admission: Admission) -> None:
    """The one session that changes it stays, with its key; the others and the old password are over."""
    here, elsewhere = register(admission), admission.sign_in(ADDRESS, PASSWORD, BROWSER, NOW_UTC_S)
    key = private_key(admission, here)
    cookie, session = session_of(admission, here)
    with pytest.raises(Declined, match="password_wrong"):
        admission.change_password(session.account_id, "not it at all", "quite another phrase", cookie.digest, NOW_UTC_S)
    admission.change_password(session.account_id, PASSWORD, "quite another phrase", cookie.digest, NOW_UTC_S)
    assert private_key(admission, here) == key
    assert session_of(admission, elsewhere)[1] is None
    with pytest.raises(Declined):
        admission.sign_in(ADDRESS, PASSWORD, BROWSER, NOW_UTC_S)


def test_sessions_end_after_thirty_days_and_when_revoked(admission: Admission) -> None:
    """A cookie is worth nothing once its row has ended, and another account cannot end it."""
    cookie_text = register(admission)
    cookie, session = session_of(admission, cookie_text)
    assert session_of(admission, cookie_text, NOW_UTC_S + sessions.LIFE_S)[1] is None
    with stores.writing(admission.engine) as connection:
        sessions.revoke(connection, os.urandom(16), cookie.digest)
    assert session_of(admission, cookie_text)[1] is not None
    with stores.writing(admission.engine) as connection:
        sessions.revoke(connection, session.account_id, cookie.digest)
    assert session_of(admission, cookie_text)[1] is None


def test_a_stolen_accounts_store_with_pepper_and_erasure_keys_opens_nothing(admission: Admission) -> None:
    """With every byte of the store, the pepper and the erasure keys, but no password, cookie or code, no box gives the private key."""
    cookie_text = register(admission)
    key = private_key(admission, cookie_text)
    database = Path(str(admission.engine.url.database))
    connection = sqlite3.connect(database)
    values = [
        value
        for table in ("accounts", "sessions", "addresses", "link_codes", "link_boxes", "consents")
        for row in connection.execute(f"SELECT * FROM {table}")
        for value in row
        if isinstance(value, bytes)
    ]
    account_id = connection.execute("SELECT account_id FROM accounts").fetchone()[0]
    connection.close()
    erasure_key = admission.erasure.of(account_id)
    purposes = [
        b"foyer wrap password\x00",
        b"foyer wrap recovery\x00",
        b"foyer session private key\x00",
        b"foyer session recovery code\x00",
    ]
    # peel the erasure key off whatever it closes, then try every 32 bytes at hand as a key, plain and derived
    peeled = [opened for value in values for purpose in purposes if (opened := attempt(erasure_key, value, purpose + account_id))]
    assert len(peeled) == 3
    at_hand = [value for value in (*values, *peeled, *admission.pepper, erasure_key) if len(value) == 32]
    at_hand += [wrapping.hkdf(b"", value, label, 32) for value in at_hand for label in (b"foyer session 1 id", b"foyer session 1 half key")]
    at_hand += [wrapping.hkdf(salt, value, b"foyer session 1 key", 32) for value in at_hand for salt in at_hand[:8]]
    for candidate in at_hand:
        assert candidate != key
        for box in (*values, *peeled):
            for purpose in purposes:
                assert attempt(candidate, box, purpose + account_id) in (None, *peeled)
    assert all(part not in database.read_bytes() for part in (key, ADDRESS.encode(), PASSWORD.encode(), cookie_text.encode()))


def attempt(key: bytes, box: bytes, purpose: bytes) -> bytes | None:
    return wrapping.try_open(key, box[:12], box[12:], purpose)


def test_destroying_the_erasure_key_erases_even_for_who_knows_the_password(admission: Admission) -> None:
    """A full backup, the pepper and the right password open nothing once 32 bytes are gone (T5)."""
    cookie_text = register(admission)
    cookie, session = session_of(admission, cookie_text)
    admission.erasure.destroy(session.account_id)
    with pytest.raises(Declined, match="sign_in_wrong"):
        admission.sign_in(ADDRESS, PASSWORD, BROWSER, NOW_UTC_S)
    with pytest.raises(CannotUnwrap):
        admission.address_of(session.account_id)
    with pytest.raises(CannotUnwrap):
        sessions.private_key(session, cookie, os.urandom(32))


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "Password2024!",
        "motdepasse1",
        "1234567890",
        "0987654321",
        "abcdefghijkl",
        "aaaaaaaaaaaa",
        "azertyuiop",
        "qwertyuiop!",
        "passwordpassword",
        "abcabcabcabc",
        "ada.lovelace1",
        "P@ssw0rd12345",
    ],
)
def test_passwords_that_anybody_would_try_are_refused(password: str) -> None:
    """Lists, runs, repetitions and one's own address."""
    with pytest.raises(Declined, match="password_common"):
        credentials.check_password(password, "ada.lovelace@example.org")


def test_passwords_have_a_length() -> None:
    """Nine characters are too few, 201 too many, and a phrase is welcome."""
    for password, reason in (("x7-qMz.aB", "password_short"), ("ab!7Zq" * 40, "password_long")):
        with pytest.raises(Declined, match=reason):
            credentials.check_password(password, ADDRESS)
    assert credentials.check_password("trois petits chats noirs", ADDRESS)


@pytest.mark.parametrize(
    "address", ["", "ada", "@example.org", "ada@", "a b@c.org", "ada@x\r\nBcc: eve@x.org", "a@b@c", "a@b..c", "a" * 250 + "@b.org"]
)
def test_addresses_that_are_none_are_refused(address: str) -> None:
    """Nothing that could end a header line or name two addresses."""
    with pytest.raises(Declined, match="address_wrong"):
        check_address(address)


@given(st.binary(min_size=0, max_size=64), st.binary(min_size=1, max_size=20))
@settings(max_examples=60)
def test_a_box_opens_under_its_own_key_and_purpose_only(plaintext: bytes, purpose: bytes) -> None:
    """Round trip; another key, another purpose, one changed bit: refused."""
    key = os.urandom(32)
    box = wrapping.wrap(key, plaintext, purpose)
    assert wrapping.unwrap(key, box, purpose) == plaintext
    changed = box[:-1] + bytes([box[-1] ^ 1])
    for bad_key, bad_box, bad_purpose in (
        (os.urandom(32), box, purpose),
        (key, box, purpose + b"x"),
        (key, changed, purpose),
        (key, box[:11], purpose),
    ):
        with pytest.raises(CannotUnwrap):
            wrapping.unwrap(bad_key, bad_box, bad_purpose)


@given(st.text(max_size=60))
def test_no_text_is_a_cookie_or_a_code_by_accident(typed: str) -> None:
    """Whatever is sent is parsed or refused, never an exception of another kind."""
    parse_cookie(typed)
    with contextlib.suppress(Declined):
        credentials.recovery_key(typed, b"p" * 32)


def test_recovery_codes_have_128_bits_and_forgive_handwriting() -> None:
    """26 characters, and I, L, O, case, spaces do not matter."""
    code = credentials.new_recovery_code()
    assert len(code.replace("-", "")) == 26
    careless = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert credentials.recovery_key(careless, b"p" * 32) == credentials.recovery_key(code, b"p" * 32)


def test_hpke_boxes_open_for_their_key_and_purpose_only() -> None:
    """What is sealed to one account is nothing to another, nor under another info."""
    private, other = hpke.new_private_key(), hpke.new_private_key()
    box = hpke.seal_to(hpke.public_half(private), b"secret", b"foyer link 1")
    assert hpke.open_with(private, box, b"foyer link 1") == b"secret"
    for key, data, info in (
        (other, box, b"foyer link 1"),
        (private, box, b"foyer batch 1"),
        (private, box[:-1], b"foyer link 1"),
        (private, b"", b""),
    ):
        with pytest.raises(CannotUnwrap):
            hpke.open_with(key, data, info)


def test_secrets_print_as_stars(admission: Admission) -> None:
    """No repr of ours shows a key."""
    cookie, session = session_of(admission, register(admission))
    for secret in (cookie, session, admission.pepper, credentials.stretch(PASSWORD, bytes(16), bytes(32))):
        assert "***" in repr(secret)
        assert "\\x" not in repr(secret)
