"""What a stranger, a neighbour or the broker itself may do with messages, against a real mosquitto and a running ingester.

Another gateway's topics, forged, replayed, reordered and oversized messages: nothing is stored that a home did not sign, nothing comes
back that was withdrawn, nobody's receipt is another's to read, and whoever comes next is served.
"""

import os
import queue
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cloud import hpke, intake
from cloud.errors import Poison
from cloud.keys import IngesterKeys
from protocol import envelope
from protocol.envelope import ALREADY, CONFLICT, ERASED, STORED, WITHDRAWN, Row
from protocol.errors import BadEnvelope
from tests.cloud.counterpart import WAIT_S, Device, Gateway, Person, _open, weight
from tests.cloud.test_ingest import rows_in
from tools import broker as broker_tool

UTC_S = 1_790_000_000
NOT_AUTHORIZED = 0x87
PACKET_AT_MOST = 300_000


@pytest.fixture
def ingester(cloud: Any, start: Callable[..., Any]) -> Any:
    running = start("ingest", "--configuration", str(cloud.configuration))
    running.wait_for("ingest.ready")
    return running


@pytest.fixture
def eve(cloud: Any, broker: Any) -> Iterator[Gateway]:
    """Another home of the same broker, with a certificate of its own."""
    made = Gateway(broker, cloud.receipt_key)
    yield made
    made.stop()


def answers(client: mqtt.Client, ask: Callable[[], Any]) -> list[int]:
    """Return the broker's reason codes for what is asked."""
    codes: queue.Queue[list[Any]] = queue.Queue()
    client.on_publish = lambda _client, _data, _mid, code, _properties: codes.put([code])
    client.on_subscribe = lambda _client, _data, _mid, given, _properties: codes.put(given)
    ask()
    return [code.value for code in codes.get(timeout=WAIT_S)]


CONNECT = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04eve1"
CONNACK = b"\x20"


def first_answer(broker: broker_tool.Broker, context: ssl.SSLContext) -> bytes:
    """Return the first byte that the broker answers somebody who connects, or none if it hangs up."""
    try:
        with (
            socket.create_connection(("127.0.0.1", broker.port), WAIT_S) as bare,
            context.wrap_socket(bare, server_hostname="127.0.0.1") as line,
        ):
            line.sendall(CONNECT)
            return line.recv(1)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_the_broker_speaks_to_its_own_certificates_and_nothing_older_than_tls_1_3(broker: broker_tool.Broker, tmp_path: Path) -> None:
    """With a certificate of its authority it answers; with none, with somebody else's, or at TLS 1.2 it does not (threats T26)."""
    alias = broker_tool.gateway_alias()
    own = broker_tool.client_context(broker.authority, broker.issue(alias))
    none = ssl.create_default_context(cafile=str(broker.authority))
    (tmp_path / "elsewhere").mkdir()
    elsewhere = broker_tool.client_context(broker.authority, broker_tool.make(tmp_path / "elsewhere", broker.port).issue(alias))
    older = broker_tool.client_context(broker.authority, broker.issue(alias))
    older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_2
    assert [first_answer(broker, context) for context in (own, none, elsewhere, older)] == [CONNACK, b"", b"", b""]
    # all that the certificate tells is random
    assert re.fullmatch(r"[0-9a-f]{16}", alias)


def test_another_gateways_topics_are_refused(cloud: Any, ingester: Any, gateway: Gateway, eve: Gateway) -> None:
    """Neither written, nor read, nor guessed with wildcards or a shared subscription; the broker says so, and nobody hears of it."""
    person = Person("Ada")
    message = person.message([person.row(Device(), weight(70_000), UTC_S)], cloud.sealing_key)
    for leaf in ("up", "link", "down", "linked"):
        assert answers(eve.client, lambda leaf=leaf: eve.client.publish(f"foyer/1/{gateway.alias}/{leaf}", message, 1)) == [
            NOT_AUTHORIZED
        ], leaf
    assert answers(eve.client, lambda: eve.client.publish("foyer/1/ingester/up", message, 1)) == [NOT_AUTHORIZED]
    own = f"foyer/1/{gateway.alias}"
    for topic in (
        f"{own}/down",
        f"{own}/linked",
        f"{own}/up",
        "foyer/1/#",
        "foyer/1/+/up",
        "#",
        "$share/ingest/foyer/1/+/up",
        f"$share/x/{own}/down",
    ):
        # a filter that is granted all the same delivers nothing: the list is asked again at each message
        answers(eve.client, lambda topic=topic: eve.client.subscribe(topic, 1))
    heard: queue.Queue[str] = queue.Queue()
    eve.client.on_message = lambda _client, _data, sent: heard.put(sent.topic)
    gateway.publish(message)
    assert gateway.receipt().rows[0].status == STORED
    # whatever the broker would have sent her came before the answer to a message of her own
    eve.publish(Person("Eve").message([], cloud.sealing_key))
    assert heard.get(timeout=WAIT_S) == f"foyer/1/{eve.alias}/down"
    # nor does she take away what falls to a group of ingesters whose name she might guess
    for _ in range(4):
        gateway.publish(message)
        assert gateway.receipt().rows[0].status == ALREADY
    assert len(rows_in(cloud.folder)) == 1


def test_a_replayed_message_changes_nothing_and_its_receipt_is_not_the_thiefs(
    cloud: Any, ingester: Any, gateway: Gateway, eve: Gateway
) -> None:
    """Bytes recorded on their way and sent again by another home are ALREADY there, and the answer opens for whoever made them alone."""
    person = Person("Ada")
    packet = person.packet(cloud.sealing_key, [person.row(Device(), weight(70_000), UTC_S)])
    gateway.publish(packet.payload)
    assert gateway.receipt().rows[0].status == STORED
    for _ in range(3):
        eve.publish(packet.payload)
        answer = eve.down.get(timeout=WAIT_S)
        with pytest.raises(BadEnvelope):
            envelope.open_receipt(answer, os.urandom(32), lambda key, nonce, sealed, aad: _opened(key, nonce, sealed, aad))
        receipt = envelope.decode_receipt(envelope.open_receipt(answer, packet.reply_key, _open), lambda *_: True)
        assert receipt.rows[0].status == ALREADY
    assert len(rows_in(cloud.folder)) == 1


def _opened(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes | None:
    try:
        return _open(key, nonce, sealed, aad)
    except Exception:
        # what `open_receipt` takes for "does not open"
        return None


def test_messages_in_any_order_end_alike(cloud: Any, ingester: Any, gateway: Gateway) -> None:
    """A withdrawal before its row, and an erasure before older rows, keep both away for good; replayed once more, too."""
    person, device = Person("Ada"), Device()
    row, kept = (person.row(device, weight(70_000 + number), UTC_S) for number in range(2))
    withdrawal = person.message([Row(row.minute, row.row_id, WITHDRAWN)], cloud.sealing_key)
    brings = person.message([row, kept], cloud.sealing_key)
    statuses = []
    for message in (withdrawal, brings, brings, withdrawal):
        gateway.publish(message)
        statuses.append([each.status for each in gateway.receipt().rows])
    assert statuses == [[STORED], [ALREADY, STORED], [ALREADY, ALREADY], [ALREADY]]
    assert [each[1] for each in rows_in(cloud.folder)] == [kept.row_id]
    gateway.publish(person.packet(cloud.sealing_key, [], erases=True).payload)
    assert gateway.receipt().standing == ERASED
    gateway.publish(brings)
    receipt = gateway.receipt()
    assert (receipt.standing, [each.status for each in receipt.rows]) == (ERASED, [CONFLICT, CONFLICT])
    assert rows_in(cloud.folder) == []


def test_nobody_withdraws_or_erases_for_another(cloud: Any, ingester: Any, gateway: Gateway, eve: Gateway) -> None:
    """Signed by another write key, both are set aside without an answer, and the row stays."""
    person, thief = Person("Ada"), Person("Eve")
    row = person.row(Device(), weight(70_000), UTC_S)
    gateway.publish(person.message([row], cloud.sealing_key))
    gateway.receipt()
    withdrawn = [Row(row.minute, row.row_id, WITHDRAWN)]
    for rows, erases in ((withdrawn, False), ([], True)):
        forged = envelope.encode_batch(person.write_public, rows, 1, bytes(32), thief.write_key.sign, erases)
        eve.publish(hpke.seal_to(cloud.sealing_key, forged, envelope.BATCH_INFO))
    # her own words about that row are about a row of hers
    eve.publish(thief.message(withdrawn, cloud.sealing_key))
    assert eve.receipt().rows[0].status == STORED
    assert [each[1] for each in rows_in(cloud.folder)] == [row.row_id]
    assert [each[1] for each in rows_in(cloud.folder, "set_aside")] == ["bad_signature", "bad_signature"]


def test_oversized_messages_end_with_who_sent_them(cloud: Any, ingester: Any, gateway: Gateway, broker: Any) -> None:
    """What no packet may hold is refused by the broker itself, and the next home is served as before."""
    huge = Gateway(broker, cloud.receipt_key)
    ended: queue.Queue[bool] = queue.Queue()
    huge.client.on_disconnect = lambda *_: ended.put(True)
    huge.client.publish(f"foyer/1/{huge.alias}/up", bytes(PACKET_AT_MOST + 1), 1)
    assert ended.get(timeout=WAIT_S)
    huge.stop()
    person = Person("Ada")
    gateway.publish(person.message([person.row(Device(), weight(70_000), UTC_S)], cloud.sealing_key))
    assert gateway.receipt().rows[0].status == STORED
    assert rows_in(cloud.folder, "set_aside") == []


KEYS = IngesterKeys(X25519PrivateKey.generate(), Ed25519PrivateKey.generate())
PUBLIC = KEYS.opening_key.public_key().public_bytes_raw()
PERSON = Person("Ada")
MESSAGE = PERSON.message([PERSON.row(Device(), weight(70_000), UTC_S)], PUBLIC)
SIGNED = hpke.open_with(KEYS.opening_key, MESSAGE, envelope.BATCH_INFO)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255), st.booleans())
def test_no_bit_of_a_message_can_be_changed(place: int, flip: int, is_sealed_again: bool) -> None:
    """On its way, or by whoever can seal to the ingester: with any byte changed it is poison and nothing else."""
    if is_sealed_again:
        changed = SIGNED[:place] + bytes([SIGNED[place] ^ flip]) + SIGNED[place + 1 :]
        message = hpke.seal_to(PUBLIC, changed, envelope.BATCH_INFO)
    else:
        message = MESSAGE[:place] + bytes([MESSAGE[place] ^ flip]) + MESSAGE[place + 1 :]
    with pytest.raises(Poison):
        intake.open_message(message, KEYS)
