"""Prices that people change: another price for a line, a discount on a line or the whole cart, a staff purchase.

What is given is kept with the cart as a rule (pos.domain.reductions), so it follows the lines until the cart ends.
"""

from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain import reductions
from pos.domain.about import Reduction
from pos.domain.cart import Cart, Line
from pos.domain.goods import in_exchange, is_sold, override_price
from pos.domain.money import PRICE_MAX_MINOR, round_minor
from pos.domain.question import Option, Question, to_decimal, to_minor
from pos.domain.rights import Approval, Size, declare
from pos.resources import texts
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.sale.selling import Selling

__all__ = ["Pricing"]

DISCOUNT: Final = declare("discount", amount=True, percent=True)
DISCOUNT_OVER: Final = declare("discount-over", amount=True, percent=True)
PRICE_OVERRIDE: Final = declare("price-override", amount=True, percent=True)
STAFF_PURCHASE: Final = declare("staff-purchase")
KNOWN_REASONS: Final = frozenset(
    {"damaged", "last-piece", "goodwill", "price-promise", "regular", "wrong-label", "agreed"}
)
_HUNDRED: Final = Decimal(100)
_LINES_MAX: Final = 50
_Asks = Generator[Any, Any, Any]


class Pricing:
    """Discounts and prices by hand. `promote` puts promotions in place, on lines that nobody reduced by hand."""

    def __init__(
        self, desk: Desk, selling: Selling, promote: Callable[[Cart], Cart] = lambda cart: cart
    ) -> None:
        self._desk = desk
        self._selling = selling
        self._promote = promote
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions = {
            "discount": self._discount,
            "override": self._override,
            "staff-purchase": self._staff,
        }

    def price(self, cart: Cart) -> Cart:
        """The cart with all discounts in place; lines that stay as they were are the same objects."""
        before = self._selling.cart
        if not cart.about.reductions and (before is None or not before.about.reductions):
            return self._promote(cart)
        priced = reductions.reduce_cart(self._promote(reductions.reduce_lines(cart)), self._fixed)
        if before is None or not priced.about.reductions:
            return priced
        lines = (
            tuple(old if old == new else new for old, new in zip(before.lines, priced.lines, strict=False))
            + priced.lines[len(before.lines) :]
        )
        return msgspec.structs.replace(priced, lines=lines)

    # -- discount

    def _discount(self, command: c.Do) -> Flow:
        line = self._last_sold()
        while True:
            what = yield self._what(command.text, line)
            if what != "other-line":
                break
            line = yield from self._which_line()
        match what:
            case "line-percent":
                yield from self._percent(command.text, line)
            case "line-amount":
                yield from self._amount(command.text, line)
            case "price":
                yield from self._new_price(command.text, line)
            case "cart-percent":
                yield from self._percent(command.text, None)
            case "cart-amount":
                yield from self._amount(command.text, None)
            case _:
                self._take_back(line)

    def _what(self, typed: str, line: Line) -> Question:
        """What can be done with what was typed: beside each choice stands what is paid then."""
        cart = self._selling.the_cart()
        percent, minor = self._as_percent(typed), self._as_minor(typed)
        of_line, of_cart = reductions.left_minor(cart, line.n), reductions.left_minor(cart, 0, self._fixed)

        def less(left: int) -> tuple[int | None, int | None]:
            by_percent = None if percent is None else left - reductions.percent_of(left, percent)
            return by_percent, None if minor is None or minor > left else left - minor

        (line_percent, line_amount), (cart_percent, cart_amount) = less(of_line), less(of_cart)
        price = None if minor is None else round_minor(line.quantity * minor)
        options = [
            Option("line-percent", word="ui.discount-line-percent", amount_minor=line_percent),
            Option("line-amount", word="ui.discount-line-amount", amount_minor=line_amount),
            Option("price", word="ui.discount-price", amount_minor=price),
            Option("cart-percent", word="ui.discount-cart-percent", amount_minor=cart_percent),
            Option("cart-amount", word="ui.discount-cart-amount", amount_minor=cart_amount),
            Option("other-line", word="ui.discount-other-line"),
        ]
        if any(one.source == "manual" for one in cart.about.reductions):
            options.append(Option("back", word="ui.discount-back"))
        fields: dict[str, str | int] = {"typed": f"{typed} " if typed else "", "text": line.text}
        return Question("discount", options=tuple(options), fields=fields)

    def _which_line(self) -> _Asks:
        lines = [line for line in self._selling.the_cart().lines if is_sold(line)][::-1][:_LINES_MAX]
        options = tuple(
            Option(str(line.n), text=f"{line.n}  {line.text}", amount_minor=line.pay_minor) for line in lines
        )
        n = int((yield Question("discount-line", options=options)))
        return self._selling.the_cart().lines[n - 1]

    def _fixed(self, line: Line) -> bool:
        """Is its price the publisher's? What is open or asked for has no other."""
        return self._desk.setup.goods.price_is_fixed(line.gtin or line.code, line.department)

    def _must_not_be_fixed(self, line: Line | None) -> None:
        """Raises Refusal for goods whose price is fixed; for the whole cart (None) where it holds nothing else."""
        if line is not None and self._fixed(line):
            raise Refusal("price-is-fixed", level="warn", text=line.text)
        sold = [one for one in self._selling.the_cart().lines if is_sold(one)]
        if line is None and sold and all(map(self._fixed, sold)):
            raise Refusal("price-is-fixed", level="warn", text=sold[-1].text)

    def _percent(self, typed: str, line: Line | None) -> Flow:
        self._must_not_be_fixed(line)
        percent = self._as_percent(typed)
        while percent is None or not 0 < percent <= _HUNDRED:
            if percent is not None:
                self._desk.refuse(e.Message("discount-percent-limit"))
            percent = yield Question("discount-percent", "number", fields=_of(line))
        text = self._text("discount-percent", percent=self._number(percent))
        yield from self._give(Reduction("manual", text, percent=percent), percent, line)

    def _amount(self, typed: str, line: Line | None) -> Flow:
        self._must_not_be_fixed(line)
        most = reductions.left_minor(self._selling.the_cart(), 0 if line is None else line.n, self._fixed)
        minor = self._as_minor(typed)
        while minor is None or not 0 < minor <= most:
            if minor is not None:
                self._desk.refuse(e.Message("discount-amount-limit", {"limit": most}))
            minor = yield Question("discount-amount", "amount", fields=_of(line))
        text = self._text("discount-amount")
        yield from self._give(Reduction("manual", text, amount_minor=minor), minor * _HUNDRED / most, line)

    def _give(self, reduction: Reduction, percent: Decimal, line: Line | None) -> Flow:
        reason = yield from self._reason("discount-reason", self._desk.setup.goods.discount_reasons)
        over = percent > self._desk.setup.goods.discount_percent_max
        left = reductions.left_minor(self._selling.the_cart(), 0 if line is None else line.n, self._fixed)
        size = Size(round_minor(left * percent / _HUNDRED), percent)
        agreed: Approval | None = yield Need(DISCOUNT_OVER if over else DISCOUNT, size=size)
        given = msgspec.structs.replace(
            reduction,
            n=0 if line is None else line.n,
            reason=reason,
            by=self._desk.operator_id(),
            approved="" if agreed is None else agreed.by,
        )
        before = self._selling.the_cart()
        after = _agreed(reductions.add_reduction(before, given), agreed)
        off = carts.total_minor(before) - carts.total_minor(self.price(after))
        if off <= 0:
            self._selling.keep(before)
            raise Refusal("discount-not-better", level="warn")
        self._selling.keep(after)
        self._desk.warn("discount-given", level="info", off=off)

    def _take_back(self, line: Line) -> None:
        """The newest discount that was given by hand."""
        cart = self._selling.the_cart()
        given = [one for one in cart.about.reductions if one.source == "manual"]
        if not given:
            raise Refusal("nothing-to-discount", level="info", text=line.text)
        kept = tuple(one for one in cart.about.reductions if one is not given[-1])
        self._selling.keep(carts.with_about(cart, reductions=kept))
        self._desk.warn("discount-back", level="info")

    # -- another price

    def _override(self, command: c.Do) -> Flow:
        yield from self._new_price(command.text, self._last_sold())

    def _new_price(self, typed: str, line: Line) -> Flow:
        self._must_not_be_fixed(line)
        minor = self._as_minor(typed)
        while minor is None or not 0 < minor <= PRICE_MAX_MINOR:
            if minor is not None:
                self._desk.refuse(e.Message("price-limit", {"limit": PRICE_MAX_MINOR}))
            minor = yield Question("override-price", "amount", fields=_of(line))
        reason = yield from self._reason("override-reason", self._desk.setup.goods.price_reasons)
        agreed: Approval | None = yield Need(PRICE_OVERRIDE, size=_changed(line, minor))
        cart = reductions.without_line(self._selling.the_cart(), line.n)
        cart = override_price(cart, line.n, minor, reason, "" if agreed is None else agreed.by)
        self._selling.keep(_agreed(cart, agreed))
        self._desk.warn("override-done", level="info", text=line.text, price=minor)

    # -- staff

    def _staff(self, _: c.Do) -> Flow:
        """The cart is bought by one who works here: never at one's own sign-in."""
        self._desk.must_be_selling()
        people = [
            person
            for person in self._desk.world.people.operators()
            if person.operator_id != self._desk.operator_id()
        ]
        if not people:
            raise Refusal("staff-nobody")
        options = (
            Option("", word="ui.staff-none"),
            *(Option(person.operator_id, text=person.name) for person in people),
        )
        staff = yield Question("staff", options=options)
        agreed: Approval | None = None
        if staff:
            agreed = yield Need(STAFF_PURCHASE)
        about = self._selling.about
        kept = tuple(one for one in about.reductions if one.source != "staff")
        percent = Decimal(self._desk.setup.goods.staff_percent)
        if staff and percent:
            text = self._text("discount-staff", percent=self._number(percent))
            approved = "" if agreed is None else agreed.by
            kept += (
                Reduction("staff", text, percent=percent, by=self._desk.operator_id(), approved=approved),
            )
        approvals = (*about.approvals, *approval_of(agreed))
        self._selling.remember(staff=staff, reductions=kept, approvals=approvals)
        name = next((person.name for person in people if person.operator_id == staff), "")
        if name:
            self._desk.warn("staff-is", level="info", name=name)
        else:
            self._desk.warn("staff-not", level="info")

    def first(self) -> None:
        """Before anything is paid: whoever buys does not take the payment. Raises Refusal."""
        staff = self._selling.about.staff
        if staff and staff == self._desk.operator_id():
            raise Refusal("staff-own")

    # -- small things

    def _last_sold(self) -> Line:
        """The newest line that a price can be given to. Raises Refusal."""
        self._desk.must_be_selling()
        cart = self._selling.cart
        line = (
            next((line for line in reversed(cart.lines) if is_sold(line)), None) if cart is not None else None
        )
        if line is None:
            exchanged = cart is not None and any(map(in_exchange, cart.lines))
            raise Refusal("exchange-keeps-price" if exchanged else "nothing-to-discount", level="info")
        return line

    def _reason(self, code: str, reasons: tuple[str, ...]) -> _Asks:
        if not reasons:
            return ""
        options = tuple(
            Option(reason, word=f"reason.{reason}")
            if reason in KNOWN_REASONS
            else Option(reason, text=reason)
            for reason in reasons
        )
        answer: str = yield Question(code, options=options)
        return answer

    def _as_percent(self, typed: str) -> Decimal | None:
        percent = to_decimal(typed.rstrip("% ")) if typed else None
        return percent if percent is not None and 0 < percent <= _HUNDRED else None

    def _as_minor(self, typed: str) -> int | None:
        return to_minor(typed, digits_are_cents=self._desk.setup.digits_are_cents) if typed else None

    def _number(self, number: Decimal) -> str:
        text = f"{number.normalize():f}"
        return text.replace(".", ",") if self._desk.setup.language == "de" else text

    def _text(self, key: str, **fields: str) -> str:
        return texts(self._desk.setup.language)(f"receipt.{key}", **fields)


def _changed(line: Line, minor: int) -> Size:
    """By how much a new price per unit changes what the line costs, up or down."""
    before = round_minor(line.quantity * (line.unit_minor if line.list_minor is None else line.list_minor))
    amount = abs(round_minor(line.quantity * minor) - before)
    return Size(amount, amount * _HUNDRED / before if before else _HUNDRED)


def _of(line: Line | None) -> dict[str, str | int]:
    return {} if line is None else {"text": line.text}


def _agreed(cart: Cart, agreed: Approval | None) -> Cart:
    if agreed is None:
        return cart
    return carts.with_about(cart, approvals=(*cart.about.approvals, agreed))
