"""R14: amending: a note beside a reading can be written and replaced."""

from cloud import notes
from tests.policy.stage import Mutation, Stage, undone


def holds(stage: Stage) -> None:
    """The newest words stand there, the ones before do not; the reading itself is as its device signed it."""
    ada = stage.ada()
    page = ada.page_of("weight")
    for words in ("first words", "second words"):
        ada.browser.post(page, {"words": words})
    shown = ada.browser.get("/en/weight").text
    assert "second words" in shown
    assert "first words" not in shown
    assert 'data-value="72.413"' in shown


MUTATIONS: dict[str, Mutation] = {"nothing is kept": undone(notes, "write")}
