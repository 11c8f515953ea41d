"""Which device is offered which release, and when: a pure function of what the household chose, what is there and what happened before.

Nothing is forced on anybody: the household chooses now, tonight or ask me. A release that one device of its kind gave back is offered to
no other by itself: the roll-out has halted until somebody asks for it by hand. So has one that failed in other homes, as the account store
says; what became of a release here is said there, by kind of device and number. The nursery is never updated at night, whoever asks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from protocol import faults, updates
from protocol.outcomes import Outcome
from protocol.shelf import Release

NOW, TONIGHT, ASK = "now", "tonight", "ask"
CHOICES = (NOW, TONIGHT, ASK)
# Hours of the home's own day: when nobody weighs, and when nobody should be woken.
_NIGHT = range(2, 5)
_NURSERY_AWAKE = range(9, 18)
_AGAIN_MS = 15 * 60_000  # after a word that was not the last: the device was switched off, or could not hear us
_RETRY_MS = 6 * 3_600_000
# What another day may mend; every other refusal stands until another release.
_PASSING = (faults.UPDATE_BATTERY, faults.UPDATE_NO_ROOM, faults.UPDATE_DAMAGED, faults.UPDATE_WITHDRAWN, faults.MEMORY_SHORT)
_PASSING_ON_ITS_OWN = (faults.UPDATE_DAMAGED, faults.UPDATE_WITHDRAWN, faults.MEMORY_SHORT)
# Refusals that speak against the release; an empty battery, a full flash or a bad radio is the device's own trouble.
_AGAINST = (
    faults.UPDATE_NOT_SIGNED,
    faults.UPDATE_BROKEN,
    faults.UPDATE_OTHER_DEVICE,
    faults.UPDATE_IMAGE,
    faults.MEMORY_SHORT,
)
_TOLD_MS = 30 * 86_400_000  # an older outcome is no news to anybody
_MOST_TOLD = 8

# What the home knows of an update besides what a device says of it (`protocol/updates.py`).
ASKED, OFFERED = -2, -1
# Each state by its word, for pages and notices.
WORDS = {
    ASKED: "asked",
    OFFERED: "offered",
    updates.FETCHING: "fetching",
    updates.READY: "ready",
    updates.TRYING: "trying",
    updates.KEPT: "kept",
    updates.GIVEN_BACK: "given_back",
    updates.REFUSED: "refused",
}


@dataclass(frozen=True, slots=True)
class Stand:
    """How one release stands on one device; asked: somebody in the home wants it now, whatever else was chosen."""

    kid: bytes
    sequence: int
    name: str
    state: int
    percent: int | None
    fault: int | None
    asked: bool
    begun_ms: int
    changed_ms: int

    @property
    def over(self) -> bool:
        """Whether the device's last word of it was said."""
        return self.state in updates.OVER


def newest(releases: Iterable[Release], kind: str) -> Release | None:
    """Return the newest release for a kind of device."""
    return max((each for each in releases if each.kind == kind), key=lambda each: each.sequence, default=None)


def has_halted(release: Release, stands: Iterable[Stand]) -> bool:
    """Whether a device of this home gave the release back."""
    return any(each.sequence == release.sequence and each.state == updates.GIVEN_BACK for each in stands)


def outcomes(stands: Iterable[Stand], kinds: Mapping[bytes, str], now_ms: int) -> list[Outcome]:
    """Return what became of releases in this home, one for each release, the newest first; kinds: of the devices that are still here.

    One device that failed is worth more than any number that did not.
    """
    found: dict[tuple[str, int], int] = {}
    for each in sorted(stands, key=lambda each: (-each.sequence, each.kid)):
        fault = _fault_of(each)
        if fault is None or each.kid not in kinds or now_ms - each.changed_ms > _TOLD_MS:
            continue
        key = kinds[each.kid], each.sequence
        found[key] = found.get(key, 0) or fault
    return [Outcome(*key, fault) for key, fault in found.items()][:_MOST_TOLD]


def _fault_of(stand: Stand) -> int | None:
    """Return why a release did not stay on a device, 0: it did, None: neither is known, or it is not the release's doing."""
    if stand.state == updates.KEPT:
        return 0
    if stand.state == updates.GIVEN_BACK:
        return stand.fault or faults.UPDATE_UNPROVED
    return stand.fault if stand.state == updates.REFUSED and stand.fault in _AGAINST else None


def in_share(kid: bytes, release: Release, percent: int) -> bool:
    """Whether a device is among the first `percent` of a hundred, at random and for good."""
    return int.from_bytes(sha256(kid + release.sequence.to_bytes(4, "big")).digest()[:4], "big") % 100 < percent


def in_time(choice: str, kind: str, hour: int) -> bool:
    """Whether this hour is one for an update."""
    if kind == "babyphone":
        return hour in _NURSERY_AWAKE
    return choice == NOW or hour in _NIGHT


def due(
    kid: bytes,
    kind: str,
    runs: int | None,
    release: Release | None,
    stands: Mapping[tuple[bytes, int], Stand],
    halted: bool,
    choice: str,
    share: int,
    hour: int,
    now_ms: int,
) -> bool:
    """Whether this device is to be told of the release now.

    runs: the number of what it runs, None: it never said; stands: how releases stand on devices, by both; halted: one of its kind gave
    it back here, or too many did elsewhere; share: to how many in a hundred its publisher offers it.
    """
    if release is None or runs is None or release.sequence <= runs:
        return False
    stand = stands.get((kid, release.sequence))
    if stand is not None and stand.asked and not stand.over:
        if stand.state == ASKED:
            return in_time(NOW, kind, hour)
    elif choice == ASK or not in_share(kid, release, share) or halted or not in_time(choice, kind, hour):
        return False
    if stand is None or stand.state == ASKED:
        return True
    waited_ms = now_ms - stand.changed_ms
    if stand.state == updates.REFUSED:
        return stand.fault in _PASSING and waited_ms > (_AGAIN_MS if stand.fault in _PASSING_ON_ITS_OWN else _RETRY_MS)
    return not stand.over and stand.state != updates.TRYING and waited_ms > _AGAIN_MS
