"""R23: readings are opened for their person in a session, and for nothing else."""

from cloud import sessions
from tests.policy.stage import PAGES, Mutation, Stage, undone


def holds(stage: Stage) -> None:
    """Without a session no page, no data, no stream; with one that ended neither."""
    ada, copy = stage.ada(), stage.site.browser()
    copy.client.cookies.set("foyer", ada.browser.client.cookies["foyer"], domain="127.0.0.1")
    ada.browser.post("/en/sign-out")
    for browser in (stage.site.browser(), copy):
        for name in PAGES:
            assert browser.get(f"/en/{name}").url.path == "/en/sign-in"
        assert browser.get("/en/weight.json").status_code == browser.get("/en/live").status_code == 401


MUTATIONS: dict[str, Mutation] = {"sessions that do not end": undone(sessions, "revoke")}
