"""A down payment of an order that is over goes back: its lines stand in the open sale with their sign turned, and are paid out.

The hub lets one till at a time. Without its word nothing is paid out: nobody else could know of it.
"""

from collections.abc import Collection, Generator
from typing import Any
from urllib.parse import quote

import msgspec

from pos.domain import cart as carts
from pos.domain import events as e
from pos.domain.cart import Cart
from pos.domain.order_cart import DOWN
from pos.domain.pickup import GiveBack, Handing, Order, by_tax
from pos.domain.question import Option, Question
from pos.mentions import receipt_key
from pos.node_ports import ShopAnswer
from pos.sale_facts import Sale, SaleLine
from pos.till.desk import Desk, Refusal
from pos.till.orders.desk import OrderDesk, read
from pos.till.orders.handing_sale import HandingSale, down_lines
from pos.till.sale.selling import Selling
from pos.words import amount

__all__ = ["GivingBack"]

_Steps = Generator[Any, Any, Any]


class GivingBack:
    """From an order that is over to money that is paid out, once."""

    def __init__(self, desk: Desk, orders: OrderDesk, selling: Selling, sale: HandingSale) -> None:
        self._desk = desk
        self._orders = orders
        self._selling = selling
        self._sale = sale
        sale.renew_back = self._renew
        sale.let_back = self._let_go

    def offer(self, said: str) -> _Steps:
        """Ask whether it goes back now. False where nothing of a down payment is to go back, or nobody knows."""
        answer: ShopAnswer = yield self._orders.take_back(said)
        if answer.code == "claimed":
            raise Refusal("give-back-claimed", till=answer.detail.rpartition("/")[2])
        if not answer.yes:
            return False
        yield from self._ask(read(answer, GiveBack))
        return True

    def give_back(self, order_id: str) -> _Steps:
        """The same for an order that must have something to give back. Raises Refusal, which says why not."""
        self._orders.begin()
        answer: ShopAnswer = yield self._orders.take_back(order_id)
        yield from self._ask(read(_heard(answer), GiveBack))

    def _ask(self, found: GiveBack) -> _Steps:
        order, done = found.order, False
        try:
            if self._sale.holds_back(order.order_id):
                raise Refusal("pickup-in-cart", number=order.number)
            if (yield self._unheard(order.order_id, found.receipts)):
                raise Refusal("pickup-unheard", number=order.number)
            money = amount(found.amount_minor, self._desk.language)
            fields: dict[str, str | int] = {"number": order.number, "amount": money}
            options = tuple(Option(name, word=f"ask.give-back-{name}") for name in ("yes", "no"))
            rows = tuple((line.text, f"{line.qty.normalize():f}") for line in order.lines)
            chosen = yield Question("give-back", options=options, fields=fields, rows=rows, scans="refuse")
            if chosen == "yes":
                self._put(found)
                done = True
        finally:
            if not done:
                self._orders.free_later(order.order_id, found.n)

    def _put(self, found: GiveBack) -> None:
        """Its lines join the open cart, by the taxes of its goods."""
        order = found.order
        values: dict[str, int] = {}
        for line in order.lines:
            values[line.tax] = values.get(line.tax, 0) + line.pay_minor
        cart = self._selling.cart_for_line()
        shares = by_tax(values, found.amount_minor)
        made = down_lines(self._desk, order.order_id, order.number, shares, len(cart.lines) + 1, back=True)
        handing = Handing(
            order.order_id, "", order.number, order.terms, found.n, (), down=tuple(line.n for line in made),
            paid_by=found.paid_by, gives_back=True,
        )  # fmt: skip
        cart = carts.add_lines(cart, *made)
        self._selling.keep(carts.with_about(cart, handing=(*cart.about.handing, handing)))
        self._desk.message = e.Message(
            "pickup-to-pay-out", {"number": order.number, "rest": found.amount_minor}, "info"
        )

    # -- before payment, and where nothing comes of it

    def _renew(self, handing: Handing) -> _Steps:
        """The hub must still let this till. Silence pays out nothing: another till may have been let meanwhile."""
        answer: ShopAnswer = yield self._orders.take_back(handing.order_id)
        try:
            found = read(_heard(answer), GiveBack)
            if (yield self._unheard(handing.order_id, found.receipts)):
                raise Refusal("pickup-unheard", number=handing.number)
            cart = self._selling.the_cart()
            if found.amount_minor < _minor_in(cart, handing):
                raise Refusal("pickup-changed", number=handing.number)
        except Refusal as refusal:
            self._desk.refuse(refusal.message)
            return False
        new = msgspec.structs.replace(handing, claim=found.n)
        others = tuple(new if one == handing else one for one in cart.about.handing)
        self._selling.keep(carts.with_about(cart, handing=others))
        return True

    def _let_go(self, handing: Handing) -> None:
        if handing.claim:
            self._orders.free_later(handing.order_id, handing.claim)

    async def may_void(self, sale: Sale) -> None:
        """Raises Refusal where a down payment that this receipt took was given back since, or used for its goods, here or at another till."""
        for order_id in sorted({line.order for line in sale.lines if _is_down(line) and line.qty > 0}):
            for one in await self._sales_of(order_id):
                if any(_is_down(line) and line.order == order_id and line.qty < 0 for line in one.fact.lines):
                    key = receipt_key(self._desk.world.journal.head.till, one.epoch, one.fact.number)
                    if not await self._orders.is_countered(key):
                        raise Refusal("down-payment-spent")
            answer = await self._orders.get(f"/orders/{quote(order_id, safe='')}")
            if answer.silent:
                raise Refusal("down-payment-silent")
            if answer.yes:
                order = read(answer, Order)
                if order.given_back_minor or any(line.delivered for line in order.lines):
                    raise Refusal("down-payment-spent")

    async def _sales_of(self, order_id: str) -> list[Any]:
        """The receipts of this till that name an order."""
        history = self._desk.world.history
        found = await history.mentions("order", order_id) if history is not None else ()
        return [one for one in found if isinstance(one.fact, Sale)]

    async def _unheard(self, order_id: str, heard_of: Collection[str]) -> bool:
        """Did a receipt of this till give it back, and the hub has not heard of that yet?"""
        head = self._desk.world.journal.head
        for one in await self._sales_of(order_id):
            if _gave_back(one.fact, order_id):
                key = receipt_key(head.till, one.epoch, one.fact.number)
                if f"{head.store}/{key}" not in heard_of and not await self._orders.is_countered(key):
                    return True
        return False


def _heard(answer: ShopAnswer) -> ShopAnswer:
    """Raises Refusal for silence and for a no."""
    if answer.silent:
        raise Refusal("give-back-silent")
    if answer.code == "claimed":
        raise Refusal("give-back-claimed", till=answer.detail.rpartition("/")[2])
    if not answer.yes:
        raise Refusal("give-back-nothing")
    return answer


def _minor_in(cart: Cart, handing: Handing) -> int:
    return -sum(cart.lines[n - 1].pay_minor for n in handing.down if cart.lines[n - 1].live)


def _gave_back(sale: Sale, order_id: str) -> bool:
    """Does this receipt give a down payment back without handing the order over?"""
    return not any(one.kind == "order" and one.external == order_id for one in sale.references) and any(
        line.order == order_id and _is_down(line) and line.qty < 0 for line in sale.lines
    )


def _is_down(line: SaleLine) -> bool:
    return line.kind == DOWN and line.voided_ms is None
