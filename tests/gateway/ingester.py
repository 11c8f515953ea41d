"""The other end of the way out, as a test wants it: opens batches with its key, checks their signature, and receipts what it is told to.

It speaks `protocol` for the frames, and paho, HPKE and Ed25519 of its own; it keeps rows in memory by id.
"""

import asyncio
import copy
import hmac
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from paho.mqtt.enums import CallbackAPIVersion

from protocol import envelope, linking, seals
from tools.broker import Broker, client_context, make

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt or None, info).derive(secret)


def seal_gcm(key: bytes, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
    return AESGCM(key).encrypt(nonce, plain, aad)


def open_gcm(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        return None


def verify(key: bytes, signed: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


class Cloud:
    """A broker, an ingester and a site, in one object."""

    def __init__(self, folder: Path) -> None:
        self.broker: Broker = make(folder, free_port())
        self.sealing = X25519PrivateKey.generate()
        self.receipts = Ed25519PrivateKey.generate()
        self.account = X25519PrivateKey.generate()
        self.rows: dict[bytes, tuple[bytes, int, bytes]] = {}
        self.order: list[bytes] = []
        self.batches: list[int] = []
        self.boxes: dict[bytes, linking.Box] = {}
        self.erased: set[bytes] = set()
        self.withdrawn: set[bytes] = set()
        self.talks: list[linking.Talk] = []
        self.requests: dict[bytes, linking.Request] = {}
        self.decisions: dict[bytes, list[linking.Decision]] = {}
        self.left: set[bytes] = set()
        self.others: list[X25519PrivateKey] = []
        self._links: dict[bytes, bytes] = {}
        self.answer: Callable[[bytes, envelope.Batch], bytes | None] = self.receipt
        self.wrong_key: bytes | None = None
        self._clients: list[paho.Client] = []
        self._loop = asyncio.get_running_loop()

    def toml(self) -> str:
        gateway = self.broker.issue("00112233445566aa")
        return (
            f'[broker]\nhost = "localhost"\nport = {self.broker.port}\nauthority = "{self.broker.authority}"\n'
            f'certificate = "{gateway.certificate}"\nkey = "{gateway.key}"\n'
            f'[cloud]\nsealing_key = "{self.sealing.public_key().public_bytes_raw().hex()}"\n'
            f'receipt_key = "{self.receipts.public_key().public_bytes_raw().hex()}"\n'
            "[delivery]\nreceipt_timeout_ms = 400\nlongest_back_off_ms = 800\nreconnect_ms = 100\n"
        )

    async def listen(self) -> None:
        self._client("ingester", "foyer/1/+/up", self._batch)
        self._client("site", "foyer/1/+/link", self._link)

    def _client(self, name: str, topic: str, received: Callable[[paho.Client, str, bytes], None]) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        client.tls_set_context(client_context(self.broker.authority, self.broker.issue(name)))
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        client.on_message = lambda client, _, message: received(client, message.topic, bytes(message.payload))
        client.connect("localhost", self.broker.port)
        client.loop_start()
        self._clients.append(client)

    def _batch(self, client: paho.Client, topic: str, payload: bytes) -> None:
        batch = envelope.decode_batch(SUITE.decrypt(payload, self.sealing, info=envelope.BATCH_INFO), verify)
        self.batches.append(len(batch.rows))
        reply = self.answer(payload, batch)
        if reply is not None:
            client.publish(topic.replace("/up", "/down"), reply, qos=1)

    def receipt(self, payload: bytes, batch: Any, key: Ed25519PrivateKey | None = None, status: int | None = None) -> bytes:
        """Do what the batch asks, and return the receipt for it."""
        if batch.back_after is not None:
            return self.page(payload, batch, key)
        if batch.erases:
            self.erased.add(batch.pseudonym)
            self.order = [row_id for row_id in self.order if self.rows[row_id][0] != batch.pseudonym]
            self.rows = {row_id: row for row_id, row in self.rows.items() if row[0] != batch.pseudonym}
        if batch.pseudonym in self.erased:
            conflicts = [envelope.RowReceipt(row.row_id, envelope.digest8(row.sealed), envelope.CONFLICT) for row in batch.rows]
            return self.closed(payload, batch, conflicts, key, envelope.ERASED)
        rows = []
        for row in batch.rows:
            known = self.rows.get(row.row_id)
            if row.sealed == envelope.WITHDRAWN:
                said = envelope.ALREADY if row.row_id in self.withdrawn else envelope.STORED
                self.withdrawn.add(row.row_id)
                if self.rows.pop(row.row_id, None):
                    self.order.remove(row.row_id)
            elif row.row_id in self.withdrawn:
                said = envelope.ALREADY
            else:
                if known is None:
                    self.rows[row.row_id] = (batch.pseudonym, row.minute, row.sealed)
                    self.order.append(row.row_id)
                said = envelope.STORED if known is None else envelope.ALREADY if known[2] == row.sealed else envelope.CONFLICT
            rows.append(envelope.RowReceipt(row.row_id, envelope.digest8(row.sealed), said if status is None else status))
        return self.closed(payload, batch, rows, key)

    def page(self, payload: bytes, batch: Any, key: Ed25519PrivateKey | None = None) -> bytes:
        """Return a page of seven rows behind the id that is asked for."""
        own = sorted(row_id for row_id, row in self.rows.items() if row[0] == batch.pseudonym and row_id > batch.back_after)
        rows = [envelope.Row(self.rows[row_id][1], row_id, self.rows[row_id][2]) for row_id in own[:7]]
        digest = sha256(payload).digest()
        standing = envelope.ERASED if batch.pseudonym in self.erased else envelope.STANDS
        signed = envelope.encode_page(envelope.Page(digest, rows, standing, len(own) > 7), (key or self.receipts).sign)
        return bytes(envelope.close_receipt(signed, digest, batch.reply_key, seal_gcm, os.urandom(12)))

    def closed(
        self, payload: bytes, batch: Any, rows: list[Any], key: Ed25519PrivateKey | None = None, standing: int = envelope.STANDS
    ) -> bytes:
        """Sign and close a receipt that says this about these rows."""
        digest = sha256(payload).digest()
        signed = envelope.encode_receipt(envelope.Receipt(digest, rows, 1_800_000_000_000, standing), (key or self.receipts).sign)
        return bytes(envelope.close_receipt(signed, digest, batch.reply_key, seal_gcm, os.urandom(12)))

    def _link(self, client: paho.Client, topic: str, payload: bytes) -> None:
        if linking.is_talk(payload):
            client.publish(topic + "ed", self.word(linking.decode_talk(payload, verify)), qos=1)
            return
        message = linking.decode_message(payload)
        if message.kind == linking.ASK:
            account = self.others[-1] if self.others else self.account
            key = self.wrong_key or account.public_key().public_bytes_raw()
            client.publish(topic + "ed", linking.encode_message(linking.ANSWER, message.link_id, key), qos=1)
        elif message.kind == linking.BOX:
            plain = self._open(message.body, linking.BOX_INFO)
            self.boxes[message.link_id] = linking.decode_box(plain)
            self._links[message.link_key] = message.link_id
            client.publish(topic + "ed", linking.encode_message(linking.LINKED, message.link_id, linking.DONE), qos=1)

    def word(self, talk: linking.Talk) -> bytes:
        """Take what a home says under a link, and return the site's word."""
        self.talks.append(talk)
        name = linking.link_name(talk.link_key)
        link_id = self._links.get(talk.link_key)
        if link_id is not None and talk.verb == linking.NEW_BOX:
            self.boxes[link_id] = linking.decode_box(self._open(talk.body, linking.BOX_INFO))
        if link_id is not None and talk.verb == linking.REQUEST:
            words = self._open(talk.body[16:], linking.REQUEST_INFO)
            self.requests[talk.body[:16]] = linking.decode_request(words)
        if talk.verb == linking.LEAVE:
            self._links.pop(talk.link_key, None)
            self.left.add(link_id or b"")
        version = talk.sequence if talk.verb == linking.NEW_BOX else 0
        known = talk.link_key in self._links
        return bytes(linking.encode_word(linking.Word(name, known, version, self.decisions.get(link_id or b"", []))))

    def decide(self, request_id: bytes, decision: int, link_id: bytes | None = None, key: bytes | None = None) -> None:
        """Decide a request as the account of a link does (the first, unless told)."""
        which = link_id or next(iter(self.boxes))
        mac = hmac.digest(key or self.boxes[which].approval_key, linking.decision_message(request_id, decision), "sha256")
        self.decisions.setdefault(which, []).append(linking.Decision(request_id, decision, mac))

    def second_account(self) -> "Cloud":
        """Return the same cloud as another account sees it; its boxes lie beside the first one's."""
        other = copy.copy(self)
        other.account = X25519PrivateKey.generate()
        self.others.append(other.account)
        return other

    def _open(self, sealed: bytes, info: bytes) -> bytes:
        for key in (self.account, *self.others):
            try:
                return SUITE.decrypt(sealed, key, info=info)
            except InvalidTag:
                continue
        raise AssertionError("sealed to nobody here")

    def code(self, link_id: bytes) -> str:
        return str(linking.encode_code(link_id, self.account.public_key().public_bytes_raw()))

    def entries(self) -> list[dict[int, Any]]:
        """Open every stored row with the boxes' keys, in the order they came."""
        roots = {epoch.pseudonym: epoch.root_key for box in self.boxes.values() for epoch in box.epochs}
        return [
            seals.open_row(roots[pseudonym], pseudonym, minute, row_id, sealed, hkdf, open_gcm)
            for row_id in self.order
            for pseudonym, minute, sealed in [self.rows[row_id]]
        ]

    def close(self) -> None:
        for client in self._clients:
            client.disconnect()
            client.loop_stop()
        self.broker.stop()


@asynccontextmanager
async def cloud(folder: Path) -> AsyncIterator[Cloud]:
    """Run a broker with an ingester and a site behind it."""
    made = Cloud(folder)
    await asyncio.to_thread(made.broker.start)
    try:
        await made.listen()
        yield made
    finally:
        await asyncio.to_thread(made.close)
