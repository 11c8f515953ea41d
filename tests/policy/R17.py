"""R17: by letter: the operator's commands run the same code as the pages, and are logged."""

from cloud import audit, erasure, keys, rights
from tests.policy.stage import Mutation, Stage, replaced, undone


def holds(stage: Stage) -> None:
    """Erasing by letter leaves what erasing by oneself leaves, and both stand in the operator's log without a name."""
    stage.ada()
    admission = stage.site.premises.admission
    done: list[object] = []
    whole = erasure.erase_account
    key = keys.site_key(stage.site.premises.keys)
    erasure.erase_account = lambda *given: done.append(given) or whole(*given)  # type: ignore[func-returns-value]
    try:
        rights.erase(admission, "ada@example.org", key, "us")
    finally:
        erasure.erase_account = whole
    assert len(done) == 1
    with stage.site.premises.accounts.connect() as connection:
        entries = audit.read(connection, audit.OPERATOR, audit.OPERATOR_KEY)
    assert [entry.what for entry in entries] == ["letter-erase", "account-erased"]
    assert "ada@" not in str([entry.facts for entry in entries])  # "ada" alone is hexadecimal, and stands in some keys


MUTATIONS: dict[str, Mutation] = {
    "no trace": undone(audit, "write_for_operator"),
    "a way of its own": replaced(rights, "erase", lambda *_: None),
}
