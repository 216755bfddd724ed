"""Holds a till that has just started on what a cut left to what it had shown before.

The chain is whole and gapless and holds every fact whose commit returned, a sale is there whole or not at all,
receipt numbers have no gap, the open cart is as it was or paid but never both, views are those derived anew.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

from pos.cart_facts import CartAbandoned, CartParked, CartResumed
from pos.cash_facts import DayClosed
from pos.days import Days, follow_days
from pos.domain import commands as c
from pos.facts import Fact, StoredFact, Training, UnknownFact, decode_fact
from pos.journal.reader import verify_journal
from pos.journal.segment import ChainEnd, open_reader, read_facts, segment_files, verify_segment
from pos.journal.views import Views
from pos.sale_facts import Sale
from pos.till.checkout import PAY_BEFORE
from pos.till.settlement import cart_again
from pos.till_facts import DrawerOpenedFact, ReceiptCopied, TrainingBegan, TrainingEnded
from pos.totals import canonical, day_totals
from tests.simulation.machine import CODES, Machine, Seen, jobs_of

__all__ = ["LostError", "check", "sell_on"]


class LostError(AssertionError):
    """The till broke a promise; the text names seed and cut."""


async def check(machine: Machine, seen: Seen, scratch: Path | None) -> None:
    """Hold a till that has just started to what it had shown. Raises LostError.

    With a `scratch` folder the till's own verifier is asked too, and the views are derived anew and compared.
    """
    _must(machine.stopped is None, f"the till is stopped: {machine.stopped}")
    _must(not machine.locked, f"the till is locked: {machine.locked}")
    facts = _verified(machine.state / "journal")
    seq, hash_ = seen.head
    last = facts[-1]
    kept = seq == 0 or any((fact.seq, fact.hash) == (seq, hash_) for fact in facts)
    _must(kept, f"fact {seq} was committed and is gone; the last is {last.seq}")
    _must(sum(fact.seq > seq for fact in facts) <= 2, "more than one commit was under way")
    head = machine.head
    _must(
        (head.epoch, head.seq, head.hash) == (last.epoch, last.seq, last.hash),
        "the head is not the last fact",
    )

    ended = _check_shown(machine, seen, facts)
    _check_cart(machine, seen, ended)
    cursor = await machine.cursor()
    _must(cursor in (seen.cursor, *seen.cursor_asked), f"the cursor is {cursor}, not {seen.cursor}")
    _must((await jobs_of(machine.store)).keys() >= set(seen.jobs), "a receipt left the spool")
    if scratch is not None:
        problems = verify_journal(machine.state / "journal").problems
        _must(not problems, f"verify: {problems}")
        fresh = Views(scratch / "fresh.db")
        fresh.rebuild(machine.state / "journal", "fresh")
        _must(fresh.digest() == machine.views.digest(), "the views are not those of the journal")
        fresh.close()


def _must(holds: object, what: str) -> None:
    if not holds:
        raise LostError(what)


def _verified(folder: Path) -> list[StoredFact]:
    """All facts, the chain walked from the first on."""
    facts: list[StoredFact] = []
    end: ChainEnd | None = None
    for path in segment_files(folder):
        segment = open_reader(path)
        try:
            end = verify_segment(segment, end)
            facts += read_facts(segment.connection, 0)
        finally:
            segment.connection.close()
    for before, fact in itertools.pairwise(facts):
        leap = fact.kind == "epoch.opened" and fact.epoch > before.epoch
        _must(fact.seq == before.seq + 1 or leap, f"fact {before.seq + 1} is missing")
    return facts


def _check_shown(machine: Machine, seen: Seen, stored: Sequence[StoredFact]) -> set[str]:
    """Whatever was shown is kept; returns the ids of carts that are over."""
    decoded = [decode_fact(fact.kind, fact.version, fact.body) for fact in stored]
    facts = [fact.fact if isinstance(fact, Training) else fact for fact in decoded]
    sales = {fact.cart_id: fact.number for fact in facts if isinstance(fact, Sale)}
    voided = {fact.cart_id for fact in facts if isinstance(fact, CartAbandoned)}
    parked = {fact.cart_id for fact in facts if isinstance(fact, CartParked)}
    resumed = {fact.cart_id for fact in facts if isinstance(fact, CartResumed)}
    lost = seen.paid.items() - sales.items()
    _must(not lost, f"shown as paid, and not kept: {lost}")
    _must(voided.issuperset(seen.voided), "shown as voided, and not kept")
    _must(parked.issuperset(seen.parked), "shown as parked, and not kept")
    _must(resumed.issuperset(seen.resumed), "shown as resumed, and not kept")
    _check_waiting(machine, decoded)
    drawer = sum(isinstance(fact, DrawerOpenedFact) and not fact.by_key for fact in decoded)
    _must(drawer >= seen.drawer, "the drawer opened and no fact says so")
    copies = sum(isinstance(fact, ReceiptCopied) for fact in facts)
    _must(copies >= seen.copies, "a copy was printed and no fact says so")
    head = machine.journal.head
    for trained, number in ((False, head.next_number), (True, head.training_number)):
        numbers: dict[int, int] = {}
        for row, fact, whole in zip(stored, facts, decoded, strict=True):
            if isinstance(fact, Sale) and isinstance(whole, Training) is trained:
                _must(
                    fact.number == numbers.get(row.epoch, 0) + 1,
                    f"receipt {row.epoch}-{fact.number} out of order",
                )
                numbers[row.epoch] = fact.number
        _must(number == numbers.get(head.epoch, 0) + 1, "the next number is not the next")
    _check_days(machine, stored, decoded)
    return sales.keys() | voided | parked


def _check_days(
    machine: Machine, stored: Sequence[StoredFact], decoded: Sequence[Fact | UnknownFact]
) -> None:
    """The open days are those of the facts; each Z is the fold of what it covers, and none is missing."""
    days, numbers = Days(), {0: 0}
    placed = [
        (row, fact) for row, fact in zip(stored, decoded, strict=True) if not isinstance(fact, UnknownFact)
    ]
    for row, fact in placed:
        days = follow_days(days, fact, row.epoch, row.seq)
        if isinstance(fact, DayClosed):
            _must(fact.number == numbers.get(row.epoch, 0) + 1, f"Z {row.epoch}-{fact.number} out of order")
            numbers[row.epoch] = fact.number
            since = [(other.epoch, known) for other, known in placed if other.seq >= fact.first_seq]
            again = day_totals(since, fact.day)
            _must(canonical(again) == canonical(fact.totals), f"Z {fact.number} is not the fold of its facts")
    _must(machine.journal.head.days == days, f"the open days are {machine.journal.head.days}, not {days}")


def _check_waiting(machine: Machine, decoded: Sequence[Fact | UnknownFact]) -> None:
    """Those carts wait that were parked on the side where the till is: for real, or in this training."""
    began = max((at for at, fact in enumerate(decoded) if isinstance(fact, TrainingBegan)), default=-1)
    ended = max((at for at, fact in enumerate(decoded) if isinstance(fact, TrainingEnded)), default=-1)
    trains = began > ended
    _must(
        (machine.journal.head.training is not None) == trains,
        "the till is not where the facts say: in training or not",
    )
    side = [fact.fact for fact in decoded[began:] if isinstance(fact, Training)] if trains else decoded
    parked = {fact.cart_id for fact in side if isinstance(fact, CartParked)}
    resumed = {fact.cart_id for fact in side if isinstance(fact, CartResumed)}
    waiting = {cart.cart_id for cart in machine.head.parked}
    _must(waiting == parked - resumed, f"{parked - resumed} wait, not {waiting}")


def _check_cart(machine: Machine, seen: Seen, ended: set[str]) -> None:
    """The open cart is as it was last seen or about to be; if it is gone, a fact ended it."""
    cart, resumed = machine.cart, machine.head.resumed
    if cart is None:
        kept = any(old is None or old.cart_id in ended for old in seen.carts)
        _must(kept and resumed is None, f"the open cart is gone: {seen.carts}, {resumed}")
        return
    _must(cart.cart_id not in ended, "the cart is open and over")
    known = cart in seen.carts
    if resumed is not None and resumed[0].new_cart_id == cart.cart_id:
        known = known or cart == cart_again(resumed[1], cart.cart_id)
    _must(known, f"a cart that never was: {cart}; {seen.carts}")


async def sell_on(machine: Machine) -> None:
    """One more sale, with whatever is in the cart. Raises LostError."""
    number = machine.head.next_number
    await machine.do(c.Scan(CODES[1]))
    await machine.do(c.PayCash())
    message = machine.till.view.message
    if message is not None and message.code == PAY_BEFORE:  # a cart of an earlier epoch asks once more
        await machine.do(c.PayCash())
    if machine.head.next_number != number + 1 or machine.cart is not None:
        raise LostError(f"the till does not sell on: {machine.till.view.message}")
