"""What stands between an account and a home after they were linked: the link's key, what the home asks, and who left."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0005"
down_revision = "accounts_0004"


def _account_column() -> sa.Column[bytes]:
    return sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "links",
        sa.Column("link_mac", sa.LargeBinary(32), primary_key=True),
        _account_column(),
        sa.Column("box_id", sa.LargeBinary(16), nullable=False),
        sa.Column("box_version", sa.BigInteger, nullable=False),
    )
    op.create_index("links_by_account", "links", ["account_id"])
    op.create_table(
        "requests",
        _account_column(),
        sa.Column("request_id", sa.LargeBinary(16), nullable=False),
        sa.Column("link_mac", sa.LargeBinary(32), nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.Column("made_utc_s", sa.BigInteger, nullable=False),
        sa.Column("decision", sa.Integer),
        sa.Column("mac", sa.LargeBinary(32)),
        sa.PrimaryKeyConstraint("account_id", "request_id"),
    )
    op.create_table(
        "farewells",
        sa.Column("link_mac", sa.LargeBinary(32), primary_key=True),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.Column("until_day", sa.Integer, nullable=False),
    )
