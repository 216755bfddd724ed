"""The hand-over at the counter: whose it is, the bag, what is wrong with it, age; then it leaves, paid before or in the sale.

Until it is done the claim is in this person's hand; however it ends otherwise, the order is anybody's again.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import events as e
from pos.domain.article import Article
from pos.domain.handed import HandedLine, RefusedLine
from pos.domain.pickup import (
    Fulfillment,
    Handing,
    Order,
    Spare,
    bag_code,
    is_last,
    next_minor,
    order_of_token,
    proxy_mark,
    read_token,
    spare_of,
    waiting,
)
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import Approval, declare
from pos.domain.scans import PICKUP_TOKEN, ScanKind, own_code, read_scan
from pos.facts import Fact
from pos.order_facts import OrderHandedOver
from pos.resources import texts
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of, step
from pos.till.ledger import Ledger
from pos.till.orders.desk import OrderDesk, heard, read
from pos.till.orders.giving_back import GivingBack
from pos.till.orders.handing_sale import HandingSale, Money, fact_of
from pos.till.orders.paper import slip
from pos.till.surroundings import Surroundings
from pos.words import amount

__all__ = ["PICKUP_ALONE", "HandOver"]

PICKUP_ALONE: Final = declare("pickup-alone")
_OVER: Final = frozenset({"pickup-expired", "pickup-cancelled", "pickup-handed-over"})
"""What the hub answers of an order that is over: something that was paid down for it may be to go back."""
_WHY: Final = ("wrong", "damaged", "unwanted")


class HandOver:
    """From a customer's code to goods that left."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        orders: OrderDesk,
        sale: HandingSale,
        giving_back: GivingBack,
        surroundings: Surroundings,
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._orders = orders
        self._sale = sale
        self._giving_back = giving_back
        self._surroundings = surroundings

    def hand_over(self, said: str, proof: str, fulfillment: str = "") -> Flow:
        """`said`: what the customer showed. `fulfillment`: this one of an order's."""
        token = read_token(said) if said.startswith(PICKUP_TOKEN) else None
        if said.startswith(PICKUP_TOKEN) and token is None:
            raise Refusal("pickup-token-broken")
        name = token[0].order_id if token is not None else said
        done = False
        try:
            answer = yield self._orders.claim(name, fulfillment)
            if answer.silent:
                yield from self._alone(token)
                return
            if answer.code in _OVER and (yield from self._giving_back.offer(name)):
                done = True
                return
            order = read(heard(answer), Order)
            task = next(
                (one for one in order.fulfillments if one.fulfillment_id == self._orders.in_hand), None
            )
            if task is None or task.claim is None:
                raise Refusal("pickup-silent")
            self._must_not_be_in_cart(order)
            if proof == "code" and token is None and name.upper() != order.code:
                proof = "known"  # the channel's number is no secret
            given = yield self._orders.given(order.order_id)
            if any((one.fulfillment_id, one.claim) == (task.fulfillment_id, task.claim.n) for one in given):
                raise Refusal("pickup-unheard", number=order.number)
            yield from self._at_counter(order, task, task.claim.n, proof)
            done = True
        finally:
            if not done and self._orders.in_hand and self._desk.message is None:
                self._desk.warn("pickup-kept", level="info")
            self._orders.let_go()

    def _must_not_be_in_cart(self, order: Order) -> None:
        if self._sale.holds(order.order_id):
            raise Refusal("pickup-in-cart", number=order.number)

    def _alone(self, token: Any) -> Flow:
        """Nobody answers: only what the hub signed, and with somebody else's word."""
        shop = self._desk.world.shop
        if token is None or shop is None:
            raise Refusal("pickup-silent")
        said, body, signature = token
        if not shop.vouches(body, signature):
            raise Refusal("pickup-token-false")
        if said.store != self._orders.store:
            raise Refusal("pickup-token-store")
        if said.expires_ms and said.expires_ms < self._desk.world.clock.wall_ms():
            raise Refusal("pickup-token-old")
        if (yield self._orders.given(said.order_id)):
            raise Refusal("pickup-twice", number=said.number)
        self._desk.warn("pickup-alone", number=said.number)
        approvals = approval_of((yield Need(PICKUP_ALONE, another=True)))
        names = {
            one.sku: article.text
            for one in said.lines
            if (article := self._desk.world.catalogue.by_sku(one.sku))
        }
        order = order_of_token(said, names)
        self._must_not_be_in_cart(order)
        yield from self._at_counter(order, order.fulfillments[0], 0, "token", approvals)

    def _at_counter(
        self, order: Order, task: Fulfillment, claim: int, proof: str, approvals: tuple[Approval, ...] = ()
    ) -> Flow:
        lines = list(waiting(order, task))
        refused: list[RefusedLine] = []
        spare = spare_of(order, task)
        proxy, bag, name = "", False, ""
        while True:
            money = _money(order, lines, refused, spare)
            options = tuple(
                Option(name, word=f"ask.pickup-{'do-hand' if name == 'hand' else name}")
                for name in ("hand", "refuse", "later", "proxy", "swap")
            )
            answer = yield Question(
                "pickup-hand-bag" if bag else "pickup-hand",
                options=options,
                fields={"number": order.number, "shelf": task.shelf or "-", "rest": money.due_minor},
                rows=self._rows(order, lines, refused, money, name),
                scans="answer",
                empty=bag,
            )
            if isinstance(answer, Scanned):
                if not self._is_bag(order, answer.code):
                    self._desk.warn("pickup-other-bag", number=order.number)
                    continue
                bag = True
                if money.due_minor <= 0:
                    continue
                answer = "hand"
            if answer in {None, "hand"}:
                break
            if answer == "proxy":
                name = (yield from step(_proxy())) or name
                proxy = proxy_mark(order.order_id, name) if name else ""
            elif answer == "swap" and lines:
                yield from step(self._replace(order, lines))
            elif lines:
                refused += (yield from step(self._without(order, lines, refuse=answer == "refuse"))) or []
        if not lines and not refused:
            raise Refusal("pickup-nothing-left", number=order.number)
        age = yield from self._age(order, lines)
        handing = Handing(
            order.order_id, task.fulfillment_id, order.number, order.terms, claim, (), tuple(refused), proof, age,
            proxy, bool(approvals), approvals=approvals,
        )  # fmt: skip
        if money.in_sale and (lines or money.down_minor):
            self._sale.sell(order, lines, handing, money)
            return
        yield self._give(order, lines, handing, money)

    def _rows(
        self,
        order: Order,
        lines: Sequence[HandedLine],
        refused: Sequence[RefusedLine],
        money: Money,
        name: str,
    ) -> tuple[tuple[str, str], ...]:
        """What goes with the customer, what does not, who collects, and what is to be paid."""
        language = self._desk.setup.language
        words = texts(language)
        rows = [(self._text(order, one), f"{one.qty:f}") for one in lines]
        rows += [
            (words("receipt.order-refused", text=order.line(one.n).text), f"{one.qty:f}") for one in refused
        ]
        if name:
            rows.append((words("ui.pickup-by", name=name), ""))
        if money.due_minor > 0:
            rows.append((words("ui.pickup-due"), amount(money.due_minor, language)))
        elif money.due_minor < 0:
            rows.append((words("ui.pickup-back"), amount(-money.due_minor, language)))
        else:
            rows.append((words("ui.pickup-paid"), ""))
        return tuple(rows)

    def _age(self, order: Order, lines: Sequence[HandedLine]) -> Any:
        """The age that was looked at; 0 where none is asked. Raises Refusal."""
        age = max(
            (
                article.min_age
                if one.replaces and (article := self._desk.world.catalogue.by_sku(one.sku)) is not None
                else order.line(one.n).min_age
                for one in lines
            ),
            default=0,
        )
        if age:
            seen = yield Question(
                "pickup-age", options=(Option("yes", word="ask.pickup-old-enough"), Option("no", word="ask.pickup-too-young")),
                fields={"age": age}, scans="refuse",
            )  # fmt: skip
            if seen == "no":
                raise Refusal("pickup-age-refused", age=age)
        return age

    def _text(self, order: Order, one: HandedLine) -> str:
        article = self._desk.world.catalogue.by_sku(one.sku) if one.replaces else None
        return article.text if article is not None else order.line(one.n).text

    # -- what does not go as it was packed

    def _part(self, order: Order, lines: list[HandedLine]) -> Any:
        """One of the lines, and how much of it: its place, the line, the quantity."""
        options = tuple(
            Option(str(at), text=self._text(order, one), note=f"{one.qty:f}") for at, one in enumerate(lines)
        )  # fmt: skip
        at = int((yield Question("pickup-which", options=options, scans="refuse")))
        one = lines[at]
        qty = one.qty
        if qty > 1:
            wanted = yield Question("pickup-how-many", "number", fields={"count": f"{qty:f}"}, scans="refuse")
            if not 0 < wanted <= qty:
                raise Refusal("pickup-too-many")
            qty = wanted
        return at, one, qty

    def _why(self) -> Any:
        words = tuple(Option(name, word=f"ask.pickup-{name}") for name in _WHY)
        return (yield Question("pickup-why", options=words, scans="refuse"))

    def _without(self, order: Order, lines: list[HandedLine], *, refuse: bool) -> Any:
        """Some of a line does not go with the customer: not wanted, or left for later."""
        at, one, qty = yield from self._part(order, lines)
        reason = (yield from self._why()) if refuse else ""
        lines[at : at + 1] = _less(order, one, qty)
        return [RefusedLine(one.n, qty, reason)] if refuse else []

    def _replace(self, order: Order, lines: list[HandedLine]) -> Any:
        """Another article goes for some of a line, at what that one cost."""
        at, one, qty = yield from self._part(order, lines)
        reason = yield from self._why()
        while True:
            answer = yield Question(
                "pickup-replace", "text", fields={"text": self._text(order, one)}, scans="answer"
            )
            article = self._article(answer.code if isinstance(answer, Scanned) else str(answer))
            if article is not None:
                break
            self._desk.warn("pickup-replace-unknown")
        left = _less(order, one, qty)
        value = one.value_minor - sum(each.value_minor for each in left)
        same = article.sku == one.sku and not one.replaces
        new = HandedLine(
            one.n, article.sku, qty, value, one.replaces or order.line(one.n).sku, one.reason or reason
        )
        lines[at : at + 1] = [*left, msgspec.structs.replace(new, reason=reason) if same else new]

    def _article(self, code: str) -> Article | None:
        key = read_scan(code, self._desk.setup.scans, self._desk.today()).key
        catalogue = self._desk.world.catalogue
        return (catalogue.find(key) if key else None) or catalogue.by_sku(code.strip())

    @staticmethod
    def _is_bag(order: Order, code: str) -> bool:
        return code.strip() == own_code(ScanKind.PICKUP, bag_code(order.number))

    # -- nothing is paid here

    async def _give(self, order: Order, lines: Sequence[HandedLine], handing: Handing, money: Money) -> None:
        """One fact, then the paper."""
        facts: list[Fact] = self._ledger.day_facts()
        fact: OrderHandedOver = fact_of(self._desk, handing, tuple(lines), self._ledger.business_day(facts))
        facts.append(fact)
        await self._ledger.append(facts, None)
        back = money.back_minor
        names = {one.sku: self._text(order, one) for one in lines}
        self._surroundings.print_document(slip(order, fact, back, names, self._desk.setup.language))
        self._desk.message = e.Message(
            "pickup-done-back" if back else "pickup-done", {"number": order.number, "back": back}, "info"
        )
        if self._desk.world.hub is not None:
            self._desk.world.hub.kick()


def _proxy() -> Any:
    return (yield Question("pickup-proxy", "text", scans="refuse"))


def _less(order: Order, one: HandedLine, qty: Decimal) -> list[HandedLine]:
    """What is left of a line without `qty` of it."""
    left = one.qty - qty
    if not left:
        return []
    value = one.value_minor * left / one.qty if one.replaces else next_minor(order.line(one.n), left)
    return [msgspec.structs.replace(one, qty=left, value_minor=int(value))]


def _money(order: Order, lines: Sequence[HandedLine], refused: Sequence[RefusedLine], spare: Spare) -> Money:
    """What is due for these lines, by what it was paid before, and what is given back where it was paid."""
    value = sum(one.value_minor for one in lines)
    gone: dict[int, Decimal] = {}
    for n, qty in [(one.n, one.qty) for one in lines] + [(one.n, one.qty) for one in refused]:
        gone[n] = gone.get(n, Decimal(0)) + qty
    last = is_last(order, gone)
    prepaid = min(value, spare.other_minor)
    down = spare.down_minor if last else min(spare.down_minor, value - prepaid)
    back = spare.other_minor - prepaid if last else 0
    if refused and not last:
        lost = sum(int(order.line(one.n).pay_minor * one.qty / order.line(one.n).qty) for one in refused)
        paid_for_all = order.paid_minor >= order.value_minor
        back = min(lost, spare.other_minor - prepaid) if paid_for_all else 0
    return Money(value - prepaid - down, prepaid, down, back if refused else 0)
