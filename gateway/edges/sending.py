"""The queue on its way to the account store: what `delivery.plan` says is packed, published, and dropped on the ingester's receipt only.

In memory stands only what may be forgotten: a window of the queue's numbers and the messages without a receipt. After a lost connection or
a restart everything without a receipt goes again; the ingester knows a row by its id and says so.
"""

import asyncio
import secrets
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from structlog.typing import FilteringBoundLogger

from gateway import configuration, sealing
from gateway.delivery import Flight, Message, Rules, Waiting, plan
from gateway.edges import questions, way
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
from gateway.edges.mqtt import Outside
from gateway.edges.way import Way
from gateway.errors import BadConfiguration, BadReceipt, NoRoom
from gateway.pseudonyms import Keys
from protocol import envelope

_WINDOW = 2000
_REFILL = 1000
_REPLY_KEYS = 2000

KeysOf = Callable[[bytes, int], Keys]


class Sending:
    """Publishes the queue. `changed` is called when rows have left it."""

    def __init__(
        self,
        buffer: Buffer,
        ways: Way,
        log: FilteringBoundLogger,
        outside: Outside,
        keys_of: KeysOf,
        settings: configuration.Configuration,
        changed: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._way = ways
        self._log = log
        self._outside = outside
        self._keys_of = keys_of
        self._changed = changed
        self._sealing_key, self._receipt_key = account_keys(settings.cloud)
        given = settings.delivery
        self._rules = Rules(given.in_flight, given.rows_in_message, given.receipt_timeout_ms, given.longest_back_off_ms)
        self._window: dict[int, bytes] = {}
        self._loaded = 0
        self._flights: dict[bytes, Flight] = {}
        self._reply_keys: dict[bytes, bytes] = {}
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
        for message in decided.send:
            self._publish(message, now_ms)
        return decided.wake_ms

    def _publish(self, message: Message, now_ms: int) -> None:
        rows = self._buffer.read(lambda connection: questions.queued_rows(connection, message.numbers))
        numbers = tuple(row["number"] for row in rows)
        for number in set(message.numbers) - set(numbers):  # receipted after this was planned, and not yet told so here
            self._window.pop(number, None)
        if not rows:
            return
        keys = self._keys_of(rows[0]["person_id"], rows[0]["epoch"])
        packed = [sealing.Row(row["minute"], row["row_id"], row["sealed"]) for row in rows]
        packet = sealing.pack(keys, packed, now_ms, self._sealing_key, secrets.token_bytes)
        self._flights[packet.digest] = Flight(packet.digest, numbers, now_ms, message.attempt)
        self._remember(packet)
        self._outside.publish("up", packet.payload)
        self._way.count("published")
        self._log.info("batch.published", rows=len(rows), attempt=message.attempt, batch=packet.digest[:8].hex())
        for row in rows:
            self._way.passed(row["reading"], way.PUBLISHED, now_ms)
            self._log.info("reading.published", row_id=row["row_id"].hex())

    def _remember(self, packet: sealing.Packet) -> None:
        """Keep what opens a message's receipt, also after its time is over: a late receipt is as good."""
        self._reply_keys[packet.digest] = packet.reply_key
        while len(self._reply_keys) > _REPLY_KEYS:
            del self._reply_keys[next(iter(self._reply_keys))]

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
        try:
            dropped = await self._buffer.write(lambda connection: questions.drop_receipted(connection, receipt))
        except NoRoom:  # the rows stay queued and go again, and the ingester will answer again
            self._way.count("no_room")
            return
        now_ms = utc_ms()
        for each in dropped:
            self._window.pop(each.number, None)
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


def account_keys(cloud: configuration.Cloud | None) -> tuple[X25519PublicKey, Ed25519PublicKey]:
    """Return the account store's keys: to seal to, and to believe receipts by. Raises BadConfiguration: they are none."""
    if cloud is None:
        raise BadConfiguration("cloud", "The table [cloud] is needed to send readings on.")
    try:
        return X25519PublicKey.from_public_bytes(cloud.sealing_key), Ed25519PublicKey.from_public_bytes(cloud.receipt_key)
    except (ValueError, UnsupportedAlgorithm):
        raise BadConfiguration("cloud", "The keys in [cloud] are no public keys: copy them from the account store.") from None
