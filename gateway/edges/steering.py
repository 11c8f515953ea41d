"""Orders from the account's site (protocol/steering.py): notices left for whoever has a right, orders taken from whoever proves the key.

Nobody at home means nobody: without a right that somebody at home gave for this person and this device, nothing is done, and without any
right no notice leaves. A challenge is on disk before it leaves, is taken once, and dies after an hour.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from sqlite3 import Connection
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from structlog.typing import FilteringBoundLogger

from gateway import orders, sealing
from gateway.devices import Device
from gateway.edges import households, orderbook
from gateway.edges.buffer import Buffer
from gateway.edges.enrolments import Enrolments
from gateway.edges.log import utc_ms
from gateway.edges.mqtt import Outside
from gateway.edges.orderbook import OrderBook
from gateway.edges.way import Way
from gateway.errors import NoRoom
from gateway.pseudonyms import Keys, hkdf
from protocol import seals, steering
from protocol.errors import ProtocolError

CHALLENGE_LIVES_MS = 3_600_000
_RENEWED_MS = 1_800_000
_LEAST_PAUSE_S = 1.0
_LOOK_S = 60.0
_CLOCK_TOLERANCE_S = 3600
_SAID = 5


class Steering:
    """Leaves notices and takes orders; keys_of: of a subject's person id, epoch and home secret; updates_of: as in `Rollout.told`."""

    def __init__(
        self,
        buffer: Buffer,
        way: Way,
        log: FilteringBoundLogger,
        outside: Outside,
        enrolments: Enrolments,
        book: OrderBook,
        keys_of: Callable[[bytes, int, int], Keys],
        updates_of: Callable[[Device], tuple[str, str, list[steering.Update]]],
    ) -> None:
        self._buffer = buffer
        self._way = way
        self._log = log
        self._outside = outside
        self._enrolments = enrolments
        self._book = book
        self._keys_of = keys_of
        self._updates_of = updates_of
        self._woken = asyncio.Event()
        self._left: dict[int, tuple[object, int]] = {}

    def wake(self) -> None:
        """Say that a notice may be out of date: an order moved, a right or the connection changed."""
        self._woken.set()

    def connection_changed(self) -> None:
        """Leave every notice again: nobody knows what arrived."""
        self._left.clear()
        self.wake()

    async def run(self) -> None:
        """Keep the notices up to date, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._woken.wait()
            self._woken.clear()
            with contextlib.suppress(NoRoom):  # a full disk takes no challenges; the notices of before stand
                await self._leave_notices()
            await asyncio.sleep(_LEAST_PAUSE_S)

    async def take(self, message: steering.Message) -> None:
        """Take an order from the broker: opened under one of our living challenges, allowed, and queued once."""
        try:
            await self._take(message)
        except NoRoom:
            self._way.refuse(NoRoom.reason)

    async def _take(self, message: steering.Message) -> None:
        subject = self._subject_at(message.slot)
        if message.kind != steering.ORDER or subject is None:
            self._way.refuse("unknown_slot")
            return
        now_ms = utc_ms()
        number = subject["subject"]
        challenge, order = None, None
        for each in self._buffer.read(lambda connection: living(connection, number, now_ms)):
            try:
                order = steering.open_order(each, message.slot, message.body, hkdf, _open)
            except ProtocolError:
                self._way.refuse("bad_order")
                return
            if order is not None:
                challenge = each
                break
        if challenge is None or order is None or abs(order.made_utc_s - now_ms // 1000) > _CLOCK_TOLERANCE_S:
            self._way.refuse("stale_order")
            self._log.warning("order.refused", reason="stale")
            return
        # taken before anything is done with it, so that whatever happens then it is not taken again
        if not await self._buffer.write(lambda connection: use(connection, challenge, now_ms)):
            self._way.refuse("repeated_order")
            return
        device = next((each for each in self._enrolments.devices if each.kid == order.kid), None)
        rights = self._buffer.read(orderbook.rights)
        if device is None or (number, order.kid) not in rights:
            self._way.refuse("no_right")
            self._log.warning("order.refused", reason="no_right", subject=number)
        elif not await self._book.give(device, order.function, order.arguments, orders.SITE, number):
            self._way.refuse("impossible_order")
            self._log.warning("order.refused", reason="impossible", subject=number)
        self._left.pop(number, None)
        self.wake()

    def _subject_at(self, slot: bytes) -> dict[str, Any] | None:
        for row in self._buffer.read(households.subjects):
            if row["account_key"] is not None:
                keys = self._keys_of(row["person_id"], row["epoch"], row["generation"])
                if secrets.compare_digest(steering.slot_of(keys.root_key, hkdf), slot):
                    return row
        return None

    async def _leave_notices(self) -> None:
        if not self._outside.connected:
            return
        rights = self._buffer.read(orderbook.rights)
        now_ms = utc_ms()
        for row in self._buffer.read(households.subjects):
            subject = row["subject"]
            kids = {kid for owner, kid in rights if owner == subject}
            if row["account_key"] is None or not (kids or subject in self._left):
                continue
            devices = self._devices(kids)
            said, left_ms = self._left.get(subject, (None, 0))
            if said == devices and now_ms - left_ms < _RENEWED_MS:
                continue
            challenge = secrets.token_bytes(steering.CHALLENGE_BYTES)
            await self._buffer.write(lambda connection, s=subject, c=challenge: offer(connection, c, s, now_ms))  # type: ignore[misc]  # bound now
            keys = self._keys_of(row["person_id"], row["epoch"], row["generation"])
            self._outside.publish("link", notice_message(keys, row["account_key"], challenge, self._outside.alias, devices, now_ms))
            self._left[subject] = (devices, now_ms)

    def _devices(self, kids: set[bytes]) -> list[steering.DeviceNotice]:
        learnt = self._buffer.read(households.devices)
        found = []
        for device in self._enrolments.devices[: steering.MOST_DEVICES]:
            if device.kid in kids:
                seen_ms = learnt.get(device.kid, {}).get("last_seen_ms")
                said = [
                    steering.Said(each.kind, each.state, (each.ended_ms or each.made_ms) // 1000, each.fault or 0)
                    for each in self._book.shown(device.kid)[:_SAID]
                ]
                # to the quarter of an hour: a notice for each sign of life would tell the broker of each
                seen_s = None if seen_ms is None else seen_ms // 900_000 * 900
                functions = [kind for kind in orders.FUNCTIONS[device.kind] if kind not in orders.AT_HOME]
                facts = (device.kid, device.kind, device.name, functions, seen_s, said)
                found.append(steering.DeviceNotice(*facts, *self._updates_of(device)))
        return found


def notice_message(
    keys: Keys, account_key: bytes, challenge: bytes, alias: str, devices: list[steering.DeviceNotice], now_ms: int
) -> bytes:
    """Return a notice as it goes out: closed to the account's pinned key, then under the key that home and owner share."""
    slot = steering.slot_of(keys.root_key, hkdf)
    plain = steering.encode_notice(steering.Notice(challenge, alias, now_ms // 1000, devices))
    inner = sealing.close_to(account_key, plain, steering.NOTICE_INFO + slot)
    nonce = secrets.token_bytes(seals.NONCE_BYTES)
    body = nonce + AESGCM(steering.notice_key(keys.root_key, hkdf)).encrypt(nonce, inner, slot)
    return steering.encode_message(steering.NOTICE, slot, body)


def offer(connection: Connection, challenge: bytes, subject: int, now_ms: int) -> None:
    """Keep a challenge before it leaves, and forget the dead ones."""
    connection.execute("DELETE FROM challenges WHERE made_ms < ?", (now_ms - CHALLENGE_LIVES_MS,))
    connection.execute("INSERT INTO challenges (challenge, subject, made_ms) VALUES (?, ?, ?)", (challenge, subject, now_ms))


def living(connection: Connection, subject: int, now_ms: int) -> list[bytes]:
    """Return the challenges of a subject that may still be answered, the newest first."""
    rows = connection.execute(
        "SELECT challenge FROM challenges WHERE subject = ? AND used_ms IS NULL AND made_ms >= ? ORDER BY made_ms DESC LIMIT 8",
        (subject, now_ms - CHALLENGE_LIVES_MS),
    )
    return [row["challenge"] for row in rows]


def use(connection: Connection, challenge: bytes, now_ms: int) -> bool:
    """Take a challenge; return False if it was taken before."""
    return (
        connection.execute("UPDATE challenges SET used_ms = ? WHERE challenge = ? AND used_ms IS NULL", (now_ms, challenge)).rowcount == 1
    )


def _open(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError):
        return None
