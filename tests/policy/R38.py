"""R38: third parties answer for what they are given: the screen says who, where and that they do, before and after."""

from cloud.site.pages import share
from tests.cloud.site.test_share import Shared
from tests.policy.stage import Mutation, Stage, rendered, replaced

ANSWERS = "answer for what they do with"
form_as_given = share._terms


def holds(stage: Stage) -> None:
    """A grant names the partner and its country, is refused without the box that says who answers, and is followed by a receipt."""
    ada = Shared(stage.site)
    page = ada.browser.get("/en/share").text
    assert ANSWERS in page
    assert 'name="country"' in page
    for missing in ({"answers": ""}, {"country": ""}, {"name": ""}):
        assert ada.share("partner", "weight", **missing).status_code == 400
    receipt = ada.share("partner", "weight", name="Clinic of Lyon", country="France")
    assert receipt.status_code == 200
    for words in ("Clinic of Lyon, France", ANSWERS, "ends by itself on"):
        assert words in receipt.text
    assert "Clinic of Lyon" in ada.browser.get("/en/log").text


def anywhere(form, now_utc_s):  # type: ignore[no-untyped-def]
    country = form.get("country") or "somewhere"
    given = [(name, value) for name, value in form.multi_items() if name != "country"]
    return form_as_given(type(form)([*given, ("country", country)]), now_utc_s)


MUTATIONS: dict[str, Mutation] = {
    "nobody says who answers": rendered(lambda page: page.replace(ANSWERS, "are happy with")),
    "a partner of no country": replaced(share, "_terms", anywhere),
}
