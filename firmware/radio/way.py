"""The way home over any radio: one question at a time of the protected link, and what the home says of its own accord.

The protocol is `protocol/link.py`, its keys are `session.py`'s; a radio (`wifi.py`, `ble.py`) adds how it joins, sends and receives.
Nothing that arrives is believed before it has been opened.
"""

import asyncio

from micropython import const

from firmware.errors import GatewaySilent, GatewayStrange

_LOOK_MS = const(10)
_UP_LOOK_MS = const(1000)


class Way:
    """session: the keys, as in `session.py`; alive(): still waiting, not hanging. A radio has besides:

    _join(), a coroutine: the way is open, or raise; _up(): it still is; _broken(): what to raise when it is not; _send(datagram) and
    _receive(), which returns one or None; awake: whether the radio is on; begin, signal and off.
    """

    def __init__(self, session, clock, alive):
        self._session = session
        self._clock = clock
        self._alive = alive
        self._hurried = _never
        self.heard = None  # called with each new state of what is observed
        self.came = _never  # called when the home has opened the way of its own accord

    @property
    def observes(self) -> bool:
        """Whether the home will say what changes, over the link that there is now."""
        return self._session.link is not None and self._session.link.observes

    async def post(self, path: str, payload: bytes, content_format: int):
        """Return the home's authentic answer, with code, options and payload. Raises as `_ask` does."""
        return await self._ask(lambda way: way.post(path.encode(), content_format, payload, self._clock.up_ms()))

    async def fetch(self, path: str, payload, content_format: int, hurried):
        """Return what the home has there now, and hear of it from now on; payload() is asked once there is a link.

        None: given up, because hurried() said that something else cannot wait. Raises as `_ask` does.
        """
        return await self._unhurried(lambda way: way.fetch(path.encode(), content_format, payload(), self._clock.up_ms()), hurried)

    async def get(self, path: str, options, hurried):
        """Return what the home has there; options behind the path, as a download's in `protocol/blocks.py`; None and raises as `fetch`."""
        return await self._unhurried(lambda way: way.get(path.encode(), options, self._clock.up_ms()), hurried)

    async def _unhurried(self, begin, hurried):
        self._hurried = hurried
        try:
            return await self._ask(begin)
        except GatewaySilent:
            if hurried():
                return None
            raise
        finally:
            self._hurried = _never

    def hear(self) -> None:
        """Take what has come of its own accord, and answer it; never waits."""
        way = self._session.link
        if way is None or not self.awake:
            return
        while received := self._receive():
            self._take(way, received)
        while datagram := way.poll(self._clock.up_ms()):
            self._send(datagram)

    def _take(self, asked, received):
        asked.feed(received, self._clock.up_ms())
        way = self._session.link
        if way is asked and way.news is not None and self.heard:
            news = way.news
            way.news = None
            while datagram := way.poll(self._clock.up_ms()):
                self._send(datagram)  # its acknowledgement, before what it asks for
            self.heard(news)

    async def _ask(self, begin):
        """Return the home's authentic answer to what begin(link) begins.

        Raises what `_join` raises, GatewaySilent after CoAP's whole time of retransmission, or GatewayStrange when something answered in
        that time and could not be opened.
        """
        await self._join()
        for _ in range(2):  # again if the home has lost our keys
            if self._session.link is None:
                await self._session.introduce(self._carry, self._clock.up_ms, self._alive)
            way = self._session.link
            if way is None:
                raise GatewayStrange(answers=1) if self._session.strange else GatewaySilent(state="not introduced")
            strange = way.forged
            begin(way)
            await self._carry(way)
            if not self._session.renew(self._clock.up_ms()):
                break
        if way.answer is None and way.forged > strange:
            raise GatewayStrange(answers=way.forged - strange)
        if way.answer is None:
            raise GatewaySilent(state=way.state)
        return way.answer

    async def _carry(self, asked):
        """Send and receive until the exchange is over, or something else is worth more than waiting. Raises what `_broken` gives."""
        looked_ms = self._clock.up_ms()
        session = self._session
        while not (asked.over or session.doubtful(self._clock.up_ms()) or session.disturbed or self._hurried()):
            now_ms = self._clock.up_ms()
            while datagram := asked.poll(now_ms):
                self._send(datagram)
            if received := self._receive():
                self._take(asked, received)
                continue
            if now_ms - looked_ms > _UP_LOOK_MS:
                looked_ms = now_ms
                if not self._up():
                    raise self._broken()
            self._alive()
            await asyncio.sleep_ms(_LOOK_MS)
        while datagram := asked.poll(self._clock.up_ms()):
            self._send(datagram)  # the acknowledgement of a separate answer

    def say(self, path: str, payload: bytes, content_format: int) -> None:
        """Send a value that is worth nothing later: no answer, no repetition, and nothing at all without a network or keys."""
        if self._session.link is None:
            return
        if self.awake and self._up():
            self._send(self._session.link.say(path.encode(), content_format, payload))
        else:
            self._missed()

    def _missed(self):
        """A value could not be said."""


def _never():
    return False
