"""What a scan or a typed code does: an article is sold, a code of our own goes to the part whose business it is."""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.article import Article
from pos.domain.cart import Discount, Line, Particulars
from pos.domain.codes import key_of, shown
from pos.domain.money import PRICE_MAX_MINOR, QUANTITY_MAX, round_minor
from pos.domain.packs import PackError, Recalls, past, terms_of
from pos.domain.scans import Meaning, ScanKind, read_scan, typed_own_code
from pos.ports import RecallsUnavailableError
from pos.resources import texts
from pos.till.desk import Desk, Refusal
from pos.till.sale.open_prices import OpenPrices
from pos.till.sale.selling import Selling
from pos.till.sale.twins import Twins

__all__ = ["TYPED", "Scanning"]

TYPED: Final = "typed"
_GTIN_MAX: Final = 14
_NO_CODE: Final = (ScanKind.BROKEN, ScanKind.FOREIGN)
_log = logging.getLogger(__name__)
_SELLS: Final = (ScanKind.ARTICLE, ScanKind.PLU, ScanKind.OTHER)


class Scanning:
    """Reads scans and typed codes by the store's table. Decided in memory; what must look something up may await it."""

    def __init__(self, desk: Desk, selling: Selling, prices: OpenPrices) -> None:
        self._desk = desk
        self._selling = selling
        self._prices = prices
        self._recalls = Recalls(desk.setup.packs.recalls)
        self._twins = Twins(desk.setup.packs.one_pack_ms)
        self.receivers: dict[ScanKind, Callable[[Meaning], Any]] = {}
        """Who takes a code that sells no article: the parts of the till that list its kind under `codes`. What they
        answer is what a command's handler may: nothing, a coroutine, or a function that asks."""
        self.handlers = {c.Scan: self._scan, c.EnterCode: self._enter_code}

    def _scan(self, command: c.Scan) -> Any:
        meaning = self._read(command.code)
        reason = self._why_no_scan(meaning)
        if reason:
            self._desk.events.append(e.CodeRefused(meaning.text, reason))
            code = meaning.text or shown(command.code[:40])
            self._desk.message = e.Message(f"scan-{reason}", {"code": code})
            return None
        self._selling.results = None
        return self._take(meaning, command.source)

    def _why_no_scan(self, meaning: Meaning) -> str:
        if self._desk.standstill is not None or self._desk.in_doubt:
            return "stopped"
        if self._desk.operator is None and meaning.kind is not ScanKind.BADGE:
            return "signed-out"
        return meaning.kind.value if meaning.kind in _NO_CODE else ""

    def _enter_code(self, command: c.EnterCode) -> Any:
        self._desk.must_be_selling()
        if self._prices.waiting is not None:
            self._prices.with_department(command.code)
            return None
        meaning = self._read(typed_own_code(command.code) or command.code)
        if meaning.kind in _NO_CODE:
            raise Refusal(f"scan-{meaning.kind.value}", code=meaning.text)
        return self._take(meaning, TYPED)

    def _read(self, code: str) -> Meaning:
        return read_scan(code, self._desk.setup.scans, self._desk.today())

    def _take(self, meaning: Meaning, source: str) -> Any:
        if meaning.kind in _SELLS:
            self._sell(meaning, source)
            return None
        receiver = self.receivers.get(meaning.kind)
        if receiver is None:
            raise Refusal(f"code-{meaning.kind.value}", level="warn")
        return receiver(meaning)

    # -- articles

    def _sell(self, meaning: Meaning, source: str) -> None:
        """Sell what a code names, unless it must not be sold, or the other code of its pack has sold it already."""
        article = self._article_of(meaning)
        if article is None:
            self._unknown(meaning, source)
            return
        twin = self._twin_of(meaning, source)
        try:
            self._must_be_sellable(meaning, article, twin)
        except Refusal:
            if twin is not None:  # one of its codes says that the pack must not be sold
                self._selling.void(twin.n)
            raise
        if twin is not None:
            self._same_pack(meaning, twin)
            return
        said = Particulars(serial=meaning.serial, batch=meaning.batch, best_before=meaning.best_before)
        quantity, said = self._terms(article, meaning, said)
        line = self._selling.sell(article, _code_of(meaning, article), source, quantity, said)
        if line is None:  # it lies on the scale
            return
        if source != TYPED:
            cart_id = self._selling.the_cart().cart_id
            self._twins.sold(source, meaning, cart_id, line.n, self._desk.world.clock.mono_ms())
        self._look_at_pack(meaning, article, line)

    def _article_of(self, meaning: Meaning) -> Article | None:
        article = self._selling.find(meaning.key + meaning.addon) if meaning.addon else None
        return article or self._selling.find(meaning.key)

    def _unknown(self, meaning: Meaning, source: str) -> None:
        """Nobody knows it: what may be goods becomes an open line, other codes sell nothing."""
        if meaning.kind is ScanKind.OTHER or (meaning.kind is ScanKind.PLU and source == TYPED):
            raise Refusal(f"{meaning.kind.value}-unknown", code=meaning.text)
        if past(meaning.use_by, self._desk.today()):
            raise self._over(meaning, meaning.key)
        self._selling.sell_unknown(_code_of(meaning, None), source)

    def _look_at_recalls(self) -> None:
        """Between carts: what was called back since. A list that cannot be read changes nothing, and is said."""
        source = self._desk.world.recalls
        if source is None or self._selling.cart is not None:
            return
        try:
            rows = source.refresh()
        except RecallsUnavailableError as error:
            _log.error("the recalls cannot be read: %s", error)
            self._desk.warn("recalls-unusable", level="alarm")
            return
        if rows is not None:
            self._recalls = Recalls(rows)

    def _must_be_sellable(self, meaning: Meaning, article: Article, twin: Line | None) -> None:
        self._look_at_recalls()
        if past(meaning.use_by, self._desk.today()):
            raise self._over(meaning, article.text)
        batches = self._recalls.batches(article)
        if "" in batches:
            raise Refusal("recalled-all", level="alarm", text=article.text)
        if meaning.batch and meaning.batch.upper() in batches:
            raise Refusal("recalled", level="alarm", text=article.text, batch=meaning.batch)
        if not meaning.serial:
            return
        if self._selling.quantity not in {None, Decimal(1)}:
            raise Refusal("serial-one", level="warn", text=article.text)
        cart = self._selling.cart
        for line in cart.lines if cart is not None else ():
            same = line.live and line.serial == meaning.serial and line.sku == article.sku
            if same and line.kind != "return" and line is not twin:
                raise Refusal("serial-in-cart", level="warn", text=article.text, serial=meaning.serial)

    def _over(self, meaning: Meaning, text: str) -> Refusal:
        day = meaning.use_by.isoformat() if meaning.use_by is not None else ""
        return Refusal("past-use-by", level="alarm", text=text, day=day)

    def _terms(
        self, article: Article, meaning: Meaning, said: Particulars
    ) -> tuple[Decimal | None, Particulars]:
        """How much a label says is sold, at which price; None where what was typed decides."""
        try:
            terms = terms_of(article, meaning, self._selling.quantity)
        except PackError as error:
            raise Refusal(error.code, text=article.text, unit=article.unit) from error
        if terms is None:
            return None, said
        quantity, priced = terms
        if quantity > QUANTITY_MAX:
            raise Refusal("quantity-limit", limit=int(QUANTITY_MAX))
        if priced.unit_minor is not None and priced.unit_minor > PRICE_MAX_MINOR:
            raise Refusal("price-limit", limit=PRICE_MAX_MINOR)
        return quantity, msgspec.structs.replace(
            priced, serial=said.serial, batch=said.batch, best_before=said.best_before
        )

    def _look_at_pack(self, meaning: Meaning, article: Article, line: Line) -> None:
        """What the cashier should know of a pack that was sold."""
        day = meaning.best_before
        if day is not None and past(day, self._desk.today()):
            off = self._mark_down(line.n)
            sentence = "past-best-before-reduced" if off else "past-best-before"
            self._warn(sentence, text=article.text, day=day.isoformat())
        batches = self._recalls.batches(article)
        if batches and not meaning.batch:
            self._warn("recall-look", text=article.text, batch=", ".join(sorted(batches))[:40])

    def _warn(self, sentence: str, **fields: str | int) -> None:
        """A question of age or price that stands there is not covered."""
        said = self._desk.message
        self._desk.warn(sentence, "warn", **fields)
        if said is not None:
            self._desk.message = said

    def _mark_down(self, n: int) -> bool:
        """Take off what the shop takes off goods past their best-before date; False where it takes nothing."""
        cart = self._selling.the_cart()
        line = carts.find_line(cart, n)
        assert line is not None, "the line was just sold"
        off = round_minor(Decimal(line.total_minor * self._desk.setup.packs.past_percent) / 100)
        if off <= 0 or any(discount.source == "mark-down" for discount in line.discounts):
            return False
        text = texts(self._desk.setup.language)("line.past-best-before")
        discount = Discount("best-before", text, min(off, line.pay_minor), "best-before", "mark-down")
        self._selling.keep(carts.add_discount(cart, n, discount))
        return True

    # -- two codes of one pack

    def _twin_of(self, meaning: Meaning, source: str) -> Line | None:
        """The line that the other code of this pack has sold a moment ago."""
        cart = self._selling.cart
        if cart is None or self._selling.quantity is not None or source == TYPED:
            return None
        n = self._twins.find(source, meaning, cart.cart_id, self._desk.world.clock.mono_ms())
        line = carts.find_line(cart, n) if n else None
        return line if line is not None and line.live else None

    def _same_pack(self, meaning: Meaning, line: Line) -> None:
        """Nothing more is sold; what the second code says of the pack is noted on its line."""
        said = Particulars(serial=meaning.serial, batch=meaning.batch, best_before=meaning.best_before)
        if line.quantity != 1:  # of one of them
            said = msgspec.structs.replace(said, serial="")
        cart = self._selling.the_cart()
        told = carts.tell_line(cart, line.n, said)
        if told is not cart:
            self._selling.keep(told)
        self._desk.warn("one-pack", level="info", text=line.text)
        day = meaning.best_before
        if day is not None and past(day, self._desk.today()):
            sentence = "past-best-before-reduced" if self._mark_down(line.n) else "past-best-before"
            self._desk.warn(sentence, text=line.text, day=day.isoformat())


def _code_of(meaning: Meaning, article: Article | None) -> str:
    """What a line keeps as its code: the number as it was read, without what else stood in the code."""
    if meaning.addon:
        return f"{meaning.text} {meaning.addon}"
    if meaning.kind is not ScanKind.ARTICLE or (meaning.text.isdigit() and len(meaning.text) <= _GTIN_MAX):
        return meaning.text
    if article is not None and article.gtin is not None and key_of(article.gtin) == meaning.key:
        return article.gtin
    return meaning.key
