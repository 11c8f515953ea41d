"""What somebody shares with a doctor or a grandparent: opened by the part of a link behind the #, which no address or log ever holds.

The page takes it out of the browser's address by itself and sends it as a form; without JavaScript it is pasted into a field.
"""

import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cloud.errors import Declined
from cloud.grants import LINK, Granted
from cloud.site import sharing
from cloud.site.languages import zone_or_utc
from cloud.site.opening import KINDS, Reading, Subject
from cloud.site.pages.measurements import TITLES, Shown, columns
from cloud.site.premises import Premises, network_asking, premises_of, show
from cloud.site.sentences import DECLINED
from cloud.site.sharing import Share


async def shared(request: Request) -> Response:
    """Ask for the key of a link, or show what it opens (POST)."""
    if request.method != "POST":
        return show(request, "shared-key.html", sentence=None)
    form = await request.form()
    premises, network = premises_of(request), network_asking(request)
    # a whole link may be pasted as well
    given = str(form.get("key", "")).strip().rpartition("#")[2]
    try:
        premises.limiter.check("wrong from a network", network, time.monotonic())
        share, shown = await run_in_threadpool(_open, premises, given)
    except Declined as declined:
        premises.limiter.count("wrong from a network", network, time.monotonic())
        return show(request, "shared-key.html", status=400, sentence=DECLINED[declined.reason])
    zone = zone_or_utc(str(form.get("zone", ""))).key
    return show(request, "shared.html", zone=zone, grant=share.grant, shown=shown, titles=TITLES, columns=columns)


def _open(premises: Premises, given: str) -> tuple[Share, list[Shown]]:
    share = sharing.enter(premises, given, LINK)
    found: dict[tuple[bytes, str], tuple[Granted, list[Reading]]] = {}
    for part in share.parts:
        for kind in sorted({kind for kind, _ in part.leaves}):
            found[part.pseudonym, KINDS[kind]] = (part, [])
    for part, reading in sharing.readings_of(premises, share):
        found[part.pseudonym, reading.kind][1].append(reading)
    sharing.note(premises, share, "link-read", count=str(sum(len(readings) for _, readings in found.values())))
    # a subject of this page has no keys: its number is made of nothing that opens or names anything elsewhere
    return share, [
        Shown(Subject(part.label, part.subject, share.entered.grant_id + bytes([number]), b"", ()), kind, readings)
        for number, ((_, kind), (part, readings)) in enumerate(found.items())
    ]
