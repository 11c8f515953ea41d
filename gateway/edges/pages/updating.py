"""What the devices' page says of updates: what a release brings, how far it is, what became of those before."""

import time
from typing import Any

from gateway import updates
from gateway.edges.pages.frame import Frame
from gateway.edges.pages.words import Words
from gateway.updates import Stand
from protocol import manifest
from protocol import updates as said
from protocol.sentences import SENTENCES

_HISTORY = 5
_REFUSED = 3
_BRINGS = {"en": manifest.ENGLISH, "fr": manifest.FRENCH}


def choices(frame: Frame) -> dict[str, Any] | None:
    """Return what the household chose and may choose; None: this home takes no updates."""
    if frame.rollout is None or not frame.rollout.shelf.keys:
        return None
    rollout = frame.rollout
    said = {"chosen": rollout.choice, "all": updates.CHOICES, "stale": rollout.stale, "vouched": rollout.vouched}
    return {**said, "refused": rollout.shelf.refused[:_REFUSED]}


def shown(frame: Frame, kid: bytes, words: Words) -> dict[str, Any] | None:
    """Return what the page says of a device's updates, or None when there is nothing to say."""
    device = frame.house.device(kid)
    if frame.rollout is None or device is None:
        return None
    release, history = frame.rollout.offered(device), frame.rollout.history(device)
    if release is None and not history:
        return None
    now = next((each for each in history if release is not None and each.sequence == release.sequence), None)
    return {
        "name": release.name if release else "",
        "brings": release.manifest[_BRINGS[words.language]] if release else "",
        "may_ask": release is not None and (now is None or now.over),
        "halted": release is not None and frame.rollout.halted(device, release),
        "halted_elsewhere": release is not None and frame.rollout.halted_elsewhere(release),
        "percent": now.percent if now is not None and now.state == said.FETCHING else None,
        "history": [_line(each, words) for each in history[:_HISTORY]],
    }


def _line(each: Stand, words: Words) -> dict[str, str]:
    reason = SENTENCES.get(each.fault or 0, {}).get(words.language, "")
    when = words.moment(each.changed_ms / 1000, time.time())
    sentence = words(f"update.{updates.WORDS[each.state]}", name=each.name, when=when, percent=each.percent or 0)
    return {"state": updates.WORDS[each.state], "sentence": f"{sentence} {reason}".strip()}
