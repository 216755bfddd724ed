"""What every part of the till shares: the ports, who is signed in, the message, the last sale."""

import datetime as dt
import logging
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from pos.card_ports import CardTerminal
from pos.device_ports import CashDrawer, ReceiptPrinter, Scale
from pos.domain import events as e
from pos.domain.article import Article
from pos.domain.cart import Mark
from pos.domain.commands import Command
from pos.domain.discounts import saved_minor
from pos.domain.drawer import CashRules
from pos.domain.goods_rules import GoodsRules
from pos.domain.packs import Recall
from pos.domain.returns import ReturnPolicy
from pos.domain.rights import NO_SIZE, Approval, Role, Roles, Size
from pos.domain.scan_table import ScanTable
from pos.domain.tax import TaxRate, TaxTable
from pos.domain.tender import TenderRules
from pos.node_ports import Parks, ShopDesk
from pos.ports import (
    Catalogue,
    CatalogueUnavailableError,
    Clock,
    Hub,
    Ids,
    Operator,
    People,
    Promotions,
    RecallRows,
)
from pos.psp_ports import PaymentLine
from pos.resources import Texts, shipped_reasons, shipped_roles, texts
from pos.sale_facts import Sale
from pos.storage_ports import TILL_LOCKED, Buyers, History, Journal, JournalUnavailableError, Memory, State
from pos.till.practice import (
    PracticeHistory,
    PracticeHub,
    PracticeJournal,
    PracticeMemory,
    PracticePrinter,
)
from pos.till.sale.budgets import Budgets
from pos.till.tenders.buyers import BuyersBook
from pos.view import LastSale

__all__ = [
    "Asking",
    "Desk",
    "NeedsAnswer",
    "NeedsApproval",
    "PackSetup",
    "Refusal",
    "TillSetup",
    "World",
    "stop_message",
    "unusable_catalogue",
]


_log = logging.getLogger(__name__)
LATER = frozenset({"on-account", "invoice"})
"""Tenders by which no money moves."""


class PackSetup(msgspec.Struct, frozen=True):
    """What the shop decided about packs whose codes say more than their number.

    Two codes of one article from one scanner within `one_pack_ms` are one pack, if they are of different kinds (0: never).
    `past_percent` comes off what is past its best-before date.
    """

    recalls: tuple[Recall, ...] = ()
    one_pack_ms: int = 1_500
    past_percent: int = 0


class TillSetup(msgspec.Struct, frozen=True):
    """What the shop decided about this till. `receipt_paper`: "always", "ask", "digital-first" or "never"."""

    language: str = "de"
    currency: str = "EUR"
    demo: bool = False
    receipt_paper: str = "always"
    software: str = "tresen"
    roles: tuple[Role, ...] = ()  # none: those that are shipped
    digits_are_cents: bool = True
    badge: str = "alone"
    pin_digits: int = 4
    idle_lock_minutes: int = 0
    switch_minutes: int = 0
    cart_follows_operator: bool = False
    tenders: TenderRules = TenderRules()
    goods: GoodsRules = GoodsRules()
    returns: ReturnPolicy | None = None  # none: the shipped reasons, and no limit of days
    cash: CashRules = CashRules()
    scans: ScanTable = ScanTable()
    packs: PackSetup = PackSetup()
    park_slip: bool = False
    share_parked: bool = True


class World(msgspec.Struct, frozen=True):
    """Everything outside, as ports. `printer`, `drawer` and `hub` are None where there are none."""

    journal: Journal
    state: State
    catalogue: Catalogue
    people: People
    clock: Clock
    ids: Ids
    taxes: TaxTable
    printer: ReceiptPrinter | None = None
    drawer: CashDrawer | None = None
    hub: Hub | None = None
    memory: Memory | None = None
    history: History | None = None
    promotions: Promotions | None = None
    scale: Scale | None = None
    buyers: Buyers | None = None
    cards: tuple[CardTerminal, ...] = ()
    parks: Parks | None = None
    shop: ShopDesk | None = None
    services: tuple[PaymentLine, ...] = ()
    recalls: RecallRows | None = None


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error
    """Raised inside a command that is refused; carries the sentence."""

    def __init__(self, sentence: str, /, level: str = "error", **fields: str | int) -> None:
        super().__init__(sentence)
        self.message = e.Message(sentence, dict(fields), level)


class NeedsApproval(Exception):  # noqa: N818 - it is an answer, not an error
    """Raised inside a command that the operator may not do alone: it waits for somebody who has the right."""

    def __init__(self, right: str, size: Size = NO_SIZE) -> None:
        super().__init__(right)
        self.right = right
        self.size = size


class NeedsAnswer(Exception):  # noqa: N818 - it is an answer, not an error
    """Raised inside a command that must wait: `flow` asks first, and returns whether the command may then be done."""

    def __init__(self, flow: Generator[Any, Any, bool]) -> None:
        super().__init__("a question comes first")
        self.flow = flow


class Asking(msgspec.Struct, frozen=True):
    """A command that waits for an approval, and those that it has already."""

    command: Command
    right: str
    approvals: tuple[Approval, ...] = ()
    size: Size = NO_SIZE


def stop_message(error: JournalUnavailableError) -> e.Message:
    return e.Message(error.code, {"detail": error.detail}, "alarm")


def unusable_catalogue(error: CatalogueUnavailableError) -> e.Message:
    return e.Message("catalogue-unusable", {"detail": str(error)}, "alarm")


def _practice_of(world: World, setup: TillSetup) -> World:
    """The same world, and nothing in it is real."""
    journal, printer, history, memory, hub = (
        world.journal,
        world.printer,
        world.history,
        world.memory,
        world.hub,
    )
    return replace(
        world,
        journal=PracticeJournal(journal),
        drawer=None,
        printer=printer and PracticePrinter(printer, lambda: texts(setup.language)("ui.training")),
        hub=hub and PracticeHub(hub),
        parks=None,
        shop=None,
        history=history and PracticeHistory(history, journal),
        memory=memory and PracticeMemory(memory, journal),
        buyers=None,
    )


class Desk:
    """Shared by the parts of one till; each part changes only what is its own."""

    def __init__(self, world: World, setup: TillSetup) -> None:
        self._real = world
        self._practice = _practice_of(world, setup)
        self.setup = setup
        self.operator: Operator | None = None
        self.message: e.Message | None = None
        self.slow = False
        """A command waits for an answer so long that the screen says so."""
        self.events: list[e.Event] = []
        self.stopped: e.Message | None = None
        self.locked: e.Message | None = None
        self.locked_epoch = 0
        self.in_doubt = False
        self.second_step = ""
        self.returns = setup.returns or ReturnPolicy(shipped_reasons())
        self.roles = Roles(setup.roles or shipped_roles())
        self.asking: Asking | None = None
        self.approvals: tuple[Approval, ...] = ()  # those of the command that is being handled
        self.goods_ask = False  # a line just added asks something
        self.again: Callable[[Command], None] = lambda _: None  # takes a command before any that waits
        self.showing_last = False
        self.last: LastSale | None = None
        self.last_sale: Sale | None = None
        self.last_epoch = 0
        self.drawer_is_open = False  # as its sensor says, where there is one
        self.budgets = Budgets()
        self.buyers: dict[str, tuple[str, ...]] = {}  # names and addresses for invoices that are printed
        self.unsent: deque[tuple[int, int]] = deque()  # epoch and seq of each sale

    @property
    def real(self) -> World:
        """The real world, also in training."""
        return self._real

    @property
    def training(self) -> bool:
        """Is nothing real? Only the journal says so."""
        return self._real.journal.head.training is not None

    @property
    def world(self) -> World:
        """The world that the till works in: the real one, or in training that of training."""
        return self._practice if self.training else self._real

    @world.setter
    def world(self, world: World) -> None:
        self._real, self._practice = world, _practice_of(world, self.setup)

    @property
    def book(self) -> BuyersBook:
        """Who is named on invoices."""
        return BuyersBook(self.world.buyers, self.world.memory)

    async def know_buyer(self, buyer: str) -> None:
        """Look up whom an invoice is addressed to, for its paper."""
        if buyer and not self.buyers.get(buyer):
            self.buyers[buyer] = await self.book.get(buyer)

    @property
    def real_world(self) -> World:
        """The real one, in training too."""
        return self._real

    def refuse(self, message: e.Message) -> None:
        """Nothing was done, and this is why."""
        self.message = message
        self.events.append(e.Refused(message.code))

    def warn(self, sentence: str, /, level: str = "warn", **fields: str | int) -> None:
        """Something was done, and the cashier should know more."""
        self.message = e.Message(sentence, dict(fields), level)
        self.events.append(e.Warned(sentence))

    def need(self, right: str, size: Size = NO_SIZE) -> str:
        """The id of who agreed, empty where the operator may do it alone. Raises NeedsApproval."""
        if self.may(right, size):
            return ""
        found = next((approval for approval in self.approvals if approval.right == right), None)
        if found is None:
            raise NeedsApproval(right, size)
        return found.by

    def may(self, right: str, size: Size = NO_SIZE) -> bool:
        """May the operator do this alone, this far?"""
        return self.operator is not None and self.roles.may(self.operator.role, right, size)

    def covered(self, approvals: Sequence[Approval], right: str, size: Size) -> bool:
        """Has somebody who may this far agreed already?"""
        roles = {one.operator_id: one.role for one in self.world.people.operators()}
        return any(
            one.right == right and self.roles.may(roles.get(one.by, ""), right, size) for one in approvals
        )

    def ask_approval(self, asking: Asking) -> None:
        """What was wanted was not done: it waits for somebody who has the right."""
        self.asking = asking
        self.message = e.Message("approval-needed", {"right": asking.right}, "warn")
        self.events.append(e.ApprovalAsked(asking.right))

    def must_be_signed_in(self) -> None:
        if self.operator is None:
            raise Refusal("sign-in-first")

    def must_not_be_stopped(self) -> None:
        why = self.standstill
        if why is not None:
            raise Refusal(why.code, level="alarm", **why.fields)

    @property
    def standstill(self) -> e.Message | None:
        """Why no payment can be taken: the journal cannot be written, or its numbers must begin anew first."""
        if self.stopped is not None or self.locked is None:
            return self.stopped
        return self.locked if self.world.journal.head.epoch <= self.locked_epoch else None

    async def lock(self, sentence: str) -> None:
        """Take no payment before the numbers begin anew, also after a restart."""
        if self.standstill is not None:
            return
        self.locked = e.Message(sentence, level="alarm")
        self.locked_epoch = self.world.journal.head.epoch
        if self.world.memory is not None:
            try:
                await self.world.memory.put(TILL_LOCKED, f"{self.locked_epoch}:{sentence}".encode())
            except JournalUnavailableError:  # whoever knew of the lost facts will tell it again
                _log.exception("the lock could not be kept")

    def must_be_selling(self) -> None:
        self.must_not_be_stopped()
        self.must_be_signed_in()
        if self.in_doubt:
            raise Refusal("journal-in-doubt", level="alarm")

    def operator_id(self) -> str:
        return self.operator.operator_id if self.operator is not None else ""

    @property
    def names(self) -> dict[str, str]:
        """What the people of this till are called, by id: for paper, never for facts."""
        return {one.operator_id: one.name for one in self.world.people.operators()}

    @property
    def language(self) -> str:
        """The operator's, else the shop's."""
        return (self.operator.language if self.operator is not None else "") or self.setup.language

    @property
    def words(self) -> Texts:
        return texts(self.language)

    def today(self) -> dt.date:
        return self.world.clock.now().date()

    def offset_min(self) -> int:
        offset = self.world.clock.now().utcoffset()
        return int(offset.total_seconds()) // 60 if offset is not None else 0

    def mark(self) -> Mark:
        return Mark(self.world.clock.wall_ms(), self.operator_id())

    def rate_of(self, tax_code: str) -> TaxRate:
        return self.world.taxes.rate(tax_code, self.today())

    def rates(self, article: Article) -> tuple[TaxRate, TaxRate | None]:
        """The rates of an article and of its deposit, as they are today."""
        deposit = article.deposit
        return self.rate_of(article.tax_code), self.rate_of(deposit.tax_code) if deposit is not None else None

    def show_none(self) -> None:
        """No sale was the last one."""
        self.showing_last = False
        self.last = self.last_sale = None

    def remember_sale(self, sale: Sale) -> None:
        mark = "T" if self.training else ""
        head = self.world.journal.head
        self.last_sale = sale
        self.last_epoch = head.last_sale_epoch or head.epoch
        back = [
            (tender.kind, -tender.amount_minor)
            for tender in sale.tenders
            if tender.given_minor < 0 and tender.kind not in LATER
        ]
        turned = any(reference.kind == "retender" for reference in sale.references)
        cash = sum(tender.amount_minor for tender in sale.tenders if tender.kind == "cash")
        paid_out = sum(amount for kind, amount in back if kind == "cash")
        self.last = LastSale(
            number=f"{head.till}-{self.last_epoch}-{mark}{sale.number}",
            total_minor=sale.total_minor,
            given_minor=sum(tender.given_minor for tender in sale.tenders if tender.given_minor > 0),
            change_minor=sum(tender.change_minor for tender in sale.tenders),
            saved_minor=saved_minor(line for line in sale.lines if line.voided_ms is None),
            link=sale.link,
            paid_out_minor=max(0, -cash) if turned else paid_out,
            given_back_minor=0 if turned else sum(amount for kind, amount in back if kind != "cash"),
            to_take_minor=max(0, cash) if turned else 0,
            tenders=sale.tenders,
            rounding_minor=sale.rounding_minor,
            tip_minor=sale.tip_minor,
        )
