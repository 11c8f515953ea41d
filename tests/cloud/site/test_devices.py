"""The site's half of orders: a page for whom a home allowed it, one order for each notice, and slots that name nobody."""

import dataclasses
import re
import time
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from sqlalchemy import inspect

from cloud import steering as site_steering
from cloud import stores
from cloud.site.pages import devices
from gateway import orders, sealing
from gateway.edges.steering import notice_message
from gateway.pseudonyms import Keys
from protocol import commands, faults, steering
from protocol.sentences import SENTENCES
from tests.cloud.counterpart import Person, _open, hkdf
from tests.cloud.site.conftest import Premises
from tools import release

CUFF = steering.DeviceNotice(
    b"cuff",
    "cuff",
    "Dad's cuff",
    list(orders.FUNCTIONS["cuff"]),
    1_700_000_000,
    [steering.Said(commands.REPORT, "refused", 1_700_000_000, 125)],
    *("0.1.0", "0.1.1"),
    [
        steering.Update("0.1.2", "fetching", 40, 1_700_000_000, 0),
        steering.Update("0.1.1", "given_back", 0, 1_700_000_000, faults.UPDATE_UNPROVED),
        steering.Update("0.1.0", "kept", 0, 1_700_000_000, 0),
    ],
)
CHALLENGE = bytes(range(32))


class Linked:
    """Somebody with an account, linked to a home that leaves notices."""

    def __init__(self, site: Premises) -> None:
        self.site = site
        self.browser = site.browser()
        self.browser.register()
        self.person = Person("Ada")
        self.browser.link(self.person)
        with site.premises.accounts.connect() as connection:
            self.account_key = bytes(connection.exec_driver_sql("SELECT public_key FROM accounts").scalar_one())
        self.keys = Keys(self.person.pseudonym, self.person.write_public, self.person.seeds.write_seed, self.person.seeds.root_key)
        self.sent: list[tuple[str, bytes]] = []
        site.premises.send_order = lambda alias, message: self.sent.append((alias, message))

    def leave(self, challenge: bytes = CHALLENGE, made: list[steering.DeviceNotice] | None = None) -> bytes:
        message = notice_message(self.keys, self.account_key, challenge, "00ff", [CUFF] if made is None else made, int(time.time() * 1000))
        assert self.site.desk.answer(message, int(time.time())) is None
        return message

    def order(self, **form: str) -> Any:
        (home,) = set(re.findall(r'name="home" value="(\w+)"', self.browser.get("/en/devices").text)) or {"none"}
        return self.browser.post("/en/devices", {"home": home, "device": b"cuff".hex(), **form})


@pytest.fixture
def linked(site: Premises) -> Linked:
    return Linked(site)


def test_without_a_notice_the_page_says_how_to_allow_it(linked: Linked) -> None:
    """Nothing to steer, and where it is allowed; a stranger is asked to sign in."""
    assert "Nobody at home has allowed you" in linked.browser.get("/en/devices").text
    assert linked.site.browser().get("/en/devices").url.path == "/en/sign-in"
    linked.leave(made=[])
    assert "Nobody at home has allowed you" in linked.browser.get("/en/devices").text


def test_an_order_opens_at_home_and_goes_out_once(linked: Linked) -> None:
    """What is sent opens under the home's challenge alone; until the next notice nothing more can be sent, and then it can."""
    linked.leave()
    page = linked.browser.get("/en/devices").text
    assert "Dad&#39;s cuff" in page
    assert "<strong>Report its state</strong>" in page
    assert linked.order(function="1").status_code == 200
    ((alias, message),) = linked.sent
    decoded = steering.decode_message(message)
    assert decoded is not None
    order = steering.open_order(CHALLENGE, decoded.slot, decoded.body, hkdf, _open)
    assert order is not None
    assert (alias, order.kid, order.function, order.arguments) == ("00ff", b"cuff", commands.ARM, {})
    assert decoded.slot == steering.slot_of(linked.person.seeds.root_key, hkdf)
    assert "Your home has not answered yet" in linked.browser.get("/en/devices").text
    assert linked.order(function="2").status_code == 409
    assert len(linked.sent) == 1
    linked.leave(bytes(32))
    assert linked.order(function="6", language="1", unit="2").status_code == 200
    assert len(linked.sent) == 2
    assert "You told a device at home to do something." in linked.browser.get("/en/log").text


def test_the_page_shows_each_devices_version_what_an_update_brings_how_far_it_is_and_those_before(linked: Linked, tmp_path: Path) -> None:
    """In both languages; what it brings is the release's own word, from the shelf, and is text there whatever it holds."""
    key = release.signing_key(tmp_path / "elsewhere/release.pem")
    files = {"firmware/main.mpy": b"M\x06\x00", "firmware/boards/s3_cuff.mpy": b"M\x06\x00", "release.keys": bytes(65)}
    said = release.Facts("0.1.1", release.sequence_of("0.1.1"), "A <quieter> pump.", "Une pompe plus <silencieuse>.")
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf/cuff-0.1.1.foyer").write_bytes(release.pack("cuff", files, key, said))
    premises = linked.site.premises
    premises.settings = dataclasses.replace(premises.settings, releases=tmp_path / "shelf")
    linked.leave()
    pages = {language: linked.browser.get(f"/{language}/devices").text for language in ("en", "fr")}
    for sentence in (
        "Version 0.1.0",
        "Update 0.1.1 is at home.",
        "A &lt;quieter&gt; pump.",
        "Update 0.1.2: on its way, 40 %.",
        'value="40"',
    ):
        assert sentence in pages["en"]
    for sentence in ("Update 0.1.1: given back, ", "Update 0.1.0: installed, ", SENTENCES[faults.UPDATE_UNPROVED]["en"]):
        assert str(escape(sentence)) in pages["en"]
    for sentence in (
        "La mise à jour 0.1.1 est à la maison.",
        "Une pompe plus &lt;silencieuse&gt;.",
        "Mise à jour 0.1.2\u00a0: en route, 40\u00a0%.",
    ):
        assert sentence in pages["fr"]
    assert str(escape(SENTENCES[faults.UPDATE_UNPROVED]["fr"])) in pages["fr"]
    assert "A &lt;quieter&gt; pump." in linked.browser.get("/en/technicians").text


@pytest.mark.parametrize(
    "form",
    [
        {"function": "99"},
        {"function": ""},
        {"function": "6", "language": "7"},
        {"function": "6", "unit": "-1"},
        {"device": "00000000", "function": "1"},
        {"home": "ffffffffffff", "function": "1"},
        {"function": "²"},
    ],
)
def test_what_a_home_did_not_offer_cannot_be_sent(linked: Linked, form: dict[str, str]) -> None:
    """Another function, argument, device or home than those of the notice."""
    linked.leave()
    assert linked.order(**form).status_code == 409
    assert linked.sent == []


def test_another_account_sees_nothing_of_it(linked: Linked) -> None:
    """The notice of one account is none for another."""
    linked.leave()
    other = linked.site.browser()
    other.register("bob@example.org")
    assert "Dad" not in other.get("/en/devices").text


def test_the_store_cannot_tell_whose_a_slot_is(linked: Linked) -> None:
    """A row holds a slot, closed bytes and times; no column of any other table holds the slot, and the alias stands nowhere."""
    linked.leave()
    slot = steering.slot_of(linked.person.seeds.root_key, hkdf)
    with linked.site.premises.accounts.connect() as connection:
        tables = inspect(connection).get_table_names()
        holders = [
            table
            for table in tables
            if any(
                slot in bytes(value)
                for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
                for value in row
                if isinstance(value, bytes)
            )
        ]
    assert holders == ["notices"]


def test_what_is_no_notice_of_this_home_is_not_shown(linked: Linked) -> None:
    """Somebody else's bytes in the slot show nothing; an order that comes to the site is not kept."""
    slot = steering.slot_of(linked.person.seeds.root_key, hkdf)
    for message in (
        steering.encode_message(steering.NOTICE, slot, b"x" * 500),
        steering.encode_message(steering.ORDER, slot, b"x" * 500),
        steering.encode_message(steering.NOTICE, slot, sealing.close_to(linked.account_key, b"x" * 100, steering.NOTICE_INFO + slot)),
    ):
        assert linked.site.desk.answer(message, 0) is None
        assert "Nobody at home has allowed you" in linked.browser.get("/en/devices").text


def test_slots_are_few_enough_and_forgotten(linked: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    """One gateway cannot fill the store with slots, and one that nobody renews is gone after thirty days."""
    monkeypatch.setattr(site_steering, "MOST_SLOTS", 2)
    with stores.writing(linked.site.premises.accounts) as connection:
        assert site_steering.leave(connection, b"a" * 16, b"1", 0)
        assert site_steering.leave(connection, b"b" * 16, b"1", 0)
        assert not site_steering.leave(connection, b"c" * 16, b"1", 0)
        assert site_steering.leave(connection, b"a" * 16, b"2", site_steering.KEPT_S)
        assert site_steering.leave(connection, b"c" * 16, b"1", site_steering.KEPT_S + 1)
        assert site_steering.left_in(connection, b"b" * 16) is None
        assert site_steering.left_in(connection, b"a" * 16) == (b"2", site_steering.KEPT_S, False)


def test_every_function_and_state_of_a_home_has_words_here() -> None:
    """Whatever a home may offer or tell is said on the site in words."""
    assert set(devices.FUNCTIONS) >= {function for functions in orders.FUNCTIONS.values() for function in functions} - orders.AT_HOME
    assert not set(devices.FUNCTIONS) & orders.AT_HOME
    assert set(devices.STATES) == set(orders.TRANSITIONS)
    assert set(devices.KINDS) == set(orders.FUNCTIONS)
