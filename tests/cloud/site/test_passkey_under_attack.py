"""What may be sent where passkeys are spoken: any JSON, and what is none."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud import credentials
from cloud.site import routes
from tests.cloud.site.conftest import Premises
from tests.cloud.site.test_partner_under_attack import UNHURRIED, assert_harmless
from tests.cloud.site.test_routes_under_attack import INJECTED

NAMED = "http://localhost:8080"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(INJECTED) | st.text(max_size=8),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A site that has a name, so that passkeys are offered, and a guest of it."""
    patch = pytest.MonkeyPatch()
    patch.setitem(credentials.PROFILES, credentials.CURRENT, credentials.Profile(64, 1, 1))
    site = Premises(tmp_path_factory.mktemp("named"))
    site.premises.settings = dataclasses.replace(site.premises.settings, address=NAMED)
    site.app = routes.make_site(site.premises)
    patch.setattr(site.premises.limiter, "check", lambda *_: None)
    guest = browser_of(site)
    guest.register()
    guest.post("/en/recovery-code")
    assert "passkey/add" in guest.get("/en/account").text
    yield site, guest
    site.close()
    patch.undo()


def browser_of(site: Premises) -> Any:
    made = site.browser()
    made.client.base_url = NAMED
    return made


@given(JSON | st.fixed_dictionaries({"credential": JSON | st.fixed_dictionaries({"id": JSON, "rawId": JSON, "response": JSON})}), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=UNHURRIED)
def test_json_of_any_shape_is_answered_where_passkeys_are_spoken(named: Any, said: Any, data: st.DataObject) -> None:
    """Any JSON and any bytes, from a guest and from a stranger: a sentence or a question, never a fault, and nobody comes in by it."""
    site, guest = named
    body = json.dumps(said).encode() if data.draw(st.booleans()) else data.draw(st.binary(max_size=60) | st.just(b"[" * 5000))
    path = "/en/passkey" + data.draw(st.sampled_from(["", "/options", "/sign-in", "/add-options", "/add", "/remove"]))
    for browser in (guest, browser_of(site)):
        headers = {"sec-fetch-site": "same-origin", "content-type": "application/json"}
        answer = browser.request("POST", path, content=body, headers=headers, follow_redirects=False)
        assert_harmless(answer)
        assert "set-cookie" not in answer.headers
        if answer.headers.get("content-type") == "application/json" and answer.status_code == 400:
            assert answer.json()["sentence"].endswith(".")
