"""R37: sharing at the person's initiative alone: nobody else is handed a reading, each look is noted, and it ends when they say so."""

from starlette.responses import JSONResponse

from cloud import grants
from cloud.site import sharing
from tests.cloud.site.test_share import Shared
from tests.policy.stage import Mutation, Stage, replaced, rerouted, undone

ADDRESSES = ("/fhir/Observation", "/fhir/Device", "/api/readings", "/en/partner", "/en/share", "/en/weight.json", "/en/take/export")


async def open_to_all(_request):  # type: ignore[no-untyped-def]
    return JSONResponse({"readings": []})


def holds(stage: Stage) -> None:
    """Without a credential that the person made, no address hands readings out; with one, only what was granted, until it is ended."""
    ada = Shared(stage.site)
    stranger = stage.site.browser()
    for path in ADDRESSES:
        page = stranger.get(path)
        assert page.status_code in (401, 404, 405) or page.url.path.endswith("/sign-in"), path
    assert stranger.post("/en/take/export").url.path == "/en/sign-in"
    described = stranger.get("/.well-known/oauth-authorization-server").json()
    assert described["grant_types_supported"] == ["client_credentials"]
    partner = ada.partner("weight", name="Clinic of Lyon")
    assert {each["code"]["coding"][0]["code"] for each in partner.observations()} == {"29463-7", "impedance"}
    assert "Clinic of Lyon" in ada.browser.get("/en/log").text
    assert "A partner read what you share." in ada.browser.get("/en/log").text
    ada.end_all()
    assert partner.get("/fhir/Observation").status_code == 401


MUTATIONS: dict[str, Mutation] = {
    "a partner's way in": rerouted("/fhir/{resource:str}", open_to_all),
    "reads are not noted": undone(sharing, "note"),
    "ending ends nothing": replaced(grants, "revoke", lambda *_: True),
}
