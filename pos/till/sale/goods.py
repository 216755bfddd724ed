"""What goods ask of the cashier: the customer's age, a serial number; who sells them; empties that come back.

A line that waits for an answer stands in the cart and may not be paid. The question comes with the scan; a scan meanwhile
sells its article, and the question comes back before the payment.
"""

import datetime as dt
from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any, Final

from pos.cart_facts import AgeRefused
from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.age import age_on, age_wanted, lines_above, youngest_birth
from pos.domain.article import Deposit
from pos.domain.cart import Cart, Line
from pos.domain.codes import shown
from pos.domain.goods import put_serial, waits_for_serial
from pos.domain.money import QUANTITY_MAX
from pos.domain.question import Option, Question, Scanned, to_decimal
from pos.domain.rights import declare
from pos.domain.scans import ScanKind, read_scan
from pos.mentions import receipt_key
from pos.sale_facts import Sale
from pos.storage_ports import Found
from pos.till.desk import Desk, NeedsAnswer, Refusal
from pos.till.flows import Flow
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.words import day_text

__all__ = ["Goods"]

DEPOSIT_RETURN: Final = declare("deposit-return")
SERIAL_MAX: Final = 40
OLDEST: Final = 120
_DEPOSITS_MAX: Final = 20
_TYPED: Final = frozenset({ScanKind.OTHER, ScanKind.BROKEN})
_GOODS: Final = frozenset({ScanKind.ARTICLE, ScanKind.PLU, ScanKind.OTHER})
_Asks = Generator[Any, Any, bool]


class Goods:
    """Questions that goods ask, and empties."""

    def __init__(self, desk: Desk, ledger: Ledger, selling: Selling) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions = {
            "deposit-return": self._deposit_return,
            "seller": self._seller,
        }

    # -- what waits

    def first(self) -> None:
        """Before anything is paid. Raises NeedsAnswer."""
        cart = self._selling.cart
        if cart is not None and (waits_for_serial(cart) is not None or self._age(cart)):
            raise NeedsAnswer(self.asks())

    def _age(self, cart: Cart) -> int:
        """The age that is to be asked for; 0: none."""
        return 0 if self._desk.setup.goods.age_check == "warn" else age_wanted(cart)

    def asks(self) -> _Asks:
        """Ask whatever the lines wait for; True when all of it was answered and nothing was refused."""
        refused = False
        while (cart := self._selling.cart) is not None:
            line = waits_for_serial(cart)
            age = self._age(cart)
            if line is not None:
                if not (yield from self._ask_serial(line)):
                    return False
            elif age:
                refused |= not (yield from self._ask_age(cart, age))
            else:
                break
        return not refused

    # -- age

    def _ask_age(self, cart: Cart, age: int) -> _Asks:
        """The age passes and is kept with the cart, or the lines that ask for more leave it."""
        today = self._desk.today()
        lines = lines_above(cart, cart.about.age)
        rows = tuple((line.text, str(line.min_age)) for line in lines)
        fields: dict[str, str | int] = {
            "age": age,
            "day": day_text(youngest_birth(today, age), self._desk.language),
        }
        no = Option("no", word="ui.age-no")
        if self._desk.setup.goods.age_check == "ask":
            yes = Option("yes", word="ui.age-yes", fields=fields)
            if (yield Question("age", options=(yes, no), fields=fields, rows=rows, confirm=True)) != "yes":
                yield from self._refuse_age(cart, age, age - 1)
                return False
        else:
            born = yield Question("age-date", "date", options=(no,), fields=fields, rows=rows)
            while isinstance(born, dt.date) and not 0 <= age_on(today, born) <= OLDEST:
                self._desk.refuse(e.Message("age-absurd"))
                born = yield Question("age-date", "date", options=(no,), fields=fields, rows=rows)
            years = age_on(today, born) if isinstance(born, dt.date) else cart.about.age
            if years < age:
                yield from self._refuse_age(cart, age, max(years, cart.about.age))
                left = max((line.min_age for line in self._selling.the_cart().lines if line.live), default=0)
                self._selling.remember(age=max(left, cart.about.age))
                return False
        self._selling.remember(age=age)
        return True

    def _refuse_age(self, cart: Cart, age: int, passes: int) -> Flow:
        """The fact first: what leaves the cart is never left unsaid. What asks for no more than `passes` stays."""
        lines = lines_above(cart, passes)
        facts = self._ledger.day_facts()
        facts.append(
            AgeRefused(
                business_day=self._ledger.business_day(facts),
                cart_id=cart.cart_id,
                operator=self._desk.operator_id(),
                min_age=age,
                at_ms=self._desk.world.clock.wall_ms(),
                offset_min=self._desk.offset_min(),
                skus=tuple(line.sku for line in lines),
            )
        )
        yield self._ledger.append(facts, None)
        for line in lines:
            self._selling.void(line.n)
        self._desk.warn("age-refused", age=age, count=len(lines))

    # -- serial numbers

    def _ask_serial(self, line: Line) -> _Asks:
        """False where a scan of other goods came first; the question comes back."""
        while True:
            answer = yield Question("serial", "text", fields={"text": line.text}, scans="answer")
            serial = shown(answer.code if isinstance(answer, Scanned) else answer).strip()
            if isinstance(answer, Scanned):
                meant = self._meant(answer.code, line)
                if meant is None:
                    self._desk.again(c.Scan(answer.code))
                    return False
                serial = meant
            if not serial or len(serial) > SERIAL_MAX:
                self._desk.refuse(e.Message("serial-not-one", {"limit": SERIAL_MAX}))
                continue
            sold = yield from self._sold_before(serial, line)
            if sold:
                self._desk.refuse(e.Message("serial-sold", {"serial": serial, "receipt": sold}))
                continue
            self._selling.keep(put_serial(self._selling.the_cart(), line.n, serial))
            return True

    def _meant(self, scanned: str, line: Line) -> str | None:
        """The serial number in a scan; None where it is something else that the till knows."""
        meaning = read_scan(scanned, self._desk.setup.scans, self._desk.today())
        if meaning.kind in _GOODS:
            article = self._desk.world.catalogue.find(meaning.key) if meaning.key else None
            if article is None:
                return meaning.text
            return meaning.serial if meaning.serial and article.sku == line.sku else None
        return meaning.text if meaning.kind in _TYPED else None

    def _sold_before(self, serial: str, line: Line) -> Generator[Any, Any, str]:
        """Where this very piece was sold, and did not come back; empty: it was not."""
        for other in self._selling.the_cart().lines:
            if other.live and other.n != line.n and (other.serial, other.sku) == (serial, line.sku):
                return f"{other.n}"
        history = self._desk.world.history
        if history is None:
            return ""
        found = yield history.mentions("serial", serial)
        return _sold_on(found, line.sku, serial, self._desk.world.journal.head.till)

    # -- empties

    def _deposit_return(self, command: c.Do) -> Flow:
        self._desk.must_be_selling()
        self._desk.need(DEPOSIT_RETURN)
        approvals = self._desk.approvals
        count = to_decimal(command.text) if command.text else self._selling.quantity
        if command.text and count is None:
            raise Refusal("not-a-number", text=command.text)
        self._selling.quantity = None
        deposits = yield self._deposits()
        if not deposits:
            raise Refusal("no-deposits")
        options = tuple(
            Option(str(at), text=deposit.text, amount_minor=deposit.price_minor)
            for at, deposit in enumerate(deposits)
        )
        fields: dict[str, str | int] = {"count": f"{count} " if count is not None else ""}
        deposit = deposits[int((yield Question("deposit", options=options, fields=fields)))]
        while count is None or count != count.to_integral_value() or not 0 < count <= QUANTITY_MAX:
            if count is not None:
                self._desk.refuse(e.Message("deposit-whole", {"limit": int(QUANTITY_MAX)}))
            count = yield Question("deposit-count", "number", fields={"text": deposit.text})
        self._take_empties(deposit, count, approvals)

    def _take_empties(self, deposit: Deposit, count: Decimal, approvals: tuple[Any, ...]) -> None:
        rate = self._desk.rate_of(deposit.tax_code)
        cart = self._selling.begun()
        if approvals:
            cart = carts.with_about(cart, approvals=(*cart.about.approvals, *approvals))
        self._selling.keep(
            cart_goods.add_deposit_return(cart, deposit, count, rate, self._desk.mark(), source="typed")
        )
        line = self._selling.the_cart().lines[-1]
        self._desk.events.append(e.LineAdded(line.n, line.text, line.quantity, line.total_minor))

    async def _deposits(self) -> list[Deposit]:
        """Those of the settings, then those that the catalogue sells with its articles: of each amount one, so that few are read."""
        known = set(self._desk.world.taxes.codes)
        found = [deposit for deposit in self._desk.setup.goods.deposits if deposit.tax_code in known]
        for deposit in await self._desk.world.catalogue.deposits():
            alike = ((other.price_minor, other.tax_code) for other in found)
            if (deposit.price_minor, deposit.tax_code) not in alike:
                found.append(deposit)
        return found[:_DEPOSITS_MAX]

    # -- who sells

    def _seller(self, _: c.Do) -> Flow:
        """Who sells the lines to come."""
        self._desk.must_be_selling()
        people = self._desk.world.people.operators()
        options = (
            Option("", word="ui.seller-none"),
            *(Option(person.operator_id, text=person.name) for person in people),
        )
        seller = yield Question("seller", options=options)
        self._selling.remember(seller=seller)
        name = next((person.name for person in people if person.operator_id == seller), "")
        if name:
            self._desk.warn("seller-is", level="info", name=name)
        else:
            self._desk.warn("seller-nobody", level="info")


def _sold_on(found: "list[Found]", sku: str, serial: str, till: str) -> str:
    """The receipt on which a piece left the shop last, unless it came back since."""
    receipt = ""
    for one in found:
        if not isinstance(one.fact, Sale):
            continue
        for line in one.fact.lines:
            same = line.serial == serial and (line.sku or line.gtin or "") == sku
            if not same or line.voided_ms is not None or line.kind not in {"article", "return"}:
                continue
            back = line.kind == "return" or line.qty < 0
            receipt = "" if back else receipt_key(till, one.epoch, one.fact.number)
    return receipt
