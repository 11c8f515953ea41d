"""Sharing: exactly what was granted, to exactly whom, until exactly when, and every read in its owner's log."""

import base64
import datetime
import html
import json
import re
import time
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.device import Device as FhirDevice
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud import fhir, grants, searches, stores, wrapping
from cloud.bearers import Bearer
from cloud.grants import Terms
from cloud.searches import NotUnderstood
from protocol import seals
from tests.cloud.counterpart import Device, weight
from tests.cloud.site.test_take import Furnished

NOW_UTC_S = int(time.time())
DAY_S = 86400


def day(days_ago: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(NOW_UTC_S - days_ago * DAY_S))


class Shared(Furnished):
    """Somebody with a year of readings who shares some."""

    def __init__(self, site: Any, email: str = "ada@example.org") -> None:
        super().__init__(site, email)
        self.cuff = Device()
        self.old = [self.person.row(self.scale, weight(70_000 + ago), NOW_UTC_S - ago * DAY_S - 60) for ago in (40, 80, 200)]
        self.site.store(self.person, self.old)

    def things(self) -> dict[str, str]:
        page = self.browser.get("/en/share").text
        return {value.split(" ")[1]: value for value in re.findall(r'name="thing" value="([^"]+)"', page)}

    def share(self, whom: str, *kinds: str, **more: str) -> Any:
        things = [self.things()[kind] for kind in kinds]
        form = {"whom": whom, "name": "Dr. Martin", "thing": things, "since": day(60), "days": "30", **more}
        if whom == "partner":
            form = {"country": "France", "answers": "yes", **form}
        return self.browser.request("POST", "/en/share", data=form, headers={"sec-fetch-site": "same-origin"})

    def partner(self, *kinds: str, **more: str) -> "Partner":
        page = self.share("partner", *kinds, **more)
        assert page.status_code == 200
        return Partner(self.site, _data(page, "client"), _data(page, "secret"))

    def link(self, *kinds: str, **more: str) -> str:
        return _data(self.share("person", *kinds, **more), "link")

    def end_all(self) -> None:
        for grant in re.findall(r'data-grant="(\w+)"', self.browser.get("/en/share").text):
            self.browser.post("/en/share/end", {"grant": grant})


def _data(page: Any, name: str) -> str:
    found = re.search(rf'data-{name}="([^"]+)"', page.text)
    assert found, page.text[-3000:]
    return html.unescape(found[1])


class Partner:
    """A partner's program: no browser, no cookie, no Origin."""

    def __init__(self, site: Any, client: str, secret: str) -> None:
        self.client, self.secret = client, secret
        self.browser = site.browser()
        self.token = ""

    def ask_token(self, **form: str) -> Any:
        basic = base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
        return self.browser.request(
            "POST", "/oauth/token", data={"grant_type": "client_credentials", **form}, headers={"authorization": f"Basic {basic}"}
        )

    def get(self, path: str) -> Any:
        if not self.token:
            self.token = self.ask_token().json()["access_token"]
        return self.browser.get(path, headers={"authorization": f"Bearer {self.token}"})

    def observations(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.get(f"/fhir/Observation{query}")
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", []) if entry["search"]["mode"] == "match"]


@pytest.fixture
def ada(site: Any) -> Shared:
    return Shared(site)


def test_a_partner_reads_what_was_granted_and_nothing_else(ada: Shared) -> None:
    """Weight of the last sixty days: no pressure, no room, nothing older, and each value with the code, unit and range of the table."""
    partner = ada.partner("weight")
    answer = partner.get("/fhir/Observation")
    assert answer.headers["content-type"] == "application/fhir+json"
    bundle = answer.json()
    Bundle.model_validate(bundle)
    values = [each["valueQuantity"]["value"] for each in partner.observations("?code=29463-7")]
    assert values == [70.04, 72.413, 61.0]
    coded = {(row.system, row.code): row for row in fhir.TABLE.values()}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        Observation.model_validate(resource)
        row = coded[resource["code"]["coding"][0]["system"], resource["code"]["coding"][0]["code"]]
        assert resource["valueQuantity"]["code"] == row.ucum
        assert row.least <= resource["valueQuantity"]["value"] <= row.most
        assert resource["subject"]["reference"].startswith("Patient/")
    statuses = {each["valueQuantity"]["value"]: each["status"] for each in partner.observations("?code=29463-7")}
    assert statuses == {70.04: "final", 72.413: "final", 61.0: "preliminary"}


def test_a_partners_copy_carries_no_signature_key_or_number(ada: Shared) -> None:
    """Neither signed bytes, device keys, pairing, pseudonyms, row ids, labels, notes nor any hash of them that another could compare."""
    ada.browser.post(ada.page_of("weight"), {"words": "after the holidays"})
    partner, other = (ada.partner("weight", "pressure", "climate", name=name) for name in ("One", "Two"))
    said = [json.dumps(each.get(f"/fhir/{kind}").json()) for each in (partner, other) for kind in ("Observation", "Device", "Patient")]
    rows = [*ada.rows.values(), *ada.old]
    hidden = [ada.scale.public_key, ada.scale.pairing, ada.person.pseudonym, ada.room.pseudonym, *(row.row_id for row in rows)]
    hidden += [seals.leaf_key(ada.person.seeds.root_key, 0, seals.month_of(NOW_UTC_S // 60), wrapping.hkdf)]
    for text in said:
        for secret in hidden:
            for form in (secret.hex(), base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode().rstrip("=")):
                assert form not in text
        for word in ("Zwetlana", "Nursery", "holidays", "ada@example.org"):
            assert word not in text
    # two partners cannot tell that they speak of the same person, device or reading
    names = [set(re.findall(r'"(?:id|reference)": "([^"]+)"', text)) for text in said]
    assert not (names[0] | names[1] | names[2]) & (names[3] | names[4] | names[5])


def test_a_grant_has_no_leaf_that_was_not_granted(ada: Shared) -> None:
    """Even with the grant's key and both stores, another kind, another month and another subject stay closed by arithmetic."""
    link = ada.link("weight", since=day(0), until=day(0))
    credential = grants.parse_credential(link.partition("#")[2])
    assert credential
    premises = ada.site.premises
    with premises.accounts.connect() as connection:
        account_id = grants.whose(connection, credential, grants.LINK, NOW_UTC_S)
        assert account_id
        key = premises.admission.erasure.of(account_id)
        (part,) = grants.open_grant(connection, grants.enter(connection, credential, key), key)
    assert set(part.leaves) == {(0, seals.month_of(NOW_UTC_S // 60))}
    assert ada.person.seeds.root_key not in part.leaves.values()
    assert part.pseudonym == ada.person.pseudonym


def test_a_stolen_store_and_erasure_keys_open_no_grant(ada: Shared) -> None:
    """What lies in both databases and the folder of keys is not enough: the other half of the key is with the partner."""
    partner = ada.partner("weight")
    partner.get("/fhir/Observation")
    premises = ada.site.premises
    with premises.accounts.connect() as connection:
        rows = connection.execute(grants.select(grants.GRANT_KEYS)).all()
        assert {row.use for row in rows} == {"secret", "token"}
        for row in rows:
            key = premises.admission.erasure.of(row.account_id)
            forged = Bearer(row.key_digest, bytes(32))
            with pytest.raises(Exception, match="foyer grant key"):
                grants.enter(connection, forged, key)


def test_every_read_is_in_the_log_before_it_leaves(ada: Shared) -> None:
    """With the partner's name and how much; the page of sharing counts them."""
    partner = ada.partner("weight", name="Clinic of Lyon")
    partner.observations()
    partner.get("/fhir/Device")
    log = ada.browser.get("/en/log").text
    assert log.count("A partner read what you share.") == 2
    assert log.count("Clinic of Lyon") == 3
    assert "looks: 2" in ada.browser.get("/en/share").text
    assert "tampered" not in log


def test_looks_are_counted_for_each_sharing_by_itself(ada: Shared) -> None:
    """Two that go to somebody of the same name: the one that was looked at twice says so, the other was not."""
    link = ada.link("weight")
    ada.link("pressure")
    for _ in range(2):
        ada.site.browser().post("/en/shared", {"key": link})
    page = ada.browser.get("/en/share").text
    assert page.count("looks: 2") == page.count("not looked at yet") == 1
    log = ada.browser.get("/en/log").text
    assert not any(grant in log for grant in re.findall(r'data-grant="(\w+)"', page))


def test_revoked_means_from_the_next_request_on(ada: Shared) -> None:
    """Token, secret and link are dead at once, within no time at all of the 60 s; what was read before is promised to nobody."""
    partner, link = ada.partner("weight"), ada.link("weight")
    assert partner.observations()
    assert ada.site.browser().post("/en/shared", {"key": link}).status_code == 200
    ada.end_all()
    answer = partner.get("/fhir/Observation")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    OperationOutcome.model_validate(answer.json())
    assert partner.ask_token().json() == {"error": "invalid_client"}
    assert ada.site.browser().post("/en/shared", {"key": link}).status_code == 400
    assert "what was read before has been read" in ada.browser.get("/en/share?changed=unshared").text


def test_a_grant_ends_by_itself(ada: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its time, secret, token and link are over, and nothing of it is listed."""
    partner, link = ada.partner("weight"), ada.link("weight")
    assert partner.observations()
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 601)
    assert partner.get("/fhir/Observation").status_code == 401
    partner.token = ""
    assert partner.observations()
    monkeypatch.setattr(time, "time", lambda: clock() + 31 * DAY_S)
    assert partner.get("/fhir/Observation").status_code == 401
    assert partner.ask_token().status_code == 401
    assert ada.site.browser().post("/en/shared", {"key": link}).status_code == 400


def test_what_its_owner_calls_wrong_is_shared_no_more(ada: Shared) -> None:
    """From the moment of marking; taking the mark back shares it again."""
    partner = ada.partner("weight")
    page = ada.page_of("weight")
    ada.browser.post(page, {"words": "", "wrong": "yes"})
    assert 72.413 not in [each["valueQuantity"]["value"] for each in partner.observations("?code=29463-7")]
    ada.browser.post(page, {"words": ""})
    assert 72.413 in [each["valueQuantity"]["value"] for each in partner.observations("?code=29463-7")]


def test_an_erasure_ends_every_sharing(ada: Shared) -> None:
    """With the account go its grants; a restored row opens nothing, because the erasure key is gone."""
    partner, link = ada.partner("weight"), ada.link("weight")
    assert partner.observations()
    ada.erase()
    assert partner.get("/fhir/Observation").status_code == 401
    assert ada.site.browser().post("/en/shared", {"key": link}).status_code == 400


def test_a_link_shows_a_person_what_was_ticked_to_read_only(ada: Shared) -> None:
    """Pressure and the label are there, weight is not; no form, no address of a reading, no id of a row; the look is in the log."""
    link = ada.link("pressure", "climate")
    page = ada.site.browser().post("/en/shared", {"key": link, "zone": "Europe/Paris"})
    assert page.status_code == 200
    assert "128/82" in re.sub(r"<[^>]+>|\s", "", page.text)
    assert "Zwetlana" in page.text
    assert "72.4" not in page.text
    for absent in ("<form", "/reading/", "data-id", "data-live", ada.rows["pressure"].row_id.hex(), ada.person.pseudonym.hex()):
        assert absent not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "A link of yours was opened." in ada.browser.get("/en/log").text


def test_the_key_of_a_link_stands_in_no_address_and_no_log(ada: Shared, capsys: pytest.CaptureFixture[str]) -> None:
    """Behind the # of the link and in the body of a form, and nowhere else: no GET takes it, no log line, no column has it."""
    link = ada.link("weight")
    key = link.partition("#")[2]
    assert link.startswith("http://127.0.0.1:8080/en/shared#")
    browser = ada.site.browser()
    assert "72.4" not in browser.get(f"/en/shared?key={key}").text
    browser.post("/en/shared", {"key": key})
    browser.post("/en/shared", {"key": key[:-1] + "x"})
    partner = ada.partner("weight")
    partner.observations()
    said = capsys.readouterr().out
    for secret in (key, partner.secret, partner.token):
        assert secret not in said
        assert ada.browser.get(f"/fhir/Observation?access_token={secret}").status_code in (400, 401)
    ada.site.premises.accounts.dispose()
    held = b"".join(path.read_bytes() for path in ada.site.folder.glob("*.db*"))
    raw = [base64.urlsafe_b64decode(secret + "=") for secret in (key, partner.secret, partner.token)]
    assert not [secret for secret in (*raw, key.encode(), partner.secret.encode(), partner.token.encode()) if secret in held]


def test_credentials_serve_their_own_use_alone(ada: Shared) -> None:
    """A link is no token, a secret is no token, a token makes no token, and a secret goes with its own client."""
    partner, other, link = ada.partner("weight"), ada.partner("pressure", name="Other"), ada.link("weight")
    key = link.partition("#")[2]
    token = partner.ask_token().json()["access_token"]
    for wrong in (key, partner.secret, "", "x" * 43, token[:-2]):
        assert ada.site.browser().get("/fhir/Observation", headers={"authorization": f"Bearer {wrong}"}).status_code == 401
    for secret in (key, token, other.secret):
        assert Partner(ada.site, partner.client, secret).ask_token().status_code == 401
    for wrong in (partner.secret, token):
        assert ada.site.browser().post("/en/shared", {"key": wrong}).status_code == 400
    assert partner.ask_token(grant_type="authorization_code").json() == {"error": "unsupported_grant_type"}
    assert partner.ask_token(scope="system/Observation.cruds").json() == {"error": "invalid_scope"}
    assert partner.ask_token(scope="system/Device.rs").json()["scope"] == "system/Device.rs"
    both = {"grant_type": "client_credentials", "client_id": partner.client, "client_secret": partner.secret}
    assert ada.site.browser().request("POST", "/oauth/token", data=both).json()["token_type"] == "Bearer"
    given_back = partner.get("/fhir/Device")
    assert given_back.status_code == 200
    assert partner.browser.request("POST", "/oauth/revoke", data={"token": partner.token}).status_code == 200
    assert partner.get("/fhir/Device").status_code == 401
    partner.browser.request("POST", "/oauth/revoke", data={"token": partner.secret})
    assert partner.ask_token().status_code == 200


def test_a_partner_begins_nothing(ada: Shared) -> None:
    """No address takes a wish for access; what is not ticked, named or answered for is not shared; another's grant cannot be ended."""
    described = ada.site.browser().get("/.well-known/oauth-authorization-server").json()
    assert described["grant_types_supported"] == ["client_credentials"]
    for name in ("authorization_endpoint", "registration_endpoint", "device_authorization_endpoint"):
        assert name not in described
    for wrong in ({"answers": ""}, {"country": ""}, {"name": ""}, {"thing": ""}, {"since": day(-40)}, {"days": "4000"}, {"since": "x"}):
        page = ada.share("partner", "weight", **wrong)
        assert page.status_code == 400, wrong
        assert 'role="alert"' in page.text
    assert ada.share("person", "weight", days="365").status_code == 400
    ada.partner("weight")
    eve = Shared(ada.site, "eve@example.org")
    (grant,) = re.findall(r'data-grant="(\w+)"', ada.browser.get("/en/share").text)
    assert eve.browser.post("/en/share/end", {"grant": grant}).status_code == 404
    thing = ada.things()["weight"]
    assert eve.share("person", "weight", thing=thing).status_code == 400


def test_searches_by_time_code_and_page(ada: Shared) -> None:
    """Prefixes and precisions, several conditions at once, codes with and without their system, pages that fit together, newest first."""
    partner = ada.partner("weight", "pressure", since=day(300), days="30")
    codes = {each["code"]["coding"][0]["code"] for each in partner.observations()}
    assert codes == {"29463-7", "impedance", "85354-9", "8867-4"}
    weights = partner.observations("?code=http://loinc.org|29463-7")
    assert [each["valueQuantity"]["value"] for each in weights] == [70.2, 70.08, 70.04, 72.413, 61.0]
    assert partner.observations("?code=29463-7&_sort=-date")[0]["valueQuantity"]["value"] == 61.0
    within = partner.observations(f"?code=29463-7&date=ge{day(100)}&date=lt{day(30)}")
    assert [each["valueQuantity"]["value"] for each in within] == [70.08, 70.04]
    assert [each["valueQuantity"]["value"] for each in partner.observations(f"?code=29463-7&date={day(80)}")] in ([70.08], [])
    assert len(partner.observations("?code=8480-6")) == 1
    first = partner.get("/fhir/Observation?_count=3").json()
    assert first["total"] == 8
    seen, page = [], first
    while True:
        Bundle.model_validate(page)
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        page = partner.get(following[0].removeprefix("http://127.0.0.1:8080")).json()
    assert len(seen) == len(set(seen)) == 8
    included = partner.get("/fhir/Observation?code=85354-9&_include=Observation:subject&_include=Observation:device").json()
    assert [entry["resource"]["resourceType"] for entry in included["entry"]] == ["Observation", "Patient", "Device"]
    one = included["entry"][0]["resource"]
    assert partner.get(f"/fhir/Observation/{one['id']}").json() == one
    assert partner.get(f"/fhir/{one['subject']['reference']}").json()["resourceType"] == "Patient"
    for entry in partner.get("/fhir/Device").json()["entry"]:
        FhirDevice.model_validate(entry["resource"])
    assert partner.get("/fhir/Observation/nothing").status_code == 404


def test_the_interface_describes_itself(site: Any) -> None:
    """A CapabilityStatement that is one, without a token."""
    found = site.browser().get("/fhir/metadata").json()
    CapabilityStatement.model_validate(found)
    assert found["fhirVersion"] == "4.3.0"


@pytest.mark.parametrize(
    "query",
    ["date=now", "date=ge2026-13-01", "date=", "code=", "_count=-1", "_count=1e3", "patient.name=x", "_include=*", "x=y", "_format=xml"],
)
def test_what_is_not_understood_is_refused_and_not_ignored(ada: Shared, query: str) -> None:
    """A condition left out would answer more than was asked."""
    answer = ada.partner("weight").get(f"/fhir/Observation?{query}")
    assert answer.status_code == 400
    OperationOutcome.model_validate(answer.json())


def test_a_program_that_asks_too_often_is_slowed(ada: Shared) -> None:
    """Two reads a second for a minute are enough for anybody."""
    partner = ada.partner("weight")
    for _ in range(120):
        ada.site.premises.limiter.count("reads of a grant", partner.client, time.monotonic())
    answer = partner.get("/fhir/Device")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_date_is_understood_or_refused(text: str) -> None:
    """With our own error, whatever stands there."""
    try:
        when = searches.parse_date(text)
    except NotUnderstood:
        return
    assert when.begin_utc_s < when.end_utc_s


@given(
    st.datetimes(min_value=datetime.datetime(1971, 1, 1), max_value=datetime.datetime(2100, 1, 1), timezones=st.just(datetime.UTC)),
    st.sampled_from([4, 7, 10]),
    st.sampled_from(searches.PREFIXES),
    st.integers(-400, 400),
)
@settings(max_examples=200, deadline=None)
def test_prefixes_divide_time_as_the_standard_says(moment: Any, digits: int, prefix: str, days: int) -> None:
    """Exactly one of lt, eq and gt holds, and each other prefix is what these say together."""
    text = moment.isoformat()[:digits]
    utc_s = int(moment.timestamp()) + days * DAY_S
    held = {each: searches.parse_date(each + text).holds(utc_s) for each in searches.PREFIXES}
    assert [held["lt"], held["eq"], held["gt"]].count(True) == 1
    assert held["ge"] == (held["eq"] or held["gt"])
    assert held["le"] == (held["eq"] or held["lt"])
    assert held["ne"] == (not held["eq"])
    assert held["sa"] == held["gt"]
    assert held["eb"] == held["lt"]


def test_terms_reach_no_further_than_they_may() -> None:
    """Ten years back, a year ahead for a partner, three months for a link."""
    today = NOW_UTC_S // DAY_S
    terms = Terms("partner", " Clinic ", "France", [("a", 0)], today - 3660, today, NOW_UTC_S)
    assert grants.check_terms(terms, NOW_UTC_S + 366 * DAY_S).name == "Clinic"
    for wrong, expires in ((terms._replace(since_day=today - 3661), 30), (terms, 367), (terms._replace(whom="person"), 93), (terms, 0)):
        with pytest.raises(grants.Declined, match="grant_period"):
            grants.check_terms(wrong, NOW_UTC_S + expires * DAY_S)


def test_there_are_at_most_twenty(ada: Shared) -> None:
    """One more is a sentence."""
    for _ in range(grants.GRANTS_AT_MOST):
        assert ada.share("person", "climate").status_code == 200
    assert "twenty already" in ada.share("person", "climate").text
    with stores.writing(ada.site.premises.accounts) as connection:
        assert connection.execute(grants.select(grants.func.count()).select_from(grants.GRANTS)).scalar_one() == 20
