"""All that a picture is made of: the till's view, what only the screen knows, and how to paint."""

import datetime as dt
import enum
from typing import Final

import msgspec

from pos.domain.cart import Line
from pos.ports import Operator
from pos.quickkeys import Page
from pos.resources import Texts
from pos.tui.paint import Brush
from pos.view import TillView

__all__ = ["WHO", "CartRows", "Local", "Panel", "Scene", "people_of"]

WHO: Final = frozenset({"signed-out", "approval"})
"""The states in which a person says who they are: to work here, or to agree to something."""


def people_of(view: TillView) -> tuple[Operator, ...]:
    """Who may say who they are now."""
    return view.approvers if view.state == "approval" else view.operators


CartRows = tuple[tuple[tuple[str, str], ...], ...]
"""A cart line's rows, each as parts of a text and its role."""


class Panel(enum.Enum):
    """What is laid over the cart by a key; the till knows nothing of it."""

    NONE = enum.auto()
    HELP = enum.auto()
    FUNCTIONS = enum.auto()
    PRINTING = enum.auto()
    PARKED = enum.auto()
    QUICK = enum.auto()
    PAD = enum.auto()


class Local(msgspec.Struct):
    """What only the screen knows. `repr` hides the PIN.

    `menu` is the group of functions that is open behind F9, empty for the first list; `page` the page of quick keys or of help. `entry` and `amount_minor` are as shown, with keys that wait for the wedge's verdict; `pin_echo` counts
    such keys behind the PIN. `again` counts how often the same refusal came in a row, `deaf` is a key that
    meant nothing here, `told` the word that says why (none: that it means nothing): what sounds is seen too.
    """

    panel: Panel = Panel.NONE
    menu: str = ""
    page: int = 0
    opened_ms: int = 0
    cursor: int | None = None
    asks_name: bool = False
    scrolled: int = 0
    follows_open: bool = False
    signing_in: str = ""
    pin: str = ""
    pin_echo: int = 0
    entry: str = ""
    amount_minor: int | None = None
    again: int = 1
    deaf: str = ""
    told: str = ""

    def __repr__(self) -> str:
        return f"Local(panel={self.panel.name}, entry={self.entry!r})"


class Scene(msgspec.Struct, frozen=True):
    """One moment, ready to be drawn. `row_cache` keeps what was made of a cart line, by its number.

    `shop` is the name of the shop's brand, empty where it has none.
    """

    view: TillView
    local: Local
    brush: Brush
    words: Texts
    height: int
    now: dt.datetime
    bar: dict[int, str]
    qr: tuple[str, ...]
    row_cache: dict[int, tuple[Line, str, CartRows]]
    pages: tuple[Page, ...] = ()
    left_handed: bool = False
    is_part: bool = False
    shop: str = ""

    def part(self, width: int) -> "Scene":
        """The scene for a part of the screen of this width."""
        return msgspec.structs.replace(self, brush=self.brush.narrower(width), is_part=True)

    @property
    def width(self) -> int:
        return self.brush.width

    @property
    def small(self) -> bool:
        """Fewer rows than the layout of 80x24 wants."""
        return self.height < 22 or self.width < 76
