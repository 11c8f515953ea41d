"""Where a reading is, and what it waits for: pure thinking over the times at which it passed its stops.

A reading is at the last place that has it for certain: the device until the home has committed it, the home until the cloud says that
it has it, save for the moment in which the broker carries it.
"""

from collections.abc import Mapping
from typing import NamedTuple

ON_DEVICE = ("measured", "signed", "kept", "sent")
AT_HOME = ("committed", "receipted", "assigned", "sealed", "published")
IN_CLOUD = ("in_cloud",)
STOPS = ON_DEVICE + AT_HOME + IN_CLOUD

DEVICE, HOME, BROKER, CLOUD = "device", "home", "broker", "cloud"

PATIENCE_s = 3.0  # a reading that has not moved for so long waits; below that it is simply on its way


class Around(NamedTuple):
    """What is switched on around a reading."""

    powered: bool = True
    wifi: bool = True
    gateway: bool = True
    broker: bool = True


class Reading(NamedTuple):
    """One reading as the page shows it: `place` is where it is, `reason` a name in words.py for why it waits, or "" while it moves."""

    device: str
    kind: int
    sequence: int
    stops: Mapping[str, float]
    place: str
    reason: str
    since_s: float

    @property
    def name(self) -> str:
        """What names it on the page."""
        return f"{self.device}-{self.sequence}"

    @property
    def last(self) -> str:
        """The furthest stop it passed."""
        return max(self.stops, key=STOPS.index)

    @property
    def began_s(self) -> float:
        """When it was first heard of."""
        return min(self.stops.values())

    @property
    def took_s(self) -> float | None:
        """How long it took from the device into the cloud, once it is there."""
        if "in_cloud" not in self.stops:
            return None
        return max(0.0, self.stops["in_cloud"] - self.began_s)


def follow(said: Mapping[str, object], around: Around, now_s: float) -> Reading | None:
    """Return a reading from what `ways()` says of it; None when it has passed no stop we know."""
    passed = said.get("stops")
    if not isinstance(passed, Mapping):
        return None
    stops = {stop: float(passed[stop]) for stop in STOPS if stop in passed}
    kind, sequence = said.get("kind"), said.get("sequence")
    if not stops or not isinstance(sequence, int):
        return None
    since_s = max(stops.values())
    late = now_s - since_s > PATIENCE_s
    place = _place(stops, around)
    return Reading(
        str(said.get("device")), kind if isinstance(kind, int) else -1, sequence, stops, place, _reason(stops, place, around, late), since_s
    )


def _place(stops: Mapping[str, float], around: Around) -> str:
    if "in_cloud" in stops:
        return CLOUD
    if "published" in stops:
        return BROKER if around.broker and around.gateway else HOME
    return HOME if any(stop in stops for stop in AT_HOME) else DEVICE


def _reason(stops: Mapping[str, float], place: str, around: Around, late: bool) -> str:
    if place == CLOUD:
        return ""
    if place == DEVICE:
        if not around.powered:
            return "waits_power"
        if not around.wifi:
            return "waits_wifi"
        if not around.gateway:
            return "waits_gateway"
        return "waits_again" if late else ""
    if not around.gateway:
        return "waits_gateway_home"
    if "sealed" in stops and not around.broker:
        return "waits_broker"
    if not late:
        return ""
    if "assigned" not in stops:
        return "waits_owner"
    return "waits_again_home" if "sealed" in stops else "waits_account"
