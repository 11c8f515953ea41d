"""Pairing a device with the home: its label's code, the button, six digits on both ends, and what came of it (threats T20).

Works without scripts: while something is awaited the page asks for itself again every two seconds.
"""

import functools
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway import pairing
from gateway.edges.pages.frame import BOTH, DO, Addresses, Frame
from gateway.edges.pages.typed import name_in, network_in
from gateway.edges.pages.words import Words
from gateway.errors import NotNow
from protocol import faults
from protocol.errors import BadLabelText
from protocol.sentences import sentence

_AWAITED = (pairing.LISTENING, pairing.MET, pairing.ALIKE, pairing.TAKEN)
_BLANK = {"code": "", "name": "", "wifi": ""}


async def pair(frame: Frame, request: Request, words: Words) -> Response:
    """Show how far a pairing has come; begin one with a typed code."""
    if request.method == "GET":
        return _show(frame, request, words, _BLANK)
    form = await request.form()
    typed = {name: str(form.get(name, "")) for name in _BLANK}
    again = functools.partial(_show, frame, request, words, typed)
    known = name_in(typed["name"]) if typed["name"].strip() else ""
    if known is None:
        return again(words("pair.name_wrong"), 400)
    network = network_in(typed["wifi"], form.get("wifi_password", "")) if typed["wifi"] else None
    if typed["wifi"] and network is None:
        return again(words("pair.wifi_wrong"), 400)
    try:
        frame.pairings.begin(typed["code"], known, network)
    except BadLabelText:
        return again(words("pair.no_code"), 400)
    except NotNow:
        return again(sentence(faults.PAIRING_TOO_MANY, words.language), 429)
    return frame.back(words, "pair")


async def answer(frame: Frame, request: Request, words: Words) -> Response:
    """Take the person's word: the digits are the same, they are not, or the pairing is to be put away."""
    said = (await request.form()).get("said")
    if said in ("same", "other"):
        frame.pairings.say(said == "same")
    elif said == "end":
        frame.pairings.dismiss()
    return frame.back(words, "pair")


def _show(frame: Frame, request: Request, words: Words, typed: Mapping[str, str], wrong: str = "", status: int = 200) -> Response:
    """Show the page; typed: what nobody should have to type again."""
    current = frame.pairings.look()
    facts = None if current is None else _facts(frame, current, words)
    return frame.show("pair", request, words, status, wrong=wrong, typed=typed, current=facts)


def _facts(frame: Frame, current: pairing.Pairing, words: Words) -> dict[str, Any]:
    run = current.current
    newcomer = run.newcomer if run else None
    before = [device.name for device in frame.house.enrolments.devices if newcomer and device.serial == newcomer.serial]
    return {
        "state": current.state,
        "sentence": words(f"pair.{current.state}"),
        "fault": sentence(current.fault, words.language) if current.fault else "",
        "code": run.code if run and current.state in (pairing.COMPARING, pairing.ALIKE) else "",
        "who": words(f"device.{newcomer.kind}") if newcomer else "",
        "serial": newcomer.serial if newcomer else "",
        "before": before[0] if before else "",
        "awaited": current.state in _AWAITED,
        "over": current.state in pairing.OVER,
    }


ADDRESSES: Addresses = {"/pair": (pair, BOTH), "/pair/answer": (answer, DO)}
