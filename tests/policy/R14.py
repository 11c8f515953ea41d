"""R14: amending: a note beside a reading can be written and replaced, the address and the language of letters too."""

from cloud import notes, profile
from tests.cloud.site.conftest import PASSWORD
from tests.policy.stage import Mutation, Stage, undone


def holds(stage: Stage) -> None:
    """The newest words stand there, the ones before do not; the reading itself is as its device signed it. What changed is in the log."""
    ada = stage.ada()
    page = ada.page_of("weight")
    for words in ("first words", "second words"):
        ada.browser.post(page, {"words": words})
    shown = ada.browser.get("/en/weight").text
    assert "second words" in shown
    assert "first words" not in shown
    assert 'data-value="72.413"' in shown
    ada.browser.post("/en/account/address", {"email": "another@example.org", "password": PASSWORD})
    ada.browser.post("/en/account/language", {"letters": "fr"})
    admission = stage.site.premises.admission
    account_id = admission.account_with("another@example.org")
    assert account_id
    assert admission.address_and_language(account_id) == ("another@example.org", "fr")
    log = ada.browser.get("/en/log").text
    assert "You changed the e-mail address." in log
    assert "You changed the language of letters." in log
    assert log.count("You changed what stands beside a reading.") == 2


MUTATIONS: dict[str, Mutation] = {
    "nothing is kept": undone(notes, "write"),
    "the address stays": undone(profile, "ask_for_address"),
    "the language stays": undone(profile, "change_language"),
}
