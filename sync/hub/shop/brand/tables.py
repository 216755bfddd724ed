"""The brand's table: one row."""

from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from sync.hub.tables import metadata

__all__ = ["brand"]

# `body`: what the office said, as JSON; it lies over what ships.
brand: Final = Table(
    "brand",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
