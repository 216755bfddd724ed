"""Tables of gift cards and store credit. They belong to the whole chain."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, PrimaryKeyConstraint, Table, Text

from sync.hub.tables import metadata

__all__ = ["gift_card", "gift_card_hold", "gift_card_move"]

# The row is the lock under which a card is spent. `moved_minor` is the sum of its moves (below nothing where isolated
# tills spent more than there was), `held_minor` of its holds. `kind` is what it was issued as.
gift_card: Final = Table(
    "gift_card",
    metadata,
    Column("number", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("moved_minor", BigInteger, nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("store", Text, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

# What came onto a card and went from it, one row for each cause: a line or tender of a sale, points, an adjustment.
gift_card_move: Final = Table(
    "gift_card_move",
    metadata,
    Column("number", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("store", Text, nullable=False),
    PrimaryKeyConstraint("number", "cause"),
)

# Amounts kept for somebody who is about to pay: held until captured, released or expired, and that once. `subject` is what for: a
# second one of the same holder for it takes the first one's place.
gift_card_hold: Final = Table(
    "gift_card_hold",
    metadata,
    Column("hold_id", Text, primary_key=True),
    Column("number", Text, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
    Column("subject", Text, nullable=False, server_default=""),
    Index("gift_card_hold_for", "holder", "subject"),
    Index("gift_card_hold_of", "number", "state"),
    Index("gift_card_hold_open", "state", "expires_ms"),
)
