"""What a person does on the site, page by page, and what a stranger cannot."""

import html
import json
import re
import struct
import time
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from cloud import stores
from cloud.readings import SealedRow
from cloud.site.pages.measurements import thinned
from cloud.site.premises import FOLDER
from protocol import linking, readings
from tests.cloud.counterpart import Device, Person, climate, pressure, weight
from tests.cloud.site.conftest import ADDRESS, ON_POSTGRES, PASSWORD, READS_FILES

NOW_UTC_S = int(time.time())
PAGES = ("home", "weight", "pressure", "climate", "link", "account")


def test_registering_shows_the_recovery_code_once(site: Any) -> None:
    """The code is there until it has been written down, then never again."""
    browser = site.browser()
    page = browser.register()
    assert page.url.path == "/en/recovery-code"
    code = re.search(r'data-recovery-code="([^"]+)"', page.text)
    assert code
    assert code[1] in browser.get("/en/recovery-code").text
    assert browser.post("/en/recovery-code").url.path == "/en/home"
    assert browser.get("/en/recovery-code").url.path == "/en/home"
    other = site.browser()
    form = {"email": "ada@example.org", "code": code[1], "password": "quite another phrase", "zone": ""}
    assert other.post("/en/recover", form).url.path == "/en/recovery-code"


def test_the_cookie_is_http_only_lax_and_unset_before_acceptance(site: Any) -> None:
    """No cookie on any public page; at registration one, which scripts cannot read."""
    browser = site.browser()
    for path in ("/en/", "/fr/register", "/en/terms", "/en/sign-in"):
        assert "set-cookie" not in browser.get(path).headers
    browser.client.follow_redirects = False
    cookie = browser.register().headers["set-cookie"].lower()
    assert cookie.startswith("foyer=")
    for part in ("httponly", "samesite=lax", "path=/"):
        assert part in cookie


@pytest.mark.parametrize("without", ["terms", "cookies"])
def test_registration_without_a_consent_explains_and_sets_nothing(site: Any, without: str) -> None:
    """The page says what is missing and keeps the address typed."""
    browser = site.browser()
    form = {"email": "ada@example.org", "password": PASSWORD, "terms": "yes", "cookies": "yes"}
    del form[without]
    page = browser.post("/en/register", form)
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert "ada@example.org" in page.text
    assert PASSWORD not in page.text
    assert not browser.client.cookies


def test_wrong_password_and_no_such_account_are_the_same_page(site: Any) -> None:
    """Byte for byte, the address typed aside."""
    site.browser().register()
    pages = [site.browser().sign_in(email, "not the password") for email in ("ada@example.org", "bob@example.org")]
    assert [page.status_code for page in pages] == [400, 400]
    assert pages[0].text.replace("ada@", "bob@") == pages[1].text


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_who_is_signed_in(site: Any, language: str, name: str) -> None:
    """A stranger is asked to sign in, and is shown no page."""
    page = site.browser().get(f"/{language}/{name}")
    assert page.url.path == f"/{language}/sign-in"
    assert site.browser().get(f"/{language}/weight.json").status_code == 401
    assert site.browser().get(f"/{language}/live").status_code == 401


def test_readings_are_shown_with_their_provenance(site: Any) -> None:
    """Cards, tables and JSON say the same exact values, times in the person's own zone, and that the signature holds."""
    browser, person, room = site.browser(), Person("Ada"), Person("Nursery", linking.ROOM)
    browser.register()
    browser.link(person)
    browser.link(room)
    utc_s = NOW_UTC_S - 3600
    scale, cuff, baby = Device(), Device(), Device()
    rows = {
        "weight": person.row(scale, weight(72_413, ohm=512), utc_s),
        "pressure": person.row(cuff, pressure(128, 82, 64), utc_s),
        "climate": room.row(baby, climate(2147, 45), utc_s),
    }
    site.store(person, [rows["weight"], rows["pressure"]])
    site.store(room, [rows["climate"]])
    home = browser.get("/en/home").text
    for shown in ("72.4", "128", "82", "pulse 64 a minute", "21.5", "humidity 45 %", "measured by your scale, signature verified"):
        assert shown in html.unescape(home), shown
    french = browser.get("/fr/home").text
    for shown in ("72,4", "21,5", "mesuré par votre balance, signature vérifiée", "humidité 45\u00a0%"):
        assert shown in html.unescape(french), shown
    values = {
        "weight": ("72.413", {"weight_kg": 72.413, "stable": 1, "impedance_ohm": 512}),
        "pressure": ("128/82", {"systolic_mmHg": 128, "diastolic_mmHg": 82, "map_mmHg": 97, "pulse_per_min": 64}),
        "climate": ("21.47/45", {"room_Cel": 21.47, "humidity_percent": 45}),
    }
    for kind, (attribute, named) in values.items():
        page = browser.get(f"/en/{kind}").text
        row_id = rows[kind].row_id.hex()
        assert re.search(f'data-id="{row_id}" data-kind="{kind}" data-utc="{utc_s}" data-verified="true" data-value="{attribute}"', page)
        subject = "Nursery" if kind == "climate" else "Ada"
        assert browser.get(f"/en/{kind}.json").json() == {
            "readings": [{"id": row_id, "utc_s": utc_s, "kind": kind, "values": named, "verified": True, "subject": subject}]
        }


def test_a_weighings_page_shows_its_composition_or_that_the_feet_were_not_bare(site: Any) -> None:
    """What the home worked out is shown as an estimate beside what the device signed, whose signature still holds."""
    browser, person, device = site.browser(), Person("Ada"), Device()
    browser.register()
    browser.link(person)
    barefoot, shod = weight(72_413, ohm=512), weight(72_413) | {readings.BARE_FEET: 0}
    made = {key: value for key, value in barefoot.items() if key >= readings.GRAMS}
    made |= {readings.FAT_PERMILLE: 241, readings.FAT_FREE_GRAMS: 55_000}
    rows = [person.row(device, barefoot, NOW_UTC_S - 7200, shown=made), person.row(device, shod, NOW_UTC_S - 3600)]
    site.store(person, rows)
    found = browser.get("/en/weight.json").json()["readings"]
    assert [each["verified"] for each in found] == [True, True]
    assert found[0]["values"] == {"weight_kg": 72.413, "stable": 1, "impedance_ohm": 512, "fat_percent": 24.1, "fat_free_kg": 55.0}
    said = ("body fat 24.1 %, 55.0 kg without fat: an estimate made at your home", "No bare feet, so no body composition.")
    french = ("masse grasse 24,1\u00a0%, 55,0\u00a0kg sans graisse", "Pas de pieds nus, donc pas de composition corporelle.")
    for language, sentences in (("en", said), ("fr", french)):
        for row, here, other in zip(rows, sentences, reversed(sentences), strict=True):
            address = re.search(rf"/{language}/reading/\w+/{row.row_id.hex()}", browser.get(f"/{language}/weight").text)
            assert address
            page = html.unescape(browser.get(address[0]).text)
            assert (here in page, other in page) == (True, False)


@pytest.mark.parametrize("lie", ["values", "time", "kind of signed bytes", "other pairing", "other key", "signature", "garbage"])
def test_a_reading_that_is_not_what_the_device_signed_says_so(site: Any, lie: str) -> None:
    """It stands in the table with a mark; it is not the latest, not in the chart, and not verified in JSON."""
    browser, person, device = site.browser(), Person("Ada"), Device()
    browser.register()
    browser.link(person)
    utc_s = NOW_UTC_S - 600
    reading = weight(61_000)
    honest = device.sign(weight(70_000))
    timed = device.sign({**weight(61_000), readings.UTC: utc_s - 3600})
    altered = {
        "values": {"signed": honest},
        "time": {"signed": timed},
        "kind of signed bytes": {"signed": device.sign(pressure(120, 80))},
        "other pairing": {"signed": Device(key=device.key).sign(reading)},
        "other key": {"signed": Device(pairing=device.pairing).sign(reading)},
        "signature": {"signed": device.sign(reading)[:-1] + b"\x00"},
        "garbage": {"signed": b"\x00"},
    }[lie]
    good, bad = person.row(device, weight(70_000), utc_s - 60), person.row(device, reading, utc_s, **altered)
    site.store(person, [good, bad])
    page = browser.get("/en/weight").text
    assert 'data-verified="false"' in page
    assert "70.0</span>" in page
    assert "61.0</span>" not in page
    assert "not what the device signed" not in page
    assert [each["verified"] for each in browser.get("/en/weight.json").json()["readings"]] == [True, False]


def test_rows_of_others_are_never_shown(site: Any) -> None:
    """Two accounts, two people: each sees their own, and a row moved under another pseudonym does not open."""
    ada, bob = site.browser(), site.browser()
    people = {"ada": Person("Ada"), "bob": Person("Bob")}
    for browser, name in ((ada, "ada"), (bob, "bob")):
        browser.register(f"{name}@example.org")
        browser.link(people[name])
    device = Device()
    rows = {name: person.row(device, weight(70_000), NOW_UTC_S) for name, person in people.items()}
    for name, person in people.items():
        site.store(person, [rows[name]])
    site.store(people["ada"], [rows["bob"]._replace(row_id=b"x" * 16)])
    assert [each["id"] for each in ada.get("/en/weight.json").json()["readings"]] == [rows["ada"].row_id.hex()]
    assert [each["id"] for each in bob.get("/en/weight.json").json()["readings"]] == [rows["bob"].row_id.hex()]


def test_link_codes_are_single_use_and_expire(site: Any) -> None:
    """A used, an old and an unknown code are answered EXPIRED; the same box again is answered as the first time."""
    browser, person = site.browser(), Person("Ada")
    browser.register()
    code = linking.parse_code(browser.link_code())
    ask = linking.encode_message(linking.ASK, code.link_id)
    answer = linking.decode_message(site.desk.answer(ask, NOW_UTC_S))
    assert linking.fingerprint(answer.body) == code.fingerprint
    box = linking.encode_message(linking.BOX, code.link_id, person.box(answer.body), person.talk_public)
    other = linking.encode_message(linking.BOX, code.link_id, Person("Eve").box(answer.body), Person("Eve").talk_public)
    later = int(time.time()) + 16 * 60
    done, expired = linking.DONE, linking.EXPIRED
    for message, utc_s, status in ((box, NOW_UTC_S, done), (box, NOW_UTC_S, done), (other, NOW_UTC_S, expired), (ask, later, expired)):
        assert linking.decode_message(site.desk.answer(message, utc_s)).body == status
    unknown = linking.encode_message(linking.ASK, b"\x00" * 5)
    assert linking.decode_message(site.desk.answer(unknown, NOW_UTC_S)).body == linking.EXPIRED
    for rubbish in (b"", b"\xff", b"x" * 2000, linking.encode_message(linking.LINKED, code.link_id, 0)):
        assert site.desk.answer(rubbish, NOW_UTC_S) is None
    assert browser.get("/en/link").text.count("data-subject=") == 1


def test_sessions_are_listed_and_revoked(site: Any) -> None:
    """Each names its browser; ending one elsewhere ends it at once; another account's cannot be ended."""
    here, there, stranger = site.browser(), site.browser(), site.browser()
    here.register()
    there.sign_in()
    stranger.register("bob@example.org")
    page = here.get("/en/account").text
    assert page.count("Firefox, Linux") == 2
    digest = re.search(r'name="session" value="([0-9a-f]{64})"', page)
    assert digest
    assert stranger.post("/en/account/sessions", {"session": digest[1]}).status_code == 404
    assert there.get("/en/home").url.path == "/en/home"
    here.post("/en/account/sessions", {"session": digest[1]})
    assert there.get("/en/home").url.path == "/en/sign-in"
    assert here.get("/en/home").url.path == "/en/home"


def test_signing_out_ends_the_session_in_the_store(site: Any) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    browser = site.browser()
    browser.register()
    cookie = browser.client.cookies["foyer"]
    browser.post("/en/sign-out")
    copy = site.browser()
    copy.client.cookies.set("foyer", cookie, domain="127.0.0.1")
    assert copy.get("/en/home").url.path == "/en/sign-in"


def test_password_can_be_changed(site: Any) -> None:
    """With the present one; the page says so, and what was linked stays readable."""
    browser, person = site.browser(), Person("Ada")
    browser.register()
    browser.link(person)
    wrong = browser.post("/en/account/password", {"old": "not it at all", "new": "quite another phrase"})
    assert wrong.status_code == 400
    changed = browser.post("/en/account/password", {"old": PASSWORD, "new": "quite another phrase"})
    assert "Everywhere else you are signed out" in changed.text
    again = site.browser()
    assert again.sign_in(password="quite another phrase").url.path == "/en/home"
    assert "Ada" in again.get("/en/link").text


@pytest.mark.skipif(ON_POSTGRES, reason=READS_FILES)
def test_byte_search_finds_nothing_in_clear(site: Any) -> None:
    """Accounts store: no pseudonym, label, address; readings store: no label, account id, key or signed bytes; what is planted is found."""
    browser, person, device = site.browser(), Person("Zwetlana"), Device()
    browser.register("canary.person@example.org")
    browser.link(person)
    signed = device.sign(weight(70_000))
    site.store(person, [person.row(device, weight(70_000), NOW_UTC_S, signed=signed)])
    browser.get("/en/weight")
    with site.premises.accounts.connect() as connection:
        account_id = connection.exec_driver_sql("SELECT account_id FROM accounts").scalar()
    in_accounts = (person.pseudonym, b"Zwetlana", b"canary.person", person.seeds.root_key, person.seeds.write_seed, signed)
    in_readings = (account_id, b"Zwetlana", b"canary.person", device.public_key, device.pairing, signed, signed[-64:])
    for store, secrets in (("accounts", in_accounts), ("readings", in_readings)):
        held = held_by(site.folder, store)
        assert [secret for secret in secrets if secret in held] == []
    site.store(person, [person.row(device, weight(70_000), NOW_UTC_S)._replace(sealed=b"planted Zwetlana")])
    assert b"Zwetlana" in held_by(site.folder, "readings")


def held_by(folder: Any, store: str) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(f"{store}.db*"))


def test_forms_from_elsewhere_are_refused(site: Any) -> None:
    """Another site, a subdomain, no origin at all: nothing happens; our own origin without fetch metadata is let in."""
    browser = site.browser()
    browser.register()
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
        {"sec-fetch-site": "cross-site", "origin": ADDRESS},
    ):
        assert browser.request("POST", "/en/sign-out", headers=headers).status_code == 403
    assert browser.get("/en/home").url.path == "/en/home"
    assert browser.request("POST", "/en/sign-out", headers={"origin": ADDRESS}).status_code == 200


def test_other_host_names_get_nothing(site: Any) -> None:
    """A name rebound to this machine is refused; localhost is led to the one address."""
    browser = site.browser()
    browser.client.follow_redirects = False
    assert browser.get("/en/", headers={"host": "evil.example:8080"}).status_code == 421
    assert browser.post("/en/sign-in", host="localhost:8080").status_code == 421
    led = browser.get("/fr/weight", headers={"host": "localhost:8080"})
    assert (led.status_code, led.headers["location"]) == (307, f"{ADDRESS}/fr/weight")


def test_requests_that_are_too_large_or_strange_are_refused(site: Any) -> None:
    """No form of ours is larger than 16 KiB, and there is no other method."""
    browser = site.browser()
    assert browser.post("/en/sign-in", {"email": "x" * 20_000}).status_code == 413
    assert browser.request("PUT", "/en/home").status_code == 405
    assert browser.request("TRACE", "/en/home").status_code == 405
    for path in ("/en/nothing", "/de/", "/static/../routes.py", "/static/uPlot.d.ts/x", "/en/weight.xml", "/en/live.json"):
        assert browser.get(path).status_code in (401, 404) or browser.get(path).url.path.endswith("/sign-in"), path


def test_every_answer_carries_the_policy(site: Any) -> None:
    """The strict policy, nosniff, no-referrer and no-store on pages; files are kept for as long as they are the same."""
    browser = site.browser()
    for path in ("/en/", "/en/nothing", "/en/sign-in", "/static/foyer.css"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert ("no-store" in headers.get("cache-control", "")) == (not path.startswith("/static/"))
    assert "immutable" in browser.get(re.search(r'href="(/static/foyer.css[^"]+)"', browser.get("/en/").text)[1]).headers["cache-control"]


def test_pages_hold_no_inline_code_and_nothing_from_elsewhere(site: Any) -> None:
    """No style or event attribute, no script text but data, no address of another host."""
    browser = site.browser()
    browser.register()
    browser.link(Person("<b>Ada & Bob</b>"))
    for name in ("", "terms", "home", "weight", "link", "account", "nothing/at/all"):
        text = browser.get(f"/en/{name}").text
        assert not re.search(r"\s(style|on\w+)=", text), name
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), name
        assert not re.search(r'(src|href|action)="(https?:)?//', text), name
        assert "<b>Ada" not in text


def test_both_languages_lead_to_each_other(site: Any) -> None:
    """Every page links its other version (R44), and the first page goes by the browser's language."""
    browser = site.browser()
    browser.register()
    for name in ("", "terms", "home", "weight?period=year", "link", "account"):
        for language, other in (("en", "fr"), ("fr", "en")):
            page = browser.get(f"/{language}/{name}")
            assert f'lang="{language}"' in page.text
            expected = f"/{other}{page.url.path[3:]}" + (f"?{page.url.query.decode()}" if page.url.query else "")
            assert f'href="{expected}" hreflang="{other}"' in page.text
    assert site.browser().get("/", headers={"accept-language": "fr-CA,en;q=0.5"}).url.path == "/fr/"
    assert site.browser().get("/", headers={"accept-language": "de"}).url.path == "/en/"


def test_a_year_of_readings_is_quick_and_small(site: Any) -> None:
    """Two weights a day for a year: the page of the year takes less than a second of processor, and 100 kB on the wire."""
    browser, person, device = site.browser(), Person("Ada"), Device()
    browser.register()
    browser.link(person)
    reading = weight(70_000)
    signed = device.sign(reading)
    rows = [person.row(device, reading, NOW_UTC_S - step * 43_200, signed=signed) for step in range(700)]
    for start in range(0, 700, 50):
        site.store(person, rows[start : start + 50])
    begin_s = time.process_time()
    page = browser.get("/en/weight?period=year")
    assert time.process_time() - begin_s < 1
    assert page.headers["content-encoding"] == "gzip"
    assert int(page.headers["content-length"]) < 100_000


def test_cards_open_few_rows_and_never_miss_the_latest(site: Any) -> None:
    """Of a room measured every few seconds, a card opens 300 rows at most, the newest among them."""
    rows = [SealedRow(b"p", bytes([number >> 8, number & 255]), number, b"") for number in range(8640)]
    for count in (0, 1, 99, 100, 101, 300, 301, 8640):
        few = thinned(rows[:count])
        assert len(few) <= 300
        assert list(few[-100:]) == rows[:count][-100:]
        assert len(few) == count or count > 300


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_site_can_be_kept_among_applications(site: Any, language: str) -> None:
    """The manifest names icons of 192 and 512 pixels and one that may be cut to shape, and each is there as what it says it is."""
    browser = site.browser()
    manifest = browser.get(f"/{language}/foyer.webmanifest").json()
    assert {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]} >= {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    for icon in manifest["icons"]:
        answer = browser.get(icon["src"])
        assert answer.headers["content-type"].startswith(icon["type"])
        if icon["type"] == "image/png":
            width, height = struct.unpack(">II", answer.content[16:24])
            assert f"{width}x{height}" == icon["sizes"]
    assert manifest["start_url"] == f"/{language}/home"


def test_what_a_browser_keeps_without_a_connection_is_the_same_for_all(site: Any) -> None:
    """Everything that the worker keeps is there, and is to the byte what a stranger gets: a guest's pages are not among it."""
    guest, stranger = site.browser(), site.browser()
    guest.register()
    worker = guest.get("/worker.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    shell = json.loads(worker.text.partition("const SHELL = ")[2].partition(";")[0])
    assert {"/en/offline", "/fr/offline"} < set(shell)
    for address in shell:
        assert guest.get(address).status_code == 200
        assert guest.get(address).content == stranger.get(address).content
        assert address.startswith("/static/") or address.endswith("/offline")


def test_templates_have_no_marks_that_would_run() -> None:
    """Nothing is marked safe by hand: what people typed is always escaped."""
    for path in (FOLDER / "templates").iterdir():
        assert "|safe" not in path.read_text(encoding="utf-8").replace(" ", ""), path


def test_a_load_balancer_is_told_whether_this_site_can_answer(site: Any) -> None:
    """Well while both stores answer; a store that is away is 503, and nothing else is said."""
    browser = site.browser()
    assert (browser.get("/health").status_code, browser.get("/health").json()) == (200, {"status": "ok"})
    site.premises.accounts.dispose()
    away = stores.open_store(make_url("postgresql+psycopg://x@127.0.0.1:1/accounts"))
    site.premises.accounts = away
    answer = browser.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "a store is away"})
    away.dispose()
