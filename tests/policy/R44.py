"""R44: two languages: every page is there in both, one click apart, and no sentence is missing."""

from cloud.site import languages
from tests.cloud.site.test_languages import sentences
from tests.policy.stage import PAGES, PUBLIC, Mutation, Stage, rendered, replaced

whole = languages.translations("fr")


def holds(stage: Stage) -> None:
    """Each page links its other version, and the catalogue has every sentence."""
    ada, stranger = stage.ada(), stage.site.browser()
    for browser, names in ((stranger, PUBLIC), (ada.browser, PAGES)):
        for name in names:
            for language, other in (("en", "fr"), ("fr", "en")):
                page = browser.get(f"/{language}/{name}").text
                assert f'<html lang="{language}"' in page
                assert f'href="/{other}/{name}" hreflang="{other}"' in page, name
    assert sentences() <= set(languages.translations("fr"))


MUTATIONS: dict[str, Mutation] = {
    "no link to the other": rendered(lambda page: page.replace("hreflang", "data-language")),
    "a sentence without French": replaced(languages, "translations", lambda _language: dict(list(whole.items())[1:])),
}
