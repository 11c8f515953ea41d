"""R6: on smartphones: every page fits a phone and can be kept on its start screen."""

from tests.policy.stage import PAGES, PUBLIC, Mutation, Stage, rendered


def holds(stage: Stage) -> None:
    """Each page tells a phone its width and its manifest; playwright looks at each at 390 px (tests/cloud/site/test_live_in_browser.py)."""
    ada = stage.ada()
    for browser, names in ((stage.site.browser(), PUBLIC), (ada.browser, PAGES)):
        for name in names:
            page = browser.get(f"/fr/{name}").text
            assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
            assert 'rel="manifest"' in page


MUTATIONS: dict[str, Mutation] = {"pages made for desks": rendered(lambda page: page.replace("width=device-width", "width=1280"))}
