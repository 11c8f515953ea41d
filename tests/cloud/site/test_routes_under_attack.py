"""Every address of the site under whatever a stranger or a guest may send: our own refusals, never a fault, nothing run, nothing told.

The addresses come from the routing table itself, so a new page is attacked on the day it is made.
"""

import asyncio
import html
import re
import statistics
import threading
import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from cloud import bearers, credentials
from cloud.errors import Declined
from cloud.site import defences, premises, routes
from tests.cloud.site.conftest import PASSWORD, Premises
from tests.cloud.site.test_take import Furnished

ALL = [each for each in routes.ROUTES if isinstance(each, Route)]
# streams do not end by themselves; they have tests of their own
ENDLESS = ("/live",)
INJECTED = (
    "' OR 1=1 --",
    '"; DROP TABLE accounts; --',
    "{{ 7019*7013 }}{% for x in ().__class__ %}{% endfor %}",
    "${7019*7013}<%= 7019*7013 %>#{7019*7013}%(rows)s",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "a\r\nSet-Cookie: foyer=x\r\n\r\n<h1>",
    "victim@example.org\r\nBcc: everybody@example.org",
    "\x00\x1b[31m\u202e\ud7ff",
    "%00%0d%0a",
    "𝕳" * 300,
    "9" * 400,
    "-1",
    "1e309",
    "4111 1111 1111 1111",
)
# what a template that ran would have made of its words
RECKONED = str(7019 * 7013)
FIELDS = (
    "email", "password", "old", "new", "code", "token", "zone", "terms", "cookies", "session", "subject", "words", "wrong", "thing", "whom",
    "name", "country", "since", "until", "days", "answers", "grant", "key", "passkey", "products", "rules", "grant_type", "client_id",
    "client_secret", "scope", "query", "period", "rows", "command", "device", "on", "beside",
)  # fmt: skip
# RFC 6749, RFC 7009 and RFC 8058: programs post here, and what they bring is the right to it
FROM_ANYWHERE = ("/oauth/token", "/oauth/revoke", "/{language:language}/stop/{token:str}")
WORDS = st.sampled_from(INJECTED) | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One site with a guest in it for all examples, whose password costs nothing."""
    patch = pytest.MonkeyPatch()
    patch.setitem(credentials.PROFILES, credentials.CURRENT, credentials.Profile(64, 1, 1))
    site = Premises(tmp_path_factory.mktemp("house"))
    guest = Furnished(site, "guest@example.org")
    patch.setattr(site.premises.limiter, "check", lambda *_: None)
    yield site, guest, site.browser()
    site.close()
    patch.undo()


def filled(path: str, words: str) -> str:
    """An address of a route with words where it takes any."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: "en" if found[1] == "language" else quote(words, safe="") or "x", path)


def asked(browser: Any, method: str, path: str, **more: Any) -> Any:
    headers = {"sec-fetch-site": "same-origin", **more.pop("headers", {})}
    return browser.request(method, path, headers=headers, follow_redirects=False, **more)


def assert_harmless(answer: Any, words: str) -> None:
    assert answer.status_code < 500 or answer.status_code == 503, (answer.request.url, words)
    assert answer.headers["content-security-policy"] == defences.POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Traceback" not in answer.text
    for injected in ("<script>alert(1)", "onerror=alert(1)>", "<h1>\r", "root:x:0", RECKONED):
        assert injected not in answer.text
    assert "foyer=x" not in answer.headers.get("set-cookie", "")
    assert "\r" not in answer.headers.get("location", "")


@pytest.mark.parametrize("route", [each for each in ALL if not each.path.endswith(ENDLESS)], ids=lambda each: each.path)
def test_no_address_has_a_fault(house: Any, route: Route) -> None:
    """Path, query, form, JSON, headers and cookies full of every injection, as a guest and as a stranger: no fault, nothing runs."""
    _, guest, stranger = house
    methods = sorted((route.methods or {"GET"}) - {"HEAD"})
    ends_it = route.path.endswith(("take/erase", "sign-out", "account/sessions"))
    browsers = [stranger] if ends_it else [guest.browser, stranger]
    for browser in browsers:
        for number, words in enumerate(INJECTED):
            path = filled(route.path, words)
            for method in methods:
                if method == "GET":
                    assert_harmless(asked(browser, "GET", path, params={FIELDS[number]: words, "period": words, "date": words}), words)
                    continue
                form = dict.fromkeys(FIELDS, words)
                assert_harmless(asked(browser, "POST", path, data=form), words)
                assert_harmless(asked(browser, "POST", path, content=words.encode(errors="replace")), words)
                odd = {"content-type": "application/json", "authorization": f"Basic {quote(words)}", "accept-language": quote(words)}
                assert_harmless(asked(browser, "POST", path, content=b'{"credential": {"rawId": [[[]]]}, "prf": 1}', headers=odd), words)
    assert guest.browser.get("/en/home").url.path == "/en/home"


@given(st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_forms_of_any_shape_are_answered(house: Any, data: st.DataObject) -> None:
    """Fields in any number with anything in them, files where text belongs, and bodies that are no form at all."""
    _, guest, stranger = house
    posts = [each for each in ALL if "POST" in (each.methods or ()) and not each.path.endswith(("erase", "sign-out", "sessions"))]
    route = data.draw(st.sampled_from(posts))
    browser = data.draw(st.sampled_from([guest.browser, stranger]))
    path = filled(route.path, data.draw(st.sampled_from(["x", "0" * 32, "weight", "..", "%"])))
    shape = data.draw(st.sampled_from(["form", "parts", "bytes"]))
    if shape == "form":
        answer = asked(browser, "POST", path, data=data.draw(st.dictionaries(st.sampled_from(FIELDS), WORDS | st.lists(WORDS, max_size=3))))
    elif shape == "parts":
        files = data.draw(st.dictionaries(st.sampled_from((*FIELDS, "archive")), st.binary(max_size=200), min_size=1, max_size=4))
        answer = asked(browser, "POST", path, files={name: (f"{name}.zip", body) for name, body in files.items()})
    else:
        kind = data.draw(
            st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "a/b", ""])
        )
        answer = asked(browser, "POST", path, content=data.draw(st.binary(max_size=300)), headers={"content-type": kind})
    assert_harmless(answer, shape)


@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"]),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_address_and_any_method_is_answered(house: Any, tail: str, method: str) -> None:
    """Whatever stands behind the name of the site."""
    _, guest, _ = house
    path = "/" + quote(tail, safe="/%.;=&?")
    if not path.startswith("//") and not path.split("?")[0].endswith(ENDLESS):
        assert_harmless(asked(guest.browser, method, path), tail)


@pytest.mark.parametrize("route", ALL, ids=lambda each: each.path)
def test_an_address_takes_its_own_methods_and_its_own_forms_alone(house: Any, route: Route) -> None:
    """Every other method is refused, whoever asks; a form from another site too, but where a secret in it is the whole right to it."""
    _, guest, stranger = house
    path, own = filled(route.path, "x"), route.methods or set()
    for browser in (guest.browser, stranger):
        for method in {"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY", "GET", "POST"} - own:
            answer = asked(browser, method, path)
            if method == "GET" and answer.status_code != 405:
                # what is posted to and not shown is taken for the name of a page, which there is not
                assert answer.status_code == 404 or (answer.status_code, answer.headers["location"]) == (303, "/en/sign-in")
            else:
                assert answer.status_code == 405, method
        if "POST" in own:
            for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://x.example"}, {}):
                answer = browser.request("POST", path, data={"email": "x"}, headers=headers, follow_redirects=False)
                assert (answer.status_code == 403) == (route.path not in FROM_ANYWHERE), headers
    assert guest.browser.get("/en/home").url.path == "/en/home"


HEADERS = (
    "accept", "accept-encoding", "accept-language", "authorization", "content-type", "cookie", "forwarded", "if-modified-since",
    "if-none-match", "last-event-id", "origin", "range", "referer", "sec-fetch-site", "te", "transfer-encoding", "user-agent",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-http-method-override", "x-original-url",
)  # fmt: skip
VALUES = st.binary(max_size=80).filter(lambda value: not set(b"\r\n\0") & set(value)) | st.sampled_from(
    [b"bytes=0-1,5-", b"bytes=-99999999999", b'W/"x', b"Thu, 99 Foo 0000", b"foyer=" + b"A" * 43, b"foyer=;foyer", b"identity;q=x", b"*"]
)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_headers_of_any_kind_are_answered(house: Any, data: st.DataObject) -> None:
    """Whatever stands in them: no fault, none believed that says who somebody is, and none given back."""
    _, guest, stranger = house
    route = data.draw(st.sampled_from([each for each in ALL if not each.path.endswith((*ENDLESS, "sign-out", "erase", "sessions"))]))
    headers = data.draw(st.dictionaries(st.sampled_from(HEADERS), VALUES, max_size=5))
    path, method = filled(route.path, "x"), data.draw(st.sampled_from(sorted(route.methods or {"GET"})))
    browser = data.draw(st.sampled_from([guest.browser, stranger]))
    answer = browser.request(method, path, headers=headers, follow_redirects=False)
    assert_harmless(answer, path)
    if browser is stranger and "html" in answer.headers.get("content-type", ""):
        assert "guest@example.org" not in answer.text


@pytest.mark.parametrize(
    "name", ["../routes.py", "..%2froutes.py", "%2e%2e/%2e%2e/keys.py", "/etc/passwd", "%00", "a" * 5000, "..\\routes.py"]
)
def test_no_file_is_handed_out_but_those_that_are_meant(house: Any, name: str) -> None:
    """Nothing above or beside the folders of pages' own files, and of releases."""
    _, guest, _ = house
    for folder in ("/static/", "/releases/", "/en/reading/x/"):
        answer = asked(guest.browser, "GET", folder + name)
        assert answer.status_code in (400, 404), folder
        assert "import" not in answer.text


def test_oversized_forms_and_headers_that_lie_are_refused(house: Any) -> None:
    """Announced or not, beyond the cap nothing is read; a length that is none is refused."""
    _, guest, _ = house
    big = b"words=" + b"x" * (defences.LARGEST_FORM_BYTES + 1)
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert asked(guest.browser, "POST", "/en/account/choices", content=big, headers=form).status_code == 413
    for length in ("-1", "1e3", "x", "+5"):
        answer = asked(
            guest.browser,
            "POST",
            "/en/account/choices",
            content=b"a",
            headers={**form, "content-length": length},
        )
        assert answer.status_code in (400, 413), length


def test_a_session_is_never_fixed_beforehand(site: Any) -> None:
    """A cookie that somebody planted is not taken up: after signing in it is another, and the planted one opens nothing."""
    victim, thief = site.browser(), site.browser()
    site.browser().register()
    planted = bearers.new_text()
    victim.client.cookies.set("foyer", planted, domain="127.0.0.1")
    victim.sign_in()
    names = [cookie.value for cookie in victim.client.cookies.jar if cookie.name == "foyer"]
    assert any(value != planted for value in names)
    thief.client.cookies.set("foyer", planted, domain="127.0.0.1")
    assert thief.get("/en/home").url.path == "/en/sign-in"
    # and each sign-in has a session of its own
    again = site.browser()
    again.sign_in()
    assert again.client.cookies["foyer"] not in names


def test_nobody_is_told_who_has_an_account(lettered: Any) -> None:
    """Registering, signing in and recovering answer alike for a taken and a free address: status, headers, words, and time."""
    taken, free = "ada@example.org", "nobody@example.org"
    lettered.browser().register(taken)
    lettered.deliver()

    def answered(path: str, email: str, **form: str) -> tuple[Any, ...]:
        begin_s = time.process_time()
        page = lettered.browser().post(path, {"email": email, **form})
        took_s = time.process_time() - begin_s
        headers = {name: value for name, value in page.headers.items() if name not in ("date", "content-length")}
        return page.status_code, headers, page.url.path, page.text.replace(email, "EMAIL"), took_s

    accepted = {"password": PASSWORD, "terms": "yes", "cookies": "yes"}
    for path, form in (
        ("/en/register", accepted),
        ("/en/sign-in", {"password": "not the password"}),
        ("/en/recover", {"password": PASSWORD, "code": "0000-0000-00000-0000-0000-00000"}),
    ):
        times: dict[str, list[float]] = {taken: [], free: []}
        for _ in range(2):
            (*one, first_s), (*other, second_s) = (answered(path, email, **form) for email in (taken, free))
            assert one == other, path
            times[taken].append(first_s)
            times[free].append(second_s)
        slow, quick = sorted(statistics.median(found) for found in times.values())[::-1]
        assert slow < 4 * quick + 0.2, path


def test_card_numbers_are_kept_in_no_free_text(house: Any) -> None:
    """Notes, and names of grants, sessions and passkeys: what is kept is searched, and there is none (R19)."""
    _, guest, _ = house
    page = guest.page_of("weight")
    answer = guest.browser.post(page, {"words": "paid with 4111 1111 1111 1111"})
    assert answer.status_code == 400
    things = re.findall(r'name="thing" value="([^"]+)"', guest.browser.get("/en/share").text)
    form = {"whom": "person", "name": "4111 1111 1111 1111", "thing": html.unescape(things[0]), "days": "7"}
    answer = guest.browser.post("/en/share", form)
    assert answer.status_code == 400
    assert "payment card" in answer.text
    assert "4111 1111" not in guest.browser.get("/en/share").text


def test_every_page_keeps_the_strict_policy(house: Any) -> None:
    """No inline script that runs, no inline style, no handler in markup, on any page of a guest, in both languages."""
    _, guest, _ = house
    for language in ("en", "fr"):
        for route in ALL:
            if "GET" not in (route.methods or ()) or route.path.endswith(ENDLESS) or re.search(r"\{(?!language)", route.path):
                continue
            answer = asked(guest.browser, "GET", route.path.replace("{language:language}", language))
            if "text/html" not in answer.headers.get("content-type", ""):
                continue
            for script in re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", answer.text):
                assert 'type="application/json"' in script, route.path
            assert not re.search(r"<style|\sstyle=|\son\w+=", answer.text), route.path
            assert "no-store" in answer.headers["cache-control"], route.path


def test_logs_hold_nothing_that_was_sent(house: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever comes in, the log has an event and its facts."""
    _, guest, stranger = house
    for browser in (guest.browser, stranger):
        browser.post("/en/sign-in", {"email": "secret@example.org", "password": "secret words of mine"})
        asked(browser, "GET", "/en/secret-path?token=secret")
    assert "secret" not in capsys.readouterr().out


def test_passwords_are_tried_one_at_a_time_and_too_many_are_sent_away(site: Premises) -> None:
    """Threats T6: however many sign in at once, one run of 64 MiB is under way; beyond those who may wait, the answer is "busy" at once."""
    inside, most, opened = 0, 0, threading.Event()

    def run() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        opened.wait()
        inside -= 1

    async def storm() -> list[object]:
        crowd = [asyncio.create_task(site.premises.slowly(run)) for _ in range(premises.WAITING_AT_MOST + 5)]
        while sum(each.done() for each in crowd) < 5:
            await asyncio.sleep(0.01)
        opened.set()
        return await asyncio.gather(*crowd, return_exceptions=True)

    ends = asyncio.run(storm())
    assert most == 1
    assert ends.count(None) == premises.WAITING_AT_MOST
    assert [type(end) for end in ends if end is not None] == [Declined] * 5
