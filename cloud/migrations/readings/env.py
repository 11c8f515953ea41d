"""Runs migrations in the connection and transaction that cloud/stores.py hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
