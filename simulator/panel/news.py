"""News: one place to say that something happened, and any number of pages that wait for it."""

import asyncio
import contextlib


class Notifier:
    """Counts what happened; pages wait until the count has moved on. To be used within one event loop."""

    def __init__(self) -> None:
        self.count = 0
        self.closed = False
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Say that something happened."""
        self.count += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Let everybody who waits go home; open streams end."""
        self.closed = True
        self.tell()

    async def wait(self, seen: int, timeout_s: float) -> int:
        """Return the count as soon as it differs from `seen`, or after timeout_s as it is."""
        if self.count == seen and not self.closed:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(future, timeout_s)
            finally:
                self._waiting.discard(future)
        return self.count
