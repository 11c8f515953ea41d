"""When a reading was taken, by a device that may have no clock: the anchor between a boot's uptime and UTC.

Every reading says how long its device had been up. Nothing can arrive before it was measured, so the moment of arrival less that
uptime is never earlier than the device's start, and the smallest such difference over all that arrived from one boot is the best
estimate of it. A reading that waited in the device's flash gives a late estimate; the next that did not wait mends it.

A device that has been told the time signs it, and that is used where it does not contradict the anchor. What is not known is said:
`uncertainty_s` is None when nothing bounds the time from below.
"""

from dataclasses import dataclass

# A device learns the time from receipts, to the second; it may drift between two of them.
_SIGNED_LATE_S = 120
_EARLIEST_UTC_S = 1_704_067_200  # 1 January 2024: before the first device was made
_FRESH_S = 5.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is known of one boot of a device; times in milliseconds of UTC.

    start_utc_ms: the estimate of its start, never too early. contacts: how often it was heard. agreed: two contacts gave the same
    start to within 5 s, so neither had waited. floor_utc_ms: the last sign of an earlier boot, before which this one cannot have begun.
    """

    start_utc_ms: int
    contacts: int
    agreed: bool
    floor_utc_ms: int | None


@dataclass(frozen=True, slots=True)
class When:
    """A time and how far it may be off: the reading was taken in [utc_s - uncertainty_s, utc_s]; None: nobody knows."""

    utc_s: float
    uncertainty_s: float | None
    source: str


def heard(anchor: Anchor | None, received_utc_ms: int, up_ms: int, floor_utc_ms: int | None) -> Anchor:
    """Return the anchor of a boot after something of it arrived; floor_utc_ms counts for the first contact only."""
    start_utc_ms = received_utc_ms - up_ms
    if anchor is None:
        return Anchor(start_utc_ms, 1, False, floor_utc_ms)
    apart_s = abs(start_utc_ms - anchor.start_utc_ms) / 1000
    return Anchor(min(anchor.start_utc_ms, start_utc_ms), anchor.contacts + 1, anchor.agreed or apart_s <= _FRESH_S, anchor.floor_utc_ms)


def when(anchor: Anchor, up_ms: int, signed_utc_s: int | None, received_utc_ms: int) -> When:
    """Return when a reading was taken, from its anchor, its uptime and the time it signed, if it did."""
    latest_s = (anchor.start_utc_ms + up_ms) / 1000
    if signed_utc_s is not None and _EARLIEST_UTC_S <= signed_utc_s <= latest_s + _SIGNED_LATE_S:
        return When(float(signed_utc_s), 2.0, "signed")
    if anchor.agreed:
        return When(latest_s, _FRESH_S, "anchor")
    floor_s = None if anchor.floor_utc_ms is None else anchor.floor_utc_ms / 1000
    uncertainty_s = None if floor_s is None else max(_FRESH_S, latest_s - floor_s)
    return When(min(latest_s, received_utc_ms / 1000), uncertainty_s, "arrival")
