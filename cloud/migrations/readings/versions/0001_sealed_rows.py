"""The readings store as first released: sealed rows, and what was set aside.

The primary key begins with the pseudonym, by which a distributed engine would spread the rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "readings_0001"
down_revision = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "sealed_rows",
        sa.Column("pseudonym", sa.LargeBinary(16), nullable=False),
        sa.Column("id", sa.LargeBinary(16), nullable=False),
        sa.Column("minute", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", "id"),
    )
    op.create_index("sealed_rows_by_minute", "sealed_rows", ["pseudonym", "minute"])
    op.create_table(
        "set_aside",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("bytes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("digest", "reason"),
    )
