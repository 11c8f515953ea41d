"""What a device says of itself over Bluetooth, and how its home knows it again: the model, whether readings wait, and six bytes.

Neither name nor number: a random part that changes with the device's address, and a tag over it that only the device and its home can
make. Who hears both twice has heard two devices. The address is Bluetooth's own resolvable one, and changes at the same time.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hmac = Callable[[bytes, bytes], bytes]

SERVICE = "7c3a0001-5d1e-4b7f-9a60-2f666f796572"
OUTBOX = "7c3a0002-5d1e-4b7f-9a60-2f666f796572"  # notifications: fragments from the device
INBOX = "7c3a0003-5d1e-4b7f-9a60-2f666f796572"  # writes without an answer: fragments to the device
READY = b"\x01"  # the home's first write, once it listens: the version of all this
COMPANY = 0xFFFF  # Bluetooth's for whoever has none
MODELS = ("scale", "cuff", "babyphone")
WAITING, PAIRING = 1, 2
NONCE_BYTES, TAG_BYTES = 3, 2
LARGEST_MTU, LEAST_MTU = 247, 23
HEADER_BYTES = 3  # of a notification or write, in the MTU


def tag(pairing: bytes, nonce: bytes, hmac: "Hmac") -> bytes:
    """Return what only who knows the pairing's name can make of a nonce; two bytes, so that one stranger in 65,536 is asked in vain."""
    return hmac(pairing, b"foyer nearby" + nonce)[:TAG_BYTES]


def encode(model: str, flags: int, nonce: bytes, tagged: bytes) -> bytes:
    """Return the six bytes of an advertisement."""
    return bytes((MODELS.index(model) << 4 | flags,)) + nonce + tagged


def decode(said: bytes) -> "tuple[str, int, bytes, bytes] | None":
    """Return model, flags, nonce and tag, or None: it is not one of ours."""
    if len(said) != 1 + NONCE_BYTES + TAG_BYTES or said[0] >> 4 >= len(MODELS):
        return None
    return MODELS[said[0] >> 4], said[0] & 15, said[1 : 1 + NONCE_BYTES], said[1 + NONCE_BYTES :]


def advertisement(said: bytes) -> bytes:
    """Return a whole advertisement, 31 bytes: general, Bluetooth LE only; our service; the six bytes."""
    uuid = bytes(reversed([int(SERVICE.replace("-", "")[at : at + 2], 16) for at in range(0, 32, 2)]))
    return b"\x02\x01\x06\x11\x07" + uuid + bytes((3 + len(said), 0xFF, COMPANY & 255, COMPANY >> 8)) + said
