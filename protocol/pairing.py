"""How a device and a home become acquainted under the secret of the device's label (threats T20), over whichever radio.

The device, its button pressed, says hello in clear: a random number and a tag that only whoever knows the label can make or check. The
home that was given the label answers likewise, and from label and both numbers comes an OSCORE context that no recording fits. In it:

    device → home   OPEN      what the device will reveal, closed in a digest
    device ← home   HOME      the home's link key, the pairing's name, a number
    device → home   DEVICE    the device's number and keys, signed; both ends now compute the same six digits
    device ← home   STATE     wait, take it (and the home's Wi-Fi, for a device that has none, or another), or no
    device → home   ASK       has the person pressed? as often as need be; each is answered by STATE

The digest comes before the home's number and the device's number after it, so nobody in between can try keys until the digits of both
sides are alike. What is decided, written and shown is `gateway/pairing.py`'s and `firmware/pairing.py`'s.
"""

from hashlib import sha256

from protocol import cbor, errors, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hmac = Callable[[bytes, bytes], bytes]
    Message = dict[int, object]

HELLO_PATH = b"pair"  # in clear
PATH = b"p"  # protected
LABEL_BYTES, NONCE_BYTES, TAG_BYTES, ID_BYTES = 16, 16, 8, 3
WINDOW_MS, MOST_TRIES = 120_000, 5
MAX_MESSAGE_BYTES = 512

VERSION, NONCE, TAG, DIGEST, HOME_KEY, PAIRING, SIGNING_KEY = 0, 1, 2, 3, 4, 5, 6
LINK_KEY, SERIAL, DEVICE_KIND, PROOF, DECISION, PRESSED, SSID, PASSWORD, FAULT_CODE = 7, 8, 9, 10, 11, 12, 13, 14, 21
WAIT, TAKE, NO = 0, 1, 2
KINDS = ("scale", "cuff", "babyphone")

_NONCE = (bytes, NONCE_BYTES, NONCE_BYTES, True)
_KEY = (bytes, 65, 65, True)
_TAG = (bytes, TAG_BYTES, TAG_BYTES, True)
_PAIRING = (bytes, 8, 8, True)
HELLO: "fields.Rules" = {VERSION: (int, 1, 1, True), NONCE: _NONCE, TAG: _TAG}
ANSWER: "fields.Rules" = {NONCE: _NONCE, TAG: _TAG}
OPEN: "fields.Rules" = {DIGEST: (bytes, 32, 32, True)}
HOME: "fields.Rules" = {NONCE: _NONCE, HOME_KEY: _KEY, PAIRING: _PAIRING}
DEVICE: "fields.Rules" = {
    NONCE: _NONCE,
    PAIRING: _PAIRING,
    SIGNING_KEY: _KEY,
    LINK_KEY: _KEY,
    SERIAL: (str, 1, 32, True),
    DEVICE_KIND: (int, 0, 2, True),
    PROOF: (bytes, 64, 64, True),
}
STATE: "fields.Rules" = {
    DECISION: (int, WAIT, NO, True),
    SSID: (str, 1, 32, False),
    PASSWORD: (str, 0, 63, False),
    FAULT_CODE: (int, 1, 65535, False),
}
ASK: "fields.Rules" = {PRESSED: (int, 0, 1, True)}
REFUSAL: "fields.Rules" = {FAULT_CODE: (int, 1, 65535, True)}  # the device's, in place of DEVICE
_IN_CLEAR = (HELLO, ANSWER)


def encode(message: "Message", rules: "fields.Rules") -> bytes:
    """Return a message's bytes. Raises BadPairing: it does not follow the rules of its kind (HELLO, ANSWER …)."""
    return cbor.encode(fields.check(message, rules, errors.BadPairing, None if rules in _IN_CLEAR else fields.FIRST_EXTENSION))


def decode(data: bytes, rules: "fields.Rules") -> "Message":
    """Return the message of that kind. Raises NotCBOR, BadPairing."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise errors.BadPairing(None, len(data))
    return fields.check(cbor.decode(data), rules, errors.BadPairing, None if rules in _IN_CLEAR else fields.FIRST_EXTENSION)


def hello_tag(label: bytes, nonce: bytes, hmac: "Hmac") -> bytes:
    """Return what proves that the device knows its label. hmac(key, data): HMAC-SHA-256."""
    return hmac(label, b"foyer pairing hello" + nonce)[:TAG_BYTES]


def answer_tag(label: bytes, nonce: bytes, home_nonce: bytes, hmac: "Hmac") -> bytes:
    """Return what proves that the home was given the label, to this hello and no other."""
    return hmac(label, b"foyer pairing answer" + nonce + home_nonce)[:TAG_BYTES]


def names(nonce: bytes, home_nonce: bytes) -> "tuple[bytes, bytes]":
    """Return OSCORE's ids of the device and of the home, new each time; the secret is the label, the salt both numbers."""
    return home_nonce[:ID_BYTES], nonce[:1]


def digest(nonce: bytes, signing_key: bytes, link_key: bytes, serial: str, kind: int) -> bytes:
    """Return what closes the device's part until the home has shown its own. nonce: the device's second, still unknown to anybody."""
    return sha256(cbor.encode([nonce, signing_key, link_key, serial, kind])).digest()


def transcript(home: "Message", device: "Message") -> bytes:
    """Return the digest of who both ends say they are, in nothing but what was closed in a digest or said before it was opened."""
    said = [home[key] for key in (NONCE, HOME_KEY)]
    said += [device[key] for key in (NONCE, SIGNING_KEY, LINK_KEY, SERIAL, DEVICE_KIND)]
    return sha256(cbor.encode(["foyer pairing", said])).digest()


def to_sign(transcribed: bytes, pairing: bytes) -> bytes:
    """Return what the device signs: the transcript and the name that this pairing has for it."""
    return b"foyer pairing proof" + transcribed + pairing


def short_code(transcribed: bytes) -> str:
    """Return the six digits that a person compares, in two groups."""
    number = int.from_bytes(sha256(b"foyer pairing code" + transcribed).digest()[:8], "big") % 1_000_000
    return "%03d %03d" % (number // 1000, number % 1000)
