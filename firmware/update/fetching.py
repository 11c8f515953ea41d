"""An update on its way: asked for block by block (RFC 7959), checked, and laid into the other slot.

Only `ask` knows over which radio. Between two blocks everybody else has their turn, readings first; when somebody begins to measure, all
of it is let go of, because a measurement needs the room, and begun again afterwards. Whatever is not there is asked for again by the next
attempt, file by file.
"""

import asyncio
import gc

from micropython import const

from firmware import once
from firmware.errors import GaveWay, LinkError, UpdateRefused
from firmware.update import unswept
from protocol import blocks, errors, faults, manifest, updates

_EXPONENT = const(4)  # blocks of 256 bytes: with what protects them they fit the radio's buffer
_TRIES = const(8)  # in a row without an answer; the link itself repeats a request for a minute before that
_PAUSE_MS = const(2000)
_HURRIED_MS = const(20)


class Fetching:
    """ask(segments, options): the home's answer, or None when something else could not wait, raises LinkError; calm: as in `calm.py`,
    given way to whenever it is disturbed;
    own: as in `own.py`;
    percent(): of the battery, None on mains; slots: as in `slots.py`; kept_free(): blocks of flash that readings may still need;
    tell(percent); alive(): still at work.
    """

    def __init__(self, ask, calm, own, percent, slots, kept_free, tell, alive):
        self._ask = ask
        self._calm = calm
        self._still = alive
        self._own = own
        self._percent = percent
        self._slots = slots
        self._kept_free = kept_free
        self._tell = tell

    async def run(self, sequence: int, manifest_bytes: int):
        """Return when the release of this number lies whole in the other slot: None, or what lets the image start that it brought.

        Raises UpdateRefused, LinkError, OSError (the flash).
        """
        opened = await self._open(sequence, manifest_bytes)
        from firmware.update import staging  # spares memory: not beside the curve's

        folder = self._slots.beside
        staging.check_room(folder, opened, self._kept_free())
        pinned = opened.head.get(manifest.IMAGE)
        if pinned:
            from firmware.update import image  # spares memory: seldom in a release

            slot = image.beside(pinned[0])
        if not await self._steps(staging.begin_steps(folder, opened)):
            _, _, size, digest = opened.head[manifest.LIST]
            await self._fetch(staging.Incoming(folder, staging.LIST, size, digest), size, digest)
        staging.check_list(folder, opened)
        for done, (path, size, digest) in enumerate(staging.files(folder, opened), 1):
            self._check_battery(opened)
            await self._file(staging, folder, path, size, digest)
            await self._tell(100 * done // opened.head[manifest.LIST][0])
        await self._steps(staging.finish_steps(folder, opened, self._own.kind))
        if pinned:
            return await image.fetch(slot, *pinned, self._steps, self._download)
        return None

    async def _open(self, sequence, manifest_bytes):
        signed = bytearray()
        await self._download((), manifest_bytes, signed.extend)
        if len(signed) != manifest_bytes:
            raise UpdateRefused(faults.UPDATE_DAMAGED, path="manifest")
        from firmware.update import opening  # spares memory: the curve's code goes before the files come

        gc.collect()
        opened = await unswept.through(self._calm, opening.open_steps(signed, self._own, self._percent()), self._alive)
        opening = None
        once.forget("firmware.update.opening", "firmware.crypto.verify", "firmware.crypto.ecdh", "protocol.sign1")
        if opened.head[manifest.SEQUENCE] != sequence:  # another was offered meanwhile, and the home will ask for that one
            raise UpdateRefused(faults.UPDATE_WITHDRAWN, sequence=sequence)
        return opened

    async def _file(self, staging, folder, path, size, digest):
        """Have one file in its place: it is there, or it is copied, or it comes from the home."""
        if await self._steps(staging.is_right_steps(f"{folder}/{path}", size, digest)):
            return
        running = f"{self._slots.running}/{path}"
        if await self._steps(staging.is_right_steps(running, size, digest)):
            incoming = staging.Incoming(folder, path, size, digest)
            await self._into(incoming, self._steps(staging.copy_steps(running, incoming)))
            return
        await self._fetch(staging.Incoming(folder, path, size, digest), size, digest)

    async def _fetch(self, incoming, size, digest):
        """Let a file come from the home."""
        await self._into(incoming, self._download((updates.name_of(digest).encode(),), size, incoming.take))
        incoming.finish()

    async def _into(self, incoming, work):
        try:
            await work
        except (LinkError, UpdateRefused, GaveWay, asyncio.CancelledError):
            incoming.drop()
            raise

    async def _download(self, segments, most_bytes, take):
        """Hand what the home has there, at most so many bytes, to take(piece). Raises UpdateRefused, LinkError."""
        download = blocks.Download(max(most_bytes, 1), _EXPONENT)
        silences = 0
        while not download.over:
            await self._calm.turn(self._alive)
            try:
                answer = await self._ask(segments, download.options())
            except LinkError:
                silences += 1
                if silences == _TRIES:
                    raise
                await asyncio.sleep_ms(_PAUSE_MS)
                continue
            if answer is None:
                await asyncio.sleep_ms(_HURRIED_MS)
                continue
            silences = 0
            try:
                piece = download.feed(answer)
            except errors.ProtocolError:
                raise UpdateRefused(faults.UPDATE_DAMAGED, path="block") from None
            if download.state in (blocks.CHANGED, blocks.REFUSED):
                raise UpdateRefused(faults.UPDATE_WITHDRAWN, code=answer.code)
            take(piece)

    def _alive(self):
        """Say so. Raises GaveWay: somebody measures, which needs the memory."""
        self._still()
        if self._calm.disturbed:
            raise GaveWay

    async def _steps(self, steps):
        return await self._calm.through(steps, self._alive)

    def _check_battery(self, opened):
        percent = self._percent()
        if percent is not None and percent < opened.head[manifest.BATTERY]:
            raise UpdateRefused(faults.UPDATE_BATTERY, percent=percent)
