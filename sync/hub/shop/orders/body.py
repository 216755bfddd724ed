"""An order as its rows hold it: read under its lock, changed as values, written once."""

from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from pos.domain.money import round_minor
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.customers.keys import unseal_for
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.messages import (
    Claim,
    Fulfillment,
    FulfillmentLine,
    Label,
    Order,
    OrderLine,
    Payment,
)
from sync.wire import encode_json

__all__ = [
    "ENDED",
    "Body",
    "Doing",
    "Giving",
    "Held",
    "Task",
    "held_by_fulfillment",
    "hold",
    "part_minor",
    "quantity",
    "shown",
    "value_of",
]

ENDED: Final = frozenset({"handed_over", "rejected", "expired", "cancelled"})
_QTY_MAX: Final = Decimal(100_000)
_BEGIN: Final = Inserting(t.order_fulfillment)


@prepared
def _head(order_id: Any) -> Any:
    return sa.select(t.order_head).where(t.order_head.c.order_id == order_id)


@prepared
def _locked_head(order_id: Any) -> Any:
    return sa.select(t.order_head).where(t.order_head.c.order_id == order_id).with_for_update()


@prepared
def _fulfillments(store: Any, order_id: Any) -> Any:
    c = t.order_fulfillment.c
    mine = (c.order_store == store, c.order_id == order_id)
    return sa.select(t.order_fulfillment).where(*mine).order_by(c.fulfillment_id)


@prepared
def _order_of(store: Any, fulfillment_id: Any) -> Any:
    c = t.order_fulfillment.c
    return sa.select(c.order_id).where(c.store == store, c.fulfillment_id == fulfillment_id)


@prepared
def _write_head(of_store: Any, of_id: Any, now: Any, n: Any, terms_n: Any, text: Any, whose: Any) -> Any:
    c = t.order_head.c
    values = {"state": now, "version": n, "terms": terms_n, "body": text, "customer": whose}
    return t.order_head.update().where(c.store == of_store, c.order_id == of_id).values(values)


@prepared
def _write_fulfillment(
    of_store: Any, of_id: Any, now: Any, due: Any, deadline: Any, clock: Any, rung: Any, by: Any, lease: Any,
    n: Any, text: Any,
) -> Any:  # fmt: skip
    c = t.order_fulfillment.c
    values = {
        "state": now, "due_ms": due, "deadline_ms": deadline, "clock_ms": clock, "reminded": rung, "claimed_by": by,
        "lease_ms": lease, "claims": n, "body": text,
    }  # fmt: skip
    return t.order_fulfillment.update().where(c.store == of_store, c.fulfillment_id == of_id).values(values)


class Giving(Struct, frozen=True):
    """A till (STORE/TILL) alone gives money back until `lease_ms`; `n` counts such leases of an order."""

    till: str
    lease_ms: int
    n: int


class Body(Struct, frozen=True, omit_defaults=True):
    """What stands in `orders.body`. `person` and `sealed_note` are sealed under the person's key; `note`
    is one that was not sealed yet. `given_back_minor` of a down payment went back with hand-overs, `backs` without one, by
    receipt (STORE/TILL-EPOCH-NUMBER); `giving` is the till that gives back just now.
    `beyond_minor` is worth what left beyond what was ordered. `follows`: how much of each line is written off by hand-overs and by the
    order's end; what they say may change.
    """

    lines: tuple[OrderLine, ...]
    payments: tuple[Payment, ...] = ()
    currency: str = "EUR"
    language: str = "de"
    purpose: str = ""
    channel: str = ""
    external: str = ""
    origin: str = ""
    note: str = ""
    person: bytes = b""
    pay_later: bool = False
    given_back_minor: int = 0
    beyond_minor: int = 0
    follows: tuple[tuple[int, Decimal], ...] = ()
    sealed_note: bytes = b""
    backs: tuple[tuple[str, int], ...] = ()
    giving: Giving | None = None

    @property
    def returned_minor(self) -> int:
        """What went back at counters."""
        return self.given_back_minor + sum(minor for _, minor in self.backs)


class Doing(Struct, frozen=True, omit_defaults=True):
    """What stands in `orders_fulfillment.body`. `forwarded`: sent to the store where it is collected, where it `arrives`.
    `was` is the state in which hand-overs ended it and `kept_ms` its deadline then: it is so again when their receipt is taken back.
    `late`: hand-overs (STORE/TILL/EPOCH/SEQ) that were heard after it had ended otherwise.
    """

    lines: tuple[FulfillmentLine, ...]
    created_ms: int
    accepted_ms: int = 0
    ready_ms: int = 0
    ended_ms: int = 0
    shelf: str = ""
    bags: int = 1
    reason: str = ""
    label: Label | None = None
    forwarded: bool = False
    arrives: bool = False
    was: str = ""
    kept_ms: int = 0
    late: tuple[str, ...] = ()


class Task(Struct, frozen=True):
    """One fulfillment as its row says: `row` its columns, `doing` its document."""

    store: str
    fulfillment_id: str
    state: str
    due_ms: int
    deadline_ms: int
    clock_ms: int
    reminded: int
    claimed_by: str
    lease_ms: int
    claims: int
    doing: Doing

    def claimed(self, now_ms: int) -> bool:
        """Does a till hold it just now?"""
        return self.state == "claimed" and self.lease_ms > now_ms


class Held(Struct):
    """An order under its lock. Change `body`, `state` and `tasks`, then `write`; only what changed is written."""

    store: str
    order_id: str
    number: int
    code: str
    kind: str
    state: str
    version: int
    terms: int
    secret_hash: bytes
    customer: str
    created_ms: int
    body: Body
    tasks: dict[str, Task]
    before: dict[str, Task]
    note: str = ""

    def task(self, fulfillment_id: str) -> Task:
        found = self.tasks.get(fulfillment_id)
        if found is None:
            raise not_found("fulfillment", fulfillment_id)
        return found

    def put(self, task: Task) -> None:
        self.tasks[task.fulfillment_id] = task

    def line(self, n: int) -> OrderLine:
        found = next((line for line in self.body.lines if line.n == n), None)
        if found is None:
            raise RefusedError(422, "line", "The order has no such line", str(n))
        return found

    def put_line(self, line: OrderLine) -> None:
        lines = tuple(line if one.n == line.n else one for one in self.body.lines)
        if all(one.n != line.n for one in self.body.lines):
            lines = (*lines, line)
        self.body = replace(self.body, lines=lines)

    def write_off(self, n: int, qty: Decimal) -> None:
        """So much more of a line does not come, as far as is known now."""
        follows = dict(self.body.follows)
        follows[n] = follows.get(n, Decimal(0)) + qty
        self.put_line(replace(self.line(n), written_off=self.line(n).written_off + qty))
        self.body = replace(self.body, follows=tuple(sorted(follows.items())))

    def write(self, work: Work, *, terms: bool = False) -> None:
        """Keep it all; `terms`: lines, amounts or times are others now."""
        self.version += 1
        self.terms += terms
        _write_head.run(
            work.connection, self.store, self.order_id, self.state, self.version, self.terms, encode_json(self.body),
            self.customer,
        )  # fmt: skip
        for task in self.tasks.values():
            if self.before.get(task.fulfillment_id) != task:
                self._write(work, task)
        self.before = dict(self.tasks)

    def _write(self, work: Work, task: Task) -> None:
        if task.fulfillment_id in self.before:
            _write_fulfillment.run(
                work.connection, task.store, task.fulfillment_id, task.state, task.due_ms, task.deadline_ms,
                task.clock_ms, task.reminded, task.claimed_by, task.lease_ms, task.claims, encode_json(task.doing),
            )  # fmt: skip
            return
        row = {
            "store": task.store, "fulfillment_id": task.fulfillment_id, "order_store": self.store,
            "order_id": self.order_id, "state": task.state, "due_ms": task.due_ms, "deadline_ms": task.deadline_ms, "clock_ms": task.clock_ms,
            "reminded": task.reminded, "claimed_by": task.claimed_by, "lease_ms": task.lease_ms,
            "claims": task.claims, "body": encode_json(task.doing),
        }  # fmt: skip
        _BEGIN.run(work.connection, row)

    def event(self, work: Work, type_: str, **more: Any) -> None:
        """Say what happened, to the order's store and to every other store that works on it."""
        data = {"order_id": self.order_id, "number": self.number, "version": self.version, **more}
        for store in {self.store, *(task.store for task in self.tasks.values())}:
            work.event(store, type_, self.order_id, data)


def hold(work: Work, order_id: str, *, lock: bool = True) -> Held:
    """The order, locked until the transaction ends. Raises RefusedError 404."""
    row = (_locked_head if lock else _head).first(work.connection, order_id)
    if row is None:
        raise not_found("order", order_id)
    tasks = {
        one.fulfillment_id: _task(one) for one in _fulfillments.all(work.connection, row.store, order_id)
    }
    body = msgspec.json.decode(bytes(row.body), type=Body)
    return Held(
        row.store, order_id, row.number, row.code, row.kind, row.state, row.version, row.terms,
        bytes(row.secret_hash), row.customer, row.created_ms, body, tasks, dict(tasks), _note(work, order_id, body),
    )  # fmt: skip


def _note(work: Work, order_id: str, body: Body) -> str:
    plain = unseal_for(work, f"order/{order_id}", body.sealed_note) if body.sealed_note else None
    return plain.decode() if plain is not None else body.note


def held_by_fulfillment(
    work: Work, store: str, fulfillment_id: str, *, lock: bool = True
) -> tuple[Held, Task]:
    """The order of a store's fulfillment, locked, and the fulfillment. Raises RefusedError 404."""
    order_id = _order_of.scalar(work.connection, store, fulfillment_id)
    if order_id is None:
        raise not_found("fulfillment", fulfillment_id)
    held = hold(work, order_id, lock=lock)
    return held, held.task(fulfillment_id)


def _task(row: Any) -> Task:
    return Task(
        row.store, row.fulfillment_id, row.state, row.due_ms, row.deadline_ms, row.clock_ms, row.reminded,
        row.claimed_by, row.lease_ms, row.claims, msgspec.json.decode(bytes(row.body), type=Doing),
    )  # fmt: skip


def shown(held: Held) -> Order:
    """The order as it is told."""
    body = held.body
    value = value_of(held)
    paid = sum(payment.amount_minor for payment in body.payments) - body.returned_minor
    return Order(
        held.order_id, held.store, held.number, held.code, held.kind, held.state, held.version, held.terms,
        held.created_ms, body.lines, tuple(_fulfillment(task) for task in held.tasks.values()), body.payments,
        value, paid, value - paid, body.currency, body.language, body.purpose, body.channel, body.external,
        held.customer, body.origin, held.note, body.returned_minor,
    )  # fmt: skip


def _fulfillment(task: Task) -> Fulfillment:
    doing = task.doing
    claim = Claim(task.claimed_by, task.lease_ms, task.claims) if task.state == "claimed" else None
    return Fulfillment(
        task.fulfillment_id, task.store, task.state, doing.lines, task.due_ms, doing.created_ms, task.deadline_ms,
        doing.accepted_ms, doing.ready_ms, doing.ended_ms, doing.shelf, doing.bags, doing.reason, claim, doing.label,
    )  # fmt: skip


def part_minor(pay_minor: int, qty: Decimal, part: Decimal) -> int:
    """What the first `part` of `qty` cost."""
    return pay_minor if part == qty else round_minor(pay_minor * part / qty)


def value_of(held: Held) -> int:
    """What the order costs: its lines less what will not come."""
    if held.state == "cancelled":
        return 0
    return sum(part_minor(line.pay_minor, line.qty, line.qty - line.written_off) for line in held.body.lines)


def quantity(value: Decimal, *, negative: bool = False) -> Decimal:
    """A quantity that can be counted. Raises RefusedError 422."""
    if not value.is_finite() or value == 0 or abs(value) > _QTY_MAX or (value < 0 and not negative):
        raise RefusedError(422, "quantity", "This is no quantity", str(value)[:32])
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -3:
        raise RefusedError(422, "quantity", "A quantity has at most three decimals", str(value)[:32])
    return value
