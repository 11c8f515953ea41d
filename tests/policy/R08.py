"""R8: software to be integrated into the product: it is updated at home, never from this site."""

from starlette.routing import Route

from cloud.site import routes
from tests.policy.stage import Mutation, Stage, replaced


def holds(_stage: Stage) -> None:
    """No address hands out or starts an update, so none can be forced from here; updates are tested in tests/firmware."""
    assert not [each.path for each in routes.ROUTES if any(word in each.path for word in ("update", "firmware", "release"))]


MUTATIONS: dict[str, Mutation] = {
    "updates from the site": replaced(routes, "ROUTES", [*routes.ROUTES, Route("/firmware/latest", lambda _request: None)])
}
