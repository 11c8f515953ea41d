"""R7: on the site: the same functions on a computer as on a phone."""

import re

from cloud.site.pages import home
from cloud.site.premises import show
from tests.policy.stage import PAGES, Mutation, Stage, replaced

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Mobile Safari/604.1"


def holds(stage: Stage) -> None:
    """Both are offered the same links and forms on every page."""
    ada = stage.ada()
    for name in PAGES:
        offered = [
            sorted(re.findall(r'(?:href|action)="([^"]+)"', ada.browser.get(f"/en/{name}", headers=headers).text))
            for headers in ({}, {"user-agent": PHONE})
        ]
        assert offered[0] == offered[1], name


def phones_only(request, template, *given, **more):  # type: ignore[no-untyped-def]
    more |= {} if "iPhone" in request.headers["user-agent"] else {"groups": []}
    return show(request, template, *given, **more)


MUTATIONS: dict[str, Mutation] = {"home for phones only": replaced(home, "show", phones_only)}
