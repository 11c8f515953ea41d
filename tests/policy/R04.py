"""R4: all of the product's functions from the interface: each kind of reading has its page here; commands stay at home."""

from cloud.site import opening
from cloud.site.pages import measurements
from cloud.site.routes import ROUTES
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """Every kind that a home seals for people has a page; no address of the site starts or sets a device (threats T14)."""
    ada = stage.ada()
    for kind in opening.KINDS.values():
        assert ada.browser.get(f"/en/{kind}").status_code == 200
    assert not [each.path for each in ROUTES if any(word in each.path for word in ("command", "start", "device", "setting"))]


MUTATIONS: dict[str, Mutation] = {"a kind without a page": replaced(measurements, "TITLES", {"weight": "Weight", "pressure": "Pressure"})}
