"""What the hub's own user may do on PostgreSQL: append-only tables are so by privilege, not by triggers alone.

The tables belong to whoever migrates (`tresen hub migrate`); the hub serves as another user, which can neither change nor
remove a fact, nor switch off the triggers that forbid it.
"""

import re
from typing import Final

__all__ = ["APPEND_ONLY", "grants"]

APPEND_ONLY: Final = (
    *("fact", "seal", "quarantine", "quarantine_seal", "exception", "event"),
    *("stock_movement", "stock_counted"),
)
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def grants(user: str) -> list[str]:
    """Statements for the tables' owner. Raises ValueError for what is no plain name."""
    if not _NAME.fullmatch(user):
        raise ValueError("a user's name here is small letters, digits and _")
    return [
        f"grant usage on schema public to {user}",
        f"grant select, insert, update, delete on all tables in schema public to {user}",
        f"grant usage, select on all sequences in schema public to {user}",
        f"revoke update, delete, truncate on {', '.join(APPEND_ONLY)} from {user}",
        f"revoke insert, update, delete on alembic_version from {user}",
    ]
