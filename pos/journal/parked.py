"""Parked carts, as the head of the journal knows them: those that wait, and the one that goes on."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from pos.cart_facts import CartAbandoned, CartLeft, CartParked, CartResumed
from pos.facts import Fact, UnknownFact, decode_fact, hash_of
from pos.journal.segment import open_reader, read_facts, segment_files
from pos.sale_facts import Sale
from pos.storage_ports import Head, JournalUnavailableError
from pos.till_facts import EpochOpened

__all__ = ["follow_parked", "read_parked"]

_Resumed = tuple[CartResumed, CartParked] | None


def follow_parked(head: Head, fact: Fact) -> Head:
    """The head after one more fact. What waits or goes on when an epoch begins comes from before it."""
    head = _followed(head, fact)
    known = frozenset(cart.cart_id for cart in head.parked)
    if head.resumed is not None:
        known |= {head.resumed[0].new_cart_id}
    before = known if isinstance(fact, EpochOpened) else head.before & known
    return head if before == head.before else msgspec.structs.replace(head, before=before)


def _followed(head: Head, fact: Fact) -> Head:
    if isinstance(fact, Sale | CartAbandoned | CartParked):
        resumed = head.resumed
        if resumed is not None and resumed[0].new_cart_id == fact.cart_id:
            head = msgspec.structs.replace(head, resumed=None)
    if isinstance(fact, CartParked):
        return msgspec.structs.replace(head, parked=(*head.parked, fact))
    if isinstance(fact, CartResumed | CartLeft):
        waiting = tuple(cart for cart in head.parked if cart.cart_id != fact.cart_id)
        if isinstance(fact, CartLeft):
            return msgspec.structs.replace(head, parked=waiting)
        cart = next((cart for cart in head.parked if cart.cart_id == fact.cart_id), fact.taken)
        if cart is not None:
            return msgspec.structs.replace(head, parked=waiting, resumed=(fact, cart))
    return head


def read_parked(
    folder: Path, seqs: Sequence[tuple[int, int | None]], epoch: int
) -> tuple[tuple[CartParked, ...], _Resumed, frozenset[str]]:
    """The carts that wait, and the one that goes on, by the seqs of the facts that parked and resumed them.

    Then the ids of those that come from before `epoch`.

    Raises JournalUnavailableError when a fact is not there or is not what was written: what somebody once
    scanned must not be sold as something else.
    """
    waiting, resumed, before = [], None, set()
    newest = newest_epoch = 0
    for parked_seq, resumed_seq in seqs:
        cart, parked_epoch = _fact_at(folder, parked_seq)
        if isinstance(cart, CartResumed) and cart.taken is not None:  # parked at another till
            cart = cart.taken
        if not isinstance(cart, CartParked):
            raise _missing(parked_seq)
        if resumed_seq is None:
            waiting.append(cart)
            before |= {cart.cart_id} if parked_epoch < epoch else set()
        elif resumed_seq > newest:
            fact, newest_epoch = _fact_at(folder, resumed_seq)
            if not isinstance(fact, CartResumed):
                raise _missing(resumed_seq)
            newest, resumed = resumed_seq, (fact, cart)
    if resumed is not None and newest_epoch < epoch:
        before.add(resumed[0].new_cart_id)
    return tuple(waiting), resumed, frozenset(before)


def _fact_at(folder: Path, seq: int) -> tuple[Fact | UnknownFact, int]:
    """One fact out of the middle and its epoch, held against the hash of the one before it."""
    path = next((path for path in reversed(segment_files(folder)) if int(path.stem) <= seq), None)
    if path is None:
        raise _missing(seq)
    segment = open_reader(path)
    try:
        facts = list(read_facts(segment.connection, seq - 2, 2))
    finally:
        segment.connection.close()
    head = segment.head
    previous = facts[0].hash if facts and facts[0].seq == seq - 1 else head.prev_hash
    fact = next((fact for fact in facts if fact.seq == seq), None)
    if fact is None or hash_of(previous, head.store, head.till, fact) != fact.hash:
        raise _missing(seq)
    return decode_fact(fact.kind, fact.version, fact.body), fact.epoch


def _missing(seq: int) -> JournalUnavailableError:
    return JournalUnavailableError("journal-damaged", f"fact {seq}, a parked cart, is not as it was written")
