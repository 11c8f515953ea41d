"""How often something may be tried: counted in memory, per e-mail address and per network, and told honestly.

A window slides: so many in so many seconds. What is counted is named by a MAC under a key that lives as long as the process, so
nobody's address stands in memory. Time is handed in.
"""

import ipaddress
import os
from collections import OrderedDict, deque
from typing import NamedTuple

from cloud import wrapping
from cloud.errors import Declined

# More names than this are forgotten oldest first; a flood of names cannot fill the memory.
NAMES_AT_MOST = 100_000


class Limit(NamedTuple):
    """So many times in a window, and the sentence when it is more."""

    times: int
    window_s: int
    reason: str


LIMITS = {
    # Guessing a password: ten tries cost a guesser a quarter of an hour, and a tired person nothing.
    "wrong for an address": Limit(10, 900, "too_many_for_address"),
    "wrong from a network": Limit(60, 900, "too_many_from_network"),
    "accounts from a network": Limit(30, 3600, "too_many_from_network"),
    # A program that asks more often than this asks for what it has.
    "reads of a grant": Limit(120, 60, "too_many_reads"),
    "letters to an address": Limit(3, 3600, "too_many_letters"),
    # to addresses that somebody names as their next: strangers' mailboxes are not filled from here
    "letters of an account": Limit(5, 3600, "too_many_letters"),
}


class Limiter:
    """Counts, for one process."""

    def __init__(self, limits: dict[str, Limit] | None = None) -> None:
        self._limits = LIMITS if limits is None else limits
        self._key = os.urandom(32)
        self._times: OrderedDict[bytes, deque[float]] = OrderedDict()

    def check(self, what: str, whose: str, now_s: float) -> None:
        """Raises Declined: it was as often as it may be, so not once more just now."""
        limit = self._limits[what]
        times = self._times.get(self._name(what, whose))
        if times is not None and sum(1 for each in times if each > now_s - limit.window_s) >= limit.times:
            raise Declined(limit.reason)

    def count(self, what: str, whose: str, now_s: float) -> None:
        """Note that it happened once."""
        name = self._name(what, whose)
        times = self._times.setdefault(name, deque(maxlen=self._limits[what].times))
        times.append(now_s)
        self._times.move_to_end(name)
        while len(self._times) > NAMES_AT_MOST:
            self._times.popitem(last=False)

    def forget(self, what: str, whose: str) -> None:
        """Begin anew: it went well."""
        self._times.pop(self._name(what, whose), None)

    def _name(self, what: str, whose: str) -> bytes:
        return wrapping.mac(self._key, f"{what}\x00{whose}".encode())


def network_of(client: str, proxy: str, forwarded: str) -> str:
    """Return the network that a request came from: an IPv4 address, or the 64 bits that one subscriber of IPv6 has.

    client: who is connected; proxy: the address whose X-Forwarded-For is believed, "" for none; forwarded: that header.
    """
    named = forwarded.rpartition(",")[2].strip() if proxy and client == proxy else client
    try:
        address = ipaddress.ip_address(named)
    except ValueError:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
