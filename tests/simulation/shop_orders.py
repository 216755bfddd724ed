"""Orders in the days of a shop: placed, picked, handed over with the hub and without it, sent, cancelled, too old (S3, S5, S7)."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec

from pos.order_facts import HandedLine, OrderHandedOver, RefusedLine
from pos.sale_facts import Reference
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core, moves
from sync.hub.shop.orders.core import CancelAsk, PayAsk
from sync.hub.shop.orders.messages import (
    ClaimCode,
    Label,
    Order,
    Payment,
    Pick,
    Picked,
    PlaceLine,
    PlaceOrder,
    Ready,
    Reason,
    Released,
    Ship,
    Short,
)
from sync.hub.shop.orders.watch import ring_due
from tests.simulation.shop_days import OFFICE, Day, Till

__all__ = ["Orders"]

_KINDS: Final = ("click_and_collect", "click_and_collect", "reserve_and_collect", "ship_from_store")
_DAY_MS: Final = 24 * 3_600_000
_PRICE: Final = 1_000


class _Known(msgspec.Struct):
    """An order as people know it. `ordered`, `told` (handed over, as tills say) and `sent` are by line; `waits`: fulfillments that
    were ready once, with what lay there and where.
    """

    order_id: str
    store: str
    kind: str
    ordered: dict[int, Decimal]
    skus: dict[int, str]
    paid: int
    told: dict[int, Decimal] = {}
    sent: dict[int, Decimal] = {}
    waits: dict[str, tuple[str, dict[int, Decimal]]] = {}


class Orders:
    def __init__(self, day: Day) -> None:
        self.day = day
        self.rng = day.rng
        self.known: dict[str, _Known] = {}
        self.receipts: list[tuple[Till, int, _Known, dict[int, Decimal]]] = []
        while len(self.known) < 2 and self.rng.random() < 0.7:
            self._place()

    def acts(self) -> list[Callable[[], None]]:
        return [
            *(self._place, self._place, self._prepare, self._prepare, self._collect, self._collect, self._collect),
            *(self._collect_alone, self._collect_alone, self._send, self._cancel, self._pay, self._clock),
            *(self._void, self._collect, self._collect_alone),
        ]  # fmt: skip

    def _say(self, what: str) -> None:
        self.day.report.counts[what] += 1

    def _place(self) -> None:
        kind: Any = self.rng.choice(_KINDS)
        store = self.rng.choice(self.day.stores)
        lines = tuple(
            PlaceLine(sku, Decimal(qty), qty * _PRICE)
            for sku in self.day.skus
            for qty in (self.rng.choice((1, 1, 2, 3)),)
        )[: self.rng.randint(1, 2)]
        worth = sum(line.pay_minor for line in lines)
        paid = kind != "reserve_and_collect" and self.rng.random() < 0.8
        payments = (Payment(worth, "psp", "p1"),) if paid else ()
        ask = PlaceOrder(kind, store, lines, payments=payments, from_store=self.rng.choice(self.day.stores))
        made: list[Order] = []
        code = self.day.refused(lambda work: made.append(core.place(work, ask).order))
        if code:
            assert code == "not-available", code
            return
        order = made[-1]
        self.known[order.order_id] = _Known(
            order.order_id, store, kind,
            {line.n: line.qty for line in order.lines}, {line.n: line.sku for line in order.lines},
            worth if paid else 0, {}, {}, {},
        )  # fmt: skip
        self._say("orders")
        self._prepare_one(order)

    def _one(self) -> Order | None:
        if not self.known:
            return None
        return self._get(self.rng.choice(list(self.known)))

    def _get(self, order_id: str) -> Order:
        work = Work(self.day.connection, self.day.now_ms, self.day.ids, OFFICE)
        return core.get(work, order_id)

    def _prepare(self) -> None:
        order = self._one()
        if order is not None:
            self._prepare_one(order)

    def _prepare_one(self, order: Order) -> None:
        """A store takes one fulfillment as far as it goes, or somewhere on its way."""
        todo = [
            one for one in order.fulfillments if one.state in {"new", "accepted", "picking", "short_picked"}
        ]
        if not todo or order.state != "confirmed":
            return
        task = todo[0]
        step = partial(moves.Step, task.store, task.fulfillment_id)
        chance = self.rng.random()
        if chance < 0.12:
            to = self.rng.choice(("", *self.day.stores))
            code = self.day.refused(lambda work: moves.reject(work, step(Reason("no", to))))
            assert code in {"", "not-available"}, code
            self._say("orders rejected")
            return
        line = task.lines[0]
        if chance < 0.25 and line.qty > line.picked + line.short:
            done = self.day.do(lambda work: moves.short(work, step(Short(line.n, Decimal(1)))))
            self._say("short picks")
            task = next(one for one in done.fulfillments if one.fulfillment_id == task.fulfillment_id)
            if task.state != "short_picked":
                return
        wanted = [
            Picked(one.n, one.qty - one.picked - one.short)
            for one in task.lines
            if one.qty > one.picked + one.short
        ]
        if wanted:
            self.day.do(lambda work: moves.pick(work, step(Pick(tuple(wanted)))))
            self._say("picks")
        if chance > 0.9:
            return
        self.day.do(lambda work: moves.ready(work, step(Ready("A1"))))
        lies = {one.n: one.qty - one.short for one in task.lines if one.qty > one.short}
        self.known[order.order_id].waits[task.fulfillment_id] = (task.store, lies)
        self._say("orders ready")

    # -- the counter

    def _collect(self) -> None:
        """With the hub: claimed first, and nobody else gets it meanwhile."""
        waiting = [one for one in self.known.values() if one.waits and one.kind != "ship_from_store"]
        if not waiting:
            return
        known = self.rng.choice(waiting)
        fulfillment_id = self.rng.choice(list(known.waits))
        store, _ = known.waits[fulfillment_id]
        till = self.day.online(store)
        if till is None:
            return
        ask = moves.ClaimAsk(store, ClaimCode(known.order_id))
        if self.day.refused(lambda work: moves.claim(work, ask), store, till.name):
            return
        for other in self.day.tills:
            if other.store == store and other is not till:
                code = self.day.refused(lambda work: moves.claim(work, ask), store, other.name)
                assert code == "claimed", f"S3: two tills have one pickup: {code!r}"
                self._say("conflict: pickup claimed by another")
        order = self._get(known.order_id)
        task = next(one for one in order.fulfillments if one.claim is not None and one.store == store)
        assert task.claim is not None
        chance = self.rng.random()
        if chance < 0.15:
            step = moves.Step(store, task.fulfillment_id, Released(task.claim.n))
            self.day.do(lambda work: moves.release(work, step), store, till.name)
            return
        if chance < 0.25:
            self._say("hand-overs that broke off")
            return
        if chance < 0.4:
            till.cut = True
        left = {
            one.n: one.qty - one.short - one.handed - one.refused
            for one in task.lines
            if one.qty > one.short + one.handed + one.refused
        }
        self._hand(till, known, task.fulfillment_id, left, claim=task.claim.n)

    def _collect_alone(self) -> None:
        """Without the hub: on its signed word, for whatever lay ready once."""
        waiting = [one for one in self.known.values() if one.waits and one.kind != "ship_from_store"]
        if not waiting:
            return
        known = self.rng.choice(waiting)
        fulfillment_id = self.rng.choice(list(known.waits))
        store, lies = known.waits[fulfillment_id]
        till = self.day.alone(store)
        if till is not None:
            self._say("hand-overs without the hub")
            self._hand(till, known, fulfillment_id, lies, claim=0)

    def _hand(
        self, till: Till, known: _Known, fulfillment_id: str, left: dict[int, Decimal], *, claim: int
    ) -> None:
        """All of it, or some; what is not wanted goes back to its shelf. Where it is paid, its sale counts the goods."""
        given = {n: qty for n, qty in left.items() if len(left) == 1 or self.rng.random() < 0.85}
        rest = {n: qty for n, qty in left.items() if n not in given and self.rng.random() < 0.6}
        if not given:
            return
        lines = tuple(HandedLine(n, known.skus[n], qty, int(qty) * _PRICE) for n, qty in given.items())
        refused = tuple(RefusedLine(n, qty, "unwanted") for n, qty in rest.items())
        worth = sum(line.value_minor for line in lines)
        paid = worth if not known.paid else 0
        fact = OrderHandedOver(
            known.order_id, fulfillment_id, 1, "2026-09-21", "1", self.day.now_ms, 0, lines, worth, refused, claim=claim,
            alone=not claim, receipt=till.seq + 2 if paid else 0, paid_minor=paid,
        )  # fmt: skip
        place, key = self.day.place_of(till, 2 if paid else 1), "sale" if paid else "pickup_issue"
        for at, (n, qty) in enumerate(given.items(), 1):
            self.day.note(till.store, known.skus[n], "store", (key, f"{place}/{at}"), -qty)
            known.told[n] = known.told.get(n, Decimal(0)) + qty
        sold = [self.day.line(at, known.skus[n], qty) for at, (n, qty) in enumerate(given.items(), 1)]
        self.day.write(till, *((fact, self.day.sale(*sold)) if paid else (fact,)))
        self._say("hand-overs")
        if paid:
            self.receipts.append((till, till.seq, known, given))

    def _void(self) -> None:
        """The receipt of a hand-over is taken back at its till: its goods are on their shelf, and the order waits again."""
        if not self.receipts:
            return
        till, number, known, given = self.receipts.pop(self.rng.randrange(len(self.receipts)))
        place = self.day.place_of(till)
        lines = []
        for at, (n, qty) in enumerate(given.items(), 1):
            self.day.note(till.store, known.skus[n], "store", ("void", f"{place}/{at}"), qty)
            known.told[n] -= qty
            lines.append(msgspec.structs.replace(self.day.line(at, known.skus[n], qty), qty=-qty))
        self.day.write(till, self.day.sale(*lines, references=(Reference("void", till.name, 1, number),)))
        self._say("hand-overs voided")

    # -- the rest

    def _send(self) -> None:
        for known in self.known.values():
            if known.kind != "ship_from_store":
                continue
            for fulfillment_id, (store, lies) in known.waits.items():
                step = moves.Step(store, fulfillment_id, Ship(Label("dhl", "T1")))
                if self.day.refused(lambda work, step=step: moves.ship(work, step)):  # type: ignore[misc]
                    continue
                for n, qty in lies.items():
                    self.day.note(
                        store, known.skus[n], "store", ("pickup_issue", f"ship/{fulfillment_id}/{n}"), -qty
                    )
                    known.sent[n] = known.sent.get(n, Decimal(0)) + qty
                self._say("parcels")
                return

    def _cancel(self) -> None:
        order = self._one()
        if order is None:
            return
        code = self.day.refused(lambda work: core.cancel(work, CancelAsk(order.order_id)))
        assert code in {"", "order-ended", "claimed", "handed-over"}, code
        self._say("orders cancelled" if not code else "cancellations refused")

    def _pay(self) -> None:
        order = self._one()
        if order is None or order.paid_minor:
            return
        known = self.known[order.order_id]
        if known.kind == "reserve_and_collect" or known.waits:
            return
        worth = sum(int(qty) * _PRICE for qty in known.ordered.values())
        for _ in range(self.rng.randint(1, 2)):
            self.day.do(lambda work: core.pay(work, PayAsk(order.order_id, Payment(worth, "psp", "p2"))))
        known.paid = worth
        self._say("payments")

    def _clock(self) -> None:
        """Some time goes by, and what was not collected goes back."""
        self.day.now_ms += self.rng.choice((_DAY_MS // 2, 2 * _DAY_MS))
        self._ring()

    def _ring(self) -> None:
        while self.day.do(ring_due):
            self._say("clocks of orders")

    def settle(self) -> None:
        self.day.now_ms += 10 * _DAY_MS
        self._ring()
        for order_id in self.known:
            code = self.day.refused(lambda work, one=order_id: core.cancel(work, CancelAsk(one)))  # type: ignore[misc]
            assert code in {"", "order-ended", "handed-over"}, code

    def check(self) -> None:
        noted = dict(self.day.tasks("double-hand-over"))
        for known in self.known.values():
            order = self._get(known.order_id)
            delivered = {line.n: line.delivered for line in order.lines}
            over = {
                n: qty - known.ordered[n] for n, qty in sorted(known.told.items()) if qty > known.ordered[n]
            }
            said = noted.pop(known.order_id, None)
            if not over:
                assert said is None, f"S5: nothing is too much, and a task says {said}"
                went = {
                    n: known.told.get(n, Decimal(0)) + known.sent.get(n, Decimal(0)) for n in known.ordered
                }
                assert {n: delivered[n] for n in went} == went, f"S5: {went} left, the order says {delivered}"
            else:
                self._say("conflict: handed over twice")
                assert said is not None, f"S7: {over} was too much, and no task says so"
                found = {n: Decimal(qty) for n, qty in said["lines"]}
                assert found == over, f"S5: {over} was too much, the task says {found}"
            for n, qty in known.ordered.items():
                assert delivered[n] <= qty, (
                    f"S5: {delivered[n]} of {qty} were handed over, and it is called right"
                )
            self._money(known, order)
        assert not noted, f"S7: tasks of no conflict: {noted}"
        late = self.day.rows(
            """select r.reservation_id, o.state from stock_reservation r join orders o on o.order_id = r.subject
            where r.state = 'active' and o.state in ('closed', 'cancelled')"""
        )
        assert not late, f"S3: a promise outlives its order: {late}"

    def _money(self, known: _Known, order: Order) -> None:
        """What was paid is known, and what is to be given back is said once. What left is worth its money, also twice."""
        psp = sum(one.amount_minor for one in order.payments if one.provider == "psp")
        assert psp == known.paid, f"{known.paid} was paid before, the order says {psp}"
        if order.state not in {"closed", "cancelled"}:
            return
        worth = sum(
            int(known.told.get(n, Decimal(0)) + known.sent.get(n, Decimal(0))) * _PRICE for n in known.ordered
        )
        counter = sum(one.amount_minor for one in order.payments if one.provider == "counter")
        owed = max(0, psp + counter - worth)
        noted = self.day.rows(
            "select data from task where kind = 'order-refund' and subject = ? and state <> 'withdrawn'",
            known.order_id,
        )
        said = sum(msgspec.json.decode(data)["amount_minor"] for (data,) in noted)
        asked = self.day.rows(
            "select amount_minor from shop_return_refund where order_id = ? and receipt = '' and state <> 'cancelled'",
            known.order_id,
        )
        said += sum(minor for (minor,) in asked)
        assert said == owed, (
            f"S7: {owed} is to be given back for an order, services and people are asked for {said}"
        )
