"""What a device's label says: its kind, serial number and secret, as the text of a QR code and as 26 characters to type. Computers only.

The secret has 128 bits and is written in Crockford's base 32, which has no letters that look like digits.
"""

from collections import namedtuple

from protocol.errors import BadLabelText

SECRET_BYTES = 16
CHARACTERS = 26
KINDS = ("scale", "cuff", "babyphone")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MEANT = {"O": "0", "I": "1", "L": "1"}
_MAX_CHARACTERS = 200
_PASSED_OVER = " -\t\r\n\u00a0\u2010\u2011\u2013"

Label = namedtuple("Label", ("kind", "serial", "secret"))


def write_secret(secret: bytes) -> str:
    """Return the secret as 26 characters."""
    number = int.from_bytes(secret, "big") << 2  # 130 bits are 26 characters of five
    return "".join([_ALPHABET[number >> shift & 31] for shift in range(5 * (CHARACTERS - 1), -1, -5)])


def read_secret(text: str) -> bytes:
    """Return the secret that a person typed, forgiving case, spaces, hyphens and look-alikes. Raises BadLabelText."""
    if len(text) > _MAX_CHARACTERS:
        raise BadLabelText("length", len(text))
    letters = [_MEANT.get(letter, letter) for letter in text.upper() if letter not in _PASSED_OVER]
    if len(letters) != CHARACTERS or any(letter not in _ALPHABET for letter in letters):
        raise BadLabelText("length", len(letters))
    number = 0
    for letter in letters:
        number = number << 5 | _ALPHABET.index(letter)
    if number & 3:
        raise BadLabelText("letter", number & 3)
    return (number >> 2).to_bytes(SECRET_BYTES, "big")


def code(label: Label) -> str:
    """Return the text of the QR code; all of it is in the alphabet that QR codes hold most densely."""
    return "FOYER:1:%s:%s:%s" % (label.kind.upper(), label.serial, write_secret(label.secret))


def read_code(text: str) -> Label:
    """Return what a QR code says. Raises BadLabelText."""
    parts = text.strip().split(":")
    if len(parts) != 5 or parts[:2] != ["FOYER", "1"] or parts[2].lower() not in KINDS:
        raise BadLabelText("code", len(parts))
    return Label(parts[2].lower(), parts[3], read_secret(parts[4]))


def secret_of(text: str) -> bytes:
    """Return the secret in what a person typed or a scanner gave: 26 characters, or a QR code's whole text. Raises BadLabelText."""
    return read_code(text).secret if ":" in text else read_secret(text)
