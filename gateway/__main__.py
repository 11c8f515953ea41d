"""`python -m gateway --configuration FILE`: opens the edges in order, owns every task, and closes the edges in reverse.

With `--check` it only says what is wrong; `backup FILE` and `restore FILE` keep the home and make it again.

What can be wrong before anybody was served (a bad setting, a taken port, a missing certificate, a full disk) ends with one sentence on
standard error and a non-zero status. SIGTERM and Ctrl-C end it in order: no new readings, what was promised is on disk, then the rest.
"""

import argparse
import asyncio
import contextlib
import datetime
import fcntl
import functools
import getpass
import resource
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from gateway import configuration, pairing
from gateway.configuration import Ble, Configuration, HomeAssistant
from gateway.devices import Device
from gateway.edges import backup, ble, check, home_assistant, households, master_key, permissions, supervisor, thresholds
from gateway.edges import log as logging
from gateway.edges.arrivals import Arrivals
from gateway.edges.bell import Bell
from gateway.edges.changes import Changes
from gateway.edges.coap import Door
from gateway.edges.contexts import Contexts
from gateway.edges.custody import Custody
from gateway.edges.enrolments import Enrolments
from gateway.edges.forwarding import Forwarding
from gateway.edges.home_secret import another_home_secret_in, home_secrets_in
from gateway.edges.ledger import BROKER, DEVICE, Ledger
from gateway.edges.link_key import another_link_key_in, link_key_in
from gateway.edges.linking import Linking
from gateway.edges.listening import Listenings
from gateway.edges.mdns import Announcement
from gateway.edges.metrics import Metrics
from gateway.edges.mqtt import Outside
from gateway.edges.nights import Nights
from gateway.edges.orderbook import OrderBook
from gateway.edges.pages import routes, words
from gateway.edges.pages.access import Access
from gateway.edges.pages.authority import papers
from gateway.edges.pages.frame import Frame
from gateway.edges.pages.serve import Server
from gateway.edges.pages.views import House
from gateway.edges.pairings import Pairings
from gateway.edges.push import Pushes
from gateway.edges.retention import Retention
from gateway.edges.rollout import Rollout
from gateway.edges.safety import Safety, open_home
from gateway.edges.sending import Sending
from gateway.edges.shelf import Shelf, keys_in
from gateway.edges.steering import Steering
from gateway.edges.summaries import Summaries
from gateway.edges.talking import Talking
from gateway.edges.way import Way
from gateway.errors import BadConfiguration, CannotStart, FileUnusable, NoRoom
from gateway.pseudonyms import Keyring
from protocol import steering
from protocol.linking import is_word

Work = Callable[[], Coroutine[Any, Any, None]]
_PATIENCE_S = 5
_PAIR_AGAIN = "No device takes the stolen gateway for its home once it is reset and paired again here; until then it takes nobody else."
_STILL_TRUSTED = "The devices still take the stolen gateway for their home, if it comes near: `renew --devices` ends that."


async def run(settings: Configuration, log: FilteringBoundLogger, stop: asyncio.Event) -> None:
    """Serve the home until `stop` is set. Raises CannotStart: before anybody was served."""
    async with contextlib.AsyncExitStack() as edges:
        folder = _folder(settings.home.data)
        edges.callback(_alone_in(folder))
        for secret in permissions.loose(settings):
            raise secret
        with master_key.opened(settings.home.master_key_file, folder) as master:
            keyring = Keyring(tuple(home_secrets_in(folder / "keys", master)))
            link_key = link_key_in(folder / "keys", master)
            push_key = link_key_in(folder / "keys", master, "push.key")
            papers_ = papers(folder / "page", settings.page.host_names, datetime.datetime.now(datetime.UTC), master)
        minutes = settings.delivery.climate_minutes
        book = Custody(functools.lru_cache(1000)(keyring.keys), secrets.token_bytes, keyring.newest, each_climate=not minutes)
        buffer = await open_home(folder / "home.db", settings.home.largest_MiB, log)
        edges.push_async_callback(buffer.close)
        way = Way(buffer)
        edges.push_async_callback(way.write)
        ledger = Ledger(buffer)
        edges.push_async_callback(ledger.write)
        changes = Changes()
        listenings = Listenings()
        buffer.full_changed = functools.partial(_full_changed, log, changes)
        forwarding = Forwarding(buffer, way, log, book, changes.happened)

        orders = OrderBook(buffer, log, changes.happened)
        shelf = Shelf(folder / "releases", keys_in(settings.updates.keys), log)

        def came(device: Device) -> None:
            ledger.came(DEVICE, device.kid.hex())
            pairings.introduced(device)

        contexts = Contexts(link_key, came)

        async def enrolled(devices: list[Device]) -> None:
            contexts.enrol([*devices, *enrolments.staged])
            room_id = secrets.token_bytes(16)
            former = enrolments.former
            try:
                await buffer.write(
                    lambda connection: households.meet_devices(connection, devices, former, "Nursery", room_id, logging.utc_ms())
                )
            except NoRoom:  # they may send; what the page shows of them is written with the next change or start
                way.count("no_room")
            for device in devices:
                if device.kind == "babyphone":
                    changes.rule(device.kid, buffer.read(functools.partial(thresholds.of, kid=device.kid)))
            changes.happened()

        enrolments = Enrolments(folder / "enrolments", enrolled, log)
        pairings = Pairings(link_key, enrolments, lambda taken: contexts.find(taken) is not None, changes.happened, log)
        await enrolments.look()
        server = Server(settings.page.bind, settings.page.port)
        edges.callback(server.close)
        extra: list[Work] = []
        if settings.metrics is not None:
            metrics = Metrics(settings.metrics, buffer, way)
            edges.callback(metrics.close)
            extra.append(metrics.run)
            log.info("metrics.ready", port=metrics.port)
        safety = Safety(buffer, settings.home.copy_hours, log)
        retention = Retention(buffer, book, settings.home.keep_days, log)
        work: list[Work] = [buffer.watch, safety.run, retention.run, enrolments.run, way.run, ledger.run, forwarding.run]
        rollout = Rollout(buffer, shelf, enrolments, orders, settings.cloud.site if settings.cloud else "", log, changes.happened)
        work.append(rollout.run)
        outside = sending = linking = None
        if settings.broker is not None:
            outside = Outside(settings.broker, settings.delivery.reconnect_ms, settings.delivery.in_flight, log)
            sending = Sending(buffer, way, log, outside, book, settings, changes.happened)
            linking = Linking(buffer, way, log, outside, book, keyring, forwarding.wake, changes.happened)

            def decided() -> None:
                forwarding.wake()
                sending_.wake()
                changes.happened()

            sending_ = sending
            talking = Talking(buffer, way, log, outside, book, keyring, settings.delivery.ask_after_s * 1000, decided)
            forwarding.queued = sending.wake
            steered = Steering(buffer, way, log, outside, enrolments, orders, book.keys, rollout.told)
            orders.ended = steered.wake
            work += [sending.run, linking.run, steered.run, talking.run]
            work.append(functools.partial(_from_outside, outside, sending, linking, talking, steered, changes, ledger))
        door = await Door.open(
            settings.coap.bind,
            settings.coap.port,
            contexts,
            pairings,
            Arrivals(buffer, way, log, forwarding.wake, forwarding.settled, changes.live, sound=listenings.heard),
            way,
            orders,
            settings.coap.messages_per_s,
            orders.present,
            rollout,
        )
        doubts: dict[bytes, int] = {}
        if settings.ble is not None:
            near = _nearby(settings.ble, folder, enrolments, pairings, door, orders, way, log)
            doubts = near.doubts
            extra.append(near.run)
        orders.told = door.orders_changed
        edges.push_async_callback(door.close)
        push = Pushes(settings.push, push_key, buffer, log)
        bell = Bell(buffer, enrolments, changes, push, words.read(), log)
        work += [bell.run, Nights(buffer, changes).run, Summaries(buffer, minutes, forwarding.wake).run]
        access = Access(buffer, log, ledger, settings.page.session_days)
        house = House(buffer, enrolments, changes, way, outside, sending, settings.cloud.site if settings.cloud else "", log, doubts)
        frame = Frame(
            house,
            access,
            book,
            linking,
            pairings,
            ledger,
            orders,
            forwarding.wake,
            words.read(),
            papers_.authority,
            stop,
            settings.home_assistant is not None,
            push,
            listenings,
            rollout,
        )
        serving = functools.partial(server.run, routes.application(frame, settings.page.host_names), papers_)
        log.info(
            "gateway.ready",
            coap_port=door.port,
            page=f"https://{settings.page.host_names[0]}:{server.port}/",
            page_port=server.port,
            authority_sha256=papers_.fingerprint,
            authority=str(papers_.authority),
        )
        if settings.home_assistant is not None:
            neighbour = await _neighbour(settings.home_assistant, house, changes)
            work.append(neighbour.run)
            if settings.home_assistant.alarms:
                bell.neighbour = neighbour.rung
        if settings.discovery.announce:
            work.append(Announcement(settings.page.host_names, settings.coap.bind, door.port, server.port, log).run)
        access.print_set_up_code()
        end_page = functools.partial(_end_page, server, changes, listenings)
        supervisor.notify("READY=1")
        await _until(stop, [*work, *extra, functools.partial(supervisor.watch, buffer)], serving, end_page)
        supervisor.notify("STOPPING=1")
        log.info("gateway.stopping", counts=dict(way.counts))


async def _neighbour(settings: HomeAssistant, house: House, changes: Changes) -> home_assistant.Neighbour:
    home = await house.buffer.write(home_assistant.home_name)
    language = words.read()[settings.language]
    labels = {name.removeprefix("neighbour."): language(name) for name in language.names if name.startswith("neighbour.")}
    return home_assistant.Neighbour(settings, home, house, changes, labels)


def _nearby(
    settings: Ble,
    folder: Path,
    enrolments: Enrolments,
    pairings: Pairings,
    door: Door,
    orders: OrderBook,
    way: Way,
    log: FilteringBoundLogger,
) -> ble.Nearby:
    """Return the Bluetooth of this home. Raises CannotStart: its backend is not there."""
    try:
        backend = ble.backend(settings.backend, settings.address, folder / "bluetooth")
    except ImportError:
        raise BadConfiguration("ble.backend", f"The setting ble.backend names {settings.backend}, which is not here: use bleak.") from None

    def pairing_now() -> bool:
        found = pairings.look()
        return found is not None and found.state not in pairing.OVER

    return ble.Nearby(
        lambda: [*enrolments.devices, *enrolments.staged],
        door.take,
        ble.Bonds(folder / "bonds.json"),
        way,
        log,
        orders.waits_for,
        pairing_now,
        backend=backend,
        most_visits=settings.visits,
    )


def _full_changed(log: FilteringBoundLogger, changes: Changes, full: bool) -> None:
    (log.error if full else log.info)("home.full" if full else "home.has_room")
    changes.happened()


async def _from_outside(
    outside: Outside, sending: Sending, linking: Linking, talking: Talking, steered: Steering, changes: Changes, ledger: Ledger
) -> None:
    """Hand what comes from the broker to whom it is for, one at a time and in order, until cancelled."""
    messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(1000)

    def received(branch: str, payload: bytes) -> None:
        # Full: dropped, for whatever is not answered is asked again.
        if not messages.full():
            messages.put_nowait((branch, payload))

    def changed() -> None:
        sending.connection_changed()
        steered.connection_changed()
        changes.happened()
        (ledger.came if outside.connected else ledger.went)(BROKER, "")

    outside.received = received
    outside.changed = changed
    outside.open()
    try:
        while True:
            branch, payload = await messages.get()
            order = None if branch == "down" else steering.decode_message(payload)
            if branch == "down":
                await sending.receipt(payload)
            elif order is not None:
                await steered.take(order)
            elif is_word(payload):
                await talking.heard(payload)
            else:
                await linking.answered(payload)
    finally:
        await outside.close()


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


def _end_page(server: Server, changes: Changes, listenings: Listenings) -> None:
    server.stop()
    listenings.end_all()
    changes.happened()  # wakes the browsers that watch, so that their streams end now and not at the next beat


def _folder(path: Path) -> Path:
    try:
        for each in (path, path / "enrolments", path / "keys", path / "page"):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "choose a folder with home.data that the gateway may write") from None
    return path


def _alone_in(folder: Path) -> Callable[[], None]:
    """Make sure that no other gateway uses the folder; return what lets the next one in.

    Two gateways on one database would use an OSCORE number twice (threats T17). Raises FileUnusable: there is another.
    """
    lock = (folder / "lock").open("a")
    (folder / "lock").chmod(0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise FileUnusable(folder, "another gateway is using it", "stop that one first") from None
    return lock.close


async def _main(settings: Configuration) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no copy of the keys in memory on a disk
    log = logging.begin()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(settings, log, stop)
    log.info("gateway.stopped")


async def _renew(settings: Configuration, *, devices: bool = False) -> int:
    """Give whoever has an account a new name under a new home secret; return for how many. The next start sends under it.

    devices: another key for links, too, which no device knows until it is paired again.
    """
    folder = _folder(settings.home.data)
    let_in = _alone_in(folder)
    try:
        buffer = await open_home(folder / "home.db", settings.home.largest_MiB, logging.begin())
        try:
            with master_key.opened(settings.home.master_key_file, folder) as master:
                if devices:
                    another_link_key_in(folder / "keys", master)
                newest = another_home_secret_in(folder / "keys", master)
                keyring = Keyring(tuple(home_secrets_in(folder / "keys", master)))
            book = Custody(keyring.keys, secrets.token_bytes, newest)
            return await buffer.write(book.rename_everybody)
        finally:
            await buffer.close()
    finally:
        let_in()


def _check(path: Path) -> int:
    """Print what is wrong, one sentence a line; return the exit status."""
    wrong = check.problems(path)
    for error in wrong:
        print(error, file=sys.stderr)
    if not wrong:
        print(f"{path} is in order.")
    return max((error.exit_status for error in wrong), default=0)


def _keep(arguments: argparse.Namespace) -> int:
    """Write or read back a backup; return the exit status. Raises CannotStart."""
    settings = configuration.read(arguments.configuration)
    data = settings.home.data
    passphrase = _passphrase(arguments.passphrase_file, twice=arguments.work == "backup")
    if arguments.work == "backup":
        backup.write(data, settings.home.master_key_file, arguments.file, passphrase)
        print(f"{arguments.file} holds this home; without its passphrase nobody can open it.")
    else:
        backup.restore(arguments.file, data, settings.home.master_key_file, passphrase)
        # What was sent after the backup holds places in each name's chain that this home knows nothing of: it goes on under new names.
        asyncio.run(_renew(settings))
        print(f"{data} is the home again. Start this gateway only, and never the one it was taken from.")
    return 0


def _passphrase(path: Path | None, *, twice: bool) -> str:
    """Return the passphrase from a file, or as it is typed. Raises CannotStart: too short, or typed in two ways."""
    if path is not None:
        try:
            typed = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise FileUnusable(path, str(error), "name a file with the passphrase in it") from None
    else:
        typed = getpass.getpass("Passphrase of the backup: ")
        if twice and getpass.getpass("The same again: ") != typed:
            raise CannotStart("The two passphrases differ: run it again.")
    if len(typed) < backup.SHORTEST_PASSPHRASE:
        raise CannotStart(f"The passphrase is too short: take {backup.SHORTEST_PASSPHRASE} characters or more, four words for instance.")
    return typed


def main() -> int:
    """Read the command line and serve; return the exit status."""
    parser = argparse.ArgumentParser(prog="foyer gateway", description="The home's gateway.")
    parser.add_argument(
        "work", nargs="?", choices=("serve", "backup", "restore", "renew"), default="serve", help="what to do (default: serve)"
    )
    parser.add_argument("file", nargs="?", type=Path, help="backup, restore: the file of the backup")
    parser.add_argument("--configuration", type=Path, required=True, help="the TOML file described in docs/settings.md")
    parser.add_argument("--check", action="store_true", help="say what is wrong with the configuration, and do nothing else")
    parser.add_argument("--devices", action="store_true", help="renew: another key for the devices, each of which is to be paired again")
    parser.add_argument("--passphrase-file", type=Path, help="backup, restore: a file with the passphrase (default: it is asked for)")
    arguments = parser.parse_args()
    if (arguments.file is None) != (arguments.work in ("serve", "renew")):
        parser.error("backup and restore need the file of the backup, and nothing else does")
    if arguments.devices and arguments.work != "renew":
        parser.error("only renew has --devices")
    try:
        if arguments.check:
            return _check(arguments.configuration)
        if arguments.work == "renew":
            count = asyncio.run(_renew(configuration.read(arguments.configuration), devices=arguments.devices))
            print(f"A new home secret is made, and new names for {count}. Revoke the stolen gateway's certificate at the broker now.")
            print(_PAIR_AGAIN if arguments.devices else _STILL_TRUSTED)
            return 0
        if arguments.work != "serve":
            return _keep(arguments)
        asyncio.run(_main(configuration.read(arguments.configuration)))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except ExceptionGroup as group:  # one of the tasks cannot go on; where it says so in a sentence, a new start can
        mendable, other = group.split(CannotStart)
        if other is not None or mendable is None:
            raise
        print(mendable.exceptions[0], file=sys.stderr)
        return CannotStart.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
