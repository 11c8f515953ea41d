"""What a person shares and with whom, and passkeys."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0003"
down_revision = "accounts_0002"


def _account() -> sa.Column[bytes]:
    return sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    """Add three tables, and whether a session still waits for a second factor."""
    op.add_column("sessions", sa.Column("waits", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "grants",
        _account(),
        sa.Column("grant_id", sa.LargeBinary(16), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("about", sa.LargeBinary, nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.Column("expires_utc_s", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "grant_id"),
    )
    op.create_table(
        "grant_keys",
        sa.Column("key_digest", sa.LargeBinary(32), primary_key=True),
        _account(),
        sa.Column("grant_id", sa.LargeBinary(16), nullable=False),
        sa.Column("use", sa.Text, nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.Column("expires_utc_s", sa.BigInteger, nullable=False),
    )
    op.create_index("grant_keys_by_account", "grant_keys", ["account_id", "grant_id"])
    op.create_table(
        "passkeys",
        sa.Column("credential_digest", sa.LargeBinary(32), primary_key=True),
        _account(),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.Column("wrap", sa.LargeBinary),
    )
    op.create_index("passkeys_by_account", "passkeys", ["account_id"])
