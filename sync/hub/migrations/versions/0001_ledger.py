"""The ledger: facts, heads, receipts, day totals, changes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KEEP = ("fact", "quarantine")


def upgrade() -> None:
    _facts()
    _tills()
    _projections()
    _changes()
    for table in _KEEP:
        if op.get_bind().dialect.name == "sqlite":
            _keep_sqlite(table)
        else:
            _keep_postgresql(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _fact_columns() -> list[sa.Column[str] | sa.Column[int] | sa.Column[bytes]]:
    return [
        _text("store"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        _text("kind"),
        sa.Column("version", sa.Integer, nullable=False),
        _number("wall_ms"),
        _number("mono_ms"),
        _text("boot_id"),
        _bytes("body"),
        _bytes("hash"),
        _number("received_ms"),
    ]


def _facts() -> None:
    op.create_table(
        "fact",
        *_fact_columns(),
        sa.PrimaryKeyConstraint("store", "till", "epoch", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        *_fact_columns(),
        _bytes("prev_hash"),
        sa.PrimaryKeyConstraint("store", "till", "epoch", "seq", "hash"),
        sqlite_with_rowid=False,
    )
    # Compressed already: PostgreSQL need not try again.
    if op.get_bind().dialect.name == "postgresql":
        op.execute("alter table fact alter column body set storage external")
        op.execute("alter table quarantine alter column body set storage external")


def _tills() -> None:
    op.create_table(
        "till",
        _text("store"),
        _text("till"),
        _number("epoch"),
        _text("software"),
        _text("shop"),
        _number("first_hello_ms"),
        _number("last_hello_ms"),
        sa.PrimaryKeyConstraint("store", "till"),
    )
    op.create_table(
        "store_key",
        sa.Column("store", sa.Text, primary_key=True),
        _bytes("link_key"),
        _number("created_ms"),
    )
    op.create_table(
        "till_head",
        _text("store"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        _bytes("hash"),
        sa.PrimaryKeyConstraint("store", "till", "epoch"),
    )


def _projections() -> None:
    op.create_table(
        "projection",
        _text("store"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        sa.PrimaryKeyConstraint("store", "till", "epoch"),
        sa.ForeignKeyConstraint(
            ("store", "till", "epoch"), ("till_head.store", "till_head.till", "till_head.epoch")
        ),
    )
    op.create_table(
        "poison",
        _text("store"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        _text("reason"),
        _number("noted_ms"),
        sa.PrimaryKeyConstraint("store", "till", "epoch", "seq"),
    )
    op.create_table(
        "receipt",
        _text("store"),
        _bytes("token"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        _number("number"),
        _number("total_minor"),
        _text("language"),
        sa.PrimaryKeyConstraint("store", "token", "till", "epoch", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "day_total",
        _text("store"),
        _text("business_day"),
        _text("till"),
        _text("currency"),
        sa.Column("training", sa.Boolean, nullable=False),
        _number("sales"),
        _number("gross_minor"),
        _number("pieces"),
        sa.PrimaryKeyConstraint("store", "business_day", "till", "currency", "training"),
    )


def _changes() -> None:
    op.create_table("article", sa.Column("sku", sa.Text, primary_key=True), _text("body"))
    op.create_table("change_counter", sa.Column("scope", sa.Text, primary_key=True), _number("n"))
    op.create_table(
        "change",
        _text("scope"),
        _number("n"),
        _text("kind"),
        _text("key"),
        _text("body"),
        _number("changed_ms"),
        sa.PrimaryKeyConstraint("scope", "n"),
    )
    op.create_index("change_key", "change", ["scope", "kind", "key"])


def _keep_sqlite(table: str) -> None:
    for verb in ("update", "delete"):
        op.execute(
            f"create trigger {table}_no_{verb} before {verb} on {table} "
            f"begin select raise(abort, '{table} takes inserts only'); end"
        )


def _keep_postgresql(table: str) -> None:
    op.execute(
        f"create function {table}_keep() returns trigger language plpgsql as "
        f"$$ begin raise exception '{table} takes inserts only'; end $$"
    )
    op.execute(
        f"create trigger {table}_keep before update or delete or truncate on {table} "
        f"for each statement execute function {table}_keep()"
    )
