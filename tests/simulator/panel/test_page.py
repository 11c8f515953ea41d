"""The page as it is sent: complete without a script, nothing from elsewhere, and a stream that says what changes."""

import asyncio
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest

from simulator.panel import scene
from simulator.panel.witness import Witness
from simulator.panel.words import Tongue
from tests.simulator.panel.household import LivedIn, served

ADDRESS = "http://localhost:8003"


class Seen(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def get(lived_in: LivedIn, path: str) -> httpx.Response:
    async def live() -> httpx.Response:
        await lived_in.move_in()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(lived_in.app), base_url=ADDRESS) as client:
            answer = await client.get(path)
        await lived_in.move_out()
        return answer

    return asyncio.run(live())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_fact_has_its_place_on_the_page(lived_in: LivedIn, language: str) -> None:
    """What the stream can say, the page can show; and no place on the page waits for a fact that never comes."""
    lived_in.measured("scale", 0, 1, "in_cloud", 5)
    seen = Seen(get(lived_in, f"/{language}/").text)
    places = {attributes[name] for _, attributes in seen.tags for name in ("data-text", "data-is", "data-value") if name in attributes}
    look = lived_in.house.look()
    switches = {name: program.is_on() for name, program in lived_in.switches.items()}
    facts = scene.compose(look, lived_in.said, switches, Witness(), Tongue(language), 0.0).facts
    assert places == set(facts)


def test_nothing_comes_from_elsewhere_and_nothing_is_inline(lived_in: LivedIn) -> None:
    """Scripts and styles are files of ours, as the policy demands; only links lead away."""
    answer = get(lived_in, "/en/")
    for tag, attributes in Seen(answer.text).tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "action"):
            target = attributes.get(name) or "/"
            assert target.startswith(("/", "#")) or (tag == "a" and attributes.get("rel") == "noopener")
    assert not re.search(r"<script(?![^>]*src=)|<style", answer.text)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"


def test_names_are_text_and_never_markup(lived_in: LivedIn) -> None:
    """What a device shows is escaped."""

    async def live() -> str:
        await lived_in.move_in()
        lived_in.hear("scale", 'foyer display "<b>1" "<script>" "<i>" 0')
        async with httpx.AsyncClient(transport=httpx.ASGITransport(lived_in.app), base_url=ADDRESS) as client:
            page = (await client.get("/en/")).text
        await lived_in.move_out()
        return page

    page = asyncio.run(live())
    assert "&lt;b&gt;1" in page
    assert "<b>1" not in page


def test_forms_and_controls_have_names(lived_in: LivedIn) -> None:
    """Every field is labelled, ids are unique."""
    seen = Seen(get(lived_in, "/en/").text)
    ids = [attributes["id"] for _, attributes in seen.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes.get("for") for tag, attributes in seen.tags if tag == "label"}
    assert {attributes["id"] for tag, attributes in seen.tags if tag == "select"} <= labelled


@pytest.mark.parametrize("path", ["/de/", "/en/cellar", "/static/%2e%2e/app.py", "/fr/devices/scale/step"])
def test_what_is_not_there_is_said_in_a_sentence(lived_in: LivedIn, path: str) -> None:
    """Unknown pages, and forms asked for as pages."""
    answer = get(lived_in, path)
    assert answer.status_code in (404, 405)
    assert len(answer.text) < 2000


def messages(stream: httpx.Response) -> Iterator[dict[str, object]]:
    for line in stream.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_the_stream_says_what_changes_and_only_that(lived_in: LivedIn) -> None:
    """First everything, then each change as it happens: a display, a reading's stops, a switch."""
    with served(lived_in) as address, httpx.stream("GET", f"{address}/en/events", timeout=10) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        said = messages(stream)
        first = next(said)
        assert first["facts"]["scale.wifi"] == "on"  # type: ignore[index]
        lived_in.within(lambda: lived_in.hear("scale", 'foyer display "61.3 kg" "arrived" "A" -1'))
        second = next(said)
        assert second == {"facts": {"scale.number": "61.3 kg", "scale.words": "arrived", "scale.whose": "A ▼", "scale.dark": ""}}
        lived_in.within(lambda: lived_in.measured("scale", 0, 17, "committed"))
        third = next(said)
        assert third["order"] == ["scale-17"]
        assert 'data-place="home"' in third["rows"]["scale-17"]  # type: ignore[index]
        answer = httpx.post(f"{address}/en/switches/broker", data={"to": "off"}, headers={"Origin": address, "Accept": "text/plain"})
        assert answer.status_code == 204
        fourth = next(one for one in said if "switch.broker.now" in one.get("facts", {}))  # type: ignore[operator]
        assert fourth["facts"]["switch.broker.now"] == "off"  # type: ignore[index]


def test_open_streams_end_when_the_news_are_closed(lived_in: LivedIn) -> None:
    """So that a demonstration can stop while somebody looks at it."""
    with served(lived_in) as address, httpx.stream("GET", f"{address}/fr/events", timeout=10) as stream:
        said = messages(stream)
        next(said)
        lived_in.within(lived_in.changed.close)
        assert list(said) == []
