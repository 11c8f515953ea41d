"""R24: other countries: who runs this and where is in every consent and receipt."""

import json

from cloud import consents
from tests.cloud.site.test_take import unpacked
from tests.policy.stage import Mutation, Stage, replaced

whole = consents.as_record


def holds(stage: Stage) -> None:
    """The record of every consent names the controller that the site names."""
    ada = stage.ada()
    controller = stage.site.premises.settings.controller
    assert controller in ada.browser.get("/en/rules").text
    account = json.loads(unpacked(ada.export())["account.json"])
    for record in account["consents"]:
        assert record["pii_processing"]["pii_controllers"] == [controller]
    assert controller in ada.erase().text


MUTATIONS: dict[str, Mutation] = {"records of nobody": replaced(consents, "as_record", lambda *given: whole(*given[:2], ""))}
