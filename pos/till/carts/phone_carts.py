"""Carts that a customer brings on a phone: claimed at the hub for this till, or read out of their code alone while the hub is silent.

What the phone wants is expected until it is scanned or accepted; only then it is sold, at this till's price, with what its goods
ask. Before payment what is missing goes back to the phone, once it was asked. A sale names the cart that it closes.
"""

import asyncio
import logging
from collections.abc import Generator
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain.article import priced_for
from pos.domain.basket_code import BasketCode, plain_share, unpack
from pos.domain.cart import Cart
from pos.domain.cart_goods import reprice
from pos.domain.codes import shown
from pos.domain.money import round_minor
from pos.domain.order_cart import taken_here
from pos.domain.phone_cart import Expected, PhoneCart, waiting
from pos.domain.question import Option, Question, Scanned
from pos.domain.scans import Meaning, ScanKind, read_scan
from pos.node_ports import ShopAnswer
from pos.till.checkout import Checkout
from pos.till.desk import Desk, NeedsAnswer, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling
from pos.words import quantity_text

__all__ = ["PhoneCarts"]

CLAIM_S: Final = 3.0
FRESH_MS: Final = 300_000
_SOURCE: Final = "phone"
_ROWS_MAX: Final = 6
_ONE: Final = Decimal(1)
_Asks = Generator[Any, Any, bool]
_log = logging.getLogger(__name__)


class _Line(msgspec.Struct, frozen=True):
    sku: str
    text: str
    unit: str
    quantity: Decimal
    unit_minor: int
    kind: str = "article"


class _Price(msgspec.Struct, frozen=True):
    lines: tuple[_Line, ...] = ()


class _Asked(msgspec.Struct, frozen=True):
    qty: str
    sku: str


class _Claimed(msgspec.Struct, frozen=True):
    """What the till reads of the hub's answer; the rest is for others."""

    basket_id: str
    share_code: str
    lines: tuple[_Asked, ...] = ()
    price: _Price | None = None
    coupons: tuple[str, ...] = ()
    customer: str = ""
    customer_group: str = ""


class PhoneCarts:
    """One phone's cart for one sale."""

    def __init__(self, desk: Desk, selling: Selling, checkout: Checkout) -> None:
        self._desk = desk
        self._selling = selling
        checkout.given_up.append(self.given_up)
        self._claimed_at: dict[str, int] = {}  # by id, on the monotonic clock
        self._tasks: set[asyncio.Task[None]] = set()
        self.handlers: dict[type[c.Command], Any] = {}
        self.functions = {
            "phone-cart": self._typed,
            "phone-cart-accept": self._accept,
            "phone-cart-back": self._back,
        }
        self.codes = {ScanKind.BASKET: self._scanned}

    # -- claim

    def _scanned(self, meaning: Meaning) -> Flow:
        return self._take(meaning.key, unpack(meaning.payload))

    def _typed(self, command: c.Do) -> Flow:
        self._desk.must_be_selling()
        typed: Any = command.text.strip()
        if not typed:
            typed = yield Question("phone-cart", "text", scans="answer")
        text = typed.code if isinstance(typed, Scanned) else str(typed).strip()
        meaning = read_scan(text.upper(), self._desk.setup.scans, self._desk.today())
        if meaning.kind is ScanKind.BASKET:
            yield from self._take(meaning.key, unpack(meaning.payload))
            return
        share = plain_share(text)
        if not share:
            raise Refusal("phone-cart-code", code=shown(text[:20]))
        yield from self._take(share, None)

    def _take(self, share: str, carried: BasketCode | None) -> Flow:
        """Claim a cart; where the hub is silent, go on with the lines that its code carries, if the cashier wants it."""
        self._desk.must_be_selling()
        self._must_fit(share)
        store = self._desk.world.journal.head.store
        if carried is not None and carried.store != store:
            raise Refusal("phone-cart-store", store=carried.store[:32])
        answer = yield self._ask_claim(share)
        if answer.yes:
            self._begin(*_of_hub(answer))
            return
        if not answer.silent:
            raise self._refusal(answer)
        if carried is None:
            raise Refusal("phone-cart-silent", level="warn")
        if carried.expires_ms <= self._desk.world.clock.wall_ms():
            raise Refusal("phone-cart-over")
        rows = self._rows(self._of_code(carried).expected)
        options = (
            Option("yes", word="ui.phone-cart-offline-yes"),
            Option("no", word="ui.phone-cart-offline-no"),
        )
        if (yield Question("phone-cart-offline", options=options, rows=rows, confirm=True)) == "yes":
            self._begin(self._of_code(carried), _Claimed(carried.basket_id, carried.share))

    def _must_fit(self, share: str) -> None:
        cart = self._selling.cart
        if cart is None:
            return
        held = cart.about.phone_cart
        if held is not None and held.share != share:
            raise Refusal("phone-cart-one")
        if taken_here(cart):
            raise Refusal("part-paid-first", paid=carts.paid_minor(cart))

    async def _ask_claim(self, share: str) -> ShopAnswer:
        """Asked again, also under another key, the hub gives this till the same cart; so no key need be remembered."""
        world = self._desk.world
        if world.shop is None:
            return ShopAnswer(0)
        body = msgspec.json.encode(
            {"store": world.journal.head.store, "code": share, "by": self._desk.operator_id()[:40]}
        )
        asked_ms = world.clock.mono_ms()
        answer = await world.shop.ask("POST", "/carts/claim", body, key=world.ids.new_id(), timeout_s=CLAIM_S)
        if answer.yes:
            self._claimed_at[share] = asked_ms
        return answer

    def _refusal(self, answer: ShopAnswer) -> Refusal:
        if answer.code == "claimed":
            till, _, person = answer.detail.partition(" ")
            return Refusal(
                "phone-cart-claimed", level="warn", till=till, who=self._desk.names.get(person, person or "?")
            )
        if answer.code == "ended":
            return Refusal("phone-cart-over" if answer.detail == "expired" else "phone-cart-ended")
        return Refusal("phone-cart-unknown" if answer.status == 404 else "phone-cart-refused")

    def _of_code(self, carried: BasketCode) -> PhoneCart:
        expected = []
        for sku, quantity in _summed(carried.lines):
            article = self._desk.world.catalogue.by_sku(sku)
            text, unit = (article.text, article.unit) if article is not None else (sku, "pc")
            expected.append(Expected(sku, text, quantity, unit))
        return PhoneCart(carried.basket_id, carried.share, tuple(expected), claimed=False)

    def _begin(self, phone_cart: PhoneCart, said: _Claimed) -> None:
        """The cart that is open, or a new one, follows the phone's from here."""
        cart = self._selling.begun()
        held = cart.about.phone_cart
        if held is not None:  # claimed once more: what was expected stays so
            phone_cart = msgspec.structs.replace(phone_cart, expected=held.expected, settled=held.settled)
        groups = tuple(dict.fromkeys((*cart.about.groups, *filter(None, (said.customer_group,)))))
        coupons = cart.about.coupons if held is not None else (*cart.about.coupons, *said.coupons)
        customer = cart.about.customer or said.customer
        cart = carts.with_about(
            cart, phone_cart=phone_cart, groups=groups, coupons=coupons, customer=customer
        )
        self._selling.keep(reprice(cart, self._desk.world.catalogue.by_sku))
        self._say_begun(phone_cart)

    def _say_begun(self, phone_cart: PhoneCart) -> None:
        told = here = 0
        groups = self._selling.the_cart().about.groups
        for one in phone_cart.expected if phone_cart.claimed else ():
            article = self._desk.world.catalogue.by_sku(one.sku)
            told += round_minor(one.quantity * one.unit_minor)
            minor = priced_for(article, groups).price_minor if article is not None else one.unit_minor
            here += round_minor(one.quantity * (minor or 0))
        count = len(phone_cart.expected)
        if told != here:
            self._desk.warn("phone-cart-differs", told=told, here=here)
        else:
            self._desk.warn("phone-cart-here", level="info", count=count)

    # -- accept

    def _waiting(self) -> tuple[Expected, ...]:
        """What waits in the open cart. Raises Refusal where there is no phone's cart."""
        self._desk.must_be_selling()
        cart = self._selling.cart
        if cart is None or cart.about.phone_cart is None:
            raise Refusal("phone-cart-none", level="info")
        return waiting(cart.about.phone_cart.expected, cart.lines)

    def _accept(self, _: c.Do) -> Flow:
        """Ring up what lies there without scanning it: one line, or all that is neither weighed nor unknown."""
        left = self._waiting()
        if not left:
            raise Refusal("phone-cart-whole", level="info")
        options = (
            Option("all", word="ui.phone-cart-all"),
            *(Option(one.sku, text=one.text, note=self._much(one)) for one in left),
        )
        chosen = yield Question("phone-cart-accept", options=options)
        wanted = [one for one in self._waiting() if chosen in {"all", one.sku}]
        left_out = [one.text for one in wanted if not self._sell(one, alone=chosen != "all")]
        if left_out:
            self._desk.warn("phone-cart-left", text=left_out[0], count=len(left_out))

    def _sell(self, one: Expected, *, alone: bool) -> bool:
        """False for what must be weighed, or is not in this till's catalogue. Alone it is weighed now. Raises Refusal."""
        article = self._desk.world.catalogue.by_sku(one.sku)
        if article is None or (article.unit != "pc" and not alone):
            return False
        self._selling.quantity = None
        if article.unit != "pc":
            self._selling.sell(article, "", _SOURCE)
        elif article.serial_required:
            for _ in range(int(one.quantity)):
                self._selling.sell(article, "", _SOURCE, _ONE)
        else:
            self._selling.sell(article, "", _SOURCE, one.quantity)
        return True

    # -- back

    def _back(self, _: c.Do) -> Flow:
        """The whole cart back to the phone; nothing of it may be rung up."""
        self._waiting()
        cart = self._selling.the_cart()
        if any(line.live for line in cart.lines):
            raise Refusal("phone-cart-back-lines")
        held = cart.about.phone_cart
        assert held is not None, "a phone's cart is open"
        answer = yield self._give_back(held)
        self._selling.keep(carts.with_about(self._selling.the_cart(), phone_cart=None))
        if not self._selling.the_cart().lines:
            self._selling.end_cart()
        self._desk.warn("phone-cart-back" if answer.yes else "phone-cart-back-later", level="info")

    async def _give_back(self, held: PhoneCart) -> ShopAnswer:
        world = self._desk.world
        if world.shop is None or not held.claimed:
            return ShopAnswer(200)
        path = f"/carts/{world.journal.head.store}/{held.basket_id}/hand-back"
        return await world.shop.ask("POST", path, b"{}", key=world.ids.new_id(), timeout_s=CLAIM_S)

    def given_up(self, cart: Cart) -> None:
        """A sale was voided: its cart goes back in the background. Unheard, the hub's clock gives it back."""
        held = cart.about.phone_cart
        if held is None or not held.claimed:
            return

        async def give() -> None:
            try:
                await self._give_back(held)
            except Exception:  # noqa: BLE001 - logged; the lease ends by itself
                _log.exception("a phone's cart could not be handed back")

        task = asyncio.get_running_loop().create_task(give(), name="phone-cart-back")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- before payment

    def first(self) -> None:
        """Before anything is paid. Raises NeedsAnswer, once a sale."""
        cart = self._selling.cart
        held = cart.about.phone_cart if cart is not None else None
        if held is not None and not held.settled:
            raise NeedsAnswer(self._settle())

    def _settle(self) -> _Asks:
        """Ask what becomes of that which is missing, and hold the cart a little longer. False: the payment waits."""
        left = self._waiting()
        if left:
            fields: dict[str, str | int] = {"count": len(left)}
            options = (
                Option("back", word="ui.phone-cart-rest-back"),
                Option("stay", word="ui.phone-cart-rest-stay"),
            )
            question = Question(
                "phone-cart-rest", options=options, fields=fields, rows=self._rows(left), confirm=True
            )
            if (yield question) != "back":
                return False
        held = self._selling.the_cart().about.phone_cart
        assert held is not None, "a phone's cart is open"
        since = self._claimed_at.get(held.share)
        if held.claimed and (since is None or self._desk.world.clock.mono_ms() - since > FRESH_MS):
            answer = yield self._ask_claim(held.share)
            if not answer.yes and not answer.silent:
                self._desk.refuse(self._refusal(answer).message)
                options = (
                    Option("no", word="ui.phone-cart-lost-no"),
                    Option("yes", word="ui.phone-cart-lost-yes"),
                )
                if (yield Question("phone-cart-lost", options=options, confirm=True)) != "yes":
                    return False
        cart = self._selling.the_cart()
        self._selling.keep(carts.with_about(cart, phone_cart=msgspec.structs.replace(held, settled=True)))
        return True

    def _rows(self, lines: tuple[Expected, ...]) -> tuple[tuple[str, str], ...]:
        rows = tuple((one.text, self._much(one)) for one in lines[:_ROWS_MAX])
        return rows if len(lines) <= _ROWS_MAX else (*rows, (f"+ {len(lines) - _ROWS_MAX}", ""))

    def _much(self, one: Expected) -> str:
        text = quantity_text(one.quantity, one.unit, self._desk.language)
        return f"{text} x" if one.unit == "pc" else text


def _summed(lines: tuple[tuple[str, Decimal], ...]) -> list[tuple[str, Decimal]]:
    """Each article once."""
    sums: dict[str, Decimal] = {}
    for sku, quantity in lines:
        sums[sku] = sums.get(sku, Decimal(0)) + quantity
    return list(sums.items())


def _of_hub(answer: ShopAnswer) -> tuple[PhoneCart, _Claimed]:
    """Raises Refusal for what no hub of ours says."""
    try:
        said = msgspec.json.decode(answer.body, type=_Claimed)
        wanted = _summed(tuple((line.sku, Decimal(line.qty)) for line in said.lines))
    except (msgspec.MsgspecError, ArithmeticError) as error:
        _log.error("the hub's cart cannot be read: %s", error)
        raise Refusal("phone-cart-refused") from error
    priced = {
        line.sku: line
        for line in (said.price.lines if said.price is not None else ())
        if line.kind != "deposit"
    }
    expected = []
    for sku, quantity in wanted:
        line = priced.get(sku)
        expected.append(
            Expected(sku, line.text, quantity, line.unit, line.unit_minor)
            if line is not None
            else Expected(sku, sku, quantity)
        )
    return PhoneCart(said.basket_id, said.share_code, tuple(expected)), said
