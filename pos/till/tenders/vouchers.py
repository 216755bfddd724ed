"""Gift cards and store credit at the till: sold, loaded, redeemed, asked for; paid out where a sale comes to less than nothing.

Balances are the hub's; those of this till's own journal where it is silent.
"""

from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain import payment
from pos.domain.cart import Cart, Tender
from pos.domain.document import Document, DocumentRow
from pos.domain.question import Option, Question, Scanned
from pos.domain.scans import Meaning, ScanKind, own_code
from pos.domain.tax import TaxRate
from pos.domain.vouchers import NUMBER_BYTES, Balance, Move, balance_of, new_number, number_of, shown_number
from pos.resources import texts
from pos.sale_facts import Sale, SaleLine
from pos.storage_ports import Found
from pos.till.checkout import Checkout, refused
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling
from pos.till.surroundings import Surroundings
from pos.till.tenders.refunds import Refunds
from pos.till.tenders.tendering import Tendering
from pos.till.tenders.voucher_hub import Online, VoucherHub
from pos.words import amount, iso_day_text

__all__ = ["Vouchers", "moves_of"]

_MADE: Final = "made"  # a line's source: the number was made here, so a slip is printed
_KINDS: Final = frozenset({"gift-card", "credit"})
_AMOUNT_DIGITS: Final = 9


def moves_of(sale: Sale, number: str) -> Iterator[Move]:
    """What a sale did to a number: cards that were sold or taken back, and what was paid with it or out onto it."""
    for line in sale.lines:
        if line.kind == "voucher" and line.serial == number and line.voided_ms is None:
            yield Move("gift-card", line.pay_minor)
    for tender in sale.tenders:
        if tender.kind in _KINDS and tender.reference == number:
            yield Move(tender.kind, -tender.amount_minor)


class Vouchers:
    """The keys "voucher", "gift-card", "voucher-balance" and "voucher-slip", and a scan of a card."""

    def __init__(
        self,
        desk: Desk,
        selling: Selling,
        checkout: Checkout,
        surroundings: Surroundings,
        tendering: Tendering,
    ) -> None:
        self._desk = desk
        self._selling = selling
        self._checkout = checkout
        self._surroundings = surroundings
        self._tendering = tendering
        self._hub = VoucherHub(desk, lambda: selling.cart)
        self.take_up = self._hub.settle_later
        tendering.menu["voucher"] = "voucher"
        tendering.undo |= dict.fromkeys(_KINDS, self._taken_back)
        checkout.afterwards += [self._print_slips, self._hub.settle_later]
        checkout.given_up.append(self._hub.settle_later)
        self.pay_out: Callable[[Cart, str], Flow]
        """Ends a cart that comes to less than nothing by one kind; given by the part that knows how money goes back."""
        self.codes: dict[ScanKind, Callable[[Meaning], Any]] = {ScanKind.GIFT_CARD: self._scanned}
        self.functions = {
            "voucher": self._voucher,
            "gift-card": self._sell,
            "voucher-balance": self._ask_balance,
            "voucher-slip": self._slip_again,
        }
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}

    def give_back_by(self, refunds: Refunds) -> None:
        """Money goes back as credit, or onto the card that paid."""
        refunds.ways["credit"] = self.credit
        refunds.named["gift-card"] = self.onto_card
        self.pay_out = refunds.by

    # -- what is left

    async def balance(self, number: str) -> Balance | None:
        """By the facts of this till; None where it knows of none."""
        history = self._desk.world.history
        found: Sequence[Found] = await history.mentions("voucher", number) if history is not None else ()
        sales = [one.fact for one in found if isinstance(one.fact, Sale)]
        return balance_of(move for sale in sales for move in moves_of(sale, number))

    async def may_void(self, sale: Sale) -> None:
        """Raises Refusal where a card that this sale loaded was spent since."""
        numbers = {line.serial for line in sale.lines if line.kind == "voucher" and line.voided_ms is None}
        numbers |= {tender.reference for tender in sale.tenders if tender.kind in _KINDS}
        for number in sorted(numbers):
            loaded = sum(move.minor for move in moves_of(sale, number))
            left = await self.balance(number)
            if left is None or left.minor < loaded:
                raise Refusal("voucher-spent", number=number[-4:])
            if loaded > 0 and await self._hub.at_least(number, loaded) is False:  # at another till
                raise Refusal("voucher-spent", number=number[-4:])

    def _known(self, number: str) -> Generator[Any, Any, tuple[Balance, Online]]:
        """What can be spent of a card. Raises Refusal for one that nobody knows."""
        online = yield from self._left(number)
        if online.balance is None:
            raise Refusal("voucher-unknown", level="warn", number=number[-4:])
        return online.balance, online

    def _left(self, number: str) -> Generator[Any, Any, Online]:
        local: Balance | None = yield self.balance(number)
        return (yield from self._hub.left(number, local))

    def _ask_balance(self, command: c.Do) -> Flow:
        self._desk.must_be_signed_in()
        number = yield from self._number(command.text, "voucher-balance")
        left, _ = yield from self._known(number)
        self._say_balance(number, left.minor)

    def _say_balance(self, number: str, minor: int) -> None:
        self._desk.message = e.Message("voucher-balance", {"number": number[-4:], "balance": minor}, "info")

    def _number(self, typed: str, question: str) -> Generator[Any, Any, str]:
        """A number that was typed before the key, or asked for: typed or scanned."""
        answer: str | Scanned = typed
        while True:
            if not answer:
                answer = yield Question(question, "text", scans="answer")
            text = answer.code if isinstance(answer, Scanned) else answer
            number = number_of(text, self._desk.today())
            if number is not None:
                return number
            self._desk.refuse(e.Message("voucher-no-number"))
            answer = ""

    # -- paying

    def _voucher(self, command: c.Do) -> Flow:
        """Pay with a card or credit: an amount before the key is a part. What the shop owes is paid out as credit."""
        digits = sum(char.isdigit() for char in command.text)
        is_number = digits > _AMOUNT_DIGITS or any(char.isalpha() for char in command.text)
        plain = msgspec.structs.replace(command, text="") if is_number else command
        cart, wanted = self._tendering.begin("voucher", plain)
        if payment.rest_minor(cart) < 0:
            yield from self._tendering.sure(cart)
            yield from self.pay_out(cart, "credit")
            return
        number = yield from self._number(command.text if is_number else "", "voucher-code")
        yield from self._redeem(cart, number, wanted)

    def pay_with(self, number: str) -> Flow:
        """Pay what is left of the open sale with a card or credit, as far as it goes."""
        yield from self._redeem(self._checkout.payable(), number, None)

    def _redeem(self, cart: Cart, number: str, wanted: int | None) -> Flow:
        balance, online = yield from self._known(number)
        held = sum(tender.amount_minor for tender in cart.tenders if tender.reference == number)
        left = balance.minor - held
        if left <= 0:
            raise Refusal("voucher-empty", level="warn", number=number[-4:])
        if wanted is not None and wanted > left:
            raise Refusal("voucher-too-little", balance=left)
        yield from self._tendering.sure(cart)
        try:
            paid = payment.exactly(
                cart, balance.kind, wanted, self._desk.setup.currency, reference=number, most=left
            )
        except payment.PayError as error:
            raise refused(error) from error
        (tender,) = paid.tenders
        rest = left - tender.amount_minor
        hold = yield from self._hub.hold(cart, number, tender.amount_minor, online)
        tender = msgspec.structs.replace(tender, balance_minor=rest, hold=hold)
        paid = msgspec.structs.replace(paid, tenders=(tender,))
        yield from self._tendering.take(cart, paid)
        if paid.done and self._desk.message is None:
            self._say_balance(number, rest)

    def _taken_back(self, _: Cart, tender: Tender) -> Generator[Any, Any, str]:
        yield from self._hub.let_go(tender.hold)
        return "part-back"

    def credit(self, minor: int) -> Generator[Any, Any, Tender]:
        """A way to give money back (pos.till.tenders.refunds): a new credit of this amount, its slip printed after the sale."""
        yield from ()
        return Tender(
            "credit",
            -minor,
            -minor,
            currency=self._desk.setup.currency,
            reference=self._new_number(),
            balance_minor=minor,
        )

    async def onto_card(self, minor: int, number: str) -> Tender:
        """A way to give money back: onto the gift card that paid."""
        left = await self.balance(number)
        after = minor + (left.minor if left is not None else 0)
        return Tender(
            "gift-card",
            -minor,
            -minor,
            currency=self._desk.setup.currency,
            reference=number,
            balance_minor=after,
        )

    def _new_number(self) -> str:
        return new_number(self._desk.world.ids.token(NUMBER_BYTES))

    # -- selling

    def _sell(self, command: c.Do) -> Flow:
        """A gift card: its value, then the card's own code or Enter for a new number."""
        self._desk.must_be_selling()
        value = self._tendering.typed(command)
        if value is None:
            value = yield Question("gift-card-value", "amount")
        answer: str | Scanned | None = yield Question("gift-card-code", "text", scans="answer", empty=True)
        number = ""
        if answer is not None:
            number = yield from self._number(
                answer.code if isinstance(answer, Scanned) else answer, "gift-card-code"
            )
        elif self._surroundings.no_paper:
            options = (Option("note", word="ask.gift-card-note"), Option("leave", word="ask.gift-card-leave"))
            if (yield Question("gift-card-no-paper", options=options, confirm=True)) == "leave":
                raise Refusal("gift-card-not-sold", level="info")
        self._add(number, value)

    def _add(self, number: str, value: int) -> None:
        """The line; it is worth nothing before the sale is paid."""
        if value <= 0:
            raise Refusal("amount-needed")
        if value > self._desk.setup.tenders.voucher_max_minor:
            raise Refusal("gift-card-too-much", limit=self._desk.setup.tenders.voucher_max_minor)
        cart = self._selling.cart_for_line()
        if any(line.live and line.kind == "voucher" and line.serial == number for line in cart.lines):
            raise Refusal("gift-card-twice")
        made = not number
        line = carts.Line(
            n=len(cart.lines) + 1,
            kind="voucher",
            text=texts(self._desk.setup.language)("voucher.line"),
            quantity=Decimal(1),
            unit_minor=value,
            total_minor=value,
            added=self._desk.mark(),
            source=_MADE if made else "scanner",
            tax_code=self._rate.code,
            tax_percent=self._rate.percent,
            tax_key=self._rate.key,
            price_source="asked",
            serial=number or self._new_number(),
        )
        self._selling.keep(carts.add_lines(cart, line))
        self._desk.events.append(e.LineAdded(line.n, line.text, line.quantity, line.total_minor))

    @property
    def _rate(self) -> TaxRate:
        """A voucher for anything bears no tax when it is sold (it does when it is redeemed)."""
        code = self._desk.world.taxes.code_of_percent(Decimal(0), self._desk.today())
        if code is None:
            raise Refusal("gift-card-no-rate")
        return self._desk.rate_of(code)

    # -- scans

    def _scanned(self, meaning: Meaning) -> Flow:
        """A card is scanned: it pays what is left, or is loaded; without a sale it says what it holds."""
        self._desk.must_be_selling()
        number = meaning.payload
        left = (yield from self._left(number)).balance
        cart = self._selling.cart
        rest = payment.rest_minor(cart) if cart is not None else 0
        if left is not None and rest <= 0:
            self._say_balance(number, left.minor)
            return
        options = []
        if left is not None and left.minor > 0:
            options.append(Option("pay", word="ask.voucher-pay", amount_minor=min(left.minor, rest)))
        options.append(Option("load", word="ask.voucher-load"))
        answer = yield Question(
            "voucher-unknown" if left is None else "voucher-known",
            options=tuple(options),
            fields={"number": number[-4:], "balance": self._money(left.minor if left is not None else 0)},
        )
        if answer == "pay":
            yield from self._redeem(self._checkout.payable(), number, None)
            return
        value = yield Question("gift-card-value", "amount")
        self._add(number, value)

    # -- slips

    def _print_slips(self, sale: Sale) -> None:
        for row in self._slips(sale):
            self._surroundings.print_document(row)
        if self._surroundings.no_paper:
            numbers = [shown_number(number) for number in _made(sale)]
            if numbers:
                self._desk.warn("gift-card-numbers", numbers=", ".join(numbers))

    def _slip_again(self, _: c.Do) -> Coroutine[Any, Any, None] | None:
        """The same numbers once more: they are worth what they are worth."""
        self._desk.must_be_signed_in()
        slips = list(self._slips(self._desk.last_sale)) if self._desk.last_sale is not None else []
        if not slips:
            raise Refusal("voucher-no-slip", level="info")
        for slip in slips:
            self._surroundings.print_document(slip)
        return None

    def _slips(self, sale: Sale) -> Iterator[Document]:
        for line in sale.lines:
            if _is_made(line):
                yield self._slip("gift-card", line.serial, line.pay_minor, sale)
        for tender in sale.tenders:
            if tender.kind == "credit" and tender.balance_minor is not None and tender.amount_minor < 0:
                yield self._slip("credit", tender.reference, -tender.amount_minor, sale)

    def _slip(self, kind: str, number: str, minor: int, sale: Sale) -> Document:
        words = texts(sale.language)
        head = self._desk.world.journal.head
        receipt = f"{head.till}-{self._desk.last_epoch or head.epoch}-{sale.number}"
        rows = (
            DocumentRow(words(f"voucher.{kind}"), style="mark"),
            DocumentRow(),
            DocumentRow(words("voucher.value"), f"{amount(minor, sale.language)} {sale.currency}", "big"),
            DocumentRow(own_code(ScanKind.GIFT_CARD, number), style="code"),
            DocumentRow(shown_number(number), style="centre"),
            DocumentRow(),
            DocumentRow(
                words("voucher.receipt", number=receipt), iso_day_text(sale.business_day, sale.language)
            ),
            DocumentRow(words("voucher.keep"), style="centre"),
        )
        marks = (words("ui.demo"),) if sale.demo else ()
        return Document(rows, marks=marks)

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)


def _is_made(line: SaleLine) -> bool:
    """A gift card that has no card: its number is the till's, and only paper or the screen shows it."""
    return line.kind == "voucher" and line.source == _MADE and line.voided_ms is None


def _made(sale: Sale) -> Iterator[str]:
    """The numbers that the till made in this sale: of gift cards, and of credit that was given."""
    yield from (line.serial for line in sale.lines if _is_made(line))
    for tender in sale.tenders:
        if tender.kind == "credit" and tender.balance_minor is not None and tender.amount_minor < 0:
            yield tender.reference
