"""R19: no card numbers: there is no field for one, and a text with one is refused."""

from cloud import notes
from tests.policy.stage import PAGES, PUBLIC, Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """No page asks for one; a note with one is not kept."""
    ada = stage.ada()
    for name in (*PUBLIC, *PAGES):
        assert "cc-number" not in ada.browser.get(f"/en/{name}").text
    page = ada.page_of("weight")
    assert ada.browser.post(page, {"words": "4242 4242 4242 4242"}).status_code == 400
    assert "4242 4242" not in ada.browser.get("/en/weight").text


MUTATIONS: dict[str, Mutation] = {"numbers are let in": replaced(notes, "has_card_number", lambda _words: False)}
