"""A Home Assistant in the same home: told what was ticked and no more, in its own documented words, through a real mosquitto."""

import asyncio
import json
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import jinja2
import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from gateway import home_assistant
from gateway.edges.home_assistant import at_home
from gateway.edges.pages import words
from gateway.home_assistant import Latest, Told
from protocol import readings
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.ingester import free_port
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import Browser, browser
from tools.broker import program

SCHEMA = json.loads((Path(__file__).parents[1] / "vectors/home_assistant/schema.json").read_text(encoding="utf-8"))
LABELS = {name.removeprefix("neighbour."): text for name, text in words.read()["en"]._words.items() if name.startswith("neighbour.")}


def check(told: dict[str, str]) -> dict[str, dict[str, str]]:
    """Hold messages against Home Assistant's schema; return what it would show: of each device the state of each entity, rendered."""
    ids: list[str] = []
    shown: dict[str, dict[str, str]] = {}
    for topic, payload in told.items():
        if not topic.endswith("/config"):
            continue
        assert re.fullmatch(SCHEMA["topic"], topic), topic
        found = json.loads(payload)
        assert set(SCHEMA["required"]) <= set(found) <= {*SCHEMA["required"], *SCHEMA["optional"]}
        assert set(found["device"]) <= set(SCHEMA["device"])
        assert any(found["device"].get(name) for name in SCHEMA["device_needs_one_of"])
        assert set(SCHEMA["origin_required"]) <= set(found["origin"]) <= set(SCHEMA["origin"])
        shown[found["device"]["name"]] = {}
        for part in found["components"].values():
            platform = SCHEMA["platforms"][part["platform"]]
            assert set(platform["required"]) <= set(part) <= {*platform["required"], *platform["optional"]}
            kind, unit = part.get("device_class"), part.get("unit_of_measurement")
            if part["platform"] == "binary_sensor":
                assert kind in SCHEMA["binary_sensor_classes"]
            elif kind is not None:
                assert unit in SCHEMA["sensor_units"][kind]
            if kind == "timestamp":
                assert "state_class" not in part
            if "state_class" in part:
                assert part["state_class"] in SCHEMA["state_class"]
            if "entity_category" in part:
                assert part["entity_category"] in SCHEMA["entity_category"]
            ids.append(part["unique_id"])
            state = json.loads(told[part["state_topic"]])
            template = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(part["value_template"])  # noqa: S701  # no page
            shown[found["device"]["name"]][part["name"]] = template.render(value_json=state)
    assert len(ids) == len(set(ids))
    return shown


TOLD = st.builds(
    Told,
    st.sampled_from(["00c0ffee", "deadbeef", "12345678"]),
    st.sampled_from(["scale", "cuff", "babyphone"]),
    st.text(min_size=1, max_size=40),
    st.none() | st.integers(0, 100),
    st.none() | st.just("2026-11-22T14:00:00+00:00"),
    st.booleans(),
)
VALUES = {
    readings.SCALE: {"weight_kg": 72.4, "stable": 1.0, "impedance_ohm": 512.0},
    readings.CUFF: {"systolic_mmHg": 121.0, "diastolic_mmHg": 79.0, "mean_mmHg": 94.0, "pulse_per_min": 63.0, "flags": 0.0},
    readings.CLIMATE: {"temperature_Cel": 20.5, "humidity_percent": 45.0},
}
LATEST = st.builds(
    lambda subject, name, kind: Latest(subject, name, kind, VALUES[kind]),
    st.integers(1, 4),
    st.text(min_size=1, max_size=40),
    st.sampled_from(list(VALUES)),
)


@given(st.lists(TOLD, unique_by=lambda each: (each.kid, each.name)), st.lists(LATEST, unique_by=lambda each: (each.subject, each.kind)))
def test_whatever_is_told_is_in_home_assistants_own_words(devices: list[Told], latest: list[Latest]) -> None:
    """Every mix of devices and readings is a discovery that the documented schema takes, and every template finds its value."""
    devices = list({each.kid: each for each in devices}.values())
    told = home_assistant.messages("c0ffee00", devices, latest, LABELS)
    check(told)
    text = json.dumps(told)
    for never in ("loudness", "crying", "impedance", "stable", "flags"):
        assert never not in text


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123")), st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123"))
)
def test_exactly_what_is_wanted_is_there_afterwards(there: dict[str, str], wanted: dict[str, str]) -> None:
    """Published to a broker that holds something else, the difference leaves what is wanted, and nothing is published twice."""
    held = dict(there)
    for topic, payload in home_assistant.changes(there, wanted):
        assert held.get(topic) != payload
        held[topic] = payload
        if not payload:
            del held[topic]
    assert held == wanted


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("127.0.0.1", True),
        ("192.168.1.5", True),
        ("10.1.2.3", True),
        ("fd00::5", True),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
    ],
)
def test_nobody_outside_the_home_is_told(host: str, fits: bool) -> None:
    """A broker at a public address is not connected to."""
    assert (at_home(host) is not None) == fits


def test_a_name_with_one_public_address_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that points home and elsewhere is refused whole: it may point elsewhere the next time."""
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("192.168.1.5", "8.8.8.8")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    assert at_home("broker.example") is None


class Listener:
    """What a Home Assistant has heard: every retained message that is there now."""

    def __init__(self, port: int) -> None:
        self.there: dict[str, str] = {}
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.username_pw_set("ha", "warm")
        self.client.on_connect = lambda client, *_: client.subscribe([("homeassistant/#", 1), ("foyer/#", 1)])
        self.client.on_message = self._heard
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _heard(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        if message.payload:
            self.there[message.topic] = message.payload.decode()
        else:
            self.there.pop(message.topic, None)

    async def until(self, fits: Any) -> dict[str, dict[str, str]]:
        async with asyncio.timeout(20):
            while True:
                there = dict(self.there)
                try:
                    shown = check(there)
                except KeyError:  # a state that is still on its way
                    shown = {}
                if fits(shown):
                    return shown
                await asyncio.sleep(0.05)


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A broker as Home Assistant's own add-on is: a name and a password, no TLS."""
    port = free_port()
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "ha", "warm"], check=True, capture_output=True)
    (folder / "ha.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\nlog_type none\n"
    )
    process = subprocess.Popen([program(), "-c", str(folder / "ha.conf")])
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def home(folder: Path, port: int) -> AsyncIterator[tuple[Gateway, Browser]]:
    (folder / "ha.password").write_text("warm\n")
    more = f'[home_assistant]\nhost = "127.0.0.1"\nport = {port}\nuser = "ha"\npassword_file = "ha.password"\n'
    async with gateway(configure(folder, more)) as running, browser(running) as page:
        await running.event("home_assistant.connected")
        yield running, page


@pytest.mark.anyio
async def test_a_room_is_told_at_once_and_a_person_only_when_ticked(tmp_path: Path) -> None:
    """Climate and devices come by themselves; a weight only under its tick, and gone when the tick goes, also over a restart."""
    scale, babyphone = Counterpart(), Counterpart("babyphone")
    scale.enrol(tmp_path / "data")
    babyphone.enrol(tmp_path / "data")
    with mosquitto(tmp_path) as port:
        heard = Listener(port)
        async with home(tmp_path, port) as (running, page):
            await page.set_up()
            await page.post("/en/people", name="Anna", usual_kg="72.4")
            anna = (await page.state())["people"][0]["subject"]
            coap = (await running.event("gateway.ready"))["coap_port"]
            async with link(scale, coap) as way, link(babyphone, coap) as cradle:
                await way.send(scale.signed(scale.fields(1)))
                await cradle.send(babyphone.signed(babyphone.fields(1)))
                cradle.live({0: 2, 2: [1, 7000], 13: 2010, 14: 44, 16: 87, 18: 1})
                shown = await heard.until(
                    lambda shown: "Temperature" in shown.get("Nursery", {}) and "Battery" in shown.get("The scale", {})
                )
                assert shown["Nursery"] == {"Temperature": "20.5", "Humidity": "45"}
                assert (shown["The scale"]["Battery"], shown["The scale"]["Fault"]) == ("88", "OFF")
                assert "Anna" not in json.dumps(heard.there)
                await page.post("/en/settings/neighbour", **{f"tell-{anna}-0": "yes"})
                shown = await heard.until(lambda shown: "Anna" in shown)
                assert shown["Anna"] == {"Weight": "72.4"}
                assert f'name="tell-{anna}-0" value="yes" checked' in (await page.client.get("/en/settings")).text
            assert await running.stop() == 0
        await heard.until(lambda _: [text for topic, text in heard.there.items() if topic.endswith("availability")] == ["offline"])
        async with home(tmp_path, port) as (running, page):
            await page.client.post("/en/sign-in", data={"password": "a warm kitchen"})
            await heard.until(lambda shown: "Anna" in shown)
            await page.post("/en/settings/neighbour")
            await heard.until(lambda shown: shown and "Anna" not in shown)
            assert "72.4" not in json.dumps(heard.there)
            assert "What Home Assistant is told was changed" in (await page.client.get("/en/log")).text
        heard.client.disconnect()
        heard.client.loop_stop()


@pytest.mark.anyio
async def test_what_a_former_life_retained_is_taken_away(tmp_path: Path) -> None:
    """A gateway killed between a tick's end and its telling clears the broker at its next start; others' topics stay."""
    scale = Counterpart()
    scale.enrol(tmp_path / "data")
    with mosquitto(tmp_path) as port:
        async with home(tmp_path, port) as (running, page):
            await page.set_up()
            heard = Listener(port)
            await heard.until(lambda shown: "The scale" in shown)
            (name,) = {topic.split("/")[1] for topic in heard.there if topic.startswith("foyer/")}
            await running.kill()
        stale = {f"foyer/{name}/subject_9": '{"weight_kg": 61.5}', "foyer/ffffffff/subject_9": "{}"}
        for topic, payload in stale.items():
            heard.client.publish(topic, payload, qos=1, retain=True).wait_for_publish(5)
        async with home(tmp_path, port):
            await heard.until(lambda _: f"foyer/{name}/subject_9" not in heard.there)
            assert "foyer/ffffffff/subject_9" in heard.there
        heard.client.disconnect()
        heard.client.loop_stop()
