"""R12: the register of processing: every purpose, its legal basis and how long is public."""

from cloud import consents
from tests.policy.stage import Mutation, Stage, rendered


def holds(stage: Stage) -> None:
    """What a record can name as its purpose stands in the register with the same basis."""
    page = stage.site.browser().get("/en/rules").text
    register = page[page.index('id="register"') :]
    for purpose in (*consents.NEEDED, *consents.CHOICES):
        assert consents.LEGAL_BASES[purpose] in register, purpose
    assert register.count("<dt>") == len(consents.NEEDED) + len(consents.CHOICES)


MUTATIONS: dict[str, Mutation] = {"a purpose left out": rendered(lambda page: page.replace("<dt>Letters about offers</dt>", ""))}
