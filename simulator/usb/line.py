"""The serial line between a computer and a board: a pty that tools open by a name of its own, with its speed and its cable's faults.

A pty has no DTR and RTS. Bytes sent at another speed than the board listens at arrive as noise. The cable can be pulled, at once or at a
planned byte, and a poor one loses what the board answers above some speed.
"""

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path

_READ_BYTES = 4096
_RATES = {
    getattr(termios, f"B{rate}"): rate
    for rate in (9600, 19200, 38400, 57600, 115_200, 230_400, 460_800, 921_600, 1_000_000, 1_500_000, 2_000_000)
    if hasattr(termios, f"B{rate}")
}


class Cable:
    """What can be wrong between the two ends; counts bytes of both directions.

    clean_up_to_baud: above it answers are lost. pulled: called once, when the planned byte has come.
    """

    def __init__(self, pulled: Callable[[], None]) -> None:
        self.clean_up_to_baud = 10_000_000
        self.carried = 0
        self._pull_at: int | None = None
        self._pulled = pulled

    def pull_after(self, count: int) -> None:
        """Plan to pull the cable when `count` more bytes have passed, in either direction."""
        self._pull_at = self.carried + count

    def leave(self) -> None:
        """Leave the cable where it is after all."""
        self._pull_at = None

    def carry(self, data: bytes) -> bytes:
        """Return what of some bytes still arrives."""
        if self._pull_at is not None and self.carried + len(data) >= self._pull_at:
            data = data[: max(0, self._pull_at - self.carried)]
            self._pull_at = None
            asyncio.get_running_loop().call_soon(self._pulled)
        self.carried += len(data)
        return data


class PtyLine:
    """The board's end of a pty; `link` is the name that tools open, kept over plugging out and in."""

    def __init__(self, link: Path, received: Callable[[bytes], None]) -> None:
        self.link = link
        self._received = received
        self._ends: tuple[int, int] | None = None
        self._waiting = bytearray()

    @property
    def plugged_in(self) -> bool:
        """Whether the computer sees the board."""
        return self._ends is not None

    def baud(self) -> int | None:
        """Return the speed that the computer has set, or None for one without a name."""
        if self._ends is None:
            return None
        return _RATES.get(termios.tcgetattr(self._ends[0])[5])

    def plug_in(self) -> None:
        """Let the port appear on the computer."""
        if self._ends is not None:
            return
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        self._ends = ours, theirs
        name = self.link.with_suffix(".new")
        name.unlink(missing_ok=True)
        name.symlink_to(os.ttyname(theirs))
        name.rename(self.link)
        asyncio.get_running_loop().add_reader(ours, self._readable)

    def unplug(self) -> None:
        """Let the port vanish, under whoever has it open too."""
        if self._ends is None:
            return
        ends, self._ends = self._ends, None
        loop = asyncio.get_running_loop()
        loop.remove_reader(ends[0])
        loop.remove_writer(ends[0])
        self._waiting.clear()
        self.link.unlink(missing_ok=True)
        for end in ends:
            os.close(end)

    def send(self, data: bytes) -> None:
        """Put bytes on their way to the computer; what nobody reads waits, as it does in a bridge chip and the computer's driver."""
        if self._ends is None:
            return
        self._waiting += data
        self._writable()

    def _writable(self) -> None:
        if self._ends is None:
            return
        loop, ours = asyncio.get_running_loop(), self._ends[0]
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                del self._waiting[: os.write(ours, self._waiting[:_READ_BYTES])]
        if self._waiting:
            loop.add_writer(ours, self._writable)
        else:
            loop.remove_writer(ours)

    def _readable(self) -> None:
        if self._ends is None:
            return
        with contextlib.suppress(BlockingIOError):
            self._received(os.read(self._ends[0], _READ_BYTES))
