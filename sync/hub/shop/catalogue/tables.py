"""What leads from a code or a word to an article, and what articles cost; made from the records as they come in."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from sync.hub.tables import metadata

__all__ = [
    "article_code",
    "article_deposit",
    "article_word",
    "label_round",
    "list_price",
    "price_history",
    "price_list_history",
    "price_turn",
    "promotion_history",
]

# A code's key (pos.domain.codes) and the one article it means.
article_code: Final = Table(
    "article_code",
    metadata,
    Column("key", Text, primary_key=True),
    Column("sku", Text, nullable=False),
    Index("article_code_sku", "sku"),
)

# The folded words of an article's text as bytes, so that a range of them is the same in every database.
article_word: Final = Table(
    "article_word",
    metadata,
    Column("word", LargeBinary, nullable=False),
    Column("sku", Text, nullable=False),
    PrimaryKeyConstraint("word", "sku"),
    Index("article_word_sku", "sku"),
)

# Deposits that are articles of no record of their own: the newest that an article was sent with. `body` is pos.domain.article.Deposit.
article_deposit: Final = Table(
    "article_deposit",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# What an article's record said of its price, from `since_ms` until before `until_ms` (none: it still does). `prices` is a list of
# pos.domain.price_said.Dated as JSON; empty where it had none, or was gone. `listed`: those in price lists (Listed as JSON; empty: none).
# Nothing is taken away.
price_history: Final = Table(
    "price_history",
    metadata,
    Column("sku", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=True),
    Column("prices", Text, nullable=False),
    Column("listed", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("sku", "since_ms"),
    sqlite_with_rowid=False,
)

# Price lists as they stood; the row without `until_ms` is the list as it is. `body` is pos.domain.price_lists.PriceList as JSON.
price_list_history: Final = Table(
    "price_list_history",
    metadata,
    Column("list", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=True),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("list", "since_ms"),
    sqlite_with_rowid=False,
)

# What an article costs in a list: `prices` is a list of pos.domain.article_record.DatedPrice as JSON, never empty.
list_price: Final = Table(
    "list_price",
    metadata,
    Column("list", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("prices", Text, nullable=False),
    PrimaryKeyConstraint("list", "sku"),
    Index("list_price_sku", "sku"),
    sqlite_with_rowid=False,
)

# The same of promotions: their rows as JSON, those by which one piece may cost everybody less.
promotion_history: Final = Table(
    "promotion_history",
    metadata,
    Column("promotion", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=True),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("promotion", "since_ms"),
    sqlite_with_rowid=False,
)

# Days on which an article's price may become another: a price with days begins or is over, or (by the UTC day) one without days came.
price_turn: Final = Table(
    "price_turn",
    metadata,
    Column("day", Text, nullable=False),
    Column("sku", Text, nullable=False),
    PrimaryKeyConstraint("day", "sku"),
    Index("price_turn_sku", "sku"),
    sqlite_with_rowid=False,
)

# For which day, up to which change of the chain, and when a store's labels that are to be hung were counted.
label_round: Final = Table(
    "label_round",
    metadata,
    Column("store", Text, primary_key=True),
    Column("day", Text, nullable=False),
    Column("chain_n", BigInteger, nullable=False),
    Column("counted_ms", BigInteger, nullable=False),
)
