"""Carts that travel between phone and till; and what leads to an article from a code or a word."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, number, text

revision = "0009_baskets"
down_revision: str | None = "0008_stock"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_AT_ONCE = 500


def upgrade() -> None:
    op.create_table("article_code", sa.Column("key", sa.Text, primary_key=True), text("sku"))
    op.create_index("article_code_sku", "article_code", ["sku"])
    op.create_table("article_word", blob("word"), text("sku"), sa.PrimaryKeyConstraint("word", "sku"))
    op.create_index("article_word_sku", "article_word", ["sku"])
    op.create_table("article_deposit", sa.Column("sku", sa.Text, primary_key=True), blob("body"))
    op.create_table(
        "basket",
        text("store"),
        text("basket_id"),
        text("share_code"),
        text("state"),
        number("version"),
        blob("secret_hash"),
        text("customer"),
        text("parent"),
        number("created_ms"),
        number("changed_ms"),
        number("expires_ms"),
        text("till"),
        text("till_by"),
        number("lease_ms"),
        text("ended_by"),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "basket_id"),
    )
    op.create_index("basket_share_code", "basket", ["store", "share_code"], unique=True)
    op.create_index("basket_expires", "basket", ["store", "state", "expires_ms"])
    op.create_table(
        "basket_sale",
        text("store"),
        text("basket_id"),
        text("place"),
        number("wall_ms"),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "basket_id", "place"),
    )
    _index_articles()


def _index_articles() -> None:
    """What was brought in before this table was there."""
    from sync.hub.shop.catalogue.index import index_articles  # noqa: PLC0415 - only where there is something

    connection = op.get_bind()
    article = sa.table("article", sa.column("sku", sa.Text), sa.column("body", sa.Text))
    after = ""
    while True:
        query = sa.select(article.c.sku, article.c.body).where(article.c.sku > after)
        rows = [
            (row.sku, row.body) for row in connection.execute(query.order_by(article.c.sku).limit(_AT_ONCE))
        ]
        if not rows:
            return
        index_articles(connection, rows)
        after = rows[-1][0]
