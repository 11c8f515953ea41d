"""What a browser, or somebody with one, may try against the page (threats T23, T24): each attack mounted and answered in our words."""

import asyncio
import http.server
import re
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.async_api import async_playwright

from gateway.edges.pages import entrance, routes
from gateway.edges.pages.access import HEADERS
from tests import chromium
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import PASSWORD, Browser, browser

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
POSTED = [path for path, (_, methods) in routes.ADDRESSES.items() if "POST" in methods]
# these end the session, or the device that the others need
AT_THE_END = ("/sign-out", "/settings/password", "/sign-in", "/setup", "/devices/{kid}/gone")
LOOKED = [path for path, (_, methods) in routes.ADDRESSES.items() if "GET" in methods and path != "/events"]
# names of fields, read from the pages' own source, so that a new field is fuzzed without being told
PAGES = Path(routes.__file__).parent
FIELDS = sorted(
    {name for path in PAGES.glob("*.py") for name in re.findall(r'form\.get\(f?"([\w{}-]+)"', path.read_text())}
    | {name for path in (PAGES / "templates").glob("*.html") for name in re.findall(r'\bname="([\w-]+)"', path.read_text())}
)
NASTY = st.sampled_from(
    ["", "0", "1", "-1", "²", "٣", "1e9", "nan", "inf", "9" * 400, "\x00", "\ufffd", "%00", "../..", "<script>", "{{7*7}}", "'--", "yes"]
)
VALUES = NASTY | st.text(st.characters(codec="utf-8"), max_size=60) | st.integers(-5, 1 << 70).map(str)
FORMS = st.dictionaries(st.sampled_from(FIELDS) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), VALUES, max_size=6)
IDS = st.sampled_from(["1", "2", "0", "999999999999999999999999", "-1", "KID", "00000000", "%00", "..", "²", "a b"])
BODIES = st.sampled_from(["form", "multipart", "json", "raw", "empty"])
TOKENS = st.sampled_from(["right"] * 8 + ["", "0" * 64, "é", "\x00"])


@asynccontextmanager
async def home(folder: Path) -> AsyncIterator[tuple[Gateway, Browser, str]]:
    """A home with a device of each kind, a person, and a reading in the inbox."""
    devices = [Counterpart(kind) for kind in ("scale", "cuff", "babyphone")]
    for device in devices:
        device.enrol(folder / "data")
    async with gateway(configure(folder)) as running, browser(running, timeout=30) as page:
        await page.set_up()
        await page.post("/en/people", name="Anna", usual_kg="72.4")
        async with link(devices[0], (await running.event("gateway.ready"))["coap_port"]) as way:
            await way.send(devices[0].signed(devices[0].fields(1, _10=120_000)))
        yield running, page, devices[0].kid.hex()


@contextmanager
def client(running: dict[str, Any], cookies: httpx.Cookies) -> Iterator[httpx.Client]:
    origin = f"https://localhost:{running['page_port']}"
    trust = ssl.create_default_context(cafile=running["authority"])
    headers = {"origin": origin, "cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies.jar)}
    with httpx.Client(base_url=origin, verify=trust, headers=headers, timeout=30) as made:
        yield made


def check(answer: httpx.Response) -> None:
    """Whatever was asked, the answer is ours: no mistake of the program, every header, no way out of this site."""
    assert answer.status_code < 500 or answer.status_code == 507, (answer.request.url, answer.request.content[:300])
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    location = answer.headers.get("location", "/")
    assert location.startswith(("/", str(answer.request.url.copy_with(path="/", query=None))))
    assert not location.startswith("//")
    assert b"Traceback" not in answer.content
    if "html" in answer.headers.get("content-type", ""):
        assert b"<script>" not in answer.content.replace(b'<script src="', b"")


@pytest.mark.parametrize("count", [250, pytest.param(6000, marks=[pytest.mark.long, pytest.mark.timeout(1500)])])
async def test_no_form_makes_the_page_fail(tmp_path: Path, count: int) -> None:
    """Every address, every field, every kind of body, right and wrong tokens and ids: never a mistake of ours, and the home lives on."""
    async with home(tmp_path) as (running, page, kid):
        ready = await running.event("gateway.ready")
        token = (await page.state())["form_token"]
        cookies = page.client.cookies

        def campaign() -> None:
            with client(ready, cookies) as asks:

                @settings(max_examples=count, database=None)
                @given(
                    st.sampled_from([path for path in POSTED if path not in AT_THE_END]),
                    st.sampled_from(["en", "fr"]),
                    IDS,
                    FORMS,
                    BODIES,
                    TOKENS,
                )
                def send(path: str, language: str, id_: str, form: dict[str, str], body: str, given_token: str) -> None:
                    address = f"/{language}" + re.sub(r"\{[^}]*\}", kid if id_ == "KID" else id_, path)
                    fields = {**form, "token": token if given_token == "right" else given_token}
                    more: dict[str, Any] = {"data": fields}
                    if body == "multipart":
                        more = {"files": {name.replace("\r", " ").replace("\n", " "): (None, text) for name, text in fields.items()}}
                    elif body == "json":
                        more = {"json": fields}
                    elif body == "raw":
                        more = {"content": repr(fields).encode(), "headers": {"content-type": "multipart/form-data; boundary=x"}}
                    elif body == "empty":
                        more = {"content": b""}
                    answer = asks.post(address, **more)
                    check(answer)
                    if given_token != "right":
                        assert answer.status_code in (307, 400, 403, 404, 405)

                send()
                # found by the long campaign: a number too long for the database
                check(asks.post("/en/inbox/999999999999999999999999", data={"subject": "0", "token": token}))
                # and a reading that was forgotten, which is in no export
                check(asks.post("/en/reading/1/forget", data={"token": token}))  # the campaign may have done it before
                assert asks.post("/en/settings/export", data={"token": token}).status_code == 200
                for sure in ("", "no", "\x00", "yes", "yes"):
                    check(asks.post(f"/fr/devices/{kid}/gone", data={"sure": sure, "token": token}))
                for name in ("/sign-in", "/settings/password", "/setup"):
                    for value in ("", "\x00", "9" * 5000, "é" * 300):
                        check(asks.post(f"/en{name}", data={"password": value, "old": value, "new": value, "code": value, "token": token}))

        await asyncio.to_thread(campaign)
        assert (await page.client.get("/en/")).status_code == 200
        assert await running.stop() == 0


PARTS = ["en", "fr", "static", "people", "devices", "..", ".", "%2e%2e", "%2f", "%5c", "%00", "style.css", "access.py", "home.db", "keys"]
PARTS += ["etc", "passwd", "state.json", "authority.pem", "authority.key", "1", "events.", "link", "%c0%ae", "é", "*", "~"]
PATHS = st.lists(st.sampled_from(["", "a" * 300, *PARTS]), min_size=1, max_size=6).map("/".join)


async def test_no_path_leads_out(tmp_path: Path) -> None:
    """Whatever is put together from dots, slashes in every spelling and names of our own files, nothing but pages is answered."""
    async with home(tmp_path) as (running, page, _):
        ready = await running.event("gateway.ready")
        key = (tmp_path / "data/page/authority.key").read_bytes().splitlines()[1]
        cookies = page.client.cookies

        def campaign() -> None:
            with client(ready, cookies) as asks, client(ready, httpx.Cookies()) as stranger:

                @settings(max_examples=250, database=None)
                @given(PATHS, st.sampled_from(["", "?before=²", "?before=-1", "?after=x&language=../..", "?language=de", "?before=%00"]))
                def ask(path: str, query: str) -> None:
                    raw = f"/{path}{query}".encode("ascii", "replace")
                    for who in (asks, stranger):
                        request = who.build_request("GET", "/")
                        request.url = request.url.copy_with(raw_path=raw)
                        answer = who.send(request)
                        check(answer)
                        assert key not in answer.content
                        assert b"import " not in answer.content
                        assert b"SQLite format" not in answer.content
                        if who is stranger and answer.status_code == 200:
                            assert (
                                "text/css" in answer.headers["content-type"]
                                or "sign-in" in str(answer.request.url)
                                or path.startswith("static")
                            )

                ask()

        await asyncio.to_thread(campaign)


async def test_every_form_carries_a_token_and_nothing_works_without(tmp_path: Path) -> None:
    """Each form on each page has the session's token; each address that takes a form refuses another's, an old one and none."""
    async with home(tmp_path) as (_, page, kid):
        token = (await page.state())["form_token"]
        seen = set()
        for language in ("en", "fr"):
            for path in LOOKED:
                text = (await page.client.get(f"/{language}" + re.sub(r"\{\w+:int\}", "1", path))).text
                for form in re.findall(r'<form[^>]*method="post".*?</form>', text, re.S):
                    if "sign-in" not in path and "setup" not in path:
                        assert f'name="token" value="{token}"' in form, (path, form[:200])
                        seen.add(path)
        assert len(seen) >= 6
        for path in POSTED:
            if routes.ADDRESSES[path][0] in entrance.WITHOUT_TOKEN:
                continue
            address = "/en" + path.replace("{kid}", kid).replace("{subject:int}", "1").replace("{reading:int}", "1").replace(
                "{number:int}", "1"
            )
            for wrong in ({}, {"token": ""}, {"token": "0" * 64}, {"token": token[:-1]}):
                assert (await page.client.post(address, data=wrong)).status_code == 403, address
        await page.post("/en/sign-out")
        await page.client.post("/en/sign-in", data={"password": PASSWORD})
        assert (await page.client.post("/en/rooms", data={"name": "Attic", "token": token})).status_code == 403, "another session's token"


async def test_five_wrong_codes_end_set_up_however_they_come(tmp_path: Path) -> None:
    """Twenty guesses at once are five guesses; the right code is then too late."""
    async with gateway(configure(tmp_path)) as running, browser(running, timeout=30) as page:
        form = {"code": "AAAA-AAAA-AAAA", "password": PASSWORD}
        answers = await asyncio.gather(*(page.client.post("/en/setup", data=form) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {403}
        assert running.count("page.setup_refused") == 5
        code = (await running.event("page.setup_code"))["code"]
        assert (await page.client.post("/en/setup", data={**form, "code": code})).status_code == 403


class Evil(http.server.BaseHTTPRequestHandler):
    """A page on another site that does what it can to the home's."""

    target = ""

    def do_GET(self) -> None:
        page = f"""<!doctype html><iframe name="sink" src="{self.target}/en/people"></iframe>
        <form id="f" method="post" target="sink" action="{self.target}/en/rooms"><input name="name" value="Evil"></form>
        <script>
        const said = [];
        document.getElementById("f").submit();
        const all = {{credentials: "include"}};
        fetch("{self.target}/state.json", all).then(r => r.text()).then(t => said.push(t)).catch(e => said.push("blocked"));
        const form = {{...all, method: "POST", mode: "no-cors", body: new URLSearchParams({{name: "Evil"}})}};
        fetch("{self.target}/en/rooms", form).then(r => said.push(r.type)).catch(e => said.push("blocked"));
        setTimeout(() => {{ document.title = said.join(); }}, 1500);
        </script>"""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        pass


async def test_another_site_and_a_rebound_name_get_nothing(tmp_path: Path) -> None:
    """In a real browser, under names that are not localhost: a name that was rebound to the home is refused, and another site's frame,
    form and script change and read nothing, though the browser is signed in."""
    async with home(tmp_path) as (running, page, _), async_playwright() as playwright:
        port = (await running.event("gateway.ready"))["page_port"]
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        Evil.target = "https://gateway.test"
        ways = chromium.leading(gateway_test=port, rebound_example=port, evil_example=server.server_port)
        made = await playwright.chromium.launch(**chromium.started(ways, chromium.TRUSTING))
        context = await made.new_context(ignore_https_errors=True)
        door = await context.new_page()
        await door.goto("https://gateway.test/en/sign-in")
        await door.fill("input[name=password]", PASSWORD)
        await door.click("main button")
        await door.wait_for_url("**/en/")
        answer = await door.goto("https://rebound.example/en/people")
        assert answer is not None
        assert (answer.status, await answer.text()) == (421, "This name is not this home's.")
        assert await door.evaluate("fetch('/state.json').then(r => r.status)") == 421
        await door.goto("http://evil.example/")
        await door.wait_for_function("document.title !== ''")
        assert "people" not in await door.title()
        assert "form_token" not in await door.title()
        frame = next(each for each in door.frames if each.name == "sink")
        assert "Anna" not in await frame.content()
        assert [room["name"] for room in (await page.state())["rooms"]] == ["Nursery"]
        await made.close()
        server.shutdown()
        server.server_close()
