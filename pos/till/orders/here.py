"""Orders that begin at the till: goods of this sale that are collected or sent later, goods of other stores, and orders that
are made, put aside or altered here, with a down payment.

All of it needs the hub, which reserves the goods and keeps who ordered: no name or address stays at the till. Where its answer is
not heard nothing is ordered; what it did all the same is cancelled as soon as it is heard again.
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.article import Article, priced_for
from pos.domain.cart import Cart, Line
from pos.domain.money import round_minor
from pos.domain.pickup import Order, by_tax
from pos.domain.question import Option, Question, Scanned, to_decimal
from pos.domain.scans import read_scan
from pos.till.checkout import Checkout
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, steps
from pos.till.orders.desk import OrderDesk, heard, read
from pos.till.orders.handing_sale import down_lines
from pos.till.orders.paper import order_slip
from pos.till.sale.open_prices import departments
from pos.till.sale.selling import Selling
from pos.till.surroundings import Surroundings
from pos.words import amount

__all__ = ["OrdersHere"]

_KINDS: Final = ("later", "send", "aisle", "customer-order", "put-aside", "alteration")
_ROWS: Final = 8
_YEARS_AHEAD: Final = 10
_READY_HOUR: Final = 17
_TEXT_MAX: Final = 80
"""As much of a name, an address or a line as the hub takes."""
_Steps = Any
_Part = Callable[[list[Any]], _Steps]


class _Placed(msgspec.Struct):
    order: Order


class _Level(msgspec.Struct):
    store: str
    name: str
    available: Decimal
    distance_m: int | None = None


class _Levels(msgspec.Struct):
    stores: tuple[_Level, ...]


class OrdersHere:
    """One function, "order-here"; which kind of order is its first question."""

    def __init__(
        self, desk: Desk, orders: OrderDesk, selling: Selling, checkout: Checkout, surroundings: Surroundings
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._selling = selling
        self._surroundings = surroundings
        self.handlers: dict[type[c.Command], Any] = {}
        self.functions = {"order-here": self._order}
        checkout.given_up.append(self._given_up)

    def _order(self, _: c.Do) -> Flow:
        self._orders.begin()
        if not self._surroundings.hub.online:  # nobody answers six questions to hear a no
            answer = yield self._orders.get(f"{self._orders.here}/fulfillments?limit=1")
            if answer.silent:
                raise Refusal("order-silent")
        options = tuple(Option(name, word=f"ask.order-{name}") for name in _KINDS)
        done = False
        while not done:
            kind = yield Question("order-kind", options=options)
            if kind in {"later", "send"}:
                done = yield from self._of_sale(kind)
            elif kind == "aisle":
                done = yield from self._aisle()
            else:
                done = yield from self._made_here(kind)

    # -- lines of this sale

    def _of_sale(self, kind: str) -> _Steps:
        """Some lines of the sale are paid now, and collected or sent later. False: Esc led back out of it."""
        cart = self._selling.cart
        lines = [line for line in cart.lines if _may_wait(line)] if cart is not None else []
        if not lines:
            raise Refusal("order-no-lines", level="info")
        answers = yield from steps(
            *([lambda _: _some_of(lines)] if len(lines) > 1 else []), *_who(self._desk, sent=kind == "send")
        )
        if answers is None:
            return False
        if len(lines) > 1:
            lines = answers.pop(0)
        body = {
            "kind": "ship_from_store" if kind == "send" else "click_and_collect",
            "lines": [_ordered(line.sku, line.quantity, line.pay_minor, line) for line in lines],
        }
        order = yield from self._place(body, answers)
        wanted = {line.n for line in lines}
        yield self._mark(self._selling.the_cart(), wanted, order, "deliver" if kind == "send" else "collect")
        self._slip(order, 0, paid=True)
        self._desk.message = e.Message("order-in-sale", {"number": order.number, "count": len(lines)}, "info")
        return True

    async def _mark(self, cart: Cart, wanted: set[int], order: Order, fulfil: str) -> None:
        """The order is kept here with its lines: from now on it is not cancelled by itself."""
        for line in cart.lines:
            if line.n in wanted and line.live:
                cart = carts.put_line(
                    cart, msgspec.structs.replace(line, fulfil=fulfil, order=order.order_id)
                )
        self._selling.keep(cart)
        await self._orders.placed(order.order_id)

    # -- goods of other stores

    def _aisle(self) -> _Steps:
        """The article is not here: another store has it. It is collected here or sent; paid now, or when it is collected.

        False: Esc led back out of it.
        """
        ways = ("collect-now", "collect-later", "deliver-now")
        options = tuple(Option(one, word=f"ask.order-{one}") for one in ways)
        found = yield from steps(
            lambda _: self._which(),
            lambda said: self._from_where(said[0]),
            lambda _: _asked(Question("order-way", options=options)),
            lambda said: steps(*_who(self._desk, sent=said[2] == "deliver-now")),
        )
        if found is None:
            return False
        article, store, way, person = found
        qty = Decimal(1)
        body = {
            "kind": "endless_aisle" if way == "deliver-now" else "click_and_collect",
            "from_store": store, "pay_later": way == "collect-later",
            "lines": [_ordered(article.sku, qty, article.price_minor, article)],
        }  # fmt: skip
        order = yield from self._place(body, person)
        if way == "collect-later":
            yield self._orders.placed(order.order_id)
            self._slip(order, 0, paid=False)
            self._desk.message = e.Message("order-made", {"number": order.number}, "info")
            return True
        cart = self._selling.cart_for_line()
        n = len(cart.lines) + 1
        self._selling.quantity = None
        self._selling.sell(article, "", "order", qty)
        fulfil = "deliver" if way == "deliver-now" else "collect"
        yield self._mark(self._selling.the_cart(), {n}, order, fulfil)
        self._slip(order, 0, paid=True)
        self._desk.message = e.Message("order-in-sale", {"number": order.number, "count": 1}, "info")
        return True

    def _from_where(self, article: Article) -> _Steps:
        """The store that gives it, the nearest first. Raises Refusal where none has it."""
        if article.price_minor is None:
            raise Refusal("order-no-price")
        sku, here = quote(article.sku, safe=""), quote(self._orders.store, safe="")
        answer = yield self._orders.get(f"/stock/stores?sku={sku}&near={here}&limit=50")
        levels = read(heard(answer), _Levels).stores
        there = [one for one in levels if one.store != self._orders.store and one.available > 0]
        if not there:
            raise Refusal("order-nowhere", level="info", text=article.text)
        there.sort(key=lambda one: (one.distance_m is None, one.distance_m or 0))
        options = tuple(
            Option(one.store, text=_place(one), note=f"{one.available:f}") for one in there[:_ROWS]
        )
        return (yield Question("order-store", options=options, fields={"text": article.text}))

    def _which(self) -> _Steps:
        while True:
            answer = yield Question("order-article", "text", scans="answer")
            article = self._find(answer.code if isinstance(answer, Scanned) else str(answer))
            if article is not None:
                return article
            self._desk.warn("pickup-replace-unknown")

    def _find(self, code: str) -> Article | None:
        key = read_scan(code, self._desk.setup.scans, self._desk.today()).key
        catalogue = self._desk.world.catalogue
        found = (catalogue.find(key) if key else None) or catalogue.by_sku(code.strip())
        cart = self._selling.cart
        return priced_for(found, cart.about.groups) if found is not None and cart is not None else found

    # -- made, put aside, altered

    def _made_here(self, purpose: str) -> _Steps:
        """False: Esc led back out of it."""
        goods: list[tuple[Article, Decimal]] = []
        altered = purpose == "alteration"
        what: list[_Part] = [_work_text, _work_price] if altered else [lambda _: self._goods(purpose, goods)]
        answers = yield from steps(
            *what,
            lambda _: self._day(),
            *_who(self._desk, sent=False),
            lambda said: self._down(said[1] if altered else _value(said[0])),
        )
        if answers is None:
            return False
        if altered:
            lines = [self._work(str(answers.pop(0)), int(answers.pop(0)))]
        else:
            held = purpose == "put-aside"
            lines = [
                _ordered(article.sku, qty, _price(article, qty), article) | {"reserve": held}
                for article, qty in answers.pop(0)
            ]
        day, down = answers.pop(0), answers.pop()
        body = {"kind": "in_store", "purpose": purpose, "lines": lines, "ready_ms": self._ready_ms(day)}
        order = yield from self._place(body, answers)
        if down:
            cart = self._selling.cart_for_line()
            values: dict[str, int] = {}
            for line in order.lines:
                values[line.tax] = values.get(line.tax, 0) + line.pay_minor
            shares = by_tax(values, down)
            made = down_lines(
                self._desk, order.order_id, order.number, shares, len(cart.lines) + 1, back=False
            )
            self._selling.keep(carts.add_lines(cart, *made))
        yield self._orders.placed(order.order_id)
        self._slip(order, down, paid=False, day=day)
        self._desk.message = e.Message(
            "order-made-down" if down else "order-made", {"number": order.number, "down": down}, "info"
        )
        return True

    def _goods(self, purpose: str, found: list[tuple[Article, Decimal]]) -> _Steps:
        """Scan after scan into `found`; a short number is how many there are of the last."""
        while True:
            rows = tuple((article.text, f"{qty:f}") for article, qty in found[:-_ROWS:-1])
            answer = yield Question(f"order-{purpose}-goods", "text", scans="answer", empty=True, rows=rows)
            if answer is None:
                if found:
                    return found
                self._desk.warn("order-nothing-yet")
                continue
            typed = answer.code if isinstance(answer, Scanned) else str(answer)
            qty = to_decimal(typed) if found and not isinstance(answer, Scanned) else None
            if qty is not None and len(typed) <= 3 and qty > 0 and qty == int(qty):
                found[-1] = (found[-1][0], qty)
                continue
            article = self._find(typed)
            if article is None or article.price_minor is None:
                self._desk.warn("pickup-replace-unknown" if article is None else "order-no-price")
                continue
            found.append((article, Decimal(1)))

    def _work(self, text: str, minor: int) -> dict[str, Any]:
        """Taxed like the first department."""
        tax = departments(self._desk)[0][2]
        return {
            "sku": "work", "qty": "1", "pay_minor": minor, "text": text[:80], "tax": tax, "reserve": False,
        }  # fmt: skip

    def _down(self, value: int) -> _Steps:
        """How much of it is paid now, in minor units."""
        fields: dict[str, str | int] = {"total": amount(value, self._desk.setup.language)}
        while True:
            down: int = (yield Question("order-down", "amount", fields=fields, empty=True)) or 0
            if 0 <= down <= value:
                return down
            self._desk.warn("order-down-limit", limit=value)

    def _day(self) -> Any:
        """A day to come, or None: as soon as it can be. Of a year of two digits the coming one is meant."""
        today = self._desk.today()
        while True:
            day: dt.date | None = yield Question("order-day", "date", empty=True)
            if day is None or day >= today:
                return day
            if day.year + 100 <= today.year + _YEARS_AHEAD:
                return day.replace(year=day.year + 100, day=min(day.day, 28) if day.month == 2 else day.day)
            self._desk.warn("order-day-past", day=day.isoformat())

    def _ready_ms(self, day: dt.date | None) -> int:
        if day is None:
            return 0
        zone = self._desk.world.clock.now().tzinfo
        return int(dt.datetime.combine(day, dt.time(_READY_HOUR), zone).timestamp() * 1000)

    # -- what they share

    def _place(self, body: dict[str, Any], said: list[Any]) -> _Steps:
        """`said`: the answers to `_who`. None of it stays here. Raises Refusal; then nothing is ordered."""
        body = {
            **body, "store": self._orders.store, "person": _person(said), "channel": "till",
            "currency": self._desk.setup.currency, "language": self._desk.setup.language,
            "customer": self._selling.about.customer,
        }  # fmt: skip
        answer = yield self._orders.place(body)
        if answer.silent:
            raise Refusal("order-silent")
        return read(heard(answer), _Placed).order

    def _slip(self, order: Order, down: int, *, paid: bool, day: dt.date | None = None) -> None:
        self._surroundings.print_document(
            order_slip(order, down, self._desk.setup.language, paid=paid, day=day)
        )

    def _given_up(self, cart: Cart) -> None:
        """A sale was voided: what was ordered in it is not."""
        for order_id in sorted({line.order for line in cart.lines if line.order and line.quantity > 0}):
            self._orders.cancel_later(order_id)


def _asked(question: Question) -> _Steps:
    return (yield question)


def _who(desk: Desk, *, sent: bool) -> list[_Part]:
    """Whom the hub tells, and where a parcel goes."""
    questions = [
        Question("order-name", "text", scans="refuse"),
        Question("order-contact", "text", empty=True, scans="refuse"),
    ]
    if sent:
        questions += [Question(f"order-{line}", "text", scans="refuse") for line in ("street", "city")]
    return [lambda _, question=question: _in_short(desk, question) for question in questions]  # type: ignore[misc]


def _in_short(desk: Desk, question: Question) -> _Steps:
    """A text that the hub takes whole: half an address leads to somebody else."""
    while True:
        said = yield question
        if len(str(said or "").strip()) <= _TEXT_MAX:
            return said
        desk.refuse(e.Message("order-text-long", {"limit": _TEXT_MAX}))


def _person(said: list[Any]) -> dict[str, Any]:
    """The answers to `_who` as the hub takes them."""
    name, contact, *lines = (str(one or "").strip() for one in said)
    mail = "@" in contact
    return {
        "name": name, "lines": lines,
        "email": contact if mail else "", "phone": "" if mail else contact[:40],
    }  # fmt: skip


def _some_of(lines: list[Line]) -> _Steps:
    options = tuple(Option(str(line.n), text=line.text, note=f"{line.quantity:f}") for line in lines)
    chosen = yield Question("order-lines", "many", options=options)
    if not chosen:
        raise Refusal("order-no-lines", level="info")
    return [line for line in lines if str(line.n) in chosen]


def _work_text(_: list[Any]) -> _Steps:
    return (yield Question("order-work", "text", scans="refuse"))


def _work_price(_: list[Any]) -> _Steps:
    return (yield Question("order-work-price", "amount"))


def _price(article: Article, qty: Decimal) -> int:
    return round_minor(qty * (article.price_minor or 0))


def _value(goods: list[tuple[Article, Decimal]]) -> int:
    return sum(_price(article, qty) for article, qty in goods)


def _may_wait(line: Line) -> bool:
    return (
        line.live and line.kind == "article" and bool(line.sku) and line.total_minor > 0
        and not (line.order or line.origin or line.serial or line.price_source in {"order", "origin"})
    )  # fmt: skip


def _ordered(sku: str, qty: Decimal, pay_minor: int, what: Line | Article) -> dict[str, Any]:
    gtin = what.gtin or ""
    return {
        "sku": sku, "qty": f"{qty:f}", "pay_minor": pay_minor, "text": what.text[:80], "unit": what.unit,
        "gtin": gtin if gtin.isdigit() and len(gtin) in range(8, 15) else "", "tax": what.tax_code, "min_age": what.min_age,
    }  # fmt: skip


def _place(one: _Level) -> str:
    if one.distance_m is None:
        return one.name
    return f"{one.name} ({max(1, round(one.distance_m / 1000))} km)"
