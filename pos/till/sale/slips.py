"""Deposit slips, each taken once, and mark-down stickers, scanned after their article."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain import events as e
from pos.domain.article import Deposit
from pos.domain.cart import Discount
from pos.domain.money import round_minor
from pos.domain.question import Question
from pos.domain.scans import Meaning, ScanKind
from pos.mentions import receipt_key
from pos.resources import texts
from pos.sale_facts import Sale
from pos.storage_ports import Found, JournalUnavailableError
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling

__all__ = ["SLIP_MAX_MINOR", "Slips"]

SLIP_MAX_MINOR: Final = 20_000
MARK_DOWN: Final = "mark-down"


class Slips:
    """What changes the cart and is no article."""

    def __init__(self, desk: Desk, selling: Selling) -> None:
        self._desk = desk
        self._selling = selling
        self.handlers: dict[Any, Any] = {}
        self.codes = {ScanKind.SLIP: self._slip, ScanKind.STICKER: self._sticker}

    def _slip(self, meaning: Meaning) -> Flow:
        """Pay a slip of the store's machine out: once, whatever cart, day or start of the till lies between."""
        number = meaning.text
        self._must_be_new(number)
        found = yield self._redeemed(number)
        if found is not None:
            raise self._was_redeemed(found)
        amount = meaning.amount_minor
        while amount is None:
            amount = yield Question("slip-amount", "amount", fields={"number": number}, scans="refuse")
            if not 0 < amount <= SLIP_MAX_MINOR:
                self._desk.refuse(e.Message("slip-limit", {"limit": SLIP_MAX_MINOR}))
                amount = None
        self._must_be_new(number)
        setup = self._desk.setup
        tax_code = setup.scans.slip_tax_code or self._desk.world.taxes.codes[0]
        deposit = Deposit("", texts(setup.language)("line.slip"), amount, tax_code)
        cart = cart_goods.add_deposit_return(
            self._selling.begun(),
            deposit,
            Decimal(1),
            self._desk.rate_of(tax_code),
            self._desk.mark(),
            source="slip",
            serial=number,
        )
        self._selling.keep(cart)
        line = cart.lines[-1]
        self._desk.events.append(e.LineAdded(line.n, line.text, line.quantity, line.total_minor))

    def _must_be_new(self, number: str) -> None:
        """Not in the open cart, and in none that waits."""
        cart = self._selling.cart
        if cart is not None and any(
            line.live and line.kind == "deposit" and line.serial == number for line in cart.lines
        ):
            raise Refusal("slip-in-cart", level="warn")
        for parked in self._desk.world.journal.head.parked:
            for line in parked.lines:
                if line.voided_ms is None and line.kind == "deposit" and line.serial == number:
                    raise Refusal("slip-parked", level="warn", note=parked.note or "-")

    async def _redeemed(self, number: str) -> Found | None:
        """The sale that paid this slip out, unless it was taken back since."""
        history = self._desk.world.history
        if history is None:
            return None
        try:
            sales: Sequence[Found] = await history.mentions("slip", number)
        except JournalUnavailableError as error:
            raise Refusal(error.code, level="alarm", detail=error.detail) from error
        paid, last = Decimal(0), None
        for found in sales:
            if isinstance(found.fact, Sale):
                quantity = sum(
                    (
                        line.qty
                        for line in found.fact.lines
                        if line.voided_ms is None and line.kind == "deposit" and line.serial == number
                    ),
                    Decimal(0),
                )
                paid -= quantity
                last = found if quantity < 0 else last
        return last if paid > 0 else None

    def _was_redeemed(self, found: Found) -> Refusal:
        sale = found.fact
        assert isinstance(sale, Sale), "only sales pay slips out"
        receipt = receipt_key(self._desk.world.journal.head.till, found.epoch, sale.number)
        zone = dt.timezone(dt.timedelta(minutes=sale.offset_min))
        at = dt.datetime.fromtimestamp(sale.completed_ms / 1000, zone)
        day, time = at.date().isoformat(), f"{at:%H:%M}"
        return Refusal("slip-redeemed", level="warn", day=day, time=time, receipt=receipt)

    def _sticker(self, meaning: Meaning) -> None:
        """Take off what the sticker says, from the article before it: one sticker a piece, one for what is weighed."""
        cart = self._selling.cart
        line = carts.last_live_line(cart) if cart is not None else None
        if cart is None or line is None:
            raise Refusal("sticker-alone", level="warn")
        if line.kind != "article":
            raise Refusal("sticker-not-here", level="warn", text=line.text)
        by_piece = line.unit == "pc"
        given = sum(discount.source == MARK_DOWN for discount in line.discounts)
        if given >= (int(line.quantity) if by_piece else 1):
            raise Refusal("sticker-twice", level="warn", text=line.text)
        price = line.unit_minor if by_piece else line.total_minor
        off = price - (meaning.amount_minor or 0)
        if meaning.percent is not None:
            off = round_minor(Decimal(price * meaning.percent) / 100)
        if not 0 < off <= line.pay_minor:
            raise Refusal("sticker-higher", level="warn", text=line.text)
        text = texts(self._desk.setup.language)("line.mark-down")
        discount = Discount(meaning.text, text, off, "sticker", MARK_DOWN, self._desk.operator_id())
        self._selling.keep(carts.add_discount(cart, line.n, discount))
        self._desk.warn("marked-down", level="info", text=line.text, off=off)
