"""An order in the open sale: its lines at the price that was ordered, what was paid before, and the fact in the sale's commit."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from pos.domain import cart as carts
from pos.domain import events as e
from pos.domain.cart import Cart, Discount, Line
from pos.domain.handed import HandedLine
from pos.domain.money import round_minor
from pos.domain.order_cart import DOWN, handing_lines
from pos.domain.pickup import Handing, Order, by_tax
from pos.facts import Fact
from pos.order_facts import OrderHandedOver
from pos.resources import texts
from pos.sale_facts import Sale
from pos.till.checkout import Checkout
from pos.till.desk import Desk, NeedsAnswer, Refusal
from pos.till.orders.desk import OrderDesk, heard, read
from pos.till.sale.selling import Selling

__all__ = ["HandingSale", "Money", "down_lines", "fact_of"]


class Money(msgspec.Struct, frozen=True):
    """What a hand-over costs here: `due_minor` is paid (negative: paid out), `prepaid_minor` was paid elsewhere before,
    `down_minor` was paid down at a till; `back_minor` is given back where the order was paid.
    """

    due_minor: int
    prepaid_minor: int
    down_minor: int
    back_minor: int

    @property
    def in_sale(self) -> bool:
        """A payment, or a down payment whose tax is taken back, needs a receipt."""
        return self.due_minor > 0 or self.down_minor > 0


class HandingSale:
    """Orders in the cart, and what the sale says of them."""

    def __init__(self, desk: Desk, orders: OrderDesk, selling: Selling, checkout: Checkout) -> None:
        self._desk = desk
        self._orders = orders
        self._selling = selling
        checkout.before_sale = self.facts_of
        checkout.afterwards.append(self._sold)
        checkout.given_up.append(self.given_up)
        self.renew_back: Callable[[Handing], Any] = lambda _: iter(())
        self.let_back: Callable[[Handing], None] = lambda _: None

    def holds(self, order_id: str) -> bool:
        cart = self._selling.cart
        return cart is not None and any(
            one.order_id == order_id and handing_lines(cart, one) for one in cart.about.handing
        )

    def holds_back(self, order_id: str) -> bool:
        """Does its down payment go back with the open sale already?"""
        cart = self._selling.cart
        return cart is not None and any(
            one.order_id == order_id and one.gives_back and _live_down(cart, one)
            for one in cart.about.handing
        )

    def sell(self, order: Order, lines: Sequence[HandedLine], handing: Handing, money: Money) -> None:
        """The lines join the open cart at the price that was ordered; its payment hands them over."""
        cart = self._selling.cart_for_line()
        first = len(cart.lines) + 1
        made = [self._line(order, one, first + at) for at, one in enumerate(lines)]
        pairs = tuple((line.n, one.n) for line, one in zip(made, lines, strict=True))
        replaced = tuple(
            (line.n, one.replaces, one.reason) for line, one in zip(made, lines, strict=True) if one.replaces
        )
        values: dict[str, int] = {}
        for line in order.lines:
            values[line.tax] = values.get(line.tax, 0) + line.pay_minor
        down = down_lines(
            self._desk, order.order_id, order.number, by_tax(values, money.down_minor), first + len(made), back=True
        )  # fmt: skip
        handing = msgspec.structs.replace(
            handing, lines=pairs, prepaid_minor=money.prepaid_minor, replaced=replaced, down=tuple(one.n for one in down),
            paid_by=tuple(one.reference for one in order.payments if one.provider == DOWN),
        )  # fmt: skip
        cart = carts.add_lines(cart, *made, *down)
        others = tuple(one for one in cart.about.handing if one.fulfillment_id != handing.fulfillment_id)
        cart = carts.with_about(
            cart, handing=(*others, handing), age=max(cart.about.age, handing.age),
            approvals=(*cart.about.approvals, *self._desk.approvals),
        )  # fmt: skip
        self._selling.keep(cart)
        self._desk.message = e.Message(
            "pickup-to-pay" if money.due_minor >= 0 else "pickup-to-pay-out",
            {"number": order.number, "rest": abs(money.due_minor)},
            "info",
        )

    def _line(self, order: Order, one: HandedLine, n: int) -> Line:
        line = order.line(one.n)
        article = self._desk.world.catalogue.by_sku(one.sku)
        of_article = article.tax_code if article is not None else ""
        rate = self._desk.rate_of((of_article or line.tax) if one.replaces else (line.tax or of_article))
        unit = -int(-Decimal(one.value_minor) // one.qty)
        total = round_minor(unit * one.qty)
        off = total - one.value_minor
        less = (
            Discount("order", texts(self._desk.setup.language)("receipt.order-price"), off, source="order"),
        )
        gtin = (article.gtin if article is not None else "") if one.replaces else line.gtin
        return Line(
            n=n, kind="article", text=article.text if one.replaces and article is not None else line.text,
            quantity=one.qty, unit_minor=unit, total_minor=total,
            added=self._desk.mark(), source="order", gtin=gtin or None, sku=one.sku, unit=line.unit,
            department=article.department if article is not None else 0, tax_code=rate.code,
            tax_percent=rate.percent, tax_key=rate.key, price_source="order", min_age=line.min_age,
            discounts=less if off else (),
        )  # fmt: skip

    # -- before payment

    def first(self) -> None:
        """An order in the cart must still be this till's. Raises NeedsAnswer."""
        cart = self._selling.cart
        for handing in cart.about.handing if cart is not None else ():
            if handing.gives_back and cart is not None and _live_down(cart, handing):
                if not handing.claim or not self._orders.is_fresh(handing.order_id):
                    raise NeedsAnswer(self.renew_back(handing))
                continue
            if handing.alone or not cart or not handing_lines(cart, handing):
                continue
            if not handing.claim or not self._orders.is_fresh(handing.fulfillment_id):
                raise NeedsAnswer(self._renew(handing))

    def _renew(self, handing: Handing) -> Any:
        """Claim it again. Silence: what was claimed and never given up goes out as it was begun."""
        answer = yield self._orders.claim(handing.order_id, handing.fulfillment_id)
        self._orders.in_hand = ""
        if answer.silent and handing.claim:
            self._orders.begun(handing.fulfillment_id)
            return True
        try:
            order = read(heard(answer), Order)
        except Refusal as refusal:
            self._desk.refuse(refusal.message)
            return False
        task = next(one for one in order.fulfillments if one.fulfillment_id == handing.fulfillment_id)
        cart = self._selling.the_cart()
        wanted: dict[int, Decimal] = {}
        for n, of in handing_lines(cart, handing):
            wanted[of] = wanted.get(of, Decimal(0)) + cart.lines[n - 1].quantity
        there = {one.n: one.qty - one.short - one.handed - one.refused for one in task.lines}
        if task.claim is None or any(there.get(n, Decimal(0)) < qty for n, qty in wanted.items()):
            self._desk.refuse(e.Message("pickup-changed", {"number": order.number}))
            return False
        new = msgspec.structs.replace(handing, claim=task.claim.n)
        others = tuple(new if one == handing else one for one in cart.about.handing)
        self._selling.keep(carts.with_about(cart, handing=others))
        return True

    def before_parking(self, cart: Cart) -> Cart:
        """What waits holds nothing: the order is anybody's until the cart goes on."""
        if not cart.about.handing:
            return cart
        for one in cart.about.handing:
            if one.gives_back:
                self.let_back(one)
        free = tuple(
            one if one.alone else msgspec.structs.replace(one, claim=0) for one in cart.about.handing
        )
        return carts.with_about(cart, handing=free)

    # -- the commit, and after it

    def facts_of(self, cart: Cart, sale: Sale) -> Sequence[Fact]:
        """The hand-overs of a cart that is paid, before its sale; lines that were taken out again stay here."""
        found: list[Fact] = []
        for handing in cart.about.handing:
            replaced = {n: (sku, why) for n, sku, why in handing.replaced}
            lines = tuple(
                HandedLine(of, line.sku, line.quantity, line.pay_minor, *replaced.get(n, ()))
                for n, of in handing_lines(cart, handing)
                for line in (cart.lines[n - 1],)
            )
            down = -sum(cart.lines[n - 1].pay_minor for n in handing.down if cart.lines[n - 1].live)
            if not lines and not handing.refused:
                continue
            fact = fact_of(self._desk, handing, lines, sale.business_day)
            paid = fact.value_minor - min(handing.prepaid_minor, max(0, fact.value_minor - down)) - down
            found.append(
                msgspec.structs.replace(
                    fact,
                    receipt=sale.number,
                    at_ms=sale.completed_ms,
                    paid_minor=max(0, paid),
                    returned_minor=max(0, -paid),
                )
            )
        return found

    def _sold(self, sale: Sale) -> None:
        if any(one.kind == "order" for one in sale.references):
            self._orders.let_go()

    def given_up(self, cart: Cart) -> None:
        """The cart is gone, or waits: what it held is anybody's."""
        for handing in cart.about.handing:
            if handing.gives_back:
                self.let_back(handing)
        if any(not one.gives_back for one in cart.about.handing):
            self._orders.let_go()


def _live_down(cart: Cart, handing: Handing) -> bool:
    """Is what goes back of its down payment still in the cart?"""
    return any(cart.lines[n - 1].live for n in handing.down)


def down_lines(
    desk: Desk, order_id: str, number: int, shares: dict[str, int], first: int, *, back: bool
) -> tuple[Line, ...]:
    """A down payment by the taxes of its goods, as lines from number `first` on; `back`: it is taken back."""
    words = texts(desk.setup.language)
    text = words("receipt.down-payment-back" if back else "receipt.down-payment", number=number)
    found = []
    for at, (code, minor) in enumerate(sorted(shares.items())):
        rate = desk.rate_of(code)
        found.append(
            Line(
                n=first + at, kind=DOWN, text=text, quantity=Decimal(-1 if back else 1), unit_minor=minor,
                total_minor=-minor if back else minor, added=desk.mark(), source="order", tax_code=rate.code,
                tax_percent=rate.percent, tax_key=rate.key, price_source="order", order=order_id,
            )
        )  # fmt: skip
    return tuple(found)


def fact_of(
    desk: Desk, handing: Handing, lines: tuple[HandedLine, ...], business_day: str
) -> OrderHandedOver:
    """What left, without what was paid for it."""
    return OrderHandedOver(
        handing.order_id, handing.fulfillment_id, handing.number, business_day,
        desk.operator_id(), desk.world.clock.wall_ms(), desk.offset_min(), lines,
        sum(one.value_minor for one in lines), handing.refused, desk.setup.currency, handing.proof,
        handing.age, handing.proxy, handing.claim, handing.alone, handing.terms,
        approvals=(*handing.approvals, *desk.approvals),
    )  # fmt: skip
