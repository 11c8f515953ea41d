"""When each pseudonym's write key was last used, so that a forgotten one lapses; and rows without numbers that tell their order."""

import time

import sqlalchemy as sa
from alembic import op

revision = "readings_0003"
down_revision = "readings_0002"


def upgrade() -> None:
    """Make the table, noting today for every pseudonym there is; on SQLite make the rows' table anew, without row numbers."""
    op.create_table(
        "pseudonyms",
        sa.Column("pseudonym", sa.LargeBinary(16), primary_key=True),
        sa.Column("seen_day", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    today = int(time.time()) // 86400
    op.execute(f"INSERT INTO pseudonyms (pseudonym, seen_day) SELECT DISTINCT pseudonym, {today} FROM sealed_rows")  # noqa: S608
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "sealed_rows_anew",
        sa.Column("pseudonym", sa.LargeBinary(16), nullable=False),
        sa.Column("id", sa.LargeBinary(16), nullable=False),
        sa.Column("minute", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", "id"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO sealed_rows_anew SELECT pseudonym, id, minute, sealed FROM sealed_rows")
    op.drop_table("sealed_rows")
    op.rename_table("sealed_rows_anew", "sealed_rows")
    op.create_index("sealed_rows_by_minute", "sealed_rows", ["pseudonym", "minute"])
