"""Gift receipts: what was bought, without prices, and a code that takes it back for other goods or a credit."""

from collections.abc import Callable
from typing import Any

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.document import Document, DocumentRow
from pos.domain.scans import ScanKind, own_code
from pos.resources import texts
from pos.sale_facts import Sale
from pos.till.checkout import Checkout
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.receipts.receipt_book import GIFT, Receipt, ReceiptBook, receipt_code
from pos.till.sale.selling import Selling
from pos.till.surroundings import Surroundings
from pos.words import day_text, quantity_text

__all__ = ["Gifts"]


class Gifts:
    """Before the payment the wish stays with the cart; after it the paper comes at once, for any receipt of the list."""

    def __init__(
        self,
        desk: Desk,
        selling: Selling,
        checkout: Checkout,
        surroundings: Surroundings,
        book: ReceiptBook,
    ) -> None:
        self._desk = desk
        self._selling = selling
        self._surroundings = surroundings
        self._book = book
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {"gift-receipt": self._gift}
        book.actions["gift-receipt"] = self._of_receipt
        checkout.gift = self.print_of

    def _gift(self, command: c.Do) -> Flow:
        self._desk.must_be_signed_in()
        self._must_print()
        cart = self._selling.cart
        if cart is not None and not command.text:
            self._selling.keep(carts.with_about(cart, gift=not cart.about.gift))
            said = "gift-off" if cart.about.gift else "gift-on"
            self._desk.message = e.Message(said, {}, "info")
            return
        last = self._desk.last_sale
        if self._desk.showing_last and last is not None and not command.text:
            receipt = Receipt(self._desk.world.journal.head.till, self._desk.last_epoch, last)
        else:
            receipt = yield from self._book.wanted(command.text)
        yield from self._of_receipt(receipt)

    def _of_receipt(self, receipt: Receipt) -> Flow:
        self._must_print()
        self._print(receipt)
        self._desk.message = e.Message("gift-printing", {"number": receipt.key}, "info")
        yield from ()

    def _must_print(self) -> None:
        if self._desk.world.printer is None:
            raise Refusal("no-printer")

    def print_of(self, sale: Sale) -> None:
        """With the sale just paid, as was wished before."""
        self._print(Receipt(self._desk.world.journal.head.till, self._desk.last_epoch, sale))

    def _print(self, receipt: Receipt) -> None:
        self._surroundings.print_document(self.document(receipt))

    def document(self, receipt: Receipt) -> Document:
        """The paper. No line of it holds an amount."""
        sale = receipt.sale
        words = texts(sale.language)
        goods = [line for line in sale.lines if line.voided_ms is None and line.kind == "article"]
        rows = [
            DocumentRow(words("gift.title"), style="mark"),
            DocumentRow(
                f"{words('gift.number')} {receipt.key}-G", day_text(receipt.sold_at.date(), sale.language)
            ),
            DocumentRow(style="rule"),
        ]
        rows += [DocumentRow(line.text, quantity_text(line.qty, line.unit, sale.language)) for line in goods]
        rows.append(DocumentRow(style="rule"))
        code = self._code(receipt)
        if code:
            rows.append(DocumentRow(code, style="code"))
        rows.append(DocumentRow(words("gift.caption"), style="centre"))
        marks = tuple(
            words(f"gift.mark-{mark}")
            for mark, wanted in (("demo", sale.demo), ("training", self._desk.training))
            if wanted
        )
        return Document(tuple(rows), marks)

    def _code(self, receipt: Receipt) -> str:
        """The page without prices, as a path below the hub's public address; without a hub, a code for our scanners."""
        hub = self._desk.world.hub
        link = hub.gift_link(receipt.sale.link) if hub is not None and receipt.sale.link else ""
        if link:
            return f"/{GIFT}{link}"
        if self._desk.training:  # its number is that of a real receipt
            return ""
        content = receipt_code(receipt.till, receipt.epoch, receipt.sale.number, gift=True)
        return own_code(ScanKind.RECEIPT, content) if content else ""
