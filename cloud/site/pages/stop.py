"""One click that ends a kind of letters: the link at the foot of each, without signing in (RFC 8058 for mail programs)."""

import time

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloud import campaigns, consents
from cloud.site.premises import language_of, premises_of, show


async def stop(request: Request) -> Response:
    """Ask once more (GET, because mail programs look at links by themselves), or end these letters (POST)."""
    premises = premises_of(request)
    found = campaigns.parse_token(premises.pepper.stop, request.path_params["token"])
    if found is None:
        raise HTTPException(404)
    account_id, purpose = found
    if request.method == "POST":
        await run_in_threadpool(campaigns.stop, premises.admission, account_id, purpose, language_of(request), int(time.time()))
    words = consents.text(purpose, language_of(request)).strip()
    return show(request, "stop.html", words=words, is_done=request.method == "POST")
