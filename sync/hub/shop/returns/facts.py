"""What the tills' sales mean for returns: what can come back, and what did. Heard in any order, the rows are the same."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

import sqlalchemy as sa
from msgspec.structs import replace

from pos.domain.line import Origin
from pos.domain.purchase import PREPAID
from pos.domain.returns import Taken
from pos.sale_facts import Sale, SaleLine
from sync.hub.prepared import Inserting
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.body import Held, hold
from sync.hub.shop.returns import refunds
from sync.hub.shop.returns import tables as t
from sync.hub.shop.returns.purchases import BY_NUMBER, ORDER, bought_of, ensure, gone, order_of, sale_at
from sync.hub.shop.stock.units import micro
from sync.links import split_link

__all__ = ["OVER", "hear", "tell"]

OVER: Final = "returned-too-much"
_COUNTERING: Final = frozenset({"void", "retender"})
_SELL: Final = Inserting(t.return_sale, keep=True, returning=("purchase",))
_MARK: Final = Inserting(t.return_find, keep=True)
_TAKE: Final = Inserting(t.return_taken, keep=True)
_BACK: Final = Inserting(t.return_paid, keep=True)


def hear(work: Work, arrived: Arrived) -> None:
    sale = arrived.fact
    if not isinstance(sale, Sale) or sale.training:
        return
    touched = tell(work, arrived, sale)
    counters = [one for one in sale.references if one.kind in _COUNTERING]
    for one in counters:
        if one.kind == "void":
            refunds.cancel(work, arrived.store, f"{one.till}-{one.epoch}-{one.number}")
    holds = [one.external for one in sale.references if one.kind == "return-hold"]
    for return_id in holds:
        _end_hold(work, return_id)
    if touched and not counters:
        _ask_services(work, arrived, sale, holds)


def tell(work: Work, arrived: Arrived, sale: Sale) -> bool:
    """What a sale says of purchases, and nothing that people or services hear of; told again it changes nothing. Did anything come back?"""
    counters = [one for one in sale.references if one.kind in _COUNTERING]
    for one in counters:
        _countered(work, arrived, sale, f"{one.till}-{one.epoch}-{one.number}", void=one.kind == "void")
    if not counters and any(line.voided_ms is None and line.qty > 0 for line in sale.lines):
        _sold(work, arrived, sale)
    touched = _came_back(work, arrived, sale)
    _gave_back(work, arrived, sale)
    return touched


def _sold(work: Work, arrived: Arrived, sale: Sale) -> None:
    """A receipt that something can come back of; what came back of it may have been heard before."""
    purchase = f"{arrived.till}-{arrived.epoch}-{sale.number}"
    live = [line for line in sale.lines if line.voided_ms is None and line.qty > 0]
    parts = split_link(sale.link.rpartition("/")[2]) if sale.link else None
    row = {
        "store": arrived.store, "purchase": purchase, "till": arrived.till, "epoch": arrived.epoch,
        "number": sale.number, "seq": arrived.seq, "sold_ms": sale.completed_ms, "day": sale.business_day,
        "total_minor": sale.total_minor, "customer": sale.customer,
        "token": parts[1].hex() if parts is not None and parts[0] == arrived.store else "",
        "lines_text": ", ".join(line.text for line in live[:3])[:80],
    }  # fmt: skip
    new = _SELL.first(work.connection, row) is not None
    if not new:
        c = t.return_sale.c
        mine = (c.store == arrived.store, c.purchase == purchase)
        work.execute(t.return_sale.update().where(*mine).values(row))
    for kind, value in sorted(set(_marks(sale, live))):
        _MARK.run(
            work.connection,
            {"store": arrived.store, "kind": kind, "value": value, "purchase": purchase,
             "sold_ms": sale.completed_ms},
        )  # fmt: skip
    if not new:
        _look_at_sums(work, arrived.store, purchase, sale)


def _marks(sale: Sale, live: list[SaleLine]) -> Iterable[tuple[str, str]]:
    for line in live:
        if line.serial:
            yield "serial", line.serial.strip().upper()[:64]
    for tender in sale.tenders:
        digits = "".join(
            char for char in (tender.card.pan_last4 if tender.card is not None else "")[-4:] if char.isdigit()
        )
        if len(digits) == 4:
            yield "card", f"{digits} {sale.business_day}"
    for reference in sale.references:
        if reference.kind == "order" and reference.external:
            yield "order", reference.external[:64]


def _countered(work: Work, arrived: Arrived, sale: Sale, purchase: str, *, void: bool) -> None:
    """A receipt was taken back whole, or was paid otherwise."""
    ensure(work, arrived.store, purchase)
    _take(work, arrived.store, purchase, arrived, 0 if void else -1, Decimal(0), 0, sale.completed_ms)


def _is_known(origin: Origin) -> bool:
    return origin.n > 0 if origin.order else origin.n >= 0 and bool(origin.number)


def _came_back(work: Work, arrived: Arrived, sale: Sale) -> bool:
    """The lines that name what they were bought on. Is there any?"""
    lines: dict[tuple[str, str], list[tuple[SaleLine, Origin]]] = {}
    for line in sale.lines:
        origin = line.origin
        if line.voided_ms is None and origin is not None and _is_known(origin):
            purchase = (
                ORDER + origin.order[:64] if origin.order else f"{origin.till}-{origin.epoch}-{origin.number}"
            )
            lines.setdefault((origin.store or arrived.store, purchase), []).append((line, origin))
    for (store, purchase), mine in sorted(lines.items(), key=lambda one: one[0]):
        order_id = order_of(purchase)
        held = _order(work, arrived, order_id, sale) if order_id else None
        at = held.store if held is not None else store
        row = None if order_id else ensure(work, at, purchase)
        for line, origin in mine:
            _take(
                work,
                at,
                purchase,
                arrived,
                origin.n or BY_NUMBER,
                -line.qty,
                -line.pay_minor,
                sale.completed_ms,
                of=line.n,
            )
        if held is not None:
            _order_follows(work, held, purchase, -sum(line.pay_minor for line, _ in mine))
        elif row is not None and row.seq:
            found = sale_at(work, at, row.till, row.epoch, row.seq)
            if found is not None:
                _look_at_sums(work, at, purchase, found[0])
    return bool(lines)


def _take(
    work: Work,
    store: str,
    purchase: str,
    arrived: Arrived,
    n: int,
    qty: Decimal,
    minor: int,
    at_ms: int,
    *,
    of: int = 0,
) -> None:
    place = f"{arrived.store}/{arrived.place}/{of}"
    _TAKE.run(
        work.connection,
        {"store": store, "purchase": purchase, "place": place, "n": n, "qty": micro(qty), "minor": minor,
         "at_ms": at_ms},
    )  # fmt: skip


def _look_at_sums(work: Work, store: str, purchase: str, sale: Sale) -> None:
    """What came back beyond what was sold: both facts stay, and each line is said once."""
    sold = {n: (one.quantity, one.paid_minor) for n, one in bought_of(sale).items()}
    _say_over(work, store, purchase, sold, gone(work, store, purchase, sale=sale, kept=False).by_line)


def _say_over(
    work: Work, store: str, purchase: str, sold: dict[int, tuple[Decimal, int]], came: Mapping[int, Taken]
) -> None:
    for task in todo.about(work, store, OVER, purchase):
        if int(task.key.rpartition("/")[2]) not in came:
            todo.withdraw(work, store, OVER, task.key)
    for n, taken in came.items():
        qty, paid = sold.get(n, (Decimal(0), 0))
        if taken.quantity > qty or taken.refunded_minor > paid:
            todo.add(
                work, store, OVER, f"{purchase}/{n}", subject=purchase,
                data={"line": n, "sold": str(qty), "paid_minor": paid},
            )  # fmt: skip
        else:
            todo.withdraw(work, store, OVER, f"{purchase}/{n}")


def _order(work: Work, arrived: Arrived, order_id: str, sale: Sale) -> Held | None:
    try:
        return hold(work, order_id)
    except RefusedError:
        todo.add(
            work, arrived.store, "unknown-order", order_id, subject=order_id,
            data={"number": sale.number, "till": arrived.till, "value_minor": -sale.total_minor},
        )  # fmt: skip
        return None


def _order_follows(work: Work, held: Held, purchase: str, minor: int) -> None:
    """`minor`: what the till gave for it, or left to a payment service."""
    came = gone(work, held.store, purchase, kept=False).by_line
    changed = []
    for line in held.body.lines:
        back = came.get(line.n)
        if back is not None and back.quantity != line.returned:
            held.put_line(replace(line, returned=back.quantity))
            changed.append((line.n, str(back.quantity - line.returned)))
    if changed:
        held.event(work, "order.returned", lines=changed, amount_minor=minor)
        held.write(work, terms=True)
    _say_over(
        work, held.store, purchase, {line.n: (line.qty, line.pay_minor) for line in held.body.lines}, came
    )


def _gave_back(work: Work, arrived: Arrived, sale: Sale) -> None:
    """Which tenders of which purchases were given back, as the till says."""
    for at, one in enumerate(sale.given_back):
        key = one.receipts[-1] if one.receipts else ""
        store, _, purchase = key.rpartition("/")
        if not purchase or purchase in {"-", "?"}:
            continue
        _BACK.run(
            work.connection,
            {"store": store or arrived.store, "purchase": purchase, "place": f"{arrived.store}/{arrived.place}/{at}",
             "kind": one.paid, "reference": one.reference, "minor": one.worth_minor},
        )  # fmt: skip


def _end_hold(work: Work, return_id: str) -> None:
    """It came back: nothing is kept any more."""
    c = t.return_hold.c
    store = return_id.rpartition(".")[0]
    work.execute(
        t.return_hold.update()
        .where(c.store == store, c.return_id == return_id, c.state.in_(("held", "released")))
        .values(state="returned")
    )


def _ask_services(work: Work, arrived: Arrived, sale: Sale, holds: list[str]) -> None:
    for at, tender in enumerate(sale.tenders):
        if tender.kind != PREPAID or tender.amount_minor >= 0 or not tender.reference:
            continue
        held = _order(work, arrived, tender.reference[:64], sale)
        if held is None:
            continue
        refund_id = f"{arrived.store}.{arrived.till}.{arrived.epoch}.{arrived.seq}.{at}"
        receipt = f"{arrived.store}/{arrived.till}-{arrived.epoch}-{sale.number}"
        return_id = _hold_of(work, holds)
        refunds.start(work, held, refund_id, -tender.amount_minor, receipt=receipt, return_id=return_id)
        if return_id:
            c = t.return_hold.c
            work.execute(
                t.return_hold.update()
                .where(
                    c.store == return_id.rpartition(".")[0], c.return_id == return_id, c.state == "returned"
                )
                .values(state=refunds.STARTED)
            )


def _hold_of(work: Work, holds: list[str]) -> str:
    """The first that the hub knows."""
    c = t.return_hold.c
    for return_id in holds:
        store = return_id.rpartition(".")[0]
        if work.execute(sa.select(c.state).where(c.store == store, c.return_id == return_id)).first():
            return return_id
    return ""
