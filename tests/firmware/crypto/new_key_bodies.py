"""Keys made by a chip whose random numbers stand still, or whose radio is off; run under both Pythons."""

from firmware.crypto import new_key, p256


class Radio:
    """As `network.WLAN`, as far as it is asked."""

    def __init__(self, on):
        self._on = on

    def active(self):
        return self._on


class Still:
    """An os whose random numbers are always the same: the attack."""

    @staticmethod
    def urandom(count):
        return b"\x42" * count


def with_radio_off():
    """Return the name of the refusal."""
    try:
        new_key.draw(Radio(False), b"sign", bytes(32))
    except new_key.RadioOff:
        return "RadioOff"
    return "made"


def with_little_entropy():
    """Return the name of the refusal of somebody else's entropy that is none."""
    try:
        new_key.draw(Radio(True), b"sign", b"")
    except ValueError:
        return "ValueError"
    return "made"


def public_keys(entropies):
    """Return the public keys that a chip with still random numbers makes, for each purpose and entropy."""
    honest, new_key.os = new_key.os, Still
    try:
        made = []
        for entropy in entropies:
            for purpose in (b"sign", b"link"):
                steps = new_key.new_key_steps(new_key.draw(Radio(True), purpose, entropy))
                made.append(p256._finish(steps)[1])
        return made
    finally:
        new_key.os = honest
