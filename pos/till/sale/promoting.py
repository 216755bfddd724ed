"""Promotions on the open cart: after each change its lines carry what today's promotions take off them.

The rule itself is pure (pos.domain.promotions); here stand which lines it sees, which rows, and what changed.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pos.domain.cart import Cart, with_about
from pos.domain.discounts import put_discounts
from pos.domain.line import Discount, Line
from pos.domain.promoted import SOURCE, counted, given, shares_of, takes_part
from pos.ports import PromotionsUnavailableError
from pos.till.desk import Desk

if TYPE_CHECKING:
    from pos.domain.promotions import Application, Book, Evaluated, Left, Pricer, Promotion, PromotionLine

__all__ = ["SOURCE", "Promoting"]

_log = logging.getLogger(__name__)


class Promoting:
    """Prices the one cart that is open.

    The rows and budgets of a cart are those of its beginning, the moment is that of its first line: while it is open,
    nothing but its own lines, coupons and customer changes what it costs.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._cart_id = ""
        self._book: Book | None = None
        self._unusable = False
        self._pricer: Pricer | None = None
        self._moment = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - local time of the shop
        self._left: dict[str, Left] = {}
        self._forget()

    def _forget(self) -> None:
        self._lines: tuple[Line, ...] | None = None  # as they were given out last
        self._given: list[PromotionLine] = []
        self._answer: Evaluated | None = None
        self._times: Counter[int] = Counter()  # how often each application stands in it, by the object's id
        self._objects: dict[int, Application] = {}
        self._shares: dict[int, dict[int, int]] = {}  # by line, by the promotion's place in the book

    def price(self, cart: Cart) -> Cart:
        """The cart with the discounts of promotions as they are for its lines now."""
        self._take_up(cart)
        if self._pricer is None:
            return cart if self._unusable else self._without(cart)
        known = self._lines
        appended = known is not None and cart.lines[: len(known)] == known
        if known is None or not appended:
            self._forget()
            known = ()
        new = cart.lines[len(known) :]
        self._given += [given(line) for line in new if self._takes_part(line)]
        answer = self._pricer.evaluate(
            self._given,
            moment=self._moment,
            groups=cart.about.groups,
            coupons=counted(cart.about.coupons),
            left=self._left,
        )
        touched = self._follow(answer)
        if appended:
            fresh = self._differing([cart.lines[n - 1] for n in sorted(touched)])
        else:
            fresh = self._differing(cart.lines)
            self._say_replaced(cart.lines, fresh)
        priced = put_discounts(cart, SOURCE, fresh)
        if priced.about.promotions != answer.used:
            priced = with_about(priced, promotions=answer.used)
        self._lines = priced.lines
        return priced

    def _take_up(self, cart: Cart) -> None:
        """A cart that was not priced before takes the rows and budgets as they are now."""
        if cart.cart_id == self._cart_id or self._desk.world.promotions is None:
            return
        self._forget()
        self._cart_id = cart.cart_id
        try:
            self._desk.world.promotions.refresh()
        except PromotionsUnavailableError as error:
            _log.error("promotions cannot be read: %s", error)
            self._desk.warn("promotions-unusable", level="alarm", detail=str(error))
        book = self._book = self._desk.world.promotions.book
        self._unusable = book is None and self._desk.world.promotions.unusable
        self._pricer = None
        if book is None or not book.promotions:
            return
        from pos.domain.promotions import Pricer  # noqa: PLC0415 - only where there are promotions

        self._pricer = Pricer(book)
        self._left = dict(self._desk.budgets.left(book.promotions))
        zone = self._desk.world.clock.now().tzinfo
        self._moment = dt.datetime.fromtimestamp(cart.opened_ms / 1000, zone).replace(tzinfo=None)

    def _without(self, cart: Cart) -> Cart:
        """No rows are in use; a cart that comes from a time with rows loses what they took off."""
        fresh: dict[int, tuple[Discount, ...]] = {
            line.n: () for line in cart.lines if line.discounts and shares_of(line)
        }
        if not fresh and not cart.about.promotions:
            return cart
        return with_about(put_discounts(cart, SOURCE, fresh), promotions=())

    def _takes_part(self, line: Line) -> bool:
        """Articles at the shop's own price, which nobody changed by hand; not those whose price the publisher sets."""
        return takes_part(line) and not self._desk.setup.goods.price_is_fixed(
            line.gtin or line.code, line.department
        )

    # -- what changed

    def _follow(self, answer: "Evaluated") -> set[int]:
        """Take the shares of applications that are new, and give back those that are gone; the lines concerned."""
        if answer is self._answer:
            return set()
        ids = list(map(id, answer.applications))
        before, now = self._times, Counter(ids)
        objects = dict(zip(ids, answer.applications, strict=True))
        touched: set[int] = set()
        for key in {key for key, _ in before.items() ^ now.items()}:
            made = objects.get(key) or self._objects[key]
            self._count(made, now[key] - before[key], touched)
        self._answer, self._times, self._objects = answer, now, objects
        return touched

    def _count(self, made: "Application", times: int, touched: set[int]) -> None:
        """Count an application's shares so often more, or less."""
        assert self._book is not None, "what was applied stands in the book"
        place = self._book.place_of(made.promotion)
        for share in made.shares:
            touched.add(share.n)
            line = self._shares.setdefault(share.n, {})
            line[place] = line.get(place, 0) + times * share.minor
            if not line[place]:
                del line[place]

    def _discounts(self, n: int) -> tuple[Discount, ...]:
        """What promotions take off a line, in the order in which they are looked at."""
        line = self._shares.get(n)
        if not line:
            return ()
        assert self._book is not None, "what was applied stands in the book"
        rows = self._book.promotions
        return tuple(
            Discount(rows[place].id, rows[place].text, minor, source=SOURCE)
            for place, minor in sorted(line.items())
        )

    def _differing(self, lines: Sequence[Line]) -> dict[int, tuple[Discount, ...]]:
        """Of these lines, those that carry something else than they should."""
        found = {}
        for line in lines:
            wanted = self._discounts(line.n)
            if wanted != shares_of(line):
                found[line.n] = wanted
        return found

    def _say_replaced(self, lines: Sequence[Line], fresh: "dict[int, tuple[Discount, ...]]") -> None:
        """What a person set by hand takes the place of a promotion; the cashier is told where it did."""
        for n, wanted in fresh.items():
            line = lines[n - 1]
            if not wanted and line.live and line.kind == "article" and not self._takes_part(line):
                self._desk.warn("promotion-replaced", level="info", text=line.text)
                return

    # -- rows that a coupon names

    def naming(self, cart: Cart, coupon: str) -> "list[Promotion]":
        """The active promotions of this cart's rows that name a coupon."""
        self._take_up(cart)
        return [] if self._book is None else [row for row in self._book.promotions if row.coupon == coupon]

    def in_force(self, cart: Cart, row: "Promotion", coupon: str) -> bool:
        """Whether the promotion's other conditions are met for this cart."""
        from pos.domain.promotions.conditions import holds  # noqa: PLC0415

        return holds(row, self._moment, cart.about.groups, {coupon: 1})

    def allowed(self, row: "Promotion", coupon: str, times: int) -> int:
        """How many applications a coupon presented so often allows, within limits and budget."""
        from pos.domain.promotions.conditions import uses_allowed  # noqa: PLC0415

        left = self._left.get(row.id)
        if left is not None and left.minor is not None and left.minor <= 0:
            return 0
        return uses_allowed(row, {coupon: times}, left)
