"""Where on this network a home says it is (RFC 6762), for a device whose own has gone silent. Loaded when needed, forgotten afterwards."""

import asyncio
import socket

from micropython import const

from protocol import mdns

_GROUP = ("224.0.0.251", 5353)  # RFC 6762 section 3
_WAIT_MS = const(1000)  # an answer may wait for half a second (RFC 6762 section 6)
_LOOK_MS = const(20)
_LARGEST_ANSWER_BYTES = const(512)  # ours has some 150


async def homes(alive, where=_GROUP) -> list:
    """Return [address, port] of the homes that answer a question sent to `where`; alive(): still at work."""
    found = []
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ours.setblocking(False)
    for look in range(_WAIT_MS // _LOOK_MS):
        try:
            if not look:
                ours.sendto(mdns.QUESTION, socket.getaddrinfo(where[0], where[1])[0][-1])
            found += mdns.homes(ours.recv(_LARGEST_ANSWER_BYTES) or b"")
        except OSError:
            pass  # nothing there, or no network to ask on, which the exchange that waits says itself
        alive()
        await asyncio.sleep_ms(_LOOK_MS)
    ours.close()
    return found
