"""What was erased and must not come back: digests of pseudonyms and of single rows."""

import sqlalchemy as sa
from alembic import op

revision = "readings_0002"
down_revision = "readings_0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tombstones",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("until_day", sa.Integer, nullable=False),
    )
