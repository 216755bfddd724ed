"""What the till asks of the world, as small protocols. Real things stand behind them in `pos.bootstrap`."""

import datetime as dt
import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from pos.days import Days
from pos.domain.article import Article, Deposit, Product
from pos.domain.cart import Cart
from pos.domain.commands import Command
from pos.domain.document import Document
from pos.domain.weight import Weight
from pos.facts import CartParked, CartResumed, EpochOpened, Fact, Sale, StoredFact
from pos.payments import Payments

if TYPE_CHECKING:
    from pos.domain.promotions import Book

__all__ = [
    "TILL_LOCKED",
    "CashDrawer",
    "Catalogue",
    "CatalogueUnavailableError",
    "Clock",
    "DeviceState",
    "FactSource",
    "Found",
    "Head",
    "History",
    "Hub",
    "Ids",
    "JobState",
    "Journal",
    "JournalUnavailableError",
    "Memory",
    "NewPinError",
    "Operator",
    "People",
    "PrintJob",
    "Promotions",
    "PromotionsUnavailableError",
    "ReceiptPrinter",
    "Scale",
    "ScaleRefusedError",
    "Scanner",
    "SignInRefusedError",
    "SpoolStore",
    "State",
    "Submit",
    "Worker",
]

_T = TypeVar("_T")

Submit = Callable[[Command], None]
"""How anything outside hands the till a command; returns at once, never raises."""


class Clock(Protocol):
    """Time. `wall_ms` and `now` may jump; `mono_ms` never goes back within one `boot_id`."""

    boot_id: str

    def wall_ms(self) -> int: ...
    def mono_ms(self) -> int: ...
    def now(self) -> dt.datetime:
        """The local time, with its offset."""
        ...


class Ids(Protocol):
    """Chance and identity."""

    def new_id(self) -> str:
        """A new unique id, 26 characters, sorted by time."""
        ...

    def token(self, size: int) -> bytes:
        """`size` bytes nobody can guess."""
        ...


class Worker(Protocol):
    """One thread that runs functions in the order they were given."""

    def run(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]: ...

    def post(self, function: Callable[[], None]) -> None:
        """Run without an answer; the function handles its own errors."""
        ...


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
    terminals whose end no fact states, and what is known of the terminals.
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
    last_is_sale: bool = False
    parked: tuple[CartParked, ...] = ()
    resumed: tuple[CartResumed, CartParked] | None = None
    before: frozenset[str] = frozenset()
    training: "Head | None" = None
    training_since: int = 0
    training_number: int = 1
    days: Days = Days()
    payments: Payments = Payments()


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


class CatalogueUnavailableError(Exception):
    """The catalogue's file cannot be used; the text is a sentence that says what to do."""


class Catalogue(Protocol):
    """The articles, as they hold on the day that was last set. All but `count` may raise CatalogueUnavailableError."""

    def find(self, key: str) -> Article | None:
        """By code key (pos.domain.codes.key_of) or PLU; in memory or a few page reads."""
        ...

    def by_sku(self, sku: str) -> Article | None: ...

    async def search(self, text: str, limit: int) -> Sequence[Article]:
        """Articles whose words begin with the words of `text`, at least two letters."""
        ...

    async def deposits(self) -> Sequence[Deposit]:
        """Those that articles are sold with, at most 50."""
        ...

    async def variants(self, product: int) -> Product | None:
        """A product with all its variants, in their order."""
        ...

    def departments(self) -> Mapping[int, tuple[str, str]]:
        """Name and tax code of each department by its number; empty if the file named none."""
        ...

    def refresh(self, on: dt.date) -> bool:
        """Between carts: take a newly imported file and the day's prices; True if the file changed."""
        ...

    @property
    def count(self) -> int: ...


class Promotions(Protocol):
    """The rows of promotions that are in use."""

    def refresh(self) -> bool:
        """Between carts: take rows that were brought in since; True if they changed.

        Raises PromotionsUnavailableError, once for each bad file; the rows that were in use stay in use.
        """
        ...

    @property
    def book(self) -> "Book | None":
        """The rows, prepared; None where there are none."""
        ...

    @property
    def unusable(self) -> bool:
        """There are rows, but they could never be read since the start: nobody knows what holds."""
        ...


class PromotionsUnavailableError(Exception):
    """The rows of promotions cannot be read; the text says why."""


class Operator(msgspec.Struct, frozen=True):
    """Someone who may use the till. `language` empty: the shop's. `pin_due`: somebody else set the PIN, it must be changed.

    `large`: wants large type.
    """

    operator_id: str
    name: str
    role: str = "cashier"
    language: str = ""
    pin_due: bool = False
    large: bool = False


class SignInRefusedError(Exception):
    """A sign-in was refused; `code` is sign-in-wrong, sign-in-locked (for `wait_s`), badge-unknown, or people-unusable."""

    def __init__(self, code: str, wait_s: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.wait_s = wait_s


class NewPinError(Exception):
    """A new PIN is none; `code` is pin-length, pin-trivial or pin-same."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class People(Protocol):
    """Operators, their PINs and their badges."""

    async def sign_in(self, name: str, pin: str) -> Operator:
        """Raises SignInRefusedError."""
        ...

    async def by_badge(self, payload: str) -> Operator:
        """Whose badge it is that holds this; raises SignInRefusedError."""
        ...

    async def change_pin(self, operator_id: str, old: str, new: str) -> Operator:
        """Raises SignInRefusedError for a wrong old one, NewPinError."""
        ...

    def operators(self) -> Sequence[Operator]:
        """Who may sign in, as they were last read."""
        ...


class DeviceState(enum.StrEnum):
    """A device's life, as its supervisor sees it."""

    NONE = "none"  # not configured
    ABSENT = "absent"
    OPENING = "opening"
    READY = "ready"
    BUSY = "busy"
    FAULT = "fault"


class JobState(enum.StrEnum):
    """A print job's life. Nothing leaves `unknown` or `confirmed` by itself."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"  # all bytes are gone, the printer cannot say more
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"
    DROPPED = "dropped"


class PrintJob(msgspec.Struct, frozen=True):
    """One receipt to print, or, `sale` None, one document. `copy` marks a receipt as a copy on the paper.

    `epoch` is the one its number belongs to, `buyer` the name and address on an invoice.
    """

    job_id: str
    sale: Sale | None
    copy: bool = False
    epoch: int = 1
    document: Document | None = None
    buyer: tuple[str, ...] = ()


class SpoolStore(Protocol):
    """Where print jobs live until their fate is known; durable, in order."""

    async def put(self, job_id: str, payload: bytes, info: bytes) -> None:
        """Keep a job. A job that is known gets the new payload and info, and keeps its state."""
        ...

    async def set_state(self, job_id: str, state: JobState) -> None: ...
    async def pending(self) -> Sequence[tuple[str, JobState, bytes, bytes]]:
        """Jobs not confirmed or dropped: id, state, payload, info; oldest first."""
        ...


class ReceiptPrinter(Protocol):
    """Paper. Every call returns at once; news comes back as DeviceReported commands."""

    def submit(self, job: PrintJob) -> None: ...
    def decide(self, job_id: str, choice: str) -> None:
        """The cashier's word on a job in trouble (commands.SpoolDecision)."""
        ...


class CashDrawer(Protocol):
    """The drawer. Opens at once or not at all; a pulse is never queued for later."""

    def open(self) -> bool:
        """True when a pulse was handed to a device that takes it."""
        ...


class ScaleRefusedError(Exception):
    """The scale gave no weight; `code` names the sentence that says why, and nothing is sold.

    Codes: scale-absent, scale-silent, scale-moving, scale-negative, scale-zero, scale-overload, scale-not-moved,
    scale-price, scale-checksum, scale-unclear, scale-fault.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Scale(Protocol):
    """A scale at the till. What it says is taken as it is."""

    async def weigh(self, text: str, unit_price_minor: int, tare_g: int = 0) -> Weight:
        """What lies on it, at rest; within a few seconds, or ScaleRefusedError."""
        ...


class Scanner(Protocol):
    """A scanner runs as a task of its own and submits Scan commands."""

    async def run(self) -> None: ...


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


class Memory(Protocol):
    """A few small values that survive a restart (cursors, keys the hub gave)."""

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes) -> None: ...


class Hub(Protocol):
    """The line to the hub."""

    def kick(self) -> None:
        """New facts are there; send them when possible. Returns at once."""
        ...

    def receipt_link(self) -> str:
        """A fresh link for one receipt, valid before its upload; empty if no hub ever gave a key."""
        ...

    def gift_link(self, link: str) -> str:
        """The link of the gift receipt of a receipt's link: it shows no prices. Empty where there is none."""
        ...

    def receipt_of_gift(self, gift_link: str) -> str:
        """The receipt's link of a gift receipt's; empty for one that is not of this store."""
        ...
