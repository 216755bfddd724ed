"""Goods that come back without their receipt: another person agrees, and there is a limit for a customer and for a day.

So too what is of another till while the hub is silent: by its number alone, up to a limit of its own for a till and a day.
"""

from collections.abc import Callable, Generator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.article import Article
from pos.domain.cart import Cart, Line, Origin
from pos.domain.money import round_minor
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import Approval, declare
from pos.domain.scans import read_scan
from pos.sale_facts import SaleLine
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need
from pos.till.receipts.receipt_book import ReceiptBook, sale_in
from pos.till.returns.elsewhere import RETURN_UNCHECKED
from pos.till.returns.finding import Unheard
from pos.till.returns.returning import Returning
from pos.till.sale.selling import Selling
from pos.words import amount, quantity_text

__all__ = ["WithoutReceipt"]

RETURN_WITHOUT_RECEIPT: Final = declare("return-without-receipt")
_CUSTOMER_MAX: Final = 32
_ALONE_NO: Final = Option("no", word="ask.return-alone-no")
_ALONE_YES: Final = Option("yes", word="ask.return-alone-yes")


class WithoutReceipt:
    """Takes articles back at today's price, as nobody knows what was paid."""

    def __init__(self, desk: Desk, selling: Selling, book: ReceiptBook, returning: Returning) -> None:
        returning.alone = self._number_alone
        returning.may_alone = self._may_alone
        self._desk = desk
        self._selling = selling
        self._book = book
        self._returning = returning
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {"return-without-receipt": self._return}

    def _return(self, command: c.Do) -> Flow:
        self._desk.must_be_selling()
        approval: Approval = yield Need(RETURN_WITHOUT_RECEIPT, another=True)
        yield from self._take(command.text, approval, Origin())

    # -- while the hub is silent

    def _number_alone(self, unheard: Unheard) -> Flow:
        """A receipt of which only the number is known: as without it, and the number is noted."""
        till, epoch, number, gift = unheard.number
        approval = yield from self._agreed(f"{till}-{epoch}-{number}", 0)
        yield from self._take("", approval, Origin(till, epoch, number, gift=gift, offline=True))

    def _may_alone(self, number: str, worth_minor: int) -> Generator[Any, Any, tuple[Approval, ...]]:
        """The hub went silent after it had told the lines: no more of them than was left then."""
        approval = yield from self._agreed(number, worth_minor)
        return (approval,)

    def _agreed(self, number: str, worth_minor: int) -> Generator[Any, Any, Approval]:
        """Said first: the hub is silent, and how much is possible today. Then another person's word."""
        gone = yield from self._gone("")
        left = self._left_offline(gone)
        if left <= 0 or worth_minor > left:
            raise Refusal("return-offline-limit", limit=self._desk.returns.offline_max_minor)
        asked = Question(
            "return-alone",
            options=(_ALONE_NO, _ALONE_YES),
            fields={"number": number, "left": amount(left, self._desk.language)},
            scans="refuse",
        )
        if (yield asked) != "yes":
            raise Refusal("return-alone-no", level="info")
        approval: Approval = yield Need(RETURN_UNCHECKED, another=True)
        return approval

    def _take(self, text: str, approval: Approval, whence: Origin) -> Flow:
        customer = yield from self._customer()
        while True:
            article = yield from self._returning.article(text, "return-article", {})
            text = ""
            serial = yield from self._serial(article)
            quantity = yield from self._quantity(article)
            assert article.price_minor is not None, "only what has a price is found"
            worth = round_minor(quantity * article.price_minor)
            yield from self._within_limits(customer, worth, offline=whence.offline)
            reason = yield from self._returning.reason()
            origin = msgspec.structs.replace(
                whence, rule=reason.rule, reason=reason.name, damaged=reason.damaged, approved=approval.by
            )
            self._put(article, quantity, serial, origin, approval, customer)

    def _customer(self) -> Generator[Any, Any, str]:
        """The customer's number, from the cart or asked for; never a name, which would stay in the journal for ever."""
        cart = self._selling.cart
        if cart is not None and cart.about.customer:
            return cart.about.customer
        while True:
            typed = yield Question("return-customer", "text", empty=True)
            if typed is None:
                return ""
            if len(typed) <= _CUSTOMER_MAX and typed.isascii() and any(char.isdigit() for char in typed):
                return str(typed)
            self._desk.refuse(e.Message("customer-number-only"))

    def _serial(self, article: Article) -> Generator[Any, Any, str]:
        """One that was sold here has a receipt: it comes back with that."""
        if not article.serial_required:
            return ""
        answer = yield Question("return-serial", "text", fields={"text": article.text}, scans="answer")
        serial = answer
        if isinstance(answer, Scanned):
            meaning = read_scan(answer.code, self._desk.setup.scans, self._desk.today())
            serial = meaning.serial or answer.code.strip()
        known = yield self._book.history.mentions("serial", serial)
        for found in known:
            sale = sale_in(found)
            if sale is not None and any(line.serial == serial and line.qty > 0 for line in sale.lines):
                number = f"{self._desk.world.journal.head.till}-{found.epoch}-{sale.number}"
                raise Refusal("serial-has-receipt", serial=serial[:30], number=number)
        return str(serial)

    def _quantity(self, article: Article) -> Generator[Any, Any, Decimal]:
        if article.serial_required:
            return Decimal(1)
        while True:
            fields: dict[str, str | int] = {"text": article.text, "unit": article.unit}
            pieces = article.unit == "pc"
            code = "return-pieces" if pieces else "return-measure"
            number = yield Question(code, "number", fields=fields, empty=pieces)
            quantity = Decimal(1) if number is None else number
            if pieces and quantity != quantity.to_integral_value():
                self._desk.refuse(e.Message("quantity-whole", {"text": article.text}))
            elif quantity > 0:
                return quantity

    def _gone(self, customer: str) -> Generator[Any, Any, list[tuple[str, Origin, int]]]:
        """What came back today and nobody could check: in the journal, in parked carts and in this one; whose it was, and its worth."""
        day = self._desk.today().isoformat()
        found = yield self._book.history.mentions("without-receipt", day)
        sales = [sale for sale in map(sale_in, found) if sale is not None]
        parked = self._desk.world.journal.head.parked
        rows: list[tuple[str, Line | SaleLine]] = []
        rows += [(sale.customer, line) for sale in sales for line in sale.lines if line.voided_ms is None]
        rows += [
            (fact.about.customer, line) for fact in parked for line in fact.lines if line.voided_ms is None
        ]
        cart = self._selling.cart
        rows += [(customer, line) for line in (cart.lines if cart is not None else ()) if line.live]
        return [
            (who, line.origin, -line.pay_minor)
            for who, line in rows
            if line.origin is not None and (line.origin.offline or not line.origin.receipt)
        ]

    def _within_limits(self, customer: str, worth: int, *, offline: bool) -> Flow:
        policy = self._desk.returns
        gone = yield from self._gone(customer)
        if offline and worth > self._left_offline(gone):
            raise Refusal("return-offline-limit", limit=policy.offline_max_minor)
        blind = [(who, minor) for who, origin, minor in gone if not origin.n]
        if sum(minor for _, minor in blind) + worth > policy.day_max_minor:
            raise Refusal("no-receipt-day-limit", limit=policy.day_max_minor)
        if sum(minor for who, minor in blind if who == customer) + worth > policy.customer_max_minor:
            raise Refusal("no-receipt-customer-limit", limit=policy.customer_max_minor)

    def _left_offline(self, gone: Sequence[tuple[str, Origin, int]]) -> int:
        """How much may still be taken back today while the hub is silent."""
        return self._desk.returns.offline_max_minor - sum(
            minor for _, origin, minor in gone if origin.offline
        )

    def _put(
        self,
        article: Article,
        quantity: Decimal,
        serial: str,
        origin: Origin,
        approval: Approval,
        customer: str,
    ) -> None:
        cart: Cart = self._selling.begun()
        rate = self._desk.rate_of(article.tax_code)
        price = article.price_minor or 0
        sold = Line(
            n=1,
            kind="article",
            text=article.text,
            quantity=quantity,
            unit_minor=price,
            total_minor=round_minor(quantity * price),
            added=self._desk.mark(),
            gtin=article.gtin,
            sku=article.sku,
            unit=article.unit,
            department=article.department,
            tax_code=rate.code,
            tax_percent=rate.percent,
            tax_key=rate.key,
            options=article.options,
            serial=serial,
        )
        cart = cart_goods.add_return(cart, sold, quantity, sold.total_minor, origin, self._desk.mark())
        approvals = tuple(dict.fromkeys((*cart.about.approvals, approval)))
        cart = carts.with_about(cart, approvals=approvals, customer=customer or cart.about.customer)
        self._selling.keep(cart)
        self._returning.say(cart.lines[-1:])
        self._desk.warn(
            "taken-back-today",
            level="info",
            text=f"{quantity_text(quantity, article.unit, self._desk.language)} x {article.text}",
            amount=sold.total_minor,
        )
