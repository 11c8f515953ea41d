"""R3: pseudonyms, serials and addresses count as personal: every column says what it holds."""

from cloud import accounts, readings
from tests.policy.stage import Mutation, Stage, replaced


def holds(_stage: Stage) -> None:
    """No column of either store without a word on what it is; nobody's name, address or serial has one of its own."""
    for metadata in (accounts.METADATA, readings.METADATA):
        for table in metadata.tables.values():
            for column in table.columns:
                assert column.comment, f"{table.name}.{column.name}"
                assert not {"email", "name", "serial", "ip", "address"} & set(column.name.split("_")) or "pseudonymous" in column.comment


MUTATIONS: dict[str, Mutation] = {"an unclassified column": replaced(readings.SEALED_ROWS.c.minute, "comment", None)}
