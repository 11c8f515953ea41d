"""`foyer bench cloud`: what the account store takes in and gives out, each beside its limit in the same run.

Ingest is measured from a message as the broker hands it over to its acknowledgement: opened, checked, committed, receipted; beside it a
bare insert of the same rows with the same keys in commits of the same size. Then the same through a real broker, by one ingester and
by two. The site is asked for a year of one person among a thousand accounts of a year each, browser and site in one process; its time is
what a core works, so that it says the same on a busy machine. The others' rows are random bytes of the
same size under random pseudonyms, which is all that anybody without their keys can tell of them.
"""

import asyncio
import gzip
import os
import queue
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import paho.mqtt.client as mqtt
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, text
from sqlalchemy.engine import URL, make_url

from cloud import accounts, configuration, hpke, keys, links, sessions, stores, wrapping
from cloud.admission import Browser
from cloud.broker import IN_FLIGHT, Delivery
from cloud.configuration import INGESTER_ROLE, of_role
from cloud.ingest import GROUP_MESSAGES, Ingester
from cloud.keys import IngesterKeys
from cloud.site.routes import make_site
from cloud.site.serving import open_premises
from protocol import cose, envelope, linking, seals
from protocol import readings as words
from protocol.envelope import Row
from tools import broker as broker_tool
from tools.bench.figures import Figure
from tools.postgres import Postgres
from tools.services import free_ports

RUNS = 7
# enough that the first group, which waits to be opened, and the last, which waits to be stored, hardly count
MESSAGES = 600
ROWS = envelope.ROWS_IN_BATCH
ACCOUNTS = 1000
DAYS = 365
UTC_S = 1_790_000_000
EMPTY = {"postgresql": ("TRUNCATE sealed_rows, pseudonyms",), "sqlite": ("DELETE FROM sealed_rows", "DELETE FROM pseudonyms")}
POSTGRES_BARE = (
    "INSERT INTO sealed_rows (pseudonym, id, minute, sealed)"
    " SELECT * FROM unnest(%b::bytea[], %b::bytea[], %b::int4[], %b::bytea[]) ON CONFLICT DO NOTHING"
)
SQLITE_BARE = "INSERT INTO sealed_rows (pseudonym, id, minute, sealed) VALUES (?, ?, ?, ?)"


def measure() -> list[Figure]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_ingest(Path(folder)), *_site(Path(folder))]


class Home(NamedTuple):
    """One person whose readings are sealed, and the device that signs them."""

    seeds: seals.PersonSeeds
    write_key: Ed25519PrivateKey
    device: ec.EllipticCurvePrivateKey
    pairing: bytes

    @classmethod
    def new(cls) -> "Home":
        seeds = seals.derive_person(os.urandom(32), "readings", os.urandom(16), 0, wrapping.hkdf)
        return cls(seeds, Ed25519PrivateKey.from_private_bytes(seeds.write_seed), ec.generate_private_key(ec.SECP256R1()), os.urandom(8))

    @property
    def pseudonym(self) -> bytes:
        return envelope.pseudonym_of(self.write_key.public_key().public_bytes_raw())

    def row(self, kind: int, values: dict[int, int], utc_s: int) -> Row:
        """Return a row as a gateway seals it."""
        public = self.device.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        payload = words.encode({words.KIND: kind, words.SEQUENCE: 1, words.UPTIME: [1, 1000], **values})
        signed = cose.sign1(payload, wrapping.digest(public)[:4], cose.reading_aad(kind, self.pairing), self._sign)
        row_id, minute = os.urandom(16), utc_s // 60
        entry = {
            seals.KIND: kind,
            seals.UTC: utc_s,
            seals.VALUES: values,
            seals.SIGNED: signed,
            seals.PAIRING: self.pairing,
            seals.DEVICE_KEY: public,
            seals.PREVIOUS: b"",
            seals.NUMBER: 1,
        }
        root = self.seeds.root_key
        sealed = seals.seal_row(root, self.pseudonym, minute, row_id, entry, wrapping.hkdf, wrapping.seal, os.urandom(12))
        return Row(minute, row_id, sealed)

    def _sign(self, tbs: bytes) -> bytes:
        r, s = decode_dss_signature(self.device.sign(tbs, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def weight(grams: int) -> dict[int, int]:
    return {words.GRAMS: grams, words.STABLE: 1}


def pressure(systolic: int) -> dict[int, int]:
    return {words.SYSTOLIC: systolic, words.DIASTOLIC: 80, words.MAP: 95, words.PULSE: 64, words.FLAGS: 0}


# --- ingest


class _Sent(NamedTuple):
    message: bytes
    rows: list[tuple[bytes, bytes, int, bytes]]


def _messages(sealing_key: bytes) -> list[_Sent]:
    made = []
    for _ in range(MESSAGES):
        home = Home.new()
        rows = [home.row(words.SCALE, weight(70_000 + number), UTC_S + 60 * number) for number in range(ROWS)]
        public = home.write_key.public_key().public_bytes_raw()
        batch = envelope.encode_batch(public, rows, UTC_S // 60, os.urandom(32), home.write_key.sign)
        sealed = hpke.seal_to(sealing_key, batch, envelope.BATCH_INFO)
        made.append(_Sent(sealed, [(home.pseudonym, row.row_id, row.minute, row.sealed) for row in rows]))
    return made


class _Line:
    """What a broker does for an ingester: so many messages in flight, the next when one is acknowledged."""

    def __init__(self, sent: list[_Sent], stop: threading.Event) -> None:
        self.subscribed: queue.Queue[bool] = queue.Queue()
        self.arrived: queue.Queue[Delivery] = queue.Queue()
        self._waiting = iter(sent)
        self._left = len(sent)
        self._stop = stop
        for _ in range(IN_FLIGHT):
            self._next()

    def _next(self) -> None:
        for each in self._waiting:
            self.arrived.put(Delivery("foyer/1/0011223344556677/up", each.message, 1, 1))
            return

    def start(self) -> None:
        """Nothing to connect to."""

    def stop(self) -> None:
        """Nothing to disconnect from."""

    def publish(self, _topic: str, _payload: bytes) -> int:
        return 1

    def acknowledge(self, _delivery: Delivery) -> None:
        self._left -= 1
        self._next()
        if not self._left:
            self._stop.set()


class _Tested(Ingester):
    """An ingester whose subscription needs no test."""

    def _test_subscription(self, stop: threading.Event) -> bool:
        return not stop.is_set()


def _ours(engine: Engine, held: IngesterKeys, sent: list[_Sent], folder: Path) -> float:
    stop = threading.Event()
    line: Any = _Line(sent, stop)
    ingester = _Tested(engine, held, line, structlog.wrap_logger(_Silent()), folder)
    begin_s = time.perf_counter()
    ingester.run(stop)
    return len(sent) * ROWS / (time.perf_counter() - begin_s)


class _Silent:
    """A log for a bench: the lines are made and go nowhere."""

    def msg(self, _line: str) -> None:
        """Take a line."""

    info = warning = error = msg


def _bare(engine: Engine, sent: list[_Sent]) -> float:
    """Insert the same rows with nothing around them, as many in a commit as an ingester stores together."""
    rows = [row for each in sent for row in each.rows]
    step = GROUP_MESSAGES * ROWS
    chunks = [rows[start : start + step] for start in range(0, len(rows), step)]
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        begin_s = time.perf_counter()
        for chunk in chunks:
            cursor = driver.cursor()
            if stores.is_server(engine):
                cursor.execute(POSTGRES_BARE, [list(column) for column in zip(*chunk, strict=True)])
                driver.commit()
            else:
                cursor.execute("BEGIN IMMEDIATE")
                cursor.executemany(SQLITE_BARE, chunk)
                cursor.execute("COMMIT")
            cursor.close()
        return len(rows) / (time.perf_counter() - begin_s)


def _empty(engine: Engine) -> None:
    with stores.writing(engine) as connection:
        for sql in EMPTY[engine.dialect.name]:
            connection.exec_driver_sql(sql)


def _pairs(engine: Engine, work: Callable[[], float], bare: Callable[[], float]) -> tuple[float, float, float]:
    """Return the medians of both in rows a second and of their ratio, measured one after the other in turn."""
    found = []
    for number in range(RUNS + 1):
        _empty(engine)
        limit = bare()
        _empty(engine)
        # the first pair warms both up
        if number:
            found.append((work(), limit))
        else:
            work()
    ours, limits = zip(*found, strict=True)
    return statistics.median(ours), statistics.median(limits), statistics.median(a / b for a, b in found)


def _ingest(folder: Path) -> list[Figure]:
    public = keys.make_missing(folder / "keys")
    held = keys.ingester_keys(folder / "keys")
    sent = _messages(bytes.fromhex(public["sealing_key"]))
    figures = []
    server = Postgres()
    try:
        engines = {
            "PostgreSQL": stores.open_store(_role(server.url("readings"))),
            "SQLite": stores.open_store(make_url(f"sqlite:///{folder}/readings.db")),
        }
        for name, engine in engines.items():
            stores.upgrade(engine, "readings")
            ours, bare, ratio = _pairs(engine, lambda e=engine: _ours(e, held, sent, folder), lambda e=engine: _bare(e, sent))  # type: ignore[misc]
            how = "binary unnest" if name == "PostgreSQL" else "executemany"
            figures += [
                Figure(f"{name}: a bare insert ({how}, {GROUP_MESSAGES * ROWS} rows a commit)", bare, "rows/s"),
                Figure(f"{name}: opened, checked, committed, receipted ({ROWS} a message)", ours, "rows/s"),
                Figure(f"{name}: part of the bare insert", ratio, "", 0.5 if name == "PostgreSQL" else 0.4, at_most=False),
            ]
            engine.dispose()
        figures += _through_a_broker(folder, server, sent)
    finally:
        server.remove()
    return figures


def _role(address: str) -> URL:
    return of_role(make_url(address).set(drivername="postgresql+psycopg"), INGESTER_ROLE)


def _through_a_broker(folder: Path, server: Postgres, sent: list[_Sent]) -> list[Figure]:
    (folder / "broker").mkdir()
    broker = broker_tool.make(folder / "broker", free_ports(1)[0])
    broker.start()
    engine = stores.open_store(_role(server.url("readings")))
    rates: dict[int, list[float]] = {1: [], 2: []}
    peak_MB = 0.0
    try:
        for count, found in rates.items():
            files = [_configuration(folder, broker, server.url("readings"), number) for number in range(count)]
            with _processes(files) as running:
                for number in range(RUNS + 1):
                    _empty(engine)
                    rate = _publish(broker, engine, sent)
                    found += [rate] if number else []
                peak_MB = max(peak_MB, *(_peak_MB(process.pid) for process in running))
    finally:
        engine.dispose()
        broker.stop()
    one, two = (statistics.median(found) for found in rates.values())
    # broker, server and publisher want a core of their own besides
    least = 1.0 if (os.cpu_count() or 1) >= 4 else None
    return [
        Figure("PostgreSQL, through the broker: one ingester", one, "rows/s"),
        Figure("PostgreSQL, through the broker: two ingesters", two, "rows/s"),
        Figure("two ingesters to one (asked for from 4 cores on)", two / one, "", least, at_most=False),
        Figure("memory of an ingester, at most", peak_MB, "MB", 120),
    ]


def _configuration(folder: Path, broker: broker_tool.Broker, readings_url: str, number: int) -> Path:
    ingester, site = broker.issue("ingester"), broker.issue("site")
    path = folder / f"ingester-{number}.toml"
    path.write_text(
        f'[stores]\naccounts = "sqlite:///accounts.db"\nreadings = "{readings_url}"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\nauthority = "{broker.authority}"\ningester_name = "ingester-{number}"\n'
        f'ingester_certificate = "{ingester.certificate}"\ningester_key = "{ingester.key}"\n'
        f'site_certificate = "{site.certificate}"\nsite_key = "{site.key}"\n'
        f'[keys]\ndirectory = "{folder}/keys"\n[site]\naddress = "http://127.0.0.1:8080"\n'
    )
    return path


@contextmanager
def _processes(files: list[Path]) -> Iterator[list["subprocess.Popen[bytes]"]]:
    running = [
        subprocess.Popen([sys.executable, "-m", "cloud", "ingest", "--configuration", str(path)], stdout=subprocess.PIPE) for path in files
    ]
    try:
        for process in running:
            for line in process.stdout or ():
                if b"ingest.ready" in line:
                    break
            threading.Thread(target=process.stdout.read if process.stdout else bytes, daemon=True).start()
        yield running
    finally:
        for process in running:
            process.terminate()
            process.wait(20)


def _publish(broker: broker_tool.Broker, engine: Engine, sent: list[_Sent]) -> float:
    alias = broker_tool.gateway_alias()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, alias, protocol=mqtt.MQTTv5)
    client.tls_set_context(broker_tool.client_context(broker.authority, broker.issue(alias)))
    client.max_inflight_messages_set(IN_FLIGHT)
    receipts = threading.Semaphore(0)
    ready = threading.Event()
    client.on_connect = lambda client, *_: client.subscribe(f"foyer/1/{alias}/down", 1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda *_: receipts.release()
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    ready.wait(10)
    begin_s = time.perf_counter()
    for each in sent:
        client.publish(f"foyer/1/{alias}/up", each.message, qos=1)
    for _ in sent:
        if not receipts.acquire(timeout=60):
            raise TimeoutError("a receipt did not come")
    rate = len(sent) * ROWS / (time.perf_counter() - begin_s)
    client.disconnect()
    client.loop_stop()
    with engine.connect() as connection:
        held = connection.execute(text("SELECT count(*) FROM sealed_rows")).scalar_one()
    if held != len(sent) * ROWS:
        raise AssertionError(f"{held} rows are there")
    return rate


def _peak_MB(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


# --- the site


def _site(folder: Path) -> list[Figure]:
    at = folder / "site"
    at.mkdir()
    (at / "cloud.toml").write_text(
        '[stores]\naccounts = "sqlite:///accounts.db"\nreadings = "sqlite:///readings.db"\n'
        '[broker]\nhost = "127.0.0.1"\nauthority = "a"\ningester_certificate = "b"\ningester_key = "c"\n'
        'site_certificate = "d"\nsite_key = "e"\n'
        '[keys]\ndirectory = "keys"\n[site]\naddress = "http://127.0.0.1:8080"\n'
    )
    settings = configuration.read(at / "cloud.toml")
    keys.make_missing(settings.keys)
    writer = stores.open_store(settings.stores.readings)
    stores.upgrade(writer, "readings")
    premises = open_premises(settings, structlog.wrap_logger(_Silent()))
    try:
        cookie = _furnish(premises, writer)
        return asyncio.run(_ask(make_site(premises), f"{premises.cookie_name}={cookie}"))
    finally:
        for engine in (writer, premises.accounts, premises.readings):
            engine.dispose()


def _furnish(premises: Any, writer: Engine) -> str:
    """Fill both stores; return the cookie of the one account whose rows open."""
    home = Home.new()
    now_utc_s = int(time.time())
    own = []
    for day in range(DAYS):
        utc_s = now_utc_s - 86400 * day - 3600
        own.append(home.row(words.SCALE, weight(72_000 + 10 * day), utc_s))
        own += [home.row(words.CUFF, pressure(120 + (day + part) % 20), utc_s - 600 - 40_000 * part) for part in (0, 1)]
    with stores.writing(writer) as connection:
        connection.exec_driver_sql(SQLITE_BARE, [(home.pseudonym, row.row_id, row.minute, row.sealed) for row in own])
    size = len(own[0].sealed)
    for start in range(0, ACCOUNTS - 1, 100):
        others = [os.urandom(16) for _ in range(min(100, ACCOUNTS - 1 - start))]
        rows = [(other, os.urandom(16), row.minute, os.urandom(size)) for other in others for row in own]
        with stores.writing(writer) as connection:
            connection.exec_driver_sql(SQLITE_BARE, rows)
    admission = premises.admission
    given = {"terms", "cookies"}
    cookie = admission.register("ada@example.org", "ashtray velvet horizon", "en", given, Browser("", "Europe/Paris"), now_utc_s)
    with stores.writing(premises.accounts) as connection:
        parsed = sessions.parse_cookie(cookie)
        session = parsed and sessions.find(connection, parsed, now_utc_s)
        account = session and accounts.account_of(connection, session.account_id)
        if session is None or account is None:
            raise AssertionError("no account")
        epoch = linking.Epoch(home.pseudonym, home.seeds.root_key, home.seeds.write_seed)
        box = linking.encode_box(linking.Box("Ada", linking.PERSON, secrets.token_bytes(16), secrets.token_bytes(32), [epoch], ["Ada"]))
        sealed = hpke.seal_to(account.public_key, box, linking.BOX_INFO)
        links.keep_box(connection, account.account_id, admission.erasure.of(account.account_id), sealed)
        for _ in range(ACCOUNTS - 1):
            account_id = secrets.token_bytes(16)
            accounts.add_account(connection, account._replace(account_id=account_id, public_key=secrets.token_bytes(32)))
            accounts.give_address(connection, account_id, secrets.token_bytes(32))
    return str(cookie)


async def _ask(app: Any, cookie: str) -> list[Figure]:
    figures = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8080") as client:
        headers = {"cookie": cookie, "accept-encoding": "gzip"}
        for words_of, path in (
            ("home", "/en/home"),
            ("a year of weight", "/en/weight?period=year"),
            ("a year of blood pressure", "/en/pressure?period=year"),
        ):
            times_ms, work_ms, size_kB = [], [], 0.0
            for _ in range(RUNS + 1):
                begin_s, begin_work_s = time.perf_counter(), time.process_time()
                async with client.stream("GET", path, headers=headers) as answer:
                    raw = b"".join([piece async for piece in answer.aiter_raw()])
                times_ms.append((time.perf_counter() - begin_s) * 1000)
                work_ms.append((time.process_time() - begin_work_s) * 1000)
                size_kB = len(raw) / 1000
                if answer.status_code != 200 or b"</html>" not in gzip.decompress(raw):
                    raise AssertionError(f"{path}: {answer.status_code}")
            figures += [
                Figure(f"site, {ACCOUNTS} accounts: {words_of}, first time in this process", work_ms[0], "ms of a core"),
                Figure(f"site, {ACCOUNTS} accounts: {words_of}", statistics.median(work_ms[1:]), "ms of a core", 200),
                Figure(
                    f"site, {ACCOUNTS} accounts: {words_of}, by the clock, with whatever else runs here",
                    statistics.median(times_ms[1:]),
                    "ms",
                ),
                Figure(f"site: {words_of}, on the wire", size_kB, "kB", 100),
            ]
    return figures
