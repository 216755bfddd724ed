"""What articles and promotions cost, with the times for which it was said; beside a change, what readers need of that.

An article's history begins with its newest record and with the time at which that came; before, nothing is known.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0022_prices"
down_revision: str | None = "0021_staff"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
_PAGE = 500
_NOT_STATED = "null"


def upgrade() -> None:
    for table, key, body in (("price_history", "sku", "prices"), ("promotion_history", "promotion", "body")):
        op.create_table(
            table,
            sa.Column(key, sa.Text, nullable=False),
            sa.Column("since_ms", sa.BigInteger, nullable=False),
            sa.Column("until_ms", sa.BigInteger, nullable=True),
            sa.Column(body, sa.Text, nullable=False),
            sa.PrimaryKeyConstraint(key, "since_ms"),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "price_turn",
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("day", "sku"),
        sa.Index("price_turn_sku", "sku"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "label_round",
        sa.Column("store", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("chain_n", sa.BigInteger, nullable=False),
        sa.Column("counted_ms", sa.BigInteger, nullable=False),
    )
    op.add_column("change", sa.Column("history", sa.Text, nullable=True))
    _begin_articles(op.get_bind())
    _begin_promotions(op.get_bind())


def _begin_articles(connection: Any) -> None:
    article = sa.table("article", sa.column("sku", sa.Text), sa.column("body", sa.Text))
    history = _table("price_history", "sku", "prices")
    turn = sa.table("price_turn", sa.column("day", sa.Text), sa.column("sku", sa.Text))
    last = ""
    while rows := connection.execute(
        sa.select(article).where(article.c.sku > last).order_by(article.c.sku).limit(_PAGE)
    ).fetchall():
        came = _newest(connection, "article", [row.sku for row in rows])
        # What has no change is a relay's or was brought in beside the feed: no time is known.
        said = {row.sku: _prices(row.body) for row in rows if row.sku in came}
        _insert(
            connection,
            history,
            [
                {"sku": sku, "since_ms": came[sku][1], "prices": msgspec.json.encode(prices).decode()}
                for sku, prices in said.items()
            ],
        )
        days = {(day, sku) for sku, prices in said.items() for day in _turns(prices)}
        _insert(connection, turn, [{"day": day, "sku": sku} for day, sku in sorted(days)])
        _tell(connection, came)
        last = rows[-1].sku


def _begin_promotions(connection: Any) -> None:
    change = _change()
    query = sa.select(change.c.key).where(change.c.scope == "chain", change.c.kind == "promotion").distinct()
    came = _newest(connection, "promotion", [row.key for row in connection.execute(query)])
    rows = [
        {"promotion": key, "since_ms": at_ms, "body": body}
        for key, (_, at_ms, body) in sorted(came.items())
        if body != _NOT_STATED
    ]
    _insert(connection, _table("promotion_history", "promotion", "body"), rows)
    _tell(connection, came)


def _prices(body: str) -> list[list[Any]]:
    """(minor, first day, last day) of a record: those with days, else the one without."""
    record = msgspec.json.decode(body)
    if record.get("gone"):
        return []
    dated = record.get("prices") or ()
    if dated:
        return [[one["price_minor"], one.get("valid_from"), one.get("valid_to")] for one in dated]
    return [] if record.get("price_minor") is None else [[record["price_minor"], None, None]]


def _turns(prices: list[list[Any]]) -> set[str]:
    """The days on which one begins, and those after the last one of another."""
    firsts = {first for _, first, _ in prices if first}
    lasts = {dt.date.fromisoformat(last) for *_, last in prices if last}
    return firsts | {(last + dt.timedelta(days=1)).isoformat() for last in lasts if last < dt.date.max}


def _newest(connection: Any, kind: str, keys: Sequence[str]) -> dict[str, tuple[int, int, str]]:
    """Number, time and body of the newest change of each key."""
    change = _change()
    found = {}
    for at in range(0, len(keys), _PAGE):
        mine = (change.c.scope == "chain", change.c.kind == kind, change.c.key.in_(keys[at : at + _PAGE]))
        query = sa.select(change.c.n, change.c.key, change.c.changed_ms, change.c.body).where(*mine)
        for row in connection.execute(query.order_by(change.c.n)):
            found[row.key] = (row.n, row.changed_ms, row.body)
    return found


def _tell(connection: Any, came: dict[str, tuple[int, int, str]]) -> None:
    """Tills that read the log from its start hear since when each price holds."""
    write = sa.text("update change set history = :history where scope = 'chain' and n = :n")
    said = [{"n": n, "history": f'{{"since_ms":{at_ms}}}'} for n, at_ms, _ in came.values()]
    if said:
        connection.execute(write, said)


def _table(name: str, key: str, body: str) -> Any:
    return sa.table(
        name, sa.column(key, sa.Text), sa.column("since_ms", sa.BigInteger), sa.column(body, sa.Text)
    )


def _change() -> Any:
    names = ("scope", "kind", "key", "body")
    return sa.table(
        "change", *(sa.column(name, sa.Text) for name in names), sa.column("n", sa.BigInteger), sa.column("changed_ms", sa.BigInteger)
    )  # fmt: skip


def _insert(connection: Any, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)
