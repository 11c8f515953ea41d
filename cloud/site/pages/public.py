"""What anybody may read: what this is, and on what terms."""

import hashlib
import itertools
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DatabaseError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from cloud import consents
from cloud.site.languages import LANGUAGES, N_, preferred
from cloud.site.premises import FOLDER, go, language_of, premises_of, show, visitor_of

# What consents.LEGAL_BASES says of the purposes in the register, named here so that it is said in French too.
BASES = (
    N_("contract (GDPR 6(1)(b), Law 78-17 art. 5 2°)"),
    N_("contract (GDPR 6(1)(b), Law 78-17 art. 82: strictly necessary)"),
    N_("consent (GDPR 6(1)(a), Law 78-17 art. 5 1°)"),
)


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


async def rules(request: Request) -> Response:
    """The rules of privacy, clause by clause, and the register of what is processed and why."""
    language = language_of(request)
    parts = paragraphs(consents.text(consents.RULES, language))
    headings = [(title.partition(" · "), words) for (is_heading, title), (_, words) in itertools.pairwise(parts) if is_heading]
    clauses = [(number, title, words) for (number, _, title), words in headings]
    bases = [(purpose, consents.LEGAL_BASES[purpose]) for purpose in (*consents.NEEDED, *consents.CHOICES)]
    facts: dict[str, Any] = {"clauses": clauses, "bases": bases, "digest": consents.text_digest(consents.RULES, language).hex()}
    facts |= {"version": consents.versions(consents.RULES, language)[-1], "controller": premises_of(request).settings.controller}
    return show(request, "rules.html", visitor=await visitor_of(request), **facts)


async def health(request: Request) -> Response:
    """Say to whoever spreads the load whether this site can answer: both stores are asked one thing each."""
    premises = premises_of(request)

    def ask() -> bool:
        try:
            for engine in (premises.accounts, premises.readings):
                with engine.connect() as connection:
                    connection.execute(select(1))
        except DatabaseError as error:
            premises.log.warning("site.store_failed", detail=type(error.orig).__name__)
            return False
        return True

    is_well = await run_in_threadpool(ask)
    return JSONResponse({"status": "ok" if is_well else "a store is away"}, 200 if is_well else 503)


async def manifest(request: Request) -> Response:
    """What a browser needs to keep the site among a person's applications (W3C Web Application Manifest)."""
    language = language_of(request)
    static = premises_of(request).static
    return JSONResponse(
        {
            "name": "Foyer",
            "short_name": "Foyer",
            "lang": language,
            "id": "/",
            "start_url": f"/{language}/home",
            "scope": "/",
            "display": "standalone",
            "background_color": "#FAF7F2",
            "theme_color": "#FAF7F2",
            "icons": [
                {"src": static("hearth.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
                *(
                    {"src": static(f"icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
                    for size in (192, 512)
                ),
                {"src": static("icon-maskable-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
            ],
        },
        media_type="application/manifest+json",
    )


async def offline(request: Request) -> Response:
    """What a browser shows of us without a connection; it is the same for everybody and holds nobody's readings."""
    return show(request, "offline.html")


async def worker(request: Request) -> Response:
    """The script that keeps that page in a browser (W3C Service Workers), with the addresses of all it keeps."""
    static = premises_of(request).static
    shell = [*(f"/{language}/offline" for language in LANGUAGES), *(static(name) for name in ("foyer.css", "foyer.js", "hearth.svg"))]
    text = (FOLDER / "static" / "worker.js").read_text(encoding="utf-8")
    version = hashlib.sha256(json.dumps([shell, text]).encode()).hexdigest()[:8]
    return Response(f"const SHELL = {json.dumps(shell)};\nconst VERSION = {json.dumps(version)};\n{text}", media_type="text/javascript")


def paragraphs(text: str) -> list[tuple[bool, str]]:
    """Return the paragraphs of a text, each with whether it is a heading."""
    parts = (" ".join(part.split()) for part in text.split("\n\n"))
    return [(part.startswith("# "), part.removeprefix("# ")) for part in parts if part]
