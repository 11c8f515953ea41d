"""The first page of somebody signed in: one card for each thing that is measured, the number first."""

import time
from itertools import groupby

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cloud import readings, stores
from cloud.site.courses import course
from cloud.site.pages.measurements import HOME_DAYS, cards_of, seen_of
from cloud.site.periods import Window
from cloud.site.premises import Visitor, show, signed_in


@signed_in
async def home(request: Request, visitor: Visitor) -> Response:
    """Show a card for every subject and kind, or what to do first."""
    await run_in_threadpool(_keep_from_lapsing, visitor)
    window = Window.of_days(HOME_DAYS, int(time.time()))
    seen = await run_in_threadpool(seen_of, visitor, window)
    shown = await run_in_threadpool(cards_of, visitor, window)
    groups = [list(group) for _, group in groupby(shown, key=lambda each: each.subject)]
    return show(request, "home.html", visitor, seen=seen, groups=groups, window=window, course=course)


def _keep_from_lapsing(visitor: Visitor) -> None:
    """Note once a month that an owner still looks: what has no home any more, or came from an export, is kept by that alone."""
    day = int(time.time()) // 86400
    names = [name for subject in visitor.subjects() for name in subject.pseudonyms]
    with visitor.premises.readings.connect() as connection:
        late = readings.unseen_since(connection, names, day - readings.SEEN_STEP_DAYS)
    if late:
        with visitor.premises.owners_hand() as engine, stores.writing(engine) as connection:
            readings.see(connection, late, day)
