"""A small home for tests: devices that sign, a person whose readings are sealed, and a gateway's talk with the broker.

It is built from `protocol/` and `cryptography` alone, so a test with it checks the account store against the wire and not
against itself.
"""

import os
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paho.mqtt.enums import CallbackAPIVersion

from cloud import hpke
from protocol import cose, envelope, linking, readings, seals
from protocol.envelope import Row
from tools import broker as broker_tool

# Nobody waits so long but on a machine that is busy with something else.
WAIT_S = 300.0


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt or None, info=info).derive(secret)


@dataclass
class Device:
    """One device: signs readings as a real one does."""

    pairing: bytes = field(default_factory=lambda: os.urandom(8))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    sequence: int = 0

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, reading: dict[int, Any]) -> bytes:
        self.sequence += 1
        whole = {readings.SEQUENCE: self.sequence, readings.UPTIME: [1, 1000 * self.sequence], **reading}
        kid = SHA256_of(self.public_key)[:4]
        aad = cose.reading_aad(reading[readings.KIND], self.pairing)
        return cose.sign1(readings.encode(whole), kid, aad, self._sign)

    def _sign(self, tbs: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(tbs, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Packet(NamedTuple):
    """A message and what opens its receipt."""

    payload: bytes
    reply_key: bytes


# what opens the receipt of each message that was made, by the message's digest
REPLY_KEYS: dict[bytes, bytes] = {}


def SHA256_of(data: bytes) -> bytes:
    return sha256(data).digest()


def opened_receipt(message: bytes, verify: Callable[[bytes, bytes], bool]) -> envelope.Receipt:
    """Return a receipt as whoever made the message opens it."""
    reply_key = REPLY_KEYS[envelope.answered_digest(message)]
    return envelope.decode_receipt(envelope.open_receipt(message, reply_key, _open), verify)


class Person:
    """A subject of the home: its keys, its pseudonym, and its readings sealed."""

    def __init__(self, label: str, subject: int = linking.PERSON) -> None:
        self.label = label
        self.subject = subject
        self.seeds = seals.derive_person(os.urandom(32), "readings", os.urandom(16), 0, hkdf)
        self.write_key = Ed25519PrivateKey.from_private_bytes(self.seeds.write_seed)
        self.write_public = self.write_key.public_key().public_bytes_raw()
        self.pseudonym = envelope.pseudonym_of(self.write_public)
        self.number = 0
        self.previous = b""
        self.tag, self.approval_key = os.urandom(16), os.urandom(32)
        self.talk_key = Ed25519PrivateKey.generate()
        # of the account that got the last box
        self.account_key = b""

    @property
    def talk_public(self) -> bytes:
        return self.talk_key.public_key().public_bytes_raw()

    def talk(self, verb: int, sequence: int = 0, body: bytes = b"") -> bytes:
        """Return what the home says under this person's link."""
        return linking.encode_talk(self.talk_public, verb, sequence, body, self.talk_key.sign)

    def row(
        self, device: Device, reading: dict[int, Any], utc_s: int, shown: dict[int, Any] | None = None, signed: bytes | None = None
    ) -> Row:
        """Return a sealed row of one reading; `shown` lies about the values, `signed` hands in other signed bytes."""
        kind = reading[readings.KIND]
        values = {key: value for key, value in reading.items() if key >= 9}
        entry = {
            seals.KIND: kind,
            seals.UTC: utc_s,
            seals.VALUES: values if shown is None else shown,
            seals.SIGNED: device.sign(reading) if signed is None else signed,
            seals.PAIRING: device.pairing,
            seals.DEVICE_KEY: device.public_key,
            seals.PREVIOUS: self.previous,
            seals.NUMBER: self.number,
        }
        self.number += 1
        minute, row_id = utc_s // 60, os.urandom(16)
        sealed = seals.seal_row(self.seeds.root_key, self.pseudonym, minute, row_id, entry, hkdf, _seal, os.urandom(12))
        self.previous = SHA256_of(sealed)
        return Row(minute, row_id, sealed)

    def message(self, rows: list[Row], sealing_key: bytes) -> bytes:
        """Return what the gateway publishes: a signed batch sealed to the ingester."""
        return self.packet(sealing_key, rows).payload

    def packet(self, sealing_key: bytes, rows: list[Row], *, erases: bool = False, back_after: bytes | None = None) -> "Packet":
        """Return the same with what opens its receipt."""
        reply_key = os.urandom(32)
        batch = envelope.encode_batch(self.write_public, rows, int(time.time()) // 60, reply_key, self.write_key.sign, erases, back_after)
        payload = hpke.seal_to(sealing_key, batch, envelope.BATCH_INFO)
        REPLY_KEYS[SHA256_of(payload)] = reply_key
        return Packet(payload, reply_key)

    def box(self, account_key: bytes) -> bytes:
        """Return the link box for an account."""
        self.account_key = account_key
        epoch = linking.Epoch(self.pseudonym, self.seeds.root_key, self.seeds.write_seed)
        box = linking.Box(self.label, self.subject, self.tag, self.approval_key, [epoch], [self.label])
        return hpke.seal_to(account_key, linking.encode_box(box), linking.BOX_INFO)


def weight(grams: int, **more: int) -> dict[int, Any]:
    return {readings.KIND: readings.SCALE, readings.GRAMS: grams, readings.STABLE: 1, **({readings.IMPEDANCE: more["ohm"]} if more else {})}


def pressure(systolic: int, diastolic: int, pulse: int = 64) -> dict[int, Any]:
    return {
        readings.KIND: readings.CUFF,
        readings.SYSTOLIC: systolic,
        readings.DIASTOLIC: diastolic,
        readings.MAP: diastolic + (systolic - diastolic) // 3,
        readings.PULSE: pulse,
        readings.FLAGS: 0,
    }


def climate(centi_Cel: int, percent: int) -> dict[int, Any]:
    return {readings.KIND: readings.CLIMATE, readings.TEMPERATURE: centi_Cel, readings.HUMIDITY: percent}


class Gateway:
    """A home's client of the broker: publishes, and collects what comes down."""

    def __init__(self, broker: broker_tool.Broker, receipt_key: bytes) -> None:
        self.alias = broker_tool.gateway_alias()
        self.receipt_key = Ed25519PublicKey.from_public_bytes(receipt_key)
        self.down: queue.Queue[bytes] = queue.Queue()
        self.linked: queue.Queue[bytes] = queue.Queue()
        self._ready: queue.Queue[bool] = queue.Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, self.alias, protocol=mqtt.MQTTv5)
        self.client.tls_set_context(broker_tool.client_context(broker.authority, broker.issue(self.alias)))
        self.client.connect_timeout = WAIT_S
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._ready.put(True)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        self._ready.get(timeout=WAIT_S)

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(f"foyer/1/{self.alias}/{leaf}", mqtt.SubscribeOptions(qos=1)) for leaf in ("down", "linked")])

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        (self.down if message.topic.endswith("/down") else self.linked).put(bytes(message.payload))

    def publish(self, payload: bytes, leaf: str = "up") -> None:
        self.client.publish(f"foyer/1/{self.alias}/{leaf}", payload, qos=1).wait_for_publish(WAIT_S)

    def receipt(self, timeout_s: float = WAIT_S) -> envelope.Receipt:
        """Return the next receipt, its signature checked."""
        return opened_receipt(self.down.get(timeout=timeout_s), self._verify)

    def page(self) -> envelope.Page:
        """Return the next page of rows, its signature checked."""
        message = self.down.get(timeout=WAIT_S)
        signed = envelope.open_receipt(message, REPLY_KEYS[envelope.answered_digest(message)], _open)
        return envelope.decode_page(signed, self._verify)

    def _verify(self, signed: bytes, signature: bytes) -> bool:
        self.receipt_key.verify(signature, signed)
        return True

    def link(self, typed_code: str, person: Person) -> int:
        """Link a person with the code of an account, as a gateway does; return the site's last word."""
        code = linking.parse_code(typed_code)
        self.publish(linking.encode_message(linking.ASK, code.link_id), "link")
        answer = linking.decode_message(self.linked.get(timeout=WAIT_S))
        if answer.kind != linking.ANSWER:
            return answer.body
        assert linking.fingerprint(answer.body) == code.fingerprint
        self.publish(linking.encode_message(linking.BOX, code.link_id, person.box(answer.body), person.talk_public), "link")
        return linking.decode_message(self.linked.get(timeout=WAIT_S)).body

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        # what paho wakes its thread with; it closes that when it is collected, in no order with the sockets themselves
        self.client._reset_sockets()


def write_configuration(
    folder: Path, broker: broker_tool.Broker, site_port: int, stores: tuple[str, str] = ("sqlite:///accounts.db", "sqlite:///readings.db")
) -> Path:
    """Write the account store's settings for this broker; return the file."""
    ingester, site = broker.issue("ingester"), broker.issue("site")
    path = folder / "cloud.toml"
    path.write_text(
        f"""
[stores]
accounts = "{stores[0]}"
readings = "{stores[1]}"
[broker]
host = "127.0.0.1"
port = {broker.port}
authority = "{broker.authority}"
ingester_certificate = "{ingester.certificate}"
ingester_key = "{ingester.key}"
site_certificate = "{site.certificate}"
site_key = "{site.key}"
[keys]
directory = "keys"
[site]
port = {site_port}
address = "http://127.0.0.1:{site_port}"
"""
    )
    return path


def _open(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    return AESGCM(key).decrypt(nonce, sealed, associated)


def _seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    return AESGCM(key).encrypt(nonce, plaintext, associated)
