"""A purchase as its rows and facts hold it, under its lock where something is to change."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from pos.domain.money import round_minor
from pos.domain.purchase import PREPAID
from pos.domain.refund import paid_by
from pos.domain.returns import Bought, Taken, refund_minor
from pos.facts import decode_fact
from pos.sale_facts import Sale
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit.refusal import not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.body import Held, hold, part_minor, shown
from sync.hub.shop.orders.told import told_of
from sync.hub.shop.returns import tables as t
from sync.hub.shop.returns.asking import COUNTER
from sync.hub.shop.returns.messages import (
    Announced,
    AnnouncedLine,
    Found,
    Kept,
    PaidBy,
    Purchase,
    PurchaseLine,
)
from sync.hub.shop.stock.units import amount
from sync.hub.stored import read_facts

__all__ = [
    "BY_NUMBER",
    "HELD",
    "ORDER",
    "bought_of",
    "ensure",
    "found_of_order",
    "found_of_row",
    "gone",
    "order_of",
    "sale_at",
    "whole",
]

ORDER: Final = "order:"
HELD: Final = "held"
BY_NUMBER: Final = -2
"""In place of a line: the till knew the receipt by its number alone."""
_NOBODY: Final = Taken()
_PLACEHOLDER: Final = Inserting(t.return_sale, keep=True)


@prepared
def _row_of(store: Any, purchase: Any) -> Any:
    c = t.return_sale.c
    return sa.select(t.return_sale).where(c.store == store, c.purchase == purchase)


@prepared
def _row_locked(store: Any, purchase: Any) -> Any:
    c = t.return_sale.c
    return sa.select(t.return_sale).where(c.store == store, c.purchase == purchase).with_for_update()


@prepared
def _taken_of(store: Any, purchase: Any) -> Any:
    c = t.return_taken.c
    return sa.select(t.return_taken).where(c.store == store, c.purchase == purchase)


class Gone(Struct, frozen=True):
    """What came back of each line, or is kept for a return; the documents that took all of it back, or changed how it was paid."""

    by_line: Mapping[int, Taken]
    voided: bool
    retendered: tuple[str, ...]


def order_of(purchase: str) -> str:
    """The order's id; empty for a receipt."""
    return purchase.removeprefix(ORDER) if purchase.startswith(ORDER) else ""


def ensure(work: Work, store: str, purchase: str) -> Any:
    """The receipt's row, locked; made where its sale is not known yet."""
    till, epoch, number = purchase.rsplit("-", 2)
    row = {
        "store": store, "purchase": purchase, "till": till, "epoch": int(epoch), "number": int(number), "seq": 0,
        "sold_ms": 0, "day": "", "total_minor": 0, "customer": "", "token": "", "lines_text": "",
    }  # fmt: skip
    _PLACEHOLDER.run(work.connection, row)
    return _row_locked.first(work.connection, store, purchase)


def gone(work: Work, store: str, purchase: str, *, sale: Sale | None = None, kept: bool = True) -> Gone:
    """`kept`: what is kept for returns counts too. `sale`: the receipt, where it is known; then what came back by its number alone
    counts for its lines by their articles, and what is on none of them for line 0.
    """
    by_line: dict[int, Taken] = {}
    voided, retendered, by_number = False, [], []
    for row in _taken_of.all(work.connection, store, purchase):
        if row.n == 0:
            voided = True
        elif row.n == BY_NUMBER:
            by_number.append(row)
        elif row.n < 0:
            retendered.append(row.place)
        else:
            _count(by_line, row.n, amount(row.qty), row.minor)
    if sale is not None and by_number:
        _match(work, sale, by_number, by_line)
    if kept:
        for line in (line for one in live_holds(work, store, purchase) for line in one.lines):
            _count(by_line, line.n, line.qty, line.worth_minor)
    return Gone(by_line, voided, tuple(sorted(retendered)))


def live_holds(work: Work, store: str, purchase: str) -> list[Kept]:
    c = t.return_hold.c
    query = sa.select(c.body).where(c.store == store, c.purchase == purchase, c.state == HELD)
    rows = work.execute(query.where(c.until_ms > work.now_ms))
    return [msgspec.json.decode(bytes(row.body), type=Kept) for row in rows]


def _match(work: Work, sale: Sale, rows: list[Any], by_line: dict[int, Taken]) -> None:
    """What came back of each article, all of it taken together: lines of that article with something left, in their order."""
    came: dict[str, Taken] = {}
    for row in rows:
        store, till, epoch, seq, of = row.place.split("/")
        found = sale_at(work, store, till, int(epoch), int(seq))
        line = next((one for one in found[0].lines if one.n == int(of)), None) if found is not None else None
        name = (line.sku or line.gtin or "") if line is not None else ""
        before = came.get(name, _NOBODY)
        came[name] = Taken(before.quantity + amount(row.qty), before.refunded_minor + row.minor)
    bought = bought_of(sale)
    for name, taken in sorted(came.items()):
        mine = [line.n for line in sale.lines if line.n in bought and name and name in {line.sku, line.gtin}]
        qty, minor = taken.quantity, taken.refunded_minor
        for n in mine[:-1]:
            here = min(qty, max(Decimal(0), bought[n].quantity - by_line.get(n, _NOBODY).quantity))
            if here > 0:
                part = round_minor(minor * here / qty)
                _count(by_line, n, here, part)
                qty, minor = qty - here, minor - part
        if qty or minor:
            _count(by_line, mine[-1] if mine else 0, qty, minor)


def _count(by_line: dict[int, Taken], n: int, qty: Decimal, minor: int) -> None:
    before = by_line.get(n, _NOBODY)
    by_line[n] = Taken(before.quantity + qty, before.refunded_minor + minor)


def sale_at(work: Work, store: str, till: str, epoch: int, seq: int) -> tuple[Sale, bytes] | None:
    """The fact of a sale, and its stored bytes."""
    for stored in read_facts(work.connection, store, till, epoch=epoch, after_seq=seq - 1, limit=1):
        fact = decode_fact(stored.kind, stored.version, stored.body)
        if stored.seq == seq and isinstance(fact, Sale):
            return fact, stored.body
    return None


def bought_of(sale: Sale) -> dict[int, Bought]:
    """What was sold on a receipt, by line."""
    return {
        line.n: Bought(line.n, line.qty, line.pay_minor)
        for line in sale.lines
        if line.voided_ms is None and line.qty > 0 and line.kind != "open"
    }


def whole(work: Work, store: str, purchase: str, *, lock: bool = False) -> Purchase:
    """Raises RefusedError 404."""
    order_id = order_of(purchase)
    return _of_order(work, order_id, lock=lock) if order_id else _of_sale(work, store, purchase, lock=lock)


def _of_sale(work: Work, store: str, purchase: str, *, lock: bool) -> Purchase:
    row = (_row_locked if lock else _row_of).first(work.connection, store, purchase)
    if row is None or not row.seq:
        raise not_found("receipt", purchase)
    found = sale_at(work, store, row.till, row.epoch, row.seq)
    if found is None:
        raise not_found("receipt", purchase)
    sale, body = found
    came = gone(work, store, purchase, sale=sale)
    bought = bought_of(sale)
    lines = tuple(
        PurchaseLine(
            line.n, line.sku, line.gtin or "", line.text, line.unit, line.qty, line.pay_minor, line.tax, line.kind,
            line.parent, line.serial, line.seller, *_left(bought[line.n], came),
        )
        for line in sale.lines
        if line.n in bought
    )  # fmt: skip
    return _purchase(
        found_of_row(row), sale.currency, lines, _paid(work, store, purchase, sale, came),
        _announced(work, store, purchase), came.voided, msgspec.Raw(body),
    )  # fmt: skip


def _left(bought: Bought, came: Gone) -> tuple[Decimal, int]:
    before = came.by_line.get(bought.n, _NOBODY)
    left = bought.quantity - before.quantity
    if left <= 0 or came.voided:
        return Decimal(0), 0
    taken = Taken(before.quantity, min(before.refunded_minor, bought.paid_minor))
    return left, refund_minor(bought, taken, left)


def _paid(work: Work, store: str, purchase: str, sale: Sale, came: Gone) -> tuple[PaidBy, ...]:
    """By which means it stands paid, and what of each did not go back yet."""
    documents = (sale, *_retenders(work, came))
    tenders = [tender for one in documents for tender in one.tenders]
    ways = paid_by(tenders, sum(one.rounding_minor for one in documents), sale.given_back)
    back = _back_by_way(work, store, purchase)
    return tuple(
        PaidBy("till", kind, reference, minor, max(0, minor - back.pop((kind, reference), 0)))
        for (kind, reference), minor in ways.items()
        if minor > 0
    )


def _retenders(work: Work, came: Gone) -> Iterable[Sale]:
    for place in came.retendered:
        store, till, epoch, seq, _ = place.split("/")
        found = sale_at(work, store, till, int(epoch), int(seq))
        if found is not None:
            yield found[0]


def _back_by_way(work: Work, store: str, purchase: str) -> dict[tuple[str, str], int]:
    c = t.return_paid.c
    rows = work.execute(
        sa.select(c.kind, c.reference, sa.func.sum(c.minor).label("minor"))
        .where(c.store == store, c.purchase == purchase)
        .group_by(c.kind, c.reference)
    )
    return {("cash" if row.kind == "foreign" else row.kind, row.reference): int(row.minor) for row in rows}


def _of_order(work: Work, order_id: str, *, lock: bool) -> Purchase:
    """What of an order was handed over or sent without a receipt; what stands on receipts comes back by them."""
    held = hold(work, order_id, lock=lock)
    purchase = ORDER + order_id
    came = gone(work, held.store, purchase)
    lines = []
    for n, bought in _bought_of_order(work, held).items():
        line = held.line(n)
        lines.append(
            PurchaseLine(
                n,
                line.sku,
                line.gtin,
                line.text,
                line.unit,
                bought.quantity,
                bought.paid_minor,
                line.tax,
                "article",
                None,
                "",
                "",
                *_left(bought, came),
            )
        )
    return _purchase(
        found_of_order(held), held.body.currency, tuple(lines), _paid_of_order(work, held),
        _announced(work, held.store, purchase), False, msgspec.Raw(b"null"),
    )  # fmt: skip


def _bought_of_order(work: Work, held: Held) -> dict[int, Bought]:
    on_receipts: dict[int, Decimal] = {}
    for told in told_of(work, held):
        for given in told.fact.lines if told.fact.receipt else ():
            on_receipts[given.n] = on_receipts.get(given.n, Decimal(0)) + given.qty
    found = {}
    for line in held.body.lines:
        qty = line.delivered - on_receipts.get(line.n, Decimal(0))
        if qty > 0:
            found[line.n] = Bought(line.n, qty, part_minor(line.pay_minor, line.qty, qty))
    return found


def _paid_of_order(work: Work, held: Held) -> tuple[PaidBy, ...]:
    """Payment services give back what came by them; what they were asked for is counted against the first."""
    c = t.return_refund.c
    asked = work.execute(
        sa.select(sa.func.sum(c.amount_minor)).where(
            c.store == held.store, c.order_id == held.order_id, c.state != "cancelled"
        )
    ).scalar()
    left = int(asked or 0)
    ways = []
    for payment in held.body.payments:
        if payment.provider in COUNTER:
            continue
        went = min(left, payment.amount_minor)
        left -= went
        ways.append(
            PaidBy(
                payment.provider,
                PREPAID,
                payment.reference,
                payment.amount_minor,
                payment.amount_minor - went,
            )
        )
    return tuple(ways)


def _announced(work: Work, store: str, purchase: str) -> tuple[Announced, ...]:
    c = t.return_announced.c
    rows = work.execute(
        sa.select(t.return_announced)
        .where(c.store == store, c.purchase == purchase, c.expires_ms > work.now_ms)
        .order_by(c.announcement_id)
    )
    lines = tuple[AnnouncedLine, ...]
    return tuple(
        Announced(
            row.announcement_id, row.code, row.expires_ms, msgspec.json.decode(bytes(row.body), type=lines)
        )
        for row in rows
    )


def found_of_row(row: Any) -> Found:
    return Found(
        "till", row.store, row.till, row.epoch, row.number, "", "", row.sold_ms, row.total_minor, row.customer,
        row.lines_text,
    )  # fmt: skip


def found_of_order(held: Held) -> Found:
    text = ", ".join(line.text for line in held.body.lines[:3])[:80]
    return Found(
        "order", held.store, "", 0, held.number, held.order_id, held.body.external, held.created_ms,
        shown(held).value_minor, held.customer, text,
    )  # fmt: skip


def _purchase(
    found: Found,
    currency: str,
    lines: tuple[PurchaseLine, ...],
    tenders: tuple[PaidBy, ...],
    announced: tuple[Announced, ...],
    voided: bool,
    sale: msgspec.Raw,
) -> Purchase:
    return Purchase(
        **msgspec.structs.asdict(found), currency=currency, lines=lines, tenders=tenders, announced=announced,
        voided=voided, sale=sale,
    )  # fmt: skip
