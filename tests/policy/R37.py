"""R37: sharing at the person's initiative alone: nobody else is handed a reading."""

from starlette.responses import JSONResponse

from tests.policy.stage import Mutation, Stage, rerouted

ADDRESSES = ("/fhir/Observation", "/fhir/metadata", "/api/readings", "/en/partner", "/en/share", "/en/weight.json", "/en/take/export")


async def open_to_all(_request):  # type: ignore[no-untyped-def]
    return JSONResponse({"readings": []})


def holds(stage: Stage) -> None:
    """No address hands readings to who is not signed in; there is no partner's way in yet."""
    stage.ada()
    stranger = stage.site.browser()
    for path in ADDRESSES:
        page = stranger.get(path)
        assert page.status_code in (401, 404, 405) or page.url.path.endswith("/sign-in"), path
    assert stranger.post("/en/take/export").url.path == "/en/sign-in"


MUTATIONS: dict[str, Mutation] = {"a partner's way in": rerouted("/fhir/Observation", open_to_all)}
