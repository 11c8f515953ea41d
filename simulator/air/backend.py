"""bleak's backend on the simulated air: a gateway that speaks to BlueZ through bleak speaks here to a Bumble host, with the same code.

    use("127.0.0.1:4711", folder)          # the air's port, and where bonds are kept
    BleakScanner(..., backend=Scanner), BleakClient(..., backend=Client)

Like BlueZ it enciphers a link when a value asks for it, if the two are bonded, and never pairs of its own accord. Mended here: a cancelled
question of Bumble's gives the next one its answer, so none is cancelled; a link that breaks inside a question raises CancelledError, which
would end the caller.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakError, BleakGATTProtocolError
from bumble import att, hci
from bumble.core import AdvertisingData, BaseBumbleError
from bumble.device import Advertisement, Connection, Device, DeviceConfiguration, Peer
from bumble.gatt_client import CharacteristicProxy
from bumble.keys import JsonKeyStore
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport
from bumble.transport.common import Transport

_Result = TypeVar("_Result")
_NEEDS_BOND = (int(att.ATT_INSUFFICIENT_ENCRYPTION_ERROR), int(att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR))
_MTU = 247
_NAMES = ("broadcast", "read", "write-without-response", "write", "notify", "indicate")


async def ask(question: Awaitable[_Result]) -> _Result:
    """Return a question's answer; it goes on to its end even if the caller is cancelled. Raises BleakError."""
    task = asyncio.ensure_future(question)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():  # the link broke
            raise BleakError("disconnected") from None
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits for it any more
        raise
    except att.ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    except (BaseBumbleError, hci.HCI_Error, TimeoutError) as error:
        raise BleakError(str(error)) from error


class Adapter:
    """This machine's Bluetooth: one host on the air, made when first needed, and again when the air was away."""

    def __init__(self) -> None:
        self.address = ""
        self.folder = Path()
        self.name = ""  # how the air's control port calls it: its TCP port
        self._host: Device | None = None
        self._transport: Transport | None = None
        self._lock = asyncio.Lock()
        self.connecting = asyncio.Lock()  # a radio makes one connection at a time
        self.listeners: list[Callable[[Advertisement], None]] = []

    async def host(self) -> Device:
        """Return the host, switched on. Raises BleakBluetoothNotAvailableError: there is no air."""
        async with self._lock:
            if self._host is None:
                await self._open()
            assert self._host is not None  # noqa: S101 -- just made
            return self._host

    async def _open(self) -> None:
        try:
            self._transport = await open_transport(f"tcp-client:{self.address}")
        except OSError:
            raise BleakBluetoothNotAvailableError("no air", BleakBluetoothNotAvailableReason.POWERED_OFF) from None
        transport = self._transport
        self.name = str(transport.sink.transport.get_extra_info("sockname")[1])  # type: ignore[attr-defined]  # TCP's
        self.folder.mkdir(parents=True, exist_ok=True)
        own = self.folder / "radio"
        if not own.exists():
            own.write_bytes(secrets.token_bytes(22))
            own.chmod(0o600)
        secret = own.read_bytes()
        address = bytearray(secret[:6])
        address[5] |= 0xC0
        configuration = DeviceConfiguration(name="", address=hci.Address(bytes(address), hci.AddressType.RANDOM_DEVICE), irk=secret[6:])
        host = Device.from_config_with_hci(configuration, transport.source, transport.sink)
        host.keystore = JsonKeyStore("gateway", str(self.folder / "bonds.json"))
        random = PairingConfig.AddressType.RANDOM
        host.pairing_config_factory = lambda _connection: PairingConfig(True, False, True, PairingDelegate(), random)
        host.on("advertisement", self._heard)
        await ask(host.power_on())
        self._host = host
        transport.source.terminated.add_done_callback(lambda _: self._gone(host))

    def _gone(self, host: Device) -> None:
        """The air, or this machine's Bluetooth, was switched off."""
        if self._host is host:
            self._host = None
            for connection in list(host.connections.values()):
                connection.emit("disconnection", 0)
            host.connections.clear()

    def _heard(self, advertisement: Advertisement) -> None:
        for listener in list(self.listeners):
            listener(advertisement)

    async def close(self) -> None:
        """Leave the air."""
        host, self._host = self._host, None
        if self._transport is not None:
            await self._transport.close()
        if host is not None:
            for connection in list(host.connections.values()):
                connection.emit("disconnection", 0)


ADAPTER = Adapter()


def use(address: str, folder: Path) -> None:
    """Say where the air is, and where to keep bonds."""
    global ADAPTER
    ADAPTER = Adapter()
    ADAPTER.address, ADAPTER.folder = address, folder


async def close() -> None:
    """Leave the air."""
    await ADAPTER.close()


class Scanner(BaseBleakScanner):
    """Hears advertisements."""

    def __init__(
        self, detection_callback: AdvertisementDataCallback | None, service_uuids: list[str] | None, scanning_mode: str, **_: Any
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"
        self._adapter = ADAPTER

    async def start(self) -> None:
        host = await self._adapter.host()
        self.seen_devices = {}
        self._adapter.listeners.append(self._heard)
        await ask(host.start_scanning(legacy=True, active=self._active))

    async def stop(self) -> None:
        if self._heard in self._adapter.listeners:
            self._adapter.listeners.remove(self._heard)
        if not self._adapter.listeners:
            host = self._adapter._host
            if host is not None:
                with contextlib.suppress(BleakError):
                    await ask(host.stop_scanning(legacy=True))

    def _heard(self, advertisement: Advertisement) -> None:
        said = advertisement.data
        uuids = [
            str(uuid).lower()
            for kind in (
                AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
                AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
            )
            for found in said.get_all(kind)
            for uuid in (found if isinstance(found, list) else [found])
        ]
        if not self.is_allowed_uuid(uuids):
            return
        made = said.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA)
        data = AdvertisementData(None, {int(company): bytes(rest) for company, rest in made}, {}, uuids, None, advertisement.rssi, ())
        address = str(advertisement.address).removesuffix("/P")
        device = self.create_or_update_device(address, address, None, advertisement.address, data)
        self.call_detection_callbacks(device, data)


class Client(BaseBleakClient):
    """One link."""

    def __init__(
        self, address_or_ble_device: BLEDevice | str, disconnected_callback: Callable[[], None] | None, timeout: float, **_: Any
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        heard = address_or_ble_device.details if isinstance(address_or_ble_device, BLEDevice) else hci.Address(address_or_ble_device)
        self._peer_address: hci.Address = heard
        self._connection: Connection | None = None
        self._values: dict[int, CharacteristicProxy[bytes]] = {}
        self._adapter = ADAPTER

    @property
    def name(self) -> str:
        return self.address

    @property
    def mtu_size(self) -> int:
        return 23 if self._connection is None else self._connection.att_mtu

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **_: Any) -> None:
        host = await self._adapter.host()
        async with self._adapter.connecting:
            connection = await ask(host.connect(self._peer_address, timeout=self._timeout))
        self._connection = connection
        connection.on("disconnection", self._lost)
        try:
            await self._discover(connection)
            if pair:
                await self.pair()
        except BaseException:
            await self.disconnect()
            raise

    async def _discover(self, connection: Connection) -> None:
        peer = Peer(connection)
        await ask(peer.request_mtu(_MTU))
        await ask(peer.discover_services())
        self.services = BleakGATTServiceCollection()
        for found in peer.services:
            service = BleakGATTService(found, found.handle, str(found.uuid).lower())
            self.services.add_service(service)
            await ask(found.discover_characteristics())
            for value in found.characteristics:
                names: list[Any] = [name for place, name in enumerate(_NAMES) if int(value.properties) >> place & 1]
                made = BleakGATTCharacteristic(value, value.handle, _full(str(value.uuid)), names, lambda: self.mtu_size - 3, service)
                self._values[value.handle] = value
                self.services.add_characteristic(made)

    async def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(BleakError):
                await ask(connection.disconnect())
            if self._disconnected_callback is not None:
                self._disconnected_callback()

    def _lost(self, _reason: int) -> None:
        if self._connection is not None:
            self._connection = None
            if self._disconnected_callback is not None:
                self._disconnected_callback()

    async def pair(self, *_: Any, **__: Any) -> None:
        """Pair, or, with a bond, only encipher."""
        connection = self._linked()
        if await self._bonded(connection):
            await ask(connection.encrypt())
        else:
            await ask(connection.pair())

    async def unpair(self) -> None:
        host = await self._adapter.host()
        if host.keystore is not None and self._connection is not None:
            with contextlib.suppress(KeyError):
                await host.keystore.delete(str(self._connection.peer_address))
            await ask(host.refresh_resolving_list())

    async def _bonded(self, connection: Connection) -> bool:
        host = await self._adapter.host()
        return host.keystore is not None and await host.keystore.get(str(connection.peer_address)) is not None

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **_: Any) -> bytearray:  # noqa: ARG002
        return bytearray(await self._enciphered(lambda: self._value(characteristic).read_value()))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool) -> None:
        await self._enciphered(lambda: self._value(characteristic).write_value(bytes(data), with_response=response))

    async def read_gatt_descriptor(self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **_: Any) -> bytearray:
        """Refuse: bleak asks every backend for this, and nothing comes here, for services are listed without their descriptors.

        What notifications need of one is Bumble's, in `start_notify`.
        """
        raise NotImplementedError("services are listed here without descriptors, because the gateway reads none: list them before it does")

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        """Refuse, as `read_gatt_descriptor`."""
        raise NotImplementedError("services are listed here without descriptors, because the gateway writes none: list them before it does")

    async def start_notify(self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_: Any) -> None:
        value = self._value(characteristic)
        await ask(value.subscribe(lambda data: callback(bytearray(data))))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        await ask(self._value(characteristic).unsubscribe())

    async def _enciphered(self, question: Callable[[], Awaitable[_Result]]) -> _Result:
        """Ask; when the value wants a safe link and there is a bond, encipher and ask again."""
        try:
            return await ask(question())
        except BleakGATTProtocolError as refused:
            connection = self._linked()
            if int(refused.code) not in _NEEDS_BOND or connection.is_encrypted or not await self._bonded(connection):
                raise
        await ask(connection.encrypt())
        return await ask(question())

    def _linked(self) -> Connection:
        if self._connection is None:
            raise BleakError("not connected")
        return self._connection

    def _value(self, characteristic: BleakGATTCharacteristic) -> CharacteristicProxy[bytes]:
        self._linked()
        return self._values[characteristic.handle]


def _full(uuid: str) -> str:
    """Return a UUID with all its digits, as bleak has them."""
    text = uuid.lower().removeprefix("uuid-16:").split(" ")[0]
    return f"0000{text}-0000-1000-8000-00805f9b34fb" if len(text) == 4 else text
