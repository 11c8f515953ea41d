"""The way out: one MQTT 5 connection over TLS 1.3 with a client certificate, by paho, in a thread of its own.

Messages in and news of the connection cross to asyncio here and nowhere else. What is published is not remembered: a message without a
receipt is sent again by `edges/sending.py`, so nothing depends on a broker's or paho's memory. The alias, the common name of the
certificate, is all the broker learns of this home.
"""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from cryptography import x509
from cryptography.x509.oid import NameOID
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions
from structlog.typing import FilteringBoundLogger

from gateway.configuration import Broker
from gateway.edges.log import utc_ms
from gateway.errors import FileUnusable

_KEEP_ALIVE_S = 30
_LONGEST_RECONNECT_S = 60.0
_LARGEST_MESSAGE_BYTES = 64 * 1024

Received = Callable[[str, bytes], None]


class Outside:
    """The connection to the broker. connected_ms and lost_ms: since when it is as it is, or None."""

    def __init__(self, broker: Broker, reconnect_ms: int, in_flight: int, log: FilteringBoundLogger) -> None:
        self._broker = broker
        self._log = log
        self._loop = asyncio.get_running_loop()
        self.alias = alias_of(broker.certificate)
        self.connected = False
        self.since_ms = utc_ms()
        self.received: Received = lambda *_: None
        self.changed: Callable[[], None] = lambda: None
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.alias, protocol=paho.MQTTv5)
        self._client.tls_set_context(tls_of(broker))
        self._client.max_inflight_messages_set(2 * in_flight)  # our own limit is `delivery`'s; link messages come on top
        self._client.reconnect_delay_set(reconnect_ms / 1000, _LONGEST_RECONNECT_S)  # type: ignore[arg-type]  # a float serves
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    def open(self) -> None:
        """Begin to connect, and keep at it."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=_KEEP_ALIVE_S)
        self._client.loop_start()

    def publish(self, branch: str, payload: bytes) -> None:
        """Publish below this home's alias; lost if the connection is."""
        if self.connected:
            self._client.publish(f"foyer/1/{self.alias}/{branch}", payload, qos=1)

    async def close(self) -> None:
        """Say goodbye to the broker and end the thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    # --- in paho's thread

    def _on_connect(self, client: paho.Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            self._tell(self._log_refused, str(reason))
            return
        client.subscribe([(f"foyer/1/{self.alias}/{branch}", SubscribeOptions(qos=1)) for branch in ("down", "linked")])

    def _on_subscribe(self, client: paho.Client, _: Any, __: int, reasons: Any, ___: Any) -> None:
        failed = [str(reason) for reason in reasons if reason.is_failure]
        if failed:
            self._tell(self._log_refused, failed[0])
            client.disconnect()
        else:
            self._tell(self._set, True)

    def _on_disconnect(self, *_: Any) -> None:
        self._tell(self._set, False)

    def _on_publish(self, _: paho.Client, __: Any, ___: int, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            self._tell(self._log_refused, str(reason))

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        if len(message.payload) <= _LARGEST_MESSAGE_BYTES:
            self._tell(self.received, message.topic.rpartition("/")[2], bytes(message.payload))

    def _tell(self, what: Callable[..., None], *facts: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *facts)
        except RuntimeError:  # the loop has closed: the gateway is ending, and nobody listens
            return

    # --- in the loop

    def _set(self, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            self.since_ms = utc_ms()
            self._log.info("broker.connected" if connected else "broker.lost")
            self.changed()

    def _log_refused(self, reason: str) -> None:
        self._log.warning("broker.refused", reason=reason)


def alias_of(certificate: Path) -> str:
    """Return the common name of a client certificate. Raises FileUnusable."""
    try:
        subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject
        return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    except OSError as error:
        cause = error.strerror or str(error)
    except (ValueError, IndexError):
        cause = "it is no certificate with a common name"
    raise FileUnusable(certificate, cause, "set broker.certificate to this gateway's certificate") from None


def tls_of(broker: Broker) -> ssl.SSLContext:
    """Return how to speak to the broker: TLS 1.3, its authority alone, our certificate. Raises FileUnusable."""
    try:
        context = ssl.create_default_context(cafile=str(broker.authority))
    except (OSError, ssl.SSLError) as error:
        raise FileUnusable(broker.authority, error.strerror or str(error), "set broker.authority to the broker's authority") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(broker.certificate, broker.key)
    except (OSError, ssl.SSLError) as error:
        raise FileUnusable(broker.key, error.strerror or str(error), "set broker.key to the key of broker.certificate") from None
    return context
