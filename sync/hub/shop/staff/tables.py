"""Table of codes by which a phone or tablet becomes an operator's."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from sync.hub.tables import metadata

__all__ = ["staff_code"]

# `code_id` are the code's first characters, the rest is nowhere. `maker` is the till as an actor, "store/till". `scopes` are
# words with blanks between. `used_hash` is that of the secret with which the code was used, `token_id` the token it gave.
staff_code: Final = Table(
    "staff_code",
    metadata,
    Column("code_id", Text, primary_key=True),
    Column("store", Text, nullable=False),
    Column("maker", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("wrong", Integer, nullable=False),
    Column("used_hash", LargeBinary, nullable=False),
    Column("token_id", Text, nullable=False),
    Index("staff_code_maker", "maker", "operator"),
)
