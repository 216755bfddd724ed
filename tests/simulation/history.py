"""What really happened, seen from outside of all machines, and the checks that compare it with what they hold."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pos.cash_facts import DayOpened
from pos.facts import StoredFact
from pos.sale_facts import Sale
from sync.wire import Ack
from tests.simulation import invariants as inv
from tests.simulation.goods import PERSON
from tests.simulation.invariants import AckSeen, DaySeen, NodeFacts, Shown

if TYPE_CHECKING:
    from tests.simulation.nodes import NodeMachine
    from tests.simulation.tills import TillMachine
    from tests.simulation.world import World

__all__ = ["History", "days_of", "read_node"]

# A request's 40 s and the back-off's 60 s, or a refused line's pause and a long poll: then a restored node is noticed.
HELLO_S = 130.0
_COLUMNS = "till, epoch, seq, kind, version, wall_ms, mono_ms, boot_id, body, hash"


def read_node(database: Path) -> NodeFacts:
    """All that a node holds, read past all code of its own."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        facts = {
            (row[0], row[1], row[2]): StoredFact(*row[1:])
            for row in connection.execute(f"select {_COLUMNS} from fact")
        }
        quarantine: dict[inv.Place, dict[bytes, StoredFact]] = defaultdict(dict)
        for row in connection.execute(f"select {_COLUMNS} from quarantine"):
            quarantine[row[0], row[1], row[2]][row[9]] = StoredFact(*row[1:])
    finally:
        connection.close()
    return NodeFacts(facts, quarantine)


def days_of(facts: Sequence[StoredFact]) -> list[DaySeen]:
    """Openings of days and sales in the order of the journal."""
    seen = []
    for fact in facts:
        if fact.kind == "day.opened":
            day = msgspec.json.decode(fact.body, type=DayOpened)
            seen.append(DaySeen(fact.seq, day.business_day, day.business_day, bool(day.clock_doubt)))
        elif fact.kind == "sale":
            sale = msgspec.json.decode(fact.body, type=Sale)
            seen.append(
                DaySeen(
                    fact.seq,
                    sale.business_day,
                    sale_number=sale.number,
                    sale_day=sale.business_day,
                    epoch=fact.epoch,
                )
            )
    return seen


class History:
    """Collects; `violations` are sentences that begin with the invariant's number."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.violations: list[str] = []
        self.acks: list[AckSeen] = []
        self.newest: dict[tuple[str, str, int], AckSeen] = {}
        self.ages: dict[str, int] = defaultdict(int)
        self.went_back_at = -HELLO_S
        self.refused: list[str] = []
        self.lost_carts: list[tuple[str, str]] = []
        self.node_errors: list[str] = []
        self.unknown: list[tuple[str, StoredFact]] = []
        self.cloned: set[str] = set()
        self._said: dict[tuple[str, str], tuple[int, int]] = {}
        self.revoked: set[str] = set()
        self.restored: set[str] = set()
        self.conflicts: set[inv.Conflict] = set()
        self.taken_over = 0

    def violate(self, wrong: list[str]) -> None:
        for text in wrong:
            self._world.note(f"VIOLATION {text}")
        self.violations += wrong

    # -- seen while it happens

    def wrote(self, till: str, stored: Sequence[StoredFact]) -> None:
        for fact in stored:
            self._world.note(f"{till} keeps {fact.epoch}/{fact.seq} {fact.kind} {fact.hash.hex()[:8]}")

    def showed(self, shown: Shown) -> None:
        self.violate(inv.i1_nothing_shown_before_it_is_durable((shown,)))

    def acknowledged(self, node: "NodeMachine", till: str, ack: Ack) -> None:
        seen = AckSeen(node.name, till, ack.epoch, ack.acked_seq, ack.acked_hash, self.ages[node.name])
        self._world.note(f"{node.name} acknowledges {till} {ack.epoch}/{ack.acked_seq}")
        self.acks.append(seen)
        if till in self.revoked and node is self._world.hub:
            self.violate([f"S2: {node.name} acknowledged {till}, whose key was revoked"])
        self.held(node.name, till, (ack.epoch, ack.acked_seq))
        key = (node.name, till, ack.epoch)
        before = self.newest.get(key)
        if before is not None and before.age == seen.age and seen.seq < before.seq:
            self.violate([f"I4: {node.name} acknowledged {till} {ack.epoch}/{before.seq}, then {seen.seq}"])
        self.newest[key] = seen

    def held(self, node: str, till: str, place: tuple[int, int]) -> None:
        """A node said that it holds a till's facts up to here."""
        key = (node, till)
        self._said[key] = max(self._said.get(key, (0, 0)), place)

    def believes(self, node: str, till: str, place: tuple[int, int]) -> None:
        """A till says up to where a node holds its facts: no further than that node ever said."""
        if place > max(self._said.get((node, till), (0, 0)), (1, 0)):
            self.violate([f"I4: {till} believes {place[0]}/{place[1]} at {node}, which never said so"])

    def gave_up(self, name: str, keys: Sequence[str]) -> None:
        """A till told the arbiter that these claims came to nothing: its journal, as it is, must not say otherwise."""
        till = next((till for till in self._world.tills if till.name == name), None)
        if keys and till is not None:
            facts = (fact for fact in till.kept if fact.kind == "cart.resumed")
            went_on = [msgspec.json.decode(fact.body, type=_WentOn).new_cart_id for fact in facts]
            self.violate(inv.i17_given_up_came_to_nothing(name, keys, went_on))

    def went_back(self, node: "NodeMachine") -> None:
        """A node was restored from a copy: what it acknowledged since then it need not know."""
        self.ages[node.name] += 1
        self.went_back_at = self._world.loop.now

    def node_started(self, node: "NodeMachine") -> None:
        """After each start of a node: what it had acknowledged can be read again."""
        connection = sqlite3.connect(f"file:{node.database}?mode=ro", uri=True)
        try:
            for (name, till, epoch), ack in self.newest.items():
                if name != node.name or ack.age != self.ages[name]:
                    continue
                row = connection.execute(
                    "select hash from fact where till = ? and epoch = ? and seq = ?", (till, epoch, ack.seq)
                ).fetchone()
                if row is None or row[0] != ack.hash:
                    self.violate([f"I4: {name} acknowledged {till} {epoch}/{ack.seq} and does not hold it"])
        finally:
            connection.close()

    # -- looked at in the end

    def check(self, hub: "NodeMachine", tills: "list[TillMachine]") -> None:
        """Everything is healed and quiet."""
        self.violate(inv.i8_till_keeps_selling(self.refused))
        self.violate([f"I2: {till} lost the open cart {cart}" for till, cart in self.lost_carts])
        self.violate([f"I8: {text}" for text in self.node_errors[:3]])
        branches: dict[str, list[list[StoredFact]]] = defaultdict(list)
        living: dict[str, list[bool]] = defaultdict(list)
        for till in tills:
            for journal in (*till.lost, till.kept):
                branches[till.till_id].append(journal)
                living[till.till_id].append(journal is till.kept and not till.destroyed)
                self.violate(inv.i14_clock_changes_nothing(till.name, days_of(journal)))
        held = read_node(hub.database)
        whole = [alive for till in branches for alive in living[till]]
        self.violate(inv.i3_node_holds_what_tills_wrote(held, branches, whole=whole))
        self.violate(inv.i4_acknowledged_stays(self.acks, hub.name, held, self.ages[hub.name]))
        alive = [
            (till, fact)
            for till, journals in branches.items()
            for journal, lives in zip(journals, living[till], strict=True)
            if lives
            for fact in journal
        ]
        unknown = [(till, fact) for till, fact in alive if fact.kind == "future.wish"]
        self.violate(inv.i7_unknown_kinds_survive(unknown, held))
        if self.ages[hub.name]:
            self.violate(inv.i11_sent_again_after_restore(held, alive))
        self._check_numbers(branches)
        self._parked(hub, branches, held)
        bodies = [fact.body for journals in branches.values() for journal in journals for fact in journal]
        self.violate(inv.i13_no_person(bodies, (PERSON.encode(), PERSON.split()[1].encode())))

    def _check_numbers(self, branches: dict[str, list[list[StoredFact]]]) -> None:
        numbers = [
            (till, fact.epoch, msgspec.json.decode(fact.body, type=_Numbered).number, fact.hash)
            for till, journals in branches.items()
            for journal in journals
            for fact in journal
            if fact.kind == "sale"
        ]
        self.violate(inv.i10_no_number_twice(numbers, self._flagged()))

    def _parked(
        self, hub: "NodeMachine", branches: Mapping[str, Sequence[Sequence[StoredFact]]], held: NodeFacts
    ) -> None:
        parked: dict[str, str] = {}
        went_on: list[tuple[str, inv.Place, bytes]] = []
        for till, journals in branches.items():
            for fact in (fact for journal in journals for fact in journal):
                place = (till, fact.epoch, fact.seq)
                if fact.kind == "cart.parked":
                    parked[_cart_of(fact)] = till
                elif fact.kind == "cart.resumed":
                    went_on.append((_cart_of(fact), place, fact.hash))
        self.taken_over += len({place for cart, place, _ in went_on if parked.get(cart) != place[0]})
        doubtful = self.cloned | self.restored
        arbiter = "relay" if self._world.plan.relay else "hub"

        def excused(cart: str, tills: Iterable[str]) -> bool:
            return bool(self.ages[arbiter] or doubtful & {parked.get(cart, ""), *tills})

        self.violate(inv.i17_parked_cart_goes_on_once(went_on, excused))
        at_hub = [
            (_cart_of(fact), place, fact.hash)
            for place, fact in held.facts.items()
            if fact.kind == "cart.resumed"
        ]
        connection = sqlite3.connect(f"file:{hub.database}?mode=ro", uri=True)
        try:
            noted = [
                row[0] for row in connection.execute("select key from exception where kind = 'parked-twice'")
            ]
        finally:
            connection.close()
        self.violate(inv.i17_twice_is_noted(at_hub, noted))

    def _flagged(self) -> list[tuple[str, int]]:
        """Epochs that two disks wrote at once, or that nobody remembers: the only disk that held one was lost and
        the hub went back to before it was granted."""
        lost = self.restored if self._world.history.ages["hub"] else set()
        return [(till, epoch) for till in self.cloned | lost for epoch in range(1, 200)]


def _cart_of(fact: StoredFact) -> str:
    return msgspec.json.decode(fact.body, type=_CartGist).cart_id


class _CartGist(msgspec.Struct):
    cart_id: str


class _WentOn(msgspec.Struct):
    new_cart_id: str


class _Numbered(msgspec.Struct):
    number: int
