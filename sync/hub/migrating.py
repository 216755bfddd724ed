"""Words for migrations: columns that are never null, and tables that take inserts only."""

import sqlalchemy as sa
from alembic import op

__all__ = ["blob", "flag", "keep", "number", "small", "text"]


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def blob(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def keep(table: str) -> None:
    """Triggers: rows of this table are neither changed nor removed."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"create trigger {table}_no_{verb} before {verb} on {table} "
                f"begin select raise(abort, '{table} takes inserts only'); end"
            )
        return
    op.execute(
        f"create function {table}_keep() returns trigger language plpgsql as "
        f"$$ begin raise exception '{table} takes inserts only'; end $$"
    )
    op.execute(
        f"create trigger {table}_keep before update or delete or truncate on {table} "
        f"for each statement execute function {table}_keep()"
    )
