"""The family's page, asked over real HTTPS under the home's own authority."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
import httpx
import pytest

from gateway.edges.pages import words
from gateway.edges.pages.access import browser_in
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import Gateway, configure, gateway

pytestmark = pytest.mark.anyio
PASSWORD = "a warm kitchen"
TEMPLATES = Path(words.__file__).parent / "templates"


class Browser:
    """A signed-in client of a home's page; `post` carries the form's token as the page's own forms do."""

    def __init__(self, client: httpx.AsyncClient, home: Gateway) -> None:
        self.client = client
        self.home = home

    async def state(self) -> dict[str, Any]:
        answer = await self.client.get("/state.json")
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()
        return state

    async def post(self, path: str, **form: object) -> httpx.Response:
        token = (await self.state())["form_token"]
        return await self.client.post(path, data={**form, "token": token})

    async def set_up(self) -> None:
        code = (await self.home.event("page.setup_code"))["code"]
        answer = await self.client.post("/en/setup", data={"code": code, "password": PASSWORD})
        assert answer.status_code == 303, answer.text


@asynccontextmanager
async def browser(home: Gateway, **more: Any) -> AsyncIterator[Browser]:
    """A browser that trusts the home's authority and nothing else."""
    ready = await home.event("gateway.ready")
    origin = f"https://localhost:{ready['page_port']}"
    trust = ssl.create_default_context(cafile=ready["authority"])
    async with httpx.AsyncClient(base_url=origin, verify=trust, headers={"origin": origin}, **more) as client:
        yield Browser(client, home)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Browser]:
    for kind in ("scale", "cuff", "babyphone"):
        Counterpart(kind).enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as running, browser(running) as page:
        yield page


async def test_before_set_up_nothing_works_but_set_up(home: Browser) -> None:
    """Every address leads to the set-up page; five wrong codes end it, the right one included."""
    for path in ("/", "/en/people", "/state.json", "/fr/readings", "/authority.pem", "/en/sign-in"):
        answer = await home.client.get(path)
        assert (answer.status_code, answer.headers["location"][3:]) == (303, "/setup")
    short = await home.client.post("/en/setup", data={"code": "AAAA-AAAA-AAAA", "password": "short"})
    assert short.status_code == 400
    for _ in range(5):
        wrong = await home.client.post("/en/setup", data={"code": "AAAA-AAAA-AAAA", "password": PASSWORD})
        assert wrong.status_code == 403
    code = (await home.home.event("page.setup_code"))["code"]
    assert (await home.client.post("/en/setup", data={"code": code, "password": PASSWORD})).status_code == 403


async def test_set_up_signs_in_and_its_code_is_spent(home: Browser) -> None:
    """The code works once; the password signs in afterwards, a wrong one does not, and signing out ends the session."""
    await home.set_up()
    assert (await home.client.get("/en/people")).status_code == 200
    cookie = home.client.cookies.jar
    assert [(each.name, each.secure, each.path) for each in cookie] == [("__Host-foyer", True, "/")]
    assert (await home.post("/en/sign-out")).status_code == 303
    assert (await home.client.get("/state.json")).status_code == 401
    assert (await home.client.post("/en/sign-in", data={"password": "something else"})).status_code == 403
    assert (await home.client.post("/en/sign-in", data={"password": PASSWORD})).status_code == 303
    assert (await home.client.get("/state.json")).status_code == 200
    code = (await home.home.event("page.setup_code"))["code"]
    assert (await home.client.post("/en/setup", data={"code": code, "password": "another password"})).status_code == 303
    assert (await home.client.post("/en/sign-in", data={"password": "another password"})).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.example"}, 421),
        ({"host": "localhost.evil.example:443"}, 421),
    ],
)
async def test_a_form_from_elsewhere_is_refused(home: Browser, headers: dict[str, str], status: int) -> None:
    """Another site's form, or another name that resolves to this home, changes nothing though the browser is signed in."""
    await home.set_up()
    token = (await home.state())["form_token"]
    form = {"name": "Eve", "usual_kg": "60", "token": token}
    assert (await home.client.post("/en/people", data=form, headers=headers)).status_code == status
    assert (await home.client.post("/en/people", data={**form, "token": "0" * 64})).status_code == 403
    assert (await home.state())["people"] == []


async def test_every_response_carries_the_headers(home: Browser) -> None:
    """A strict policy, nothing stored, nothing framed, on pages, files and refusals alike."""
    for path in ("/en/setup", "/static/style.css", "/nowhere"):
        headers = (await home.client.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


async def test_people_are_added_and_a_weight_finds_its_owner(home: Browser, tmp_path: Path) -> None:
    """A near weight is assigned, a strange one waits in the inbox until one touch, and the page says so in both languages."""
    await home.set_up()
    assert (await home.post("/en/people", name="Anna", usual_kg="62.5")).status_code == 303
    assert (await home.post("/fr/people", name="Ben", usual_kg="84,0")).status_code == 303
    for wrong in (
        {"name": "", "usual_kg": "60"},
        {"name": "Cy", "usual_kg": "1"},
        {"name": "Cy", "usual_kg": "nan"},
        {"name": "x" * 41, "usual_kg": "9"},
    ):
        assert (await home.post("/en/people", **wrong)).status_code == 400
    device = Counterpart()
    device.enrol(tmp_path / "data")
    port = (await home.home.event("gateway.ready"))["coap_port"]
    await home.home.event("enrolment.changed", devices=4)
    async with link(device, port) as way:
        await way.send(device.signed(device.fields(1, _10=62900)))
        await way.send(device.signed(device.fields(2, _10=73000)))
    await home.home.event("reading.assigned", sequence=1)
    await home.home.event("reading.doubtful", sequence=2, reason="nobody_near")
    state = await home.state()
    anna, ben = (person["subject"] for person in state["people"])
    second, first = state["readings"]
    assert (first["subject"], first["place"], first["values"]["weight_kg"]) == (anna, "home", 62.9)
    assert first["state"] == "Kept at home: Anna has no account linked."
    assert (second["subject"], second["place"], state["inbox"]) == (None, "inbox", 1)
    assert [first["stops"][name] > 0 for name in ("received", "committed", "receipted", "assigned")] == [True] * 4
    assert (await home.post(f"/en/inbox/{second['reading']}", subject=ben)).status_code == 303
    state = await home.state()
    assert (state["readings"][0]["subject"], state["inbox"]) == (ben, 0)
    assert (await home.post(f"/en/inbox/{first['reading']}", subject=ben)).status_code == 303
    assert (await home.state())["readings"][1]["subject"] == anna, "only what is in the inbox can be given"
    french = (await home.client.get("/fr/readings")).text
    assert "62,9" in french
    assert "Gardée à la maison\u00a0: Anna n’a pas de compte lié." in french


async def test_a_body_told_on_the_page_gives_a_composition_there_and_can_be_forgotten(home: Browser, tmp_path: Path) -> None:
    """Nonsense is refused with a sentence; shoes are said; a form that does not ask leaves it, an empty field forgets it."""
    await home.set_up()
    await home.post("/en/people", name="Ada Lovelace", usual_kg="72.4")
    ada = f"/en/people/{(await home.state())['people'][0]['subject']}"
    born = str(time.gmtime().tm_year - 36)
    said = {"name": "Ada Lovelace", "usual_kg": "72.4", "height_cm": "168", "birth_year": born, "sex": "female"}
    for wrong in ({"height_cm": "1.68"}, {"height_cm": "700"}, {"birth_year": "2999"}, {"birth_year": "x"}, {"sex": "Ada"}):
        answer = await home.post(ada, **(said | wrong))
        assert (answer.status_code, "That cannot be" in answer.text) == (400, True)
    assert (await home.post(ada, **said)).status_code == 303
    device = Counterpart()
    device.enrol(tmp_path / "data")
    port = (await home.home.event("gateway.ready"))["coap_port"]
    await home.home.event("enrolment.changed", devices=4)
    async with link(device, port) as way:
        await way.send(device.signed(device.fields(1)))
        shod = {key: value for key, value in device.fields(2).items() if key != 12} | {15: 0}
        await way.send(device.signed(shod))
    await home.home.event("reading.assigned", sequence=2)
    page = (await home.client.get("/en/readings")).text
    assert "body fat 38.3 %, an estimate" in page
    assert "no bare feet, so no body composition" in page
    assert "masse grasse 38,3\u00a0%, une estimation" in (await home.client.get("/fr/readings")).text
    assert "On the scale’s display: AL" in (await home.client.get("/en/people")).text
    assert (await home.post(ada, name="Ada Lovelace", usual_kg="72.4")).status_code == 303
    assert 'value="168"' in (await home.client.get("/en/people")).text
    assert (await home.post(ada, **(said | {"height_cm": ""}))).status_code == 303
    page = (await home.client.get("/en/people")).text
    assert ('value="168"' in page, f'value="{born}"' in page) == (False, True)
    assert "an estimate" not in (await home.client.get("/en/readings")).text


async def test_every_page_shows_in_both_languages(home: Browser) -> None:
    """Each page renders with and without anything in it, and links its other language."""
    await home.set_up()
    for filled in (False, True):
        if filled:
            await home.post("/en/people", name="<b>Anna</b> & Co", usual_kg="62.5")
        pages = ["", "people", "devices", "readings", "inbox", "nursery"] + (["link/1"] if filled else [])
        for language, other in (("en", "fr"), ("fr", "en")):
            for page in pages:
                answer = await home.client.get(f"/{language}/{page}")
                assert answer.status_code == 200, page
                assert f'<html lang="{language}">' in answer.text
                assert f'href="/{other}/{page}"' in answer.text
                assert "<b>Anna" not in answer.text
                assert not re.search(r"<(style|script)>|\son\w+=|style=", answer.text), "nothing that the policy would stop"
    assert (await home.client.get("/en/nowhere")).status_code == 404
    assert (await home.client.get("/en/link/99")).status_code == 404


async def test_the_rooms_babyphone_brings_its_room_and_a_cuff_its_user(home: Browser) -> None:
    """A babyphone's room is there from the start; a cuff is given to somebody, and only to somebody who exists."""
    await home.set_up()
    await home.post("/en/people", name="Anna", usual_kg="62.5")
    state = await home.state()
    (room,) = state["rooms"]
    devices = {device["kind"]: device for device in state["devices"]}
    anna = state["people"][0]["subject"]
    assert (room["name"], devices["babyphone"]["room"]) == ("Nursery", room["subject"])
    await home.post(f"/en/devices/{devices['cuff']['kid']}", used_by=anna)
    assert next(each for each in (await home.state())["devices"] if each["kind"] == "cuff")["used_by"] == anna
    await home.post(f"/en/devices/{devices['cuff']['kid']}", used_by="77")
    assert next(each for each in (await home.state())["devices"] if each["kind"] == "cuff")["used_by"] is None


async def test_the_nursery_is_live(tmp_path: Path) -> None:
    """A live value reaches a watching browser as an event, is never kept, and nothing else is answered to it."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as running, browser(running, timeout=10) as page:
        await page.set_up()
        port = (await running.event("gateway.ready"))["coap_port"]
        async with link(device, port) as way, page.client.stream("GET", "/en/events") as events:
            await way.send(device.signed(device.fields(1)))
            way.live({0: 2, 2: [1, 7000], 13: 2010, 14: 44, 16: 87})
            async for line in events.aiter_lines():
                if line.startswith("data:") and "loudness" in line:
                    break
        assert '"loudness_dB": 43.5' in line
        assert '"temperature_Cel": 20.1' in line
        assert len((await page.state())["readings"]) == 1
        assert "43" in (await page.client.get("/en/nursery")).text


async def test_crying_rings_at_the_page_until_somebody_goes(tmp_path: Path) -> None:
    """Two windows of crying are an alarm in the stream of events; who touches it silences it, and a strange alarm is none."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    kid = device.kid.hex()
    async with gateway(configure(tmp_path)) as running, browser(running, timeout=10) as page:
        await page.set_up()
        port = (await running.event("gateway.ready"))["coap_port"]
        async with link(device, port) as way, page.client.stream("GET", "/en/events") as events:
            await way.send(device.signed(device.fields(1)))

            async def cry() -> None:
                for second in range(20):
                    way.live({0: 2, 2: [1, 7000 + second], 16: 160, 18: 1})
                    await asyncio.sleep(1)

            crying = asyncio.create_task(cry())
            lines = events.aiter_lines()
            async for line in lines:
                if '"alarms": {"crying": "ringing"}' in line:
                    break
            await page.post(f"/en/nursery/{kid}", alarm="crying", what="acknowledge")
            async for line in lines:
                if '"alarms": {"crying": "acknowledged"}' in line:
                    break
            crying.cancel()
        shown = (await page.client.get("/fr/nursery")).text
        assert 'data-alarm="crying" data-state="acknowledged"' in shown
        assert (await page.client.post(f"/en/nursery/{kid}", data={"alarm": "flood", "what": "snooze"})).status_code in (403, 404)


def test_both_languages_have_all_words_and_templates_use_no_others() -> None:
    """Every name in the templates has words in English and in French, once, with the same facts in them."""
    for path in TEMPLATES.with_name("locale").glob("*.po"):
        named = re.findall(r'^msgid "(.+)"$', path.read_text(), re.MULTILINE)
        assert len(named) == len(set(named)), path.name
    read = words.read()
    assert read["en"].names == read["fr"].names
    used = {name for path in TEMPLATES.glob("*.html") for name in re.findall(r"\bt\([\"']([\w.]+\w)[\"']", path.read_text())}
    assert used <= read["en"].names
    for name in read["en"].names:
        facts = [sorted(re.findall(r"\{\w+\}", read[language]._words[name])) for language in words.LANGUAGES]
        assert facts[0] == facts[1], name
        assert all(read[language]._words[name] for language in words.LANGUAGES), name


async def test_sessions_are_listed_and_each_can_be_ended(home: Browser) -> None:
    """A second browser shows in the settings of the first, which signs it out; both stand in the log of connections."""
    await home.set_up()
    async with browser(home.home) as other:
        firefox = {"user-agent": "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"}
        assert (await other.client.post("/en/sign-in", data={"password": PASSWORD}, headers=firefox)).status_code == 303
        page = (await home.client.get("/en/settings")).text
        assert "Firefox, Android" in page
        (named,) = re.findall(r'name="session" value="([0-9a-f]{64})"', page)
        await home.post("/en/settings/sessions", session=named)
        assert (await other.client.get("/state.json")).status_code == 401
    for wrong in ("", "zz", "0" * 64, named[:-1] + "é"):
        assert (await home.post("/en/settings/sessions", session=wrong)).status_code == 303
    assert (await home.client.get("/state.json")).status_code == 200
    await asyncio.sleep(1.5)
    log = (await home.client.get("/en/log")).text
    assert "Firefox, Android" in log


async def test_a_new_password_signs_every_other_browser_out(home: Browser) -> None:
    """The old one must be known; afterwards only the new one signs in, and the change stands in the log."""
    await home.set_up()
    async with browser(home.home) as other:
        assert (await other.client.post("/en/sign-in", data={"password": PASSWORD})).status_code == 303
        assert (await home.post("/en/settings/password", old="not this one", new="another warm kitchen")).status_code == 403
        assert (await home.post("/en/settings/password", old=PASSWORD, new="short")).status_code == 400
        assert (await other.client.get("/state.json")).status_code == 200
        assert (await home.post("/en/settings/password", old=PASSWORD, new="another warm kitchen")).status_code == 200
        assert (await other.client.get("/state.json")).status_code == 401
        assert (await other.client.post("/en/sign-in", data={"password": PASSWORD})).status_code == 403
        assert (await other.client.post("/en/sign-in", data={"password": "another warm kitchen"})).status_code == 303
    assert "The household password was changed" in (await home.client.get("/en/log")).text


@pytest.mark.parametrize(
    ("agent", "named"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        ("curl/8", "?, ?"),
        ("", "?, ?"),
    ],
)
def test_a_browser_is_named_coarsely(agent: str, named: str) -> None:
    """Family and system, and nothing that would tell two phones of one make apart."""
    assert browser_in(agent) == named


async def test_an_order_waits_is_not_doubled_and_can_be_taken_back(home: Browser) -> None:
    """A function of each device is a form; the same twice is one; what a device cannot do, or a wrong argument, is refused."""
    await home.set_up()
    kids = {device["kind"]: device["kid"] for device in (await home.state())["devices"]}
    for _ in range(2):
        assert (await home.post(f"/en/devices/{kids['scale']}/orders", kind=6, language=1, unit=2)).status_code == 303
    page = (await home.client.get("/en/devices")).text
    assert page.count("Waiting for the scale to wake: step on it.") == 1
    for wrong in (
        {"kind": 1},
        {"kind": 4},
        {"kind": 99},
        {"kind": ""},
        {"kind": 6, "unit": 7},
        {"kind": 6, "unit": "x"},
        {"kind": 6, "who": 3},
    ):
        assert (await home.post(f"/en/devices/{kids['scale']}/orders", **wrong)).status_code == 400, wrong
    (number,) = re.findall(r"/orders/(\d+)", page)
    assert (await home.post(f"/en/devices/{kids['cuff']}/orders/{number}", what="take_back")).status_code == 303
    assert "Waiting for the scale" in (await home.client.get("/en/devices")).text, "another device's address takes nothing back"
    assert (await home.post(f"/en/devices/{kids['scale']}/orders/{number}", what="explode")).status_code == 400
    assert (await home.post(f"/en/devices/{kids['scale']}/orders/{number}", what="take_back")).status_code == 303
    assert "Taken back today" in (await home.client.get("/en/devices")).text
    assert (await home.post("/en/devices/00000000/orders", kind=3)).status_code == 404
    for kind in (2, 3, 5, 6, 7):
        await home.post(f"/en/devices/{kids['scale']}/orders", kind=kind)
    assert (await home.client.get("/fr/devices")).text.count("En attente du réveil de la balance") == 5


async def test_an_order_reaches_its_device_and_its_answer_the_page(tmp_path: Path) -> None:
    """A device that asks is told; what it answers is on the page, and the same answer again changes nothing."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as running, browser(running) as page:
        await page.set_up()
        port = (await running.event("gateway.ready"))["coap_port"]
        async with link(device, port) as way:

            async def ask() -> bytes:
                uri = f"coap://127.0.0.1:{port}/c"
                request = aiocoap.Message(code=aiocoap.FETCH, uri=uri, payload=cbor2.dumps({2: [1, 60_000]}), content_format=60)
                return bytes((await way.context.request(request, handle_blockwise=False).response).payload)

            assert await ask() == b""
            await page.post(f"/en/devices/{device.kid.hex()}/orders", kind=3, seconds=5)
            told = cbor2.loads(await ask())
            assert (told[0], told[11]) == (3, 5)
            assert 60_000 < told[8][1] <= 60_000 + 600_000 + 5000
            assert "has not answered yet" in (await page.client.get("/en/devices")).text
            for outcome in (0, 1):
                result = cbor2.dumps({0: 3, 1: told[1], 4: outcome, **({21: 125} if outcome else {})}, canonical=True)
                assert (await way.post("c", result, 60)).code.is_successful()
            assert await ask() == b""
        shown = (await page.client.get("/en/devices")).text
        assert "Done today at" in shown
        assert "Refused" not in shown
