"""What articles cost before, in the catalogue's file: as the hub said it beside each record of its feed."""

from typing import Any, Final

import msgspec

from pos.catalogue.prices import LISTED, Prices
from pos.domain.price_said import Held, PastOf

__all__ = ["KNOWN_FROM", "PAST", "held"]

PAST: Final = "CREATE TABLE IF NOT EXISTS price_past (sku TEXT PRIMARY KEY, said TEXT NOT NULL) WITHOUT ROWID"
"""`said`: pos.domain.price_said.PastOf as JSON; for articles of the feed only."""

KNOWN_FROM: Final = "prices_known_from_ms"
"""In `meta`: since when an article of the feed that has no row of its own is known to cost what it does."""

_PAST_OF: Final = msgspec.json.Decoder(PastOf)


def held(db: Any, prices: Prices, sku: str) -> tuple[Held, ...]:
    """What is known of an article's prices, oldest first; empty where the hub said nothing of it."""
    tables = {
        name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE name IN ('fed', 'price_past')")
    }
    if len(tables) < 2 or not db.execute("SELECT 1 FROM fed WHERE sku = ?", (sku,)).fetchone():
        return ()
    row = db.execute("SELECT said FROM price_past WHERE sku = ?", (sku,)).fetchone()
    if row is not None:
        past = _PAST_OF.decode(row[0])
    else:
        known = db.execute("SELECT value FROM meta WHERE key = ?", (KNOWN_FROM,)).fetchone()
        if known is None:
            return ()
        past = PastOf(int(known[0]))
    variant = db.execute("SELECT price_minor, dated FROM variant WHERE sku = ?", (sku,)).fetchone()
    if variant is None:
        return ()
    minor, dated = variant
    listed = prices.listed(sku) if dated & LISTED else ()
    return past.with_now(prices.own(sku, minor, dated), listed)
