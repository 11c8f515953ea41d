"""R36: improving the product: no figures of accounts or readings are gathered; of a release it is counted in how many homes it failed."""

from sqlalchemy import Column, Integer, MetaData, Table

from cloud import accounts, readings
from tests.policy.stage import Mutation, Stage, replaced

# the MAC is of a gateway's alias and one release: it joins nothing, not even what one home says of two releases
OF_RELEASES = {
    "outcomes": {"kind", "sequence", "home_mac", "share", "fault", "day"},
    "halts": {"kind", "sequence", "halted_utc_s", "by", "forgiven"},
}
COUNTED = MetaData()
Table("visit_statistics", COUNTED, Column("count", Integer, comment="how many"))


def holds(_stage: Stage) -> None:
    """No table of either store holds a figure about people: only what belongs to one account, pseudonym, slot or link, or to a release."""
    for metadata in (accounts.METADATA, readings.METADATA):
        for table in metadata.tables.values():
            if table.name in OF_RELEASES:
                assert set(table.columns.keys()) == OF_RELEASES[table.name]
                continue
            owners = {"account_id", "pseudonym", "slot", "digest", "link_mac"} & set(table.columns.keys())
            assert owners, table.name


MUTATIONS: dict[str, Mutation] = {"visits are counted": replaced(readings, "METADATA", COUNTED)}
