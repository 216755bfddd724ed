"""Coupons: scanned or typed, they belong to the open cart; what they take off is a matter of promotions."""

from typing import Final

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain.cart import Cart
from pos.domain.discounts import saved_minor
from pos.domain.question import Option, Question, Scanned
from pos.domain.scans import Meaning, ScanKind, read_scan
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.promoting import Promoting
from pos.till.sale.selling import Selling

__all__ = ["COUPON_MAX", "Coupons"]

COUPON_MAX: Final = 64


class Coupons:
    """Takes a coupon that a promotion of this shop names, as often as that can make a difference; gives it back."""

    def __init__(self, desk: Desk, selling: Selling, promoting: Promoting) -> None:
        self._desk = desk
        self._selling = selling
        self._promoting = promoting
        self.handlers: dict[type[c.Command], object] = {}
        self.functions = {"coupon": self._typed, "coupon-back": self._give_back}
        self.codes = {ScanKind.COUPON: self._scanned}

    def _scanned(self, meaning: Meaning) -> None:
        self._take(meaning.payload or meaning.text)

    def _typed(self, command: c.Do) -> Flow | None:
        self._open_cart()
        if not command.text.strip():
            return self._ask()
        self._take(self._read(command.text.strip()))
        return None

    def _ask(self) -> Flow:
        answer = yield Question("coupon", "text", scans="answer")
        self._take(self._read(answer.code if isinstance(answer, Scanned) else str(answer).strip()))

    def _read(self, text: str) -> str:
        """What was scanned or typed where a coupon is asked for: its code, also out of one that holds it."""
        meaning = read_scan(text, self._desk.setup.scans, self._desk.today())
        return meaning.payload if meaning.kind is ScanKind.COUPON else text

    def _take(self, code: str) -> None:
        cart = self._open_cart()
        if not 0 < len(code) <= COUPON_MAX or not code.isprintable():
            raise Refusal("coupon-unknown", code=code[:COUPON_MAX])
        self._must_count(cart, code)
        before = saved_minor(line for line in cart.lines if line.live)
        self._selling.keep(carts.with_about(cart, coupons=(*cart.about.coupons, code)))
        now = saved_minor(line for line in self._selling.the_cart().lines if line.live)
        if now > before:
            self._desk.warn("coupon-taken", level="info", code=code, saved=now - before)
        else:
            self._desk.warn("coupon-waits", code=code)

    def _must_count(self, cart: Cart, code: str) -> None:
        """Raises Refusal for a coupon that can change nothing, with the reason."""
        rows = self._promoting.naming(cart, code)
        if not rows:
            raise Refusal("coupon-unknown", code=code)
        rows = [row for row in rows if self._promoting.in_force(cart, row, code)]
        if not rows:
            raise Refusal("coupon-not-now", code=code)
        times = cart.about.coupons.count(code)
        if all(self._promoting.allowed(row, code, times + 1) <= 0 for row in rows):
            raise Refusal("coupon-used-up", code=code)
        if times and all(
            self._promoting.allowed(row, code, times + 1) <= self._promoting.allowed(row, code, times)
            for row in rows
        ):
            raise Refusal("coupon-enough", code=code)

    def _give_back(self, _: c.Do) -> Flow:
        cart = self._open_cart()
        codes = tuple(dict.fromkeys(cart.about.coupons))
        if not codes:
            raise Refusal("no-coupon", level="info")
        code = codes[0]
        if len(codes) > 1:
            code = yield Question("coupon-back", options=tuple(Option(code, text=code) for code in codes))
            cart = self._open_cart()
        kept = list(cart.about.coupons)
        kept.remove(code)
        self._selling.keep(carts.with_about(cart, coupons=tuple(kept)))
        self._desk.warn("coupon-given-back", level="info", code=code)

    def _open_cart(self) -> Cart:
        self._desk.must_be_selling()
        if self._selling.cart is None:
            raise Refusal("coupon-after-article", level="info")
        return self._selling.cart
