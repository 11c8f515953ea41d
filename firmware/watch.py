"""The watchdog's keeper: feeds it only while every task has said lately that it is alive, and while the heap has room to work in.

A task that hangs starves the dog, and the reset that follows leaves every pin as switched on: a cuff's valve opens.
"""

import asyncio

from micropython import const

TIMEOUT_MS = const(30_000)
_LOOK_MS = const(1000)
# Less than this in one piece and the next message may fail: better an orderly restart between two measurements. With no piece larger than
# 304 bytes a reading is still signed, kept, sent and let go of, and with 512 the code of an introduction still loads (measured, see
# tests/firmware/test_ground.py), so twice the larger is early enough and restarts nobody who could go on.
HEAP_FLOOR_BYTES = const(1024)
_HEAP_LOOKS = const(60)


def check_heap() -> None:
    """Return if the heap has room to work in. Raises MemoryError: its largest free piece is below the floor."""
    bytearray(HEAP_FLOOR_BYTES)  # collects what is garbage before it gives up


class Watch:
    """dog: a started `machine.WDT`; clock: as in `clock.py`."""

    def __init__(self, dog, clock):
        self._dog = dog
        self._clock = clock
        self._limits_ms = {}
        self._seen_ms = {}

    def expect(self, name: str, within_ms: int):
        """Return the function by which the task of that name says that it is alive, at least once in `within_ms`."""
        self._limits_ms[name] = within_ms
        self._seen_ms[name] = self._clock.up_ms()

        def alive():
            self._seen_ms[name] = self._clock.up_ms()

        return alive

    def missing(self) -> str | None:
        """Return the name of a task that has been silent for too long, or None."""
        now_ms = self._clock.up_ms()
        for name, within_ms in self._limits_ms.items():
            if now_ms - self._seen_ms[name] > within_ms:
                return name
        return None

    async def run(self) -> None:
        """Feed for ever, or stop feeding. Raises MemoryError: the heap is below its floor."""
        looks = 0
        while True:
            if self.missing() is None:
                self._dog.feed()
            looks += 1
            if looks % _HEAP_LOOKS == 0:
                check_heap()
            await asyncio.sleep_ms(_LOOK_MS)
