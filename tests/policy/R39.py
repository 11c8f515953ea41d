"""R39: other sites: no page loads anything from elsewhere, and links tell nobody where one came from."""

import re

from cloud.site import defences
from tests.policy.stage import PAGES, PUBLIC, Mutation, Stage, rendered, replaced


def holds(stage: Stage) -> None:
    """Every source and address on every page is this site's own; the browser is told to load no other and to say nothing."""
    ada = stage.ada()
    for name in (*PUBLIC, *PAGES):
        page = ada.browser.get(f"/en/{name}")
        assert not re.findall(r'(?:src|href|action)="(?!/|#|\?|mailto:)([^"]+)"', page.text), name
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "http" not in page.headers["content-security-policy"]


MUTATIONS: dict[str, Mutation] = {
    "a script from elsewhere": rendered(lambda page: page.replace("</head>", '<script src="https://x.example/a.js"></script></head>')),
    "a looser policy": replaced(defences, "POLICY", "default-src *"),
}
