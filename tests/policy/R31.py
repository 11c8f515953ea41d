"""R31: the service works with every optional consent off."""

from cloud import consents
from tests.policy.stage import PAGES, Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """An account without one choice opens every page and takes everything with it."""
    ada = stage.ada()
    for name in PAGES:
        page = ada.browser.get(f"/en/{name}")
        assert (page.status_code, page.url.path) == (200, f"/en/{name}")
    assert ada.export()


def needing(records: list[consents.Consent]) -> list[tuple[str, None]]:
    return [] if "products" in consents.latest(records) else [("products", None)]


MUTATIONS: dict[str, Mutation] = {"a choice is needed": replaced(consents, "to_acknowledge", needing)}
