"""The wrong tender, or the wrong sale: the last receipt is paid otherwise or voided by one key, an older one by right."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import commands as c
from pos.domain.cart import Tender
from pos.domain.question import Option, Question
from pos.domain.rights import Approval, Size, declare
from pos.domain.rounding import cash_due
from pos.domain.tender import TenderRules
from pos.mentions import receipt_key
from pos.resources import texts
from pos.sale_facts import Reference, Sale
from pos.storage_ports import Found, History
from pos.till.cards.paying import CardPaying
from pos.till.checkout import Checkout
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.receipts.counters import is_counter, negated, retender_of, standing_tenders, void_of
from pos.till.receipts.numbered import numbered, which
from pos.till.receipts.paid_with import key_of
from pos.till.sale.selling import Selling
from pos.till.sale.told_numbers import terminal_number
from pos.till.settlement import SaleContext
from pos.till.tenders.tendering import YES_NO
from pos.words import amount

__all__ = ["Retender"]

LAST_SALE: Final = declare("counter-last-sale", amount=True)
RETENDER: Final = declare("retender", amount=True)
VOID_SALE: Final = declare("void-sale", amount=True)
_LIST: Final = 9
_NUMBER_MAX: Final = 30


class _Target(msgspec.Struct, frozen=True):
    """A receipt, by what it is paid now, and who agreed."""

    sale: Sale
    reference: Reference
    standing: tuple[Tender, ...]
    approvals: tuple[Approval, ...] = ()


class Retender:
    """`may_void` are asked before a receipt is voided and raise Refusal: a gift card of it may be spent, a down payment used."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        selling: Selling,
        checkout: Checkout,
        line: CardPaying | None = None,
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self._checkout = checkout
        self.may_void: Sequence[Callable[[Sale], Coroutine[Any, Any, None]]] = ()
        self.line = line
        """Charges and reverses at terminals on a line, where there are any."""
        self.may_turn: Callable[[Sequence[Tender]], Coroutine[Any, Any, None]] | None = None
        self.functions = {"retender": self._retender, "void-sale": self._void}
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}

    # -- the two functions

    def _void(self, command: c.Do) -> Flow:
        target = yield from self._target(command, "void", VOID_SALE)
        for may in self.may_void:
            yield may(target.sale)
        asked = Question(
            "void-sale-card" if _by_card(target.standing) else "void-sale",
            options=YES_NO,
            fields={"number": _number(target), "amount": self._money(target.sale.total_minor)},
            rows=tuple(self._row(tender) for tender in target.standing),
            scans="refuse",
        )
        if (yield asked) != "yes":
            raise Refusal("receipt-stays", level="info")
        back = yield from self._back(target.standing)

        def make(context: SaleContext) -> Sale:
            return void_of(target.sale, back, target.reference, self._new_id(), context)

        yield self._checkout.counter(make, target.approvals)

    def _retender(self, command: c.Do) -> Flow:
        target = yield from self._target(command, "retender", RETENDER)
        if not target.standing:
            raise Refusal("nothing-to-retender", level="info")
        back, new = yield from self._new_tenders(target)

        def make(context: SaleContext) -> Sale:
            return retender_of(target.sale, back, new, target.reference, self._new_id(), context)

        yield self._checkout.counter(make, target.approvals)

    # -- which receipt

    def _target(self, command: c.Do, kind: str, right: str) -> Generator[Any, Any, _Target]:
        desk = self._desk
        desk.must_be_selling()
        if self._selling.cart is not None:
            raise Refusal("cart-open")
        history = desk.world.history
        if history is None:
            raise Refusal("no-last-sale")
        found: Found | None = None
        if command.text:
            newest = desk.world.journal.head.epoch
            several = yield numbered(history, newest, _digits(command.text))
            if not several:
                raise Refusal("no-such-receipt", number=command.text[:20])
            found = yield from which(desk, several)
        elif self._is_fresh():
            assert desk.last_sale is not None, "it is fresh"
            found = yield history.receipt(self._epoch, desk.last_sale.number)
        if found is None:
            found = yield from self._pick(history)
        assert isinstance(found.fact, Sale), "a receipt is a sale"
        sale = found.fact
        fresh = self._is_fresh() and desk.last_sale is not None and sale.cart_id == desk.last_sale.cart_id
        approvals = approval_of((yield Need(LAST_SALE if fresh else right, size=Size(sale.total_minor))))
        reference = Reference(kind, desk.world.journal.head.till, found.epoch, sale.number)
        key = receipt_key(reference.till, reference.epoch, reference.number)
        later: Sequence[Found] = yield history.mentions("receipt", key)
        counters = [each.fact for each in later if isinstance(each.fact, Sale)]
        self._check(sale, key, counters)
        standing = standing_tenders(sale, counters)
        if self.may_turn is not None:
            yield self.may_turn(standing)
        return _Target(sale, reference, standing, approvals)

    def _check(self, sale: Sale, key: str, later: Sequence[Sale]) -> None:
        """Raises Refusal where the receipt was turned already, or something of it came back, or waits to come back."""
        if is_counter(sale):
            raise Refusal("counter-of-counter")
        if any(
            reference.kind == "void" and receipt_key(reference.till, reference.epoch, reference.number) == key
            for other in later
            for reference in other.references
        ):
            raise Refusal("receipt-voided")
        back: defaultdict[int, Decimal] = defaultdict(Decimal)
        lines = [line for other in later for line in other.lines]
        lines += [line for cart in self._desk.world.journal.head.parked for line in cart.lines]
        for line in lines:
            if line.voided_ms is None and line.origin is not None and key_of(line.origin) == key:
                back[line.origin.n] += line.qty
        if any(back.values()):
            raise Refusal("receipt-returned")

    def _pick(self, history: History) -> Generator[Any, Any, Found]:
        """From the list of the last receipts."""
        recent: Sequence[Found] = yield history.recent(_LIST)
        sales = [found for found in recent if isinstance(found.fact, Sale) and not is_counter(found.fact)]
        if not sales:
            raise Refusal("no-last-sale")
        options = tuple(
            Option(
                f"{found.epoch}-{found.fact.number}", self._named(found), amount_minor=found.fact.total_minor
            )
            for found in sales
            if isinstance(found.fact, Sale)
        )
        answer = yield Question("which-receipt", options=options)
        return next(found for found, option in zip(sales, options, strict=True) if option.key == answer)

    def _named(self, found: Found) -> str:
        assert isinstance(found.fact, Sale), "a receipt is a sale"
        first = next((line.text for line in found.fact.lines if line.voided_ms is None), "")
        return f"{found.epoch}-{found.fact.number}  {first}"

    @property
    def _epoch(self) -> int:
        return self._desk.last_epoch or self._desk.world.journal.head.epoch

    def _is_fresh(self) -> bool:
        last = self._desk.last_sale
        if last is None or is_counter(last):
            return False
        age = self._desk.world.clock.wall_ms() - last.completed_ms
        return 0 <= age <= self._rules.counter_minutes * 60_000

    # -- by what it is paid instead

    def _back(self, standing: Sequence[Tender]) -> Generator[Any, Any, tuple[Tender, ...]]:
        """What takes the tenders back that stand: a terminal's at the terminal, before anything is written."""
        back = []
        for tender, plain in zip(standing, self._turned(standing), strict=True):
            turned = plain
            if tender.payment and tender.amount_minor > 0 and self.line is not None:
                reversed_ = yield from self.line.reverse_paid(tender)
                if reversed_ is None:
                    raise Refusal("receipt-stays", level="info")
                turned = msgspec.structs.replace(turned, payment=reversed_.payment, card=reversed_.card)
            back.append(turned)
        return tuple(back)

    def _turned(self, standing: Sequence[Tender]) -> tuple[Tender, ...]:
        """What takes them back: the very notes of foreign cash while they lie in the drawer, else the till's own cash."""
        session = self._ledger.cash_session(self._ledger.day_facts())
        open_session = self._desk.world.journal.head.days.find(session)
        lying = {one.currency: one.expected_minor for one in open_session.foreign} if open_session else {}
        back = []
        for tender in standing:
            foreign = tender.foreign
            if foreign is None or foreign.given_minor <= 0:
                back.append(negated(tender))
            elif lying.get(foreign.currency, 0) >= foreign.given_minor:
                lying[foreign.currency] -= foreign.given_minor
                back.append(negated(tender))
            else:
                coins, _ = cash_due(-tender.amount_minor, self._rules.rounding)
                back.append(Tender("cash", coins, coins, 0, tender.currency))
        return tuple(back)

    def _new_tenders(
        self, target: _Target
    ) -> Generator[Any, Any, tuple[tuple[Tender, ...], tuple[Tender, ...]]]:
        """Nothing is done before the last answer: what happened at the terminal is one question."""
        owed = target.sale.total_minor + target.sale.tip_minor
        if owed <= 0:
            raise Refusal("nothing-to-retender", level="info")
        kinds = {"card-manual" if tender.kind == "card" else tender.kind for tender in target.standing}
        choices: list[str] = [kind for kind in ("cash", "card") if kind in self._rules.taken]
        choices = [kind for kind in choices if kinds != {_KINDS[kind]}]
        if "cash" in self._rules.taken and "card" in self._rules.taken:
            choices.append("both")
        options = tuple(Option(kind, word=f"ask.retender-{kind}", amount_minor=owed) for kind in choices)
        answer = yield Question(
            "retender",
            options=options,
            fields={"number": _number(target)},
            rows=tuple(self._row(tender) for tender in target.standing),
            scans="refuse",
        )
        by_card = owed if answer == "card" else 0
        while answer == "both" and not 0 < by_card < owed:
            by_card = yield Question("retender-by-card", "amount", fields={"owed": self._money(owed)})
        tenders = []
        by_link = any(tender.kind == "pay-link" for tender in target.standing)
        on_line = self.line is not None and (self.line.at_hand or by_link)
        back = (yield from self._back(target.standing)) if on_line else self._turned(target.standing)
        if by_card:
            tenders.append((yield from self._by_card(target, by_card)))
        elif _by_card(target.standing):
            yield from self._card_back(target)
        if owed > by_card:
            due, _ = cash_due(owed - by_card, self._rules.rounding)
            if due:
                tenders.append(Tender("cash", due, due, 0, self._desk.setup.currency))
        return back, tuple(tenders)

    def _by_card(self, target: _Target, minor: int) -> Generator[Any, Any, Tender]:
        if self.line is not None and self.line.at_hand:
            charged = yield from self.line.charge(minor)
            if charged is None:
                raise Refusal("card-not-approved", level="info")
            return charged
        back = _by_card(target.standing)
        code = "retender-card-both" if back else "card-approved"
        fields: dict[str, str | int] = {"amount": self._money(minor), "back": self._money(back)}
        if self._rules.card_number == "none":
            if (yield Question(code, options=YES_NO, fields=fields, scans="refuse")) != "yes":
                raise Refusal("receipt-stays", level="info")
            number = ""
        else:
            asked = Question(
                f"{code}-number",
                "text",
                fields=fields,
                empty=self._rules.card_number == "ask",
                scans="refuse",
            )
            number = (yield from terminal_number(self._desk, asked)) or ""
        return Tender("card-manual", minor, minor, 0, self._desk.setup.currency, (number or "")[:_NUMBER_MAX])

    def _card_back(self, target: _Target) -> Flow:
        fields: dict[str, str | int] = {"amount": self._money(_by_card(target.standing))}
        if (yield Question("card-back", options=YES_NO, fields=fields, scans="refuse")) != "yes":
            raise Refusal("receipt-stays", level="info")

    def _row(self, tender: Tender) -> tuple[str, str]:
        words = texts(self._desk.language)
        return words(f"tender.{tender.kind}"), self._money(tender.amount_minor)

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)

    def _new_id(self) -> str:
        return self._desk.world.ids.new_id()

    @property
    def _rules(self) -> TenderRules:
        return self._desk.setup.tenders


_KINDS: Final = {"cash": "cash", "card": "card-manual"}


def _by_card(standing: Sequence[Tender]) -> int:
    return sum(tender.amount_minor for tender in standing if tender.kind == "card-manual")


def _number(target: _Target) -> str:
    reference = target.reference
    return f"{reference.till}-{reference.epoch}-{reference.number}"


def _digits(text: str) -> int:
    """`20417`, or the whole number `3-1-20417` of the receipt."""
    last = text.rpartition("-")[2]
    if not (last.isascii() and last.isdigit() and len(last) <= 12):
        raise Refusal("no-such-receipt", number=text[:20])
    return int(last)
