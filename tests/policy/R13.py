"""R13: access at any time: everything held, machine-readable; brought in elsewhere it says the same."""

from cloud.site.pages import take
from tests.policy.stage import Mutation, Stage, replaced

whole = take.held_by


def holds(stage: Stage) -> None:
    """The readings of an account that took an export in are those of the account that made it."""
    ada, bob = stage.ada(), stage.site.browser()
    shown = [ada.browser.get(f"/en/{kind}.json").json() for kind in ("weight", "pressure", "climate")]
    bob.register("bob@example.org")
    files = {"archive": ("x.zip", ada.export())}
    assert bob.request("POST", "/en/take/import", files=files, headers={"sec-fetch-site": "same-origin"}).status_code == 200
    assert [bob.get(f"/en/{kind}.json").json() for kind in ("weight", "pressure", "climate")] == shown


MUTATIONS: dict[str, Mutation] = {"one reading kept back": replaced(take, "held_by", lambda visitor: whole(visitor)[1:])}
