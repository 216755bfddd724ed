"""Size and colour: which variant of a product is sold, asked axis by axis, the price beside each.

What is in stock the till does not know yet, and does not guess; an option's `note` has the room for it.
"""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any

from pos.domain import commands as c
from pos.domain.article import Article, Product
from pos.domain.goods import is_sold
from pos.domain.question import Option, Question
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.selling import Selling

__all__ = ["Variants"]

ONE_LIST_MAX = 9
_AXES = 2


class Variants:
    """Asks for a variant before it is sold, and changes the last line's for another."""

    def __init__(self, desk: Desk, selling: Selling) -> None:
        self._desk = desk
        self._selling = selling
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions = {"variant": self._change}
        selling.pick = self.pick

    def pick(self, article: Article) -> Flow | None:
        """A search result was chosen: where it stands for several variants, which?"""
        if article.product not in self._selling.several:
            self._selling.sell_found(article)
            return None
        return self._sell_one_of(article)

    def _sell_one_of(self, article: Article) -> Flow:
        product = yield self._desk.world.catalogue.variants(article.product)
        if product is not None:
            self._selling.sell_found((yield from self._which(product)))
        else:
            self._selling.sell_found(self._desk.world.catalogue.by_sku(article.sku) or article)

    def _change(self, _: c.Do) -> Flow:
        """Another size or colour of the last goods: taken out, and sold anew."""
        self._desk.must_be_selling()
        cart = self._selling.cart
        line = (
            next((line for line in reversed(cart.lines) if is_sold(line)), None) if cart is not None else None
        )
        article = self._desk.world.catalogue.by_sku(line.sku) if line is not None and line.sku else None
        if line is None or article is None or not article.product:
            raise Refusal("no-variants", level="info")
        product = yield self._desk.world.catalogue.variants(article.product)
        if product is None:
            raise Refusal("no-variants", level="info")
        chosen = yield from self._which(product)
        if chosen.sku == article.sku:
            return
        self._selling.void(line.n)
        self._selling.quantity = line.quantity
        self._selling.sell_found(chosen)

    def _which(self, product: Product) -> Generator[Any, Any, Article]:
        """One list where it is short, else axis by axis; a size stands alone in its row, so it is never cut."""
        left: Sequence[Article] = product.variants
        fields: dict[str, str | int] = {"product": product.name, "axis": " / ".join(product.option_names)}
        texts = [" / ".join(article.options) or article.text for article in left]
        if len(left) == 1:
            return left[0]
        if len(product.option_names) == _AXES and len(left) > ONE_LIST_MAX:
            counts = [Counter(_value(article, axis) for article in left) for axis in range(_AXES)]
            first = 0 if len(counts[0]) < len(counts[1]) else 1  # the shorter list, as a rule the colours
            options = tuple(Option(value, text=value) for value in counts[first])
            fields = {"product": product.name, "axis": product.option_names[first]}
            value = yield Question("variant-axis", options=options, fields=fields)
            left = [article for article in left if _value(article, first) == value]
            texts = [_value(article, 1 - first) for article in left]
            fields = {"product": f"{product.name} {value}", "axis": product.option_names[1 - first]}
        options = tuple(
            Option(article.sku, text=text, amount_minor=article.price_minor)
            for article, text in zip(left, texts, strict=True)
        )
        sku = yield Question("variant", options=options, fields=fields)
        return next(article for article in left if article.sku == sku)


def _value(article: Article, axis: int) -> str:
    return article.options[axis] if axis < len(article.options) else ""
