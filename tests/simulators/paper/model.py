"""What came out of the printer, as values: items in order, receipts between cuts, and every rule broken."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.simulators.paper.profile import FONT_A, FONT_B, Profile

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Violation:
    """A rule of the printer that the bytes broke; `offset` counts from the first byte ever fed."""

    offset: int
    kind: str
    message: str
    context: str = ""

    def __str__(self) -> str:
        return f"byte {self.offset}: {self.kind}: {self.message} [{self.context}]"


@dataclass(frozen=True)
class UnknownBytes(Violation):
    """Bytes that no command of the printer begins with."""


class PaperError(Exception):
    """The bytes broke rules; `violations` says which. Raised by `finish()` of a strict interpreter."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("\n".join(map(str, violations)))
        self.violations = violations


@dataclass(frozen=True)
class Style:
    """How text is drawn; `width` and `height` are the magnifications 1 to 8."""

    bold: bool = False
    underline: int = 0
    width: int = 1
    height: int = 1
    inverse: bool = False
    font: str = "A"
    rotated: bool = False
    upside_down: bool = False
    spacing: int = 0

    @property
    def double_width(self) -> bool:
        return self.width == 2

    @property
    def double_height(self) -> bool:
        return self.height == 2

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of one character in dots, with the magnification, without the spacing."""
        wide, high = FONT_A if self.font == "A" else FONT_B
        if self.rotated:
            wide, high = high, wide
        return wide * self.width, high * self.height

    @property
    def advance(self) -> int:
        return self.cell[0] + self.spacing * self.width


@dataclass(frozen=True)
class TextRun:
    """Characters of one style, beginning at dot `x` of the print area."""

    text: str
    style: Style
    x: int

    @property
    def width(self) -> int:
        return len(self.text) * self.style.advance


@dataclass(frozen=True)
class Item:
    """A thing on the paper, `top` dots below the receipt's beginning and `dots` long.

    `left` is the first dot of its ink counted from the print area's left edge.
    """

    dots: int = 0
    top: int = 0
    left: int = 0


@dataclass(frozen=True)
class TextLine(Item):
    """A printed line; empty lines have no runs. `wrapped`: the printer broke it, not the sender."""

    runs: tuple[TextRun, ...] = ()
    align: str = "left"
    wrapped: bool = False

    @property
    def text(self) -> str:
        """The line as read on paper; gaps made by tabs are spaces."""
        words, x = "", 0
        for run in self.runs:
            words += " " * max(0, round((run.x - x) / run.style.advance)) + run.text
            x = run.x + run.width
        return words

    @property
    def _inked(self) -> list[Style]:
        return [run.style for run in self.runs if run.text.strip()]

    @property
    def bold(self) -> bool:
        """Every visible character is bold; the same holds for the sizes below."""
        return bool(self._inked) and all(style.bold for style in self._inked)

    @property
    def double_width(self) -> bool:
        return bool(self._inked) and all(style.double_width for style in self._inked)

    @property
    def double_height(self) -> bool:
        return bool(self._inked) and all(style.double_height for style in self._inked)


@dataclass(frozen=True)
class QrCode(Item):
    """A QR symbol of `modules` x `modules`, each `module` dots square; `level` is L, M, Q or H."""

    payload: bytes = b""
    module: int = 3
    level: str = "L"
    modules: int = 21
    align: str = "left"

    @property
    def text(self) -> str:
        return self.payload.decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Barcode(Item):
    """A bar code: `bars` is one bool per module, `readable` the text below or above (`hri` 0 to 3)."""

    symbology: str = ""
    data: str = ""
    bars: tuple[bool, ...] = ()
    module: int = 3
    height: int = 162
    hri: int = 0
    hri_font: str = "A"
    align: str = "left"


@dataclass(frozen=True)
class RasterImage(Item):
    """A picture of `width` x `height` printed dots; `bits` are its rows of bytes before scaling."""

    bits: bytes = b""
    row_bytes: int = 0
    scale_x: int = 1
    scale_y: int = 1
    align: str = "left"

    @property
    def width(self) -> int:
        return self.row_bytes * 8 * self.scale_x

    @property
    def height(self) -> int:
        return len(self.bits) // self.row_bytes * self.scale_y if self.row_bytes else 0


@dataclass(frozen=True)
class Feed(Item):
    """Blank paper."""


@dataclass(frozen=True)
class DrawerPulse(Item):
    """Current on drawer pin 2 or 5; `realtime` when it did not wait for the print before it."""

    pin: int = 2
    on_ms: int = 0
    off_ms: int = 0
    realtime: bool = False


@dataclass(frozen=True)
class Cut(Item):
    """The knife; `partial` leaves a bridge of paper."""

    partial: bool = False


@dataclass
class Receipt:
    """The paper between two cuts. `dots` is its length; `cut` is False while it still hangs in the printer."""

    profile: Profile
    number: int = 1
    items: list[Item] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    dots: int = 0
    cut: bool = False

    @property
    def lines(self) -> list[TextLine]:
        return [item for item in self.items if isinstance(item, TextLine)]

    @property
    def text(self) -> str:
        return "\n".join(line.text.rstrip() for line in self.lines)

    @property
    def qr_payloads(self) -> list[bytes]:
        return [item.payload for item in self.items if isinstance(item, QrCode)]

    @property
    def barcodes(self) -> list[Barcode]:
        return [item for item in self.items if isinstance(item, Barcode)]

    @property
    def pulses(self) -> list[DrawerPulse]:
        return [item for item in self.items if isinstance(item, DrawerPulse)]

    @property
    def mm(self) -> float:
        return self.profile.mm(self.dots)

    def copy(self) -> "Receipt":
        """A snapshot that the printer no longer changes."""
        return replace(self, items=list(self.items), violations=list(self.violations))

    def image(self) -> "Image":
        """The receipt as it looks on paper, one pixel per dot, white margins included."""
        from tests.simulators.paper.render import draw

        return draw(self)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)
