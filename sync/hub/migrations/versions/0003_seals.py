"""Seals, exceptions, the hub above a relay, branches in quarantine; projections in generations."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0003_seals"
down_revision: str | None = "0002_machines"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KEEP = ("seal", "quarantine_seal")


def upgrade() -> None:
    _seals()
    _exceptions()
    _branches()
    _beginnings()
    _projections()
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


def _seals() -> None:
    for table, key in (
        ("seal", ("store", "till", "epoch", "last_seq")),
        ("quarantine_seal", ("store", "till", "epoch", "last_seq", "last_hash")),
    ):
        op.create_table(
            table,
            _text("store"),
            _text("till"),
            _number("epoch"),
            _number("last_seq"),
            _number("first_seq"),
            _bytes("last_hash"),
            _text("key_id"),
            _bytes("signature"),
            sa.PrimaryKeyConstraint(*key),
            sqlite_with_rowid=False,
        )


def _exceptions() -> None:
    op.create_table(
        "exception",
        _text("store"),
        _text("kind"),
        _text("key"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        _text("detail"),
        _number("noted_ms"),
        sa.PrimaryKeyConstraint("store", "kind", "key"),
    )
    op.create_table(
        "upstream",
        _text("store"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        _bytes("ack"),
        sa.PrimaryKeyConstraint("store", "till", "epoch"),
    )


def _empty() -> sa.TextClause:
    return sa.text("x''" if op.get_bind().dialect.name == "sqlite" else "''::bytea")


def _branches() -> None:
    """What is in quarantine already: branches of their own, under an empty name."""
    op.add_column(
        "quarantine",
        sa.Column("branch", sa.LargeBinary, nullable=False, server_default=_empty()),
    )
    op.add_column("quarantine", sa.Column("reason", sa.Text, nullable=False, server_default="fork"))


def _beginnings() -> None:
    """Where each epoch began, as far as the facts say it."""
    op.add_column("till_head", sa.Column("first_seq", sa.BigInteger, nullable=False, server_default="1"))
    op.add_column(
        "till_head", sa.Column("first_prev_hash", sa.LargeBinary, nullable=False, server_default=_empty())
    )
    zeros = "zeroblob(32)" if op.get_bind().dialect.name == "sqlite" else "decode(repeat('00', 32), 'hex')"
    op.execute(
        "update till_head set first_seq = coalesce((select min(f.seq) from fact f where f.store = till_head.store "
        "and f.till = till_head.till and f.epoch = till_head.epoch), seq + 1)"
    )
    op.execute(
        "update till_head set first_prev_hash = coalesce((select f.hash from fact f where f.store = till_head.store "
        "and f.till = till_head.till and f.epoch < till_head.epoch and f.seq = till_head.first_seq - 1 "
        "order by f.epoch desc limit 1), case when first_seq = seq + 1 then hash else ZEROS end)".replace(
            "ZEROS", zeros
        )
    )


def _projections() -> None:
    """Made anew: the follower fills them from the facts."""
    for table in ("projection", "poison", "receipt", "day_total"):
        op.drop_table(table)
    op.create_table("generation", sa.Column("store", sa.Text, primary_key=True), _number("live"))
    op.create_table(
        "projection",
        _text("store"),
        _number("generation"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        sa.PrimaryKeyConstraint("store", "generation", "till", "epoch"),
        sa.ForeignKeyConstraint(
            ("store", "till", "epoch"), ("till_head.store", "till_head.till", "till_head.epoch")
        ),
    )
    op.create_table(
        "poison",
        _text("store"),
        _number("generation"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        _text("reason"),
        _number("noted_ms"),
        sa.PrimaryKeyConstraint("store", "generation", "till", "epoch", "seq"),
    )
    op.create_table(
        "receipt",
        _text("store"),
        _number("generation"),
        _bytes("token"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        _number("number"),
        _number("total_minor"),
        _text("language"),
        sa.PrimaryKeyConstraint("store", "generation", "token", "till", "epoch", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "day_total",
        _text("store"),
        _number("generation"),
        _text("business_day"),
        _text("till"),
        _text("currency"),
        sa.Column("training", sa.Boolean, nullable=False),
        _number("sales"),
        _number("gross_minor"),
        _number("pieces"),
        sa.PrimaryKeyConstraint("store", "generation", "business_day", "till", "currency", "training"),
    )


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
