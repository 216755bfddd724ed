"""How the shop looks at the till: on its receipts and its screen. Kept once at the hub; a till without a hub has its own.

What the hub said last lies in a file of the till's folder, so that a till that is offline keeps it.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.colours import TEXT, contrast

__all__ = ["KIND", "NO_BRAND", "BrandError", "ShopBrand", "check_colours", "load_brand", "take_changes"]

KIND: Final = "brand"
"""Of the hub's changes; there is one record."""
FILE: Final = "brand.json"
DOUBT_FILE: Final = "brand.doubt"
LINES_MAX: Final = 4
LINE_MAX: Final = 64
NAME_MAX: Final = 60
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_log = logging.getLogger("tresen.brand")


class BrandError(ValueError):
    """A brand cannot be used; the text is one sentence that begins with the field's name."""


class ShopBrand(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is empty is as it is without a brand. Raises BrandError.

    `logo` is a PNG in black and white, ready for paper (receipts.logo). `closing_*` are the last lines of a receipt, by its
    language; `contact` stands under them. `accent` is a ground, on which `on_accent` is text.
    """

    name: str = ""
    accent: str = ""
    on_accent: str = ""
    logo: bytes = b""
    closing_de: tuple[str, ...] = ()
    closing_en: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.name) > NAME_MAX:
            raise BrandError(f"brand.name has {len(self.name)} characters; {NAME_MAX} fit on paper")
        for field in ("closing_de", "closing_en", "contact"):
            check_lines(field, getattr(self, field))
        if self.accent or self.on_accent:
            check_colours({"accent": self.accent, "on_accent": self.on_accent}, (("on_accent", "accent"),))


def check_lines(field: str, lines: Sequence[str]) -> None:
    """Raises BrandError where these are more, or longer, than a receipt's end can hold."""
    if len(lines) > LINES_MAX or any(len(line) > LINE_MAX for line in lines):
        raise BrandError(f"brand.{field} has at most {LINES_MAX} lines of {LINE_MAX} characters")


def check_colours(colours: Mapping[str, str], pairs: Sequence[tuple[str, str]]) -> None:
    """Raises BrandError for what is no colour, and where text (the first of a pair) could not be read on its ground."""
    for name, colour in colours.items():
        if not _COLOUR.fullmatch(colour):
            raise BrandError(f"brand.{name} is a colour like #1a2b3c")
    for text, ground in pairs:
        found = contrast(colours[text], colours[ground])
        if found < TEXT:
            raise BrandError(
                f"brand.{text} on brand.{ground} has a contrast of {found:.2f}; text needs {TEXT}"
            )


NO_BRAND: Final = ShopBrand()


def load_brand(state: Path) -> ShopBrand | None:
    """What the hub said last; None where it said nothing, or where the file is damaged."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=ShopBrand)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        _log.error("the hub's brand cannot be read, and is left out: %s", error)
        return None


def take_changes(
    state: Path, changes: Sequence[Mapping[str, Any]], *, begins: bool = False, whole: bool = False
) -> ShopBrand | None:
    """Keep the newest word of the hub; gives the brand as it is now. Taken twice it changes nothing more. Raises OSError.

    `begins`: the feed begins anew, and a brand of which it says nothing until it is `whole` is gone. A word that this software
    cannot read changes nothing.
    """
    file, doubt = state / FILE, state / DOUBT_FILE
    if begins and file.exists():
        doubt.touch()
    for change in changes:
        if change["body"] is None:
            file.unlink(missing_ok=True)
        else:
            try:
                brand = msgspec.convert(change["body"], ShopBrand, builtin_types=())
            except msgspec.ValidationError as error:
                _log.error("a brand from the hub was left out: %s", error)
            else:
                building = file.with_suffix(".part")
                building.write_bytes(msgspec.json.encode(brand))
                building.replace(file)
        doubt.unlink(missing_ok=True)
    if whole and doubt.exists():
        file.unlink(missing_ok=True)
        doubt.unlink()
    return load_brand(state)
