"""The head of the journal: what the till must know to go on. It follows from the facts alone, one by one."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from pos.facts import Fact, StoredFact, Training, decode_fact
from pos.journal.day_head import follow_head
from pos.journal.parked import follow_parked
from pos.sale_facts import Sale
from pos.storage_ports import Head
from pos.till_facts import DrawerOpenedFact, EpochOpened, TrainingBegan, TrainingEnded

__all__ = ["follow", "is_of_sale", "training_again"]


def follow(head: Head, facts: Sequence[Fact], stored: Sequence[StoredFact]) -> Head:
    """The head after facts were stored: counters, day and last sale follow from them alone."""
    for fact, row in zip(facts, stored, strict=True):
        head = _follow(head, fact, row)
        if head.training is not None:
            trained = fact.fact if isinstance(fact, Training) else fact
            training = head.training
            if isinstance(fact, Training | EpochOpened):
                training = _follow(training, trained, row)
            training = replace(
                training, epoch=head.epoch, seq=row.seq, hash=row.hash, last_wall_ms=row.wall_ms
            )
            head = replace(head, training=training, training_number=training.next_number)
    return head


def _follow(head: Head, fact: Fact, row: StoredFact) -> Head:
    match fact:
        case Sale():
            same_epoch = row.epoch == head.epoch
            number = fact.number + 1 if same_epoch else 1
            head = replace(head, last_sale=fact, last_sale_epoch=row.epoch, next_number=number)
        case EpochOpened():
            head = replace(head, epoch=row.epoch, next_number=1, training_number=1)
        case TrainingBegan():
            begun = Head(head.store, head.till, head.epoch, row.seq, row.hash, head.training_number)
            head = replace(head, training=begun, training_since=row.seq)
        case TrainingEnded():
            head = replace(head, training=None, training_since=0)
    return replace(
        follow_head(follow_parked(head, fact), fact, row.epoch, row.seq),
        seq=row.seq,
        hash=row.hash,
        last_wall_ms=row.wall_ms,
        last_is_sale=isinstance(fact, Sale) or (head.last_is_sale and is_of_sale(fact, head.last_sale)),
    )


def is_of_sale(fact: object, sale: Sale | None) -> bool:
    """Whether a fact is written with a sale, right after it: the drawer, opened by its key as no printer could."""
    return isinstance(fact, DrawerOpenedFact) and sale is not None and fact.cart_id == sale.cart_id


def training_again(head: Head, rows: Iterable[StoredFact]) -> Head:
    """The head with what a till that is in training goes by; `rows` are the facts from the one on that began it."""
    training = replace(head, training=None, training_since=0)
    for row in rows:
        fact = decode_fact(row.kind, row.version, row.body)
        if isinstance(fact, Training | TrainingBegan | TrainingEnded | EpochOpened):
            training = follow(training, [fact], [row])
    return replace(
        head,
        training=training.training,
        training_since=training.training_since,
        training_number=training.training_number,
    )
