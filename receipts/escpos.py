"""The receipt as one bytes object of ESC/POS. python-escpos composes; carrying it is the driver's work.

Every job begins with ESC @ and one forced code page: a printer that was switched off forgets its page,
and the library's automatic choice takes a Greek page for the euro sign.
"""

import logging
import os
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pos.domain.document import Document
from receipts.document import layout_document
from receipts.model import Receipt, Shop
from receipts.profiles import PrinterProfile
from receipts.qr import QUIET, matrix
from receipts.text import Fit, Row, Style, clean, layout

__all__ = ["SPELLINGS", "compose", "compose_document", "drawer_pulse", "prepare", "transliterate"]

_CUT: Final = {"full": b"\x1d\x56\x41\x00", "partial": b"\x1d\x56\x42\x00", "tear": b"\x1b\x64\x05"}
_STATUS_BACK: Final = b"\x1d\x61\x0f"  # report drawer, on/offline, errors, paper
_PULSE_MS: Final = 100
_BARS: Final = {12: 0, 13: 2, 8: 3}  # GS k, by the number of digits
_BARS_LOOK: Final = b"\x1d\x68\x48\x1d\x77\x03\x1d\x48\x02"  # 72 dots high, 3 dots a module, digits below
_MODULE_DOTS_MAX: Final = 6
_MODULE_DOTS_PICTURE: Final = 4  # as a picture: a whole receipt should fit a receive buffer of 4 kB
_MODULE_DOTS_MIN: Final = 3  # phones read smaller ones badly

# What a page lacks is written so; after this table accents are dropped, and the rest becomes a star.
SPELLINGS: Final = {
    "–": "-",
    "—": "-",
    "‐": "-",
    "‑": "-",
    "−": "-",
    "„": '"',
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "‚": "'",
    "‘": "'",
    "’": "'",
    "‹": "'",
    "›": "'",
    "…": "...",
    "€": "EUR",
    "§": "Par.",
    "°": "Grad",
    "½": "1/2",
    "¼": "1/4",
    "¾": "3/4",
    "²": "2",
    "³": "3",
    "×": "x",
    "·": "-",
    "•": "*",
    "™": "(TM)",
    "®": "(R)",
    "©": "(C)",
    "ẞ": "SS",
    "ß": "ss",
    "Ä": "Ae",
    "Ö": "Oe",
    "Ü": "Ue",
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "Æ": "AE",
    "æ": "ae",
    "Ø": "O",
    "ø": "o",
    "Œ": "OE",
    "œ": "oe",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ı": "i",
}


def transliterate(text: str, codec: str) -> str:
    """`text` in characters that a code page has. Nothing becomes a question mark."""
    return "".join(_spell(char, codec) for char in clean(text))


def compose(receipt: Receipt, profile: PrinterProfile, logo: bytes = b"") -> bytes:
    """The whole print job; `logo` is a picture's command (receipts.logo) and stands above the shop's name.

    The first call loads python-escpos (0.3 to 0.7 s): run it off the loop.
    """
    rows = layout(receipt, profile.columns, lambda text: transliterate(text, profile.codec))
    return _composed(rows, profile, logo)


def compose_document(
    document: Document, shop: Shop, profile: PrinterProfile, *, public_url: str = ""
) -> bytes:
    """A slip or a report as a whole print job; as `compose`."""
    fit: Fit = lambda text: transliterate(text, profile.codec)  # noqa: E731
    rows = layout_document(document, shop, profile.columns, fit, public_url=public_url)
    return _composed(rows, profile)


def _composed(rows: list[Row], profile: PrinterProfile, logo: bytes = b"") -> bytes:
    composer = _composer_class()(profile)
    composer.hw("INIT")
    if profile.status_back:
        composer.put(_STATUS_BACK)
    composer.put(bytes((0x1B, 0x74, profile.code_page)))
    for row in rows:
        if logo and row.style is not Style.MARK:  # what must be seen at the top stays there
            composer.picture(logo)
            logo = b""
        composer.row(row)
    composer.finish()
    output: bytes = composer.output
    return output


def drawer_pulse(profile: PrinterProfile, kick: int = 0) -> bytes:
    """100 ms of current: in real time where the printer knows how, so that it does not wait for paper.

    `kick` is the first or second drawer of the printer's socket (pin 2, pin 5); 0: the one that its profile names.
    """
    pin = kick - 1 if kick else 0 if profile.drawer_pin == 2 else 1
    if profile.drawer_realtime:
        return bytes((0x10, 0x14, 1, pin, _PULSE_MS // 100))
    return bytes((0x1B, 0x70, pin, _PULSE_MS // 2, _PULSE_MS // 2))


def prepare(cache: Path | None = None) -> None:
    """Load python-escpos; `cache` is a folder of the till's state where it keeps its parsed data."""
    with tempfile.TemporaryDirectory(prefix="tresen-") as scratch:
        _load(str(cache) if cache is not None else scratch)


def _load(folder: str) -> None:
    """Import the library without its side effects: a temp folder left behind, a log handler on stderr."""
    key = "ESCPOS_CAPABILITIES_PICKLE_DIR"
    before = os.environ.get(key)
    handlers = list(logging.root.handlers)
    os.environ.setdefault(key, folder)
    try:
        with _own_mkdtemp(folder):
            import escpos.printer  # noqa: F401, PLC0415 - 0.3 s and 20 MB, so never on the start path
    finally:
        if before is None:
            os.environ.pop(key, None)
        for handler in list(logging.root.handlers):
            if handler not in handlers:
                logging.root.removeHandler(handler)


@contextmanager
def _own_mkdtemp(folder: str) -> Iterator[None]:
    """Within, this thread's `mkdtemp` gives `folder`; other threads keep the real one."""
    real: Callable[..., Any] = tempfile.mkdtemp
    mine = threading.get_ident()

    def mkdtemp(*args: Any, **kwargs: Any) -> Any:
        return folder if threading.get_ident() == mine else real(*args, **kwargs)

    tempfile.mkdtemp = mkdtemp
    try:
        yield
    finally:
        tempfile.mkdtemp = real


@lru_cache(maxsize=4096)
def _spell(char: str, codec: str) -> str:
    if _has(char, codec):
        return char
    if char in SPELLINGS:
        return SPELLINGS[char]
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return plain if plain and all(_has(part, codec) for part in plain) else "*"


def _has(char: str, codec: str) -> bool:
    try:
        return len(char.encode(codec)) == 1
    except UnicodeEncodeError:
        return False


@lru_cache(maxsize=1)
def _composer_class() -> Any:
    """The library's Dummy with rows; made on first use, because the library loads late."""
    prepare()
    from escpos.constants import QR_ECLEVEL_M  # noqa: PLC0415
    from escpos.printer import Dummy  # noqa: PLC0415

    class Composer(Dummy):  # type: ignore[misc]
        """Rows in, bytes out; styles are sent only when they change."""

        def __init__(self, profile: PrinterProfile) -> None:
            super().__init__()
            self._printer = profile
            self._style: dict[str, Any] = {"align": "left", "bold": False, "size": (1, 1)}

        def put(self, data: bytes) -> None:
            self._raw(data)

        def picture(self, command: bytes) -> None:
            self._restyle("center", bold=False, size=(1, 1))
            self._raw(command + b"\n")

        def row(self, row: Row) -> None:
            if row.style is Style.CODE:
                self._code(row.text)
            elif row.style is Style.BARS:
                self._restyle("center", bold=False, size=(1, 1))
                digits = row.text.encode("ascii")
                self._raw(_BARS_LOOK + bytes((0x1D, 0x6B, _BARS[len(digits)])) + digits + b"\x00")
            elif row.style is Style.BIG:
                self._big(row)
            elif row.style is Style.MARK:
                wide = 2 if 2 * len(row.text) <= self._printer.columns else 1
                self._write(row.text, align="center", bold=True, size=(wide, 2))
            else:
                self._write(row.text, align="center" if row.style is Style.CENTRE else "left")

        def finish(self) -> None:
            self._restyle("left", bold=False, size=(1, 1))
            self._raw(_CUT[self._printer.cut])

        def _big(self, row: Row) -> None:
            """Twice as wide where it fits, without the currency if need be; always twice as high."""
            half = self._printer.columns // 2
            name, _, last = row.left.rpartition(" ")
            for left in (row.left, name if len(last) == 3 and last.isupper() else row.left):
                if len(left) + 1 + len(row.right) <= half:
                    self._write(left + row.right.rjust(half - len(left)), bold=True, size=(2, 2))
                    return
            self._write(row.text, bold=True, size=(1, 2))

        def _write(
            self, text: str, *, align: str = "left", bold: bool = False, size: tuple[int, int] = (1, 1)
        ) -> None:
            stripped = text.rstrip()
            if stripped:
                self._restyle(align, bold=bold, size=size)
            self._raw(stripped.encode(self._printer.codec) + b"\n")

        def _restyle(self, align: str, *, bold: bool, size: tuple[int, int]) -> None:
            wanted = {"align": align, "bold": bold, "size": size}
            changed = {key: value for key, value in wanted.items() if value != self._style[key]}
            if changed.pop("size", None) is not None:
                changed |= {"custom_size": True, "width": size[0], "height": size[1]}
            if changed:
                self.set(**changed)
            self._style = wanted

        def _code(self, text: str) -> None:
            self._restyle("center", bold=False, size=(1, 1))
            rows = matrix(text)
            largest = _MODULE_DOTS_MAX if self._printer.native_qr else _MODULE_DOTS_PICTURE
            module = min(largest, self._printer.dots // (len(rows) + 2 * QUIET))
            module = max(_MODULE_DOTS_MIN, module)
            if self._printer.native_qr:
                self.qr(text, ec=QR_ECLEVEL_M, size=module, native=True)
            else:
                self._raw(_raster(rows, module))
            self._raw(b"\n")  # white below, as the scanners want it

    return Composer


def _raster(rows: tuple[tuple[bool, ...], ...], module: int) -> bytes:
    """GS v 0 of a code with its quiet zone left and right; a multiple of 8 dots wide.

    Modules of 3 dots and more keep the bytes 10 04 and 10 14 (real-time commands) out of the picture.
    """
    edge = QUIET * module
    bits = len(rows) * module + 2 * edge
    width = (bits + 7) // 8
    picture = bytearray()
    for row in rows:
        line = 0
        for dark in row:
            line = line << module | ((1 << module) - 1 if dark else 0)
        picture += (line << edge << (width * 8 - bits)).to_bytes(width, "big") * module
    height = len(rows) * module
    head = b"\x1d\x76\x30\x00" + width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return head + bytes(picture)
