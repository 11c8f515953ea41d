"""What a device reads out of an answer of multicast DNS; runs under both Pythons."""

from protocol import mdns


def homes(data):
    """Return the homes that an answer names."""
    return mdns.homes(data)


def all_homes(answers):
    """Return the homes of many answers."""
    return [mdns.homes(data) for data in answers]
