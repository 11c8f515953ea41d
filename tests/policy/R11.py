"""R11: applications to consult or download: the site installs from the browser, and firmware stands there with version and checksum."""

import dataclasses
from pathlib import Path

from starlette.responses import PlainTextResponse

from tests.policy.stage import Mutation, Stage, rerouted
from tools import release


async def nothing(_request):  # type: ignore[no-untyped-def]
    return PlainTextResponse("", 404)


def holds(stage: Stage) -> None:
    """The manifest says what a browser asks for, and its icon is there; a release its version and its checksum."""
    browser = stage.site.browser()
    found = browser.get("/fr/foyer.webmanifest")
    assert found.status_code == 200
    said = found.json()
    assert (said["display"], said["start_url"], said["lang"]) == ("standalone", "/fr/home", "fr")
    assert browser.get(said["icons"][0]["src"]).status_code == 200
    shelf = Path(stage.site.folder) / "shelf"
    shelf.mkdir(exist_ok=True)
    made = release.of_sources("scale")
    (shelf / "scale.foyer").write_bytes(release.pack("scale", made.files, release.signing_key(shelf.parent / "elsewhere/release.pem")))
    stage.site.premises.settings = dataclasses.replace(stage.site.premises.settings, releases=shelf)
    page = browser.get("/fr/technicians").text
    assert made.version in page
    assert release.sha256(browser.get("/releases/scale.foyer").content) in page


MUTATIONS: dict[str, Mutation] = {
    "no manifest": rerouted("/{language:language}/foyer.webmanifest", nothing),
    "other bytes than the page says": rerouted("/releases/{name:str}", nothing),
}
