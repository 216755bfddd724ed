"""The cart at work: articles, quantities, voids, open lines, search. In memory; nothing is awaited but the search."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.about import About
from pos.domain.age import age_wanted
from pos.domain.article import Article, priced_for
from pos.domain.cart import Cart
from pos.domain.goods import (
    asks_serial,
    in_exchange,
    is_repeatable,
    is_weight,
    put_serial,
    set_last,
)
from pos.domain.line import NOTHING_SAID
from pos.domain.money import QUANTITY_MAX, TOTAL_MAX_MINOR
from pos.domain.order_cart import with_prepaid
from pos.domain.payment import overpaid
from pos.domain.reductions import carry_over
from pos.till.desk import Desk, Refusal, stop_message

__all__ = ["Selling"]

SEARCH_RESULTS_MAX = 20
_WHOLE = Decimal(1)


class Selling:
    """The open cart and everything that changes its lines."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.cart: Cart | None = None
        self.quantity: Decimal | None = None
        self.chosen: int | None = None
        self.results: tuple[Article, ...] | None = None
        self.search_text = ""
        self.several: frozenset[int] = frozenset()
        """Products of which the search found more than one variant: each is one of its results."""
        self.next_about = About()
        """What is known of the cart that begins with the next line."""
        self.guard: Callable[[Cart], None] = lambda _: None
        """Refuses to change a cart of whose payment nobody knows."""
        self.price: Callable[[Cart], Cart] = lambda cart: cart
        """Puts discounts in place after each change of lines."""
        self.named: Callable[[Cart], Cart] = lambda cart: cart
        """Says of cash into which insert it fell."""
        self.weigh: Callable[[Article, str, str], bool] = lambda *_: False
        """True where the scale is asked first (pos.till.sale.weighing)."""
        self.on_scale: Article | None = None
        self.pick: Callable[[Article], Any] = self.sell_found
        """What choosing a search result does: an article of which there are variants is asked for first (pos.till.sale.variants)."""
        self.no_article: Callable[[str], bool] = lambda _: False
        """True where text that finds no article is taken for something else (pos.till.orders.pickups)."""
        self.handlers = {
            c.SetQuantity: self._set_quantity,
            c.RepeatLast: self._repeat_last,
            c.VoidLast: self._void_last,
            c.VoidLine: self._void_line,
            c.ChooseOpenLine: self._choose_next,
            c.DropOpenLines: self._drop_open_lines,
            c.Search: self._search,
            c.PickResult: self._pick_result,
            c.Cancel: self._cancel,
        }

    def find(self, key: str) -> Article | None:
        """By a code's key; between carts the catalogue is looked at anew."""
        if self.cart is None:
            self._desk.world.catalogue.refresh(self._desk.today())
        return self._desk.world.catalogue.find(key)

    def sell_unknown(self, code: str, source: str) -> None:
        """A code that nobody knows becomes an open line."""
        cart = self.cart_for_line()
        quantity = self.take_quantity() or _WHOLE
        self._set_cart(cart_goods.add_open_line(cart, code, quantity, self._desk.mark(), source=source))
        line = self.the_cart().lines[-1]
        self.chosen = line.n
        self._desk.events.append(e.OpenLineAdded(line.n, code))
        self._desk.message = e.Message("code-unknown", {"code": code}, "alarm")

    def sell(
        self,
        article: Article,
        code: str,
        source: str,
        quantity: Decimal | None = None,
        said: carts.Particulars = NOTHING_SAID,
    ) -> carts.Line | None:
        """Sell so much of an article, or as much as was typed; answers the new line, None where the scale is asked first."""
        if quantity is None and self.weigh(article, code, source):
            return None
        if quantity is None:
            quantity = self._quantity_for(article)
        cart = self.cart_for_line()
        before = len(cart.lines)
        self._set_cart(
            cart_goods.add_article(
                cart,
                article,
                quantity,
                self._desk.rates(article),
                self._desk.mark(),
                code=code,
                source=source,
                said=said,
            )
        )
        self.take_quantity()
        line = self.the_cart().lines[before]
        if line.kind != "open":
            self._desk.events.append(e.LineAdded(line.n, line.text, line.quantity, line.total_minor))
        else:
            self._desk.events.append(e.OpenLineAdded(line.n, line.code or code))
        self.look_at(line, article)
        return line

    def sell_weighed(self, article: Article, code: str, kilograms: Decimal) -> None:
        """Sell what lies on the scale; a quantity that was typed meanwhile is the next article's."""
        typed, self.quantity = self.quantity, kilograms
        try:
            self.sell(article, code, "scale")
        finally:
            self.quantity = typed

    def look_at(self, line: carts.Line, article: Article) -> None:
        """What a line just added asks of the cashier: its price, or a look at the customer's age."""
        if line.kind == "open":
            self.chosen = line.n
            self._desk.message = e.Message("price-needed", {"text": line.text}, "alarm")
            return
        if asks_serial(article, line):
            self._set_cart(put_serial(self.the_cart(), line.n, ""))
            self._desk.goods_ask = True
        cart = self.the_cart()
        asks = self._desk.setup.goods.age_check != "warn"
        if article.min_age > cart.about.age and not any(
            other.live and other.min_age >= article.min_age for other in cart.lines[: line.n - 1]
        ):
            self._desk.goods_ask |= asks
            if not asks:
                self._desk.warn("age-check", age=article.min_age, text=article.text)
        elif asks and age_wanted(cart):
            self._desk.warn("age-waits", age=age_wanted(cart))

    def _quantity_for(self, article: Article) -> Decimal:
        quantity = self.quantity
        if article.serial_required and quantity not in {None, _WHOLE}:
            raise Refusal("serial-one-by-one", level="warn", text=article.text)
        if article.unit == "pc":
            if quantity is not None and quantity != quantity.to_integral_value():
                raise Refusal("quantity-whole", text=article.text)
            return quantity or _WHOLE
        if quantity is None:
            raise Refusal("weight-needed", level="warn", text=article.text, unit=article.unit)
        if not is_weight(quantity, article.unit):
            raise Refusal("weight-absurd", level="warn", text=article.text)
        return quantity

    def cart_for_line(self) -> Cart:
        """The open cart, or a new one."""
        if self.cart is not None:
            return self.cart
        assert self._desk.operator is not None, "only a signed-in operator sells"
        self._desk.showing_last = False
        if self._desk.drawer_is_open:
            self._desk.warn("drawer-open")
        return Cart(
            self._desk.world.ids.new_id(),
            self._desk.world.clock.wall_ms(),
            self._desk.operator.operator_id,
            about=self.next_about,
        )

    def _set_quantity(self, command: c.SetQuantity) -> None:
        self._desk.must_be_selling()
        self.quantity = None
        if not 0 < command.quantity <= QUANTITY_MAX:
            raise Refusal("quantity-limit", limit=int(QUANTITY_MAX))
        self.quantity = command.quantity

    def _repeat_last(self, _: c.RepeatLast) -> None:
        """`3*` and Enter: three of the last goods in all, more or fewer."""
        self._desk.must_be_selling()
        cart = self.cart
        line = carts.last_live_line(cart) if cart is not None else None
        if cart is None or line is None or self.quantity is None or not is_repeatable(line):
            raise Refusal("nothing-to-repeat")
        quantity = self.quantity
        if line.unit == "pc" and quantity != quantity.to_integral_value():
            raise Refusal("quantity-whole", text=line.text)
        if not is_weight(quantity, line.unit):
            raise Refusal("weight-absurd", level="warn", text=line.text)
        changed, source = set_last(cart, line.n, quantity, self._desk.mark())
        if changed is cart:
            raise Refusal("nothing-to-repeat")
        fresh = len(cart.lines) + 1
        self._set_cart(carry_over(changed, source, fresh) if source else changed)
        self.take_quantity()
        self._desk.events += [
            e.LineVoided(old.n)
            for old, new in zip(cart.lines, changed.lines, strict=False)
            if old.live and not new.live and old.parent is None
        ]
        if source:
            line = self.the_cart().lines[fresh - 1]
            self._desk.events.append(e.LineAdded(line.n, line.text, line.quantity, line.total_minor))

    def _void_last(self, _: c.VoidLast) -> None:
        self._desk.must_be_selling()
        line = carts.last_live_line(self.cart) if self.cart is not None else None
        if line is None:
            raise Refusal("nothing-to-void")
        self.void(line.n)

    def _void_line(self, command: c.VoidLine) -> None:
        self._desk.must_be_selling()
        line = carts.find_line(self.cart, command.n) if self.cart is not None else None
        if line is None or not line.live:
            raise Refusal("no-such-line", n=command.n)
        self.void(line.parent or line.n)

    def void(self, n: int) -> None:
        """Take a line out. What was sold for a return goes before the return does."""
        lines = self.the_cart().lines
        if lines[n - 1].kind == "return" and any(map(in_exchange, lines)):
            raise Refusal("exchange-first")
        self._set_cart(carts.void_line(self.the_cart(), n, self._desk.mark()))
        self.choose_open_line()
        self._desk.events.append(e.LineVoided(n))

    def _drop_open_lines(self, _: c.DropOpenLines) -> None:
        self._desk.must_be_selling()
        self.void(self.chosen_line().n)

    def _choose_next(self, _: c.ChooseOpenLine) -> None:
        numbers = [line.n for line in carts.open_lines(self.cart)] if self.cart is not None else []
        if not numbers:
            raise Refusal("no-open-line")
        later = [n for n in numbers if n > (self.chosen or 0)]
        self.chosen = later[0] if later else numbers[0]

    def choose_open_line(self) -> None:
        waiting = carts.open_lines(self.cart) if self.cart is not None else ()
        if all(line.n != self.chosen for line in waiting):
            self.chosen = waiting[0].n if waiting else None

    def chosen_line(self) -> carts.Line:
        """The open line that is settled next. Raises Refusal where none waits."""
        self.choose_open_line()
        if self.cart is None or self.chosen is None:
            raise Refusal("no-open-line")
        line = carts.find_line(self.cart, self.chosen)
        assert line is not None, "the chosen line is in the cart"
        return line

    async def _search(self, command: c.Search) -> None:
        self._desk.must_be_selling()
        text = command.text.strip()
        if len(text) < 2:
            raise Refusal("search-two-letters", level="info")
        found = await self._one_of_each(await self._desk.world.catalogue.search(text, SEARCH_RESULTS_MAX))
        self.results = tuple(found) or None
        self.search_text = text
        if not found:
            if self.no_article(text):
                return
            raise Refusal("search-nothing", text=text)
        self._desk.events.append(
            e.ArticlesFound(text, tuple((article.gtin or article.sku, article.text) for article in found))
        )

    def priced_results(self) -> tuple[Article, ...]:
        """What was found, at the prices of the customer who is named."""
        groups = self.cart.about.groups if self.cart is not None else ()
        found = self.results or ()
        return tuple(priced_for(article, groups) for article in found) if groups else found

    async def _one_of_each(self, found: Sequence[Article]) -> Sequence[Article]:
        """Search results with one row for each product of which several variants were found."""
        hits = Counter(article.product for article in found if article.product)
        self.several = frozenset(product for product, count in hits.items() if count > 1)
        kept: dict[str | int, Article] = {}
        for article in found:
            if article.product not in self.several:
                kept[article.sku] = article
            elif article.product not in kept:
                product = await self._desk.world.catalogue.variants(article.product)
                named = f"{product.name} ({', '.join(product.option_names)})" if product else article.text
                kept[article.product] = msgspec.structs.replace(article, text=named)
        return list(kept.values())

    def _pick_result(self, command: c.PickResult) -> Any:
        self._desk.must_be_selling()
        results = self.results or ()
        if not 1 <= command.index <= len(results):
            raise Refusal("search-pick", limit=len(results))
        self.results = None
        return self.pick(results[command.index - 1])

    def sell_found(self, article: Article) -> None:
        """Sell an article that was looked up, in the place of the chosen open line where there is one."""
        line = None
        if self.cart is not None and self.chosen is not None:
            line = carts.find_line(self.cart, self.chosen)
        if line is None or line.open_reason != "unknown" or article.unit != "pc":
            self.sell(article, "", "search")
        else:
            self._settle_by_article(line, article)

    def _settle_by_article(self, line: carts.Line, article: Article) -> None:
        if article.unit == "pc" and line.quantity != line.quantity.to_integral_value():
            raise Refusal("quantity-whole", text=article.text)
        cart = self.the_cart()
        before = len(cart.lines)
        self._set_cart(
            cart_goods.replace_open_line(
                cart,
                line.n,
                article,
                self._desk.rates(article),
                self._desk.mark(),
            )
        )
        self.choose_open_line()
        self._desk.events.append(e.LineSettled(line.n, "search"))
        self.look_at(self.the_cart().lines[before], article)

    def _cancel(self, _: c.Cancel) -> None:
        self.on_scale = None
        self.results = None
        self.quantity = None

    def the_cart(self) -> Cart:
        assert self.cart is not None, "a cart is open"
        return self.cart

    def _set_cart(self, cart: Cart) -> None:
        """The one way a cart changes: priced, within its limits, and on its way to the disk. Nothing to pay bears no tip."""
        if self.cart is not None:
            self.guard(self.cart)
        cart = with_prepaid(self.price(cart), self._desk.setup.currency)
        if cart.about.tip_minor and carts.total_minor(cart) <= 0:
            cart = carts.with_about(cart, tip_minor=0)
        if carts.total_minor(cart) > TOTAL_MAX_MINOR:
            raise Refusal("total-over-limit")
        if len(cart.lines) > carts.LINES_MAX:
            raise Refusal("cart-full", lines=carts.LINES_MAX)
        if cart.tenders and overpaid(cart):
            raise Refusal("would-be-overpaid", paid=carts.paid_minor(cart))
        self.cart, self.next_about = self.named(cart), About()
        self._desk.world.state.save_cart(cart)
        problem = self._desk.world.state.problem
        if problem is not None:
            self._desk.message = stop_message(problem)

    def keep(self, cart: Cart) -> None:
        """The open cart with other payments or other things known of it."""
        self._set_cart(cart)

    def remember(self, **changes: Any) -> None:
        """What is known of the open cart, or of the one that begins next."""
        if self.cart is not None:
            self._set_cart(carts.with_about(self.cart, **changes))
        else:
            self.next_about = msgspec.structs.replace(self.next_about, **changes)

    @property
    def about(self) -> About:
        """What is known of the open cart, or of the one that begins next."""
        return self.cart.about if self.cart is not None else self.next_about

    def begun(self) -> Cart:
        """The open cart, or the one that begins now."""
        return self.cart_for_line()

    def take_up(self, cart: Cart) -> None:
        """Open a cart that was kept elsewhere, at the prices of its articles and with today's promotions."""
        self._desk.showing_last = False
        self.cart = cart = self.price(cart)
        self.on_scale = None
        self.quantity = None
        self.results = None
        self.choose_open_line()
        self._desk.world.state.save_cart(cart)

    def look_again(self) -> None:
        """At start: the open cart as promotions are now."""
        before = self.cart
        if before is not None:
            self.cart = self.price(before)
            if self.cart is not before:
                self._desk.world.state.save_cart(self.cart)
                self.say_repriced(carts.total_minor(before), self.cart)

    def say_repriced(self, before_minor: int, cart: Cart) -> None:
        """A cart that is taken up again costs something else than it did when it was left: that is told."""
        total = carts.total_minor(cart)
        if total != before_minor:
            self._desk.warn("cart-repriced", before=before_minor, total=total)

    def end_cart(self) -> None:
        self.on_scale = None
        self.cart = None
        self.next_about = About()
        self.chosen = None
        self.quantity = None
        self.results = None
        self._desk.world.state.save_cart(None)

    def take_quantity(self) -> Decimal | None:
        """The quantity that was typed, which counts once."""
        quantity, self.quantity = self.quantity, None
        return quantity
