"""R1: an account is one person's: whatever belongs to another is answered like what is not there."""

from sqlalchemy import Connection, select

from cloud import sessions
from cloud.accounts import SESSIONS
from cloud.sessions import parse_cookie
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """Bob can neither see nor end what is Ada's; her page and a page of nobody's are one answer."""
    ada, bob = stage.ada(), stage.site.browser()
    bob.register("bob@example.org")
    page = ada.page_of("weight")
    nothing = page[:-4] + "0000"
    assert [bob.get(path).status_code for path in (page, nothing)] == [404, 404]
    assert bob.get("/en/weight.json").json() == {"readings": []}
    cookie = parse_cookie(ada.browser.client.cookies["foyer"])
    assert cookie
    assert bob.post("/en/account/sessions", {"session": cookie.digest.hex()}).status_code == 404
    assert ada.browser.get("/en/home").url.path == "/en/home"


def everybodys(connection: Connection, _account_id: bytes, _now_utc_s: int) -> list[sessions.Session]:
    return [sessions.Session(*row) for row in connection.execute(select(SESSIONS))]


MUTATIONS: dict[str, Mutation] = {"sessions of everybody": replaced(sessions, "sessions_of", everybodys)}
