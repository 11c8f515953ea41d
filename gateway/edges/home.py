"""A home at work: its parts, made in the order in which one leans on another, and run until it is asked to stop."""

import asyncio
import contextlib
import functools
import secrets
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from gateway import pairing
from gateway.configuration import Ble, Configuration, HomeAssistant
from gateway.devices import Device
from gateway.edges import ble, folder, home_assistant, households, memory, supervisor, thresholds
from gateway.edges import log as logging
from gateway.edges.abroad import Abroad
from gateway.edges.arrivals import Arrivals
from gateway.edges.bell import Bell
from gateway.edges.buffer import Buffer
from gateway.edges.changes import Changes
from gateway.edges.coap import Door
from gateway.edges.contexts import Contexts
from gateway.edges.custody import Custody
from gateway.edges.enrolments import Enrolments
from gateway.edges.forwarding import Forwarding
from gateway.edges.ledger import DEVICE, Ledger
from gateway.edges.listening import Listenings
from gateway.edges.mdns import Announcement
from gateway.edges.metrics import Metrics
from gateway.edges.nights import Nights
from gateway.edges.orderbook import OrderBook
from gateway.edges.pages import routes, words
from gateway.edges.pages.access import Access
from gateway.edges.pages.frame import Frame
from gateway.edges.pages.serve import Server
from gateway.edges.pages.views import House
from gateway.edges.pairings import Pairings
from gateway.edges.push import Pushes
from gateway.edges.retention import Retention
from gateway.edges.rollout import Rollout
from gateway.edges.safety import Safety, open_home
from gateway.edges.shelf import Shelf, keys_in
from gateway.edges.summaries import Summaries
from gateway.edges.way import Way
from gateway.errors import BadConfiguration, NoRoom

Work = Callable[[], Coroutine[Any, Any, None]]
_PATIENCE_S = 5
_BOOKS_KEPT = 1000


async def serve(settings: Configuration, log: FilteringBoundLogger, stop: asyncio.Event) -> None:
    """Serve the home until `stop` is set. Raises CannotStart: before anybody was served."""
    async with contextlib.AsyncExitStack() as edges:
        data = edges.enter_context(folder.alone_in(settings.home.data))
        keys = folder.keys_in(data, settings)
        buffer = await open_home(data / "home.db", settings.home.largest_MiB, log)
        edges.push_async_callback(buffer.close)
        home = Home(settings, keys, data, buffer, log)
        edges.push_async_callback(home.way.write)
        edges.push_async_callback(home.ledger.write)
        await home.enrolments.look()
        server = Server(settings.page.bind, settings.page.port)
        edges.callback(server.close)
        if settings.metrics is not None:
            metrics = Metrics(settings.metrics, buffer, home.way)
            edges.callback(metrics.close)
            home.work.append(metrics.run)
            log.info("metrics.ready", port=metrics.port)
        await home.reach_out()
        door = await home.open_door()
        edges.push_async_callback(door.close)
        doubts = home.listen_nearby(door, settings.ble) if settings.ble is not None else {}
        frame = home.frame(stop, doubts)
        if settings.home_assistant is not None:
            await home.tell_neighbour(settings.home_assistant, frame.house)
        if settings.discovery.announce:
            announcement = Announcement(settings.page.host_names, settings.coap.bind, door.port, server.port, log)
            home.work.append(announcement.run)
        log.info(
            "gateway.ready",
            coap_port=door.port,
            page=f"https://{settings.page.host_names[0]}:{server.port}/",
            page_port=server.port,
            authority_sha256=keys.papers.fingerprint,
            authority=str(keys.papers.authority),
        )
        frame.access.print_set_up_code()
        supervisor.notify("READY=1")
        serving = functools.partial(server.run, routes.application(frame, settings.page.host_names), keys.papers)
        await _until(stop, [*home.work, functools.partial(supervisor.watch, buffer)], serving, functools.partial(home.end_page, server))
        supervisor.notify("STOPPING=1")
        log.info("gateway.stopping", counts=dict(home.way.counts))


class Home:
    """The parts of one home. work: what is to run; each step below adds its own.

    The order is: made; what was enrolled is looked at; `reach_out`, `open_door`, and then the rest as it is wished.
    """

    def __init__(self, settings: Configuration, keys: folder.Keys, data: Path, buffer: Buffer, log: FilteringBoundLogger) -> None:
        self._settings = settings
        self._keys = keys
        self._data = data
        self._log = log
        self._buffer = buffer
        self._site = settings.cloud.site if settings.cloud else ""
        self._minutes = settings.delivery.climate_minutes
        self.way = Way(buffer)
        self.ledger = Ledger(buffer)
        self._changes = Changes()
        happened = self._changes.happened
        buffer.full_changed = self._full_changed
        names = functools.lru_cache(_BOOKS_KEPT)(keys.ring.keys)
        self._book = Custody(names, secrets.token_bytes, keys.ring.newest, each_climate=not self._minutes)
        self._forwarding = Forwarding(buffer, self.way, log, self._book, happened)
        self._orders = OrderBook(buffer, log, happened)
        self._listenings = Listenings()
        self._contexts = Contexts(keys.link, self._introduced)
        self.enrolments = Enrolments(data / "enrolments", self._enrolled, log)
        self._pairings = Pairings(keys.link, self.enrolments, lambda taken: self._contexts.find(taken) is not None, happened, log)
        shelf = Shelf(data / "releases", keys_in(settings.updates.keys), log)
        self._rollout = Rollout(buffer, shelf, self.enrolments, self._orders, self._site, log, happened)
        self._push = Pushes(settings.push, keys.push, buffer, log)
        self._bell = Bell(buffer, self.enrolments, self._changes, self._push, words.read(), log)
        self._abroad: Abroad | None = None
        self.work: list[Work] = [
            buffer.watch,
            Safety(buffer, settings.home.copy_hours, log).run,
            Retention(buffer, self._book, settings.home.keep_days, log).run,
            self.enrolments.run,
            self.way.run,
            self.ledger.run,
            self._forwarding.run,
            self._rollout.run,
            self._bell.run,
            Nights(buffer, self._changes).run,
            Summaries(buffer, self._minutes, self._forwarding.wake).run,
            memory.run,
        ]

    async def reach_out(self) -> None:
        """Have the broker, if there is to be one. Raises FileUnusable: the disk is full."""
        if self._settings.broker is None:
            return
        self._abroad = Abroad(
            self._settings,
            self._settings.broker,
            self._log,
            self._buffer,
            self.way,
            self.ledger,
            self._changes,
            self._book,
            self._keys.ring,
            self._forwarding,
            self.enrolments,
            self._orders,
            self._rollout,
        )
        await self._abroad.recovery.begin()
        self.work += [*self._abroad.work, self._abroad.run]

    async def open_door(self) -> Door:
        """Return the home's CoAP, open. Raises CannotStart: the port is taken."""
        forwarding = self._forwarding
        arrivals = Arrivals(
            self._buffer, self.way, self._log, forwarding.wake, forwarding.settled, self._changes.live, sound=self._listenings.heard
        )
        door = await Door.open(
            self._settings.coap.bind,
            self._settings.coap.port,
            self._contexts,
            self._pairings,
            arrivals,
            self.way,
            self._orders,
            self._settings.coap.messages_per_s,
            self._orders.present,
            self._rollout,
        )
        self._orders.told = door.orders_changed
        return door

    def listen_nearby(self, door: Door, settings: Ble) -> Mapping[bytes, int]:
        """Have Bluetooth; return the fault of each device's, by key id, while it lasts. Raises CannotStart: its backend is not there."""
        try:
            backend = ble.backend(settings.backend, settings.address, self._data / "bluetooth")
        except ImportError:
            raise BadConfiguration(
                "ble.backend", f"The setting ble.backend names {settings.backend}, which is not here: use bleak."
            ) from None
        near = ble.Nearby(
            lambda: [*self.enrolments.devices, *self.enrolments.staged],
            door.take,
            ble.Bonds(self._data / "bonds.json"),
            self.way,
            self._log,
            self._orders.waits_for,
            self._pairing_now,
            backend=backend,
            most_visits=settings.visits,
        )
        self.work.append(near.run)
        return near.doubts

    def frame(self, stop: asyncio.Event, doubts: Mapping[bytes, int]) -> Frame:
        """Return what the pages stand in."""
        outside, sending, linking = (each.outside, each.sending, each.linking) if (each := self._abroad) else (None, None, None)
        return Frame(
            house=House(self._buffer, self.enrolments, self._changes, self.way, outside, sending, self._site, self._log, doubts),
            access=Access(self._buffer, self._log, self.ledger, self._settings.page.session_days),
            book=self._book,
            linking=linking,
            pairings=self._pairings,
            ledger=self.ledger,
            orders=self._orders,
            woken=self._forwarding.wake,
            words=words.read(),
            authority=self._keys.papers.authority,
            stopping=stop,
            neighbour=self._settings.home_assistant is not None,
            push=self._push,
            listenings=self._listenings,
            rollout=self._rollout,
        )

    async def tell_neighbour(self, settings: HomeAssistant, house: House) -> None:
        """Have a Home Assistant told what it may know."""
        home = await self._buffer.write(home_assistant.home_name)
        language = words.read()[settings.language]
        labels = {name.removeprefix("neighbour."): language(name) for name in language.names if name.startswith("neighbour.")}
        neighbour = home_assistant.Neighbour(settings, home, house, self._changes, labels)
        self.work.append(neighbour.run)
        if settings.alarms:
            self._bell.neighbour = neighbour.rung

    def end_page(self, server: Server) -> None:
        """Let nobody wait for a page any longer."""
        server.stop()
        self._listenings.end_all()
        self._changes.happened()  # wakes the browsers that watch, so that their streams end now and not at the next beat

    def _introduced(self, device: Device) -> None:
        self.ledger.came(DEVICE, device.kid.hex())
        self._pairings.introduced(device)

    async def _enrolled(self, devices: list[Device]) -> None:
        self._contexts.enrol([*devices, *self.enrolments.staged])
        former, room_id = self.enrolments.former, secrets.token_bytes(16)
        try:
            await self._buffer.write(
                lambda connection: households.meet_devices(connection, devices, former, "Nursery", room_id, logging.utc_ms())
            )
        except NoRoom:  # they may send; what the page shows of them is written with the next change or start
            self.way.count("no_room")
        for device in devices:
            if device.kind == "babyphone":
                self._changes.rule(device.kid, self._buffer.read(functools.partial(thresholds.of, kid=device.kid)))
        self._changes.happened()

    def _pairing_now(self) -> bool:
        found = self._pairings.look()
        return found is not None and found.state not in pairing.OVER

    def _full_changed(self, full: bool) -> None:
        (self._log.error if full else self._log.info)("home.full" if full else "home.has_room")
        self._changes.happened()


async def _until(stop: asyncio.Event, work: list[Work], serving: Work, end_page: Callable[[], None]) -> None:
    """Run all the work in one group of tasks until `stop` is set; an error in any of it ends the rest and is raised.

    The page ends first, so that a form under way is answered; then the work is cancelled, wherever it waits.
    """
    async with asyncio.TaskGroup() as tasks:
        page = tasks.create_task(serving())
        running = [tasks.create_task(each()) for each in work]
        await stop.wait()
        end_page()
        await asyncio.wait([page], timeout=_PATIENCE_S)
        for task in (page, *running):
            task.cancel()
