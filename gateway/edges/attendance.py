"""Devices that wait for commands (RFC 7641): who observes `c`, what each is told, and in which time of its own.

A device says its start and its uptime when it asks; from then on its uptime here is that plus what passed since, by a clock that nobody
sets. A request that was held back on the way makes that too low, so a command ends too early by it and never too late. An observation
ends when the device asks anew, when a notification is not acknowledged, or with its link.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from gateway.commands import Orders
from gateway.devices import Device
from protocol import cbor, commands

_UPTIME_END = 1 << 48


Uptime = Callable[[Device, int, int], None]
Present = Callable[[Device, str | None, int | None], Awaitable[None]]


class Attendance:
    """Who waits, by key id; one observation for each device."""

    def __init__(self, orders: Orders, present: Present | None = None, uptime: Uptime = lambda _device, _boot, _up_ms: None) -> None:
        """present: called with each device that asks, its release, and how well it hears the Wi-Fi, as far as it says so.

        uptime: called with each device that asks, its boot and its uptime in ms as it asked.
        """
        self._orders = orders
        self._present = present
        self._uptime = uptime
        self._news: dict[bytes, asyncio.Event] = {}

    def changed(self, kid: bytes) -> None:
        """What waits for this device is another now: tell it, if it observes."""
        if kid in self._news:
            self._news[kid].set()

    def attends(self, kid: bytes) -> bool:
        """Return whether the device observes, as far as anybody can tell."""
        return kid in self._news

    async def states(self, device: Device, presence: bytes, observed: bool) -> AsyncIterator[bytes]:
        """Yield what waits for the device, as its bytes or b"", and again whenever it changed; once only, unless it is observed.

        Raises ProtocolError: the presence is none.
        """
        boot, up_ms = commands.decode_presence(presence)
        self._uptime(device, boot, up_ms)
        if self._present is not None:
            await self._present(device, *about(presence))
        heard_s = time.monotonic()
        news = asyncio.Event()
        if observed:
            self.changed(device.kid)  # the observation before this one ends by finding itself replaced
            self._news[device.kid] = news
        before: bytes | None = None
        try:
            while True:
                news.clear()
                state = await self._state(device, boot, up_ms, heard_s)
                if state != before:  # what has changed back meanwhile is no news
                    before = state
                    yield state
                if not observed:
                    return
                await news.wait()
                if self._news.get(device.kid) is not news:
                    return
        finally:
            if self._news.get(device.kid) is news:
                del self._news[device.kid]

    async def _state(self, device: Device, boot: int, up_ms: int, heard_s: float) -> bytes:
        order = await self._orders.next_for(device)
        if order is None or order.left_s <= 0:
            return b""
        now_ms = up_ms + int((time.monotonic() - heard_s) * 1000)
        until_ms = min(now_ms + int(order.left_s * 1000), _UPTIME_END - 1)
        return commands.encode(
            {commands.KIND: order.kind, commands.NUMBER: order.number, commands.UNTIL: [boot, until_ms], **order.arguments}
        )

    async def result(self, device: Device, payload: bytes) -> None:
        """Take a device's result. Raises ProtocolError: it is none."""
        await self._orders.answered(device, commands.decode_result(payload))


def about(presence: bytes) -> tuple[str | None, int | None]:
    """Return release and signal in dBm in a checked presence; None: not said, or nothing that could be one."""
    said = cbor.decode(presence)
    version, signal_dBm = (said.get(key) for key in (commands.VERSION, commands.SIGNAL)) if isinstance(said, dict) else (None, None)
    text = version.decode("ascii", "replace") if isinstance(version, bytes) else ""
    known = text if text and all(character.isalnum() or character in ".-+" for character in text) else None
    return known, signal_dBm if isinstance(signal_dBm, int) and -127 <= signal_dBm <= 0 else None
