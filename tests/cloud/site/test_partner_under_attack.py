"""What a partner's program may send: searches of FHIR with a token that stands, and words of OAuth.

A partner has more than a stranger, so the attacks come from one, and must get no more than was granted.
"""

import base64
from typing import Any
from urllib.parse import quote

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud import credentials
from cloud.site import defences
from cloud.site.pages.partner import FHIR_JSON, RESOURCES
from tests.cloud.site.conftest import Premises
from tests.cloud.site.test_routes_under_attack import INJECTED, WORDS
from tests.cloud.site.test_share import Shared

PARAMETERS = (
    "_id", "_count", "_offset", "_format", "_include", "_sort", "_revinclude", "_has:Observation:subject:code", "_lastUpdated", "_query",
    "code", "code:in", "code:not", "date", "date:missing", "subject", "subject:Patient.name", "patient", "patient.name", "category",
    "value-quantity", "identifier", "name", "_elements", "_summary", "_total", "_contained", "_text", "_content", "_filter",
)  # fmt: skip
SPECIAL = st.sampled_from(
    [*INJECTED, "29463-7", "85354-9", "http://loinc.org|29463-7", "|", "a|b|c", ",", "ge2026", "sa9999-12-31T23:59:60Z", "0000", "-date",
     "Observation:subject", "*", "0", "200", "999999", "json", "Patient/x", "Location/", "/", "null", "NaN", "true"]
)  # fmt: skip
# what a header can carry
HEADER = st.binary(max_size=60).map(lambda value: bytes(each for each in value if each not in b"\r\n\0"))
SEARCHED = st.lists(st.tuples(st.sampled_from(PARAMETERS), SPECIAL | WORDS), max_size=4)
UNHURRIED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A site, and somebody who shares weights alone with a partner."""
    patch = pytest.MonkeyPatch()
    patch.setitem(credentials.PROFILES, credentials.CURRENT, credentials.Profile(64, 1, 1))
    site = Premises(tmp_path_factory.mktemp("house"))
    ada = Shared(site)
    patch.setattr(site.premises.limiter, "check", lambda *_: None)
    # however long all examples take
    patch.setattr("cloud.site.pages.partner.TOKEN_LIFE_S", 86400)
    partner = ada.partner("weight")
    partner.get("/fhir/metadata")
    yield site, ada, partner
    site.close()
    patch.undo()


def assert_harmless(answer: Any) -> None:
    assert answer.status_code < 500, answer.request.url
    assert answer.headers["content-security-policy"] == defences.POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert "Traceback" not in answer.text


@given(
    st.sampled_from([*RESOURCES, "Observation"]), st.lists(st.tuples(st.sampled_from(PARAMETERS), SPECIAL | WORDS), max_size=4), st.data()
)
@settings(max_examples=250, deadline=None, suppress_health_check=UNHURRIED)
def test_a_partner_who_asks_for_more_gets_no_more(house: Any, kind: str, asked: list[tuple[str, str]], data: st.DataObject) -> None:
    """Whatever is searched: what was granted and fits, or a refusal in FHIR's own words; each is what the standard says it is."""
    _, _, partner = house
    path = f"/fhir/{kind}" + data.draw(st.just("") | st.builds(lambda words: "/" + (quote(words, safe="") or "x"), SPECIAL | WORDS))
    answer = partner.browser.get(path, params=asked, headers={"authorization": f"Bearer {partner.token}"}, follow_redirects=False)
    assert_harmless(answer)
    if answer.headers.get("content-type") != FHIR_JSON:
        assert answer.status_code in (307, 404)
        # a slash in it, written so or as %2F, makes it no address of this interface
        return
    assert answer.headers["content-type"] == FHIR_JSON
    said = answer.json()
    if answer.status_code != 200:
        assert answer.status_code in (400, 404)
        OperationOutcome.model_validate(said)
        return
    if said["resourceType"] == "Bundle":
        Bundle.model_validate(said)
    found = [entry["resource"] for entry in said.get("entry", [])] if said["resourceType"] == "Bundle" else [said]
    codes = {coding["code"] for each in found if each["resourceType"] == "Observation" for coding in each["code"]["coding"]}
    assert codes <= {"29463-7", "impedance"}
    assert "Zwetlana" not in answer.text


@given(st.text(max_size=12), HEADER | SPECIAL.map(str.encode), st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=UNHURRIED)
def test_no_words_of_authorization_are_a_way_in(house: Any, scheme: str, given_: bytes, data: st.DataObject) -> None:
    """Neither for readings nor for a token, in the header or in the form; the answer is one of OAuth's, or FHIR's."""
    site, _, partner = house
    stranger = site.browser()
    word = data.draw(st.sampled_from([b"Bearer ", b"bearer", b"Basic ", b"Digest ", scheme.encode("ascii", "ignore")]))
    safe = word.strip(b"\r\n\0") + given_.translate(None, b"\r\n\0")
    for path in ("/fhir/Observation", "/fhir/Patient/x"):
        answer = stranger.get(path, headers={"authorization": safe})
        assert_harmless(answer)
        assert answer.status_code == 401
        OperationOutcome.model_validate(answer.json())
    form = data.draw(st.dictionaries(st.sampled_from(["grant_type", "client_id", "client_secret", "scope", "assertion", "code"]), WORDS))
    answer = stranger.request("POST", "/oauth/token", data=form, headers={"authorization": safe})
    assert_harmless(answer)
    assert answer.status_code in (400, 401)
    assert set(answer.json()) == {"error"}
    wrong = base64.b64encode(f"{partner.client}:".encode() + given_).decode()
    assert stranger.request("POST", "/oauth/token", data=form, headers={"authorization": f"Basic {wrong}"}).status_code in (400, 401)
    assert stranger.request("POST", "/oauth/revoke", data={"token": data.draw(WORDS)}).status_code == 200
    assert partner.get("/fhir/Device").status_code == 200
