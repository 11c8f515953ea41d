"""Alarms by Web Push and over MQTT: a whole gateway, a push service that is a small server here, and a browser's keys that open it."""

import asyncio
import base64
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import http_ece
import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.alarms import BATTERY_LOW, CRYING
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import configure, gateway
from tests.gateway.test_home_assistant import Listener, mosquitto
from tests.gateway.test_pages import browser

pytestmark = pytest.mark.anyio
NEIGHBOUR = '[home_assistant]\nhost = "127.0.0.1"\nport = {port}\nuser = "ha"\npassword_file = "ha.password"\nalarms = true\n'
CARRIER = '[push]\ncarriers = ["127.0.0.1"]\ncontact = "https://example.org/parents"\n'


@dataclass
class Carrier:
    """A push service: what was posted to it, and what it answers."""

    port: int = 0
    status: int = 201
    location: str = ""
    pours: bool = False
    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/push/{secrets.token_hex(8)}"

    async def next(self, number: int = 1) -> tuple[str, dict[str, str], bytes]:
        async with asyncio.timeout(15):
            while len(self.posted) < number:
                await asyncio.sleep(0.05)
        return self.posted[number - 1]


@contextmanager
def carrier() -> Iterator[Carrier]:
    run = Carrier()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            run.posted.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(run.status)
            if run.location:
                self.send_header("Location", run.location)
            self.send_header("Content-Length", str(10**12 if run.pours else 0))
            self.end_headers()
            with suppress(ConnectionError):
                while run.pours:
                    self.wfile.write(bytes(1 << 16))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        run.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield run
        server.shutdown()
        thread.join()


class Phone:
    """A browser's own keys: the form that it sends, and the opening of what was pushed to it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = secrets.token_bytes(16)
        self.public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def form(self, endpoint: str) -> dict[str, str]:
        return {"what": "ring", "endpoint": endpoint, "p256dh": encoded(self.public), "auth": encoded(self.auth)}

    def opened(self, body: bytes) -> dict[str, str]:
        message: dict[str, str] = json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth))
        return message


class Alarms(Listener):
    """Who listens to a home's alarms, none of which is retained."""

    def __init__(self, port: int) -> None:
        self.rung: list[dict[str, str]] = []
        super().__init__(port)

    def _heard(self, client: Any, facts: Any, message: paho.MQTTMessage) -> None:
        if "/alarms/" in message.topic:
            assert not message.retain
            self.rung.append(json.loads(message.payload))
        else:
            super()._heard(client, facts, message)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_signed(authorization: str, origin: str) -> None:
    """Raise unless a carrier would believe who sent this (RFC 8292)."""
    facts = dict(part.split("=", 1) for part in authorization.removeprefix("vapid ").split(","))
    head, claims, signature = facts["t"].split(".")
    raw = decoded(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(facts["k"]))
    key.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    told = json.loads(decoded(claims))
    assert (told["aud"], told["sub"]) == (origin, "https://example.org/parents")


async def test_a_silent_babyphone_rings_a_sleeping_phone(tmp_path: Path) -> None:
    """No page is open and the device never came: within 30 s each browser is rung in its language, and only it can read why."""
    device, phone, other = Counterpart("babyphone"), Phone(), Phone()
    device.enrol(tmp_path / "data")
    with carrier() as service:
        async with gateway(configure(tmp_path, CARRIER)) as running, browser(running) as page:
            await page.set_up()
            assert (await page.post("/en/nursery/push", **phone.form(service.address))).status_code == 204
            assert (await page.post("/fr/nursery/push", **other.form(service.address))).status_code == 204
            told = await running.event("alarm.told", timeout_s=30, alarm="no_life", what="begun")
            await service.next(2)
    assert told["kid"] == device.kid.hex()
    for path, headers, body in service.posted:
        assert path.startswith("/push/")
        assert (headers["urgency"], headers["content-encoding"]) == ("high", "aes128gcm")
        assert int(headers["ttl"]) <= 120
        is_signed(headers["authorization"], f"http://127.0.0.1:{service.port}")
        assert b"No sign" not in body
    messages = []
    for _, _, body in service.posted:
        for each in (phone, other):
            try:
                messages.append((each, each.opened(body)))
            except Exception:  # noqa: S112 - the other browser's: whatever the library raises
                continue
    found = dict(messages)
    assert found[phone]["body"].startswith("No sign of life from the babyphone")
    assert found[phone]["page"] == "/en/nursery"
    assert found[other]["body"].startswith("Aucun signe de vie")
    assert len({len(body) for _, _, body in service.posted}) == 1, "the carrier cannot tell alarms apart by their length"


async def test_crying_and_a_low_battery_are_pushed_and_told_over_mqtt(tmp_path: Path) -> None:
    """Both ways within seconds, each alarm once; and over MQTT its end too."""
    device, phone = Counterpart("babyphone"), Phone()
    device.enrol(tmp_path / "data")
    with carrier() as service, mosquitto(tmp_path) as port:
        (tmp_path / "ha.password").write_text("warm\n")
        settings = CARRIER + NEIGHBOUR.format(port=port)
        async with gateway(configure(tmp_path, settings)) as running, browser(running) as page:
            await page.set_up()
            await page.post("/en/nursery/push", **phone.form(service.address))
            await running.event("home_assistant.connected")
            listener = Alarms(port)
            async with link(device, (await running.event("gateway.ready"))["coap_port"]) as way:
                await way.send(device.signed(device.fields(1, _9=9)))

                async def cry() -> None:
                    for second in range(60):
                        way.live({0: 2, 2: [1, 1000 * second], 13: 2010, 14: 44, 16: 140, 18: 1})
                        await asyncio.sleep(0.9)

                crying = asyncio.create_task(cry())
                await running.event("alarm.told", alarm=CRYING, what="begun")
                crying.cancel()
                await service.next(2)
            async with asyncio.timeout(10):
                while len(listener.rung) < 2:
                    await asyncio.sleep(0.05)
            listener.client.disconnect()
            listener.client.loop_stop()
    bodies = [phone.opened(body)["body"] for _, _, body in service.posted]
    assert sorted(body.split(".")[0] for body in bodies) == ["The baby is crying", "The babyphone’s battery is low"]
    assert {(each["alarm"], each["what"], each["room"]) for each in listener.rung} == {
        (CRYING, "begun", "Nursery"),
        (BATTERY_LOW, "begun", "Nursery"),
    }


async def test_a_browser_that_is_gone_is_forgotten_and_one_elsewhere_never_rung(tmp_path: Path) -> None:
    """410 ends it; a redirect is not followed; an address that is no carrier's, or keys that are none, are refused."""
    device, phone = Counterpart("babyphone"), Phone()
    device.enrol(tmp_path / "data")
    with carrier() as service, carrier() as elsewhere:
        async with gateway(configure(tmp_path, CARRIER)) as running, browser(running) as page:
            await page.set_up()
            for wrong in (
                {"endpoint": "https://evil.example/push"},
                {"endpoint": "https://127.0.0.1.evil.example/push"},
                {"endpoint": "https://evil@127.0.0.1/push"},
                {"endpoint": "file:///etc/passwd"},
                {"endpoint": f"http://localhost:{service.port}/push"},
                {"endpoint": "http://[::1/push"},
                {"endpoint": "http://127.0.0.1:/push"},
                {"endpoint": "http://127.0.0.1:99999/push"},
                {"p256dh": encoded(bytes(65))},
                {"p256dh": "€"},
                {"auth": "short"},
            ):
                answer = await page.post("/en/nursery/push", **{**phone.form(service.address), **wrong})
                assert answer.status_code == 400, wrong
            assert (await page.client.post("/en/nursery/push", data=phone.form(service.address))).status_code == 403
            service.status, elsewhere.status, elsewhere.location = 410, 307, service.address
            kept = elsewhere.address
            for endpoint in (service.address, kept):
                assert (await page.post("/en/nursery/push", **phone.form(endpoint))).status_code == 204
            await running.event("alarm.told", timeout_s=30)
            await running.event("push.refused", status=410)
            await running.event("push.refused", status=307)
            assert (len(service.posted), len(elsewhere.posted)) == (1, 1)
            async with asyncio.timeout(10):
                while browsers(tmp_path) != [kept]:
                    await asyncio.sleep(0.1)
            assert (await page.post("/en/nursery/push", what="silent", endpoint=kept)).status_code == 204
            assert browsers(tmp_path) == []


async def test_an_answer_without_an_end_is_not_read(tmp_path: Path) -> None:
    """A carrier says in its first line all that a home wants to know."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    with carrier() as service:
        service.pours = True
        async with gateway(configure(tmp_path, CARRIER)) as running, browser(running) as page:
            await page.set_up()
            assert (await page.post("/en/nursery/push", **Phone().form(service.address))).status_code == 204
            await running.event("alarm.told", timeout_s=30)
            await running.event("push.sent", timeout_s=5)
        service.pours = False


def browsers(folder: Path) -> list[str]:
    with sqlite3.connect(f"file:{folder}/data/home.db?mode=ro", uri=True) as connection:
        return [endpoint for (endpoint,) in connection.execute("SELECT endpoint FROM pushes")]
