"""The devices' other door: Bluetooth LE, on bleak. Scans for this home's devices, visits those with something to say, and leaves again.

A visit is a link: bonded, listened to, READY, then fragments (`protocol/frames.py`) of the same CoAP messages that the UDP door takes, and
they go through the same filter and the same contexts. Several visits go on at once, the device that was visited longest ago first, so
that a busy one keeps nobody else waiting. A bond is made once, while there is no record of one, or during a pairing; what was bonded and
is no more is an error for the family to see, and is never bonded anew in silence.
"""

import asyncio
import contextlib
import hmac
import importlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiocoap import interfaces
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakError
from structlog.typing import FilteringBoundLogger

from gateway.devices import Device
from gateway.edges.way import Way
from protocol import faults, frames, nearby
from protocol.errors import BadFragment

_MOST_VISITS = 3  # at once: what an ordinary adapter holds beside the family's own earphones
_HEARD_S = 6.0  # what was heard longer ago may be gone
_CONNECT_S = 8.0
_QUIET_S = 6.0  # without a word the visit is over: an introduction's arithmetic takes a device two seconds, and a busy one more
_QUIET_AWAITED_S = 3.0  # the same while another device waits
_LONGEST_S = 30.0  # then another's turn comes
_AGAIN_S = 0.5  # after a visit that failed, doubling; somebody may stand on a scale at the edge of what is heard
_LONGEST_AGAIN_S = 15.0
_LOST_AGAIN_S = 600.0  # a lost bond is looked at again, and left as it is
_UNSAFE = 3  # links in a row that broke when they were to become safe: BlueZ shows a lost bond so, too
_COURTESY_S = 600.0  # a device with nothing to say is visited so often, that it may say how it is and be told something
_SCAN_S = 10.0  # then the scan begins anew: an adapter that was switched off says nothing
_LOOK_S = 0.05
_RADIO_AGAIN_S = 3.0
_LARGEST_BYTES = 1200


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


class Near(interfaces.EndpointAddress):  # type: ignore[misc]  # aiocoap's interface is untyped
    """One visit, as aiocoap sees who speaks."""

    is_multicast = False
    is_multicast_locally = False
    scheme = "coap"
    hostinfo = hostinfo_local = "nearby"
    uri_base = uri_base_local = "coap://nearby"

    def __init__(self, carry: Callable[[bytes], object], host: str) -> None:
        """host: where it is, for whoever wants it proved that the device is there."""
        self.carry = carry
        self.host = host

    def __repr__(self) -> str:
        return "Near"  # logs hold no addresses

    @property
    def blockwise_key(self) -> "Near":
        return self


class Bonds:
    """Which devices this home is bonded with, in a file: bluetoothd keeps the keys, and does not say that it lost them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._kids = set(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            self._kids = set()

    def has(self, device: Device) -> bool:
        """Return whether a bond was made."""
        return device.kid.hex() in self._kids

    def put(self, device: Device, bonded: bool) -> None:
        """Write down that there is one, or none."""
        if self.has(device) != bonded:
            (self._kids.add if bonded else self._kids.discard)(device.kid.hex())
            beside = self._path.with_suffix(".new")
            beside.write_text(json.dumps(sorted(self._kids)), encoding="utf-8")
            beside.replace(self._path)


@dataclass
class _Heard:
    """What was heard of one device, and how visits to it went."""

    radio: BLEDevice
    flags: int
    device: Device | None
    at_s: float
    visited_s: float = -1e9
    not_before_s: float = 0.0
    failures: int = 0
    unsafe: int = 0  # visits in a row in which the bond did not make the link safe
    visiting: bool = field(default=False)


class BondLost(Exception):
    """One end has lost the bond."""


class Nearby:
    """devices(): those in force; take(datagram, who): to the door; ordered(device): whether something waits for it; pairing(): whether
    somebody is being paired; doubt(device, fault): what the family is to see, or 0 when it is over; backend: a module with Scanner and
    Client for bleak, None: bleak's own.
    """

    def __init__(
        self,
        devices: Callable[[], list[Device]],
        take: Callable[[bytes, Near], None],
        bonds: Bonds,
        way: Way,
        log: FilteringBoundLogger,
        ordered: Callable[[Device], bool] = lambda _: False,
        pairing: Callable[[], bool] = lambda: False,
        doubt: Callable[[Device, int], None] = lambda _device, _fault: None,
        backend: Any = None,
        most_visits: int = _MOST_VISITS,
    ) -> None:
        self._devices = devices
        self._take = take
        self._bonds = bonds
        self._way = way
        self._log = log
        self._ordered = ordered
        self._pairing = pairing
        self._doubt = doubt
        self._backend = backend
        self._most_visits = most_visits
        self._heard: dict[str, _Heard] = {}
        self._last: dict[bytes, _Heard] = {}  # by key id: a device whose address has changed is still the same
        self._visits: set[asyncio.Task[None]] = set()
        self._off = False  # a visit found the adapter gone
        self.doubts: dict[bytes, int] = {}

    async def run(self) -> None:
        """Scan and visit until cancelled; while Bluetooth is off, look every few seconds whether it is back."""
        was_on = True
        try:
            while True:
                try:
                    await self._scan()
                except (BleakError, OSError) as error:
                    if was_on:
                        self._log.warning("ble.off", reason=type(error).__name__)
                        self._way.count("ble_off")
                    was_on = False
                    await asyncio.sleep(_RADIO_AGAIN_S)
                else:
                    was_on = True
        finally:
            for visit in self._visits:
                visit.cancel()
            await asyncio.gather(*self._visits, return_exceptions=True)

    async def _scan(self) -> None:
        """Scan until no visit is due, then let the visits have the radio; return now and then, so that a lost adapter shows."""
        chosen = {} if self._backend is None else {"backend": self._backend.Scanner}
        scanner = BleakScanner(self._hear, [nearby.SERVICE], **chosen)
        await scanner.start()
        try:
            until_s = time.monotonic() + _SCAN_S
            while time.monotonic() < until_s:
                if self._off:
                    self._off = False
                    raise BleakError("off")
                self._begin_visits()
                await asyncio.sleep(_LOOK_S)
        finally:
            await scanner.stop()

    def _hear(self, radio: BLEDevice, said: AdvertisementData) -> None:
        found = nearby.decode(said.manufacturer_data.get(nearby.COMPANY, b""))
        if found is None:
            return
        model, flags, nonce, tagged = found
        now_s = time.monotonic()
        heard = self._heard.get(radio.address)
        if heard is not None:
            heard.radio, heard.flags, heard.at_s = radio, flags, now_s
            if heard.device in self._devices() or (heard.device is None and not flags & nearby.PAIRING):
                return
        device = self._known(model, nonce, tagged)
        if device is None and not flags & nearby.PAIRING:
            return
        before = self._last.get(device.kid) if device is not None else heard
        made = _Heard(radio, flags, device, now_s)
        if before is not None:
            made.visited_s, made.failures, made.unsafe = before.visited_s, before.failures, before.unsafe
            made.visiting = before.visiting
            made.not_before_s = 0.0 if flags & nearby.PAIRING else before.not_before_s
        self._heard[radio.address] = made
        if device is not None:
            self._last[device.kid] = made

    def _known(self, model: str, nonce: bytes, tagged: bytes) -> Device | None:
        """Return which of this home's devices says so; nobody else can make its tag."""
        for device in self._devices():
            if device.kind == model and hmac.compare_digest(nearby.tag(device.pairing, nonce, _hmac), tagged):
                return device
        return None

    def _begin_visits(self) -> None:
        now_s = time.monotonic()
        for address in [address for address, heard in self._heard.items() if now_s - heard.at_s > _HEARD_S and not heard.visiting]:
            del self._heard[address]
        due = [heard for heard in self._heard.values() if self._is_due(heard, now_s)]
        for heard in sorted(due, key=lambda each: each.visited_s)[: max(0, self._most_visits - len(self._visits))]:
            heard.visiting = True
            task = asyncio.get_running_loop().create_task(self._visit(heard))
            self._visits.add(task)
            task.add_done_callback(self._visits.discard)

    def _is_due(self, heard: _Heard, now_s: float) -> bool:
        if heard.visiting or now_s < heard.not_before_s:
            return False
        if heard.flags & nearby.PAIRING:
            return self._pairing()
        if heard.device is None:
            return False
        return bool(heard.flags & nearby.WAITING) or self._ordered(heard.device) or now_s - heard.visited_s > _COURTESY_S

    async def _visit(self, heard: _Heard) -> None:
        device = heard.device
        try:
            await self._meet(heard)
            heard.failures, heard.not_before_s = 0, 0.0
            if device is not None and self.doubts.pop(device.kid, 0):
                self._doubt(device, 0)
        except BondLost:
            heard.not_before_s = time.monotonic() + _LOST_AGAIN_S
            self._way.refuse("bond_lost")
            if device is not None:
                self._log.error("ble.bond_lost", kid=device.kid.hex())
                self.doubts[device.kid] = faults.BOND_LOST
                self._doubt(device, faults.BOND_LOST)
        except (BleakError, TimeoutError, OSError, BadFragment) as error:
            self._off = self._off or isinstance(error, BleakBluetoothNotAvailableError)
            if len(self._visits) > 1:
                heard.failures = 0  # the radio is full: another visit's end makes room
            heard.failures += 1
            heard.not_before_s = time.monotonic() + min(_AGAIN_S * 2 ** (heard.failures - 1), _LONGEST_AGAIN_S)
            self._way.count("ble_broken")
            self._log.info("ble.broken", kid=device.kid.hex() if device else "", reason=type(error).__name__)
        finally:
            heard.visited_s = time.monotonic()
            # heard anew meanwhile, under another address, or under this one by a device that is still nobody's
            later = self._heard.get(heard.radio.address) if device is None else self._last.get(device.kid)
            for each in (heard, later or heard):
                each.visiting, each.visited_s = False, heard.visited_s
                each.not_before_s, each.failures, each.unsafe = heard.not_before_s, heard.failures, heard.unsafe

    async def _meet(self, heard: _Heard) -> None:
        """One visit. Raises BleakError, TimeoutError, BadFragment: it broke; BondLost."""
        chosen = {} if self._backend is None else {"backend": self._backend.Client}
        lost = asyncio.Event()
        client = BleakClient(heard.radio, lambda _: lost.set(), [nearby.SERVICE], timeout=_CONNECT_S, **chosen)
        async with contextlib.AsyncExitStack() as stack:
            await client.connect()
            stack.push_async_callback(_leave, client)
            packets: list[bytes] = []
            bonds_now = heard.device is None or bool(heard.flags & nearby.PAIRING) or not self._bonds.has(heard.device)
            if bonds_now:
                try:
                    await client.pair()
                except BleakError:
                    if heard.flags & nearby.PAIRING:  # it has forgotten us, and a person stands beside it: begin anew
                        with contextlib.suppress(BleakError):
                            await client.unpair()
                    raise
            await client.start_notify(nearby.OUTBOX, lambda _, data: packets.append(bytes(data)))
            try:
                await client.write_gatt_char(nearby.INBOX, nearby.READY, response=True)
            except BleakError:
                heard.unsafe += 1
                if bonds_now or heard.device is None or (lost.is_set() and heard.unsafe < _UNSAFE):
                    raise  # a device that just went tells nothing of its bond
                raise BondLost from None
            heard.unsafe = 0
            self._way.count("ble_visit")
            if heard.device is not None:
                self._bonds.put(heard.device, True)
            await self._converse(client, packets, lost)

    def _awaited(self) -> bool:
        """Return whether a device waits for a visit that cannot begin yet."""
        now_s = time.monotonic()
        return len(self._visits) >= self._most_visits and any(self._is_due(heard, now_s) for heard in self._heard.values())

    async def _converse(self, client: BleakClient, packets: list[bytes], lost: asyncio.Event) -> None:
        inbox = client.services.get_characteristic(nearby.INBOX)
        if inbox is None:
            raise BleakError("no inbox")
        # not the client's own figure: on BlueZ only a value knows the link's, and the client says 23
        stream = frames.Stream(inbox.max_write_without_response_size, _LARGEST_BYTES)
        who = Near(stream.send, f"bluetooth {client.address}")
        loop = asyncio.get_running_loop()
        began_s = quiet_s = loop.time()
        while not lost.is_set():
            now_ms = int(loop.time() * 1000)
            while packets:
                quiet_s = loop.time()
                whole = stream.feed(packets.pop(0), now_ms)
                if whole is not None:
                    self._take(whole, who)
            while (packet := stream.poll(now_ms)) is not None:
                quiet_s = loop.time()
                await client.write_gatt_char(inbox, packet, response=False)
            if stream.failed:
                raise TimeoutError
            patience_s = _QUIET_AWAITED_S if self._awaited() else _QUIET_S
            if loop.time() - quiet_s > patience_s or (loop.time() - began_s > _LONGEST_S and stream.idle and self._awaited()):
                return
            await asyncio.sleep(0.01)


async def _leave(client: BleakClient) -> None:
    with contextlib.suppress(BleakError, OSError, EOFError):
        await client.disconnect()


def backend(name: str, address: str, folder: Path) -> Any:
    """Return the module of that name, told where its air is and where bonds are kept; None for bleak's own. Raises ImportError."""
    if name == "bleak":
        return None
    module = importlib.import_module(name)
    module.use(address, folder)
    return module
