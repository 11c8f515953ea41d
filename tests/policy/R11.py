"""R11: applications to consult or download: the site installs from the browser."""

from starlette.responses import PlainTextResponse

from tests.policy.stage import Mutation, Stage, rerouted


async def nothing(_request):  # type: ignore[no-untyped-def]
    return PlainTextResponse("", 404)


def holds(stage: Stage) -> None:
    """The manifest says what a browser asks for, and its icon is there."""
    browser = stage.site.browser()
    found = browser.get("/fr/foyer.webmanifest")
    assert found.status_code == 200
    said = found.json()
    assert (said["display"], said["start_url"], said["lang"]) == ("standalone", "/fr/home", "fr")
    assert browser.get(said["icons"][0]["src"]).status_code == 200


MUTATIONS: dict[str, Mutation] = {"no manifest": rerouted("/{language:language}/foyer.webmanifest", nothing)}
