"""A new private key: from the device's own random numbers and somebody else's, and only while the radio runs (threats T19).

The chip's random numbers need the radio's noise; without it they can be foretold. Should they be weak all the same, the other's entropy
(the provisioning computer's, or the label's with the home's) and the purpose still tell every key from every other.
"""

import os
from hashlib import sha256


class RadioOff(Exception):
    """The radio does not run, so no key is made."""


def draw(radio, purpose: bytes, entropy: bytes) -> bytes:
    """Return 48 bytes for `p256.new_key_steps`: even over the keys to within 2^-128 (FIPS 186-5 A.2.1).

    radio: with active(), as `network.WLAN`; purpose: what the key is for; entropy: at least 16 bytes. Raises RadioOff, ValueError.
    """
    if not radio.active():
        raise RadioOff()
    if len(entropy) < 16:
        raise ValueError("entropy")
    own = os.urandom(64)
    parts = [sha256(bytes((part, len(purpose))) + purpose + entropy + own).digest() for part in (1, 2)]
    return b"".join(parts)[:48]
