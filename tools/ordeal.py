"""A home put to the test: real gateway, broker and ingester, killed, filled up, set in time and copied at any moment, while devices send.

At the end the counts must be equal everywhere: what devices signed, what they hold a receipt for, what the home keeps and what lies in
the account, each reading once, unaltered, and under the person who took it. Who that is only the devices here know; the accounts'
owners are played by one client of the broker that answers the linking as the site does and opens the rows with the keys it was given.
"""

import asyncio
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, cast

import paho.mqtt.client as paho
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from paho.mqtt.enums import CallbackAPIVersion

from gateway.edges.link_key import public_half_in
from protocol import linking, seals
from tools import broker, skewed
from tools.build import ROOT
from tools.crowd import Air, Device, Reading
from tools.services import end_with_parent, free_ports
from tools.visitor import Visitor

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_PASSWORD = "a warm kitchen"  # noqa: S105  # of a home that lives for an hour
_PEOPLE_kg: Mapping[str, float] = {"Anna": 50.0, "Ben": 66.0, "Chloe": 84.0, "David": 105.0}
_GUEST_kg = 25.0
_ROOM = "Nursery"
_SWAY_g = 300
_FAR_S = 2 * 86400
_FEW_BYTES = 4096
_PATIENCE_S = 240.0


class Plan(NamedTuple):
    """How hard: readings, their pace, the pause between two faults and how long each lasts.

    quiet_after: after this share of the readings no program is killed any more, so that their memory can be watched for long.
    """

    readings: int
    per_s: float
    pause_s: tuple[float, float]
    longest_s: float = 5.0
    devices: Mapping[str, int] = {"scale": 14, "cuff": 3, "babyphone": 3}
    quiet_after: float = 1.0
    lost_percent: float = 1.0
    doubled_percent: float = 1.0
    seed: int = 1


class Sample(NamedTuple):
    """How much memory a program had in use, when, and which process it was."""

    program: str
    pid: int
    at_s: float
    resident_MB: float


class Outcome(NamedTuple):
    """What an ordeal ended in: counts that should be equal, what was done to the home, what is wrong, and how much memory was used."""

    counts: dict[str, int]
    faults: dict[str, int]
    devices: dict[str, int]
    wrong: list[str]
    took_s: float
    copies: list[dict[str, int]]
    memory: list[Sample]

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, doubled, altered or misplaced."""
        return not self.wrong


class OrdealFailed(Exception):
    """It could not be carried out; the message says why."""


class Program:
    """A process whose JSON lines go to a file and are watched for events. Its output is a pipe, so that no full disk reaches it."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: dict[str, dict[str, Any]] = {}
        self._news = threading.Condition()

    @property
    def pid(self) -> int:
        """The number of the process. Raises OrdealFailed: it is not running."""
        if self._process is None:
            raise OrdealFailed(f"The {self.name} is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, ready: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """Start it and return the facts of its event `ready`. Raises OrdealFailed: it ended, or did not say so in time."""
        self._seen = {}
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=end_with_parent,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        return self.hear(ready, timeout_s)

    def hear(self, event: str, timeout_s: float) -> dict[str, Any]:
        """Return the facts of the last event of a name since the start. Raises OrdealFailed: it did not come."""
        end = time.monotonic() + timeout_s
        with self._news:
            while event not in self._seen:
                if not self.running or time.monotonic() >= end:
                    raise OrdealFailed(f"The {self.name} did not say {event}; its log is {self._log}.")
                self._news.wait(0.5)
            return self._seen[event]

    def end(self, sign: signal.Signals) -> int:
        """Send a signal and wait for the end; return the status."""
        if self._process is None:
            return 0
        self._process.send_signal(sign)
        status = self._process.wait(60)
        self._process = None
        return status

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with self._log.open("ab") as log, process.stdout as lines:
            for line in lines:
                log.write(line)
                name = line.partition(b'"event": "')[2].partition(b'"')[0].decode()
                if name and not name.startswith(("reading.", "batch.", "ingest.committed")):
                    with self._news:
                        self._seen[name] = json.loads(line)
                        self._news.notify_all()
        with self._news:
            self._news.notify_all()


class Owner:
    """Every account of this home: answers the linking as the site does, and holds the boxes."""

    def __init__(self, mosquitto: broker.Broker) -> None:
        self.boxes: dict[str, linking.Box] = {}
        self._key = X25519PrivateKey.generate()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="site", protocol=paho.MQTTv5)
        self._client.tls_set_context(broker.client_context(mosquitto.authority, mosquitto.issue("site")))
        self._client.on_connect = lambda client, *_: client.subscribe("foyer/1/+/link", qos=1)
        self._client.on_message = lambda client, _, message: self._answer(client, message.topic + "ed", bytes(message.payload))
        self._client.connect("localhost", mosquitto.port)
        self._client.loop_start()

    def code(self) -> str:
        """Return a fresh linking code."""
        return linking.encode_code(os.urandom(linking.LINK_ID_BYTES), self._key.public_key().public_bytes_raw())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _answer(self, client: paho.Client, topic: str, payload: bytes) -> None:
        if linking.is_talk(payload):
            # whatever the home says later is heard, and nothing is asked of this account
            talk = linking.decode_talk(payload, lambda *_: True)
            word = linking.Word(linking.link_name(talk.link_key), True, talk.sequence, [])
            client.publish(topic, linking.encode_word(word), qos=1)
            return
        message = linking.decode_message(payload)
        if message.kind == linking.ASK:
            answer = linking.encode_message(linking.ANSWER, message.link_id, self._key.public_key().public_bytes_raw())
        elif message.kind == linking.BOX:
            box = linking.decode_box(_SUITE.decrypt(message.body, self._key, info=linking.BOX_INFO))
            self.boxes[box.label] = box
            answer = linking.encode_message(linking.LINKED, message.link_id, linking.DONE)
        else:
            return
        client.publish(topic, answer, qos=1)


class Ordeal:
    """One home in a folder, and everything done to it."""

    def __init__(self, folder: Path, plan: Plan, say: Callable[[str], None] = lambda _: None) -> None:
        self.plan = plan
        self._say = say
        self._folder = folder
        self._home = folder / "home"
        self._random = random.Random(plan.seed)  # noqa: S311  # an ordeal must pass the same way twice
        self._ports = dict(zip(("coap", "page", "broker"), free_ports(3), strict=True))
        self._broker = broker.make(folder / "broker", self._ports["broker"])
        self._clock = folder / "clock"
        skewed.write(self._clock, 0.0)
        module = [sys.executable, "-m", "tools.skewed", str(self._clock)]
        self._gateway = Program("gateway", [*module, "gateway", "--configuration", str(folder / "gateway.toml")], folder / "gateway.log")
        self._ingester = Program(
            "ingester", [*module, "cloud", "ingest", "--configuration", str(folder / "cloud.toml")], folder / "ingester.log"
        )
        self._devices: list[Device] = []
        self._cuffs: dict[bytes, str] = {}
        self._made: dict[tuple[bytes, int], Reading] = {}
        self._acknowledged: Counter[tuple[bytes, int]] = Counter()
        self._done: Counter[str] = Counter()
        self._copies: list[dict[str, int]] = []
        self._wrong: list[str] = []
        self._memory: list[Sample] = []
        self._began_s = time.monotonic()
        self._owner: Owner | None = None
        self._tally: dict[str, int] = {}

    async def run(self) -> Outcome:
        """Move in, send under faults, let everything settle, count. Raises OrdealFailed: the home did not even start."""
        try:
            await self._move_in()
            async with asyncio.TaskGroup() as tasks:
                lives = [tasks.create_task(device.live()) for device in self._devices]
                watch = tasks.create_task(self._watch())
                making = tasks.create_task(self._measure())
                await self._torment(making)
                await making
                self._say("nothing is done to it any more; what waits may arrive")
                await self._settle()
                for task in (*lives, watch):
                    task.cancel()
            await self._stop()
            await asyncio.to_thread(self._count)
        finally:
            await self._stop()
        return Outcome(
            self._tally, dict(self._done), self._said(), self._wrong, time.monotonic() - self._began_s, self._copies, self._memory
        )

    # --- the home

    async def _move_in(self) -> None:
        await asyncio.to_thread(self._broker.start)
        self._owner = Owner(self._broker)
        public = self._write_cloud()
        self._write_gateway(public)
        gateway_key = public_half_in(self._home / "keys")
        folder = self._home / "enrolments"
        folder.mkdir(parents=True)
        for kind, count in self.plan.devices.items():
            for number in range(count):
                air = Air(self.plan.lost_percent, self.plan.doubled_percent, self.plan.seed + len(self._devices))
                device = Device(kind, gateway_key, self._ports["coap"], air, self._receipted)
                self._devices.append(device)
                (folder / f"{device.kid.hex()}.json").write_text(json.dumps(device.enrolment()), encoding="utf-8")
                if kind == "cuff":
                    self._cuffs[device.kid] = list(_PEOPLE_kg)[number % len(_PEOPLE_kg)]
        await asyncio.to_thread(self._ingester.start, "ingest.ready")
        await asyncio.to_thread(self._gateway.start, "gateway.ready")
        await self._make_people()
        self._began_s = time.monotonic()

    async def _make_people(self) -> None:
        code = await asyncio.to_thread(self._gateway.hear, "page.setup_code", 10.0)
        if self._owner is None:
            raise OrdealFailed("Nobody owns the accounts.")
        authority = ssl.create_default_context(cafile=str(self._home / "page/authority.pem"))
        async with Visitor(f"https://localhost:{self._ports['page']}", authority) as home:
            await home.submit((await home.get("/en/")).form("setup"), code=str(code["code"]), password=_PASSWORD)
            for name, weight_kg in _PEOPLE_kg.items():
                await home.submit((await home.get("/en/people")).form("people"), name=name, usual_kg=f"{weight_kg:.1f}")
            state: Any = await home.json("/state.json")
            subjects = {each["name"]: each["subject"] for each in (*state["people"], *state["rooms"])}
            for kid, name in self._cuffs.items():
                await home.submit((await home.get("/en/devices")).form(kid.hex()), used_by=str(subjects[name]))
            for subject in subjects.values():
                await home.submit((await home.get(f"/en/link/{subject}")).form("link"), code=self._owner.code())
            end = time.monotonic() + 30
            while not all(each["linked"] for each in (*state["people"], *state["rooms"])):
                if time.monotonic() > end:
                    raise OrdealFailed("The accounts were not linked within 30 s.")
                await asyncio.sleep(0.2)
                state = await home.json("/state.json")

    def _write_cloud(self) -> dict[str, str]:
        (self._folder / "cloud").mkdir()
        ingester, site = self._broker.issue("ingester"), self._broker.issue("site")
        path = self._folder / "cloud.toml"
        path.write_text(
            f'[stores]\naccounts = "sqlite:///{self._folder}/cloud/accounts.db"\nreadings = "sqlite:///{self._folder}/cloud/readings.db"\n'
            f'[broker]\nhost = "localhost"\nport = {self._ports["broker"]}\nauthority = "{self._broker.authority}"\n'
            f'ingester_certificate = "{ingester.certificate}"\ningester_key = "{ingester.key}"\n'
            f'site_certificate = "{site.certificate}"\nsite_key = "{site.key}"\n'
            f'[keys]\ndirectory = "{self._folder}/cloud-keys"\n[site]\naddress = "http://localhost:8080"\n',
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "cloud", "keys", "--configuration", str(path)]
        public: dict[str, str] = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
        return public

    def _write_gateway(self, public: Mapping[str, str]) -> None:
        certificate = self._broker.issue(broker.gateway_alias())
        (self._folder / "gateway.toml").write_text(
            f'[home]\ndata = "{self._home}"\n[coap]\nbind = "127.0.0.1"\nport = {self._ports["coap"]}\n'
            f'[page]\nbind = "127.0.0.1"\nport = {self._ports["page"]}\nhost_names = ["localhost"]\n[discovery]\nannounce = false\n'
            f'[broker]\nhost = "localhost"\nport = {self._ports["broker"]}\nauthority = "{self._broker.authority}"\n'
            f'certificate = "{certificate.certificate}"\nkey = "{certificate.key}"\n'
            f'[cloud]\nsealing_key = "{public["sealing_key"]}"\nreceipt_key = "{public["receipt_key"]}"\n'
            "[delivery]\nclimate_minutes = 0\nreceipt_timeout_ms = 3000\nlongest_back_off_ms = 10000\nreconnect_ms = 200\n",
            encoding="utf-8",
        )

    async def _stop(self) -> None:
        for program in (self._gateway, self._ingester):
            if program.running:
                self._lift(program)
                await asyncio.to_thread(program.end, signal.SIGTERM)
        if self._owner is not None:
            await asyncio.to_thread(self._owner.close)
        await asyncio.to_thread(self._broker.stop)

    # --- the devices

    async def _measure(self) -> None:
        """Have devices measure at the plan's pace."""
        began_s = time.monotonic()
        for number in range(self.plan.readings):
            ahead_s = began_s + number / self.plan.per_s - time.monotonic()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            elif number % 50 == 0:
                await asyncio.sleep(0)
            device = self._random.choice(self._devices)
            reading = device.measure(*self._value(device))
            self._made[device.kid, reading.sequence] = reading

    def _value(self, device: Device) -> tuple[dict[int, int], str | None]:
        """Return what a device measures next, and whose it is."""
        if device.kind == "cuff":
            return {10: self._random.randint(100, 150), 11: 79, 12: 94, 13: 63, 14: 0}, self._cuffs[device.kid]
        if device.kind == "babyphone":
            return {13: self._random.randint(1700, 2300), 14: 45}, _ROOM
        if self._random.random() < 0.01:
            return {10: int(_GUEST_kg * 1000) + self._random.randint(-_SWAY_g, _SWAY_g), 11: 1}, None
        name = self._random.choice(list(_PEOPLE_kg))
        return {10: int(_PEOPLE_kg[name] * 1000) + self._random.randint(-_SWAY_g, _SWAY_g), 11: 1, 12: 512}, name

    def _receipted(self, device: Device, reading: Reading) -> None:
        self._acknowledged[device.kid, reading.sequence] += 1

    async def _settle(self) -> None:
        """Wait until every device has its receipts and the home's queue is empty."""
        end = time.monotonic() + _PATIENCE_S
        while any(device.outbox for device in self._devices) or self._queue():
            if time.monotonic() > end:
                left = sum(len(device.outbox) for device in self._devices)
                self._wrong.append(f"after {_PATIENCE_S:.0f} s {left} readings waited on devices and {self._queue()} at home")
                return
            await asyncio.sleep(0.5)

    def _queue(self) -> int:
        with _look(self._home / "home.db") as home:
            return int(
                home.execute("SELECT (SELECT count(*) FROM outgoing) + (SELECT count(*) FROM readings WHERE place = 'kept')").fetchone()[0]
            )

    async def _watch(self) -> None:
        """Note the memory of the programs, twice a minute or ten times in all, whichever is more often."""
        pause_s = min(30.0, self.plan.readings / self.plan.per_s / 10)
        while True:
            for program in (self._gateway, self._ingester):
                if program.running:
                    self._memory.append(Sample(program.name, program.pid, time.monotonic() - self._began_s, _memory_MB(program.pid)))
            await asyncio.sleep(pause_s)

    # --- what is done to it

    async def _torment(self, making: asyncio.Task[None]) -> None:
        """Do one thing after another to the home while devices measure, each at least once."""
        deeds = {
            "gateway killed": self._kill_gateway,
            "ingester killed": self._kill_ingester,
            "broker killed": self._kill_broker,
            "broker hung": self._hang_broker,
            "home's disk full": lambda: self._fill(self._gateway),
            "store's disk full": lambda: self._fill(self._ingester),
            "clock set": self._set_clock,
            "copied as a power cut would leave it": self._copy,
        }
        lethal = ("gateway killed", "ingester killed")
        waiting: list[str] = []
        while not making.done() or len(self._done) < len(deeds):
            await asyncio.wait([making], timeout=self._random.uniform(*self.plan.pause_s))
            waiting = waiting or self._random.sample(list(deeds), len(deeds))
            name = waiting.pop()
            if name in lethal and self._done[name] and len(self._made) > self.plan.quiet_after * self.plan.readings:
                continue
            self._done[name] += 1
            self._say(f"{len(self._made)} measured, {len(self._acknowledged)} receipted: {name}")
            await self._revive()
            await deeds[name]()
        await self._revive()

    async def _revive(self) -> None:
        """Start again what ended by itself, as a supervisor would; that it did is wrong."""
        for program, ready in ((self._gateway, "gateway.ready"), (self._ingester, "ingest.ready")):
            if not program.running:
                self._wrong.append(f"the {program.name} ended by itself")
                self._say(self._wrong[-1])
                await asyncio.to_thread(program.start, ready)

    async def _kill_gateway(self) -> None:
        await asyncio.to_thread(self._gateway.end, signal.SIGKILL)
        await self._pause(0.4)
        await asyncio.to_thread(self._gateway.start, "gateway.ready")

    async def _kill_ingester(self) -> None:
        await asyncio.to_thread(self._ingester.end, signal.SIGKILL)
        await self._pause(0.6)
        await asyncio.to_thread(self._ingester.start, "ingest.ready")

    async def _kill_broker(self) -> None:
        await asyncio.to_thread(self._broker.kill)
        await self._pause(1.0)
        await asyncio.to_thread(self._broker.start)

    async def _hang_broker(self) -> None:
        self._broker.pause()
        await self._pause(1.0)
        self._broker.go_on()

    async def _fill(self, program: Program) -> None:
        """Let no file of a program grow for some seconds, as on a full disk."""
        _, most = resource.prlimit(program.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (_FEW_BYTES, most))
        await self._pause(0.8)
        self._lift(program)

    def _lift(self, program: Program) -> None:
        _, most = resource.prlimit(program.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (most, most))

    async def _set_clock(self) -> None:
        """Set the clock of gateway and ingester forwards or back, by up to two days, or right again."""
        skewed.write(self._clock, self._random.choice((0.0, self._random.uniform(-_FAR_S, _FAR_S), self._random.uniform(-60, 60))))

    async def _copy(self) -> None:
        """Take both databases as they lie on disk at one moment, and look whether everything receipted until then is in the copy."""
        promised = set(self._acknowledged)
        copies = self._folder / "copies"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        for program, database in ((self._gateway, self._home / "home.db"), (self._ingester, self._folder / "cloud/readings.db")):
            os.kill(program.pid, signal.SIGSTOP)
            try:
                await asyncio.to_thread(_copy_database, database, copies)
            finally:
                os.kill(program.pid, signal.SIGCONT)
        await asyncio.to_thread(self._look_at_copies, copies, promised)
        shutil.rmtree(copies)

    def _look_at_copies(self, copies: Path, promised: set[tuple[bytes, int]]) -> None:
        with _look(copies / "home.db") as home, _look(copies / "readings.db") as store:
            for name, database in (("home", home), ("store", store)):
                if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                    self._wrong.append(f"a copy of the {name} was damaged")
            kept = set(home.execute("SELECT kid, sequence FROM readings"))
            missing = promised - kept
            gone = {row_id for (row_id,) in home.execute("SELECT row_id FROM readings WHERE place = 'account'")}
            stored = {row_id for (row_id,) in store.execute("SELECT id FROM sealed_rows")}
        if missing:
            self._wrong.append(f"{len(missing)} receipted readings were not in a copy of the home")
        if gone - stored:
            self._wrong.append(f"{len(gone - stored)} rows the home had let go were not in a copy of the store")
        self._copies.append({"receipted": len(promised), "at_home": len(kept), "let_go": len(gone), "in_store": len(stored)})

    async def _pause(self, share: float) -> None:
        """Wait for a moment of at most that share of the longest."""
        await asyncio.sleep(self._random.uniform(0.05, share) * self.plan.longest_s)

    # --- the count

    def _said(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        for device in self._devices:
            total.update(device.counts)
        return dict(sorted(total.items()))

    def _count(self) -> None:
        """Compare what devices signed with what has a receipt, is at home, and is in the accounts."""
        truth = {key: reading.whose for key, reading in self._made.items()}
        owned = {key for key, whose in truth.items() if whose is not None}
        with _look(self._home / "home.db") as home:
            rows = home.execute(
                "SELECT r.kid, r.sequence, r.signed, r.place, s.name FROM readings r LEFT JOIN subjects s USING (subject)"
            ).fetchall()
            conflicts = int(home.execute("SELECT count(*) FROM conflicts").fetchone()[0])
        at_home = Counter((kid, sequence) for kid, sequence, *_ in rows)
        arrived = self._open_accounts()
        self._tally = {
            "signed": len(self._made),
            "receipted": len(self._acknowledged),
            "at home": sum(at_home.values()),
            "of people and rooms": len(owned),
            "in the accounts": sum(arrived.values()),
            "of guests, in the inbox": sum(place == "inbox" for _, _, _, place, _ in rows),
        }
        self._expect("signed readings have no receipt", set(truth) - set(self._acknowledged))
        self._expect("readings were receipted twice", [key for key, count in self._acknowledged.items() if count > 1])
        self._expect("receipted readings are not at home", set(self._acknowledged) - set(at_home))
        self._expect("readings are at home that nobody signed", set(at_home) - set(truth))
        self._expect("readings are at home twice", [key for key, count in at_home.items() if count > 1])
        self._expect("readings were altered", [kid for kid, sequence, signed, *_ in rows if signed != self._made[kid, sequence].message])
        self._expect("readings are the wrong person's", [kid for kid, sequence, _, _, name in rows if name != truth.get((kid, sequence))])
        there = Counter(key for key, _ in arrived.elements())
        self._expect("readings are not in the accounts", owned - set(there))
        self._expect("guests' readings are in the accounts", set(there) - owned)
        self._expect("readings are in the accounts twice", [key for key, count in there.items() if count > 1])
        self._expect("readings are in the wrong account", [key for key, label in arrived if label != truth.get(key)])
        self._expect("conflicts were set aside", range(conflicts))
        self._expect("answers were no receipt for what was sent", range(self._said().get("wrong_receipt", 0)))
        self._expect("readings were refused", [name for name in self._said() if name.startswith("refused.")])

    def _open_accounts(self) -> Counter[tuple[tuple[bytes, int], str]]:
        """Return how often each reading lies in which account, opened with the owners' keys."""
        found: Counter[tuple[tuple[bytes, int], str]] = Counter()
        by_message = {reading.message: key for key, reading in self._made.items()}
        boxes = {epoch.pseudonym: (epoch, box) for box in (self._owner.boxes.values() if self._owner else ()) for epoch in box.epochs}
        ends: dict[bytes, dict[int, tuple[bytes, bytes]]] = {}
        with _look(self._folder / "cloud/readings.db") as store:
            for pseudonym, row_id, minute, sealed in store.execute("SELECT pseudonym, id, minute, sealed FROM sealed_rows"):
                epoch, box = boxes[pseudonym]
                entry = seals.open_row(epoch.root_key, pseudonym, minute, row_id, sealed, _hkdf, _open_gcm)
                key = by_message.get(cast(bytes, entry[seals.SIGNED]))
                if key is None:
                    self._wrong.append("a row holds bytes that no device signed")
                    continue
                found[key, box.label] += 1
                ends.setdefault(pseudonym, {})[cast(int, entry[seals.NUMBER])] = (
                    cast(bytes, entry[seals.PREVIOUS]),
                    sha256(sealed).digest(),
                )
        for chain in ends.values():
            numbers = range(len(chain))
            if set(chain) != set(numbers) or any(chain[number][0] != chain[number - 1][1] for number in numbers[1:]):
                self._wrong.append("a chain of rows is broken")
        return found

    def _expect(self, words: str, found: Sequence[object] | set[tuple[bytes, int]] | range) -> None:
        if found:
            self._wrong.append(f"{len(found)} {words}")


@contextmanager
def _look(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def _copy_database(path: Path, folder: Path) -> None:
    for name in (path.name, f"{path.name}-wal"):
        if path.with_name(name).exists():
            shutil.copy(path.with_name(name), folder / name)


def _memory_MB(pid: int) -> float:
    """Return the memory a process has in use (resident), in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)


def _hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt or None, info).derive(secret)


def _open_gcm(key: bytes, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, associated_data)
    except InvalidTag:
        return None
