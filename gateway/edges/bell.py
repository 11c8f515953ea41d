"""Looks at every room's alarms each second, whether a page watches or not, and tells what `ringing.py` says beyond the page.

Told are the browsers that asked for it (Web Push) and, if the owner turned it on, a broker in the home. The page has its own stream.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from structlog.typing import FilteringBoundLogger

from gateway.edges import households
from gateway.edges.buffer import Buffer
from gateway.edges.changes import Changes
from gateway.edges.enrolments import Enrolments
from gateway.edges.pages.words import Words
from gateway.edges.push import Pushes
from gateway.ringing import OVER, Ring, Ringing

_EVERY_S = 1.0


class Bell:
    """push: rings browsers; neighbour: tells a broker in the home, or None; words: the page's own, for each language."""

    def __init__(
        self,
        buffer: Buffer,
        enrolments: Enrolments,
        changes: Changes,
        push: Pushes,
        words: Mapping[str, Words],
        log: FilteringBoundLogger,
    ) -> None:
        self._buffer = buffer
        self._enrolments = enrolments
        self._changes = changes
        self._push = push
        self._words = words
        self._log = log
        self._ringing = Ringing()
        self.neighbour: Callable[[Ring, str], None] | None = None

    async def run(self) -> None:
        """Look and tell until cancelled; a slow carrier keeps nobody from looking again."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for ring in self._look():
                    room = self._room(ring.kid)
                    self._log.info("alarm.told", kid=ring.kid.hex(), alarm=ring.kind, what=ring.event)
                    self._changes.happened()
                    if self.neighbour is not None:
                        self.neighbour(ring, room)
                    if ring.event != OVER:
                        tasks.create_task(self._push.ring({name: _message(words, ring, room) for name, words in self._words.items()}))
                await asyncio.sleep(_EVERY_S)

    def _look(self) -> list[Ring]:
        learnt = self._buffer.read(households.devices)
        kids = [device.kid for device in self._enrolments.devices if device.kind == "babyphone"]
        self._ringing.forget(kids)
        rings = []
        for kid in kids:
            self._changes.room(kid).charged(learnt.get(kid, {}).get("battery_percent"))
            rings += self._ringing.look(kid, self._changes.alarms(kid), time.monotonic())
        return rings

    def _room(self, kid: bytes) -> str:
        number = self._buffer.read(households.devices).get(kid, {}).get("room")
        names = {row["subject"]: row["name"] for row in self._buffer.read(households.subjects)}
        return str(names.get(number, ""))


def _message(words: Words, ring: Ring, room: str) -> dict[str, str]:
    return {
        "title": room or words("nav.nursery"),
        "body": words(f"alarm.{ring.kind}"),
        "tag": ring.kind,
        "page": f"/{words.language}/nursery",
    }
