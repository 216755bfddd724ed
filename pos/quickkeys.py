"""Quick keys: pages of at most nine, as data, per store and time of day. A key sells, pays, discounts or starts a function."""

import datetime as dt
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

__all__ = [
    "KEYS_MAX",
    "QUICK",
    "Page",
    "QuickKey",
    "QuickKeyError",
    "QuickKeys",
    "load_quick_keys",
    "quick_place",
]

KEYS_MAX: Final = 9
QUICK: Final = "quick-"
"""`quick-2-7` is the name of key 7 of page 2, for a programmable keyboard, the line mode and scripts."""

FILE: Final = "quickkeys.toml"


class QuickKeyError(Exception):
    """The file cannot be used; the text names every fault, a line each."""


class QuickKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of: `article` (a code or number as it is typed), `department` (sells the amount that was typed),
    `percent` (off the last line), `amount_minor` (given in cash), `function` (a key by its name).
    """

    label: str
    article: str = ""
    department: int = 0
    percent: int = 0
    amount_minor: int = 0
    function: str = ""

    @property
    def kind(self) -> str:
        """The field that is set; empty where there is not exactly one."""
        fields = ("article", "department", "percent", "amount_minor", "function")
        found = [field for field in fields if getattr(self, field)]
        return found[0] if len(found) == 1 else ""


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`from_time` and `to_time` (local, `to` excluded) bound when it is shown; a span may go over midnight."""

    title: str
    key: tuple[QuickKey, ...] = ()
    from_time: dt.time = dt.time.min
    to_time: dt.time | None = None

    def shown_at(self, now: dt.time) -> bool:
        if self.to_time is None:
            return now >= self.from_time
        if self.from_time <= self.to_time:
            return self.from_time <= now < self.to_time
        return now >= self.from_time or now < self.to_time


class QuickKeys:
    """All pages of a shop; `at` gives those of an hour of the day."""

    def __init__(self, pages: Iterable[Page] = ()) -> None:
        self.pages = tuple(pages)

    def at(self, now: dt.time) -> tuple[Page, ...]:
        return tuple(page for page in self.pages if page.shown_at(now))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    page: tuple[Page, ...] = ()


def load_quick_keys(state: Path, functions: Iterable[str]) -> QuickKeys:
    """The pages in the state folder's file; none where there is no file. Raises QuickKeyError."""
    path = state / FILE
    try:
        with path.open("rb") as file:
            data: Mapping[str, Any] = tomllib.load(file)
        pages = msgspec.convert(data, _File).page
    except FileNotFoundError:
        return QuickKeys()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise QuickKeyError(f"{path.name}: {error}") from error
    faults = list(_faults(pages, frozenset(functions)))
    if faults:
        raise QuickKeyError("\n".join(f"{path.name}: {fault}" for fault in faults))
    return QuickKeys(pages)


def quick_place(name: str) -> tuple[int, int] | None:
    """Page and key, from 0, of a name like `quick-2-7`."""
    page, _, key = name.removeprefix(QUICK).partition("-")
    if not name.startswith(QUICK) or not all(part.isascii() and part.isdigit() for part in (page, key)):
        return None
    return int(page) - 1, int(key) - 1


def _faults(pages: tuple[Page, ...], functions: frozenset[str]) -> Iterable[str]:
    for page in pages:
        if len(page.key) > KEYS_MAX:
            yield f"page {page.title!r} has {len(page.key)} keys, at most {KEYS_MAX} fit"
        for key in page.key:
            where = f"page {page.title!r}, key {key.label!r}"
            if not key.kind:
                yield f"{where}: exactly one of article, department, percent, amount_minor, function"
            if key.function and key.function not in functions:
                yield f"{where}: there is no function {key.function!r}"
            if not 0 <= key.percent <= 100 or key.amount_minor < 0 or key.department < 0:
                yield f"{where}: out of range"
