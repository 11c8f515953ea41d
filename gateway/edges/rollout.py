"""Updates of this home's devices: who is offered what, what each says of it, and where the files come from.

The site is asked now and then for the word of the newest; whatever comes of it is verified like a file that was brought by hand. When its
word is older than 30 days, or there is none, the page says so: somebody may be keeping releases back (threats T27). The site is asked,
too, which roll-outs have halted because of other homes; before a release is offered that answer is ten minutes old at most, unless the
site is away. All that it can do is to stop: nobody is offered anything because of it.
"""

import asyncio
import contextlib
import datetime
import functools
from collections.abc import Callable, Mapping
from sqlite3 import Connection

import requests
from structlog.typing import FilteringBoundLogger

from gateway import records, updates
from gateway.devices import Device
from gateway.edges import households, ledger
from gateway.edges.buffer import Buffer
from gateway.edges.enrolments import Enrolments
from gateway.edges.log import utc_ms
from gateway.edges.orderbook import OrderBook
from gateway.edges.shelf import Shelf, holds
from gateway.errors import NoRoom
from gateway.updates import Stand
from protocol import commands, shelf, steering
from protocol import updates as words
from protocol.errors import ProtocolError
from protocol.outcomes import Outcome
from protocol.shelf import Offer, Release

_LOOK_S = 5.0
_ASK_SITE_S = 6 * 3600.0
_ASK_HALTED_S = 600.0
_SITE_PATIENCE_S = 20
_CHOICE = "updates"
_TOLD = 3
_WHAT = {words.KEPT: "update_kept", words.GIVEN_BACK: "update_given_back", words.REFUSED: "update_refused"}


class Rollout:
    """The updates of one home. site: the address of the account's site, "" for none; changed: the page may show something else."""

    def __init__(
        self,
        buffer: Buffer,
        shelf_: Shelf,
        enrolments: Enrolments,
        orders: OrderBook,
        site: str,
        log: FilteringBoundLogger,
        changed: Callable[[], None],
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now().astimezone(),
    ) -> None:
        self.shelf = shelf_
        self.newest_made_s: int | None = None
        self._buffer = buffer
        self._enrolments = enrolments
        self._orders = orders
        self._site = site
        self._log = log
        self._changed = changed
        self._now = now
        self.moved: Callable[[], None] = lambda: None  # called when a device has said something
        self._offers: dict[str, Offer] = {}
        self._halted: frozenset[tuple[str, int]] = frozenset()
        self._halted_asked_s = float("-inf")
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Look, and offer what is due, until cancelled."""
        asked_s = -_ASK_SITE_S
        loop = asyncio.get_running_loop()
        while True:
            if self._site and self.shelf.keys and loop.time() - asked_s >= _ASK_SITE_S:
                asked_s = loop.time()
                await self._ask_site()
            if await asyncio.to_thread(self.shelf.look):
                self._changed()
            with contextlib.suppress(NoRoom):  # a full disk keeps no record of an update, so none is begun
                await self._offer()
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._woken.wait()

    # --- what the page asks

    @property
    def choice(self) -> str:
        """What the household chose."""
        return self._buffer.read(lambda connection: households.household(connection, _CHOICE)) or updates.ASK

    async def choose(self, choice: str) -> None:
        """Choose when updates come. Raises NoRoom."""

        def write(connection: Connection) -> None:
            households.set_household(connection, _CHOICE, choice)
            ledger.add(connection, records.SETTLED, "updates", None, 1, utc_ms())

        await self._buffer.write(write)
        self._woken.set()

    async def want(self, device: Device) -> bool:
        """Somebody asks for the newest release on this device; return False: there is none to ask for. Raises NoRoom."""
        release = self.offered(device)
        if release is None:
            return False
        await self._buffer.write(lambda connection: _want(connection, device.kid, release, utc_ms()))
        self._woken.set()
        self._changed()
        return True

    def offered(self, device: Device) -> Release | None:
        """Return the newest release for a device that is newer than what it runs, or None."""
        release = updates.newest(self.shelf.releases, device.kind)
        runs = self._runs().get(device.kid)
        return release if release is not None and runs is not None and release.sequence > runs else None

    def history(self, device: Device) -> list[Stand]:
        """Return how releases stand on a device, the newest first."""
        return [each for each in self._stands() if each.kid == device.kid]

    def told(self, device: Device) -> tuple[str, str, list[steering.Update]]:
        """Return what the account's site is told of a device: what it runs, what is here for it ("": nothing), how the last ones went."""
        facts = self._buffer.read(households.devices).get(device.kid, {})
        release = self.offered(device)
        history = [
            steering.Update(each.name, updates.WORDS[each.state], each.percent or 0, each.changed_ms // 1000, each.fault or 0)
            for each in self.history(device)[:_TOLD]
        ]
        return facts.get("version") or "", release.name if release else "", history

    def halted(self, device: Device, release: Release) -> bool:
        """Whether a device of this home gave a release back, so that it is no longer offered by itself to devices of this kind."""
        return updates.has_halted(release, self._of_kind(device.kind))

    def halted_elsewhere(self, release: Release) -> bool:
        """Whether a release is no longer offered by itself because it failed in other homes, as the account store says."""
        return (release.kind, release.sequence) in self._halted

    def outcomes(self) -> list[Outcome]:
        """Return what became of releases in this home, as the account store may know it."""
        kinds = {device.kid: device.kind for device in self._enrolments.devices}
        return updates.outcomes(self._stands(), kinds, utc_ms())

    @property
    def stale(self) -> bool:
        """Whether the site's word of the newest is too old, or was never had, although there is a site to ask."""
        if not self._site or not self.shelf.keys:
            return False
        return self.newest_made_s is None or self._now().timestamp() - self.newest_made_s > shelf.STALE_S

    @property
    def vouched(self) -> bool:
        """Whether the site's word of the newest was ever had; a home that is new has had none yet."""
        return self.newest_made_s is not None

    # --- what the devices' door asks

    def piece(self, device: Device, name: str) -> bytes | None:
        """Return what a device fetches: "" is the manifest of the release that it was told of."""
        for each in self.history(device):
            if not each.over and (found := self.shelf.piece(device.kind, each.sequence, name)) is not None:
                return found
        return None

    async def reported(self, device: Device, said: Mapping[int, object]) -> None:
        """Take a device's word of an update; once this returns it is on disk. Raises NoRoom."""
        now_ms = utc_ms()
        await self._buffer.write(lambda connection: note(connection, device.kid, said, now_ms))
        self._log.info("update.reported", kid=device.kid.hex(), state=said[words.STATE], fault=said.get(words.FAULT_CODE))
        self._changed()
        self._woken.set()
        self.moved()

    async def _offer(self) -> None:
        now_ms = utc_ms()
        for device in self._enrolments.devices:
            release = updates.newest(self.shelf.releases, device.kind)
            if release is None or not self._due(device, release, now_ms):
                continue
            if await self._ask_halted() and not self._due(device, release, now_ms):
                continue
            arguments = {commands.RELEASE: release.sequence, commands.MANIFEST_BYTES: len(release.signed)}
            if await self._orders.offer(device, arguments):
                await self._buffer.write(functools.partial(_told, kid=device.kid, release=release, now_ms=now_ms))
                self._log.info("update.offered", kid=device.kid.hex(), name=release.name)

    def _due(self, device: Device, release: Release, now_ms: int) -> bool:
        known = self._offers.get(device.kind)
        share = known.share if known is not None and known.sequence == release.sequence else 100
        stands = {(each.kid, each.sequence): each for each in self._stands()}
        halted = self.halted(device, release) or self.halted_elsewhere(release)
        runs, hour = self._runs().get(device.kid), self._now().hour
        return updates.due(device.kid, device.kind, runs, release, stands, halted, self.choice, share, hour, now_ms)

    async def _ask_halted(self) -> bool:
        """Fetch which roll-outs have halted, if what is known of them is old; return whether it was asked.

        A site that is away leaves what it said last: releases are signed, and may come by hand to a home that has no site at all.
        """
        now_s = asyncio.get_running_loop().time()
        if not self._site or now_s - self._halted_asked_s < _ASK_HALTED_S:
            return False
        self._halted_asked_s = now_s
        address = self._site.rstrip("/") + "/releases/" + shelf.HALTED_FILE
        try:
            halted = shelf.decode_halted(await asyncio.to_thread(fetch, address, shelf.MAX_NEWEST_BYTES))
        except (requests.RequestException, ProtocolError) as error:
            self._log.warning("releases.halted_not_asked", reason=type(error).__name__)
            return True
        if halted != self._halted:
            self._log.info("releases.halted", releases=sorted(f"{kind} {shelf.version_of(sequence)}" for kind, sequence in halted))
            self._halted = halted
            self._changed()
        return True

    async def _ask_site(self) -> None:
        """Fetch the word of the newest, and what it names and is not here, nor halted."""
        await self._ask_halted()
        address = self._site.rstrip("/") + "/releases/"
        try:
            data = await asyncio.to_thread(fetch, address + shelf.NEWEST_FILE, shelf.MAX_NEWEST_BYTES)
            made_s, offers = shelf.open_newest(data, self.shelf.keys, holds)
        except (requests.RequestException, ProtocolError) as error:
            self._log.warning("releases.not_asked", reason=type(error).__name__)
            return
        if self.newest_made_s is not None and made_s < self.newest_made_s:
            self._log.warning("releases.older_word")  # played back
            return
        self.newest_made_s = made_s
        self._offers = {each.kind: each for each in offers}
        here = {(each.kind, each.sequence) for each in self.shelf.releases}
        for each in offers:
            if (each.kind, each.sequence) not in here | self._halted:
                try:
                    name = shelf.file_name(each.kind, each.sequence)
                    self.shelf.take(await asyncio.to_thread(fetch, address + name, shelf.MAX_RELEASE_BYTES))
                except (requests.RequestException, ProtocolError, OSError) as error:
                    self._log.warning("release.not_taken", kind=each.kind, reason=type(error).__name__)
        self._changed()

    def _runs(self) -> dict[bytes, int | None]:
        return {kid: shelf.number_of(facts.get("version")) for kid, facts in self._buffer.read(households.devices).items()}

    def _stands(self) -> list[Stand]:
        return self._buffer.read(stands)

    def _of_kind(self, kind: str) -> list[Stand]:
        kids = {device.kid for device in self._enrolments.devices if device.kind == kind}
        return [each for each in self._stands() if each.kid in kids]


def fetch(address: str, most_bytes: int) -> bytes:
    """Return what lies at an address. Raises RequestException: it cannot be had, or is larger than it may be."""
    with requests.get(address, timeout=_SITE_PATIENCE_S, stream=True, allow_redirects=False) as answer:
        answer.raise_for_status()
        if answer.is_redirect:
            raise requests.RequestException("elsewhere")
        data = b""
        for piece in answer.iter_content(64 * 1024):
            data += piece
            if len(data) > most_bytes:
                raise requests.RequestException("too large")
        return data


def stands(connection: Connection) -> list[Stand]:
    """Return how every release stands on every device, the newest first."""
    rows = connection.execute("SELECT * FROM updates ORDER BY sequence DESC, kid")
    return [Stand(**{**dict(row), "asked": bool(row["asked"])}) for row in rows]


def note(connection: Connection, kid: bytes, said: Mapping[int, object], now_ms: int) -> None:
    """Write down a device's word; of an update that this home does not know, too: it may have been restored from a backup."""
    state, sequence = said[words.STATE], said[words.SEQUENCE]
    assert isinstance(state, int)  # noqa: S101  # checked by `protocol.updates`
    assert isinstance(sequence, int)  # noqa: S101  # likewise
    before = connection.execute("SELECT state FROM updates WHERE kid = ? AND sequence = ?", (kid, sequence)).fetchone()
    connection.execute(
        "INSERT INTO updates (kid, sequence, name, state, percent, fault, begun_ms, changed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET state = excluded.state, percent = excluded.percent, fault = excluded.fault,"
        " changed_ms = excluded.changed_ms",
        (kid, sequence, shelf.version_of(sequence), state, said.get(words.PERCENT), said.get(words.FAULT_CODE), now_ms, now_ms),
    )
    if state in _WHAT and (before is None or before["state"] != state):
        ledger.add(connection, records.COMMANDED, _WHAT[state], None, 1, now_ms)


def _want(connection: Connection, kid: bytes, release: Release, now_ms: int) -> None:
    connection.execute(
        "INSERT INTO updates (kid, sequence, name, state, asked, begun_ms, changed_ms) VALUES (?, ?, ?, ?, 1, ?, ?)"
        " ON CONFLICT DO UPDATE SET state = excluded.state, asked = 1, fault = NULL, percent = NULL, changed_ms = excluded.changed_ms",
        (kid, release.sequence, release.name, updates.ASKED, now_ms, now_ms),
    )


def _told(connection: Connection, kid: bytes, release: Release, now_ms: int) -> None:
    connection.execute(
        "INSERT INTO updates (kid, sequence, name, state, begun_ms, changed_ms) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET state = excluded.state, fault = NULL, percent = NULL, changed_ms = excluded.changed_ms",
        (kid, release.sequence, release.name, updates.OFFERED, now_ms, now_ms),
    )
