"""R16: erasing: nothing of the person can be read anywhere afterwards, and there is a receipt."""

from cloud import erasure
from cloud.keys import ErasureKeys
from tests.cloud.site.test_take import everything
from tests.policy.stage import Mutation, Stage, replaced, undone


def holds(stage: Stage) -> None:
    """No pseudonym and no sealed row is in any byte of the stores, the key is gone, the receipt counts the rows."""
    ada = stage.ada()
    page = ada.erase().text
    traces = [ada.person.pseudonym, ada.room.pseudonym, *(row.sealed for row in ada.rows.values())]
    held = everything(stage.folder)
    assert [name for name, data in held.items() for trace in traces if trace in data] == []
    assert [name for name in held if "keys/erasure" in name] == []
    assert "&#34;rows_of_readings_erased&#34;: 4" in page


MUTATIONS: dict[str, Mutation] = {
    "the journal is not emptied": undone(erasure, "scrub"),
    "the key is kept": undone(ErasureKeys, "destroy"),
    "the rows are kept": replaced(erasure, "erase_rows", lambda *_: 4),
}
