"""What homes say of releases, and which roll-outs have halted."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0006"
down_revision = "accounts_0005"


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "outcomes",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("home_mac", sa.LargeBinary(16), nullable=False),
        sa.Column("share", sa.Integer, nullable=False),
        sa.Column("fault", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("kind", "sequence", "home_mac"),
    )
    op.create_table(
        "halts",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("halted_utc_s", sa.BigInteger),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("forgiven", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("kind", "sequence"),
    )
