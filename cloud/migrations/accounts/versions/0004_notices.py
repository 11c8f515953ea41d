"""What homes leave for whoever may steer their devices."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0004"
down_revision = "accounts_0003"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "notices",
        sa.Column("slot", sa.LargeBinary(16), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("left_utc_s", sa.BigInteger, nullable=False),
        sa.Column("answered_utc_s", sa.BigInteger),
    )
