"""Starting and stopping the site: stores, keys, the line to the homes, and the web server."""

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from cloud import erasure, keys, measures, stores
from cloud.admission import Admission
from cloud.broker import Line
from cloud.configuration import SITE_ROLE, Configuration, of_role
from cloud.errors import CannotStart
from cloud.limits import Limiter
from cloud.logs import Log
from cloud.outcomes import Counting, Rule
from cloud.post import Postman
from cloud.site.linking import FILTER, LinkDesk
from cloud.site.live import Watch
from cloud.site.premises import Premises
from cloud.site.routes import make_site

LIBRARY_FILES = ("uPlot.iife.min.js", "uPlot.min.css")


def run(configuration: Configuration, stop: threading.Event, log: Log) -> None:
    """Serve until told to stop. Raises CannotStart: a file is missing, a port is taken, a store cannot be used."""
    for name in LIBRARY_FILES:
        if not (configuration.site.libraries / name).is_file():
            raise CannotStart(f"The chart library is not in {configuration.site.libraries}; run: npm ci.")
    measures.serve(configuration.metrics.site_port)
    broker = configuration.broker
    line = Line("site", broker, broker.site_certificate, broker.site_key, [FILTER], log)
    listening = _listen(configuration.site.bind, configuration.site.port)
    try:
        premises = open_premises(configuration, log)
        site = configuration.site
        rule = Rule(site.halt_homes, site.halt_percent)
        counting = Counting(premises.accounts, premises.pepper.outcomes, site.releases, rule, log)
        desk = LinkDesk(premises.accounts, premises.admission.erasure, premises.pepper, line, log, counting)
        premises.send_order = desk.order
        server = _Server(premises, listening, stop)
        desk.start()
        if premises.postman is not None:
            premises.postman.start()
        try:
            server.serve_until_told()
        finally:
            desk.stop()
            if premises.postman is not None:
                premises.postman.stop()
            premises.accounts.dispose()
            premises.readings.dispose()
    finally:
        listening.close()


def open_premises(configuration: Configuration, log: Log) -> Premises:
    """Open the keys and both stores: the accounts store brought up to date, the readings store read-only."""
    pepper = keys.pepper(configuration.keys)
    erasing = keys.ErasureKeys(configuration.keys)
    accounts_url, readings_url = (of_role(url, SITE_ROLE) for url in (configuration.stores.accounts, configuration.stores.readings))
    accounts = stores.open_store(accounts_url)
    stores.upgrade(accounts, "accounts")
    readings = stores.open_store(readings_url, read_only=True)
    stores.wait_until_current(readings, "readings")
    mail = configuration.mail
    postman = None if mail is None else Postman(mail, accounts, erasing, log)
    admission = Admission(accounts, pepper, erasing, configuration.site.address if mail else "")
    watch, folder = Watch([accounts, readings]), configuration.keys
    made = Premises(configuration.site, accounts, readings, admission, pepper, watch, log, postman, Limiter(), folder, readings_url, mail)
    with made.owners_hand() as writable:
        back = erasure.after_restore(admission, writable, configuration.keys / "tombstones", int(time.time()))
    if any(back):
        log.warning("site.erased_again", accounts=back[0], rows=back[1])
    return made


class _Server(uvicorn.Server):
    """uvicorn, told to stop by an event instead of by signals of its own, and letting live pages end first."""

    def __init__(self, premises: Premises, listening: socket.socket, stop: threading.Event) -> None:
        super().__init__(
            uvicorn.Config(
                make_site(premises),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=2,
                ws="none",
            )
        )
        self._premises = premises
        self._listening = listening
        self._told = stop

    def serve_until_told(self) -> None:
        """Serve until the event is set."""
        self.run([self._listening])

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone: they set the event that ends this."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._premises.log.info("site.ready", address=self._premises.settings.address)

    async def on_tick(self, counter: int) -> bool:
        if self._told.is_set():
            self._premises.watch.close()
            return True
        return await super().on_tick(counter)


def _listen(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((bind, port))
    except OSError as error:
        listening.close()
        raise CannotStart(f"Port {port} at {bind} cannot be opened ({error.strerror}); choose another under [site].") from None
    listening.listen(128)
    listening.setblocking(False)
    return listening
