"""R8: software to be integrated into the product: signed away from every server, handed out as it is, and never started from this site."""

import dataclasses
from pathlib import Path

import pytest
from starlette.routing import Route

from cloud.site import routes
from tests.policy.stage import Mutation, Stage, replaced
from tools import release
from tools.faults import Fault


def holds(stage: Stage) -> None:
    """A release comes from the site as it was signed, whoever trusts the key takes it, and one changed on the way is refused."""
    shelf = Path(stage.site.folder) / "shelf"
    shelf.mkdir(exist_ok=True)
    key = release.signing_key(shelf.parent / "elsewhere/release.pem")
    packed = release.pack("scale", release.of_sources("scale").files, key)
    (shelf / "scale-0.1.0.foyer").write_bytes(packed)
    stage.site.premises.settings = dataclasses.replace(stage.site.premises.settings, releases=shelf)
    taken = shelf.parent / "taken.foyer"
    taken.write_bytes(stage.site.browser().get("/releases/scale-0.1.0.foyer").content)
    assert release.unpack(taken, key.public_key()).kind == "scale"
    taken.write_bytes(packed[:-1] + bytes((packed[-1] ^ 1,)))
    with pytest.raises(Fault):
        release.unpack(taken, key.public_key())
    # nothing here tells a home or a device to take one
    starting = [each for each in routes.ROUTES if any(word in each.path for word in ("update", "firmware", "release"))]
    assert all(each.methods == {"GET", "HEAD"} and each.path.startswith("/releases/") for each in starting)


async def other_bytes(_request):  # type: ignore[no-untyped-def]
    return None


MUTATIONS: dict[str, Mutation] = {
    "updates started from the site": replaced(routes, "ROUTES", [*routes.ROUTES, Route("/firmware/latest", other_bytes, methods=["POST"])])
}
