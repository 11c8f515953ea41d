"""Where orders are kept: each under a number that this home gives once, in whatever state `orders.py` says, until it is forgotten.

A number is on disk before a device can hear it. What a device answers is on disk before it is told so, and a device that has begun
higher numbers than this home knows of (it was restored from a backup) moves the home's counter up; it repeats nothing by itself.
"""

import asyncio
from collections.abc import Callable, Mapping
from sqlite3 import Connection
from sqlite3 import Row as Found

import cbor2
from structlog.typing import FilteringBoundLogger

from gateway import orders, records
from gateway.commands import Order
from gateway.devices import Device
from gateway.edges import households, ledger
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
from gateway.errors import IllegalEvent, NoRoom
from gateway.orders import Wanted
from protocol import commands

_NEXT = "orders_next"
_KEPT_MS = 30 * 86_400_000
_SHOWN = 3
_OPEN = ", ".join("?" * len(orders.OPEN))


class OrderBook:
    """The orders of one home. changed: called when the page may show something else; told: when a device may have something new to do."""

    def __init__(self, buffer: Buffer, log: FilteringBoundLogger, changed: Callable[[], None]) -> None:
        self._buffer = buffer
        self._log = log
        self._changed = changed
        self.told: Callable[[Device], None] = lambda _: None
        self.ended: Callable[[], None] = lambda: None
        self._keys: dict[int, bytes] = {}  # of listenings, by order: on no disk, and forgotten with the device's answer
        self._coming: tuple[bytes, bytes] | None = None  # device and key of the one that is being numbered: its device may be told at once
        self._numbering = asyncio.Lock()

    async def give(
        self, device: Device, kind: int, given: Mapping[int, int], origin: str = orders.HOME, subject: int | None = None
    ) -> bool:
        """Queue an order; return False: the device has no such function, or too much waits for it already.

        The same that waits already is not queued twice. Raises NoRoom.
        """
        if not await self._queue(device, kind, given, origin, subject):
            return False
        self._moved(device)
        return True

    async def _queue(self, device: Device, kind: int, given: Mapping[int, int], origin: str, subject: int | None) -> int:
        known = orders.arguments(kind, given, origin)
        if known is None or not orders.allowed(device.kind, kind, origin):
            return 0
        wanted = Wanted(0, device.kid, kind, known, origin, subject, state=orders.first_state(device.kind, kind, origin))
        number = await self._buffer.write(lambda connection: add(connection, wanted, utc_ms()))
        if number:
            self._log.info("order.given", kid=device.kid.hex(), order=orders.NAMES[kind], origin=origin)
        return number

    async def listen(self, device: Device, key: bytes, seconds: int) -> bool:
        """Queue an order to send the room's sound closed under a key, or with 0 seconds to end it; return False as `give` does."""
        async with self._numbering:
            self._coming = (device.kid, key) if seconds else None
            try:
                number = await self._queue(device, commands.LISTEN, {commands.SECONDS: seconds}, orders.HOME, None)
            except NoRoom:
                return False
            finally:
                self._coming = None
            if number and seconds:
                self._keys[number] = key
        self._moved(device)
        return number > 0

    async def offer(self, device: Device, arguments: Mapping[int, int]) -> bool:
        """Tell a device of a release; return False: too much waits for it already. Raises NoRoom."""
        wanted = Wanted(0, device.kid, commands.UPDATE, dict(arguments))
        taken = await self._buffer.write(lambda connection: add(connection, wanted, utc_ms()))
        if taken:
            self._moved(device)
        return bool(taken)

    async def decide(self, device: Device, number: int, event: str) -> None:
        """Say yes or no to an order that asks, or take one back; nothing happens if it is too late for that."""
        await self._buffer.write(lambda connection: happen(connection, device.kid, number, event, None, utc_ms()))
        self._moved(device)

    def shown(self, kid: bytes) -> list[Wanted]:
        """Return the last orders of a device, the newest first, those that are open among them in any case."""
        found = self._buffer.read(lambda connection: of_device(connection, kid))
        return [each for at, each in enumerate(found) if at < _SHOWN or each.state in orders.OPEN]

    # --- what the devices' door asks (gateway/commands.py)

    def waits_for(self, device: Device) -> bool:
        """Return whether a command waits for this device."""
        return orders.next_of(self._buffer.read(lambda connection: of_device(connection, device.kid)), utc_ms()) is not None

    async def next_for(self, device: Device) -> Order | None:
        """Return the one command that this device shall do next, or None."""
        now_ms = utc_ms()
        waiting = self._buffer.read(lambda connection: of_device(connection, device.kid))
        if orders.overdue(waiting, now_ms):
            await self._buffer.write(lambda connection: let_expire(connection, now_ms))
            self._changed()
        chosen = orders.next_of(waiting, now_ms)
        if chosen is None:
            return None
        given: dict[int, int | bytes] = dict(chosen.arguments)
        if chosen.kind == commands.LISTEN and chosen.arguments[commands.SECONDS]:
            key = self._keys.get(chosen.number) or (self._coming[1] if self._coming and self._coming[0] == device.kid else None)
            if key is not None:  # none after a restart in between: then the device refuses
                given[commands.KEY] = key
        if chosen.state == orders.WAITING:
            await self._buffer.write(lambda connection: happen(connection, device.kid, chosen.number, orders.WAS_HANDED, None, now_ms))
            self._log.info("order.handed", kid=device.kid.hex(), order=orders.NAMES[chosen.kind], number=chosen.number)
            self._changed()
        return Order(chosen.number, chosen.kind, given, (chosen.expires_ms - now_ms) / 1000)

    async def answered(self, device: Device, result: Mapping[int, object]) -> None:
        """Take a device's result."""
        number, outcome = result[commands.NUMBER], result[commands.OUTCOME]
        highest, fault = result.get(commands.HIGHEST), result.get(commands.FAULT_CODE)
        assert isinstance(number, int)  # noqa: S101  # checked by `protocol.commands` before
        event = orders.ANSWERS[outcome]  # type: ignore[index]  # likewise

        def write(connection: Connection) -> None:
            if isinstance(highest, int):
                raise_next(connection, highest + 1)
            happen(connection, device.kid, number, event, fault if isinstance(fault, int) else None, utc_ms())

        await self._buffer.write(write)
        self._keys.pop(number, None)
        self._log.info("order.answered", kid=device.kid.hex(), number=number, outcome=outcome, fault=fault)
        self._moved(device)

    async def present(self, device: Device, version: str | None, signal_dBm: int | None) -> None:
        """Note a sign of life, and what the device said of itself."""
        try:
            await self._buffer.write(lambda connection: households.note_presence(connection, device.kid, version, signal_dBm, utc_ms()))
        except NoRoom:
            return  # the page shows an older sign of life
        self._changed()

    def _moved(self, device: Device) -> None:
        self._changed()
        self.told(device)
        self.ended()


def add(connection: Connection, wanted: Wanted, now_ms: int) -> int:
    """Number an order and keep it, unless the same waits already; return its number, 0 if too much waits.

    Two listenings are never the same: each has its own key.
    """
    let_expire(connection, now_ms)
    open_ = [each for each in of_device(connection, wanted.kid) if each.state in orders.OPEN]
    for each in open_:
        if (each.kind, dict(each.arguments)) == (wanted.kind, dict(wanted.arguments)) and each.kind not in orders.AT_HOME:
            return each.number
    if len(open_) >= orders.MOST_OPEN:
        return 0
    number = int(households.household(connection, _NEXT) or 1)
    raise_next(connection, number + 1)
    connection.execute(
        "INSERT INTO orders (number, kid, kind, arguments, origin, subject, made_ms, expires_ms, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(number, wanted.kid, wanted.kind, cbor2.dumps(dict(wanted.arguments)), wanted.origin, wanted.subject),
            *(now_ms, now_ms + 1000 * orders.LIVES_S[wanted.kind], wanted.state),
        ),
    )
    ledger.add(connection, records.COMMANDED, orders.NAMES[wanted.kind], wanted.subject, 1, now_ms)
    return number


def raise_next(connection: Connection, number: int) -> None:
    """Make sure that no number below this one is given again."""
    households.set_household(connection, _NEXT, str(max(number, int(households.household(connection, _NEXT) or 1))))


def happen(connection: Connection, kid: bytes, number: int, event: str, fault: int | None, now_ms: int) -> None:
    """Move an order on; one that is not this device's, or to which this cannot happen, stays as it is."""
    row = connection.execute("SELECT state, fault, ended_ms FROM orders WHERE number = ? AND kid = ?", (number, kid)).fetchone()
    if row is None:
        return
    try:
        state = orders.after(row["state"], event)
    except IllegalEvent:
        return  # a form sent too late, or the word of a device that we know better: the first word stands
    if state != row["state"]:
        ended_ms = None if state in orders.OPEN else now_ms
        connection.execute("UPDATE orders SET state = ?, fault = ?, ended_ms = ? WHERE number = ?", (state, fault, ended_ms, number))


def let_expire(connection: Connection, now_ms: int) -> None:
    """End the orders whose time is up, and forget those that ended a month ago."""
    rows = connection.execute(f"SELECT * FROM orders WHERE state IN ({_OPEN})", orders.OPEN).fetchall()  # noqa: S608
    for each in orders.overdue([_wanted(row) for row in rows], now_ms):
        happen(connection, each.kid, each.number, orders.TIME_UP, None, now_ms)
    connection.execute("DELETE FROM orders WHERE ended_ms < ?", (now_ms - _KEPT_MS,))


def of_device(connection: Connection, kid: bytes) -> list[Wanted]:
    """Return a device's orders, the newest first: the open ones and the last of the others."""
    ordered = f"ORDER BY state IN ({_OPEN}) DESC, number DESC LIMIT 20"
    rows = connection.execute(f"SELECT * FROM orders WHERE kid = ? {ordered}", (kid, *orders.OPEN))  # noqa: S608
    return sorted(map(_wanted, rows), key=lambda each: -each.number)


def rights(connection: Connection) -> set[tuple[int, bytes]]:
    """Return whose account may steer which device from the site."""
    return {(row["subject"], row["kid"]) for row in connection.execute("SELECT * FROM rights")}


def set_rights(connection: Connection, kid: bytes, subjects: list[int], now_ms: int) -> None:
    """Say whose accounts may steer a device from the site."""
    connection.execute("DELETE FROM rights WHERE kid = ?", (kid,))
    connection.executemany("INSERT INTO rights VALUES (?, ?)", [(subject, kid) for subject in subjects])
    ledger.add(connection, records.SETTLED, "rights", None, len(subjects), now_ms)


def _wanted(row: Found) -> Wanted:
    facts = dict(row)
    return Wanted(**{**facts, "arguments": cbor2.loads(facts["arguments"])})
