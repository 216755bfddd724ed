"""What is left of a receipt: every return of it so far, in the journal, in the open cart and in those that are parked."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from pos.domain.line import Line
from pos.domain.purchase import hub_counts, taken_by
from pos.domain.returns import Bought, Taken, rest_of
from pos.mentions import receipt_key
from pos.sale_facts import Sale, SaleLine
from pos.till.desk import Desk, Refusal
from pos.till.receipts.receipt_book import Receipt, ReceiptBook, sale_in
from pos.till.sale.selling import Selling

__all__ = ["Left", "TakenBack", "bought"]

_COUNTER = frozenset({"void", "retender"})


class Left(msgspec.Struct, frozen=True):
    """A line of a receipt of which something can come back: how much, and what that is worth; what came back before."""

    line: SaleLine
    quantity: Decimal
    worth_minor: int
    taken: Taken


def bought(line: SaleLine) -> Bought:
    return Bought(line.n, line.qty, line.pay_minor)


class TakenBack:
    """Counts what came back."""

    def __init__(self, desk: Desk, selling: Selling, book: ReceiptBook) -> None:
        self._desk = desk
        self._selling = selling
        self._book = book

    async def left_of(self, receipt: Receipt) -> tuple[Left, ...]:
        """The lines of which something is left, as this till knows and, where it was heard, the hub.

        Raises Refusal for a receipt of which nothing can come back at all.
        """
        purchase = receipt.purchase
        if any(reference.kind in _COUNTER for reference in receipt.sale.references):
            raise Refusal("receipt-counter", number=receipt.key)
        if purchase is not None and purchase.voided:
            raise Refusal("return-of-voided", number=receipt.shown)
        later = [sale_in(found) for found in await self._book.history.mentions("receipt", receipt.key)]
        sales = [sale for sale in later if sale is not None]
        if any(_voids(sale, receipt) for sale in sales):
            raise Refusal("return-of-voided", number=receipt.key)
        head = self._desk.world.journal.head
        stored = [line for sale in sales for line in sale.lines if line.voided_ms is None]
        stored += [line for cart in head.parked for line in cart.lines if line.voided_ms is None]
        cart = self._selling.cart
        open_lines = [line for line in cart.lines if line.live] if cart is not None else []
        taken = _count(receipt, stored, open_lines)
        if purchase is not None:
            taken = taken_by(taken, hub_counts(purchase))
        lines = {line.n: line for line in receipt.sale.lines if _returnable(line)}
        rest = rest_of([bought(line) for line in lines.values()], taken)
        return tuple(Left(lines[n], quantity, worth, taken.get(n, Taken())) for n, quantity, worth in rest)


def _returnable(line: SaleLine) -> bool:
    """Goods and deposits that were sold; what was taken back is not, nor a voucher, which goes on being worth its value."""
    return line.voided_ms is None and line.kind in {"article", "deposit"} and line.qty > 0


def _voids(sale: Sale, receipt: Receipt) -> bool:
    return any(
        reference.kind == "void"
        and receipt_key(reference.till, reference.epoch, reference.number, reference.store) == receipt.key
        for reference in sale.references
    )


def _count(receipt: Receipt, stored: Iterable[SaleLine], lines: Iterable[Line]) -> Mapping[int, Taken]:
    """By the number of the line that was sold. A return that was voided counts against itself."""
    found = [(line.origin, line.qty, line.pay_minor) for line in stored]
    found += [(line.origin, line.quantity, line.pay_minor) for line in lines]
    taken: dict[int, Taken] = {}
    for origin, quantity, pay in found:
        if origin is None or origin.receipt != receipt.key:
            continue
        before = taken.get(origin.n, Taken())
        taken[origin.n] = Taken(before.quantity - quantity, before.refunded_minor - pay)
    return taken
