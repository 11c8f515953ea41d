"""R41: security: forms from elsewhere are refused, and whoever steals both stores opens nothing."""

import pytest

from cloud import wrapping
from cloud.site.defences import Defences
from tests.cloud.site.test_take import everything
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """A form from another site does nothing; address, labels and keys stand nowhere in clear (more in tests/cloud/test_accounts.py)."""
    ada = stage.ada()
    assert ada.browser.request("POST", "/en/sign-out", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    held = b"".join(everything(stage.folder).values())
    for secret in (b"ada@example.org", b"Zwetlana", b"ashtray velvet", ada.person.seeds.root_key, ada.person.seeds.write_seed):
        assert secret not in held


def unsealed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(wrapping, "wrap", lambda _key, plaintext, _purpose: plaintext)
    patch.setattr(wrapping, "unwrap", lambda _key, box, _purpose: box)


MUTATIONS: dict[str, Mutation] = {
    "forms from anywhere": replaced(Defences, "_is_our_own", lambda *_: True),
    "nothing is sealed": unsealed,
}
