"""R29: the log of connections: sessions are listed, each can be ended, signing in is noted."""

import re

from cloud import sessions
from tests.policy.stage import Mutation, Stage, undone


def holds(stage: Stage) -> None:
    """A session elsewhere is seen, ended, and over."""
    ada, elsewhere = stage.ada(), stage.site.browser()
    elsewhere.sign_in()
    page = ada.browser.get("/en/account").text
    assert page.count("Firefox, Linux") == 2
    digest = re.search(r'name="session" value="([0-9a-f]{64})"', page)
    assert digest
    ada.browser.post("/en/account/sessions", {"session": digest[1]})
    assert elsewhere.get("/en/home").url.path == "/en/sign-in"
    log = ada.browser.get("/en/log").text
    assert "Somebody signed in with your password." in log
    assert "You ended a session elsewhere." in log


MUTATIONS: dict[str, Mutation] = {"sessions that do not end": undone(sessions, "revoke")}
