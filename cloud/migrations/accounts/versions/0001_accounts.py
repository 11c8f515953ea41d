"""The accounts store as first released. Personal columns are sealed under the account's erasure key."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("personal", sa.LargeBinary, nullable=False),
        sa.Column("password_profile", sa.Text, nullable=False),
        sa.Column("password_salt", sa.LargeBinary(16), nullable=False),
        sa.Column("password_verifier", sa.LargeBinary(32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("password_wrap", sa.LargeBinary, nullable=False),
        sa.Column("recovery_wrap", sa.LargeBinary, nullable=False),
        sa.Column("created_day", sa.Integer, nullable=False),
    )
    op.create_table(
        "addresses",
        sa.Column("address_mac", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("session_digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
        sa.Column("store_half", sa.LargeBinary(32), nullable=False),
        sa.Column("key_box", sa.LargeBinary, nullable=False),
        sa.Column("personal", sa.LargeBinary, nullable=False),
        sa.Column("recovery_box", sa.LargeBinary),
        sa.Column("created_utc_s", sa.BigInteger, nullable=False),
        sa.Column("seen_utc_s", sa.BigInteger, nullable=False),
    )
    op.create_index("sessions_by_account", "sessions", ["account_id"])
    op.create_table(
        "link_codes",
        sa.Column("link_mac", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
        sa.Column("link_id_box", sa.LargeBinary, nullable=False),
        sa.Column("made_utc_s", sa.BigInteger, nullable=False),
        sa.Column("box_digest", sa.LargeBinary(32)),
    )
    op.create_index("link_codes_by_account", "link_codes", ["account_id"])
    op.create_table(
        "link_boxes",
        sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
        sa.Column("box_id", sa.LargeBinary(16), nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "box_id"),
    )
    op.create_table(
        "consents",
        sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
        sa.Column("consent_id", sa.LargeBinary(16), nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("text_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("given_utc_s", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "consent_id"),
    )
