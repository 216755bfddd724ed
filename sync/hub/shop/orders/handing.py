"""What the hand-overs that the tills told mean for an order, and what it means when the receipt of one is taken back.

An order's lines, money and fulfillments follow from the hand-overs that stand (see `told`), whichever was heard first.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from pos.order_facts import OrderHandedOver
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import clocks, core, goods, receipts
from sync.hub.shop.orders.body import ENDED, Held, Task, hold, part_minor, value_of
from sync.hub.shop.orders.messages import FulfillmentLine, Payment
from sync.hub.shop.orders.owing import nothing_yet
from sync.hub.shop.orders.told import Told, fitting, keep, mark, receipt_of, told_of

__all__ = ["handed_over", "taken_back"]

_OTHERWISE: Final = frozenset({"expired", "cancelled", "rejected"})
_NOTHING: Final = Decimal(0)


def handed_over(work: Work, arrived: Arrived, fact: OrderHandedOver) -> None:
    """A till says that goods of an order left. Raises RefusedError where there is no such order."""
    receipt = receipt_of(arrived.place, fact)
    voided_ms = receipts.note_order(work, arrived.store, receipt, fact.order_id) if receipt else 0
    held = hold(work, fact.order_id)
    if not keep(work, held, arrived.store, arrived.place, fact):
        return  # what ended since then did not end before it
    if voided_ms:  # its goods came back before anybody heard that they left
        _keep_longer(work, held, fact.fulfillment_id, voided_ms)
        held.write(work)
        return
    task = held.tasks.get(fact.fulfillment_id)
    if task is not None:
        for line in task.doing.lines:
            goods.spend(work, line.reservation, arrived.place)
        if _OTHERWISE & {task.state, task.doing.was}:
            late = sorted({*task.doing.late, f"{arrived.store}/{arrived.place}"})
            held.put(replace(task, doing=replace(task.doing, late=tuple(late))))
    if not receipt:  # goods that no sale counts; each once, however many hand-overs there were: they left
        for at, gone in enumerate(fact.lines, 1):
            goods.issue(work, arrived.store, gone.sku, gone.qty, f"{arrived.place}/{at}", fact.at_ms)
    _follow(work, held, "order.handed_over", fact.fulfillment_id, arrived.till)


def taken_back(work: Work, order_id: str, store: str, receipt: str, till: str) -> None:
    """The receipt of a hand-over was taken back: its goods are on the shelf again. Raises RefusedError 404."""
    held = hold(work, order_id)
    mine = [
        one
        for one in told_of(work, held, all_=True)
        if one.store == store and receipt_of(one.place, one.fact) == receipt
    ]
    if not mine:
        return
    mark(work, held, mine, set())
    for one in mine:
        for kind, of, line in _came_back(held, one.fact):
            todo.withdraw(work, of.store, kind, f"{of.fulfillment_id}/{line}")
    _follow(work, held, "order.reopened", mine[0].fact.fulfillment_id, till, mine)


def _follow(
    work: Work, held: Held, type_: str, fulfillment_id: str, till: str, voided: list[Told] | None = None
) -> None:
    told = told_of(work, held)
    primary, over = fitting(told, {line.n: line.qty for line in held.body.lines})
    mark(work, held, told, primary)
    ended = held.state not in {"placed", "confirmed"}
    _lines_and_money(held, told)
    held.body = replace(held.body, beyond_minor=_worth(held, over))
    for task in list(held.tasks.values()):
        _task_follows(work, held, task, told)
    for one in voided or ():
        _keep_longer(work, held, one.fact.fulfillment_id, one.voided_ms)
    _conflicts(work, held, told, over)
    held.event(work, type_, fulfillment_id=fulfillment_id, till=till)
    if ended:
        held.state = "confirmed"
    core.settle_order(work, held, "handed-over")
    if ended and held.state == "confirmed":
        nothing_yet(work, held)
    held.write(work, terms=True)


def _lines_and_money(held: Held, told: list[Told]) -> None:
    """All that left counts for its line, up to what was ordered; what is more is said by `_conflicts`."""
    given: dict[int, Decimal] = {}
    refused: dict[int, Decimal] = {}
    for one in told:
        for gone in one.fact.lines:
            given[gone.n] = given.get(gone.n, _NOTHING) + gone.qty
        for other in one.fact.refused:
            refused[other.n] = refused.get(other.n, _NOTHING) + other.qty
    sent = _sent(held)
    before = dict(held.body.follows)
    follows = {}
    for line in held.body.lines:
        lost = line.written_off - before.get(line.n, _NOTHING)
        delivered = min(line.qty, given.get(line.n, _NOTHING) + sent.get(line.n, _NOTHING))
        off = max(lost, min(refused.get(line.n, _NOTHING) + _short(held, line.n), line.qty - delivered))
        off = max(_NOTHING, min(off, line.qty - delivered))
        held.put_line(replace(line, delivered=delivered, written_off=off))
        if off != lost:
            follows[line.n] = off - lost
    payments = [one for one in held.body.payments if one.provider != "counter"]
    payments += [Payment(one.fact.paid_minor, "counter", one.name) for one in told if one.fact.paid_minor > 0]
    back = sum(one.fact.returned_minor for one in told)
    held.body = replace(
        held.body, payments=tuple(payments), given_back_minor=back, follows=tuple(sorted(follows.items()))
    )


def _sent(held: Held) -> dict[int, Decimal]:
    """What went by carrier."""
    found: dict[int, Decimal] = {}
    for task in held.tasks.values():
        if _by_carrier(task) and not any(line.handed for line in task.doing.lines):
            for line in task.doing.lines:
                found[line.n] = found.get(line.n, _NOTHING) + line.picked
    return found


def _by_carrier(task: Task) -> bool:
    doing = task.doing
    return task.state == "handed_over" and not doing.forwarded and doing.label is not None and not doing.was


def _short(held: Held, n: int) -> Decimal:
    return sum(
        (line.short for task in held.tasks.values() for line in task.doing.lines if line.n == n), _NOTHING
    )


def _task_follows(work: Work, held: Held, task: Task, told: list[Told]) -> None:
    """What was handed over and refused of a fulfillment; over when nothing of it is left, open again when something is."""
    mine = [one.fact for one in told if one.fact.fulfillment_id == task.fulfillment_id]
    lines = tuple(
        replace(
            line,
            handed=sum((one.qty for fact in mine for one in fact.lines if one.n == line.n), _NOTHING),
            refused=sum((one.qty for fact in mine for one in fact.refused if one.n == line.n), _NOTHING),
        )
        for line in task.doing.lines
    )
    if not mine and lines == task.doing.lines:
        return
    for fact in mine:
        for kind, of, data in _said_back(held, fact):
            todo.add(work, task.store, kind, f"{task.fulfillment_id}/{of}", subject=held.order_id, data=data)
    doing = replace(task.doing, lines=lines)
    if mine and not any(_left(line) > 0 for line in lines):
        held.put(_over(replace(task, doing=doing), max(fact.at_ms for fact in mine)))
        return
    if task.state == "handed_over" and not _by_carrier(task) and not doing.forwarded:
        task = _reopened(replace(task, doing=doing))
    elif task.state in ENDED or (task.state == "claimed" and all(fact.claim != task.claims for fact in mine)):
        task = replace(task, doing=doing)  # or another till has it in hand just now
    else:
        task = replace(task, state="ready", claimed_by="", lease_ms=0, doing=doing)
    held.put(_promised(work, held, task))


def _over(task: Task, at_ms: int) -> Task:
    """Nothing of it is left; what it was before is kept, for its receipt may be taken back."""
    doing = replace(task.doing, ended_ms=at_ms)
    if task.state != "handed_over":
        state = "ready" if task.state == "claimed" else task.state
        doing = replace(doing, was=state, kept_ms=task.deadline_ms)
    return replace(
        task, state="handed_over", claimed_by="", lease_ms=0, clock_ms=0, deadline_ms=0, doing=doing
    )


def _reopened(task: Task) -> Task:
    """As it was before it was handed over."""
    state, deadline = task.doing.was or "ready", task.doing.kept_ms
    doing = replace(task.doing, was="", kept_ms=0)
    if state in _OTHERWISE:
        return replace(task, state=state, doing=doing)
    clock = clocks.next_clock(doing.ready_ms, deadline, task.reminded) if deadline else 0
    return replace(task, state=state, deadline_ms=deadline, clock_ms=clock, doing=replace(doing, ended_ms=0))


def _keep_longer(work: Work, held: Held, fulfillment_id: str, voided_ms: int) -> None:
    """Goods that came back are kept at least until the end of the day after: the customer may still be there."""
    task = held.tasks.get(fulfillment_id)
    if task is None or task.state in ENDED or not task.deadline_ms:
        return
    deadline = clocks.keep_until(core.store_of(work, task.store), voided_ms, 1)
    if deadline > task.deadline_ms:
        clock = clocks.next_clock(task.doing.ready_ms, deadline, task.reminded)
        held.put(replace(task, deadline_ms=deadline, clock_ms=clock))


def _promised(work: Work, held: Held, task: Task) -> Task:
    """What waits on is promised, no more and no less."""
    if task.state in ENDED:
        return task
    settled = sum(one.amount_minor for one in held.body.payments) >= value_of(held)
    lines = tuple(
        replace(
            line,
            reservation=goods.again(
                work, line.reservation, task.store, held.line(line.n).sku, _left(line), held.order_id,
                settled=settled,
            ),
        )
        for line in task.doing.lines
    )  # fmt: skip
    return replace(task, doing=replace(task.doing, lines=lines))


def _left(line: FulfillmentLine) -> Decimal:
    return line.qty - line.short - line.handed - line.refused


def _said_back(held: Held, fact: OrderHandedOver) -> list[tuple[str, int, dict[str, object]]]:
    """What people must do with goods that did not leave: kind of task, line, and what it says."""
    found: list[tuple[str, int, dict[str, object]]] = []
    back = [(one.n, one.qty, one.reason) for one in fact.refused]
    back += [(one.n, one.qty, one.reason) for one in fact.lines if one.replaces]
    for n, qty, reason in back:
        data = {"number": held.number, "reason": reason, "goods": [(held.line(n).sku, str(qty))]}
        found.append(("damaged" if reason == "damaged" else "put-back", n, data))
    return found


def _came_back(held: Held, fact: OrderHandedOver) -> list[tuple[str, Task, int]]:
    task = held.tasks.get(fact.fulfillment_id)
    return [] if task is None else [(kind, task, n) for kind, n, _ in _said_back(held, fact)]


def _conflicts(work: Work, held: Held, told: list[Told], over: Mapping[int, Decimal]) -> None:
    """More than was ordered, or after its end: the facts stay, one task says so, as long as they say so."""
    late = _late(work, held, told)
    if over:
        _say_double(work, held, told, over)
        return
    todo.withdraw(work, held.store, "double-hand-over", held.order_id)
    if not late:
        todo.withdraw(work, held.store, "handed-over-late", held.order_id)
        return
    names = {one.fulfillment_id for one in late}
    value = sum(one.fact.value_minor for one in told if one.fact.fulfillment_id in names)
    todo.add(
        work, held.store, "handed-over-late", held.order_id, subject=held.order_id,
        data={"number": held.number, "was": late[0].doing.was or late[0].state, "value_minor": value},
    )  # fmt: skip


def _say_double(work: Work, held: Held, told: list[Told], over: Mapping[int, Decimal]) -> None:
    data = {
        "number": held.number, "value_minor": _worth(held, over), "tills": sorted({one.name.rsplit("/", 2)[0] for one in told}),
        "lines": [(n, str(qty)) for n, qty in over.items()],
    }  # fmt: skip
    if not todo.add(work, held.store, "double-hand-over", held.order_id, subject=held.order_id, data=data):
        todo.restate(work, held.store, "double-hand-over", held.order_id, data)


def _late(work: Work, held: Held, told: list[Told]) -> list[Task]:
    """What left after its end, as the hub had it; what was to be put back is with the customer."""
    standing = {one.name for one in told}
    found = []
    for task in held.tasks.values():
        if standing & set(task.doing.late):
            found.append(task)
            todo.withdraw(work, task.store, "put-back", task.fulfillment_id)
        elif task.doing.late and task.state in _OTHERWISE:
            todo.reopen(work, task.store, "put-back", task.fulfillment_id)
    return found


def _worth(held: Held, over: Mapping[int, Decimal]) -> int:
    """What these quantities cost as they were ordered."""
    lines = {line.n: line for line in held.body.lines}
    return sum(part_minor(lines[n].pay_minor, lines[n].qty, qty) for n, qty in over.items() if n in lines)
