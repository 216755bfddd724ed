"""What a payment service took for an order goes back by it: nothing is paid out here, and a slip says what was started."""

from collections.abc import Callable
from typing import Any

from pos.domain import commands as c
from pos.domain.document import Document, DocumentRow
from pos.domain.purchase import PREPAID, Hold
from pos.domain.tender import Tender
from pos.resources import texts
from pos.sale_facts import Sale
from pos.till.checkout import Checkout
from pos.till.desk import Desk
from pos.till.sale.selling import Selling
from pos.till.surroundings import Surroundings
from pos.till.tenders.refunds import Refunds
from pos.words import amount

__all__ = ["ProviderBack", "started"]

_NUMBER: int = 8


class ProviderBack:
    """A way by which money goes back; and its slip, after the receipt."""

    def __init__(
        self,
        desk: Desk,
        selling: Selling,
        checkout: Checkout,
        surroundings: Surroundings,
        refunds: Refunds,
    ) -> None:
        self._desk = desk
        self._selling = selling
        self._surroundings = surroundings
        self._holds: tuple[Hold, ...] = ()
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        refunds.named[PREPAID] = self._back
        checkout.afterwards.append(self._slips)

    async def _back(self, minor: int, order_id: str) -> Tender:
        cart = self._selling.cart
        self._holds = cart.about.holds if cart is not None else ()
        return Tender(PREPAID, -minor, -minor, currency=self._desk.setup.currency, reference=order_id)

    def _slips(self, sale: Sale) -> None:
        back = [tender for tender in sale.tenders if tender.kind == PREPAID and tender.amount_minor < 0]
        if any(reference.kind in {"void", "retender"} for reference in sale.references):
            return
        for tender in back:
            holds = [hold for hold in self._holds if hold.receipt == f"order:{tender.reference}"]
            self._surroundings.print_document(
                started(tender, holds, self._desk.returns.provider_days, sale.language)
            )
        self._holds = ()


def started(tender: Tender, holds: list[Hold], days: int, language: str) -> Document:
    """How much, by whom, for which order, until when, and under which number to ask."""
    words = texts(language)
    providers = {way.provider for hold in holds for way in hold.paid if way.provider}
    shown = next((hold.shown for hold in holds), tender.reference[-_NUMBER:])
    numbers = list(dict.fromkeys(hold.return_id[-_NUMBER:] for hold in holds if hold.return_id))
    rows = [
        DocumentRow(words("receipt.refund-started"), style="mark"),
        DocumentRow(style="rule"),
        DocumentRow(words("receipt.refund-amount"), amount(-tender.amount_minor, language)),
        DocumentRow(words("receipt.refund-order"), shown),
    ]
    if providers:
        rows.append(DocumentRow(words("receipt.refund-provider"), ", ".join(sorted(providers))))
    rows += [DocumentRow(words("receipt.refund-number"), number) for number in numbers]
    rows += [DocumentRow(style="rule"), DocumentRow(words("receipt.refund-when", days=days))]
    return Document(tuple(rows))
