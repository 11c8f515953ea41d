"""A reading arrives, over whichever link: opened, verified, kept, and only then receipted.

What stands here is the order of things. Whether bytes are a reading is `reception.py`'s to say, whether it is on disk `buffer.py`'s, and
how an answer travels the link's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import cbor2
from structlog.typing import FilteringBoundLogger

from gateway import anchors, display, reception
from gateway.devices import Device
from gateway.edges import households, questions, times, way
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
from gateway.edges.steps import Steps, counted_ms
from gateway.edges.way import Way
from gateway.errors import (
    BadLive,
    BadReading,
    NoRoom,
    NotAuthentic,
    NotCBOR,
    NotSigned,
    Refused,
    SequenceConflict,
    SequenceJump,
    SequenceTooLarge,
    WrongAlgorithm,
)
from protocol import faults, readings, receipts

# The number a device is told. An unknown key and a bad signature are one answer (RFC 9052 section 3.1).
_FAULTS: dict[type[Refused], int] = {
    NotCBOR: faults.NOT_CBOR,
    NotSigned: faults.NOT_COSE,
    WrongAlgorithm: faults.NOT_COSE,
    NotAuthentic: faults.NOT_AUTHENTIC,
    BadReading: faults.BAD_READING,
    SequenceTooLarge: faults.BAD_READING,
    SequenceJump: faults.SEQUENCE_JUMP,
    SequenceConflict: faults.SEQUENCE_CONFLICT,
}

_LOOKING_S = 0.3  # a device repeats its request after 2 s
_LARGEST_CROWD = 4
_MOST_WEIGHINGS = 200  # five a day for as long as the trend looks back; a receipt must not take longer the more there are

STORED, REFUSED, CONFLICT, FULL = "stored", "refused", "conflict", "full"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the device is told: how it went, and a receipt or the number of the refusal."""

    outcome: str
    payload: bytes


class Arrivals:
    """What happens to a reading between the link and the disk.

    settled: called when something new waits to be looked at; looked(reading, longest_s): returns when it was looked whose a new reading
    is, or after that long; live: called with a device and its live values; sound: called with a device and a closed packet of its room's,
    returns whether somebody listens.
    """

    def __init__(
        self,
        buffer: Buffer,
        ways: Way,
        log: FilteringBoundLogger,
        settled: Callable[[], None],
        looked: Callable[[int, float], Awaitable[None]],
        live: Callable[[Device, dict[int, object]], None],
        steps: Steps | None = None,
        sound: Callable[[Device, bytes], bool] = lambda _device, _packet: False,
    ) -> None:
        self._buffer = buffer
        self._way = ways
        self._log = log
        self._settled = settled
        self._looked = looked
        self._under_way = 0
        self._steps = steps or Steps()
        self._newest_before = buffer.read(questions.newest)
        self._live = live
        self._sound = sound
        self._begun: dict[bytes, anchors.Begun] = {}  # the boot of each device that said its uptime

    def uptime(self, device: Device, boot: int, up_ms: int) -> None:
        """Take what a device says of itself: it is in this boot, and has been up for so long."""
        self._begun[device.kid] = anchors.told(self._begun.get(device.kid), boot, up_ms, counted_ms())

    async def reading(self, device: Device, message: bytes) -> Answer:
        """Return the answer to a signed reading, after it is on disk or was refused."""
        received_ms, step_ms = self._steps.look()
        self._under_way += 1
        try:
            if step_ms:
                await self._stepped(step_ms)
            reading = reception.open_reading(message, device)
            age_ms = anchors.age_ms(self._begun.get(reading.kid), reading.boot, reading.up_ms, counted_ms())
            kept = await self._buffer.write(lambda connection: questions.keep(connection, device, reading, received_ms, age_ms))
            if isinstance(kept, SequenceConflict):
                raise kept
            return await self._receipt(reading, kept)
        except Refused as refusal:
            return self._refuse(device, refusal)
        except NoRoom:
            self._way.refuse(NoRoom.reason)
            self._log.error("reading.refused", kid=device.kid.hex(), reason=NoRoom.reason)
            return Answer(FULL, receipts.encode_refusal(faults.STORE_FULL))
        finally:
            self._under_way -= 1

    async def _stepped(self, step_ms: int) -> None:
        """Move along what this process has received, because its clock was set."""
        mended = await self._buffer.write(lambda connection: times.clock_stepped(connection, self._newest_before, step_ms))
        self._log.warning("clock.stepped", step_s=round(step_ms / 1000), mended=mended)
        self._way.count("clock_stepped")

    def _refuse(self, device: Device, refusal: Refused) -> Answer:
        self._way.refuse(refusal.reason)
        self._log.warning("reading.refused", kid=device.kid.hex(), reason=refusal.reason)
        fault = next(_FAULTS[kind] for kind in type(refusal).__mro__ if kind in _FAULTS)
        return Answer(CONFLICT if isinstance(refusal, SequenceConflict) else REFUSED, receipts.encode_refusal(fault))

    async def _receipt(self, reading: reception.Reading, kept: questions.Kept) -> Answer:
        now_ms = utc_ms()
        facts = {"kid": reading.kid.hex(), "sequence": reading.sequence, "row": reading.digest8.hex()}
        if kept.status == questions.STORED:
            self._way.count("committed")
            self._way.passed(kept.reading, way.COMMITTED, now_ms)
            self._way.passed(kept.reading, way.RECEIPTED, now_ms)  # due from here on, whoever it turns out to be
            self._log.info("reading.committed", **facts)
            self._settled()
        else:
            self._way.count("already")
        initials, trend = await self._whose(kept) if reading.kind == readings.SCALE else ("", receipts.STEADY)
        self._log.info("reading.receipted", **facts, status=kept.status)
        # cbor2 writes the few fields, which stand in their order, as `receipts.encode` does, in a tenth of the time
        return Answer(STORED, cbor2.dumps(receipts.fields_of(reading.sequence, reading.digest8, utc_ms(), kept.status, initials, trend)))

    async def _whose(self, kept: questions.Kept) -> tuple[str, int]:
        """Return what the scale's display may say of whose weight it is: it is on disk already, and waits for nobody long.

        A crowd of readings under way at once is a backlog, before which nobody stands.
        """
        if kept.status == questions.STORED:
            if self._under_way > _LARGEST_CROWD:
                return "", receipts.STEADY
            await self._looked(kept.reading, _LOOKING_S)
        subject = self._buffer.read(lambda connection: questions.whose(connection, kept.reading))
        if subject is None:
            return "", receipts.STEADY
        names = {row["subject"]: row["name"] for row in self._buffer.read(households.subjects) if row["kind"] == 0}
        if subject not in names:
            return "", receipts.STEADY
        since_s = utc_ms() / 1000 - display.BEFORE_S
        before = self._buffer.read(lambda connection: questions.signed_since(connection, subject, readings.SCALE, since_s, _MOST_WEIGHINGS))
        weighings = [(utc_s, reception.stored_fields(signed)[readings.GRAMS]) for utc_s, signed in before]
        return display.initials(subject, names), display.trend(weighings)

    def live(self, device: Device, payload: bytes) -> None:
        """Pass live values on to whoever watches; they are never kept."""
        try:
            values = reception.open_live(payload)
        except BadLive as refusal:
            self._way.refuse(refusal.reason)
            return
        if device.kind != "babyphone" or not isinstance(values[readings.UPTIME], (list, tuple)):
            self._way.refuse(BadLive.reason)
            return
        self._way.count("live")
        self._live(device, values)

    def sound(self, device: Device, packet: bytes) -> None:
        """Pass a packet of a room's sound on to the browser that asked for it; without one it is refused, and it is never kept."""
        if device.kind == "babyphone" and self._sound(device, packet):
            self._way.count("sound")
        else:
            self._way.refuse("sound")
