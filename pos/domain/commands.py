"""Commands: what someone wants of the till. Frozen values and nothing else."""

from decimal import Decimal
from typing import Final

import msgspec

from pos.domain.store_carts import CartGone, ClaimAnswer, StoreCart
from pos.domain.weight import Weight

__all__ = [
    "COPY_STATES",
    "NOTE_MAX",
    "Answer",
    "Approve",
    "Cancel",
    "CardNews",
    "CaseHeard",
    "Choose",
    "ChooseOpenLine",
    "ClaimAnswered",
    "Command",
    "CopyReported",
    "DeviceReported",
    "Do",
    "DropOpenLines",
    "EnterCode",
    "GoBack",
    "GoOn",
    "HubReported",
    "Lock",
    "Mistyped",
    "Notice",
    "OpenDrawer",
    "OpenEpoch",
    "ParkCart",
    "PayCash",
    "PickResult",
    "PrintAgain",
    "RepeatLast",
    "ResumeParked",
    "Retry",
    "Scan",
    "Search",
    "SetPrice",
    "SetQuantity",
    "SignIn",
    "SpoolDecision",
    "StockHeard",
    "StoreCartsHeard",
    "Tick",
    "VoidCart",
    "VoidLast",
    "VoidLine",
    "Weighed",
]


NOTE_MAX = 40


COPY_STATES: Final = ("ok", "behind", "absent", "full", "read-only", "same-medium", "fault", "other", "ahead")
"""What may be said of the second copy:

ok: it holds every fact; behind: it is catching up; absent: its medium is not there; full, read-only, fault: it
cannot be written; same-medium: it lies on the journal's own medium; other: what is there is not this journal's copy; ahead: it holds facts that the journal lost.
"""


class Command(msgspec.Struct, frozen=True):
    """The base of all commands; the till takes them one at a time, in order of arrival."""


class SignIn(Command, frozen=True):
    """An operator by name or number, with a PIN. `__repr__` hides the PIN."""

    name: str
    pin: str

    def __repr__(self) -> str:
        return f"SignIn(name={self.name!r}, pin=...)"


class Approve(Command, frozen=True):
    """Another person, by name or number and PIN, agrees to what waits for it. `__repr__` hides the PIN."""

    name: str
    pin: str

    def __repr__(self) -> str:
        return f"Approve(name={self.name!r}, pin=...)"


class Answer(Command, frozen=True):
    """What was typed (then Enter) or scanned in answer to the till's question. `__repr__` hides it: it may be a secret."""

    text: str
    scanned: bool = False

    def __repr__(self) -> str:
        return "Answer(text=...)"


class Choose(Command, frozen=True):
    """Option number `index` of the till's question (1 is the first)."""

    index: int


class Do(Command, frozen=True):
    """A function of the till by the name of its key, with what was typed before it."""

    name: str
    text: str = ""


class GoBack(Command, frozen=True):
    """Esc in a part of a function: that part ends, the function does not. Given by the till itself."""


class GoOn(Command, frozen=True):
    """What a function waited for was agreed to: it goes on. Given by the till itself."""


class Tick(Command, frozen=True):
    """Some seconds went by. Given by the till's surroundings, never by a person."""


class Lock(Command, frozen=True):
    """The operator leaves; an open cart stays and waits."""


class Scan(Command, frozen=True):
    """A code from a device. `source` names it (`scanner`, `scanner:left`); never keystrokes."""

    code: str
    source: str = "scanner"


class EnterCode(Command, frozen=True):
    """A code or article number that a person typed."""

    code: str


class SetQuantity(Command, frozen=True):
    """`3*`: the quantity of the next article."""

    quantity: Decimal


class RepeatLast(Command, frozen=True):
    """`3*` and Enter: the last article until there are that many of it."""


class VoidLast(Command, frozen=True):
    """Take back the newest line that counts."""


class VoidLine(Command, frozen=True):
    """Take back line `n`."""

    n: int


class VoidCart(Command, frozen=True):
    """Give the whole cart up. The first asks, the second, with nothing between, does it."""


class ParkCart(Command, frozen=True):
    """Set the open cart aside, with a note of at most NOTE_MAX characters."""

    note: str = ""


class ResumeParked(Command, frozen=True):
    """Go on with the cart that was parked under `cart_id`; empty: with the only one."""

    cart_id: str = ""


class SetPrice(Command, frozen=True):
    """Give an open line its price: `n` None takes the chosen one, else the first."""

    price_minor: int
    department: int | None = None
    n: int | None = None


class ChooseOpenLine(Command, frozen=True):
    """The next open line becomes the one that search, price and drop act on."""


class DropOpenLines(Command, frozen=True):
    """Leave the chosen open line unsold."""


class Search(Command, frozen=True):
    """Look for articles by the beginnings of words in their names."""

    text: str


class PickResult(Command, frozen=True):
    """Sell the search result number `index` (1 is the first)."""

    index: int


class Cancel(Command, frozen=True):
    """Esc: leave the search, forget the quantity or the question. Never a line, never a sale."""


class PayCash(Command, frozen=True):
    """Cash: `given_minor` None means the exact amount."""

    given_minor: int | None = None


class OpenDrawer(Command, frozen=True):
    """Open the drawer without a sale; `by_key` when it was opened with the key because no printer could."""

    reason: str = "no-sale"
    by_key: bool = False


class PrintAgain(Command, frozen=True):
    """Print the last receipt: the first time as the original if it never left, else as a marked copy."""


class SpoolDecision(Command, frozen=True):
    """The cashier's word on a receipt in trouble.

    `choice`: "printed" (it came out), "again" (print it once more, marked as a copy where the original may
    be out), "code-only" (no paper), "other-printer".
    """

    choice: str


class Mistyped(Command, frozen=True):
    """What was typed made no sense for the key that was pressed; `code` names the sentence."""

    code: str
    text: str = ""


class Notice(Command, frozen=True):
    """Something of the till's own files was found wanting at start: a sentence by its code, with a detail."""

    code: str
    detail: str


class Retry(Command, frozen=True):
    """Try the journal again after it could not be written."""


class DeviceReported(Command, frozen=True):
    """A device's state changed: `device` "printer", "scanner", "drawer"; `state` a word of ports.DeviceState."""

    device: str
    state: str
    detail: str = ""
    job_id: str = ""
    job_state: str = ""


class CardNews(Command, frozen=True):
    """What a card terminal says: `news` is a value of pos.domain.card or pos.card_ports; None: a second went by.

    `payment_id` is empty where it speaks of itself.
    """

    terminal: str
    payment_id: str
    news: msgspec.Struct | None


class Weighed(Command, frozen=True):
    """What the scale said to question number `ticket`: a weight, or the code of the sentence that says why there is none."""

    ticket: int
    weight: Weight | None = None
    refused: str = ""


class StockHeard(Command, frozen=True):
    """What the hub says is free of each article (sku, as shown), in answer to question number `ticket`."""

    ticket: int
    free: tuple[tuple[str, str], ...] = ()


class CaseHeard(Command, frozen=True):
    """What the hub knows of a customer's open case about a receipt (till-epoch-number) or order: its id, number and state. No id: there is none."""

    about: str
    case_id: str = ""
    number: int = 0
    state: str = ""


class HubReported(Command, frozen=True):
    """News of the line to a node: connected or not, and up to which seq of which epoch it holds our facts.

    `node` is "hub" or "relay". `skew_ms`: how far the node's clock is ahead of ours, as far as it is known.
    """

    online: bool
    acked_epoch: int
    acked_seq: int
    problem: str = ""
    node: str = "hub"
    skew_ms: int = 0


class StoreCartsHeard(Command, frozen=True):
    """News of the store's parked carts: all that wait, and ours that went on elsewhere. Not `online`: nobody can say."""

    online: bool
    carts: tuple[StoreCart, ...] = ()
    gone: tuple[CartGone, ...] = ()


class ClaimAnswered(Command, frozen=True):
    """What the store's arbiter said to the claim made under `key`."""

    key: str
    answer: ClaimAnswer


class CopyReported(Command, frozen=True):
    """News of the second copy on a second medium. `state` is a word of COPY_STATES, `waiting` facts it still lacks."""

    state: str
    waiting: int = 0


class OpenEpoch(Command, frozen=True):
    """Begin a new epoch of numbers, as granted (sync.wire.Grant) or, `grant` empty, as a person decided.

    Begins at `first_seq` on `prev_hash`, or where the journal ends if that is further on. `grant` is the
    hub's signature, `granted_by` its key.
    """

    epoch: int
    first_seq: int
    prev_hash: bytes
    previous_epoch: int
    reason: str
    granted_by: str = ""
    grant: bytes = b""
