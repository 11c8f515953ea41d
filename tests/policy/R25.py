"""R25: no statistics of visits: no cookie counts anybody."""

from cloud.site.pages import public
from cloud.site.premises import show
from tests.policy.stage import PAGES, PUBLIC, Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """The one cookie is the session's; public pages set none."""
    ada, stranger = stage.ada(), stage.site.browser()
    for name in PUBLIC:
        assert "set-cookie" not in stranger.get(f"/en/{name}").headers
    for name in PAGES:
        ada.browser.get(f"/en/{name}")
    assert set(ada.browser.client.cookies) == {"foyer"}


def counting(*given, **more):  # type: ignore[no-untyped-def]
    page = show(*given, **more)
    page.set_cookie("visitor", "1")
    return page


MUTATIONS: dict[str, Mutation] = {"visitors are counted": replaced(public, "show", counting)}
