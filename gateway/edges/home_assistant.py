"""The line to a broker in the same home that a Home Assistant listens to (gateway/home_assistant.py says what is told).

Nothing but a machine of this home is spoken to: a broker whose address is a public one is refused at every connection. What this gateway
retained before, under a tick that is gone or by a life that ended, is read back from the broker and taken away.
"""

import asyncio
import datetime
import ipaddress
import json
import secrets
import socket
from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions
from structlog.typing import FilteringBoundLogger

from gateway import home_assistant
from gateway.configuration import HomeAssistant
from gateway.edges import households, ledger, questions
from gateway.edges.changes import Changes
from gateway.edges.pages import views
from gateway.edges.pages.views import House
from gateway.errors import FileUnusable
from gateway.home_assistant import Latest, Told
from gateway.records import SETTLED
from gateway.ringing import Ring
from protocol import readings

_LEAST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_KEEP_ALIVE_S = 30
_NAME = "home_assistant"


class Neighbour:
    """Keeps a Home Assistant of this home told. labels: what each value is called, in the language of the configuration."""

    def __init__(self, settings: HomeAssistant, home: str, house: House, changes: Changes, labels: Mapping[str, str]) -> None:
        self._settings = settings
        self._home = home
        self._house = house
        self._changes = changes
        self._labels = labels
        self._log: FilteringBoundLogger = house.log
        self._loop = asyncio.get_running_loop()
        self._there: dict[str, str] = {}
        self._connected = asyncio.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"foyer_{home}", protocol=paho.MQTTv5)
        if settings.user:
            self._client.username_pw_set(settings.user, password_in(settings))
        self._client.will_set(home_assistant.availability_topic(home), home_assistant.OFFLINE, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self._tell(self._lost)
        self._client.on_message = self._on_message

    async def run(self) -> None:
        """Tell what changed, at most once a second, until cancelled; then say goodbye."""
        try:
            await self._stay_connected()
        finally:
            if self._connected.is_set():
                self._client.publish(home_assistant.availability_topic(self._home), home_assistant.OFFLINE, qos=1, retain=True)
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    async def _stay_connected(self) -> None:
        pause_s = _LEAST_PAUSE_S
        with self._changes.watch() as watcher:
            while True:
                if not self._connected.is_set():
                    await self._connect()
                    pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
                else:
                    pause_s = _LEAST_PAUSE_S
                    self._publish()
                await watcher.next(pause_s if not self._connected.is_set() else _LONGEST_PAUSE_S)
                await asyncio.sleep(_LEAST_PAUSE_S)

    async def _connect(self) -> None:
        address = await asyncio.to_thread(at_home, self._settings.host)
        if address is None:
            self._log.warning("home_assistant.not_at_home")
            return
        await asyncio.to_thread(self._client.loop_stop)
        self._client.connect_async(address, self._settings.port, keepalive=_KEEP_ALIVE_S)
        self._client.loop_start()
        try:
            async with asyncio.timeout(5):
                await self._connected.wait()
        except TimeoutError:
            return
        # what is retained comes at once after the subscription; a moment for it, so that what is gone is taken away
        await asyncio.sleep(_LEAST_PAUSE_S)

    def _publish(self) -> None:
        wanted = home_assistant.messages(self._home, *self._facts(), self._labels)
        wanted[home_assistant.availability_topic(self._home)] = home_assistant.ONLINE
        for topic, payload in home_assistant.changes(self._there, wanted):
            self._client.publish(topic, payload, qos=1, retain=True)
        self._there = wanted

    def _facts(self) -> tuple[list[Told], list[Latest]]:
        learnt = self._house.buffer.read(households.devices)
        told = []
        for device in self._house.enrolments.devices:
            facts = learnt.get(device.kid, {})
            seen_ms = facts.get("last_seen_ms")
            seen = None if seen_ms is None else datetime.datetime.fromtimestamp(seen_ms // 60_000 * 60, datetime.UTC).isoformat()
            fault = facts.get("last_fault") is not None
            told.append(Told(device.kid.hex(), device.kind, device.name, facts.get("battery_percent"), seen, fault))
        ticked = self._house.buffer.read(ticks)
        latest = []
        for subject, row in self._house.subjects().items():
            kinds = (readings.CLIMATE,) if row["kind"] == views.ROOM else home_assistant.HEALTH
            for kind in kinds:
                if row["kind"] == views.ROOM or (subject, kind) in ticked:
                    found = questions.latest(self._house.buffer.reader, subject, kind)
                    if found is not None:
                        latest.append(Latest(subject, row["name"], kind, views.values_of(kind, found["signed"])))
        return told, latest

    def rung(self, ring: Ring, room: str) -> None:
        """Tell an alarm as it happens; nothing of it is retained. While the broker is away, the page and the browsers have it."""
        if self._connected.is_set():
            payload = {"alarm": ring.kind, "what": ring.event, "room": room}
            self._client.publish(home_assistant.alarm_topic(self._home, ring.kid.hex()), json.dumps(payload), qos=1)

    # --- in paho's thread

    def _on_connect(self, client: paho.Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            self._tell(self._refused, str(reason))
        else:
            client.subscribe([(topic, SubscribeOptions(qos=1, noLocal=True)) for topic in home_assistant.filters(self._home)])
            self._tell(self._came)

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        if message.retain and message.payload:
            self._tell(self._there.setdefault, message.topic, message.payload.decode(errors="replace"))

    def _tell(self, what: Any, *facts: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *facts)
        except RuntimeError:  # the loop has closed: the gateway is ending, and nobody listens
            return

    # --- in the loop

    def _came(self) -> None:
        self._there = {}
        self._connected.set()
        self._log.info("home_assistant.connected")
        self._changes.happened()

    def _lost(self) -> None:
        if self._connected.is_set():
            self._connected.clear()
            self._log.info("home_assistant.lost")

    def _refused(self, reason: str) -> None:
        self._log.warning("home_assistant.refused", reason=reason)


def at_home(host: str) -> str | None:
    """Return an address of a host if every address of it is in this home: loopback, private or link-local; else None."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return None
    parsed = [ipaddress.ip_address(each.partition("%")[0]) for each in sorted(found)]
    if not parsed or not all(each.is_private or each.is_loopback or each.is_link_local for each in parsed):
        return None
    return str(min(parsed, key=lambda each: each.version))


def password_in(settings: HomeAssistant) -> str:
    """Return the broker's password from its file. Raises FileUnusable."""
    if settings.password_file is None:
        return ""
    try:
        return settings.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not text"
        raise FileUnusable(settings.password_file, str(cause), "set home_assistant.password_file to the file of its password") from None


def home_name(connection: Connection) -> str:
    """Return the random name under which this home is told of, made once."""
    name = households.household(connection, _NAME)
    if name is None:
        name = secrets.token_hex(4)
        households.set_household(connection, _NAME, name)
    return name


def ticks(connection: Connection) -> set[tuple[int, int]]:
    """Return whose readings of which kind the owner ticked."""
    return {(row["subject"], row["kind"]) for row in connection.execute("SELECT * FROM neighbour_ticks")}


def set_ticks(connection: Connection, ticked: list[tuple[int, int]], now_ms: int) -> None:
    """Set them."""
    connection.execute("DELETE FROM neighbour_ticks")
    connection.executemany("INSERT INTO neighbour_ticks VALUES (?, ?)", ticked)
    ledger.add(connection, SETTLED, _NAME, None, len(ticked), now_ms)
