"""A reading arrives, over whichever link: opened, verified, kept, and only then receipted.

What stands here is the order of things. Whether bytes are a reading is `reception.py`'s to say, whether it is on disk `buffer.py`'s, and
how an answer travels the link's.
"""

from collections.abc import Callable
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from gateway import reception
from gateway.devices import Device
from gateway.edges import questions, way
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
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

STORED, REFUSED, CONFLICT, FULL = "stored", "refused", "conflict", "full"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the device is told: how it went, and a receipt or the number of the refusal."""

    outcome: str
    payload: bytes


class Arrivals:
    """What happens to a reading between the link and the disk.

    settled: called when something new waits to be looked at; live: called with a device and its live values.
    """

    def __init__(
        self,
        buffer: Buffer,
        ways: Way,
        log: FilteringBoundLogger,
        settled: Callable[[], None],
        live: Callable[[Device, dict[int, object]], None],
    ) -> None:
        self._buffer = buffer
        self._way = ways
        self._log = log
        self._settled = settled
        self._live = live

    async def reading(self, device: Device, message: bytes) -> Answer:
        """Return the answer to a signed reading, after it is on disk or was refused."""
        received_ms = utc_ms()
        try:
            reading = reception.open_reading(message, device)
            kept = await self._buffer.write(lambda connection: questions.keep(connection, device, reading, received_ms))
            if isinstance(kept, SequenceConflict):
                raise kept
        except Refused as refusal:
            return self._refuse(device, refusal)
        except NoRoom:
            self._way.refuse(NoRoom.reason)
            self._log.error("reading.refused", kid=device.kid.hex(), reason=NoRoom.reason)
            return Answer(FULL, receipts.encode_refusal(faults.STORE_FULL))
        return self._receipt(reading, kept)

    def _refuse(self, device: Device, refusal: Refused) -> Answer:
        self._way.refuse(refusal.reason)
        self._log.warning("reading.refused", kid=device.kid.hex(), reason=refusal.reason)
        fault = next(_FAULTS[kind] for kind in type(refusal).__mro__ if kind in _FAULTS)
        return Answer(CONFLICT if isinstance(refusal, SequenceConflict) else REFUSED, receipts.encode_refusal(fault))

    def _receipt(self, reading: reception.Reading, kept: questions.Kept) -> Answer:
        now_ms = utc_ms()
        facts = {"kid": reading.kid.hex(), "sequence": reading.sequence, "row": reading.digest8.hex()}
        if kept.status == questions.STORED:
            self._way.count("committed")
            self._way.passed(kept.reading, way.COMMITTED, now_ms)
            self._way.passed(kept.reading, way.RECEIPTED, now_ms)
            self._log.info("reading.committed", **facts)
            self._settled()
        else:
            self._way.count("already")
        self._log.info("reading.receipted", **facts, status=kept.status)
        return Answer(STORED, receipts.encode(reading.sequence, reading.digest8, now_ms, kept.status))

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
