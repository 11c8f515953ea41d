"""Orders from the site (threats T14, T15): each attack on them mounted against a real database, real seals and the site's own code."""

import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import FilteringBoundLogger

from cloud import hpke, wrapping
from cloud import steering as site
from gateway import devices, orders
from gateway.edges import households, orderbook
from gateway.edges import steering as edge
from gateway.edges.buffer import Buffer
from gateway.edges.orderbook import OrderBook
from gateway.edges.steering import Steering
from gateway.edges.way import Way
from gateway.pseudonyms import keys_of
from protocol import commands, steering
from protocol.steering import Order
from tests.gateway.counterpart import Counterpart

pytestmark = pytest.mark.anyio
ALIAS = "00112233445566aa"


class House:
    """A home with a cuff and a babyphone, Anna with a linked account and Ben with another, and what went out to the broker."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self.way = Way(buffer)
        self.log: FilteringBoundLogger = structlog.get_logger()
        counterparts = {kind: Counterpart(kind) for kind in ("cuff", "babyphone")}
        self.devices = {kind: devices.parse(kind, json.dumps(each.enrolment())) for kind, each in counterparts.items()}
        self.book = OrderBook(buffer, self.log, lambda: None)
        self.published: list[bytes] = []
        self.updates: dict[str, tuple[str, str, list[steering.Update]]] = {}
        outside: Any = SimpleNamespace(connected=True, alias=ALIAS, publish=self.publish)
        enrolments: Any = SimpleNamespace(devices=list(self.devices.values()))
        self.steering = Steering(
            *(buffer, self.way, self.log, outside, enrolments, self.book, lambda id_, epoch, _: keys_of(bytes(32), id_, epoch)),
            lambda device: self.updates.get(device.kind, ("", "", [])),
        )
        self.accounts = {name: hpke.new_private_key() for name in ("Anna", "Ben")}
        self.people: dict[str, dict[str, Any]] = {}

    def publish(self, branch: str, payload: bytes) -> None:
        assert branch == "link"
        self.published.append(payload)

    async def move_in(self) -> None:
        for name, key in self.accounts.items():
            number = await self.buffer.write(lambda c, n=name: households.add_subject(c, 0, n, 70_000, os.urandom(16), 0))  # type: ignore[misc]
            public = hpke.public_half(key)
            await self.buffer.write(
                lambda c, n=number, p=public: c.execute("UPDATE subjects SET account_key = ? WHERE subject = ?", (p, n)).rowcount  # type: ignore[misc]
            )
            self.people[name] = next(row for row in self.buffer.read(households.subjects) if row["subject"] == number)

    async def allow(self, name: str, *kinds: str) -> None:
        for kind, device in self.devices.items():
            chosen = [self.people[name]["subject"]] if kind in kinds else []
            await self.buffer.write(lambda c, d=device, s=chosen: orderbook.set_rights(c, d.kid, s, 0))  # type: ignore[misc]
        await self.steering._leave_notices()

    def root_key(self, name: str) -> bytes:
        return keys_of(bytes(32), self.people[name]["person_id"], self.people[name]["epoch"]).root_key

    def notice(self, name: str, message: bytes | None = None) -> steering.Notice | None:
        """What the site sees in a person's live session, of the last notice for them."""
        slot = site.slot_of(self.root_key(name))
        messages = [steering.decode_message(each) for each in ([message] if message else self.published)]
        bodies = [each.body for each in messages if each is not None and each.slot == slot]
        return site.open_notice(self.accounts[name], self.root_key(name), bodies[-1]) if bodies else None

    def order(self, name: str, kind: str, function: int, notice: steering.Notice | None = None, made_utc_s: int | None = None) -> bytes:
        notice = notice or self.notice(name)
        assert notice is not None
        made = int(time.time()) if made_utc_s is None else made_utc_s
        return site.order_message(notice, self.root_key(name), Order(self.devices[kind].kid, function, {}, made))

    async def arrives(self, message: bytes) -> None:
        decoded = steering.decode_message(message)
        assert decoded is not None
        await self.steering.take(decoded)

    def waiting(self, kind: str) -> list[tuple[int, str]]:
        return [(each.kind, each.state) for each in self.book.shown(self.devices[kind].kid)]

    def refused(self) -> dict[str, int]:
        return {name.removeprefix("refused."): count for name, count in self.way.counts.items() if name.startswith("refused.")}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    buffer = await Buffer.open(tmp_path / "home.db", 64)
    made = House(buffer)
    await made.move_in()
    with capture_logs():
        yield made
    await buffer.close()


async def test_an_allowed_order_is_queued_once_and_its_end_is_told(house: House) -> None:
    """Arming the cuff from the site waits for the cuff; the next notice says how it went, under a new challenge."""
    await house.allow("Anna", "cuff")
    first = house.notice("Anna")
    assert first is not None
    assert [(each.kind, each.functions) for each in first.devices] == [("cuff", list(orders.FUNCTIONS["cuff"]))]
    assert first.alias == ALIAS
    await house.arrives(house.order("Anna", "cuff", commands.ARM))
    assert house.waiting("cuff") == [(commands.ARM, orders.WAITING)]
    order = await house.book.next_for(house.devices["cuff"])
    assert order is not None
    assert (order.kind, order.left_s <= 120) == (commands.ARM, True)
    await house.book.answered(
        house.devices["cuff"], {commands.KIND: commands.ARM, commands.NUMBER: order.number, commands.OUTCOME: commands.DONE}
    )
    await house.steering._leave_notices()
    second = house.notice("Anna")
    assert second is not None
    assert second.challenge != first.challenge
    assert [(said.function, said.state) for said in second.devices[0].said] == [(commands.ARM, orders.DONE)]


async def test_the_owner_is_told_what_a_device_runs_and_how_its_updates_go(house: House) -> None:
    """A new notice as soon as something of it changed, and only for whoever may steer this device."""
    house.updates["cuff"] = ("0.1.0", "0.1.1", [])
    await house.allow("Anna", "cuff")
    first = house.notice("Anna")
    assert first is not None
    assert [(each.runs, each.offered, each.updates) for each in first.devices] == [("0.1.0", "0.1.1", [])]
    house.updates["cuff"] = ("0.1.1", "", [steering.Update("0.1.1", "kept", 0, 1_700_000_000, 0)])
    await house.steering._leave_notices()
    second = house.notice("Anna")
    assert second is not None
    assert [(each.runs, each.offered, each.updates) for each in second.devices] == [house.updates["cuff"]]
    assert house.notice("Ben") is None


async def test_the_same_order_again_is_refused(house: House) -> None:
    """A broker that plays an order again, at once or after a restart, has nothing done twice."""
    await house.allow("Anna", "cuff")
    message = house.order("Anna", "cuff", commands.STOP)
    await house.arrives(message)
    assert house.waiting("cuff") == [(commands.STOP, orders.WAITING)]
    await house.book.decide(house.devices["cuff"], 1, orders.TAKEN_BACK)
    house.steering._left.clear()
    await house.arrives(message)
    assert house.waiting("cuff") == [(commands.STOP, orders.WITHDRAWN)]
    assert house.refused() == {"stale_order": 1}


async def test_two_orders_under_one_challenge_are_one(house: House) -> None:
    """A corrupt site that closes a second order under a challenge gets the first only."""
    await house.allow("Anna", "cuff")
    notice = house.notice("Anna")
    first, second = (house.order("Anna", "cuff", function, notice) for function in (commands.REPORT, commands.RESTART))
    await house.arrives(first)
    await house.arrives(second)
    assert house.waiting("cuff") == [(commands.REPORT, orders.WAITING)]


async def test_without_a_right_nothing_is_done_and_no_notice_leaves(house: House) -> None:
    """Ben, who may steer nothing, gets no notice; Anna, who may steer the cuff, cannot restart the babyphone."""
    await house.allow("Anna", "cuff")
    assert house.notice("Ben") is None
    await house.arrives(house.order("Anna", "babyphone", commands.IDENTIFY))
    assert (house.waiting("babyphone"), house.refused()) == ([], {"no_right": 1})


async def test_a_right_taken_away_ends_at_once(house: House) -> None:
    """An order under a challenge of before is refused, and the next notice names no device."""
    await house.allow("Anna", "cuff")
    message = house.order("Anna", "cuff", commands.REPORT)
    await house.allow("Ben", "cuff")
    await house.arrives(message)
    assert (house.waiting("cuff"), house.refused()) == ([], {"no_right": 1})
    notice = house.notice("Anna")
    assert notice is not None
    assert notice.devices == []


async def test_another_account_cannot_order_as_somebody(house: House) -> None:
    """Ben's keys do not open Anna's notice, and an order closed under his own challenge in her slot opens nothing."""
    await house.allow("Anna", "cuff")
    slot = site.slot_of(house.root_key("Anna"))
    (message,) = [each for each in map(steering.decode_message, house.published) if each is not None and each.slot == slot]
    assert site.open_notice(house.accounts["Ben"], house.root_key("Anna"), message.body) is None
    assert site.open_notice(house.accounts["Anna"], house.root_key("Ben"), message.body) is None
    forged = steering.Notice(os.urandom(32), ALIAS, 0, [])
    await house.arrives(house.order("Anna", "cuff", commands.ARM, forged))
    await house.arrives(steering.encode_message(steering.ORDER, os.urandom(16), b"x" * 100))
    await house.arrives(steering.encode_message(steering.NOTICE, slot, b"x" * 100))
    assert (house.waiting("cuff"), house.refused()) == ([], {"stale_order": 1, "unknown_slot": 2})


async def test_a_notice_that_the_home_did_not_write_is_none(house: House) -> None:
    """Somebody who knows the account's public key and the slot cannot make the site believe a notice."""
    await house.allow("Anna", "cuff")
    plain = steering.encode_notice(steering.Notice(os.urandom(32), "evil", 0, []))
    slot = site.slot_of(house.root_key("Anna"))
    inner = hpke.seal_to(hpke.public_half(house.accounts["Anna"]), plain, steering.NOTICE_INFO + slot)
    for body in (inner, os.urandom(12) + inner, wrapping.wrap(os.urandom(32), inner, slot)):
        assert house.notice("Anna", steering.encode_message(steering.NOTICE, slot, body)) is None


async def test_what_pauses_the_babyphone_waits_for_a_yes_at_home(house: House) -> None:
    """Restarting it from the site is asked at home first, declined or agreed to there; arming the cuff inflates nothing."""
    await house.allow("Anna", "babyphone", "cuff")
    await house.arrives(house.order("Anna", "babyphone", commands.RESTART))
    assert house.waiting("babyphone") == [(commands.RESTART, orders.ASKING)]
    assert await house.book.next_for(house.devices["babyphone"]) is None
    await house.book.decide(house.devices["babyphone"], 1, orders.AGREED)
    order = await house.book.next_for(house.devices["babyphone"])
    assert order is not None
    assert order.kind == commands.RESTART
    assert all(name != "inflate" for name in orders.NAMES.values())


@pytest.mark.parametrize("off_s", [-3700, 3700])
async def test_an_order_made_long_ago_is_refused(house: House, off_s: int) -> None:
    """A clock an hour off, or an order held back for an hour, is stale."""
    await house.allow("Anna", "cuff")
    await house.arrives(house.order("Anna", "cuff", commands.ARM, made_utc_s=int(time.time()) + off_s))
    assert (house.waiting("cuff"), house.refused()) == ([], {"stale_order": 1})


async def test_a_challenge_dies_after_an_hour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Withheld by the broker for longer, it opens nothing any more."""
    await house.allow("Anna", "cuff")
    message = house.order("Anna", "cuff", commands.STOP)
    later_ms = int(time.time() * 1000) + edge.CHALLENGE_LIVES_MS + 1000
    monkeypatch.setattr(edge, "utc_ms", lambda: later_ms)
    await house.arrives(message)
    assert (house.waiting("cuff"), house.refused()) == ([], {"stale_order": 1})


async def test_an_impossible_order_is_refused_and_its_challenge_spent(house: House) -> None:
    """A function that the device has not, or an argument that the wire has not, is refused once and for all."""
    await house.allow("Anna", "babyphone")
    await house.arrives(house.order("Anna", "babyphone", commands.ARM))
    assert (house.waiting("babyphone"), house.refused()) == ([], {"impossible_order": 1})


async def test_a_notice_tells_the_broker_little(house: House) -> None:
    """No name, device, function or account stands in it, and its length is the same for one order more or less."""
    await house.allow("Anna", "cuff")
    (before,) = house.published
    for secret in (b"Anna", b"The cuff", house.devices["cuff"].kid, ALIAS.encode(), hpke.public_half(house.accounts["Anna"])):
        assert secret not in before
    await house.arrives(house.order("Anna", "cuff", commands.REPORT))
    await house.steering._leave_notices()
    assert len(house.published[-1]) == len(before)
