"""Who buys: found at the hub by card, e-mail or telephone, named in the sale by a reference, with what they bought so far.

Names are shown and go nowhere: the cart and the fact hold the reference alone.
"""

import datetime as dt
from collections.abc import Callable, Generator
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain import payment
from pos.domain.cart import Cart
from pos.domain.cart_goods import reprice
from pos.domain.codes import shown
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import declare
from pos.node_ports import ShopAnswer
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling
from pos.till.tenders.vouchers import Vouchers
from pos.words import amount, day_text

__all__ = ["Customers"]

CUSTOMER: Final = declare("customer")
_LISTED: Final = 20
_TEXT_MAX: Final = 120
_NAME_MAX: Final = 40


class _Found(msgspec.Struct, frozen=True):
    customer_ids: tuple[str, ...]


class _About(msgspec.Struct, frozen=True):
    name: str = ""
    group: str = ""


class _Customer(msgspec.Struct, frozen=True):
    customer_id: str
    about: _About
    points: int


class _Purchase(msgspec.Struct, frozen=True):
    channel: str
    reference: str
    store: str
    at_ms: int
    total_minor: int
    currency: str


class _Purchases(msgspec.Struct, frozen=True):
    purchases: tuple[_Purchase, ...]


class _Burnt(msgspec.Struct, frozen=True):
    number: str
    worth_minor: int


class _Points(msgspec.Struct, frozen=True):
    balance: int
    worth_minor: int


def kind_of(text: str) -> str:
    """What was typed or scanned: an address has an @, a telephone number is digits from 0 or +, all else is a card."""
    if "@" in text:
        return "email"
    plain = "".join(char for char in text if char not in " -/()")
    is_phone = plain[:1] in {"+", "0"} and plain[1:].isdigit() and 6 <= len(plain) <= 16
    return "phone" if is_phone else "card"


class Customers:
    """The keys "customer", "customer-history", "customer-points" and "customer-none"."""

    def __init__(self, desk: Desk, selling: Selling, vouchers: Vouchers) -> None:
        self._desk = desk
        self._vouchers = vouchers
        self._selling = selling
        self.functions = {
            "customer": self._name,
            "customer-history": self._history,
            "customer-points": self._points,
            "customer-none": self._nobody,
        }
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}

    def _name(self, command: c.Do) -> Flow:
        """The sale is this customer's: its points are earned, and it stands in the history."""
        self._desk.need(CUSTOMER)
        self._desk.must_be_selling()
        found = yield from self._find(command.text)
        groups = tuple(filter(None, (found.about.group,)))
        changed = self._put(self._selling.cart_for_line(), found.customer_id, groups)
        self._say(found, changed)

    def _nobody(self, _: c.Do) -> None:
        self._desk.must_be_selling()
        cart = self._selling.cart
        if cart is None or not cart.about.customer:
            raise Refusal("customer-is-none", level="info")
        self._put(cart, "", ())
        self._desk.message = e.Message("customer-dropped", level="info")

    def _history(self, command: c.Do) -> Flow:
        """What the customer bought, in every channel, newest first."""
        self._desk.need(CUSTOMER)
        self._desk.must_be_signed_in()
        customer_id = yield from self._whose(command.text)
        answer = yield from self._ask("GET", f"/customers/{customer_id}/purchases?limit={_LISTED}")
        bought = msgspec.json.decode(answer.body, type=_Purchases).purchases
        if not bought:
            raise Refusal("customer-no-history", level="info")
        zone = self._desk.world.clock.now().tzinfo
        rows = tuple(
            (
                f"{day_text(dt.datetime.fromtimestamp(one.at_ms / 1000, zone).date(), self._desk.language)}  {one.store}  {_number(one)}",
                f"{amount(one.total_minor, self._desk.language)} {one.currency}",
            )
            for one in bought
        )
        yield Question("customer-history", options=(Option("done", word="ask.customer-done"),), rows=rows)

    def _points(self, command: c.Do) -> Flow:
        """Points become a credit, which pays the open sale at once like any other."""
        self._desk.need(CUSTOMER)
        self._desk.must_be_selling()
        if self._selling.cart is None or payment.rest_minor(self._selling.cart) <= 0:
            raise Refusal("nothing-to-pay", level="info")
        customer_id = yield from self._whose(command.text)
        answer = yield from self._ask("GET", f"/customers/{customer_id}/points")
        points = msgspec.json.decode(answer.body, type=_Points)
        if points.worth_minor <= 0:
            raise Refusal("customer-no-points", level="info", points=points.balance)
        fields: dict[str, str | int] = {
            "points": points.balance,
            "worth": amount(points.worth_minor, self._desk.language),
        }
        options = (Option("burn", word="ask.customer-burn"), Option("keep", word="ask.customer-keep"))
        if (yield Question("customer-points", options=options, fields=fields, confirm=True)) != "burn":
            raise Refusal("customer-points-kept", level="info")
        body = msgspec.json.encode({"points": points.balance, "store": self._desk.world.journal.head.store})
        key = f"burn/{customer_id}/{points.balance}/{self._desk.world.ids.new_id()}"
        answer = yield from self._ask("POST", f"/customers/{customer_id}/points/burn", body, key=key)
        burnt = msgspec.json.decode(answer.body, type=_Burnt)
        yield from self._vouchers.pay_with(burnt.number)

    # -- inside

    def _whose(self, typed: str) -> Generator[Any, Any, str]:
        """The customer of the open sale, else one who is asked for."""
        cart = self._selling.cart
        if cart is not None and cart.about.customer and not typed:
            return cart.about.customer
        found = yield from self._find(typed)
        return str(found.customer_id)

    def _find(self, typed: str) -> Generator[Any, Any, _Customer]:
        answer: str | Scanned = typed
        while True:
            if not answer:
                answer = yield Question("customer", "text", scans="answer")
            text = shown(answer.code if isinstance(answer, Scanned) else answer).strip()[:_TEXT_MAX]
            if len(text) >= 3:
                body = msgspec.json.encode({"kind": kind_of(text), "value": text})
                key = f"customer/{self._desk.world.ids.new_id()}"
                said = yield from self._ask("POST", "/customers/search", body, key=key)
                ids = msgspec.json.decode(said.body, type=_Found).customer_ids
                if ids:
                    said = yield from self._ask("GET", f"/customers/{ids[0]}")
                    return msgspec.json.decode(said.body, type=_Customer)
            self._desk.refuse(e.Message("customer-unknown"))
            answer = ""

    def _ask(
        self, method: str, path: str, body: bytes = b"", *, key: str = ""
    ) -> Generator[Any, Any, ShopAnswer]:
        shop = None if self._desk.training else self._desk.world.shop
        if shop is None:
            raise Refusal("customer-needs-hub", level="warn")
        answer: ShopAnswer = yield shop.ask(method, path, body, key=key)
        if answer.silent:
            raise Refusal("customer-hub-away", level="warn")
        if not answer.yes:
            raise Refusal("customer-refused", level="warn")
        return answer

    def _put(self, cart: Cart, customer: str, groups: tuple[str, ...]) -> int:
        """The cart is theirs, at their prices; answers how many lines cost something else by that."""
        named = carts.with_about(cart, customer=customer, groups=groups)
        self._selling.keep(reprice(named, self._desk.world.catalogue.by_sku))
        pairs = zip(cart.lines, self._selling.the_cart().lines, strict=True)
        return sum(old.pay_minor != new.pay_minor for old, new in pairs)

    def _say(self, found: _Customer, changed: int) -> None:
        name = shown(found.about.name) or "-"
        if len(name) > _NAME_MAX:
            name = name[: _NAME_MAX - 1].rstrip() + "…"
        fields: dict[str, str | int] = {"name": name, "points": found.points}
        if changed:
            self._desk.message = e.Message("customer-is-priced", {**fields, "count": changed}, "info")
        else:
            self._desk.message = e.Message("customer-is", fields, "info")


def _number(one: _Purchase) -> str:
    """A receipt as its paper has it (TILL/EPOCH/NUMBER/SEQ at the hub); an order as its channel names it."""
    till, *rest = one.reference.removeprefix(f"{one.store}/").split("/")
    return "-".join((till, *rest[:2])) if len(rest) >= 2 else one.reference
