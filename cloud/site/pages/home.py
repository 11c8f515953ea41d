"""The first page of somebody signed in: one card for each thing that is measured, the number first."""

import time
from itertools import groupby

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cloud.site.courses import course
from cloud.site.opening import KINDS_OF
from cloud.site.pages.measurements import HOME_DAYS, Window, seen_of, shown_of
from cloud.site.premises import Visitor, show, signed_in


@signed_in
async def home(request: Request, visitor: Visitor) -> Response:
    """Show a card for every subject and kind, or what to do first."""
    window = Window.of_days(HOME_DAYS, int(time.time()))
    seen = await run_in_threadpool(seen_of, visitor, window)
    shown = await run_in_threadpool(shown_of, visitor, window, {kind for kinds in KINDS_OF.values() for kind in kinds})
    groups = [list(group) for _, group in groupby(shown, key=lambda each: each.subject)]
    return show(request, "home.html", visitor, seen=seen, groups=groups, window=window, course=course)
