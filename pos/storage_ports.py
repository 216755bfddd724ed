"""What the till asks of its storage, as protocols: the journal and looking things up in it, the open cart, small values."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from pos.cart_facts import CartParked, CartResumed
from pos.days import Days
from pos.domain.cart import Cart
from pos.facts import Fact, StoredFact
from pos.payments import Payments
from pos.sale_facts import Sale
from pos.till_facts import EpochOpened
from pos.transfers import OpenTransfer

__all__ = [
    "TILL_LOCKED",
    "Buyers",
    "FactSource",
    "Found",
    "Head",
    "History",
    "Journal",
    "JournalUnavailableError",
    "Memory",
    "State",
]


class JournalUnavailableError(Exception):
    """The journal cannot take facts. `code` names the sentence for the cashier.

    Codes: disk-full, disk-read-only, disk-error, journal-damaged, journal-gone, sqlite-too-old. `stored` None means
    that it is not known whether the last facts were kept: reopen, then look.
    """

    def __init__(self, code: str, detail: str, *, stored: bool | None = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.stored = stored


class Head(msgspec.Struct, frozen=True):
    """Where the journal stands: what the till must know to go on.

    `parked` are the carts that wait, oldest first. `resumed` is the parked cart that goes on and has not
    ended under its new id: if the state does not hold it, it is the open cart nevertheless. `before` are the ids of
    those that come from an earlier epoch: another disk may have gone on with them, and sold them.

    `training` is what the till goes by while it trains: a head of its own, of the facts since `training_since`; None
    outside training. `training_number` is the next number of a sale in training. `days` are the business days that are
    not closed, with their cash sessions; `business_day` is empty where the next fact opens one. `payments` are those at
    terminals whose end no fact states, and what is known of the terminals; `transfers` those whose
    money has not come yet, oldest first.
    """

    store: str
    till: str
    epoch: int
    seq: int
    hash: bytes
    next_number: int = 1
    business_day: str = ""
    cash_session: str = ""
    last_wall_ms: int = 0
    last_sale: Sale | None = None
    last_sale_epoch: int = 0
    last_is_sale: bool = False  # it, or what is written with it, is the newest fact
    parked: tuple[CartParked, ...] = ()
    resumed: tuple[CartResumed, CartParked] | None = None
    before: frozenset[str] = frozenset()
    training: "Head | None" = None
    training_since: int = 0
    training_number: int = 1
    days: Days = Days()
    payments: Payments = Payments()
    transfers: tuple[OpenTransfer, ...] = ()


class Journal(Protocol):
    """The truth. Appends are durable when they return."""

    @property
    def head(self) -> Head: ...

    async def append(self, facts: Sequence[Fact]) -> Sequence[StoredFact]:
        """Write facts in one commit; raises JournalUnavailableError."""
        ...

    async def open_epoch(self, fact: EpochOpened, first_seq: int, prev_hash: bytes, epoch: int) -> StoredFact:
        """Begin `epoch` at `first_seq` on `prev_hash`, or where the journal ends if that is not before it.

        What `fact` says of the fact before it is filled in. Raises ValueError for an epoch that is not above
        the head's, JournalUnavailableError.
        """
        ...

    async def reopen(self) -> Head:
        """Close and open again after an error, and look what is really there."""
        ...

    async def cart_ended(self, cart_id: str) -> bool:
        """True when a fact in the journal ended this cart."""
        ...


class Found(msgspec.Struct, frozen=True):
    """A fact that was looked up, with its place in the journal."""

    epoch: int
    seq: int
    fact: Fact


class History(Protocol):
    """Looking things up in this till's journal. Every call may raise JournalUnavailableError."""

    async def receipt(self, epoch: int, number: int) -> Found | None:
        """The sale with this number."""
        ...

    async def by_link(self, link: str) -> Found | None:
        """The sale whose code leads to this link."""
        ...

    async def recent(self, limit: int, before: tuple[int, int] | None = None) -> Sequence[Found]:
        """The newest sales, newest first; those before (epoch, number) where it is given."""
        ...

    async def mentions(self, kind: str, key: str) -> Sequence[Found]:
        """Facts that mention something (pos.mentions), in the order they were written."""
        ...

    async def promotions_used(self) -> Mapping[str, tuple[int, int]]:
        """Uses and minor units of each promotion, in all sales of this till that its disk still holds."""
        ...

    async def session(self, session: str) -> Sequence[Found]:
        """Every fact from the one that opened this cash session (`epoch-seq`) to the journal's end, in order."""
        ...


class State(Protocol):
    """The mutable rest: the open cart and what else survives a restart without being the truth."""

    def save_cart(self, cart: Cart | None) -> None:
        """Remember the newest cart; returns at once. Saves are coalesced, the newest wins."""
        ...

    @property
    def problem(self) -> JournalUnavailableError | None:
        """Why the newest cart could not be saved, if it could not."""
        ...

    def supersede(self) -> None:
        """Forget a save that has not begun: a fact that ends the cart is about to be written."""
        ...

    async def flush(self) -> None:
        """Wait until the newest cart is durable; raises JournalUnavailableError."""
        ...


class FactSource(Protocol):
    """Stored facts in order, for whoever sends them on. Short reads; other processes may write meanwhile."""

    async def read_after(self, epoch: int, seq: int, limit: int) -> Sequence[StoredFact]:
        """Up to `limit` facts of one epoch after `seq`; the next epoch's first ones once this one is done."""
        ...

    async def hash_at(self, epoch: int, seq: int) -> bytes | None:
        """The hash of one fact; for the seq before an epoch's first one, or 0, the hash the epoch began on."""
        ...

    async def last(self) -> tuple[int, int, bytes]:
        """Epoch, seq and hash of the newest fact."""
        ...


TILL_LOCKED: Final = "till.restored"
"""Memory key of a till that may take no payment before a new epoch: `epoch:code`, the epoch it must leave behind
and its sentence. Set when it comes from a backup, or when its journal is shorter than others know it."""


class Buyers(Protocol):
    """Names and addresses on invoices, by a reference that facts hold. Nothing of it is ever in a fact."""

    async def put(self, buyer: str, lines: tuple[str, ...]) -> None:
        """Raises JournalUnavailableError."""
        ...

    async def get(self, buyer: str) -> tuple[str, ...]:
        """Empty for one that is not known, or cannot be read."""
        ...

    async def newest(self, limit: int) -> Mapping[str, tuple[str, ...]]:
        """Those that were put last, newest first."""
        ...


class Memory(Protocol):
    """A few small values that survive a restart (cursors, keys the hub gave)."""

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes) -> None: ...
