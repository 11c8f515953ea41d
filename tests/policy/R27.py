"""R27: traces of a computer: no network address is kept; of the browser, family and system."""

from cloud.admission import Browser
from cloud.site.pages import entry
from tests.cloud.site.test_take import unpacked
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """The list of sessions says "Firefox, Linux": no version, no network."""
    ada = stage.ada()
    page = ada.browser.get("/en/account").text
    assert "Firefox, Linux" in page
    assert "140.0" not in page
    account = unpacked(ada.export())["account.json"]
    assert b"127.0.0.1" not in account
    assert b"140.0" not in account


def telling(request, zone: str) -> Browser:  # type: ignore[no-untyped-def]
    return Browser(f"Firefox, Linux at {request.client.host}", zone)


MUTATIONS: dict[str, Mutation] = {"the address is kept": replaced(entry, "browser_of", telling)}
