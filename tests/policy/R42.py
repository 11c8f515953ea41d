"""R42: no change without notice: the difference is shown and acknowledged at sign-in."""

from cloud import consents
from tests.cloud.site.test_consents import go_back_to_the_first_terms
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """Whoever read an older text meets the difference before anything else."""
    browser = stage.site.browser()
    browser.register()
    go_back_to_the_first_terms(stage.site)
    page = stage.site.browser().sign_in()
    assert page.url.path == "/en/changes"
    assert "<ins>" in page.text


MUTATIONS: dict[str, Mutation] = {
    "nobody is told": replaced(consents, "to_acknowledge", lambda _records: []),
    "told without the difference": replaced(consents, "difference", lambda _old, new: [("same", new)]),
}
