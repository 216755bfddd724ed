"""What the tills' sales mean for carts: the first one closes its cart, a second one is for people to look at.

What a sale left of a cart becomes a cart of its own for the phone, where the till says that it goes back. Its id, its share
code and its lines follow from the cart and from all its sales, so that the order of the facts does not matter.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from pos.sale_facts import Sale
from sync.hub.database import upsert
from sync.hub.shop.baskets import tables as t
from sync.hub.shop.baskets.core import contents_of, rest_id, rest_share
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.work import Work
from sync.wire import encode_json

__all__ = ["SOLD_TWICE", "hear"]

SOLD_TWICE: Final = "cart-sold-twice"
_REST_MS: Final = 24 * 3_600_000
_COUNTERING: Final = frozenset({"void", "retender"})


class _Sold(msgspec.Struct, frozen=True):
    """What one sale took of a cart. `rest`: what it left goes back to the phone."""

    sold: dict[str, str]
    rest: bool = False


def hear(work: Work, arrived: Arrived) -> None:
    sale = arrived.fact
    if not isinstance(sale, Sale) or sale.training:
        return
    kinds = {reference.kind for reference in sale.references}
    if kinds & _COUNTERING:
        return
    for reference in sale.references:
        if reference.kind == "basket" and reference.external:
            _close(work, arrived, sale, reference.external[:64], rest="basket-rest" in kinds)


def _close(work: Work, arrived: Arrived, sale: Sale, basket_id: str, *, rest: bool) -> None:
    c, s = t.basket.c, t.basket_sale.c
    row = work.execute(
        sa.select(t.basket).where(c.store == arrived.store, c.basket_id == basket_id).with_for_update()
    ).first()
    if row is None:
        return
    sold: dict[str, Decimal] = {}
    for line in sale.lines:
        if line.kind == "article" and line.sku and line.voided_ms is None:
            sold[line.sku] = sold.get(line.sku, Decimal(0)) + line.qty
    body = encode_json(_Sold({sku: str(quantity) for sku, quantity in sorted(sold.items())}, rest))
    values = {
        "store": arrived.store, "basket_id": basket_id, "place": arrived.place, "wall_ms": arrived.wall_ms,
        "body": body,
    }  # fmt: skip
    work.execute(upsert(work.connection, t.basket_sale).values(values).on_conflict_do_nothing())
    sales = work.execute(
        sa.select(s.place, s.body)
        .where(s.store == arrived.store, s.basket_id == basket_id)
        .order_by(s.wall_ms, s.place)
    ).all()
    was_sold = row.state == "converted" and row.ended_by.startswith("sale/")
    if (
        row.state == "converted" and not was_sold
    ):  # an order has it already, and the goods went over a counter
        ended_by = row.ended_by
        tasks.add(work, arrived.store, SOLD_TWICE, basket_id, subject=basket_id)
    else:
        ended_by = f"sale/{sales[0].place}"
    if len(sales) > 1:
        tasks.add(work, arrived.store, SOLD_TWICE, basket_id, subject=basket_id)
    work.execute(
        t.basket.update()
        .where(c.store == arrived.store, c.basket_id == basket_id)
        .values(state="converted", ended_by=ended_by, version=row.version + 1, changed_ms=work.now_ms)
    )
    if row.state != "converted":
        work.event(arrived.store, "cart.converted", basket_id, {"by": ended_by})
    told = [msgspec.json.decode(bytes(one.body), type=_Sold) for one in sales]
    if any(one.rest for one in told):
        _put_rest(work, row, told)


def _put_rest(work: Work, row: Any, told: list[_Sold]) -> None:
    """The cart of what is left; once somebody changed it, it is theirs."""
    contents = contents_of(row)
    left = _left(contents.lines, told)
    child = rest_id(row.basket_id)
    body = encode_json(msgspec.structs.replace(contents, lines=tuple(left)))
    state = "open" if left else "abandoned"
    values = {
        "store": row.store, "basket_id": child, "share_code": rest_share(bytes(row.secret_hash), child),
        "state": state, "version": 1, "secret_hash": bytes(row.secret_hash), "customer": row.customer,
        "parent": row.basket_id, "created_ms": work.now_ms, "changed_ms": work.now_ms,
        "expires_ms": work.now_ms + _REST_MS, "till": "", "till_by": "", "lease_ms": 0, "ended_by": "", "body": body,
    }  # fmt: skip
    if not left and not _is_there(work, row.store, child):
        return
    c = t.basket.c
    insert = upsert(work.connection, t.basket).values(values)
    work.execute(
        insert.on_conflict_do_update(
            index_elements=["store", "basket_id"], set_={"body": body, "state": state}, where=c.version == 1
        )
    )
    work.event(row.store, "cart.created", child, {"rest_of": row.basket_id})


def _left(lines: tuple[tuple[str, str], ...], told: list[_Sold]) -> list[tuple[str, str]]:
    """What no sale took. Of what is measured nothing is left, however little was weighed."""
    sold: dict[str, Decimal] = {}
    for one in told:
        for sku, text in one.sold.items():
            sold[sku] = sold.get(sku, Decimal(0)) + Decimal(text)
    left = []
    for sku, text in lines:
        quantity = Decimal(text)
        taken = min(quantity, sold.get(sku, Decimal(0)))
        sold[sku] = sold.get(sku, Decimal(0)) - taken
        measured = quantity % 1 or taken % 1
        if quantity > taken and not (taken and measured):
            left.append((sku, f"{quantity - taken:f}"))
    return left


def _is_there(work: Work, store: str, basket_id: str) -> bool:
    c = t.basket.c
    return (
        work.execute(sa.select(c.version).where(c.store == store, c.basket_id == basket_id)).first()
        is not None
    )
