"""Alembic's entry: runs the versions over the connection that `sync.hub.database.migrate` hands in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
