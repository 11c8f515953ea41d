"""A new private key: from the device's own random numbers and somebody else's, and only while the radio runs (threats T19).

The chip's random numbers need the radio's noise; without it they can be foretold. Should they be weak all the same, the other's entropy
(the provisioning computer's, or the label's with the home's) and the purpose still tell every key from every other.
"""

import os
from hashlib import sha256

from firmware.crypto import p256


class RadioOff(Exception):
    """The radio does not run, so no key is made."""


def draw(radio, purpose: bytes, entropy: bytes) -> bytes:
    """Return 48 bytes for `new_key_steps`: even over the keys to within 2^-128 (FIPS 186-5 A.2.1).

    radio: with active(), as `network.WLAN`; purpose: what the key is for; entropy: at least 16 bytes. Raises RadioOff, ValueError.
    """
    if not radio.active():
        raise RadioOff()
    if len(entropy) < 16:
        raise ValueError("entropy")
    own = os.urandom(64)
    parts = [sha256(bytes((part, len(purpose))) + purpose + entropy + own).digest() for part in (1, 2)]
    return b"".join(parts)[:48]


def public_key(private_key: bytes) -> bytes:
    """Return the uncompressed public key, 65 bytes. Raises ValueError: the private key is not in 1..n-1."""
    return p256._finish(public_key_steps(private_key))


def public_key_steps(private_key: bytes):
    """Yield as `p256.sign_steps` does, and return the uncompressed public key, 65 bytes. Raises ValueError as `public_key`."""
    x, y = yield from p256._multiply_steps(p256._scalar(private_key))
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def new_key_steps(random_bytes: bytes):
    """Yield, and return a private key and its public key, 65 bytes; random_bytes: 40 or more, so that no key is favoured."""
    private_key = (int.from_bytes(random_bytes, "big") % (p256._N - 1) + 1).to_bytes(32, "big")
    public = yield from public_key_steps(private_key)
    return private_key, public
