"""Size and colour: which variant of a product is sold, asked axis by axis, the price and what is free beside each.

What is in stock the hub knows: it is asked while the list is shown already, which waits for nothing. Until it has
answered, and where it does not, a question mark stands there; a till without a hub says nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from pos.domain import commands as c
from pos.domain.article import Article, Product
from pos.domain.goods import is_sold
from pos.domain.question import Option, Question
from pos.ports import Submit
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Flows
from pos.till.sale.selling import Selling

__all__ = ["Variants"]

ONE_LIST_MAX = 9
_AXES = 2
_UNKNOWN: Final = "?"
_ASKED_MAX: Final = 100


class _Level(msgspec.Struct):
    sku: str
    available: str


class _Levels(msgspec.Struct):
    levels: tuple[_Level, ...]


class Variants:
    """Asks for a variant before it is sold, and changes the last line's for another."""

    def __init__(self, desk: Desk, selling: Selling, flows: Flows, submit: Submit) -> None:
        self._desk = desk
        self._selling = selling
        self._flows = flows
        self._submit = submit
        self._ticket = 0
        self._asking: asyncio.Task[None] | None = None
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {c.StockHeard: self._heard}
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
            Option(article.sku, text=text, amount_minor=article.price_minor, note=self._unheard())
            for article, text in zip(left, texts, strict=True)
        )
        self._ask_stock([article.sku for article in left])
        sku = yield Question("variant", options=options, fields=fields)
        return next(article for article in left if article.sku == sku)

    # -- what is free

    def _unheard(self) -> str:
        return self._free(_UNKNOWN) if self._desk.world.shop is not None else ""

    def _free(self, free: str) -> str:
        return self._desk.words("ui.stock-free", free=free)

    def _ask_stock(self, skus: Sequence[str]) -> None:
        """Nothing waits for the answer: it comes as a command."""
        self._ticket += 1
        if self._desk.world.shop is None or len(skus) > _ASKED_MAX:
            return
        if self._asking is not None:
            self._asking.cancel()
        self._asking = asyncio.get_running_loop().create_task(self._hear(self._ticket, tuple(skus)))

    async def _hear(self, ticket: int, skus: tuple[str, ...]) -> None:
        shop = self._desk.world.shop
        assert shop is not None, "asked only where there is one"
        store = quote(self._desk.world.journal.head.store, safe="")
        named = "".join(f"&sku={quote(sku, safe='')}" for sku in skus)
        answer = await shop.ask("GET", f"/stock?store={store}{named}")
        if not answer.yes:
            return
        try:
            found = msgspec.json.decode(answer.body, type=_Levels).levels
        except msgspec.MsgspecError:
            return
        self._submit(c.StockHeard(ticket, tuple((one.sku, one.available) for one in found)))

    def _heard(self, command: c.StockHeard) -> None:
        """The same question, with what is free; one that was answered meanwhile stays answered."""
        question = self._flows.question
        if command.ticket != self._ticket or question is None or question.code != "variant":
            return
        free = {sku: self._free(said) for sku, said in command.free}
        options = tuple(
            msgspec.structs.replace(option, note=free.get(option.key, option.note))
            for option in question.options
        )
        self._flows.redraw(msgspec.structs.replace(question, options=options))


def _value(article: Article, axis: int) -> str:
    return article.options[axis] if axis < len(article.options) else ""
