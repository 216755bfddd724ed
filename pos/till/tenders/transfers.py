"""Paying by a transfer that the customer starts with a code, and the money of such transfers that comes later.

The code proves nothing. Either a person has seen the money on the account, or the goods go on a person's word and the tender
stays open until somebody, or a bank's statement, says that its money came.
"""

import datetime as dt
from collections.abc import Callable, Generator
from typing import Any, Final

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain import payment
from pos.domain.cart import Cart, Tender
from pos.domain.document import Document, DocumentRow
from pos.domain.question import Option, Question
from pos.domain.rights import Approval, declare
from pos.domain.transfer import epc_payload, grouped, iban_of, reference_of
from pos.resources import texts
from pos.till.checkout import Checkout, refused
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.surroundings import Surroundings
from pos.till.tenders.tendering import Tendering
from pos.transfer_facts import TransferGivenUp, TransferOffered, TransferReceived
from pos.transfers import OPEN_KIND, SEEN_KIND, OpenTransfer
from pos.words import amount, iso_day_text

__all__ = ["Transfers"]

RELEASE: Final = declare("transfer-release")
RECEIVED: Final = declare("transfer-received")
_EURO: Final = "EUR"
_NOTE_MAX: Final = 60


class Transfers:
    """The keys "transfer" and "transfers"."""

    def __init__(
        self, desk: Desk, ledger: Ledger, checkout: Checkout, surroundings: Surroundings, tendering: Tendering
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._checkout = checkout
        self._surroundings = surroundings
        self._tendering = tendering
        if desk.setup.tenders.transfer_to is not None:
            tendering.menu["transfer"] = "transfer"
        tendering.undo |= {OPEN_KIND: self._take_back, SEEN_KIND: self._take_back}
        self.functions: dict[str, Callable[[c.Do], Any]] = {"transfer": self._pay, "transfers": self._list}
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}

    # -- paying

    def _pay(self, command: c.Do) -> Flow:
        cart, wanted = self._tendering.begin("transfer", command)
        rules = self._desk.setup.tenders
        account = rules.transfer_to
        if account is None:
            raise Refusal("transfer-no-account", level="info")
        if self._desk.setup.currency != _EURO:
            raise Refusal("transfer-only-euro", level="info")
        waits = rules.transfer_release == "wait"
        reference = self._new_reference()
        try:
            kind = SEEN_KIND if waits else OPEN_KIND
            paid = payment.exactly(cart, kind, wanted, _EURO, reference=reference)
        except payment.PayError as error:
            raise refused(error) from error
        yield from self._tendering.sure(cart)
        (tender,) = paid.tenders
        yield self._offer(cart, tender)
        payload = epc_payload(account, tender.amount_minor, reference).decode()
        question = self._question("transfer-wait" if waits else "transfer-word", tender, payload)
        while (answer := (yield question)) != "done":
            if answer == "none":
                raise Refusal("transfer-given-up", level="info")
            self._surroundings.print_document(self._slip(tender, payload))
            self._desk.message = e.Message("transfer-printed", level="info")
        approvals = approval_of((yield Need(RECEIVED if waits else RELEASE)))
        cart = carts.with_about(cart, approvals=(*cart.about.approvals, *approvals))
        yield from self._tendering.take(cart, paid)

    def _new_reference(self) -> str:
        """Nobody else's, at any till: of the time, and of chance."""
        fresh = self._desk.world.ids.new_id()
        return reference_of(fresh[2:10] + fresh[-8:])

    async def _offer(self, cart: Cart, tender: Tender) -> None:
        """Kept before the code is seen: whatever comes under this reference, somebody will know what it was for."""
        facts = self._ledger.day_facts()
        facts.append(
            TransferOffered(
                tender.reference,
                cart.cart_id,
                tender.amount_minor,
                tender.currency,
                self._desk.operator_id(),
                self._ledger.business_day(facts),
                self._desk.world.clock.wall_ms(),
                self._desk.offset_min(),
            )
        )
        await self._ledger.append(facts, None)

    def _question(self, code: str, tender: Tender, payload: str) -> Question:
        options = [Option("done", word=f"ask.{code}-done")]
        if self._desk.world.printer is not None:
            options.append(Option("slip", word="ask.code-slip"))
        options.append(Option("none", word="ask.transfer-none"))
        shown = amount(tender.amount_minor, self._desk.language)
        return Question(
            code,
            options=tuple(options),
            fields={"amount": shown},
            scans="refuse",
            rows=((grouped(tender.reference), f"{shown} {tender.currency}"),),
            qr=payload,
        )

    def _slip(self, tender: Tender, payload: str) -> Document:
        """For whoever stands where no screen shows the code."""
        words, account = texts(self._desk.setup.language), self._desk.setup.tenders.transfer_to
        assert account is not None, "a code was made"
        shown = f"{amount(tender.amount_minor, self._desk.setup.language)} {tender.currency}"
        rows = (
            DocumentRow(words("transfer.title"), style="mark"),
            DocumentRow(),
            DocumentRow(words("transfer.amount"), shown, "big"),
            DocumentRow(payload, style="code"),
            DocumentRow(words("transfer.scan"), style="centre"),
            DocumentRow(),
            DocumentRow(words("transfer.holder"), account.name),
            DocumentRow("IBAN", grouped(iban_of(account.iban))),
            DocumentRow(words("transfer.reference"), grouped(tender.reference)),
            DocumentRow(),
            DocumentRow(words("transfer.no-proof"), style="centre"),
        )
        return Document(rows, marks=(words("ui.demo"),) if self._desk.setup.demo else ())

    # -- taking a part back

    def _take_back(self, cart: Cart, tender: Tender) -> Generator[Any, Any, str]:
        """Is its money there? Then it stays a part, or the shop owes it. The code of the sentence; raises Refusal where it stays."""
        fields: dict[str, str | int] = {"amount": self._money(tender.amount_minor)}
        rows = ((grouped(tender.reference), ""),)
        came = tender.kind == SEEN_KIND
        if not came:
            options = tuple(Option(name, word=f"ask.transfer-back-{name}") for name in ("no", "yes"))
            question = Question("transfer-back", options=options, fields=fields, rows=rows, scans="refuse")
            came = (yield question) == "yes"
        approvals: tuple[Approval, ...] = ()
        if came:
            options = tuple(Option(name, word=f"ask.transfer-there-{name}") for name in ("keep", "owe"))
            question = Question("transfer-there", options=options, fields=fields, rows=rows, scans="refuse")
            if (yield question) == "keep":
                raise Refusal("part-stays", level="info")
            approvals = approval_of((yield Need(RECEIVED)))
        yield self._given_up(cart, tender, came=came, approvals=approvals)
        return "transfer-owed" if came else "part-back"

    async def _given_up(
        self, cart: Cart, tender: Tender, *, came: bool, approvals: tuple[Approval, ...]
    ) -> None:
        facts = self._ledger.day_facts()
        facts.append(
            TransferGivenUp(
                tender.reference,
                cart.cart_id,
                tender.amount_minor,
                tender.currency,
                came,
                self._desk.operator_id(),
                self._ledger.business_day(facts),
                self._desk.world.clock.wall_ms(),
                self._desk.offset_min(),
                approvals,
            )
        )
        await self._ledger.append(facts, None)

    # -- what came

    def _list(self, _: c.Do) -> Flow:
        """The open ones; one of them is marked as received, with what came and when."""
        self._desk.must_be_selling()
        open_ones = self._desk.world.journal.head.transfers
        if not open_ones:
            raise Refusal("transfers-none", level="info")
        options = tuple(self._option(one) for one in open_ones)
        total = sum(one.amount_minor for one in open_ones)
        reference = yield Question(
            "transfers", options=options, fields={"count": len(open_ones), "total": self._money(total)}
        )
        chosen = next(one for one in open_ones if one.reference == reference)
        approvals = approval_of((yield Need(RECEIVED)))
        fields: dict[str, str | int] = {"amount": self._money(chosen.amount_minor)}
        rows = ((grouped(chosen.reference), self._receipt(chosen)),)
        came: int | None = chosen.amount_minor
        if chosen.amount_minor > 0:
            came = yield Question("transfer-came", "amount", fields=fields, rows=rows, empty=True)
        booked = yield Question("transfer-booked", "date", rows=rows, empty=True)
        note = yield Question("transfer-note", "text", rows=rows, empty=True)
        minor = came if came is not None else chosen.amount_minor
        yield self._received(chosen, minor, booked or self._desk.today(), note or "", approvals)
        left = chosen.amount_minor - minor
        if minor == 0:
            self._desk.warn("transfer-nothing-came", level="info")
        elif left > 0 and chosen.amount_minor > 0:
            self._desk.message = e.Message("transfer-part-came", {"amount": minor, "rest": left}, "info")
        else:
            self._desk.message = e.Message("transfer-came", {"amount": minor}, "info")

    def _option(self, one: OpenTransfer) -> Option:
        day = iso_day_text(one.business_day, self._desk.language)
        return Option(one.reference, f"{self._receipt(one)}  {day}", amount_minor=one.amount_minor)

    def _receipt(self, one: OpenTransfer) -> str:
        if not one.number:
            return self._desk.words("transfer.no-receipt")
        return f"{self._desk.world.journal.head.till}-{one.epoch}-{one.number}"

    async def _received(
        self, one: OpenTransfer, minor: int, booked: dt.date, note: str, approvals: tuple[Any, ...]
    ) -> None:
        if not minor:
            return
        facts = self._ledger.day_facts()
        facts.append(
            TransferReceived(
                one.reference,
                minor,
                one.currency,
                booked.isoformat(),
                self._desk.operator_id(),
                self._ledger.business_day(facts),
                self._desk.world.clock.wall_ms(),
                self._desk.offset_min(),
                note=note[:_NOTE_MAX],
                approvals=approvals,
            )
        )
        await self._ledger.append(facts, None)

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)
