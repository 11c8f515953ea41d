"""R28: the log of exchanges is a chain that its person reads, and no change of it goes unseen."""

from cloud import audit
from tests.policy.stage import Mutation, Stage, replaced, undone


def holds(stage: Stage) -> None:
    """Registering, linking and exporting stand there; a deleted entry breaks the chain on the page."""
    ada = stage.ada()
    ada.export()
    page = ada.browser.get("/en/log").text
    for words in ("You made this account.", "A home was linked", "You took everything with you."):
        assert words in page
    assert "4 sealed rows" in page
    with stage.site.premises.accounts.begin() as connection:
        connection.exec_driver_sql("DELETE FROM log_entries WHERE number = 1")
        connection.exec_driver_sql("UPDATE log_entries SET number = number - 1 WHERE number > 1")
    assert "tampered with" in ada.browser.get("/en/log").text


MUTATIONS: dict[str, Mutation] = {
    "nothing is written": undone(audit, "write"),
    "entries that do not hang together": replaced(audit, "link", lambda _before, _number, _day, box_digest: box_digest),
}
