"""A purchase is found: by its code or number, or without a receipt by what its customer knows of it."""

import datetime as dt
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

import msgspec

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.codes import shown
from pos.domain.purchase import PurchaseRow
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import declare
from pos.domain.scans import Meaning, ScanKind, read_scan
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need
from pos.till.receipts.receipt_book import ELSEWHERE, GIFT, Receipt, ReceiptBook, told_number
from pos.till.returns.elsewhere import Elsewhere, Silent
from pos.till.sale.selling import Selling
from pos.words import day_text

__all__ = ["Finding", "Unheard"]

FIND_PURCHASE: Final = declare("find-purchase")
_WAYS: Final = ("order", "email", "phone", "customer", "card", "serial", "receipt", "store")
_NOT_HERE: Final = frozenset({"receipt-elsewhere", "receipt-unknown"})
_TEXT_MAX: Final = 120
_LIST: Final = 20
_Found = Generator[Any, Any, Receipt]
_Rows = Generator[Any, Any, Sequence[PurchaseRow]]


class Unheard(Silent):
    """The hub was not heard, and this is the number of the receipt: till, epoch, number, and whether it is a gift's."""

    def __init__(self, silent: Silent, number: tuple[str, int, int, bool]) -> None:
        super().__init__(silent.message.code, level=silent.message.level, **silent.message.fields)
        self.number = number


class Finding:
    """The key "find-purchase", and what the book of receipts asks where a receipt is not this till's."""

    def __init__(self, desk: Desk, selling: Selling, book: ReceiptBook, elsewhere: Elsewhere) -> None:
        self._desk = desk
        self._selling = selling
        self._book = book
        self.elsewhere = elsewhere
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {"find-purchase": self._find}
        self.taken_back: Callable[[_Found], Flow]
        """What is done with a purchase that is found; given by the part that takes back."""
        book.anywhere = self

    @property
    def there(self) -> bool:
        return self.elsewhere.there

    def _find(self, command: c.Do) -> Flow:
        self._desk.must_be_selling()
        if not self.there:
            raise Refusal("returns-no-hub")
        yield from self.taken_back(self.by_text(command.text) if command.text else self.find())

    # -- by what is on paper

    def by_code(self, meaning: Meaning) -> _Found:
        """By a code on a receipt of any till, or of an order. Raises Refusal, Unheard."""
        if meaning.kind in {ScanKind.PICKUP, ScanKind.RETURN}:
            return _with_first(meaning.payload, (yield from self._one(code=meaning.payload)))
        try:
            receipt: Receipt = yield self._book.by_code(meaning)
        except Refusal as refusal:
            if refusal.message.code not in _NOT_HERE or not self.there or not meaning.payload:
                raise
            if meaning.kind is ScanKind.FISCAL:
                raise
        else:
            return receipt
        number = told_number(meaning.payload)
        if number is not None:
            return (yield from self._numbered(number, ""))
        link = meaning.payload
        gift = link.startswith(GIFT)
        if gift and self._desk.world.hub is not None:
            link = self._desk.world.hub.receipt_of_gift(link.removeprefix(GIFT)) or link
        return (yield from self._one(gift=gift, code=link))

    def by_text(self, text: str) -> _Found:
        """By a number: of this till, of another one, of an order; else by a serial number. Raises Refusal, Unheard."""
        store, _, plain = text.strip().rpartition("/")
        number = told_number(plain)
        own = self._desk.world.journal.head.till.upper()
        if number is not None and (store or number[0].upper() != own):
            return (yield from self._numbered(number, store))
        try:
            receipt: Receipt = yield self._book.by_text(text)
        except Refusal as refusal:
            if refusal.message.code not in _NOT_HERE or not self.there:
                raise
            unknown = refusal
        else:
            return receipt
        try:
            if number is not None:
                return (yield from self._numbered(number, ""))
            rows = yield from self.elsewhere.look(order=text[:_TEXT_MAX])
            rows = rows or (yield from self.elsewhere.look(serial=text[:_TEXT_MAX]))
        except Silent:
            raise
        except Refusal:
            raise unknown from None
        if not rows:
            raise unknown
        return (yield from self._which(rows))

    def _numbered(self, number: tuple[str, int, int, bool], store: str) -> _Found:
        till, epoch, n, gift = number
        asked = {"receipt": f"{till}-{epoch}-{n}"} | ({"store": store} if store else {})
        try:
            return (yield from self._one(gift=gift, **asked))
        except Silent as silent:
            raise Unheard(silent, number) from None

    def _one(self, *, gift: bool = False, **asked: str) -> _Found:
        rows = yield from self.elsewhere.look(**asked)
        if not rows:
            raise Refusal("purchase-unknown")
        return (yield from self._which(rows, gift=gift))

    # -- by what people know

    def find(self) -> _Found:
        """Asks by what; then which."""
        yield Need(FIND_PURCHASE)
        while True:
            rows = yield from self._asked()
            if rows:
                return (yield from self._which(rows))
            self._desk.refuse(e.Message("purchase-unknown"))

    def _asked(self) -> _Rows:
        options = tuple(Option(way, word=f"ask.find-{way}") for way in _WAYS)
        way = yield Question("find-purchase", options=options, scans="answer")
        if isinstance(way, Scanned):
            return (yield from self._scanned(way.code))
        if way == "customer" and self._selling.cart is not None and self._selling.cart.about.customer:
            return (yield from self.elsewhere.look(customer=self._selling.cart.about.customer))
        if way == "card":
            return (yield from self._by_card())
        if way == "store":
            store = self._desk.world.journal.head.store
            return (yield from self.elsewhere.look(store=store, on=(yield from self._day())))
        answer = yield Question(f"find-by-{way}", "text", scans="answer")
        if isinstance(answer, Scanned):
            return (yield from self._scanned(answer.code, way))
        return (yield from self._by(way, str(answer)))

    def _scanned(self, code: str, way: str = "customer") -> _Rows:
        """A code of a purchase, else what was asked for: a customer's card, a serial number."""
        meaning = read_scan(code, self._desk.setup.scans, self._desk.today())
        number = told_number(meaning.payload) if meaning.kind in ELSEWHERE else None
        if number is not None:
            return (yield from self.elsewhere.look(receipt=f"{number[0]}-{number[1]}-{number[2]}"))
        if meaning.kind in ELSEWHERE:
            return (yield from self.elsewhere.look(code=meaning.payload))
        return (yield from self._by(way, meaning.serial if way == "serial" and meaning.serial else code))

    def _by(self, way: str, text: str) -> _Rows:
        asked = shown(text).strip()[:_TEXT_MAX]
        if way == "receipt":
            store, _, asked = asked.rpartition("/")
            if told_number(asked) is None:
                raise Refusal("find-receipt-number")
            more = {"store": store} if store else {}
            return (yield from self.elsewhere.look(receipt=asked, **more))
        return (yield from self.elsewhere.look(**{way: asked}))

    def _by_card(self) -> _Rows:
        while True:
            digits = yield Question("find-by-card", "text", scans="refuse")
            if len(digits) == 4 and digits.isascii() and digits.isdigit():
                break
            self._desk.refuse(e.Message("find-four-digits"))
        return (yield from self.elsewhere.look(last4=digits, on=(yield from self._day())))

    def _day(self) -> Generator[Any, Any, str]:
        on = yield Question("find-on", "date", empty=True, scans="refuse")
        day: dt.date = self._desk.today() if on is None else on
        return day.isoformat()

    # -- which

    def _which(self, rows: Sequence[PurchaseRow], *, gift: bool = False) -> _Found:
        chosen = rows[0]
        if len(rows) > 1:
            options = tuple(self._option(at, row, gift=gift) for at, row in enumerate(rows[:_LIST]))
            answer = yield Question("find-which", options=options, scans="refuse")
            chosen = rows[int(answer)]
        return (yield from self.elsewhere.whole(chosen, gift=gift))

    def _option(self, at: int, row: PurchaseRow, *, gift: bool) -> Option:
        """When, where and under which number, then what was bought."""
        head = self._desk.world.journal.head
        zone = self._desk.world.clock.now().tzinfo
        when = day_text(dt.datetime.fromtimestamp(row.sold_ms // 1000, zone).date(), self._desk.language)
        store = "" if row.store in {"", head.store} else f"{row.store}/"
        name = (
            self._desk.words("ask.find-online", number=row.external or row.number)
            if row.source == "order"
            else f"{store}{row.till}-{row.epoch}-{row.number}"
        )
        text = shown(f"{when}  {name}  {row.lines_text}")
        return Option(str(at), text, amount_minor=None if gift else row.total_minor)


def _with_first(code: str, receipt: Receipt) -> Receipt:
    """What was announced under this code is what comes back now."""
    purchase = receipt.purchase
    if purchase is None or len(purchase.announced) < 2:
        return receipt
    announced = tuple(sorted(purchase.announced, key=lambda one: one.code != code))
    return msgspec.structs.replace(receipt, purchase=msgspec.structs.replace(purchase, announced=announced))
