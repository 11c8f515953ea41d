"""What leaves the home over the broker, and what comes back: each message to whom it is for, one at a time and in order."""

import asyncio

from structlog.typing import FilteringBoundLogger

from gateway.configuration import Broker, Configuration
from gateway.edges.buffer import Buffer
from gateway.edges.changes import Changes
from gateway.edges.custody import Custody
from gateway.edges.enrolments import Enrolments
from gateway.edges.forwarding import Forwarding
from gateway.edges.ledger import BROKER, Ledger
from gateway.edges.linking import Linking
from gateway.edges.mqtt import Outside
from gateway.edges.orderbook import OrderBook
from gateway.edges.outcomes import Outcomes
from gateway.edges.recovery import Recovery
from gateway.edges.rollout import Rollout
from gateway.edges.sending import Sending
from gateway.edges.steering import Steering
from gateway.edges.talking import Talking
from gateway.edges.way import Way
from gateway.pseudonyms import Keyring
from protocol import steering
from protocol.linking import is_word

_MOST_WAITING = 1000


class Abroad:
    """The home's side of the broker: readings out, links with accounts, talk with owners, orders from the site, outcomes of updates.

    work: what has to run for it, besides `run`.
    """

    def __init__(
        self,
        settings: Configuration,
        broker: Broker,
        log: FilteringBoundLogger,
        buffer: Buffer,
        way: Way,
        ledger: Ledger,
        changes: Changes,
        book: Custody,
        ring: Keyring,
        forwarding: Forwarding,
        enrolments: Enrolments,
        orders: OrderBook,
        rollout: Rollout,
    ) -> None:
        self._changes = changes
        self._ledger = ledger
        self._forwarding = forwarding
        happened = changes.happened
        self.outside = Outside(broker, settings.delivery.reconnect_ms, settings.delivery.in_flight, log)
        self.sending = Sending(buffer, way, log, self.outside, book, settings, happened)
        self.recovery = Recovery(
            buffer,
            way,
            log,
            self.outside,
            book,
            settings,
            lambda: [*enrolments.devices, *enrolments.former, *enrolments.gone],
            self._decided,
        )
        self.linking = Linking(buffer, way, log, self.outside, book, ring, forwarding.wake, happened)
        self._talking = Talking(buffer, way, log, self.outside, book, ring, settings.delivery.ask_after_s * 1000, self._decided)
        self._steered = Steering(buffer, way, log, self.outside, enrolments, orders, book.keys, rollout.told)
        self._outcomes = Outcomes(buffer, self.outside, rollout.outcomes, log)
        rollout.moved = self._outcomes.wake
        forwarding.queued = self.sending.wake
        orders.ended = self._steered.wake
        self.work = [
            self.sending.run,
            self.recovery.run,
            self.linking.run,
            self._steered.run,
            self._talking.run,
            self._outcomes.run,
        ]

    async def run(self) -> None:
        """Keep the connection, and hand out what comes over it, until cancelled."""
        messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_MOST_WAITING)

        def received(branch: str, payload: bytes) -> None:
            # Full: dropped, for whatever is not answered is asked again.
            if not messages.full():
                messages.put_nowait((branch, payload))

        self.outside.received = received
        self.outside.changed = self._connection_changed
        self.outside.open()
        try:
            while True:
                await self._hand_out(*await messages.get())
        finally:
            await self.outside.close()

    async def _hand_out(self, branch: str, payload: bytes) -> None:
        if branch == "down":
            if not self.recovery.heard(payload):
                await self.sending.receipt(payload)
        elif (order := steering.decode_message(payload)) is not None:
            await self._steered.take(order)
        elif is_word(payload):
            await self._talking.heard(payload)
        else:
            await self.linking.answered(payload)

    def _connection_changed(self) -> None:
        self.sending.connection_changed()
        self.recovery.connection_changed()
        self._steered.connection_changed()
        self._outcomes.connection_changed()
        self._changes.happened()
        (self._ledger.came if self.outside.connected else self._ledger.went)(BROKER, "")

    def _decided(self) -> None:
        self._forwarding.wake()
        self.sending.wake()
        self._changes.happened()
