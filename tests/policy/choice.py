"""What R32 to R35 have in common: a box of its own, off at first; letters to who ticked it alone; an end with one click."""

from collections.abc import Callable

from cloud import campaigns, consents
from cloud.campaigns import Texts
from cloud.letters import Letter
from tests.cloud.site.test_entry import join
from tests.policy.stage import Stage

WORDS = {language: Texts("Subject", "Words") for language in ("en", "fr")}


def chosen_alone(stage: Stage, purpose: str) -> None:
    """Assert it of one purpose."""
    site = stage.with_letters()
    assert stage.postbox
    form = site.browser().get("/en/register").text
    assert f'name="{purpose}" value="yes">' in form
    assert consents.text(purpose, "en").strip() in form
    others = dict.fromkeys(set(consents.CHOICES) - {purpose}, "yes")
    join(site, stage.postbox, "ada@example.org", **{purpose: "yes"})
    join(site, stage.postbox, "bob@example.org", **others)
    sent: list[Letter] = []
    campaigns.run(site.premises.admission, purpose, WORDS, sent.append)
    assert [letter.to for letter in sent] == ["ada@example.org"]
    path = sent[0].stop_link.removeprefix("http://127.0.0.1:8080")
    assert site.browser().request("POST", path).status_code == 200
    campaigns.run(site.premises.admission, purpose, WORDS, sent.append)
    assert len(sent) == 1


def pre_ticked(purpose: str) -> Callable[[str], str]:
    """Return what ticks a box of the form beforehand."""
    return lambda page: page.replace(f'name="{purpose}" value="yes">', f'name="{purpose}" value="yes" checked>')
