"""R2: no account before the terms are accepted; which text, in which language and when is kept."""

from cloud import consents
from tests.policy.stage import Mutation, Stage, replaced, undone


def holds(stage: Stage) -> None:
    """Without the box nothing is made; with it, the record names the text by its digest."""
    browser = stage.site.browser()
    form = {"email": "ada@example.org", "password": "ashtray velvet horizon", "cookies": "yes"}
    assert browser.post("/fr/register", form).status_code == 400
    with stage.site.premises.accounts.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM accounts").scalar() == 0
    browser.register(language="fr")
    with stage.site.premises.accounts.connect() as connection:
        account_id = connection.exec_driver_sql("SELECT account_id FROM accounts").scalar()
        kept = [each for each in consents.consents_of(connection, account_id) if each.purpose == "terms"]
    assert [(each.text_digest, each.language) for each in kept] == [(consents.text_digest("terms", "fr"), "fr")]
    assert kept[0].given_utc_s > 1_700_000_000


MUTATIONS: dict[str, Mutation] = {
    "terms not needed": replaced(consents, "NEEDED", ("cookies",)),
    "no record": undone(consents, "record"),
}
