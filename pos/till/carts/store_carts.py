"""Parked carts that belong to the store: given to it, heard of, claimed, and taken over from another till.

A cart that this till gave (`given`, remembered before anybody hears of it) goes on here only after a claim, like one that
another till gave. The question goes out beside the commands and is answered by one (`ClaimAnswered`): scans wait for
nobody. A claim's key is the id under which the cart goes on; keys that led to nothing are given up, and said so for as
long as a late request could still ask with them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from pos.cart_facts import CartLeft, CartParked, CartResumed
from pos.domain import commands as c
from pos.domain.cart import Cart
from pos.domain.rights import Approval
from pos.domain.store_carts import ClaimAnswer, StoreCart, person_tag, travels
from pos.facts import Fact, FactError, decode_fact
from pos.ports import Operator
from pos.storage_ports import JournalUnavailableError
from pos.till.desk import Desk, Refusal
from pos.till.ledger import Ledger

__all__ = ["StoreCarts"]

RELEASED_MS: Final = 300_000
_GIVEN: Final = "carts.given"
_ASKED: Final = "carts.asked"
_SENTENCES: Final = {
    "gone": "parked-gone",
    "busy": "parked-busy",
    "unknown": "parked-unknown",
    "silent": "parked-no-answer",
    "refused": "parked-refused",
}
_Waiting = Coroutine[Any, Any, None]
_log = logging.getLogger(__name__)


class _Claim(msgspec.Struct, frozen=True):
    """A question that is under way. `over`: the till whose claim a person sets aside, and who agreed."""

    key: str
    cart_id: str
    own: bool
    over: str = ""
    approvals: tuple[Approval, ...] = ()


class StoreCarts:
    """`opened` takes up the cart that the facts say goes on. `free` says whether one may be taken up now."""

    def __init__(
        self, desk: Desk, ledger: Ledger, submit: Callable[[c.Command], None], free: Callable[[], bool]
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self.opened: Callable[[], None] = lambda: None
        self._free = free
        self._submit = submit
        self.online = False
        self.listing: tuple[StoreCart, ...] = ()
        self.given: frozenset[str] = frozenset()
        self._asked: dict[str, str] = {}  # the cart that each key was asked for
        self._released: dict[str, int] = {}  # when each key was given up, by the monotonic clock
        self._gone: dict[str, str] = {}
        self._bounds: dict[str, tuple[int, int]] = {}  # each waiting cart was parked no later than this fact
        self._held = (0, 0)
        self._claim: _Claim | None = None
        self._task: asyncio.Task[None] | None = None
        self._told: tuple[object, ...] = ()
        self.handlers = {c.StoreCartsHeard: self._heard, c.ClaimAnswered: self._answered}

    @property
    def claiming(self) -> bool:
        """The arbiter is asked, and has not answered yet."""
        return self._claim is not None

    @property
    def _parks(self) -> Any:
        return self._desk.real_world.parks

    def travels(self, cart: Cart) -> bool:
        """Whether this cart, parked now, is one of the store's once its arbiter holds it."""
        desk = self._desk
        shared = desk.setup.share_parked and not desk.training and desk.real_world.memory is not None
        return shared and self._parks is not None and bool(self._parks.arbiter) and travels(cart.lines)

    def must_claim(self, cart: CartParked) -> bool:
        """Whether a cart that waits here goes on only if the store's arbiter says so."""
        if self._desk.training or self._parks is None:
            return False
        head = self._desk.real_world.journal.head
        return cart.cart_id in self.given or (cart.travels and cart.cart_id in head.before)

    def elsewhere(self) -> tuple[StoreCart, ...]:
        """Carts of other tills that can be asked for."""
        if self._desk.training or not self.online:
            return ()
        head = self._desk.real_world.journal.head
        return tuple(
            cart
            for cart in self.listing
            if cart.till != head.till and not cart.claimed_by and self._sells(cart)
        )

    def taken(self, cart_id: str) -> bool:
        """Whether a cart that waits here is at another till just now."""
        till = self._desk.real_world.journal.head.till
        return any(one.cart_id == cart_id and one.claimed_by not in {"", till} for one in self.listing)

    def waits_here(self, cart_id: str) -> bool:
        return any(cart.cart_id == cart_id for cart in self._desk.real_world.journal.head.parked)

    def claimed_ones(self) -> tuple[StoreCart, ...]:
        """Carts that a till claimed and has not gone on with; this one too, where its claim was made before a disk was lost."""
        if self._desk.training or self._claim is not None:
            return ()
        return tuple(cart for cart in self.listing if cart.claimed_by and self._sells(cart))

    def _sells(self, cart: StoreCart) -> bool:
        return cart.currency == self._desk.setup.currency

    def following(self, person: Operator) -> StoreCart | None:
        """The cart that another till set aside when this person left it."""
        tag = person_tag(self._desk.real_world.journal.head.store, person.name)
        return next((cart for cart in self.elsewhere() if cart.follows == tag), None)

    # -- what is given

    async def load(self) -> None:
        """At start. Where nobody remembers what was given, all that may be given counts as given."""
        memory = self._desk.real_world.memory
        if self._parks is None or memory is None:
            return
        head = self._desk.real_world.journal.head
        kept = await memory.get(_GIVEN)
        waiting = {cart.cart_id for cart in head.parked if cart.travels}
        self.given = frozenset(msgspec.json.decode(kept)) if kept else frozenset(waiting)
        asked = await memory.get(_ASKED)
        self._asked = dict(msgspec.json.decode(asked)) if asked else {}
        for cart_id in waiting:
            self._bounds[cart_id] = (head.epoch, head.seq)
        await self._drop_unused()
        self._tell()

    def held(self, node: str, place: tuple[int, int]) -> _Waiting | None:
        """A node holds our facts up to here."""
        if self._parks is None or node != self._parks.arbiter:
            return None
        self._held = place
        return self._give() if self._to_give() else None

    def _to_give(self) -> list[str]:
        """Carts that the arbiter holds and that nobody else could have yet."""
        head = self._desk.real_world.journal.head
        place = (head.epoch, head.seq)
        found = []
        for cart in head.parked:
            if cart.travels and cart.cart_id not in self.given:
                bound = self._bounds.setdefault(cart.cart_id, place)
                if self.online and bound <= self._held:
                    found.append(cart.cart_id)
        return found

    async def _give(self) -> None:
        memory = self._desk.real_world.memory
        fresh = self._to_give()
        if memory is None or not fresh or self._desk.in_doubt:
            return
        waiting = {cart.cart_id for cart in self._desk.real_world.journal.head.parked}
        given = frozenset(self.given & waiting) | frozenset(fresh)
        try:
            await memory.put(_GIVEN, msgspec.json.encode(sorted(given)))
        except JournalUnavailableError:  # they stay this till's own
            _log.exception("what is given to the store could not be remembered")
            return
        self.given = given
        self._tell()

    def _tell(self) -> None:
        if self._parks is None or not self._desk.setup.share_parked:
            return
        head = self._desk.real_world.journal.head
        names = {one.operator_id: one.name for one in self._desk.world.people.operators()}
        given = tuple(
            (cart.cart_id, person_tag(head.store, names[cart.follows]) if cart.follows in names else "")
            for cart in head.parked
            if cart.cart_id in self.given
        )
        now_ms = self._desk.world.clock.mono_ms()
        self._released = {k: ms for k, ms in self._released.items() if now_ms - ms < RELEASED_MS}
        told = (given, tuple(self._released))
        if told != self._told:
            self._told = told
            self._parks.tell(*told)

    # -- what is heard

    def _heard(self, command: c.StoreCartsHeard) -> _Waiting | None:
        self.online, self.listing = command.online, command.carts if command.online else ()
        self._gone.update({one.cart_id: one.till for one in command.gone})
        idle = not self._gone and not self._to_give() and not self._unused()
        return None if idle else self._settle()

    async def _settle(self) -> None:
        """What went on elsewhere left this till; what was asked for nothing is given up; what may be given is."""
        desk = self._desk
        if desk.training or desk.in_doubt or desk.standstill is not None:
            return
        waiting = {cart.cart_id for cart in desk.world.journal.head.parked}
        left: list[Fact] = [
            CartLeft(cart_id, till, desk.world.clock.wall_ms(), desk.operator_id())
            for cart_id, till in self._gone.items()
            if cart_id in waiting
        ]
        if left:
            await self._ledger.append(left, None)
        self._gone.clear()
        await self._drop_unused()
        await self._give()
        self._tell()

    def _unused(self) -> list[str]:
        """Keys that were asked with, of which nothing is under way."""
        under_way = self._claim.key if self._claim is not None else ""
        return [key for key in self._asked if key != under_way and key not in self._released]

    async def _drop_unused(self) -> None:
        """After a start, or an error in doubt: which of the keys went on, is said by the facts."""
        journal = self._desk.real_world.journal
        for key in self._unused():
            resumed = journal.head.resumed
            if (resumed is not None and resumed[0].new_cart_id == key) or await journal.cart_ended(key):
                self._asked.pop(key, None)
            else:
                self._release(key)

    def _release(self, key: str) -> None:
        self._released[key] = self._desk.world.clock.mono_ms()
        self._tell()

    # -- what is claimed

    def ask(
        self, cart_id: str, *, own: bool, over: str = "", approvals: tuple[Approval, ...] = ()
    ) -> _Waiting:
        """Ask for a cart; the answer comes as a command. `over`: also where that till has claimed it. Raises Refusal."""
        if self._claim is not None:
            raise Refusal("parked-asking", level="info")
        self.must_be_online()
        return self._begin(cart_id, own=own, over=over, approvals=approvals)

    def must_be_online(self) -> None:
        if not self.online:
            raise Refusal("parked-no-line", level="warn")

    async def _begin(self, cart_id: str, **how: Any) -> None:
        self._claim = await self._new_claim(cart_id, **how)
        self._desk.warn("parked-asking", level="info")
        self._task = asyncio.get_running_loop().create_task(self._hear(self._claim))

    async def _new_claim(self, cart_id: str, **how: Any) -> _Claim:
        claim = _Claim(self._desk.world.ids.new_id(), cart_id, **how)
        self._asked[claim.key] = cart_id
        await self._remember()
        return claim

    async def _remember(self) -> None:
        """Before a question, and after its answer. Raises Refusal."""
        memory = self._desk.real_world.memory
        assert memory is not None, "asked only where there is one"
        live = {key: cart for key, cart in self._asked.items() if not self._forgotten(key)}
        try:
            await memory.put(_ASKED, msgspec.json.encode(live))
        except JournalUnavailableError as error:
            raise Refusal(error.code, level="alarm", detail=error.detail) from error
        self._asked = live

    def _forgotten(self, key: str) -> bool:
        """Nobody can ask with this key any more."""
        released = self._released.get(key)
        return released is not None and self._desk.world.clock.mono_ms() - released >= RELEASED_MS

    async def _hear(self, claim: _Claim) -> None:
        answer = await self._parks.claim(claim.cart_id, claim.key, own=claim.own, force=bool(claim.over))
        self._submit(c.ClaimAnswered(claim.key, answer))

    def _answered(self, command: c.ClaimAnswered) -> _Waiting | None:
        claim = self._claim
        if claim is None or claim.key != command.key:
            return None
        refusal = self._refusal(claim, command.answer)
        if refusal is None and self._desk.training:
            refusal = Refusal("parked-not-now", level="warn")
        if refusal is None and (not self._free() or self._desk.operator is None):
            refusal = Refusal("parked-not-now", level="warn")
        if refusal is None:
            return self._go_on(claim, command.answer)
        self._claim = None
        self._release(claim.key)
        if self._desk.operator is not None:
            self._desk.refuse(refusal.message)
        return self._settle() if self._gone else None

    def _refusal(self, claim: _Claim, answer: ClaimAnswer) -> Refusal | None:
        if answer.verdict == "granted":
            return None
        if answer.verdict == "gone" and claim.own:
            self._gone[claim.cart_id] = answer.till
        early = answer.verdict == "busy" and claim.over
        return Refusal(
            "parked-busy-yet" if early else _SENTENCES[answer.verdict], level="warn", till=answer.till
        )

    async def _go_on(self, claim: _Claim, answer: ClaimAnswer) -> None:
        """The cart is ours alone: write it down, and open it."""
        try:
            facts = self._ledger.day_facts()
            facts.append(self._resumed(claim, answer, self._ledger.business_day(facts)))
            await self._ledger.append(facts, None)
            self.opened()
            await self.went_on(claim.key)
        finally:
            self._claim = None

    def _resumed(self, claim: _Claim, answer: ClaimAnswer, day: str) -> CartResumed:
        """Raises Refusal, with the claim given up, for what nobody could go on with."""
        desk = self._desk
        own = self.waits_here(claim.cart_id)
        taken = None if own else _content(claim, answer)
        if not own and taken is None:
            self._release(claim.key)
            raise Refusal("parked-refused", level="warn")
        return CartResumed(
            cart_id=claim.cart_id,
            new_cart_id=claim.key,
            business_day=day,
            operator=desk.operator_id(),
            resumed_ms=desk.world.clock.wall_ms(),
            offset_min=desk.offset_min(),
            taken=taken,
            from_till="" if own else answer.till,
            from_epoch=0 if own else answer.epoch,
            from_seq=0 if own else answer.seq,
            claimed_over=claim.over,
            approvals=claim.approvals,
        )

    async def claimed(self, cart: CartParked) -> str:
        """For a function that waits for the answer: the key of a cart of this till's own that may go on. Raises Refusal."""
        self.must_be_online()
        claim = await self._new_claim(cart.cart_id, own=True)
        answer = await self._parks.claim(claim.cart_id, claim.key, own=True)
        refusal = self._refusal(claim, answer)
        if refusal is not None:
            self._release(claim.key)
            if self._gone:
                await self._settle()
            raise refusal
        return claim.key

    async def went_on(self, key: str) -> None:
        """A cart goes on under this key, or, where it is empty, one that needed none."""
        if key:
            self._asked.pop(key, None)
            await self._remember()
        self._tell()


def _content(claim: _Claim, answer: ClaimAnswer) -> CartParked | None:
    """The cart as another till parked it; None for what is none."""
    try:
        fact = decode_fact("cart.parked", answer.version, answer.body)
    except FactError:
        return None
    return fact if isinstance(fact, CartParked) and fact.cart_id == claim.cart_id and answer.till else None
