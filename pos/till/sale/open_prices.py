"""What has no price of its own: an open line is settled by a price, or something is sold by its price in a department."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.article import Article
from pos.domain.goods import add_department
from pos.domain.money import PRICE_MAX_MINOR
from pos.domain.tax import TaxRate
from pos.till.desk import Desk, Refusal
from pos.till.sale.selling import Selling

__all__ = ["OpenPrices", "departments"]

_WHOLE: Final = Decimal(1)


class OpenPrices:
    """`waiting` is a price that was typed and waits for its department; the next command but a number forgets it."""

    def __init__(self, desk: Desk, selling: Selling) -> None:
        self._desk = desk
        self._selling = selling
        self.waiting: int | None = None
        self.handlers: dict[type[c.Command], Any] = {c.SetPrice: self._set_price}

    def _set_price(self, command: c.SetPrice) -> None:
        self._desk.must_be_selling()
        if not 0 < command.price_minor <= PRICE_MAX_MINOR:
            raise Refusal("price-limit", limit=PRICE_MAX_MINOR)
        if command.n is not None:
            self._selling.chosen = command.n
        if command.n is None and (self._selling.cart is None or not carts.open_lines(self._selling.cart)):
            self._price_without_article(command)
            return
        line = self._selling.chosen_line()
        if line.open_reason == "price":
            rate = self._desk.rate_of(line.tax_code)
            article = self._desk.world.catalogue.by_sku(line.sku)
            self._settle_by_price(command.price_minor, rate, line.text, line.department, article)
            return
        self.waiting = command.price_minor
        if command.department is not None:
            self.with_department(str(command.department))
        else:
            self._desk.warn("department-needed", level="info", code=line.text)

    def _price_without_article(self, command: c.SetPrice) -> None:
        """No line waits for a price: something is sold by its price alone."""
        self.waiting = command.price_minor
        if command.department is not None:
            self.with_department(str(command.department))
        else:
            self._desk.warn("department-needed-new", level="info")

    def _sell_department(self, department: tuple[int, str, str], price_minor: int) -> None:
        """Sell something by its price, in a department: number, name and tax code. Raises Refusal."""
        number, name, tax_code = department
        if not 0 < price_minor <= PRICE_MAX_MINOR:
            raise Refusal("price-limit", limit=PRICE_MAX_MINOR)
        rate = self._desk.rate_of(tax_code)
        cart = self._selling.cart_for_line()
        n = len(cart.lines) + 1
        quantity = self._selling.quantity or _WHOLE
        self._selling.keep(
            add_department(cart, (number, name, rate), price_minor, quantity, self._desk.mark())
        )
        self._selling.take_quantity()
        line = self._selling.the_cart().lines[n - 1]
        self._desk.events.append(e.LineAdded(line.n, line.text, line.quantity, line.total_minor))

    def with_department(self, typed: str) -> None:
        """A price waits: what was typed is its department's number."""
        price = self.waiting
        assert price is not None, "a price waits for its department"
        found = next((row for row in departments(self._desk) if str(row[0]) == typed.strip()), None)
        if found is None:
            raise Refusal("department-unknown", code=typed)
        number, name, tax_code = found
        self.waiting = None
        if self._selling.cart is None or not carts.open_lines(self._selling.cart):
            self._sell_department((number, name, tax_code), price)
            return
        self._settle_by_price(price, self._desk.rate_of(tax_code), name, number)

    def _settle_by_price(
        self, price_minor: int, rate: TaxRate, text: str, department: int, article: Article | None = None
    ) -> None:
        line = self._selling.chosen_line()
        deposit = None
        if article is not None and article.deposit is not None:
            deposit = article.deposit, self._desk.rate_of(article.deposit.tax_code)
        self._selling.keep(
            cart_goods.price_open_line(
                self._selling.the_cart(),
                line.n,
                price_minor,
                rate,
                self._desk.mark(),
                text=text,
                department=department,
                deposit=deposit,
            )
        )
        self._selling.choose_open_line()
        self._desk.events.append(e.LineSettled(line.n, "price"))
        if article is not None:
            self._selling.look_at(self._selling.the_cart().lines[line.n - 1], article)


def departments(desk: Desk) -> Sequence[tuple[int, str, str]]:
    """Number, name and tax code; where the catalogue names none, one department per tax rate."""
    listed = desk.world.catalogue.departments()
    if listed:
        return [(number, name, tax_code) for number, (name, tax_code) in sorted(listed.items())]
    today = desk.today()
    taxes = desk.world.taxes
    return [(n, f"{taxes.rate(code, today).percent} %", code) for n, code in enumerate(taxes.codes, start=1)]
