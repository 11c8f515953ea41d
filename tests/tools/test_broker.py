"""The broker as configured: who may say what where, tried with real clients against the real mosquitto."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tools import broker
from tools.services import free_ports

GATEWAY, NEIGHBOUR = "00000000aaaaaaaa", "00000000bbbbbbbb"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[broker.Broker]:
    made = broker.make(tmp_path_factory.mktemp("broker"), free_ports(1)[0])
    made.start()
    yield made
    made.stop()


class Client:
    """A client with a certificate; collects what it is sent."""

    def __init__(self, of: broker.Broker, name: str) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.codes: list[ReasonCode] = []
        self.any = threading.Event()
        self.ready = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.tls_set_context(broker.client_context(of.authority, of.issue(name)))
        self.client.on_connect = lambda *_: self.ready.set()
        self.client.on_message = self._message
        self.client.on_subscribe = lambda _client, _data, _mid, codes, _properties: self._answered(codes)
        self.client.on_publish = lambda _client, _data, _mid, code, _properties: self._answered([code])
        self.client.connect("localhost", of.port)
        self.client.loop_start()
        assert self.ready.wait(5)

    def _message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self.received.append((message.topic, message.payload))
        self.any.set()

    def _answered(self, codes: list[ReasonCode]) -> None:
        self.codes += codes
        self.any.set()

    def subscribe(self, topic: str) -> ReasonCode:
        self.any.clear()
        self.client.subscribe(topic, qos=1)
        assert self.any.wait(5)
        return self.codes[-1]

    def publish(self, topic: str, payload: bytes) -> ReasonCode:
        self.any.clear()
        self.client.publish(topic, payload, qos=1)
        assert self.any.wait(5)
        return self.codes[-1]

    def hears(self, timeout_s: float = 10.0) -> list[tuple[str, bytes]]:
        """Return what has arrived, as soon as something has."""
        end = time.monotonic() + timeout_s
        while not self.received and time.monotonic() < end:
            time.sleep(0.01)
        return self.received

    def end(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def clients(running: broker.Broker) -> Iterator[dict[str, Client]]:
    made = {name: Client(running, name) for name in ("ingester", "site", GATEWAY, NEIGHBOUR)}
    yield made
    for client in made.values():
        client.end()


REFUSED = ReasonCode(PacketTypes.PUBACK, "Not authorized").value


def test_a_gateway_reaches_the_ingester_and_its_answer_comes_back(clients: dict[str, Client]) -> None:
    """Up to the ingester, down to the gateway that it is for, and to nobody else."""
    assert clients["ingester"].subscribe("$share/ingest/foyer/1/+/up").value == 1
    for name in (GATEWAY, NEIGHBOUR):
        clients[name].subscribe(f"foyer/1/{name}/down")
    clients[GATEWAY].publish(f"foyer/1/{GATEWAY}/up", b"sealed")
    assert clients["ingester"].hears() == [(f"foyer/1/{GATEWAY}/up", b"sealed")]
    clients["ingester"].publish(f"foyer/1/{GATEWAY}/down", b"receipt")
    assert clients[GATEWAY].hears() == [(f"foyer/1/{GATEWAY}/down", b"receipt")]
    assert clients[NEIGHBOUR].received == []


@pytest.mark.parametrize(
    ("who", "topic"),
    [
        (GATEWAY, f"foyer/1/{NEIGHBOUR}/up"),
        (GATEWAY, f"foyer/1/{NEIGHBOUR}/down"),
        (GATEWAY, f"foyer/1/{GATEWAY}/linked"),
        (GATEWAY, "anything/else"),
        ("site", f"foyer/1/{GATEWAY}/down"),
        ("ingester", f"foyer/1/{GATEWAY}/linked"),
    ],
)
def test_nobody_writes_where_it_is_not_theirs(clients: dict[str, Client], who: str, topic: str) -> None:
    """The broker refuses, and says so in its reason code."""
    assert clients[who].publish(topic, b"x").value == REFUSED


def test_nobody_reads_what_is_not_theirs(clients: dict[str, Client]) -> None:
    """A neighbour subscribed to everything hears nothing of a gateway's messages; nor does the site of batches."""
    for name in (NEIGHBOUR, "site"):
        clients[name].subscribe("foyer/1/+/up")
        clients[name].subscribe("#")
    clients[GATEWAY].publish(f"foyer/1/{GATEWAY}/up", b"sealed")
    clients[NEIGHBOUR].any.clear()
    assert not clients[NEIGHBOUR].any.wait(0.5)
    assert clients[NEIGHBOUR].received == clients["site"].received == []


def test_without_a_certificate_nobody_comes_in(running: broker.Broker) -> None:
    """TLS 1.3 alone is not enough."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set_context(ssl.create_default_context(cafile=str(running.authority)))
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012  the refusal comes at the handshake or right after it
        client.connect("localhost", running.port)
        client.loop_start()
        if not connected.wait(1.0):
            raise ConnectionError
    client.loop_stop()


def test_another_authoritys_certificate_is_refused(running: broker.Broker, tmp_path: Path) -> None:
    """A certificate that somebody made for themselves opens nothing, whatever name it bears."""
    forged = broker.make(tmp_path, 1).issue("ingester")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set_context(broker.client_context(running.authority, forged))
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012  the refusal comes at the handshake or right after it
        client.connect("localhost", running.port)
        client.loop_start()
        if not connected.wait(1.0):
            raise ConnectionError
    client.loop_stop()


def test_a_revoked_certificate_opens_nothing_and_its_successor_does(tmp_path: Path) -> None:
    """Threats T13: whoever took a gateway is shut out, others are not, and the household's next gateway has a certificate of its own."""
    made = broker.make(tmp_path / "broker", free_ports(1)[0])
    contexts = {name: broker.client_context(made.authority, made.issue(name)) for name in (GATEWAY, NEIGHBOUR)}

    def comes_in(context: ssl.SSLContext) -> bool:
        """Whether a whole handshake and MQTT's own greeting are answered; nothing here waits for an answer that may not come."""
        greeting = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03abc"
        try:
            with (
                socket.create_connection(("localhost", made.port)) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as way,
            ):
                way.sendall(greeting)
                return way.recv(1) == b"\x20"
        except (ssl.SSLError, ConnectionError):
            return False

    made.start()
    try:
        assert [comes_in(context) for context in contexts.values()] == [True, True]
        made.stop()
        made.revoke(GATEWAY)
        with pytest.raises(broker.BrokerFailed, match="no certificate named"):
            made.revoke(GATEWAY)
        made = broker.make(tmp_path / "broker", made.port)
        made.start()
        contexts["next"] = broker.client_context(made.authority, made.issue(GATEWAY))
        assert [comes_in(context) for context in contexts.values()] == [False, True, True]
        made.stop()
        made.revoke(NEIGHBOUR)
        made.start()
        assert [comes_in(context) for context in contexts.values()] == [False, False, True], "those revoked before stay so"
    finally:
        made.stop()


def test_keys_are_readable_by_their_owner_only(running: broker.Broker) -> None:
    """Private keys and the access list have mode 0600."""
    running.issue(GATEWAY)
    for path in (*running.folder.glob("*.key"), running.folder / "access.list"):
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_a_port_in_use_is_one_sentence(running: broker.Broker, tmp_path: Path) -> None:
    """A second broker on the same port is refused by name, and the first is left alone."""
    second = broker.make(tmp_path, running.port)
    with pytest.raises(broker.BrokerFailed, match=f"Port {running.port}, for the broker, is taken"):
        second.start()
    assert running.running
