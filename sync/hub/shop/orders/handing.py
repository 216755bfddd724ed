"""What the hand-overs that the tills told mean for an order.

All are kept. Which of them are primary follows from them alone, in the order of their times: those that fit into what was
ordered. So the same facts in any order end in the same rows, and what is too much is told once, with its value.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from pos.order_facts import OrderHandedOver
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core, goods
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.body import ENDED, Held, Task, hold, part_minor
from sync.hub.shop.orders.messages import Payment
from sync.wire import encode_json

__all__ = ["Told", "fitting", "handed_over", "told_of"]


_KEEP: Final = Inserting(t.order_hand_over, keep=True)


@prepared
def _marked(of_store: Any, of_order: Any, of_place: Any, primary: Any) -> Any:
    c = t.order_hand_over.c
    mine = (c.store == of_store, c.order_id == of_order, c.place == of_place)
    return t.order_hand_over.update().where(*mine).values(main=primary)


@prepared
def _hand_overs(store: Any, order_id: Any) -> Any:
    c = t.order_hand_over.c
    mine = (c.store == store, c.order_id == order_id)
    return sa.select(c.place, c.at_ms, c.body).where(*mine).order_by(c.at_ms, c.place)


class Told(Struct, frozen=True):
    """One hand-over: where its fact stands, when it was, and the fact."""

    store: str
    place: str
    at_ms: int
    fact: OrderHandedOver

    @property
    def name(self) -> str:
        return f"{self.store}/{self.place}"


def fitting(told: Iterable[Told], ordered: Mapping[int, Decimal]) -> tuple[set[str], dict[int, Decimal]]:
    """The names of the primary ones, and by line what was handed over beyond what was ordered."""
    given: dict[int, Decimal] = {}
    all_of: dict[int, Decimal] = {}
    primary: set[str] = set()
    for one in sorted(told, key=lambda each: (each.at_ms, each.name)):
        wants: dict[int, Decimal] = {}
        for line in one.fact.lines:
            wants[line.n] = wants.get(line.n, Decimal(0)) + line.qty
            all_of[line.n] = all_of.get(line.n, Decimal(0)) + line.qty
        if all(given.get(n, Decimal(0)) + qty <= ordered.get(n, Decimal(0)) for n, qty in wants.items()):
            primary.add(one.name)
            given = {**given, **{n: given.get(n, Decimal(0)) + qty for n, qty in wants.items()}}
    over = {n: qty - ordered.get(n, Decimal(0)) for n, qty in sorted(all_of.items())}
    return primary, {n: qty for n, qty in over.items() if qty > 0}


def handed_over(work: Work, arrived: Arrived, fact: OrderHandedOver) -> None:
    """A till says that goods of an order left. Raises RefusedError where there is no such order."""
    held = hold(work, fact.order_id)
    row = {
        "store": held.store, "order_id": held.order_id, "place": f"{arrived.store}/{arrived.place}",
        "at_ms": fact.at_ms, "main": 0, "body": encode_json(fact),
    }  # fmt: skip
    _KEEP.run(work.connection, row)
    told = told_of(work, held)
    ordered = {line.n: line.qty for line in held.body.lines}
    primary, over = fitting(told, ordered)
    for one in told:
        _marked.run(work.connection, held.store, held.order_id, one.name, int(one.name in primary))
    ended = held.state not in {"placed", "confirmed"}
    was = held.tasks.get(fact.fulfillment_id)
    _count(work, arrived, fact, held)
    _lines_and_money(held, told)
    held.body = replace(held.body, beyond_minor=_worth(held, over))
    for task in list(held.tasks.values()):
        _task_follows(work, held, task, told)
    if over:
        _say_double(work, held, told, over)
    elif was is not None and was.state in {"expired", "cancelled", "rejected"}:
        todo.withdraw(work, was.store, "put-back", was.fulfillment_id)
        todo.add(
            work, held.store, "handed-over-late", held.order_id, subject=held.order_id,
            data={"number": held.number, "was": was.state, "value_minor": fact.value_minor},
        )  # fmt: skip
    held.event(work, "order.handed_over", fulfillment_id=fact.fulfillment_id, till=arrived.till)
    if ended:
        held.state = "confirmed"
    core.settle_order(work, held, "handed-over")
    held.write(work, terms=True)


def told_of(work: Work, held: Held) -> list[Told]:
    """All hand-overs of an order, by their times."""
    found = []
    for row in _hand_overs.all(work.connection, held.store, held.order_id):
        store, _, place = row.place.partition("/")
        fact = msgspec.json.decode(bytes(row.body), type=OrderHandedOver)
        found.append(Told(store, place, row.at_ms, fact))
    return found


def _count(work: Work, arrived: Arrived, fact: OrderHandedOver, held: Held) -> None:
    """Goods that no sale counts are counted here; each once, however many hand-overs there were: they left."""
    task = held.tasks.get(fact.fulfillment_id)
    for line in task.doing.lines if task is not None else ():
        goods.spend(work, line.reservation, arrived.place)
    if fact.receipt:
        return
    for at, gone in enumerate(fact.lines, 1):
        goods.issue(work, arrived.store, gone.sku, gone.qty, f"{arrived.place}/{at}", fact.at_ms)


def _lines_and_money(held: Held, told: list[Told]) -> None:
    """All that left counts for its line, up to what was ordered; what is more is said by `_say_double`."""
    given: dict[int, Decimal] = {}
    refused: dict[int, Decimal] = {}
    for one in told:
        for gone in one.fact.lines:
            given[gone.n] = given.get(gone.n, Decimal(0)) + gone.qty
        for other in one.fact.refused:
            refused[other.n] = refused.get(other.n, Decimal(0)) + other.qty
    sent = _sent(held)
    for line in held.body.lines:
        delivered = min(line.qty, given.get(line.n, Decimal(0)) + sent.get(line.n, Decimal(0)))
        lost = max(
            line.written_off,
            min(refused.get(line.n, Decimal(0)) + _short(held, line.n), line.qty - delivered),
        )
        held.put_line(
            replace(line, delivered=delivered, written_off=max(Decimal(0), min(lost, line.qty - delivered)))
        )
    payments = [one for one in held.body.payments if one.provider != "counter"]
    payments += [Payment(one.fact.paid_minor, "counter", one.name) for one in told if one.fact.paid_minor > 0]
    back = sum(one.fact.returned_minor for one in told)
    held.body = replace(held.body, payments=tuple(payments), given_back_minor=back)


def _sent(held: Held) -> dict[int, Decimal]:
    """What went by carrier."""
    found: dict[int, Decimal] = {}
    for task in held.tasks.values():
        if (
            task.state == "handed_over"
            and not task.doing.forwarded
            and task.doing.label is not None
            and not any(line.handed for line in task.doing.lines)
        ):
            for line in task.doing.lines:
                found[line.n] = found.get(line.n, Decimal(0)) + line.picked
    return found


def _short(held: Held, n: int) -> Decimal:
    return sum(
        (line.short for task in held.tasks.values() for line in task.doing.lines if line.n == n), Decimal(0)
    )


def _task_follows(work: Work, held: Held, task: Task, told: list[Told]) -> None:
    """What was handed over and refused of a fulfillment; over when nothing of it is left."""
    mine = [one.fact for one in told if one.fact.fulfillment_id == task.fulfillment_id]
    if not mine:
        return
    lines = tuple(
        replace(
            line,
            handed=sum((one.qty for fact in mine for one in fact.lines if one.n == line.n), Decimal(0)),
            refused=sum((one.qty for fact in mine for one in fact.refused if one.n == line.n), Decimal(0)),
        )
        for line in task.doing.lines
    )
    left = any(line.handed + line.refused + line.short < line.qty for line in lines)
    doing = replace(task.doing, lines=lines)
    for fact in mine:
        for one in fact.refused:
            kind = "damaged" if one.reason == "damaged" else "put-back"
            todo.add(
                work, task.store, kind, f"{task.fulfillment_id}/{one.n}", subject=held.order_id,
                data={"number": held.number, "line": one.n, "qty": str(one.qty), "reason": one.reason},
            )  # fmt: skip
        for gone in fact.lines:
            if gone.replaces:
                kind = "damaged" if gone.reason == "damaged" else "put-back"
                todo.add(
                    work, task.store, kind, f"{task.fulfillment_id}/{gone.n}", subject=held.order_id,
                    data={"number": held.number, "line": gone.n, "qty": str(gone.qty), "reason": gone.reason},
                )  # fmt: skip
    if left and task.state not in ENDED:
        if task.state == "claimed" and all(fact.claim != task.claims for fact in mine):
            held.put(replace(task, doing=doing))  # another till has it in hand just now
            return
        held.put(replace(task, state="ready", claimed_by="", lease_ms=0, doing=doing))
        return
    if not left:
        doing = replace(doing, ended_ms=max(fact.at_ms for fact in mine))
        held.put(
            replace(
                task, state="handed_over", claimed_by="", lease_ms=0, clock_ms=0, deadline_ms=0, doing=doing
            )
        )
        return
    held.put(replace(task, doing=doing))


def _say_double(work: Work, held: Held, told: list[Told], over: dict[int, Decimal]) -> None:
    """Handed over more than was ordered: both facts stay, one task says so, with what it is worth."""
    data = {
        "number": held.number, "value_minor": _worth(held, over), "tills": sorted({one.name.rsplit("/", 2)[0] for one in told}),
        "lines": [(n, str(qty)) for n, qty in over.items()],
    }  # fmt: skip
    if not todo.add(work, held.store, "double-hand-over", held.order_id, subject=held.order_id, data=data):
        todo.restate(work, held.store, "double-hand-over", held.order_id, data)


def _worth(held: Held, over: Mapping[int, Decimal]) -> int:
    """What these quantities cost as they were ordered."""
    lines = {line.n: line for line in held.body.lines}
    return sum(part_minor(lines[n].pay_minor, lines[n].qty, qty) for n, qty in over.items() if n in lines)
