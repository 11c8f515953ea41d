"""What tests of the Improv protocol run under both Pythons."""

from protocol import improv


def requests(data: bytes) -> "list[object]":
    """Return what a listener finds in these bytes, requests as lists."""
    listener = improv.Listener()
    found = [listener.feed(byte) for byte in data]
    return [event if isinstance(event, str) else list(event) for event in found if event is not None]


def request(command: int, data: bytes) -> bytes:
    """Return the packet with which a browser asks."""
    packet = b"IMPROV\x01\x03" + bytes((len(data) + 2, command, len(data))) + data
    return packet + bytes((sum(packet) & 255,))


def credentials(data: bytes) -> "list[str] | None":
    found = improv.credentials(data)
    return None if found is None else list(found)


def wifi(ssid: bytes, password: bytes) -> bytes:
    return bytes((len(ssid),)) + ssid + bytes((len(password),)) + password


def said() -> "list[bytes]":
    return [
        improv.state(improv.READY),
        improv.error(improv.UNABLE_TO_CONNECT),
        improv.result(improv.ASK_DEVICE, ["Foyer", "0.1.0"]),
        improv.result(improv.ASK_NETWORKS, ["x" * 200, "y" * 200]),
    ]
