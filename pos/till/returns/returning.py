"""Goods come back: with their receipt, line by line or as a whole, for what was paid; another size at the same price.

What was bought at another till, or online, comes back the same way: the hub says what is left and keeps it for this sale.
"""

from collections.abc import Callable, Generator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.article import Article
from pos.domain.cart import Line, Origin
from pos.domain.codes import key_of
from pos.domain.money import round_minor
from pos.domain.purchase import Held
from pos.domain.question import Option, Question, Scanned
from pos.domain.returns import Reason, TooMuchError, refund_minor, too_late
from pos.domain.rights import Approval, declare
from pos.domain.scans import Meaning, ScanKind, read_scan
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.receipts.open_cases import READ_CASE, OpenCases
from pos.till.receipts.receipt_book import Receipt, ReceiptBook
from pos.till.receipts.taken_back import Left, TakenBack, bought
from pos.till.returns.elsewhere import Part
from pos.till.returns.finding import Finding, Unheard
from pos.till.sale.selling import Selling
from pos.till.settlement import line_again
from pos.words import day_text, quantity_text

__all__ = ["Returning"]

RETURN: Final = declare("return")
RETURN_LATE: Final = declare("return-late")
EXCHANGE_PRICE: Final = declare("exchange-price")
_RECEIPTS: Final = (ScanKind.RECEIPT, ScanKind.FISCAL, ScanKind.RETURN)
_YES_NO: Final = (Option("yes", word="ask.return-yes"), Option("no", word="ask.return-no"))
_Asks = Generator[Any, Any, Any]


class Returning:
    """Takes lines of a receipt back into the open cart. Each is whole before the next question."""

    def __init__(
        self, desk: Desk, selling: Selling, book: ReceiptBook, finding: Finding, open_cases: OpenCases
    ) -> None:
        self._desk = desk
        self._selling = selling
        self._book = book
        self._elsewhere = finding.elsewhere
        self._finding = finding
        self._open_cases = open_cases
        self.alone: Callable[[Unheard], Flow]
        """Takes back what stands on a receipt of which only the number is known; given by a part."""
        self.may_alone: Callable[[str, int], _Asks]
        """Somebody agrees that so much is taken back though nobody can say what is left; given by a part."""
        self.taken_back = TakenBack(desk, selling, book)
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {
            "return": self._return,
            "exchange-size": self._exchange_size,
        }
        self.codes: dict[ScanKind, Callable[[Meaning], Any]] = dict.fromkeys(_RECEIPTS, self._scanned)
        book.actions["return"] = self.take_back
        book.everywhere.add("return")
        finding.taken_back = self._taken_back

    def _return(self, command: c.Do) -> Flow:
        self._desk.must_be_selling()
        yield from self._taken_back(self._book.wanted(command.text, anywhere=True))

    def _scanned(self, meaning: Meaning) -> Flow:
        self._desk.must_be_selling()
        yield from self._taken_back(self._finding.by_code(meaning))

    def _taken_back(self, finding: Generator[Any, Any, Receipt]) -> Flow:
        try:
            receipt = yield from finding
        except Unheard as unheard:
            yield from self.alone(unheard)
        else:
            yield from self.take_back(receipt)

    # -- a receipt's lines

    def take_back(self, receipt: Receipt) -> Flow:
        """Ask for lines until nothing is left, or somebody goes on with something else."""
        self._desk.must_be_selling()
        approved = approval_of((yield Need(RETURN)))
        self._open_cases.ask(receipt.about, receipt.store)
        receipt = yield from self._elsewhere.known(receipt)
        said = False
        while True:
            left: Sequence[Left] = yield self.taken_back.left_of(receipt)
            if not left and not said:
                self._desk.warn("nothing-left", level="info", number=receipt.shown)
                self._open_cases.tell_aside()
            if not left:
                return
            answer = yield self._open_cases.on(self._question(receipt, left))
            if answer == READ_CASE:
                yield from self._open_cases.show()
                continue
            if isinstance(answer, Scanned):
                meaning = read_scan(answer.code, self._desk.setup.scans, self._desk.today())
                if meaning.kind in _RECEIPTS:
                    receipt = yield from self._finding.by_code(meaning)
                    self._open_cases.ask(receipt.about, receipt.store)
                    receipt, said = (yield from self._elsewhere.known(receipt)), False
                    continue
                chosen, serial = self._scanned_line(meaning, left), meaning.serial
                parts = [(chosen, _one_of(chosen))] if chosen is not None else []
            elif answer == "announced":
                yield from self._announced(receipt, left, approved)
                receipt, said = (yield from self._elsewhere.known(receipt, again=True)), True
                continue
            elif answer == "all":
                parts, serial = [(one, one.quantity) for one in left], ""
            else:
                chosen, serial = next(one for one in left if str(one.line.n) == answer), ""
                parts = [(chosen, (yield from self._how_much(chosen)))]
            if not parts or not (yield from self._serials_fit(parts, serial)):
                continue
            if len(parts) == 1:
                parts += yield from self._deposit_too(parts[0], left)
            reason = yield from self.reason()
            yield from self._with_reason(receipt, parts, approved, reason)
            receipt, said = (yield from self._elsewhere.known(receipt, again=True)), True

    def _question(self, receipt: Receipt, left: Sequence[Left]) -> Question:
        options = [
            Option(
                str(one.line.n),
                f"{quantity_text(one.quantity, one.line.unit, self._desk.language)} x {one.line.text}"
                if one.quantity != 1
                else one.line.text,
                amount_minor=one.worth_minor,
            )
            for one in left
        ]
        if len(left) > 1:
            worth = sum(one.worth_minor for one in left)
            options.insert(0, Option("all", word="ask.return-all", amount_minor=worth))
        if _told(receipt, left):
            options.insert(0, Option("announced", word="ask.return-announced"))
        name = self._desk.words("ask.find-online", number=receipt.shown) if receipt.order else receipt.shown
        rows = [
            (f"{name}  {day_text(receipt.sold_at.date(), self._desk.language)} {receipt.sold_at:%H:%M}", "")
        ]
        if receipt.unheard:
            rows.append((self._desk.words("ask.return-unheard"), ""))
        return Question(
            "return-gift" if receipt.gift else "return-lines",
            options=tuple(options),
            rows=tuple(rows),
            scans="answer",
        )

    def _scanned_line(self, meaning: Meaning, left: Sequence[Left]) -> Left | None:
        """The line of the article that was scanned; tells what is wrong where there is none."""
        article = self._desk.world.catalogue.find(meaning.key)
        found = [
            one
            for one in left
            if one.line.kind == "article"
            and (
                (article is not None and (one.line.sku or one.line.gtin) in {article.sku, article.gtin})
                or (meaning.key and meaning.key in {key_of(one.line.gtin or ""), key_of(one.line.code)})
            )
        ]
        if not found:
            self._desk.refuse(e.Message("not-on-receipt", {"code": meaning.text[:40]}))
            return None
        serial = meaning.serial
        return next((one for one in found if serial and one.line.serial == serial), found[0])

    def _how_much(self, one: Left) -> _Asks:
        """How much of a line: all of it unless another number is typed."""
        while one.quantity != 1:
            shown = quantity_text(one.quantity, one.line.unit, self._desk.language)
            number = yield Question(
                "return-quantity", "number", fields={"text": one.line.text, "left": shown}, empty=True
            )
            if number is None:
                break
            if one.line.unit == "pc" and number != number.to_integral_value():
                self._desk.refuse(e.Message("quantity-whole", {"text": one.line.text}))
            elif not 0 < number <= one.quantity:
                self._desk.refuse(e.Message("too-much-back", {"left": shown, "text": one.line.text}))
            else:
                return number
        return one.quantity

    def _serials_fit(self, parts: Sequence[tuple[Left, Decimal]], scanned: str) -> _Asks:
        """What has a serial number comes back with the same one."""
        for one, _ in parts:
            serial = one.line.serial
            if not serial or scanned == serial:
                continue
            answer = yield Question("return-serial", "text", fields={"text": one.line.text}, scans="answer")
            said = answer
            if isinstance(answer, Scanned):
                meaning = read_scan(answer.code, self._desk.setup.scans, self._desk.today())
                said = meaning.serial or answer.code.strip()
            if said != serial:
                self._desk.refuse(e.Message("serial-differs", {"text": one.line.text, "serial": said[:30]}))
                return False
        return True

    def _deposit_too(self, part: tuple[Left, Decimal], left: Sequence[Left]) -> _Asks:
        """The deposit under an article comes back with it where the bottle does."""
        one, quantity = part
        under = [other for other in left if other.line.parent == one.line.n and other.line.kind == "deposit"]
        if not under:
            return []
        answer = yield Question("return-deposit", options=_YES_NO, fields={"text": one.line.text})
        return [(other, min(quantity, other.quantity)) for other in under] if answer == "yes" else []

    def reason(self) -> _Asks:
        """Why; its rule decides what may be done."""
        reasons = self._desk.returns.reasons
        options = tuple(Option(reason.name, word=f"reason.{reason.name}") for reason in reasons)
        name = yield Question("return-reason", options=options, scans="refuse")
        return next(reason for reason in reasons if reason.name == name)

    def _announced(self, receipt: Receipt, left: Sequence[Left], approved: tuple[Approval, ...]) -> Flow:
        """What the customer said would come back, for the reasons that were told."""
        for name, parts in _told(receipt, left).items():
            known = [reason for reason in self._desk.returns.reasons if reason.name == name]
            if not (yield from self._serials_fit(parts, "")):
                continue
            reason = known[0] if known else (yield from self.reason())
            yield from self._with_reason(receipt, parts, approved, reason)

    def _with_reason(
        self,
        receipt: Receipt,
        parts: Sequence[tuple[Left, Decimal]],
        approved: tuple[Approval, ...],
        reason: Reason,
    ) -> Flow:
        age = (self._desk.today() - receipt.sold_at.date()).days
        if too_late(self._desk.returns, reason.rule, age):
            approved += approval_of((yield Need(RETURN_LATE)))
        origin = Origin(
            receipt.till,
            receipt.epoch,
            receipt.sale.number,
            rule=reason.rule,
            reason=reason.name,
            damaged=reason.damaged,
            approved=approved[-1].by if approved else "",
            gift=receipt.gift,
            store=receipt.store,
            order=receipt.order,
        )
        wanted = [Part(one.line.n, quantity, reason.name, reason.damaged) for one, quantity in parts]
        held = yield from self._elsewhere.keep(receipt, wanted, _announcement(receipt))
        if held is None and receipt.purchase is not None and not self._is_own(receipt):
            worth = sum(refund_minor(bought(one.line), one.taken, quantity) for one, quantity in parts)
            approved += yield from self.may_alone(receipt.shown, worth)
            origin = msgspec.structs.replace(origin, offline=True)
        try:
            self._put(receipt, parts, origin, approved, held)
        except Refusal:
            self._elsewhere.give_up(held)
            raise
        if held is not None:
            yield from self._elsewhere.kept()

    def _is_own(self, receipt: Receipt) -> bool:
        return not receipt.store and not receipt.order and receipt.till == self._desk.world.journal.head.till

    def _put(
        self,
        receipt: Receipt,
        parts: Sequence[tuple[Left, Decimal]],
        origin: Origin,
        approved: tuple[Approval, ...],
        held: tuple[Held, str] | None,
    ) -> None:
        """All of them, or none: the cart changes once. What the hub keeps is worth what it says. Raises Refusal."""
        told = {one.n: one.worth_minor for one in held[0].lines} if held is not None else {}
        cart = before = self._selling.begun()
        for one, quantity in parts:
            sold = line_again(one.line, receipt.sale.operator, self._tax_key(one))
            try:
                refund = refund_minor(bought(one.line), one.taken, quantity)
            except TooMuchError as error:
                raise Refusal("too-much-back", left=str(error.left), text=one.line.text) from error
            refund = told.get(one.line.n, refund)
            from_line = msgspec.structs.replace(origin, n=one.line.n)
            earlier = round_minor(one.taken.quantity * sold.unit_minor) - one.taken.refunded_minor
            cart = cart_goods.add_return(
                cart, sold, quantity, refund, from_line, self._desk.mark(), before_minor=earlier
            )
        approvals = tuple(dict.fromkeys((*cart.about.approvals, *approved)))
        holds = self._elsewhere.hold_of(receipt, cart.lines[len(before.lines) :], held)
        cart = carts.with_about(cart, approvals=approvals, holds=(*cart.about.holds, *holds))
        self._selling.keep(cart)
        self.say(cart.lines[len(before.lines) :])

    def _tax_key(self, one: Left) -> int:
        """The export's number for the rate of that sale; the till's own table knows it, whenever it was."""
        return self._desk.world.taxes.key_of(one.line.tax, one.line.percent)

    def say(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._desk.events.append(e.LineAdded(line.n, line.text, line.quantity, line.pay_minor))
        worth = -sum(line.pay_minor for line in lines)
        text = lines[0].text if len(lines) == 1 else str(len(lines))
        self._desk.warn(
            "taken-back" if len(lines) == 1 else "taken-back-lines", level="info", text=text, amount=worth
        )

    # -- another size

    def _exchange_size(self, command: c.Do) -> Flow:
        """For the line that was just taken back: another article at the price that was paid for it."""
        self._desk.must_be_selling()
        cart = self._selling.cart
        back = carts.last_live_line(cart) if cart is not None else None
        if (
            cart is None
            or back is None
            or back.kind != "return"
            or back.origin is None
            or not back.origin.receipt
        ):
            raise Refusal("exchange-after-return", level="info")
        article = yield from self.article(command.text, "exchange-size", {"text": back.text})
        was = self._desk.world.catalogue.by_sku(back.sku)
        if article.unit != back.unit or article.deposit is not None or article.serial_required:
            raise Refusal("exchange-not-so", text=article.text)
        approved: tuple[Approval, ...] = ()
        if was is None or was.price_minor != article.price_minor:
            approved = approval_of((yield Need(EXCHANGE_PRICE)))
        cart = carts.with_about(cart, approvals=tuple(dict.fromkeys((*cart.about.approvals, *approved))))
        cart = cart_goods.add_in_exchange(
            cart,
            back,
            article,
            self._desk.rate_of(article.tax_code),
            self._desk.mark(),
            code=article.gtin or "",
            source="exchange",
        )
        self._selling.keep(cart)
        new = cart.lines[-1]
        self._desk.events.append(e.LineAdded(new.n, new.text, new.quantity, new.pay_minor))
        self._desk.warn("exchanged", level="info", text=new.text, amount=new.pay_minor)

    def article(self, text: str, code: str, fields: dict[str, str | int]) -> Generator[Any, Any, Article]:
        """An article, scanned or by its number."""
        while True:
            if not text:
                answer = yield Question(code, "text", fields=fields, scans="answer")
                text = answer.code if isinstance(answer, Scanned) else answer
            meaning = read_scan(text, self._desk.setup.scans, self._desk.today())
            article = self._desk.world.catalogue.find(meaning.key) if meaning.key else None
            if article is not None and article.price_minor is not None:
                return article
            self._desk.refuse(e.Message("no-such-article", {"code": text[:40]}))
            text = ""


def _announcement(receipt: Receipt) -> str:
    found = receipt.purchase.announced if receipt.purchase is not None else ()
    return found[0].announcement_id if found else ""


def _told(receipt: Receipt, left: Sequence[Left]) -> dict[str, list[tuple[Left, Decimal]]]:
    """What the customer announced and is still to come back, by reason."""
    by_n = {one.line.n: one for one in left}
    told: dict[str, list[tuple[Left, Decimal]]] = {}
    for announced in receipt.purchase.announced[:1] if receipt.purchase is not None else ():
        for line in announced.lines:
            one = by_n.get(line.n)
            if one is not None and line.qty > 0:
                told.setdefault(line.reason, []).append((one, min(line.qty, one.quantity)))
    return told


def _one_of(one: Left) -> Decimal:
    """A scan is one piece; what is sold by measure comes back whole."""
    return min(Decimal(1), one.quantity) if one.line.unit == "pc" else one.quantity
