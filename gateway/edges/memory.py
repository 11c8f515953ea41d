"""Memory a burst took, given back to the machine; and what is there for good, looked through no more.

After an outage or a full disk much is held for a moment and let go again. The C library keeps the pages it had for that, one living string
on each is enough, so a gateway of ten years would stand at the size of its worst hour. glibc gives every whole free page back when asked
(malloc_trim(3)); a C library that cannot be asked is left alone.

Python looks for cycles that nobody needs among all there is, and holds everything up meanwhile. Most of what there is are the programs
themselves, which stay as long as the process: these are left out (gc.freeze).
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable

_PAUSE_S = 60.0

_trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> bool:
    """Give free pages back; return whether there were any."""
    return _trim is not None and bool(_trim(0))


def settle_down() -> None:
    """Take what is there now as there for good."""
    gc.collect()
    gc.freeze()


async def run() -> None:
    """Settle down, then give back once a minute, until cancelled. That takes some milliseconds, in which the loop goes on."""
    settle_down()
    while True:
        await asyncio.sleep(_PAUSE_S)
        await asyncio.to_thread(give_back)
