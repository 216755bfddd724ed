"""What the till asks of the world, as small protocols. Real things stand behind them in `pos.bootstrap`.

Here are time, chance, goods, people and the hub; storage is in pos.storage_ports, devices in pos.device_ports, cards in
pos.card_ports.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from pos.domain.article import Article, Deposit, Product
from pos.domain.commands import Command
from pos.domain.packs import Recall
from pos.domain.price_lists import PricesBefore
from pos.domain.shelf_label import PriceChange

if TYPE_CHECKING:
    from pos.domain.price_past import Ran
    from pos.domain.promotions import Book

__all__ = [
    "Catalogue",
    "CatalogueUnavailableError",
    "Clock",
    "Hub",
    "Ids",
    "NewPinError",
    "Operator",
    "People",
    "Promotions",
    "PromotionsUnavailableError",
    "RecallRows",
    "RecallsUnavailableError",
    "SignInRefusedError",
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

    async def price_changes(self, first: dt.date, last: dt.date) -> Sequence[PriceChange]:
        """Whose price on `last` is another than on the day before `first`; at most 1,000."""
        ...

    async def repriced(self) -> Sequence[PriceChange]:
        """Whose price the hub changed without naming a day, the newest first; at most 1,000."""
        ...

    async def prices_before(self, skus: Sequence[str]) -> PricesBefore:
        """What the hub said of the prices of these articles; of whom nothing is known is left out."""
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
    def ran(self) -> "tuple[Ran, ...]":
        """The rows as they stood, each with its times, as far as the hub said them."""
        ...

    @property
    def unusable(self) -> bool:
        """There are rows, but they could never be read since the start: nobody knows what holds."""
        ...


class PromotionsUnavailableError(Exception):
    """The rows of promotions cannot be read; the text says why."""


class RecallsUnavailableError(Exception):
    """The list of recalled goods cannot be read; the text says why."""


class RecallRows(Protocol):
    """The goods that were called back, as they stand now."""

    def refresh(self) -> tuple[Recall, ...] | None:
        """Between carts: the rows, if they changed since the last look; else None. The first look always tells them.

        Raises RecallsUnavailableError, once for each bad list; the rows that were in use stay in use.
        """
        ...


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
