"""A Bumble host that joins an air over TCP, for tests: a phone, a gateway, a stranger."""

import contextlib
from collections.abc import AsyncIterator

from bumble import hci
from bumble.device import Connection, Device, DeviceConfiguration, Peer
from bumble.gatt import Characteristic, Service
from bumble.gatt_client import CharacteristicProxy
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport

from simulator.air.ble import Air

SERVICE = "7b1ef000-4f6f-4a3e-9d6c-1f2e3d4c5b6a"
VALUE = "7b1ef001-4f6f-4a3e-9d6c-1f2e3d4c5b6a"


@contextlib.asynccontextmanager
async def an_air(**settings: object) -> AsyncIterator[Air]:
    """Give an open air with these settings."""
    air = Air(seed=7)
    await air.open()
    for name, value in settings.items():
        setattr(air, name, value)
    try:
        yield air
    finally:
        await air.close()


@contextlib.asynccontextmanager
async def a_host(air: Air, name: str, address: str, *, mitm: bool = False) -> AsyncIterator[Device]:
    """Give a host that has joined the air under a name, and is switched on."""
    transport = await open_transport(f"tcp-client:127.0.0.1:{air.port}")
    configuration = DeviceConfiguration(name="", address=hci.Address(address), irk=bytes.fromhex(address.replace(":", "")) * 2 + bytes(4))
    host = Device.from_config_with_hci(configuration, transport.source, transport.sink)
    random = PairingConfig.AddressType.RANDOM
    host.pairing_config_factory = lambda _connection: PairingConfig(True, mitm, True, PairingDelegate(), random)
    await host.power_on()
    port = str(transport.sink.transport.get_extra_info("sockname")[1])  # type: ignore[attr-defined]  # TCP's
    air.member(port).name = name
    try:
        yield host
    finally:
        await transport.close()


def offer(host: Device) -> Characteristic[bytes]:
    """Let a host offer a value that can be read, written and notified."""
    properties = Characteristic.Properties
    value = Characteristic(
        VALUE,
        properties.NOTIFY | properties.WRITE_WITHOUT_RESPONSE | properties.WRITE | properties.READ,
        Characteristic.READABLE | Characteristic.WRITEABLE,
        b"",
    )
    host.add_service(Service(SERVICE, [value]))
    return value


async def found(connection: Connection, uuid: str = VALUE) -> CharacteristicProxy[bytes]:
    """Return a characteristic of the other end."""
    peer = Peer(connection)
    await peer.request_mtu(247)
    await peer.discover_services()
    for service in peer.services:
        await service.discover_characteristics()
        for characteristic in service.characteristics:
            if str(characteristic.uuid).lower() == uuid:
                return characteristic
    raise AssertionError(uuid)
