"""E-mail confirmation and letters, consents that can be withdrawn, the chained log, and what a person writes beside a reading."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0002"
down_revision = "accounts_0001"


def upgrade() -> None:
    """Add two columns and four tables; what was accepted before was given in boxes when registering."""
    op.add_column("consents", sa.Column("state", sa.Text, nullable=False, server_default="given"))
    op.add_column("consents", sa.Column("method", sa.Text, nullable=False, server_default="register"))
    op.create_index("addresses_by_account", "addresses", ["account_id"])
    op.create_table(
        "confirmations",
        sa.Column("token_digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
        sa.Column("address_mac", sa.LargeBinary(32), nullable=False),
        sa.Column("made_utc_s", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "letters",
        sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
        sa.Column("letter_id", sa.LargeBinary(16), nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.Column("due_utc_s", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "letter_id"),
    )
    op.create_table(
        "log_entries",
        sa.Column("account_id", sa.LargeBinary(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("keep_until_day", sa.Integer, nullable=False),
        sa.Column("box", sa.LargeBinary),
        sa.Column("box_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("entry_digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "number"),
    )
    op.create_table(
        "notes",
        sa.Column("account_id", sa.LargeBinary(16), sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
        sa.Column("note_mac", sa.LargeBinary(32), nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "note_mac"),
    )
