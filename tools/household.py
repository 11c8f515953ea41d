"""A whole home on one machine: broker, account store, gateway and three devices, started in order and stopped in order.

Everything is the real thing: the broker is mosquitto, the devices are MicroPython processes that run the flashed firmware, and what
is set up (people, accounts, the links between them) is set up through the same pages that a person would use.
"""

import asyncio
import contextlib
import json
import re
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.edges.link_key import public_half_in
from protocol import cbor
from simulator.air.ble import Air
from simulator.events import Event
from simulator.house import House
from simulator.people.person import Person
from tools import broker, build, micropython, provision, release
from tools.services import Facts, Service, ServiceFailed, free_ports, require_free
from tools.visitor import Page, Visitor
from tools.ways import Ways

DEVICES = {"scale": "Bathroom scale", "cuff": "Blood pressure cuff", "babyphone": "Nursery"}
DEVICE_KINDS = tuple(DEVICES)
AIR_bit_per_s = 200_000.0  # of one Bluetooth link
_LINK_CODE = re.compile(r"(?<=data-code=\")[0-9A-Z]{4}(?:-[0-9A-Z]{4}){5}")


class Ports(NamedTuple):
    """Where the household's programs listen, on the loopback address."""

    site: int
    page: int
    panel: int
    broker: int
    coap: int

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that are free now."""
        return cls(*free_ports(len(cls._fields)))

    @classmethod
    def from_first(cls, first: int) -> "Ports":
        """Return neighbouring ports from `first` on. Raises PortTaken: one of them is another program's."""
        ports = cls(*range(first, first + len(cls._fields)))
        words = ("the site", "the gateway's page", "the simulator's panel", "the broker", "the devices")
        for port, purpose in zip(ports, words, strict=True):
            require_free(port, purpose)
        return ports


class Resident(NamedTuple):
    """Somebody of the household: their body, and their account."""

    person: Person
    email: str
    password: str


class Household:
    """The programs and devices of one home, and how to reach them.

    say(words): told each step of the start, for a terminal.
    """

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        people: list[Person],
        seed: int = 1,
        say: Callable[[str], None] = lambda _: None,
        climate_ms: int = 10_000,
        radio: str = "wifi",
    ) -> None:
        """radio: of the scale and the cuff, "wifi" or "ble"; the babyphone, which listens all night, has Wi-Fi."""
        self.folder = folder
        self.ports = ports
        self.residents = [Resident(person, f"{person.name.lower()}@home.example", _password()) for person in people]
        self.household_password = _password()
        self.ways = Ways()
        self.events: list[Event] = []
        self.air = Air(seed) if radio == "ble" else None
        self.house = House(folder / "devices", self._interpreter().command, seed, self._happened, air=self.air)
        self.broker = broker.make(folder / "broker", ports.broker)
        self.gateway = Service(
            "gateway",
            [sys.executable, "-m", "gateway", "--configuration", str(folder / "gateway.toml")],
            folder / "gateway.log",
            self._hear,
        )
        self.cloud = Service(
            "account store", [sys.executable, "-m", "cloud", "--configuration", str(folder / "cloud.toml")], folder / "cloud.log"
        )
        self.started_at_s = time.time()
        self.tell: Callable[[], None] = lambda: None  # called after anything happened
        self._say = say
        self._climate_ms = climate_ms
        self._alias = broker.gateway_alias()
        self._kids: dict[str, str] = {}
        self._gateway_key = b""

    @property
    def site_address(self) -> str:
        return f"http://localhost:{self.ports.site}"

    @property
    def page_address(self) -> str:
        return f"https://localhost:{self.ports.page}"

    async def __aenter__(self) -> "Household":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop the devices, then the gateway, the account store and the broker; each whatever became of the others."""
        for ending in (self.house.__aexit__(None, None, None), self.gateway.stop(), self.cloud.stop()):
            with contextlib.suppress(ServiceFailed, OSError):
                await ending
        if self.air is not None:
            await self.air.close()
        await asyncio.to_thread(self.broker.stop)

    @property
    def page_fingerprint(self) -> str:
        """Return the SHA-256 of the home's own authority, as browsers print it."""
        certificate = x509.load_pem_x509_certificate(self._page_authority.read_bytes())
        return certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def _page_authority(self) -> Path:
        return self.folder / "home/page/authority.pem"

    async def restart_gateway(self) -> None:
        """Start the gateway again after it was killed."""
        await self.gateway.start("gateway.ready")

    def page_visitor(self) -> Visitor:
        """Return a browser for the gateway's page that trusts the home's own authority, as its console tells a person to."""
        return Visitor(self.page_address, ssl.create_default_context(cafile=str(self._page_authority)))

    def site_visitor(self) -> Visitor:
        return Visitor(self.site_address)

    async def sign_in(self, resident: Resident, visitor: Visitor) -> Page:
        """Sign a resident in to the site; return the page that follows."""
        form = (await visitor.get("/en/sign-in")).form("sign-in")
        return await visitor.submit(form, email=resident.email, password=resident.password)

    async def sign_in_at_home(self, visitor: Visitor) -> Page:
        """Sign the household in to the gateway's page."""
        form = (await visitor.get("/en/sign-in")).form("sign-in")
        return await visitor.submit(form, password=self.household_password)

    async def _start(self) -> None:
        self._say("Starting the broker")
        await asyncio.to_thread(self.broker.start)
        self._say("Starting the account store and its site")
        public = self._write_cloud()
        await self.cloud.start("cloud.ready")
        self._say("Starting the gateway")
        if self.air is not None:
            await self.air.open()
            self.air.throughput_bit_per_s = AIR_bit_per_s
        self._write_gateway(public)
        self._gateway_key = public_half_in(self.folder / "home/keys")
        await self.house.__aenter__()
        for kind in DEVICE_KINDS:
            self._install(kind)
        await self.gateway.start("gateway.ready")
        self._say("Moving in: people, accounts, and the links between them")
        await self._move_in()
        self._say("Switching on the scale, the cuff and the babyphone")
        for kind in DEVICE_KINDS:
            await self.house.devices[kind].start()

    def _write_cloud(self) -> dict[str, str]:
        ingester, site = self.broker.issue("ingester"), self.broker.issue("site")
        path = self.folder / "cloud.toml"
        stores = self.folder / "cloud"
        stores.mkdir(exist_ok=True, mode=0o700)
        path.write_text(
            f"""[stores]
accounts = "sqlite:///{stores}/accounts.db"
readings = "sqlite:///{stores}/readings.db"

[broker]
host = "localhost"
port = {self.ports.broker}
authority = "{self.broker.authority}"
ingester_certificate = "{ingester.certificate}"
ingester_key = "{ingester.key}"
site_certificate = "{site.certificate}"
site_key = "{site.key}"

[keys]
directory = "{self.folder}/cloud-keys"

[site]
port = {self.ports.site}
address = "{self.site_address}"
""",
            encoding="utf-8",
        )
        made = subprocess.run(
            [sys.executable, "-m", "cloud", "keys", "--configuration", str(path)], capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            raise ServiceFailed(f"The account store could not make its keys: {made.stderr.strip() or made.stdout.strip()}")
        public: dict[str, str] = json.loads(made.stdout)
        return public

    def _write_gateway(self, public: Mapping[str, str]) -> None:
        certificate = self.broker.issue(self._alias)
        (self.folder / "gateway.toml").write_text(
            f"""[home]
data = "{self.folder}/home"

[coap]
bind = "127.0.0.1"
port = {self.ports.coap}

[page]
bind = "127.0.0.1"
port = {self.ports.page}
host_names = ["localhost", "127.0.0.1"]

[discovery]
announce = false

[broker]
host = "localhost"
port = {self.ports.broker}
authority = "{self.broker.authority}"
certificate = "{certificate.certificate}"
key = "{certificate.key}"

[cloud]
sealing_key = "{public["sealing_key"]}"
receipt_key = "{public["receipt_key"]}"
site = "{self.site_address}"

[delivery]
climate_minutes = 0
reconnect_ms = 1000

[updates]
keys = "{self._release_keys()}"
"""
            + (f'\n[ble]\nbackend = "simulator.air.backend"\naddress = "127.0.0.1:{self.air.port}"\n' if self.air else ""),
            encoding="utf-8",
        )

    def _release_keys(self) -> Path:
        """Return the file of the public keys that sign releases on this computer."""
        release.own_keys()
        path = self.folder / "release.pub"
        path.write_bytes(b"".join(key.with_suffix(".pub").read_bytes() for key in (release.KEY, release.NEXT_KEY)))
        return path

    def _install(self, kind: str) -> None:
        """Build a device's image, provision it for this home, and put the device into the house."""
        relay = self.house.reserve_port(kind)
        settings = {"climate_ms": self._climate_ms, "retry_ms": 1000, "calibration": self.house.calibration(kind, kind)}
        if self.air is not None and kind != "babyphone":
            settings["radio"] = "ble"
        made = provision.provision(kind, DEVICES[kind], ("127.0.0.1", relay), self._gateway_key, settings)
        image = self.folder / "images" / f"{kind}.img"
        files = release.with_keys(build.files(kind, build.ROOT / ".foyer/cache", build.simulated(self._interpreter().word_bits)))
        known = release.facts()
        named = {"kind": kind, "version": known.version, "sequence": known.sequence, "digest": ""}
        build.write_image(image, {**build.installed({**files, "release.cbor": cbor.encode(named)}), **made.files})
        provision.enrol(self.folder / "home/enrolments", made.enrolment)
        self._kids[kind] = made.enrolment["kid"]
        self.ways.know(made.enrolment["kid"], kind)
        self.house.add(kind, kind, image, ("127.0.0.1", self.ports.coap))

    async def _move_in(self) -> None:
        """Do what a family does on the first evening: the set-up code, the people, the accounts, and the links."""
        code = await self.gateway.wait_for(lambda facts: facts.get("event") == "page.setup_code", 10)
        async with self.page_visitor() as home:
            page = await home.submit((await home.get("/en/")).form("setup"), code=str(code["code"]), password=self.household_password)
            for resident in self.residents:
                page = await home.get("/en/people")
                await home.submit(page.form("people"), name=resident.person.name, usual_kg=f"{resident.person.weight_kg:.1f}")
            await self._give_cuff(home, self.residents[0].person.name)
            for number, resident in enumerate(self.residents):
                async with self.site_visitor() as visitor:
                    await self.register(resident, visitor)
                    await self._link(home, visitor, resident.person.name)
                    if number == 0:
                        await self._link(home, visitor, "Nursery")

    async def register(self, resident: Resident, visitor: Visitor) -> None:
        """Make a resident's account through the site's own form. Raises ServiceFailed: the site refused it."""
        form = (await visitor.get("/en/register")).form("register")
        page = await visitor.submit(form, email=resident.email, password=resident.password, terms="yes", cookies="yes")
        if page.status >= 400:
            raise ServiceFailed(f"The site did not register {resident.person.name}: status {page.status}.")

    async def _give_cuff(self, home: Visitor, name: str) -> None:
        """Say at the gateway's page who uses the cuff."""
        page = await home.get("/en/devices")
        await home.submit(page.form(self._kids["cuff"]), used_by=str(await self._subject(home, name)))

    async def _subject(self, home: Visitor, name: str) -> int:
        """Return the number of a person or room at the gateway. Raises ServiceFailed: it knows nobody of that name."""
        state = await home.json("/state.json")
        known = [*state["people"], *state["rooms"]] if isinstance(state, dict) else []
        for subject in known:
            if subject["name"] == name:
                return int(subject["subject"])
        raise ServiceFailed(f"The gateway knows nobody called {name}.")

    async def _link(self, home: Visitor, visitor: Visitor, subject: str) -> None:
        """Carry a linking code from the site to the gateway's page, as a person does. Raises ServiceFailed: it did not link."""
        page = await visitor.get("/en/link")
        page = await visitor.submit(page.form("link"))
        code = _LINK_CODE.search(page.text)
        if code is None:
            raise ServiceFailed("The site shows no linking code.")
        form = (await home.get(f"/en/link/{await self._subject(home, subject)}")).form("link")
        await home.submit(form, code=code[0])
        end = time.monotonic() + 20
        while f'data-subject="{subject}"' not in (await visitor.get("/en/link")).text:
            if time.monotonic() > end:
                raise ServiceFailed(f"{subject} was not linked within 20 s: the logs are {self.gateway.log} and {self.cloud.log}.")
            await asyncio.sleep(0.1)

    def _interpreter(self) -> micropython.Interpreter:
        interpreter = micropython.find(build.ROOT / ".foyer/cache")
        if interpreter is None:
            raise ServiceFailed("MicroPython is not here yet: run ./foyer setup.")
        return interpreter

    def _hear(self, facts: Facts) -> None:
        self.ways.gateway_says(facts)
        self.tell()

    def _happened(self, event: Event) -> None:
        self.events.append(event)
        with (self.folder / "house.log").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"t": round(event.at_s, 4), "device": event.device, "what": event.what, **event.facts}) + "\n")
        if event.what == "stop":
            self.ways.device_says(event.device, event.facts, event.at_s)
        self.tell()


def _password() -> str:
    """Return a password that can be read aloud: 64 random bits in four groups."""
    return "-".join(secrets.token_hex(2) for _ in range(4))
