"""Which events a subscription hears."""

from typing import Any

import msgspec
import sqlalchemy as sa

from sync.hub.prepared import prepared
from sync.hub.shop.kit.work import Work
from sync.hub.shop.webhooks import tables as t

__all__ = ["is_heard", "matches"]


@prepared
def _active(store: Any) -> Any:
    c = t.webhook.c
    return sa.select(c.types).where(c.state == "active", sa.or_(c.store == "", c.store == store))


def matches(types: tuple[str, ...], type_: str) -> bool:
    return any(one in {"*", type_} or (one.endswith(".*") and type_.startswith(one[:-1])) for one in types)


def is_heard(work: Work, store: str, type_: str) -> bool:
    """Is there a subscription that hears of this in this store?"""
    rows = _active.all(work.connection, store)
    return any(matches(msgspec.json.decode(bytes(row.types), type=tuple[str, ...]), type_) for row in rows)
