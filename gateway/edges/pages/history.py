"""The log of exchanges and connections (R28, R29): what went where and when, and who was connected, for everybody at home to read."""

import asyncio
import dataclasses
import time
from pathlib import Path
from sqlite3 import Row as Found
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from gateway import records
from gateway.edges import buffer, ledger, questions
from gateway.edges.pages.frame import LOOK, Addresses, Frame
from gateway.edges.pages.words import Words

_SHOWN = 200


async def show(frame: Frame, request: Request, words: Words) -> Response:
    """Show both, the newest first, and whether the chain of exchanges holds."""
    house, now_s = frame.house, time.time()
    # a year of it takes a second to look through, in which devices and alarms must not wait
    kept = await asyncio.to_thread(_kept, house.buffer.path, words)
    subjects = house.subjects()
    exchanged = [
        {
            "when": words.moment(each.at_ms / 1000, now_s),
            "what": _sentence(each, words),
            "who": "" if each.subject is None else _name(subjects, each.subject, words),
        }
        for each in kept.exchanged
    ]
    connected = [
        {
            "when": words.moment(row["at_ms"] / 1000, now_s),
            "until": "" if row["ended_ms"] is None else words.moment(row["ended_ms"] / 1000, now_s),
            "what": words(f"connection.{row['what']}"),
            "who": _who(frame, row["what"], row["who"], words),
        }
        for row in kept.connected
    ]
    arrived = [
        {"day": words.day(row["day_s"]), "device": _who(frame, ledger.DEVICE, row["kid"].hex(), words), "count": row["count"]}
        for row in kept.arrived
    ]
    return frame.show("log", request, words, exchanged=exchanged, connected=connected, arrived=arrived, broken=kept.broken)


class _Kept(NamedTuple):
    """What is shown of the log, and the number of the first entry that does not follow from the one before."""

    exchanged: list[records.Exchange]
    connected: list[Found]
    arrived: list[Found]
    broken: int | None


def _kept(path: Path, words: Words) -> _Kept:
    with buffer.apart(path) as connection:
        entries = ledger.exchanges(connection)
        broken = records.first_broken(ledger.begin(connection), entries)
        connected = ledger.connections(connection)[:_SHOWN]
        return _Kept(_summed(entries, words)[:_SHOWN], connected, questions.arrived_by_day(connection, _SHOWN), broken)


def _summed(entries: list[records.Exchange], words: Words) -> list[records.Exchange]:
    """Return the exchanges, the newest first, what was sent of one person or room on one day as one, at its latest."""
    shown: list[records.Exchange] = []
    sent: dict[tuple[str, int | None], int] = {}
    for each in reversed(entries):
        key = (words.day(each.at_ms / 1000), each.subject)
        if each.what != records.SENT or key not in sent:
            if each.what == records.SENT:
                sent[key] = len(shown)
            shown.append(each)
        else:
            place = sent[key]
            shown[place] = dataclasses.replace(shown[place], count=shown[place].count + each.count)
    return shown


def _sentence(each: records.Exchange, words: Words) -> str:
    name = f"exchange.{each.what}"
    if each.what in (records.SETTLED, records.COMMANDED):
        name = f"{name}.{each.whom}" if f"{name}.{each.whom}" in words.names else name
    return words(name, count=each.count, whom=each.whom)


def _name(subjects: dict[int, dict[str, Any]], number: int, words: Words) -> str:
    return str(subjects[number]["name"]) if number in subjects else words("log.erased")


def _who(frame: Frame, what: str, who: str, words: Words) -> str:
    if what == ledger.DEVICE:
        device = frame.house.device(bytes.fromhex(who))
        return device.name if device else words("device.unenrolled")
    return who.partition(" ")[2].replace("?", words("settings.unknown_browser"))


ADDRESSES: Addresses = {"/log": (show, LOOK)}
