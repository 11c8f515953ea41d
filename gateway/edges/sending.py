"""The queue on its way to the account store: what `delivery.plan` says is packed, published, and dropped on the ingester's receipt only.

In memory stands only what may be forgotten: a window of the queue's numbers and the messages without a receipt. After a lost connection or
a restart everything without a receipt goes again; the ingester knows a row by its id and says so.
"""

import asyncio
import secrets
from collections.abc import Callable
from sqlite3 import Connection
from sqlite3 import Row as Found

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from structlog.typing import FilteringBoundLogger

from gateway import configuration, sealing
from gateway.delivery import Flight, Message, Rules, Waiting, plan
from gateway.edges import custody, questions, way
from gateway.edges.buffer import Buffer
from gateway.edges.custody import Custody
from gateway.edges.log import utc_ms
from gateway.edges.mqtt import Outside
from gateway.edges.way import Way
from gateway.errors import BadConfiguration, BadReceipt, NoRoom
from protocol import envelope

_WINDOW = 2000
_REFILL = 1000
_REPLY_KEYS = 2000
_ASKED_AT_ONCE = 5
_ASK_PAUSE_MS = 1000
_ASK_AGAIN_MS = 60_000


class Sending:
    """Publishes the queue. `changed` is called when rows have left it."""

    def __init__(
        self,
        buffer: Buffer,
        ways: Way,
        log: FilteringBoundLogger,
        outside: Outside,
        book: Custody,
        settings: configuration.Configuration,
        changed: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._way = ways
        self._log = log
        self._outside = outside
        self._book = book
        self._keys_of = book.keys
        self._changed = changed
        self._sealing_key, self._receipt_key = account_keys(settings.cloud)
        given = settings.delivery
        self._rules = Rules(given.in_flight, given.rows_in_message, given.receipt_timeout_ms, given.longest_back_off_ms)
        self._window: dict[int, bytes] = {}
        self._loaded = 0
        self._flights: dict[bytes, Flight] = {}
        self._reply_keys: dict[bytes, bytes] = {}
        self._names: dict[bytes, bytes] = {}
        self._asked_ms: dict[bytes, int] = {}
        self._ask_after_ms = given.ask_after_s * 1000
        self._woken = asyncio.Event()
        self._woken.set()

    def wake(self) -> None:
        """Say that rows were queued, or that the connection changed."""
        self._woken.set()

    def connection_changed(self) -> None:
        """Forget what was on its way over a connection that is no more."""
        self._flights.clear()
        self.wake()

    @property
    def unanswered(self) -> bool:
        """Whether messages go out and no receipt comes back."""
        return any(flight.attempt > 1 for flight in self._flights.values())

    async def run(self) -> None:
        """Publish what the plan says, when it says, until cancelled."""
        while True:
            self._woken.clear()
            wake_ms = self._send() if self._outside.connected else None
            try:
                async with asyncio.timeout(None if wake_ms is None else max(0.005, (wake_ms - utc_ms()) / 1000)):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def _send(self) -> int | None:
        if len(self._window) < _REFILL:
            for number, pseudonym in self._buffer.read(lambda connection: questions.queued(connection, self._loaded, _WINDOW)):
                self._window[number] = pseudonym
                self._loaded = number
        now_ms = utc_ms()
        decided = plan([Waiting(*row) for row in self._window.items()], self._flights.values(), now_ms, self._rules)
        for digest in decided.over:
            self._flights.pop(digest, None)
        again = False
        for message in decided.send:
            again = not self._publish(message, now_ms) or again
        ask_ms = self._ask(now_ms)
        return now_ms if again else min((each for each in (decided.wake_ms, ask_ms) if each is not None), default=None)

    def _publish(self, message: Message, now_ms: int) -> bool:
        """Publish a message; return False if some of it has left the queue since it was planned: then another is planned."""
        rows = self._buffer.read(lambda connection: questions.queued_rows(connection, message.numbers))
        if len(rows) < len(message.numbers):
            left = set(message.numbers) - {row["number"] for row in rows}
            for number in left:  # receipted or withdrawn after this was planned, and not yet told so here
                self._window.pop(number, None)
            return False
        erases = rows[0]["what"] == custody.ERASURE
        packed = [] if erases else [sealing.Row(row["minute"], row["row_id"], row["sealed"]) for row in rows]
        packet = self._pack(rows[0], packed, now_ms, erases=erases)
        self._flights[packet.digest] = Flight(packet.digest, message.numbers, now_ms, message.attempt)
        self._outside.publish("up", packet.payload)
        self._way.count("published")
        self._log.info("batch.published", rows=len(packed), attempt=message.attempt, batch=packet.digest[:8].hex())
        for row in rows:
            if row["what"] == custody.ROW:
                self._way.passed(row["reading"], way.PUBLISHED, now_ms)
                self._log.info("reading.published", row_id=row["row_id"].hex())
        return True

    def _ask(self, now_ms: int) -> int | None:
        """Ask how names stand whose time has come; return when to ask next."""
        due = self._buffer.read(lambda connection: custody.names_to_ask(connection, now_ms, _ASKED_AT_ONCE))
        for name in due:
            if self._asked_ms.get(name["pseudonym"], 0) > now_ms - _ASK_AGAIN_MS:
                continue
            self._asked_ms[name["pseudonym"]] = now_ms
            self._outside.publish("up", self._pack(name, [], now_ms).payload)
            self._way.count("asked")
        next_ms = self._buffer.read(custody.next_ask_ms)
        return None if next_ms is None else max(next_ms, now_ms + _ASK_PAUSE_MS)

    def _pack(self, name: Found, rows: list[sealing.Row], now_ms: int, *, erases: bool = False) -> sealing.Packet:
        keys = self._keys_of(name["person_id"], name["epoch"], name["generation"])
        packet = sealing.pack(keys, rows, now_ms, self._sealing_key, secrets.token_bytes, erases=erases)
        # Kept also after the message's time is over: a late receipt is as good.
        self._reply_keys[packet.digest] = packet.reply_key
        self._names[packet.digest] = keys.pseudonym
        while len(self._reply_keys) > _REPLY_KEYS:
            oldest = next(iter(self._reply_keys))
            del self._reply_keys[oldest], self._names[oldest]
        return packet

    async def receipt(self, payload: bytes) -> None:
        """Take a receipt from the broker: verified, and each row dropped only if its id and digest are ours."""
        try:
            receipt = sealing.open_receipt(payload, self._reply_keys, self._receipt_key)
        except BadReceipt:
            self._way.refuse("bad_receipt")
            self._log.warning("receipt.refused")
            return
        if receipt is None:  # for a message from before a restart: its rows go again, and are answered again
            self._way.count("late_receipts")
            return
        now_ms = utc_ms()
        name = self._names[receipt.message_digest]
        # At a time of its own for each name, so that no two are asked after together.
        ask_ms = now_ms + round(self._ask_after_ms * (0.8 + 0.4 * secrets.randbelow(10_000) / 10_000))

        def write(connection: Connection) -> tuple[list[questions.Dropped], list[int], int | None]:
            if receipt.is_erased:
                return [], [], self._book.was_erased(connection, name, now_ms)
            custody.ask_later(connection, name, ask_ms)
            return *questions.drop_receipted(connection, receipt), None

        try:
            dropped, numbers, erased_of = await self._buffer.write(write)
        except NoRoom:  # the rows stay queued and go again, and the ingester will answer again
            self._way.count("no_room")
            return
        if receipt.is_erased:
            self._end_name(name, erased_of)
        for number in numbers:
            self._window.pop(number, None)
        flight = self._flights.get(receipt.message_digest)
        if flight is not None and not any(number in self._window for number in flight.numbers):
            # otherwise the receipt was not about what was sent: the flight's own time says when it goes again
            del self._flights[receipt.message_digest]
        for each in dropped:
            facts = {"kid": each.kid.hex(), "sequence": each.sequence, "row": each.digest8.hex(), "row_id": each.row_id.hex()}
            if each.status == envelope.CONFLICT:
                self._way.count("conflicts")
                self._log.error("reading.conflict", **facts)
            else:
                self._way.count("in_cloud")
                self._way.passed(each.reading, way.IN_CLOUD, receipt.committed_utc_ms)
                self._way.passed(each.reading, way.DROPPED, now_ms)
                self._log.info("reading.in_cloud", **facts, committed_ms=receipt.committed_utc_ms, status=each.status)
        self.wake()
        self._changed()

    def _end_name(self, name: bytes, subject: int | None) -> None:
        """Send nothing more under a name that is erased."""
        for number in [number for number, pseudonym in self._window.items() if pseudonym == name]:
            del self._window[number]
        if subject is not None:
            self._way.count("erased_by_account")
            self._log.warning("name.erased_by_account", subject=subject)
        else:
            self._log.info("name.erased")


def account_keys(cloud: configuration.Cloud | None) -> tuple[X25519PublicKey, Ed25519PublicKey]:
    """Return the account store's keys: to seal to, and to believe receipts by. Raises BadConfiguration: they are none."""
    if cloud is None:
        raise BadConfiguration("cloud", "The table [cloud] is needed to send readings on.")
    try:
        return X25519PublicKey.from_public_bytes(cloud.sealing_key), Ed25519PublicKey.from_public_bytes(cloud.receipt_key)
    except (ValueError, UnsupportedAlgorithm):
        raise BadConfiguration("cloud", "The keys in [cloud] are no public keys: copy them from the account store.") from None
