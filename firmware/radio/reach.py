"""Over which of its two radios a device looks for a home: the Wi-Fi that it knows may be gone, and another be told over Bluetooth."""

import asyncio

import network
from micropython import const

_LOOKS = const(100)
_LOOK_MS = const(100)


async def radio(chosen, alive) -> str:
    """Return "wifi" if the network of the settings takes us within ten seconds, else "ble"; then Wi-Fi is off again."""
    if not chosen["ssid"]:
        return "ble"
    station = network.WLAN(network.STA_IF)
    station.active(True)
    station.connect(chosen["ssid"], chosen["password"])
    for _ in range(_LOOKS):
        alive()
        await asyncio.sleep_ms(_LOOK_MS)
        if station.isconnected():
            return "wifi"
    station.active(False)
    return "ble"
