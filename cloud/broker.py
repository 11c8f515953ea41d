"""The account store's side of the broker: MQTT 5 over TLS 1.3 with a client certificate, acknowledged by hand.

One `Line` is one client. What arrives is put into a queue by paho's thread and handled elsewhere; an acknowledgement is sent only
over the connection that brought the message, because after a reconnect its number may name another message. The session outlives
a restart of ours, so a broker that stays up redelivers what was not acknowledged.
"""

import queue
import ssl
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from cloud.configuration import Broker, must_exist
from cloud.errors import BadConfiguration
from cloud.logs import Log

# Twice what the ingester stores together, so that one group is opened while the one before it is stored; of thousands paho grows slow.
IN_FLIGHT = 64
SESSION_EXPIRY_S = 300
KEEPALIVE_S = 30
NOT_AUTHORIZED = 0x87


class Delivery(NamedTuple):
    """One message as it came, and what its acknowledgement needs."""

    topic: str
    payload: bytes
    number: int
    connection: int


class Line:
    """One client of the broker: subscribes at every connect, queues what arrives, publishes with QoS 1."""

    def __init__(self, client_id: str, settings: Broker, certificate: Path, key: Path, filters: list[str], log: Log) -> None:
        """Make the client; filters are subscribed with QoS 1 whenever it connects. Raises BadConfiguration."""
        self.arrived: queue.Queue[Delivery] = queue.Queue()
        # whoever does not look at these shall not pay for that in memory, reconnect after reconnect and refusal after refusal
        self.subscribed: queue.Queue[bool] = queue.Queue(IN_FLIGHT)
        self.refused: deque[int] = deque(maxlen=IN_FLIGHT)
        self._filters = filters
        self._log = log
        self._connection = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, manual_ack=True)
        self._client.tls_set_context(context(settings, certificate, key))
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._settings = settings

    @property
    def connection(self) -> int:
        """Counts connections and disconnections: as long as it stays, it is the same connection."""
        return self._connection

    def start(self) -> None:
        """Connect in the background, and again whenever the connection is lost; a broker that is away is waited for."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = IN_FLIGHT
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        self._client.connect_async(
            self._settings.host, self._settings.port, keepalive=KEEPALIVE_S, clean_start=False, properties=properties
        )
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the background thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> int:
        """Hand a message over with QoS 1; it is sent again after a reconnect. Returns its number."""
        return self._client.publish(topic, payload, qos=1).mid

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that a message may be forgotten, unless the connection that brought it is gone."""
        if delivery.connection == self._connection:
            self._client.ack(delivery.number, 1)

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe once, beside the standing filters."""
        self._client.subscribe(topic_filter, options=SubscribeOptions(qos=1))

    def unsubscribe(self, topic_filter: str) -> None:
        """End a subscription."""
        self._client.unsubscribe(topic_filter)

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, _properties: object) -> None:
        self._connection += 1
        if code.is_failure:
            self._log.warning("broker.refused", reason=str(code))
            return
        self._log.info("broker.connected")
        client.subscribe([(topic_filter, SubscribeOptions(qos=1)) for topic_filter in self._filters])

    def _on_disconnect(self, _client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, _properties: object) -> None:
        self._connection += 1
        self._log.info("broker.disconnected", reason=str(code))

    def _on_subscribe(self, _client: mqtt.Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: object) -> None:
        granted = not any(code.is_failure for code in codes)
        if not granted:
            self._log.error("broker.subscription_refused", reasons=[str(code) for code in codes])
        with suppress(queue.Full):
            self.subscribed.put_nowait(granted)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self.arrived.put(Delivery(message.topic, bytes(message.payload), message.mid, self._connection))

    def _on_publish(self, _client: mqtt.Client, _data: object, number: int, code: ReasonCode, _properties: object) -> None:
        if code.is_failure:
            self._log.warning("broker.publish_refused", reason=str(code))
            self.refused.append(number)


def alias_of(topic: str) -> str:
    """Return the gateway's alias in "foyer/1/ALIAS/..."; it serves to answer, and is never stored or logged."""
    return topic.split("/")[2]


def context(settings: Broker, certificate: Path, key: Path) -> ssl.SSLContext:
    """Return how a client of the broker speaks TLS: 1.3 only, and no authority but ours. Raises BadConfiguration."""
    try:
        context = ssl.create_default_context(cafile=must_exist("broker.authority", settings.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(must_exist("broker certificate", certificate), must_exist("broker key", key))
    except (ssl.SSLError, OSError) as error:
        raise BadConfiguration("broker", f"a certificate or key cannot be used ({error.__class__.__name__}: {error}).") from None
    return context
