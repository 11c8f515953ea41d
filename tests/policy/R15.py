"""R15: correcting: one reading is marked wrong or deleted, and it shows everywhere."""

from cloud import erasure
from cloud.site.pages.measurements import Shown
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """Marked wrong it leaves the card; deleted it leaves everything."""
    ada = stage.ada()
    page = ada.page_of("pressure")
    ada.browser.post(page, {"wrong": "yes"})
    assert ">128" not in ada.browser.get("/en/home").text
    ada.browser.post(f"{page}/delete")
    assert ada.browser.get("/en/pressure.json").json() == {"readings": []}
    log = ada.browser.get("/en/log").text
    assert "You marked a reading as wrong." in log
    assert "You deleted a reading for good." in log


MUTATIONS: dict[str, Mutation] = {
    "deleting deletes nothing": replaced(erasure, "erase_rows", lambda *_: 0),
    "wrong readings are trusted": replaced(Shown, "trusted", property(lambda self: self.readings)),
}
