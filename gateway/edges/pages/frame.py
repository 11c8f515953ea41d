"""What every page stands in: the home it looks at, the hands its forms may use, and how a page is shown in its language.

A page is one module here with `ADDRESSES`: for each address the function that answers and the methods it takes. A function gets the
frame, the request and the words of the address's language. `routes.py` collects them and checks each form's token before any of them runs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.edges import places, questions, safety
from gateway.edges.custody import Custody
from gateway.edges.ledger import Ledger
from gateway.edges.linking import Linking
from gateway.edges.listening import Listenings
from gateway.edges.orderbook import OrderBook
from gateway.edges.pages.access import Access, token_of
from gateway.edges.pages.views import House
from gateway.edges.pages.words import LANGUAGES, Words
from gateway.edges.pairings import Pairings
from gateway.edges.push import Pushes
from gateway.edges.rollout import Rollout


def _templates() -> Environment:
    loader = PackageLoader("gateway.edges.pages")
    return Environment(loader=loader, autoescape=select_autoescape(), undefined=StrictUndefined, trim_blocks=True)


@dataclass(frozen=True)
class Frame:
    """The pages of one home. book: moves what is sealed; woken: called when somebody's readings may move on.

    linking: None while nothing leaves the home.
    neighbour: whether a Home Assistant of this home is told anything.
    """

    house: House
    access: Access
    book: Custody
    linking: Linking | None
    pairings: Pairings
    ledger: Ledger
    orders: OrderBook
    woken: Callable[[], None]
    words: dict[str, Words]
    authority: Path
    stopping: asyncio.Event
    neighbour: bool = False
    push: Pushes | None = None
    listenings: Listenings = field(default_factory=Listenings)
    rollout: Rollout | None = None
    exporting: asyncio.Lock = field(default_factory=asyncio.Lock)
    templates: Environment = field(default_factory=_templates)

    def show(self, name: str, request: Request, words: Words, status: int = 200, **facts: Any) -> Response:
        """Return a page by the name of its template."""
        session = getattr(request.state, "session", None)
        inbox = self.house.buffer.read(lambda connection: questions.count_in(connection, places.INBOX)) if session else 0
        mended = safety.lately_mended(self.house.buffer) if session else None
        there = request.url.path.partition(f"/{words.language}/")[2]
        other = next(language for language in LANGUAGES if language != words.language)
        html = self.templates.get_template(f"{name}.html").render(
            t=words, here=f"/{words.language}/", there=there, other=other, page=name, session=session, inbox_count=inbox,
            mended=mended and words("nav.mended", when=words.moment(mended["at_ms"] / 1000, time.time()), count=mended["readings"]),
            full=bool(session) and self.house.buffer.full_since_ms is not None,
            token=token_of(session) if session else "", site=self.house.site, **facts,
        )  # fmt: skip
        return HTMLResponse(html, status)

    def back(self, words: Words, page: str) -> Response:
        """Return the answer to a form that did its one thing: the page to look at next, and news to whoever watches."""
        self.house.changes.happened()
        return RedirectResponse(f"/{words.language}/{page}", 303)

    def subject(self, request: Request) -> dict[str, Any]:
        """Return the person or room an address names. Raises HTTPException: 404, there is none."""
        subject = self.house.subjects().get(request.path_params["subject"])
        if subject is None:
            raise HTTPException(404)
        return subject


Page = Callable[[Frame, Request, Words], Awaitable[Response]]
Addresses = Mapping[str, tuple[Page, tuple[str, ...]]]
LOOK, DO, BOTH = ("GET",), ("POST",), ("GET", "POST")
