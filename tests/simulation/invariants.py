"""I1 to I16: what must hold whatever happens. Plain functions over what was seen; each returns what is wrong.

The numbers are those of the design's list. Each has a test in test_invariants.py that feeds it a broken
history. What the chain of hashes must be is computed here by itself, from docs/protocol.md.
"""

import datetime as dt
import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from pos.facts import GENESIS, StoredFact

__all__ = [
    "AckSeen",
    "Conflict",
    "DaySeen",
    "FeedSeen",
    "NodeFacts",
    "Shown",
    "i1_nothing_shown_before_it_is_durable",
    "i2_journal_is_a_whole_prefix",
    "i3_node_holds_what_tills_wrote",
    "i4_acknowledged_stays",
    "i5_same_digest",
    "i6_forks_are_heard",
    "i7_unknown_kinds_survive",
    "i8_till_keeps_selling",
    "i9_queues_are_empty",
    "i10_no_number_twice",
    "i11_sent_again_after_restore",
    "i12_flip_is_named",
    "i13_no_person",
    "i14_clock_changes_nothing",
    "i15_one_exception_each",
    "i16_feed_misses_nothing",
    "i17_given_up_came_to_nothing",
    "i17_parked_cart_goes_on_once",
    "i17_twice_is_noted",
]

Place = tuple[str, int, int]
"""Till, epoch, seq."""


class Shown(msgspec.Struct, frozen=True):
    """Something a customer saw: the drawer, a receipt, "paid". `durable`: the journal's file held the sale then."""

    what: str
    cart_id: str
    durable: bool


class AckSeen(msgspec.Struct, frozen=True):
    """A node's acknowledgement as it left it. `age`: how often that node had been restored from a copy before."""

    node: str
    till: str
    epoch: int
    seq: int
    hash: bytes
    age: int


class NodeFacts(msgspec.Struct, frozen=True):
    """All that a node holds: facts by place, and facts in quarantine by place and hash."""

    facts: Mapping[Place, StoredFact]
    quarantine: Mapping[Place, Mapping[bytes, StoredFact]]


class DaySeen(msgspec.Struct, frozen=True):
    """One sale or opening of a day as the journal has it. `opened`: the new day; `doubt`: it said so."""

    seq: int
    local_date: str
    opened: str = ""
    doubt: bool = False
    sale_number: int = 0
    sale_day: str = ""
    epoch: int = 1


class FeedSeen(msgspec.Struct, frozen=True):
    """One change as a reader applied it; `reset` before it if the reader had to start again."""

    n: int
    key: str
    body: bytes
    reset: bool = False


class Conflict(msgspec.Struct, frozen=True):
    """Something of which the hub keeps exactly one exception."""

    kind: str
    subject: str


def hash_after(previous: bytes, store: str, till: str, fact: StoredFact) -> bytes:
    """A fact's hash as docs/protocol.md, 2 has it."""
    words = (
        store, till, fact.epoch, fact.seq, fact.kind, fact.version, fact.wall_ms, fact.mono_ms, fact.boot_id
    )  # fmt: skip
    head = "\x1f".join(map(str, words)).encode()
    whole = b"".join(
        (
            b"tresen.fact.1",
            len(head).to_bytes(4, "big"),
            head,
            len(fact.body).to_bytes(4, "big"),
            fact.body,
            previous,
        )
    )
    return hashlib.sha256(whole).digest()


def chain_faults(
    store: str, till: str, facts: Sequence[StoredFact], starts: Mapping[int, bytes] | None = None
) -> list[str]:
    """Gaps and wrong hashes. `starts`: hashes that runs begin on, by their first seq; only an epoch's first fact
    may begin one after a gap."""
    wrong = []
    begins = starts or {1: GENESIS}
    for at, fact in enumerate(facts):
        follows = at and fact.seq == facts[at - 1].seq + 1
        if at and not follows and (fact.kind != "epoch.opened" or fact.epoch <= facts[at - 1].epoch):
            wrong.append(f"{till} {fact.epoch}/{fact.seq} follows {facts[at - 1].seq}")
        previous = facts[at - 1].hash if follows else begins.get(fact.seq)
        if previous is None or hash_after(previous, store, till, fact) != fact.hash:
            wrong.append(f"{till} {fact.epoch}/{fact.seq}: its hash does not follow")
    return wrong


def i1_nothing_shown_before_it_is_durable(shown: Iterable[Shown]) -> list[str]:
    return [
        f"I1: {seen.what} for cart {seen.cart_id} before its commit" for seen in shown if not seen.durable
    ]


def i2_journal_is_a_whole_prefix(
    store: str,
    till: str,
    found: Sequence[StoredFact],
    kept: Sequence[StoredFact],
    *,
    under_way: Sequence[int],
    starts: Mapping[int, bytes] | None = None,
) -> list[str]:
    """`found` on the disk after a crash, against what was `kept`: durable as the till was told. `under_way`:
    the sizes of commits whose fate was open: each may be there, whole or not at all."""
    wrong = [f"I2: {text}" for text in chain_faults(store, till, found, starts)]
    if list(found[: len(kept)]) != list(kept):
        at = next((n for n, (a, b) in enumerate(zip(found, kept, strict=False)) if a != b), len(found))
        lost = kept[at] if at < len(kept) else kept[-1]
        wrong.append(
            f"I2: {till} lost or changed {lost.epoch}/{lost.seq}, {len(found)} of {len(kept)} are there"
        )
    elif len(found) - len(kept) not in _sums(under_way):
        wrong.append(f"I2: {till} holds {len(found) - len(kept)} facts of commits of {list(under_way)}")
    carts = Counter(cart for fact in found if (cart := _cart_ended(fact)))
    wrong += [f"I2: {till}: cart {cart} ends {n} times" for cart, n in carts.items() if n > 1]
    return wrong


def i3_node_holds_what_tills_wrote(
    node: NodeFacts,
    branches: Mapping[str, Sequence[Sequence[StoredFact]]],
    *,
    whole: Sequence[bool] | None = None,
) -> list[str]:
    """Facts of a node are a prefix, per epoch, of one branch that a till wrote, byte by byte.

    `branches`: all journals that ever were, by till. `whole` (after quiet): for each of all branches in order,
    whether every one of its facts must be there, in `facts` or in quarantine.
    """
    wrong = []
    written: dict[Place, dict[bytes, StoredFact]] = defaultdict(dict)
    for till, journals in branches.items():
        for journal in journals:
            for fact in journal:
                written[(till, fact.epoch, fact.seq)][fact.hash] = fact
    for place, fact in node.facts.items():
        if written.get(place, {}).get(fact.hash) != fact:
            wrong.append(f"I3: nobody wrote {_name(place)} as it is held")
    for spot, others in node.quarantine.items():
        wrong += [
            f"I3: nobody wrote {_name(spot)} as it is kept in quarantine"
            for hash_, fact in others.items()
            if written.get(spot, {}).get(hash_) != fact
        ]
    for till, epoch, seq in node.facts:
        if (till, epoch, seq - 1) not in node.facts and seq > 1:
            first = min(n for t, e, n in node.facts if (t, e) == (till, epoch))
            if seq != first:
                wrong.append(f"I3: {till} {epoch}/{seq - 1} is missing below {seq}")
    wrong += _broken_chains(node)
    if whole is not None:
        flat = [(till, journal) for till, journals in branches.items() for journal in journals]
        for (till, journal), wanted in zip(flat, whole, strict=True):
            if wanted:
                missing = [fact for fact in journal if not _has(node, till, fact)]
                if missing:
                    first_lost = f"{missing[0].epoch}/{missing[0].seq}"
                    wrong.append(f"I3: {len(missing)} facts of {till} are not at the node, from {first_lost}")
    return wrong


def i4_acknowledged_stays(acks: Sequence[AckSeen], node: str, held: NodeFacts, age: int) -> list[str]:
    """Acknowledgements do not go back but over a restore, and what was acknowledged can be read again."""
    wrong = []
    newest: dict[tuple[str, int, int], AckSeen] = {}
    for ack in acks:
        if ack.node != node:
            continue
        key = (ack.till, ack.epoch, ack.age)
        if key in newest and ack.seq < newest[key].seq:
            wrong.append(f"I4: {node} acknowledged {ack.till} {ack.epoch}/{newest[key].seq}, then {ack.seq}")
        newest[key] = ack
    for ack in newest.values():
        if ack.age == age:
            fact = held.facts.get((ack.till, ack.epoch, ack.seq))
            if fact is None or fact.hash != ack.hash:
                wrong.append(f"I4: {node} acknowledged {ack.till} {ack.epoch}/{ack.seq} and does not hold it")
    return wrong


def i5_same_digest(live: object, replayed: object, how: str) -> list[str]:
    return [] if live == replayed else [f"I5: another digest when the same batches come {how}"]


def i6_forks_are_heard(forked: Iterable[Place], told: Iterable[str], noted: Iterable[str]) -> list[str]:
    """Each fork the node found was told to the till that came second (`told`), and noted at the hub (`noted`)."""
    heard, kept = set(told), set(noted)
    return [
        f"I6: a fork at {_name(place)} was silent"
        for place in forked
        if place[0] not in heard or place[0] not in kept
    ]


def i7_unknown_kinds_survive(written: Iterable[tuple[str, StoredFact]], held: NodeFacts) -> list[str]:
    return [
        f"I7: {till} {fact.epoch}/{fact.seq} of kind {fact.kind} is not held as it was written"
        for till, fact in written
        if not _has(held, till, fact)
    ]


def i8_till_keeps_selling(refused: Iterable[str]) -> list[str]:
    """`refused`: sales that a till did not take though its own disk worked."""
    return [f"I8: {text}" for text in refused]


def i9_queues_are_empty(waiting: Mapping[str, int]) -> list[str]:
    """`waiting`: after quiet, how many facts each till still believes unsent."""
    return [f"I9: {till} still holds {count} facts back" for till, count in waiting.items() if count]


def i10_no_number_twice(
    numbers: Iterable[tuple[str, int, int, bytes]], flagged: Iterable[tuple[str, int]]
) -> list[str]:
    """`numbers`: till, epoch, receipt number and fact's hash of every sale that exists; `flagged`: forked epochs."""
    flagged = set(flagged)
    seen: dict[tuple[str, int, int], bytes] = {}
    wrong = []
    for till, epoch, number, hash_ in numbers:
        if seen.setdefault((till, epoch, number), hash_) != hash_ and (till, epoch) not in flagged:
            wrong.append(f"I10: receipt {till}-{epoch}-{number} exists twice")
    return wrong


def i11_sent_again_after_restore(held: NodeFacts, alive: Iterable[tuple[str, StoredFact]]) -> list[str]:
    """After a hub went back to an old copy: what tills still have came again without anybody's help."""
    missing = [(till, fact) for till, fact in alive if not _has(held, till, fact)]
    return [f"I11: {till} {fact.epoch}/{fact.seq} was not sent again" for till, fact in missing[:3]]


def i12_flip_is_named(problems: Sequence[str], seq: int) -> list[str]:
    """A bit of fact `seq` was flipped: the verifier's `problems` must name it."""
    return (
        []
        if any(f"fact {seq} " in f"{text} " for text in problems)
        else [f"I12: a bit of fact {seq} flipped unseen"]
    )


def i13_no_person(bodies: Iterable[bytes], secrets: Iterable[bytes]) -> list[str]:
    """Names and PINs stand in no fact."""
    needles = tuple(secrets)
    return ["I13: a fact holds personal data" for body in bodies if any(needle in body for needle in needles)]


def i14_clock_changes_nothing(till: str, seen: Sequence[DaySeen]) -> list[str]:
    """Numbers count by one within an epoch, and a sale's day is the one that was declared last. A new day is
    declared by a later date, or, in doubt, by one more than a day before."""
    wrong = []
    day = ""
    numbers: dict[int, int] = {}
    for moment in seen:
        if moment.opened:
            if day:
                open_day, today = dt.date.fromisoformat(day), dt.date.fromisoformat(moment.opened)
                if open_day - dt.timedelta(days=1) <= today <= open_day:
                    wrong.append(f"I14: {till} {moment.seq} opens {today} over {open_day}")
                if (today < open_day) != moment.doubt:
                    wrong.append(
                        f"I14: {till} {moment.seq} opens {today} after {open_day}, doubt {moment.doubt}"
                    )
            day = moment.opened
        if moment.sale_number:
            if moment.sale_day != day:
                wrong.append(f"I14: {till} {moment.seq} is a sale of {moment.sale_day}, open is {day}")
            expected = numbers.get(moment.epoch, 0) + 1
            if moment.sale_number != expected:
                wrong.append(f"I14: {till} {moment.seq} has number {moment.sale_number}, not {expected}")
            numbers[moment.epoch] = moment.sale_number
    return wrong


def i15_one_exception_each(
    happened: Iterable[Conflict], noted: Sequence[Conflict], kinds: Iterable[str] = ()
) -> list[str]:
    """Every conflict that happened is noted exactly once, and nothing else is noted under the kinds that happened and
    under `kinds`."""
    wanted, found = set(happened), Counter(noted)
    wrong = [f"I15: {c.kind} of {c.subject} is noted {n} times" for c, n in found.items() if n != 1]
    wrong += [f"I15: {c.kind} of {c.subject} is not noted" for c in sorted(wanted - set(found), key=str)]
    kinds = {conflict.kind for conflict in wanted} | set(kinds)
    wrong += [
        f"I15: {c.kind} of {c.subject} is noted and never was"
        for c in found
        if c.kind in kinds and c not in wanted
    ]
    return wrong


def i16_feed_misses_nothing(reader: str, applied: Sequence[FeedSeen], log: Mapping[str, bytes]) -> list[str]:
    """In the end a reader holds each record as the node has it, and no other. `reset` empties its hands; what it hears
    twice changes nothing. An empty log takes nothing away."""
    held: dict[str, bytes] = {}
    for change in applied:
        if change.reset:
            held.clear()
        held[change.key] = change.body
    wrong = [f"I16: {reader} never saw {key} as it is" for key, body in log.items() if held.get(key) != body]
    unknown = sorted(held.keys() - log.keys()) if log else []
    return wrong + [f"I16: {reader} holds {key}, which the node does not know" for key in unknown]


def i17_parked_cart_goes_on_once(
    went_on: Iterable[tuple[str, Place, bytes]], excused: Callable[[str, Iterable[str]], bool]
) -> list[str]:
    """`went_on`: cart, place and hash of each fact that took a parked cart up, in any journal there ever was.

    `excused(cart, tills)`: somebody forgot what had been decided (a disk that was copied or restored, an arbiter that went
    back): only then may a cart go on at more than one place.
    """
    return [
        f"I17: the parked cart {cart} goes on {len(places)} times: {', '.join(map(_name, places))}"
        for cart, places in _twice(went_on).items()
        if not excused(cart, {till for till, _, _ in places})
    ]


def i17_twice_is_noted(went_on: Iterable[tuple[str, Place, bytes]], noted: Sequence[str]) -> list[str]:
    """`went_on`: those facts that the hub holds in its chain; it notes each cart of which there are two, once, and no other."""
    twice, found = set(_twice(went_on)), Counter(noted)
    wrong = [f"I17: {cart} went on twice and is not noted" for cart in sorted(twice - set(found))]
    wrong += [f"I17: {cart} is noted and went on once" for cart in sorted(set(found) - twice)]
    return wrong + [f"I17: {cart} is noted {n} times" for cart, n in found.items() if n > 1]


def i17_given_up_came_to_nothing(till: str, given_up: Iterable[str], went_on: Iterable[str]) -> list[str]:
    """`given_up`: keys of claims of which a till told the arbiter that they led to nothing; `went_on`: the ids under
    which parked carts go on in its journal."""
    used = set(given_up) & set(went_on)
    return [f"I17: {till} gives up {key}, under which a cart went on" for key in sorted(used)]


def _twice(went_on: Iterable[tuple[str, Place, bytes]]) -> dict[str, list[Place]]:
    seen: dict[str, set[tuple[Place, bytes]]] = defaultdict(set)
    for cart, place, hash_ in went_on:
        seen[cart].add((place, hash_))
    return {cart: sorted(place for place, _ in facts) for cart, facts in seen.items() if len(facts) > 1}


def _sums(sizes: Sequence[int]) -> set[int]:
    sums = {0}
    for size in sizes:
        sums |= {size + other for other in sums}
    return sums


def _has(node: NodeFacts, till: str, fact: StoredFact) -> bool:
    place = (till, fact.epoch, fact.seq)
    return node.facts.get(place) == fact or node.quarantine.get(place, {}).get(fact.hash) == fact


def _broken_chains(node: NodeFacts) -> list[str]:
    """Within an epoch each fact follows the one before."""
    runs: dict[tuple[str, int], list[StoredFact]] = defaultdict(list)
    for place in sorted(node.facts):
        runs[place[:2]].append(node.facts[place])
    return [
        f"I3: {till} {after.epoch}/{after.seq} does not follow the fact before it"
        for (till, _), run in runs.items()
        for before, after in itertools.pairwise(run)
        if hash_after(before.hash, "demo", till, after) != after.hash
    ]


def _name(place: Place) -> str:
    return f"{place[0]} {place[1]}/{place[2]}"


def _cart_ended(fact: StoredFact) -> str:
    if fact.kind not in {"sale", "cart.abandoned"}:
        return ""
    return _cart.decode(fact.body).cart_id


class _Cart(msgspec.Struct):
    cart_id: str


_cart = msgspec.json.Decoder(_Cart)
