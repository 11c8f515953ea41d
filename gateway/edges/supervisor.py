"""systemd, if it started this: told when the gateway is ready and, again and again, that it still works (sd_notify(3)).

The watchdog is answered only after a write has gone through the database's thread, so a gateway that looks alive and keeps nothing is
started anew. A full disk is an answer too: a new start makes no room.
"""

import asyncio
import contextlib
import os
import socket

from gateway.edges.buffer import Buffer
from gateway.errors import NoRoom


def notify(state: str) -> None:
    """Tell systemd a state such as READY=1; nothing happens where nobody asked for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to, contextlib.suppress(OSError):
        to.connect("\0" + address[1:] if address.startswith("@") else address)
        to.sendall(state.encode())


def watchdog_pause_s() -> float | None:
    """Return how often to answer the watchdog, half its patience; None: there is none, or it is another process's."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2e6


async def watch(buffer: Buffer) -> None:
    """Answer the watchdog while writes go through, until cancelled."""
    pause_s = watchdog_pause_s()
    if pause_s is None:
        return
    while True:
        with contextlib.suppress(NoRoom):
            await buffer.write(lambda _: None)
        notify("WATCHDOG=1")
        await asyncio.sleep(pause_s)
