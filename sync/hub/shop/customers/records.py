"""Records of customers: which one stands for which, locked and changed one version at a time."""

from typing import Any

import sqlalchemy as sa

from sync.hub.prepared import prepared
from sync.hub.shop.customers import tables as t
from sync.hub.shop.kit.refusal import not_found
from sync.hub.shop.kit.work import Work

__all__ = ["change", "cluster", "locked", "standing"]


@prepared
def _state(customer_id: Any) -> Any:
    c = t.customer.c
    return sa.select(c.state, c.merged_into).where(c.customer_id == customer_id)


def standing(work: Work, customer_id: str) -> str:
    """The record that stands for this one: itself, or the one it was merged into. Raises RefusedError."""
    for _ in range(8):
        row = _state.first(work.connection, customer_id)
        if row is None or row.state == "erased":
            raise not_found("customer", customer_id)
        if row.state != "merged":
            return customer_id
        customer_id = row.merged_into
    raise not_found("customer", customer_id)


def cluster(work: Work, customer_id: str) -> list[str]:
    """The record that stands for all, and all that were merged into it."""
    c, found, new = t.customer.c, [customer_id], [customer_id]
    while new:
        query = sa.select(c.customer_id).where(c.merged_into.in_(new), c.state == "merged")
        new = sorted(set(work.execute(query).scalars()) - set(found))
        found += new
    return found


def locked(work: Work, customer_id: str) -> sa.Row[tuple[str, int, str, str, bytes]]:
    c = t.customer.c
    row = work.execute(
        sa.select(c.customer_id, c.version, c.state, c.merged_into, c.body)
        .where(c.customer_id == customer_id)
        .with_for_update()
    ).first()
    if row is None:
        raise not_found("customer", customer_id)
    found: sa.Row[tuple[str, int, str, str, bytes]] = row
    return found


def change(work: Work, customer_id: str, **values: object) -> int:
    """One version more, with these columns."""
    c = t.customer.c
    version: int = work.execute(
        t.customer.update()
        .where(c.customer_id == customer_id)
        .values(version=c.version + 1, changed_ms=work.now_ms, **values)
        .returning(c.version)
    ).scalar_one()
    return version
