"""R36: improving the product: no figures are gathered, not even anonymous ones."""

from sqlalchemy import Column, Integer, MetaData, Table

from cloud import accounts, readings
from tests.policy.stage import Mutation, Stage, replaced

COUNTED = MetaData()
Table("visit_statistics", COUNTED, Column("count", Integer, comment="how many"))


def holds(_stage: Stage) -> None:
    """No table of either store holds a figure about people: only what belongs to one account, pseudonym, slot or link."""
    for metadata in (accounts.METADATA, readings.METADATA):
        for table in metadata.tables.values():
            owners = {"account_id", "pseudonym", "slot", "digest", "link_mac"} & set(table.columns.keys())
            assert owners, table.name


MUTATIONS: dict[str, Mutation] = {"visits are counted": replaced(readings, "METADATA", COUNTED)}
