"""R45: Law 78-17: every purpose has its legal basis, and each record names it."""

import json

from cloud import consents
from tests.cloud.site.test_take import unpacked
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """What a person is handed as their records names article and law for each."""
    ada = stage.ada()
    ada.browser.post("/en/account/choices", dict.fromkeys(consents.CHOICES, "yes"))
    records = json.loads(unpacked(ada.export())["account.json"])["consents"]
    assert {record["pii_processing"]["purpose"] for record in records} == {*consents.ACKNOWLEDGED, *consents.CHOICES}
    for record in records:
        assert "GDPR" in record["pii_processing"]["lawful_basis"]
        if record["pii_processing"]["purpose"] in consents.CHOICES:
            assert "78-17" in record["pii_processing"]["lawful_basis"]


MUTATIONS: dict[str, Mutation] = {"no basis": replaced(consents, "LEGAL_BASES", dict.fromkeys(consents.LEGAL_BASES, ""))}
