"""The way home over Bluetooth, whose code is in the heap only while nobody needs the heap more: a measurement, as `firmware/calm.py` says.

What is lost by letting go is a link, and the home comes again.
"""

import asyncio

from micropython import const

from firmware import once

_LOOK_MS = const(20)
_PHONES_LOOK_MS = const(50)
_CODE = ("firmware.radio.ble", "firmware.radio.near", "firmware.radio.phones", "firmware.radio.consents", "firmware.radio.bonds")
_CODE += ("protocol.frames", "protocol.nearby", "protocol.sig")
_MOST_MEASURED = const(2)


class Seldom:
    """As `way.Way`; settings, session, clock and alive as there; beside: it is for phones alone, as in `near.py`."""

    def __init__(self, settings, session, clock, alive, beside: bool = False):
        self._beside = beside
        self._measured = [] if settings["phones"] else None  # what phones are to be told once the code is there
        self._arguments = (settings, session, clock, alive)
        self._session = session
        self._alive = alive
        self._way = None
        self._asking = False
        self.heard = None
        self.came = None

    @property
    def awake(self) -> bool:
        """Whether the home listens."""
        return self._way is not None and not self._beside and self._way.awake

    @property
    def observes(self) -> bool:
        """Whether the home will say what changes."""
        return self._way is not None and self._way.observes

    def begin(self) -> None:
        """Switch the radio on and advertise, unless the heap is needed."""
        if not self._session.holding:
            self._loaded().begin()

    async def post(self, path: str, payload: bytes, content_format: int):
        """As `Way.post`."""
        return await self._ask(lambda way: way.post(path, payload, content_format))

    async def fetch(self, path: str, payload, content_format: int, hurried):
        """As `Way.fetch`."""
        return await self._ask(lambda way: way.fetch(path, payload, content_format, hurried))

    async def get(self, path: str, options, hurried):
        """As `Way.get`."""
        return await self._ask(lambda way: way.get(path, options, hurried))

    async def _ask(self, ask):
        while self._session.holding:
            self._alive()
            await asyncio.sleep_ms(_LOOK_MS)
        self._asking = True
        try:
            return await ask(self._loaded())
        finally:
            self._asking = False
            if self._session.holding:
                self.off()

    def hear(self) -> None:
        """As `Way.hear`; lets go of the code when the heap is needed, and takes it up again afterwards."""
        if not self._session.holding:
            self._loaded().hear()
        elif self._way is not None and not self._asking:
            self.off()

    def say(self, path: str, payload: bytes, content_format: int) -> None:
        """As `Way.say`."""
        if self._way is not None:
            self._way.say(path, payload, content_format)

    def measured(self, kind: int, fields: dict) -> None:
        """Tell phones what was measured, if they are to be told anything."""
        if self._measured is not None:
            self._measured.append((kind, fields))
            if len(self._measured) > _MOST_MEASURED:
                self._measured.pop(0)

    def signal(self):
        """Return None: as `Ble.signal`."""

    def off(self) -> None:
        """Switch the radio off, and let go of its code."""
        if self._way is not None:
            self._way.off()
            self._way = None
            once.forget(*_CODE)

    def _loaded(self):
        if self._way is None:
            if self._beside:
                from firmware.radio import near  # spares memory: see the head of this file

                self._way = near.Near(self._arguments[0], self._arguments[2], True)
            else:
                from firmware.radio import ble  # spares memory: see the head of this file

                self._way = ble.Ble(*self._arguments)
                self._way.heard = self.heard
                self._way.came = self.came
        while self._measured:
            self._way.measured(*self._measured.pop(0))
        return self._way


def beside(settings, session, clock, alive):
    """Return a radio for phones alone, beside a way home over Wi-Fi, and the task that serves them; it gives way to an introduction."""
    near = Seldom(settings, session, clock, alive, beside=True)
    session.give_way = near.off

    async def serve():
        while True:
            alive()
            if not session.introducing:
                near.begin()
                near.hear()
            await asyncio.sleep_ms(_PHONES_LOOK_MS)

    return near, serve()
