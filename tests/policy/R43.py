"""R43: whom to ask stands at the foot of every page."""

from tests.policy.stage import PAGES, PUBLIC, Mutation, Stage, rendered


def holds(stage: Stage) -> None:
    """In both languages, signed in or not, on error pages too."""
    ada, stranger = stage.ada(), stage.site.browser()
    contact = stage.site.premises.settings.contact
    for language in ("en", "fr"):
        for browser, names in ((stranger, (*PUBLIC, "nothing/here")), (ada.browser, PAGES)):
            for name in names:
                assert f'href="mailto:{contact}"' in browser.get(f"/{language}/{name}").text, name


MUTATIONS: dict[str, Mutation] = {"nobody to ask": rendered(lambda page: page.replace("mailto:", ""))}
