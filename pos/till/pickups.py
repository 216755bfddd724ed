"""Orders of the store at the till: the list with its clocks, picked by scanning, ready on their shelf, handed over.

The hub decides. It is asked under a key that was remembered, so silence is asked again and does nothing twice. What left is a
fact of this till's journal, in one commit with the sale that took money for it; the hub hears it later. Alone, a till hands over
only what the hub signed beforehand, and somebody else with the right must agree.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.cart import Cart, Discount, Line
from pos.domain.handed import HandedLine, RefusedLine
from pos.domain.money import round_minor
from pos.domain.pickup import (
    Fulfillment,
    Handing,
    Order,
    WorkList,
    WorkRow,
    bag_code,
    order_of_token,
    part_minor,
    proxy_mark,
    read_token,
    waiting,
)
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import Approval, declare
from pos.domain.scans import PICKUP_TOKEN, Meaning, ScanKind, own_code, read_scan
from pos.domain.tender import Tender
from pos.facts import Fact
from pos.node_ports import ShopAnswer
from pos.order_facts import OrderHandedOver
from pos.resources import texts
from pos.sale_facts import Sale
from pos.till.checkout import Checkout
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.pickup_paper import bag_label, pick_list, slip
from pos.till.selling import Selling
from pos.till.surroundings import Surroundings

__all__ = ["PICKUP", "PICKUP_ALONE", "Pickups"]

PICKUP: Final = declare("pickup")
PICKUP_ALONE: Final = declare("pickup-alone")
_KEY: Final = "pickup.key"
_TO_PICK: Final = frozenset({"new", "accepted", "picking", "short_picked"})
_T = TypeVar("_T")


class Pickups:
    """`functions`: the list. `codes`: a customer's code begins the hand-over."""

    def __init__(
        self, desk: Desk, ledger: Ledger, selling: Selling, checkout: Checkout, surroundings: Surroundings
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self._checkout = checkout
        self._surroundings = surroundings
        self.handlers: dict[type[c.Command], Any] = {}
        self.functions = {"pickups": self._list}
        self.codes = {ScanKind.PICKUP: self._scanned}
        checkout.before_sale = self._facts_of

    # -- asking the hub

    def _begin(self) -> None:
        self._desk.must_be_selling()
        self._desk.need(PICKUP)
        if self._desk.training:
            raise Refusal("pickup-training")
        if self._desk.world.shop is None:
            raise Refusal("pickup-no-hub")

    @property
    def _here(self) -> str:
        return f"/stores/{self._desk.world.journal.head.store}"

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """An answer; silence is asked again under the same key, once."""
        shop, memory = self._desk.world.shop, self._desk.world.memory
        assert shop is not None, "a hub is known"
        raw = b"" if body is None else msgspec.json.encode(body)
        key = self._desk.world.ids.new_id() if method == "POST" else ""
        if key and memory is not None:
            yield memory.put(_KEY, f"{key} {path}".encode())
        answer: ShopAnswer = yield shop.ask(method, path, raw, key=key)
        if answer.silent:
            answer = yield shop.ask(method, path, raw, key=key)
        return answer

    def _order(self, method: str, path: str, body: Any = None) -> Any:
        """The order as it is after the request. Raises Refusal."""
        answer = yield from self._ask(method, path, body)
        return _read(_heard(answer), Order)

    # -- the list

    def _list(self, command: c.Do) -> Flow:
        self._begin()
        if command.text:
            yield from self._hand_over(command.text, "known")
            return
        while True:
            answer = yield from self._ask("GET", f"{self._here}/fulfillments?limit=99")
            rows = _read(_heard(answer), WorkList).rows
            if not rows:
                raise Refusal("pickup-none", level="info")
            options = tuple(self._option(row) for row in rows)
            chosen = yield Question("pickups", options=options, scans="answer")
            if isinstance(chosen, Scanned):
                yield from self._said(chosen.code)
                return
            row = next(row for row in rows if row.fulfillment_id == chosen)
            if row.state == "ready":
                yield from self._ready_one(row)
            elif row.state in _TO_PICK:
                yield from self._pick(row)
            else:
                self._desk.warn("pickup-elsewhere", number=row.number)

    def _option(self, row: WorkRow) -> Option:
        zone = self._desk.world.clock.now().tzinfo
        at = dt.datetime.fromtimestamp(row.by_ms / 1000, zone).strftime("%d.%m. %H:%M")
        words = texts(self._desk.setup.language)
        state = words(f"ui.pickup-{row.state.replace('_', '-')}")
        late = f" {words('ui.pickup-late')}" if row.late else ""
        text = f"{row.number}  {state}  {row.shelf}  {row.text}".replace("    ", "  ")
        return Option(row.fulfillment_id, text=text[:46], note=f"{at}{late}")

    def _ready_one(self, row: WorkRow) -> Any:
        options = tuple(Option(name, word=f"pickup-do-{name}") for name in ("hand", "extend", "label"))
        chosen = yield Question("pickup-do", options=options, fields={"number": row.number}, scans="refuse")
        if chosen == "hand":
            yield from self._hand_over(str(row.number), "known")
        elif chosen == "extend":
            days = yield Question("pickup-days", "number", scans="refuse")
            path = f"{self._here}/fulfillments/{row.fulfillment_id}/extend"
            yield from self._order("POST", path, {"days": int(days)})
            self._desk.warn("pickup-extended", level="info", number=row.number)
        else:
            self._surroundings.print_document(
                bag_label(row.number, row.text, row.shelf, self._desk.setup.language)
            )

    # -- picking

    def _pick(self, row: WorkRow) -> Any:
        """Scan what is taken; a key says what is missing; with all of it, the shelf is asked for."""
        path = f"{self._here}/fulfillments/{row.fulfillment_id}"
        order = yield from self._order(
            "POST", f"{self._here}/pickups", {"code": str(row.number), "peek": True}
        )
        while True:
            task = _task_of(order, row.fulfillment_id)
            missing = [line for line in task.lines if line.picked + line.short < line.qty]
            if not missing:
                break
            answer = yield Question(
                "pickup-pick",
                options=(Option("short", word="pickup-short"), Option("paper", word="pickup-paper")),
                fields={"number": row.number, "count": len(missing)},
                rows=tuple(
                    (order.line(one.n).text[:40], f"{one.picked:f}/{one.qty - one.short:f}")
                    for one in missing
                ),
                scans="answer",
            )
            if answer == "paper":
                self._surroundings.print_document(pick_list(order, task, self._desk.setup.language))
                continue
            if answer == "short":
                order = yield from self._short(order, missing, path)
                continue
            n = self._line_of(order, answer.code, [one.n for one in missing])
            if not n:
                self._desk.warn("pickup-not-in-order", number=row.number)
                continue
            order = yield from self._order("POST", f"{path}/pick", {"lines": [{"n": n, "qty": "1"}]})
        if task.state not in _TO_PICK:
            self._desk.warn("pickup-nothing-left", number=row.number)
            return
        shelf = yield Question("pickup-shelf", "text", fields={"number": row.number}, scans="answer")
        shelf = (shelf.code if isinstance(shelf, Scanned) else str(shelf))[:20]
        yield from self._order("POST", f"{path}/ready", {"shelf": shelf})
        self._surroundings.print_document(bag_label(row.number, row.text, shelf, self._desk.setup.language))
        self._desk.warn("pickup-ready", level="info", number=row.number, shelf=shelf)

    def _short(self, order: Order, missing: Sequence[Any], path: str) -> Any:
        options = tuple(Option(str(one.n), text=order.line(one.n).text[:40]) for one in missing)
        chosen = yield Question("pickup-short", options=options, scans="refuse")
        one = next(one for one in missing if str(one.n) == chosen)
        ways = (Option("partial", word="pickup-partial"), Option("backorder", word="pickup-backorder"))
        way = yield Question("pickup-short-way", options=ways, scans="refuse")
        left = one.qty - one.picked - one.short
        return (
            yield from self._order("POST", f"{path}/short", {"n": one.n, "qty": f"{left:f}", "choice": way})
        )

    def _line_of(self, order: Order, code: str, among: list[int]) -> int:
        """The line whose article this code is; 0 for none."""
        key = read_scan(code, self._desk.setup.scans, self._desk.today()).key
        article = self._desk.world.catalogue.find(key) if key else None
        for n in among:
            line = order.line(n)
            if (article is not None and article.sku == line.sku) or code in {line.gtin, line.sku}:
                return n
        return 0

    # -- handing over

    def _scanned(self, meaning: Meaning) -> Flow:
        self._begin()
        return self._said(meaning.payload)

    def _said(self, code: str) -> Flow:
        meaning = read_scan(code, self._desk.setup.scans, self._desk.today())
        said = meaning.payload if meaning.kind is ScanKind.PICKUP else code
        said = said.removeprefix("Z") if said[:1] == "Z" and said[1:].isdigit() else said
        yield from self._hand_over(said, "known" if said.isdigit() else "code")

    def _hand_over(self, said: str, proof: str) -> Flow:
        token = read_token(said) if said.startswith(PICKUP_TOKEN) else None
        if said.startswith(PICKUP_TOKEN) and token is None:
            raise Refusal("pickup-token-broken")
        name = token[0].order_id if token is not None else said
        answer = yield from self._ask("POST", f"{self._here}/pickups", {"code": name})
        if answer.silent:
            yield from self._alone(token)
            return
        order = _read(_heard(answer), Order)
        store = self._desk.world.journal.head.store
        tasks = [one for one in order.fulfillments if one.store == store and one.state == "claimed"]
        if not tasks:
            raise Refusal("pickup-silent")
        claim = tasks[0].claim
        done = False
        try:
            yield from self._at_counter(order, tasks[0], claim.n if claim else 0, proof)
            done = True
        finally:
            if not done:
                self._desk.warn("pickup-kept", level="info", number=order.number)

    def _alone(self, token: Any) -> Flow:
        """Nobody answers: only what the hub signed, and with somebody else's word."""
        shop = self._desk.world.shop
        if token is None or shop is None:
            raise Refusal("pickup-silent")
        said, body, signature = token
        if not shop.vouches(body, signature):
            raise Refusal("pickup-token-false")
        if said.store != self._desk.world.journal.head.store:
            raise Refusal("pickup-token-store")
        if said.expires_ms and said.expires_ms < self._desk.world.clock.wall_ms():
            raise Refusal("pickup-token-old")
        known = (
            yield self._desk.world.history.mentions("order", said.order_id)
            if self._desk.world.history
            else _none()
        )
        if known:
            raise Refusal("pickup-twice", number=said.number)
        self._desk.warn("pickup-alone", number=said.number)
        approvals = approval_of((yield Need(PICKUP_ALONE, another=True)))
        names = {
            one.sku: article.text
            for one in said.lines
            if (article := self._desk.world.catalogue.by_sku(one.sku))
        }
        order = order_of_token(said, names)
        yield from self._at_counter(order, order.fulfillments[0], 0, "token", approvals)

    def _at_counter(
        self, order: Order, task: Fulfillment, claim: int, proof: str, approvals: tuple[Approval, ...] = ()
    ) -> Flow:
        lines = list(waiting(order, task))
        refused: list[RefusedLine] = []
        proxy, bag = "", False
        while True:
            due = self._due(order, lines)
            options = [Option("hand", word="pickup-hand"), Option("refuse", word="pickup-refuse")]
            options += [Option("later", word="pickup-later"), Option("proxy", word="pickup-proxy")]
            answer = yield Question(
                "pickup-hand-bag" if bag else "pickup-hand",
                options=tuple(options),
                fields={"number": order.number, "shelf": task.shelf or "-", "rest": due},
                rows=tuple((order.line(one.n).text[:40], f"{one.qty:f}") for one in lines),
                scans="answer",
                empty=bag,
            )
            if isinstance(answer, Scanned):
                if not self._is_bag(order, answer.code):
                    self._desk.warn("pickup-other-bag", number=order.number)
                    continue
                bag = True
                if due <= 0:
                    continue
                answer = "hand"
            if answer in {None, "hand"}:
                break
            if answer == "proxy":
                name = yield Question("pickup-proxy", "text", scans="refuse")
                proxy = proxy_mark(order.order_id, name)
            elif lines:
                out = yield from self._without(order, lines, refuse=answer == "refuse")
                refused += out
        if not lines and not refused:
            raise Refusal("pickup-nothing-left", number=order.number)
        age = max((order.line(one.n).min_age for one in lines), default=0)
        if age:
            seen = yield Question(
                "pickup-age", options=(Option("yes", word="pickup-old-enough"), Option("no", word="pickup-too-young")),
                fields={"age": age}, scans="refuse",
            )  # fmt: skip
            if seen == "no":
                raise Refusal("pickup-age-refused", age=age)
        handing = Handing(
            order.order_id, task.fulfillment_id, order.number, order.terms, claim, (), tuple(refused), proof, age,
            proxy, bool(approvals), approvals=approvals,
        )  # fmt: skip
        due = self._due(order, lines)
        if due > 0 and lines:
            self._sell(order, lines, handing, due)
            return
        yield self._give(order, lines, handing)

    def _without(self, order: Order, lines: list[HandedLine], *, refuse: bool) -> Any:
        """A line that does not go with the customer: not wanted, or left for later."""
        options = tuple(
            Option(str(one.n), text=order.line(one.n).text[:40], note=f"{one.qty:f}") for one in lines
        )
        chosen = yield Question("pickup-which", options=options, scans="refuse")
        at, one = next((at, one) for at, one in enumerate(lines) if str(one.n) == chosen)
        qty = one.qty
        if qty > 1:
            wanted = yield Question("pickup-how-many", "number", fields={"count": f"{qty:f}"}, scans="refuse")
            if not 0 < wanted <= qty:
                raise Refusal("pickup-too-many")
            qty = wanted
        reason = ""
        if refuse:
            words = tuple(Option(name, word=f"pickup-{name}") for name in ("wrong", "damaged", "unwanted"))
            reason = yield Question("pickup-why", options=words, scans="refuse")
        left = one.qty - qty
        line = order.line(one.n)
        lines[at : at + 1] = [HandedLine(one.n, one.sku, left, part_minor(line, left))] if left else []
        return [RefusedLine(one.n, qty, reason)] if refuse else []

    @staticmethod
    def _due(order: Order, lines: Sequence[HandedLine]) -> int:
        """What is to be paid for these lines: what was paid before goes to the first that leave."""
        return max(0, sum(one.value_minor for one in lines) - max(0, order.paid_minor))

    @staticmethod
    def _is_bag(order: Order, code: str) -> bool:
        return code.strip() == own_code(ScanKind.PICKUP, bag_code(order.number))

    # -- paid before

    async def _give(self, order: Order, lines: Sequence[HandedLine], handing: Handing) -> None:
        """Nothing is paid here: one fact, then the paper."""
        facts = self._ledger.day_facts()
        fact = self._fact(handing, tuple(lines), facts)
        facts.append(fact)
        await self._ledger.append(facts, None)
        back = (
            sum(part_minor(order.line(one.n), one.qty) for one in handing.refused) if order.paid_minor else 0
        )
        self._surroundings.print_document(slip(order, fact, back, self._desk.setup.language))
        self._desk.message = e.Message(
            "pickup-done-back" if back else "pickup-done", {"number": order.number, "back": back}, "info"
        )
        if self._desk.world.hub is not None:
            self._desk.world.hub.kick()

    def _fact(
        self, handing: Handing, lines: tuple[HandedLine, ...], facts: Sequence[Fact]
    ) -> OrderHandedOver:
        return OrderHandedOver(
            handing.order_id, handing.fulfillment_id, handing.number, self._ledger.business_day(facts),
            self._desk.operator_id(), self._desk.world.clock.wall_ms(), self._desk.offset_min(), lines,
            sum(one.value_minor for one in lines), handing.refused, self._desk.setup.currency, handing.proof,
            handing.age, handing.proxy, handing.claim, handing.alone, handing.terms,
            approvals=(*handing.approvals, *self._desk.approvals),
        )  # fmt: skip

    # -- paid here

    def _sell(self, order: Order, lines: Sequence[HandedLine], handing: Handing, due: int) -> None:
        """The lines join the open cart at the price that was ordered; its payment hands them over."""
        cart = self._selling.cart_for_line()
        if any(one.order_id == order.order_id for one in cart.about.handing):
            raise Refusal("pickup-in-cart", number=order.number)
        first = len(cart.lines) + 1
        made = [self._line(order, one, first + at) for at, one in enumerate(lines)]
        pairs = tuple((line.n, one.n) for line, one in zip(made, lines, strict=True))
        prepaid = sum(one.value_minor for one in lines) - due
        handing = msgspec.structs.replace(handing, lines=pairs, prepaid_minor=prepaid)
        cart = carts.add_lines(cart, *made)
        cart = carts.with_about(
            cart, handing=(*cart.about.handing, handing), age=max(cart.about.age, handing.age),
            approvals=(*cart.about.approvals, *self._desk.approvals),
        )  # fmt: skip
        if prepaid:
            cart = carts.add_tender(cart, Tender("prepaid", prepaid, prepaid, reference=order.order_id))
        self._selling.keep(cart)
        self._desk.message = e.Message("pickup-to-pay", {"number": order.number, "rest": due}, "info")

    def _line(self, order: Order, one: HandedLine, n: int) -> Line:
        line = order.line(one.n)
        article = self._desk.world.catalogue.by_sku(line.sku)
        rate = self._desk.rate_of(line.tax or (article.tax_code if article is not None else ""))
        unit = -int(-Decimal(one.value_minor) // one.qty)
        total = round_minor(unit * one.qty)
        off = total - one.value_minor
        less = (
            Discount("order", texts(self._desk.setup.language)("receipt.order-price"), off, source="order"),
        )
        return Line(
            n=n, kind="article", text=line.text, quantity=one.qty, unit_minor=unit, total_minor=total,
            added=self._desk.mark(), source="order", gtin=line.gtin or None, sku=line.sku, unit=line.unit,
            department=article.department if article is not None else 0, tax_code=rate.code,
            tax_percent=rate.percent, tax_key=rate.key, price_source="order", min_age=line.min_age,
            discounts=less if off else (),
        )  # fmt: skip

    def _facts_of(self, cart: Cart, sale: Sale) -> Sequence[Fact]:
        """The hand-overs of a cart that is paid, before its sale; lines that were taken out again stay here."""
        found: list[Fact] = []
        for handing in cart.about.handing:
            live = {line.n: line for line in cart.lines if line.live}
            lines = tuple(
                HandedLine(n, live[at].sku, live[at].quantity, live[at].pay_minor)
                for at, n in handing.lines
                if at in live
            )
            if not lines and not handing.refused:
                continue
            fact = self._fact(handing, lines, ())
            found.append(
                msgspec.structs.replace(
                    fact,
                    receipt=sale.number,
                    business_day=sale.business_day,
                    at_ms=sale.completed_ms,
                    paid_minor=max(0, fact.value_minor - handing.prepaid_minor),
                )
            )
        return found


async def _none() -> Sequence[Any]:
    return ()


def _task_of(order: Order, fulfillment_id: str) -> Fulfillment:
    return next(one for one in order.fulfillments if one.fulfillment_id == fulfillment_id)


def _heard(answer: ShopAnswer) -> ShopAnswer:
    """Raises Refusal for silence and for a no."""
    if answer.silent:
        raise Refusal("pickup-silent")
    if answer.yes:
        return answer
    match answer.code:
        case "claimed":
            raise Refusal("pickup-claimed", till=answer.detail.rpartition("/")[2])
        case "not-found":
            raise Refusal("pickup-unknown")
        case "pickup-handed-over":
            raise Refusal("pickup-gone")
        case "pickup-expired":
            raise Refusal("pickup-expired")
        case "pickup-cancelled" | "pickup-rejected":
            raise Refusal("pickup-cancelled")
        case "pickup-new" | "pickup-accepted" | "pickup-picking" | "pickup-short-picked":
            raise Refusal("pickup-not-ready")
    raise Refusal("pickup-refused", detail=(answer.title or answer.code)[:40])


def _read(answer: ShopAnswer, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except msgspec.MsgspecError as error:
        raise Refusal("pickup-refused", detail=str(error)[:40]) from error
