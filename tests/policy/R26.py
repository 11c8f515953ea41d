"""R26: no cookie before it is accepted; without the necessary one no account, and the form says why."""

from cloud import consents
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """The form without that box explains and sets nothing."""
    browser = stage.site.browser()
    page = browser.post("/en/register", {"email": "ada@example.org", "password": "ashtray velvet horizon", "terms": "yes"})
    assert page.status_code == 400
    assert "Without it there can be no account" in page.text
    assert not browser.client.cookies


MUTATIONS: dict[str, Mutation] = {"the cookie is taken as accepted": replaced(consents, "NEEDED", ("terms",))}
