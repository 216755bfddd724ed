"""Receipts of this till, found again: by the code on them, by number, by an article's serial number, from the list.

What can be done with a receipt from the list is said by the parts that do it (`actions`).
"""

import datetime as dt
import re
from collections.abc import Callable, Generator
from typing import Any, Final, Protocol

import msgspec

from pos.domain import commands as c
from pos.domain.purchase import Purchase
from pos.domain.question import Option, Question, Scanned
from pos.domain.scans import Meaning, ScanKind, read_scan
from pos.facts import Training
from pos.mentions import receipt_key
from pos.sale_facts import Sale
from pos.storage_ports import Found, History
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.ledger import Ledger
from pos.till.receipts.counters import COUNTERS
from pos.till.receipts.numbered import numbered, which
from pos.till.receipts.open_cases import READ_CASE, OpenCases
from pos.till.sale.told_numbers import goods_named
from pos.till.surroundings import Surroundings
from pos.till_facts import ReceiptCopied
from pos.words import amount, day_text

__all__ = [
    "ELSEWHERE",
    "GIFT",
    "Anywhere",
    "Receipt",
    "ReceiptBook",
    "receipt_code",
    "sale_in",
    "told_number",
]

GIFT: Final = "g/"
"""Before the link of a gift receipt, in a code's content."""

ELSEWHERE: Final = frozenset({ScanKind.RECEIPT, ScanKind.FISCAL, ScanKind.PICKUP, ScanKind.RETURN})
"""Codes by which a purchase is found, here or by the hub."""

_PAGE: Final = 8
_TYPED_MAX: Final = 7  # digits of a number; longer ones are serial numbers
_NUMBER: Final = re.compile(
    r"(?:(?:(.{1,32})-)?([0-9]{1,6})-)?(T)?([0-9]{1,12})(-?G)?", re.ASCII | re.IGNORECASE
)
_CODE: Final = re.compile(r"([0-9]{1,12})E([0-9]{1,6})T([0-9A-Z]{1,12}?)(XG)?", re.ASCII)


class Receipt(msgspec.Struct, frozen=True):
    """A sale, and how it was found: `gift` by a gift receipt, without its prices.

    `store` is set where it is another one's; `order` is the hub's id of an order, whose `sale` holds its lines alone.
    `purchase` is what the hub knows of it; `unheard`: it was asked and did not answer.
    """

    till: str
    epoch: int
    sale: Sale
    gift: bool = False
    store: str = ""
    order: str = ""
    purchase: Purchase | None = None
    unheard: bool = False

    @property
    def key(self) -> str:
        if self.order:
            return f"order:{self.order}"
        return receipt_key(self.till, self.epoch, self.sale.number, self.store)

    @property
    def about(self) -> str:
        """By what the hub's cases name it; empty for a gift receipt: whoever brings it is not who wrote."""
        return "" if self.gift else self.order or f"{self.till}-{self.epoch}-{self.sale.number}"

    @property
    def shown(self) -> str:
        """What people call it."""
        if not self.order:
            return self.key
        return (self.purchase.external if self.purchase is not None else "") or str(self.sale.number)

    @property
    def sold_at(self) -> dt.datetime:
        zone = dt.timezone(dt.timedelta(minutes=self.sale.offset_min))
        return dt.datetime.fromtimestamp(self.sale.completed_ms // 1000, zone)


def receipt_code(till: str, epoch: int, number: int, *, gift: bool = False) -> str:
    """The content of our own code for a receipt; empty for a till whose name cannot stand in one."""
    content = f"{number}E{epoch}T{till.upper()}{'XG' if gift else ''}"
    return content if _CODE.fullmatch(content) and till.upper() == till else ""


def told_number(text: str) -> tuple[str, int, int, bool] | None:
    """Till, epoch, number and whether it is a gift receipt's, of a code of ours or of what was typed; None for anything else."""
    own = _CODE.fullmatch(text)
    if own is not None:
        return own[3], int(own[2]), int(own[1]), own[4] is not None
    match = _NUMBER.fullmatch(text)
    if match is None or not match[1] or not match[2] or match[3]:
        return None
    return match[1], int(match[2]), int(match[4]), match[5] is not None


def _voids(found: Found) -> bool:
    sale = sale_in(found)
    return sale is not None and any(reference.kind == "void" for reference in sale.references)


def sale_in(found: Found | None) -> Sale | None:
    """The sale that was found; in training that of training."""
    fact = found.fact if found is not None else None
    fact = fact.fact if isinstance(fact, Training) else fact
    return fact if isinstance(fact, Sale) else None


class Anywhere(Protocol):
    """Finds receipts that are not of this till; given by the part that asks the hub."""

    @property
    def there(self) -> bool:
        """Can anybody be asked?"""
        ...

    def by_code(self, meaning: Meaning) -> Generator[Any, Any, Receipt]: ...

    def by_text(self, text: str) -> Generator[Any, Any, Receipt]: ...

    def find(self) -> Generator[Any, Any, Receipt]:
        """Asked for by what it is known."""
        ...


class ReceiptBook:
    """`actions`: what can be done with a receipt from the list, by the name of its key; with others' only `everywhere`."""

    anywhere: Anywhere

    def __init__(self, desk: Desk, ledger: Ledger, surroundings: Surroundings, open_cases: OpenCases) -> None:
        self._desk = desk
        self._ledger = ledger
        self._surroundings = surroundings
        self._open_cases = open_cases
        self.actions: dict[str, Callable[[Receipt], Flow]] = {"receipt-copy": self._copy}
        self.everywhere: set[str] = set()
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {"receipts": self._receipts}

    @property
    def history(self) -> History:
        history = self._desk.world.history
        if history is None:
            raise Refusal("receipts-not-here")
        return history

    # -- finding

    async def by_code(self, meaning: Meaning) -> Receipt:
        """By the code on a receipt or a gift receipt. Raises Refusal."""
        if meaning.kind is ScanKind.FISCAL or not meaning.payload:
            raise Refusal("receipt-elsewhere", code=meaning.text[:30])
        own = _CODE.fullmatch(meaning.payload)
        if own is not None:
            return await self._numbered(own[3], int(own[2]), int(own[1]), gift=own[4] is not None)
        gift = meaning.payload.startswith(GIFT)
        link = meaning.payload
        if gift:
            hub = self._desk.world.hub
            link = hub.receipt_of_gift(link.removeprefix(GIFT)) if hub is not None else ""
        found = await self.history.by_link(link) if link else None
        return self._here(found, meaning.text[:30], gift=gift)

    async def by_text(self, text: str) -> Receipt:
        """By number (`3-1-20417`, `1-20417` or `20417`, a gift receipt's with `G` behind it), else by a serial number."""
        match = _NUMBER.fullmatch(text)
        if match is not None and (
            match[1] or match[2] or match[3] or match[5] or len(match[4]) <= _TYPED_MAX
        ):
            till, epoch, number, gift = match[1], match[2], int(match[4]), match[5] is not None
            if match[3] and not self._desk.training:
                raise Refusal("receipt-of-training", code=text[:30])
            if epoch is not None:
                return await self._numbered(till or self._till, int(epoch), number, gift=gift)
            for tried in range(self._desk.world.journal.head.epoch, 0, -1):
                found = await self.history.receipt(tried, number)
                if found is not None:
                    return self._here(found, text, gift=gift)
        return await self._by_serial(text)

    async def _by_serial(self, text: str) -> Receipt:
        for found in reversed(await self.history.mentions("serial", text)):
            sale = sale_in(found)
            if sale is not None and any(line.serial == text and line.qty > 0 for line in sale.lines):
                return self._here(found, text)
        goods = goods_named(self._desk, text)
        if goods is not None:
            raise Refusal("article-no-receipt", code=goods or text)
        raise Refusal("receipt-unknown", code=text[:30])

    @property
    def _till(self) -> str:
        return self._desk.world.journal.head.till

    async def _numbered(self, till: str, epoch: int, number: int, *, gift: bool) -> Receipt:
        shown = receipt_key(till, epoch, number)
        if till.upper() != self._till.upper():
            raise Refusal("receipt-elsewhere", code=shown)
        return self._here(await self.history.receipt(epoch, number), shown, gift=gift)

    def _here(self, found: Found | None, shown: str, *, gift: bool = False) -> Receipt:
        sale = sale_in(found)
        if found is None or sale is None:
            raise Refusal("receipt-elsewhere", code=shown)
        return Receipt(self._till, found.epoch, sale, gift)

    # -- choosing

    def wanted(self, text: str, *, anywhere: bool = False) -> Generator[Any, Any, Receipt]:
        """The receipt of this text; without one, from the list of the newest sales, or by a scan.

        `anywhere`: also of other tills, and orders, where the hub answers.
        """
        if text:
            match = _NUMBER.fullmatch(text)
            if match is not None and not (match[1] or match[2] or match[3]) and len(match[4]) <= _TYPED_MAX:
                several = yield numbered(self.history, self._desk.world.journal.head.epoch, int(match[4]))
                if len(several) > 1:
                    found = yield from which(self._desk, several)
                    return self._here(found, text, gift=match[5] is not None)
            return (yield from self._texted(text, anywhere=anywhere))
        before: tuple[int, int] | None = None
        while True:
            page = [(found, sale_in(found)) for found in (yield self.history.recent(_PAGE + 1, before))]
            sales = [Receipt(self._till, found.epoch, sale) for found, sale in page if sale is not None]
            beyond = anywhere and self.anywhere.there
            if not sales and not beyond:
                raise Refusal("no-receipts", level="info")
            options = []
            for receipt in sales[:_PAGE]:
                voided = any(map(_voids, (yield self.history.mentions("receipt", receipt.key))))
                options.append(self._option(receipt, voided=voided))
            if len(sales) > _PAGE:
                options.append(Option("more", word="ask.older-receipts"))
            if beyond:
                options.append(Option("find", word="ask.find-purchase-here"))
            answer = yield Question("receipts", options=tuple(options), scans="answer")
            if isinstance(answer, Scanned):
                meaning = read_scan(answer.code, self._desk.setup.scans, self._desk.today())
                if beyond and meaning.kind in ELSEWHERE:
                    return (yield from self.anywhere.by_code(meaning))
                if meaning.kind in {ScanKind.RECEIPT, ScanKind.FISCAL}:
                    scanned: Receipt = yield self.by_code(meaning)
                    return scanned
                return (yield from self._texted(meaning.serial or answer.code, anywhere=anywhere))
            if answer == "find":
                return (yield from self.anywhere.find())
            if answer != "more":
                return next(receipt for receipt in sales if receipt.key == answer)
            before = sales[_PAGE - 1].epoch, sales[_PAGE - 1].sale.number

    def _texted(self, text: str, *, anywhere: bool) -> Generator[Any, Any, Receipt]:
        if anywhere and self.anywhere.there:
            return (yield from self.anywhere.by_text(text))
        receipt: Receipt = yield self.by_text(text)
        return receipt

    def _option(self, receipt: Receipt, *, voided: bool) -> Option:
        """Time, number, first article, total; before the article that it was voided, or what it counters."""
        sale = receipt.sale
        first = next((line.text for line in sale.lines if line.voided_ms is None), "")
        counters = next((each for each in sale.references if each.kind in COUNTERS), None)
        if counters is not None:
            first = self._desk.words(f"ask.receipt-{counters.kind}", number=counters.number)
        elif voided:
            first = self._desk.words("ask.receipt-voided", text=first)
        today = sale.business_day == self._desk.world.journal.head.business_day
        when = f"{receipt.sold_at:%H:%M}" if today else f"{receipt.sold_at:%d.%m. %H:%M}"
        return Option(receipt.key, f"{when}  {sale.number}  {first}", amount_minor=sale.total_minor)

    # -- the list and what is done from it

    def _receipts(self, command: c.Do) -> Flow:
        self._desk.must_be_signed_in()
        receipt = yield from self.wanted(command.text, anywhere=True)
        rows = [
            (
                f"{receipt.shown}  {day_text(receipt.sold_at.date(), self._desk.language)} {receipt.sold_at:%H:%M}",
                self.money(receipt.sale.total_minor),
            ),
        ]
        own = receipt.till == self._till and not receipt.store and not receipt.order
        names = [name for name in self.actions if own or name in self.everywhere]
        options = tuple(Option(name, word=f"ask.{name}") for name in names)
        self._open_cases.ask(receipt.about, receipt.store)
        while True:
            question = Question("receipt-what", options=options, rows=tuple(rows))
            chosen = yield self._open_cases.on(question)
            if chosen != READ_CASE:
                break
            yield from self._open_cases.show()
        yield from self.actions[chosen](receipt)

    def money(self, minor: int) -> str:
        return amount(minor, self._desk.language)

    def _copy(self, receipt: Receipt) -> Flow:
        if self._desk.world.printer is None:
            raise Refusal("no-printer")
        copied = ReceiptCopied(receipt.sale.number, self._desk.operator_id(), receipt.epoch)
        yield self._desk.know_buyer(receipt.sale.buyer)
        yield self._ledger.append([copied], None)
        self._surroundings.print_copy(receipt.sale, receipt.epoch)
        self._desk.warn("copy-printing", level="info", number=receipt.key)
