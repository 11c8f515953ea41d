"""What anybody may read: what this is, and on what terms."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cloud import consents
from cloud.site.languages import preferred
from cloud.site.premises import go, language_of, show, visitor_of


async def choose_language(request: Request) -> Response:
    """Lead to the language that the browser prefers."""
    return RedirectResponse(f"/{preferred(request.headers.get('accept-language', ''))}/", 302)


async def landing(request: Request) -> Response:
    """What this is; whoever is signed in is at home instead."""
    if await visitor_of(request):
        return go(request, "home")
    return show(request, "landing.html")


async def terms(request: Request) -> Response:
    """The texts in force, each with the digest that a consent record names."""
    language = language_of(request)
    texts = [(paragraphs(consents.text(purpose, language)), consents.text_digest(purpose, language).hex()) for purpose in consents.NEEDED]
    return show(request, "terms.html", visitor=await visitor_of(request), texts=texts)


def paragraphs(text: str) -> list[tuple[bool, str]]:
    """Return the paragraphs of a text, each with whether it is a heading."""
    parts = (" ".join(part.split()) for part in text.split("\n\n"))
    return [(part.startswith("# "), part.removeprefix("# ")) for part in parts if part]
