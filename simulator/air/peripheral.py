"""The Bluetooth part of one board: a Bumble host on the air, doing what `simulator/port/bluetooth.py` asks and telling what happens.

Faithful where MicroPython's port is awkward: an attribute's buffer has 20 bytes until told otherwise and cuts what is longer without a
word; a notification goes out whether or not anybody asked for it, and is refused (ENOMEM) while too many wait; descriptors of
notifications stand open to everybody; bonds are the firmware's to keep. Bumble reads no permissions, so they are checked here.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from bumble import att, hci, pairing
from bumble.core import UUID, BaseBumbleError
from bumble.device import AdvertisingType, Connection, Device, DeviceConfiguration, ObjectLookupError
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.host import Host
from bumble.keys import KeyStore, PairingKeys

from simulator.air.radio import Medium, Radio
from simulator.errors import PortRefused

# what simulator/port/bluetooth.py asks for; it holds the same numbers
ACTIVE, CONFIG, REGISTER, READ, WRITE, NOTIFY, INDICATE, BUFFER, ADVERTISE, DISCONNECT, PAIR, ANSWER = range(12)
BOND, MITM, IO, SECURE, MTU, ADDRESS_MODE, RX_BUFFER = range(7)
# events of the stock port
CENTRAL_CONNECT, CENTRAL_DISCONNECT, GATTS_WRITE, GATTS_READ_REQUEST = 1, 2, 3, 4
INDICATE_DONE, MTU_EXCHANGED, ENCRYPTION_UPDATE, GET_SECRET, SET_SECRET = 20, 21, 28, 29, 30
OUR_SECRET, PEER_SECRET = 1, 2

EINVAL, ENOMEM, ENOTCONN, ENODEV = 22, 12, 128, 19
BUFFER_BYTES = 20
MOST_WAITING = 12  # packets of a link that the stack holds; NimBLE's msys pool has as many blocks
ROTATE_s = 900.0
MOST_MTU = 517  # of every board's stack; a bench lowers it
_ENCRYPTED, _AUTHENTICATED = 0x0200 | 0x1000, 0x0400 | 0x2000
_ANSWERS_WITHIN_s = 5.0
_NOBODY = 0xFFFF
_UNIT_us = 625


class Value:
    """A characteristic's value in the device."""

    def __init__(self, characteristic: Characteristic[bytes], flags: int) -> None:
        self.characteristic = characteristic
        self.flags = flags
        self.most_bytes = BUFFER_BYTES
        self.appends = False
        self.data = b""

    def take(self, data: bytes) -> None:
        """Keep what fits, and say nothing of the rest."""
        self.data = ((self.data if self.appends else b"") + data)[: self.most_bytes]


class Settings(NamedTuple):
    """What `config` sets."""

    bond: int = 0
    mitm: int = 0
    io: int = 3
    secure: int = 0
    mtu: int = 256
    address_mode: int = 0
    rx_buffer: int = 256


class _Stack(Host):
    """Bumble's host; what it hears of a link that is over already is nothing, where Bumble's own raises."""

    def on_packet(self, packet: bytes) -> None:
        with contextlib.suppress(ObjectLookupError):
            super().on_packet(packet)


class Peripheral:
    """One board's Bluetooth. tell(event, number, payload): an event for the firmware; number: not 0 when it has to be answered."""

    def __init__(self, air: Medium, name: str, chip: bytes) -> None:
        self.tell: Callable[[int, int, bytes], None] = lambda _event, _number, _payload: None
        self._air = air
        self._name = name
        self._chip = chip
        self._radio: Radio | None = None
        self._device: Device | None = None
        self._values: dict[int, Value] = {}
        self._connections: dict[int, Connection] = {}
        self._settings = list(Settings())
        self._questions: dict[int, asyncio.Future[bytes]] = {}
        self._asked = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._work: asyncio.Queue[Coroutine[Any, Any, Any]] = asyncio.Queue()
        self._pairing: set[int] = set()
        self._does: dict[int, Callable[[bytes], bytes | None]] = {
            ACTIVE: self._active,
            CONFIG: self._config,
            REGISTER: self._register,
            READ: lambda body: self._value(body).data,
            WRITE: self._write,
            NOTIFY: self._notify,
            INDICATE: self._indicate,
            BUFFER: self._buffer,
            ADVERTISE: self._advertise,
            DISCONNECT: self._disconnect,
            PAIR: self._pair,
            ANSWER: self._answer,
        }

    @property
    def address(self) -> str:
        """The address that is on the air now."""
        return "" if self._device is None else str(self._device.random_address)

    def do(self, body: bytes) -> bytes:
        """Do what the port asks. Raises PortRefused."""
        if body[0] not in (ACTIVE, CONFIG) and self._device is None:
            raise PortRefused(ENODEV)
        return self._does[body[0]](body[1:]) or b""

    def lose_power(self) -> None:
        """Fall silent, and forget all but the chip's own address."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        while not self._work.empty():
            self._work.get_nowait().close()
        if self._radio is not None:
            self._air.part(self._radio)
        self._radio = self._device = None
        self._values.clear()
        self._connections.clear()
        self._pairing.clear()
        self._settings = list(Settings())
        for future in self._questions.values():
            future.cancel()
        self._questions.clear()

    # what is asked

    def _active(self, body: bytes) -> None:
        if not body[0]:
            self.lose_power()
        elif self._device is None:
            self._radio = self._air.join(self._name)
            host = _Stack()
            host.set_packet_sink(self._radio)
            self._radio.set_packet_sink(host)
            static = bytearray(self._chip)
            static[5] |= 0xC0
            configuration = DeviceConfiguration(
                name="",
                address=hci.Address(bytes(static), hci.Address.RANDOM_DEVICE_ADDRESS),
                irk=(self._chip * 3)[:16],
                le_privacy_enabled=self._settings[ADDRESS_MODE] == 2,
                le_rpa_timeout=0,
            )
            device = Device(config=configuration, host=host)
            device.keystore = FirmwareKeys(self)
            device.pairing_config_factory = self._pairing_rules
            device.gatt_server.max_mtu = min(MOST_MTU, self._settings[MTU])
            device.on("connection", self._connected)
            self._device = device
            self._spawn(self._run(device))

    def _config(self, body: bytes) -> None:
        key, value = struct.unpack("<BH", body)
        self._settings[key] = value
        if key == MTU and self._device is not None:
            self._device.gatt_server.max_mtu = min(MOST_MTU, value)

    def _register(self, body: bytes) -> bytes:
        device = self._running()
        at = 1
        handles = b""
        for _ in range(body[0]):
            uuid, at = _uuid(body, at)
            count = body[at]
            at += 1
            made = []
            for _ in range(count):
                characteristic_uuid, at = _uuid(body, at)
                flags = int.from_bytes(body[at : at + 2], "little")
                at += 2
                made.append(self._characteristic(characteristic_uuid, flags))
            device.add_service(Service(uuid, [value.characteristic for value in made]))
            for value in made:
                self._values[value.characteristic.handle] = value
                handles += value.characteristic.handle.to_bytes(2, "little")
        return handles

    def _characteristic(self, uuid: UUID, flags: int) -> Value:
        permissions = att.Attribute.Permissions(0)
        if flags & 0x02:
            permissions |= att.Attribute.Permissions.READABLE
        if flags & 0x0C:
            permissions |= att.Attribute.Permissions.WRITEABLE
        characteristic: Characteristic[bytes] = Characteristic(uuid, Characteristic.Properties(flags & 0x3E), permissions, b"")
        value = Value(characteristic, flags)

        async def read(connection: Any) -> bytes:
            return await self._read_by(connection, value)

        def write(connection: Any, data: bytes) -> None:
            self._written_by(connection, value, data)

        characteristic.value = CharacteristicValue(read=read, write=write)
        return value

    def _write(self, body: bytes) -> None:
        value = self._value(body)
        value.data = body[3:]
        value.most_bytes = max(value.most_bytes, len(value.data))  # a local write makes room, as the stock port does
        if body[2]:
            for connection in self._connections.values():
                self._later(self._running().notify_subscriber(connection, value.characteristic, value.data))

    def _notify(self, body: bytes) -> None:
        connection, value, data = self._outgoing(body)
        self._later(self._running().notify_subscriber(connection, value.characteristic, data, force=True))

    def _indicate(self, body: bytes) -> None:
        connection, value, data = self._outgoing(body)
        self._spawn(self._indicated(connection, value, data))

    async def _indicated(self, connection: Connection, value: Value, data: bytes) -> None:
        status = 0
        try:
            await self._running().gatt_server.indicate_subscriber(connection, value.characteristic, data, force=True)
        except (TimeoutError, BaseBumbleError, asyncio.CancelledError, PortRefused):
            status = ENOTCONN
        self.tell(INDICATE_DONE, 0, struct.pack("<HHB", connection.handle, value.characteristic.handle, status))

    def _outgoing(self, body: bytes) -> tuple[Connection, Value, bytes]:
        connection = self._connection(body)
        value = self._values.get(int.from_bytes(body[2:4], "little"))
        if value is None:
            raise PortRefused(EINVAL)
        if self._work.qsize() + self._air.backlog(self._name) >= MOST_WAITING:
            raise PortRefused(ENOMEM)
        return connection, value, (body[5:] if body[4] else value.data)[: connection.att_mtu - 3]

    def _buffer(self, body: bytes) -> None:
        value = self._value(body)
        value.most_bytes, value.appends = int.from_bytes(body[2:4], "little"), bool(body[4])

    def _advertise(self, body: bytes) -> None:
        interval_us, connectable, count = struct.unpack_from("<IBB", body)
        advertised, answered = body[6 : 6 + count], body[6 + count :]
        if interval_us == 0:
            self._later(self._running().stop_advertising())
            return
        kind = AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE if connectable else AdvertisingType.UNDIRECTED
        self._later(self._advertised(kind, interval_us, advertised, answered))

    async def _advertised(self, kind: AdvertisingType, interval_us: int, advertised: bytes, answered: bytes) -> None:
        await self._running().start_advertising(
            kind,
            advertising_data=advertised,
            scan_response_data=answered,
            advertising_interval_min=interval_us / 1000,
            advertising_interval_max=interval_us / 1000,
        )

    def _disconnect(self, body: bytes) -> bytes:
        handle = int.from_bytes(body[:2], "little")
        if handle not in self._connections:
            return b"\0"
        self._later(self._connections[handle].disconnect())
        return b"\1"

    def _pair(self, body: bytes) -> None:
        self._connection(body).request_pairing()

    def _answer(self, body: bytes) -> None:
        future = self._questions.pop(int.from_bytes(body[:2], "little"), None)
        if future is not None and not future.done():
            future.set_result(body[2:])

    # what happens

    async def ask(self, event: int, payload: bytes) -> bytes:
        """Tell the firmware something that it has to answer; b"" when it does not, in time."""
        self._asked = self._asked % 0xFFFF + 1
        future = self._questions[self._asked] = asyncio.get_running_loop().create_future()
        self.tell(event, self._asked, payload)
        try:
            return await asyncio.wait_for(future, _ANSWERS_WITHIN_s)
        except TimeoutError:
            return b""

    async def _run(self, device: Device) -> None:
        """Switch on, then do what is asked in the order in which it was asked; take another address when it is time."""
        await device.power_on()
        loop = asyncio.get_running_loop()
        rotated_s = loop.time()
        while True:
            work = await self._work.get()
            with contextlib.suppress(BaseBumbleError, TimeoutError):
                await work
            if device.le_privacy_enabled and loop.time() - rotated_s > ROTATE_s and not (device.is_advertising or self._connections):
                rotated_s = loop.time()
                await self._rotate(device)

    async def _rotate(self, device: Device) -> None:
        device.random_address = hci.Address.generate_private_address(device.irk)  # Bumble's own update sends the old one
        await device.send_sync_command(hci.HCI_LE_Set_Random_Address_Command(random_address=device.random_address))

    def _connected(self, connection: Connection) -> None:
        self._connections[connection.handle] = connection
        self.tell(CENTRAL_CONNECT, 0, _peer(connection))
        connection.on("disconnection", lambda _reason: self._disconnected(connection))
        connection.on(
            "connection_att_mtu_update", lambda: self.tell(MTU_EXCHANGED, 0, struct.pack("<HH", connection.handle, connection.att_mtu))
        )
        connection.on("pairing_start", lambda: self._pairing.add(connection.handle))
        connection.on("pairing", lambda keys: self._secured(connection, keys))
        connection.on("pairing_failure", lambda _reason: self._insecure(connection))
        connection.on("connection_encryption_change", lambda: self._enciphered(connection))
        connection.on("connection_encryption_failure", lambda _error: self._insecure(connection))

    def _disconnected(self, connection: Connection) -> None:
        if self._connections.pop(connection.handle, None) is not None:
            self._pairing.discard(connection.handle)
            self.tell(CENTRAL_DISCONNECT, 0, _peer(connection))

    def _secured(self, connection: Connection, keys: PairingKeys) -> None:
        self._pairing.discard(connection.handle)
        authenticated = bool(keys.ltk and keys.ltk.authenticated)
        self._say_security(connection, True, authenticated, bool(self._settings[BOND]))

    def _insecure(self, connection: Connection) -> None:
        self._pairing.discard(connection.handle)
        self._say_security(connection, False, False, False)

    def _enciphered(self, connection: Connection) -> None:
        if connection.handle not in self._pairing:  # NimBLE says so once, when the keys are exchanged
            self._say_security(connection, connection.is_encrypted, connection.authenticated, True)

    def _say_security(self, connection: Connection, encrypted: bool, authenticated: bool, bonded: bool) -> None:
        self.tell(ENCRYPTION_UPDATE, 0, struct.pack("<HBBBB", connection.handle, encrypted, authenticated, bonded, 16 if encrypted else 0))

    async def _read_by(self, connection: Connection, value: Value) -> bytes:
        self._may(connection, value, 0x0200, 0x0400, 0x02, att.ATT_READ_NOT_PERMITTED_ERROR)
        answer = await self.ask(GATTS_READ_REQUEST, struct.pack("<HH", connection.handle, value.characteristic.handle))
        if answer and answer[0]:
            raise att.ATT_Error(att.ErrorCode(answer[0]), value.characteristic.handle)
        return value.data

    def _written_by(self, connection: Connection, value: Value, data: bytes) -> None:
        self._may(connection, value, 0x1000, 0x2000, 0x0C, att.ATT_WRITE_NOT_PERMITTED_ERROR)
        value.take(data)
        self.tell(GATTS_WRITE, 0, struct.pack("<HH", connection.handle, value.characteristic.handle) + value.data)

    def _may(self, connection: Connection, value: Value, enciphered: int, authenticated: int, wanted: int, error: att.ErrorCode) -> None:
        if not value.flags & wanted:
            raise att.ATT_Error(error, value.characteristic.handle)
        if value.flags & (enciphered | authenticated) and not connection.is_encrypted:
            raise att.ATT_Error(att.ATT_INSUFFICIENT_ENCRYPTION_ERROR, value.characteristic.handle)
        if value.flags & authenticated and not connection.authenticated:
            raise att.ATT_Error(att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR, value.characteristic.handle)

    # inside

    def _pairing_rules(self, _connection: Connection) -> pairing.PairingConfig:
        capability = pairing.PairingDelegate.IoCapability(self._settings[IO])
        return pairing.PairingConfig(
            sc=bool(self._settings[SECURE]),
            mitm=bool(self._settings[MITM]),
            bonding=bool(self._settings[BOND]),
            delegate=pairing.PairingDelegate(capability),
            identity_address_type=pairing.PairingConfig.AddressType.RANDOM,
        )

    def _running(self) -> Device:
        if self._device is None:
            raise PortRefused(ENODEV)
        return self._device

    def _connection(self, body: bytes) -> Connection:
        connection = self._connections.get(int.from_bytes(body[:2], "little"))
        if connection is None:
            raise PortRefused(ENOTCONN)
        return connection

    def _value(self, body: bytes) -> Value:
        value = self._values.get(int.from_bytes(body[:2], "little"))
        if value is None:
            raise PortRefused(EINVAL)
        return value

    def _later(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work.put_nowait(work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class FirmwareKeys(KeyStore):
    """Bonds that the firmware keeps, asked for by the events of its secrets."""

    def __init__(self, peripheral: Peripheral) -> None:
        self._peripheral = peripheral

    async def update(self, name: str, keys: PairingKeys) -> None:
        address = bytes(hci.Address(name))
        kind = 0 if keys.address_type is None else int(keys.address_type)
        key = bytes((kind,)) + address
        long_term = keys.ltk or keys.ltk_peripheral
        if long_term is not None:
            value = bytes((long_term.authenticated,)) + long_term.value
            await self._peripheral.ask(SET_SECRET, bytes((OUR_SECRET, len(key))) + key + value)
        irk = b"" if keys.irk is None else keys.irk.value
        await self._peripheral.ask(SET_SECRET, bytes((PEER_SECRET, len(key))) + key + key + irk)

    async def get(self, name: str) -> PairingKeys | None:
        for each, keys in await self.get_all():
            if each == name:
                return keys
        return None

    async def get_all(self) -> list[tuple[str, PairingKeys]]:
        found = []
        index = 0
        while peer := await self._peripheral.ask(GET_SECRET, bytes((PEER_SECRET, index, 0))):
            index += 1
            key, irk = peer[:7], peer[7:23]
            own = await self._peripheral.ask(GET_SECRET, bytes((OUR_SECRET, 0, len(key))) + key)
            if len(own) != 17:
                continue
            keys = PairingKeys(
                address_type=hci.AddressType(key[0]),
                ltk=PairingKeys.Key(own[1:], bool(own[0])),
                irk=PairingKeys.Key(irk) if len(irk) == 16 else None,
            )
            found.append((str(hci.Address(key[1:], hci.AddressType(key[0]))), keys))
        return found

    async def delete(self, name: str) -> None:
        """Leave it: the firmware forgets for itself."""


def _peer(connection: Connection) -> bytes:
    return struct.pack("<HB", connection.handle, connection.peer_address.address_type) + bytes(connection.peer_address)[::-1]


def _uuid(body: bytes, at: int) -> tuple[UUID, int]:
    size = body[at]
    return UUID.from_bytes(body[at + 1 : at + 1 + size]), at + 1 + size
