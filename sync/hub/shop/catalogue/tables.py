"""What leads from a code or a word to an article; made from the records in `article` as they come in."""

from typing import Final

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from sync.hub.tables import metadata

__all__ = ["article_code", "article_deposit", "article_word"]

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
