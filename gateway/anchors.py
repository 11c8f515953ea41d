"""When a reading was taken, by a device that may have no clock: the anchor between a boot's uptime and UTC.

Every reading says how long its device had been up. Nothing can arrive before it was measured, so the moment of arrival less that
uptime is never earlier than the device's start, and the smallest such difference over all that arrived from one boot is the best
estimate of it. A reading that waited in the device's flash gives a late estimate; the next that did not wait mends it. A boot that never
met the home is held between the last sign of the boot before and the start of the one after.

No two crystals run alike: a device that is up for months runs ahead of UTC or falls behind it by minutes. So what is known of a start holds
for now, not for the whole boot: between two contacts its bounds go apart by as much as a crystal explains, the next two that agree bring
them together again, and what was sure when it arrived keeps the time it was given then.

Whoever asks for commands says its uptime as it asks, and that waits nowhere: from then on, counted by a clock that nobody sets, the home
knows how old each reading of that boot is when it arrives.

A device that has been told the time signs it, and that is used where it contradicts nothing. What is not known is said: `uncertainty_s`
is None when nothing bounds the time from below. All of it hangs on the gateway's own clock; what happens when that is set,
`edges/steps.py` notices, and every anchor is then made anew from what was received.
"""

from dataclasses import dataclass

# A device learns the time from receipts, to the second; it may drift between two of them.
_SIGNED_OFF_S = 120
_SIGNED_S = 2.0
_EARLIEST_UTC_S = 1_704_067_200  # 1 January 2024: before the first device was made
_FRESH_MS = 5000
_FRESH_S = _FRESH_MS / 1000
_SLACK_MS = 2000
_WORST_CRYSTAL = 100e-6  # in the cold; usual ones are within 20e-6
_LARGEST_CREEP_MS = 3_600_000  # of a year
_WORTH_MENDING_MS = 1000  # less is how long a delivery takes
_ON_ITS_WAY_S = 93.0  # a question may have been repeated for so long (RFC 7252 section 4.8.2, MAX_TRANSMIT_WAIT)
DELIVERY_MS = 5000  # what comes within this time of each other was delivered together


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is known of one boot of a device; times in milliseconds of UTC.

    start_utc_ms: the estimate of its start, by its own clock as that is now; never too early. contacts: how often it was heard.
    floor_utc_ms: the last sign of the device before, before which nothing of this boot was measured; None: there is none, or it
    contradicts the rest. earliest_utc_ms: before which it did not start; None until two contacts, not of one delivery, gave the same
    start to within 5 s, so neither had waited.
    """

    start_utc_ms: int
    contacts: int
    floor_utc_ms: int | None
    earliest_utc_ms: int | None = None

    @property
    def is_sure(self) -> bool:
        """Whether two deliveries agreed."""
        return self.earliest_utc_ms is not None

    @property
    def width_s(self) -> float:
        """How far apart the bounds of a start are that is sure, at least what two deliveries may differ by."""
        return 0.0 if self.earliest_utc_ms is None else max(_FRESH_S, (self.start_utc_ms - self.earliest_utc_ms) / 1000)


@dataclass(frozen=True, slots=True)
class When:
    """A time and how far it may be off: the reading was taken in [utc_s - uncertainty_s, utc_s]; None: nobody knows."""

    utc_s: float
    uncertainty_s: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Begun:
    """When a boot began, as a device's word of its uptime had it at at_ms; both in milliseconds of a clock that only counts."""

    boot: int
    began_ms: int
    at_ms: int


def told(begun: Begun | None, boot: int, up_ms: int, now_ms: int) -> Begun:
    """Return when a boot began after its device said its uptime; begun: what was known of the device's boot before, or of another."""
    began_ms = now_ms - up_ms
    if begun is not None and begun.boot == boot:
        began_ms = min(began_ms, begun.began_ms + _creep_ms(now_ms, begun.at_ms))
    return Begun(boot, began_ms, now_ms)


def age_ms(begun: Begun | None, boot: int, up_ms: int, now_ms: int) -> int | None:
    """Return how long a reading has waited, or None while its device has not said in which uptime it is."""
    if begun is None or begun.boot != boot:
        return None
    return now_ms - begun.began_ms - _creep_ms(now_ms, begun.at_ms) - up_ms


def heard(anchor: Anchor | None, received_utc_ms: int, up_ms: int, floor_utc_ms: int | None, before_utc_ms: int | None = None) -> Anchor:
    """Return the anchor of a boot after something of it arrived.

    floor_utc_ms counts for the first contact only; before_utc_ms: when the device was last heard, because what is delivered together
    has waited together, and that two such readings agree proves nothing; since then the device's clock may have fallen behind.
    """
    start_utc_ms = received_utc_ms - up_ms
    if anchor is None:
        return Anchor(start_utc_ms, 1, floor_utc_ms if floor_utc_ms is not None and floor_utc_ms <= start_utc_ms + _SLACK_MS else None)
    creep_ms = _creep_ms(received_utc_ms, before_utc_ms)
    latest_ms = min(anchor.start_utc_ms + creep_ms, start_utc_ms)
    earliest_ms = None if anchor.earliest_utc_ms is None else anchor.earliest_utc_ms - creep_ms
    of_its_own = before_utc_ms is None or abs(received_utc_ms - before_utc_ms) > DELIVERY_MS
    if of_its_own and abs(start_utc_ms - anchor.start_utc_ms) <= _FRESH_MS + min(creep_ms, _FRESH_MS):
        earliest_ms = max(latest_ms - _FRESH_MS, earliest_ms or 0)
    return Anchor(latest_ms, anchor.contacts + 1, anchor.floor_utc_ms, earliest_ms)


def is_mended(anchor: Anchor, by: Anchor, received_utc_ms: int, before_utc_ms: int | None) -> bool:
    """Return whether a contact gave what was heard of a boot before a better time: it made it sure, or found that all of it had waited.

    What was sure stays as it is. A clock that runs a little fast makes each arrival the earliest so far, and what was measured before it
    ran ahead was right.
    """
    late_ms = anchor.start_utc_ms - by.start_utc_ms
    return not anchor.is_sure and (by.is_sure or late_ms >= _WORTH_MENDING_MS + _creep_ms(received_utc_ms, before_utc_ms))


def _creep_ms(received_utc_ms: int, before_utc_ms: int | None) -> int:
    """Return how far a crystal may have run from UTC between two contacts."""
    since_ms = 0 if before_utc_ms is None else max(0, received_utc_ms - before_utc_ms)
    return min(_LARGEST_CREEP_MS, round(since_ms * _WORST_CRYSTAL))


def when(
    anchor: Anchor,
    up_ms: int,
    signed_utc_s: int | None,
    received_utc_ms: int,
    ended_utc_ms: int | None = None,
    age_ms: int | None = None,
) -> When:
    """Return when a reading was taken, from its anchor, its uptime and the time it signed, if it did.

    ended_utc_ms: the start of a later boot, before which this reading was taken. age_ms: how long it had waited when it arrived, by what
    its device said of its uptime; never too much, and too little by what that took on its way.
    """
    latest_s = (anchor.start_utc_ms + up_ms) / 1000
    earliest_s = None if anchor.floor_utc_ms is None else anchor.floor_utc_ms / 1000
    if age_ms is not None:
        latest_s = (received_utc_ms - max(0, age_ms)) / 1000
        earliest_s = latest_s - _ON_ITS_WAY_S
    if anchor.is_sure:
        earliest_s = latest_s - anchor.width_s
    if signed_utc_s is not None and _contradicts_nothing(signed_utc_s, earliest_s, latest_s):
        # since the receipt that taught it the time its clock has run as the one that the bounds are of
        return When(float(signed_utc_s), _SIGNED_S + max(0.0, anchor.width_s - _FRESH_S), "signed")
    if anchor.is_sure:
        return When(latest_s, anchor.width_s, "anchor")
    if age_ms is not None:
        return When(latest_s, _ON_ITS_WAY_S, "presence")
    bounds_s = [latest_s, received_utc_ms / 1000]
    if ended_utc_ms is not None and (earliest_s is None or ended_utc_ms / 1000 >= earliest_s):
        bounds_s.append(ended_utc_ms / 1000)
    utc_s = min(bounds_s)
    return When(utc_s, None if earliest_s is None else max(_FRESH_S, utc_s - earliest_s), "arrival")


def _contradicts_nothing(signed_utc_s: int, earliest_s: float | None, latest_s: float) -> bool:
    if not _EARLIEST_UTC_S <= signed_utc_s <= latest_s + _SIGNED_OFF_S:
        return False
    return earliest_s is None or signed_utc_s >= earliest_s - _SIGNED_OFF_S
