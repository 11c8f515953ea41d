"""R3: pseudonyms, serials and addresses count as personal: every column and every topic says what it holds."""

from cloud import accounts, readings
from tests.policy.stage import Mutation, Stage, replaced
from tools import broker

# what a topic's last part carries; before it stands a gateway's random alias, and nothing else that is of anybody
TOPICS = {
    "up": "sealed to the ingester: rows, each sealed to its owner",
    "down": "closed to all but its home: receipts",
    "link": "of an account and a home: link boxes sealed to the account, and how an update went",
    "linked": "the answers to it",
}


def holds(_stage: Stage) -> None:
    """No column of either store without a word on what it is; nobody's name, address or serial has one, or a topic, of its own."""
    for metadata in (accounts.METADATA, readings.METADATA):
        for table in metadata.tables.values():
            for column in table.columns:
                assert column.comment, f"{table.name}.{column.name}"
                assert not {"email", "name", "serial", "ip", "address"} & set(column.name.split("_")) or "pseudonymous" in column.comment
    topics = [line.split()[-1] for line in broker._ACCESS_LIST.splitlines() if line.startswith(("topic", "pattern"))]
    assert set(topics) <= {f"foyer/1/{alias}/{leaf}" for alias in ("+", "%u") for leaf in TOPICS}


MUTATIONS: dict[str, Mutation] = {
    "an unclassified column": replaced(readings.SEALED_ROWS.c.minute, "comment", None),
    "a topic by serial number": replaced(broker, "_ACCESS_LIST", broker._ACCESS_LIST + "pattern write foyer/1/%u/serial/+\n"),
}
