"""Live listening: packets of a room's sound on their way from the device to the one browser that asked, closed, and kept nowhere.

The browser makes the key; it passes through here once, in memory, on its way to the device, so what passes back cannot be opened here.
Whoever asks later hears instead of whoever asked before. A browser that goes away, or a time that is over, ends it at the device too.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator

import anyio

from gateway.devices import Device
from gateway.edges.orderbook import OrderBook

LONGEST_S = 600
KEY_BYTES = 16
LARGEST_PACKET_BYTES = 600
_PACKETS = 16  # two seconds: a browser slower than that hears a gap
_SILENCE_S = 20.0  # without a packet for so long there is nothing to hear


class Listenings:
    """Who listens to which device: at most one browser each."""

    def __init__(self) -> None:
        self._ears: dict[bytes, asyncio.Queue[bytes | None]] = {}

    def heard(self, device: Device, packet: bytes) -> bool:
        """Pass a packet on; return whether somebody listens. A browser that does not keep up misses the oldest."""
        ear = self._ears.get(device.kid)
        if ear is None or not 0 < len(packet) <= LARGEST_PACKET_BYTES:
            return False
        _put(ear, packet)
        return True

    def end_all(self) -> None:
        """End every listening: the gateway stops."""
        for ear in self._ears.values():
            _put(ear, None)

    async def listen(self, device: Device, key: bytes, orders: OrderBook) -> AsyncIterator[bytes]:
        """Ask the device for its room's sound under a key; yield each packet behind its length in two bytes, until it is over."""
        before = self._ears.get(device.kid)
        if before is not None:
            _put(before, None)
        ear = self._ears[device.kid] = asyncio.Queue[bytes | None](_PACKETS)
        try:
            if not await orders.listen(device, key, LONGEST_S):
                return
            async with asyncio.timeout(LONGEST_S + _SILENCE_S):
                while True:
                    async with asyncio.timeout(_SILENCE_S):
                        packet = await ear.get()
                    if packet is None:
                        return
                    yield len(packet).to_bytes(2, "big") + packet
        except TimeoutError:
            return
        finally:
            if self._ears.get(device.kid) is ear:
                del self._ears[device.kid]
                with anyio.CancelScope(shield=True):
                    await orders.listen(device, b"", 0)


def is_at_home(address: str) -> bool:
    """Return whether an address is one of a home's own network or of this machine, never of the net outside."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return bool(mapped.is_private or mapped.is_link_local or mapped.is_loopback) and not mapped.is_unspecified


def _put(ear: asyncio.Queue[bytes | None], packet: bytes | None) -> None:
    if ear.full():
        ear.get_nowait()
    ear.put_nowait(packet)
