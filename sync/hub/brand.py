"""How the shop looks to its customers, on pages and in messages: name, logo, colours, address, whom to ask.

Data in config/brand.toml; a shop's own lies over it, from the table [brand] of the messages' settings or from `PUT /v1/brand`.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from pos.resources import read_toml

__all__ = ["Brand", "contrast", "logo_of", "read_brand", "readable", "style_of"]

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_LOGO: Final = re.compile(r"data:(image/(?:png|webp|jpeg|svg\+xml));base64,([A-Za-z0-9+/]+={0,2})")
_LOGO_MAX: Final = 100_000
TEXT: Final = 4.5
"""The contrast that text needs (WCAG 2.2, 1.4.3)."""
_DARK: Final = {"ink": "#f1f2f4", "soft": "#b9bec8", "paper": "#1c1f25", "ground": "#111317"}


class Brand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ink` on `paper` is text, `on_accent` on `accent` what stands out; all as #rrggbb.

    `imprint` are the lines that the law wants under a business letter. `logo` is a picture as a data: address (PNG, WebP, JPEG,
    SVG), or empty. `address`, `help_phone` and `help_email` are where customers turn to. Raises ValueError where text could not be
    read on its ground.
    """

    name: str
    accent: str
    on_accent: str
    ink: str
    muted: str
    paper: str
    ground: str
    sender_name: str = ""
    sender: str = ""
    reply_to: str = ""
    website: str = ""
    logo: str = ""
    imprint: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    help_phone: str = ""
    help_email: str = ""

    def __post_init__(self) -> None:
        for name in ("accent", "on_accent", "ink", "muted", "paper", "ground"):
            if not _COLOUR.fullmatch(getattr(self, name)):
                raise ValueError(f"brand.{name} is a colour like #1a2b3c")
        pairs = (
            ("on_accent", "accent"),
            ("ink", "paper"),
            ("ink", "ground"),
            ("muted", "paper"),
            ("muted", "ground"),
        )
        for text, ground in pairs:
            found = contrast(getattr(self, text), getattr(self, ground))
            if found < TEXT:
                raise ValueError(
                    f"brand.{text} on brand.{ground} has a contrast of {found:.2f}; text needs {TEXT}"
                )
        if self.logo and (len(self.logo) > _LOGO_MAX or logo_of(self.logo) is None):
            raise ValueError(
                f"brand.logo is a picture as data:image/png;base64,... of at most {_LOGO_MAX} characters"
            )


def read_brand(over: dict[str, Any] | None = None) -> Brand:
    """The shipped brand with what a shop says of its own over it. Raises msgspec.ValidationError."""
    return msgspec.convert({**read_toml("brand.toml"), **(over or {})}, Brand)


def logo_of(text: str) -> tuple[str, bytes] | None:
    """Media type and bytes of a picture in a data: address; None for what is none."""
    match = _LOGO.fullmatch(text)
    if match is None:
        return None
    try:
        return match[1], base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return None


def contrast(one: str, other: str) -> float:
    """By WCAG 2.2: 1 (the same) to 21 (black and white)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: str, *grounds: str) -> str:
    """The colour, mixed with white or black as little as makes text of it readable on all of these grounds."""
    towards = "#ffffff" if _luminance(grounds[0]) < 0.18 else "#000000"
    for part in range(0, 101, 5):
        mixed = _mix(colour, towards, part)
        if all(contrast(mixed, ground) >= TEXT for ground in grounds):
            return mixed
    return towards


@lru_cache(maxsize=8)
def style_of(brand: Brand) -> str:
    """CSS variables of a page, light and dark; colours only, nothing that a shop wrote."""
    light = {
        "ink": brand.ink, "soft": brand.muted, "paper": brand.paper, "ground": brand.ground,
        "link": readable(brand.accent, brand.paper, brand.ground),
    }  # fmt: skip
    dark = {**_DARK, "link": readable(brand.accent, _DARK["paper"], _DARK["ground"])}
    button = f"--accent:{brand.accent};--on-accent:{brand.on_accent};"
    return (
        f":root{{{button}{_variables(light)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_variables(dark)}}}}}"
    )


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(colour: str) -> float:
    parts = [value / 255 for value in _channels(colour)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(colour: str, other: str, per_cent: int) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{(a * (100 - per_cent) + b * per_cent) // 100:02x}" for a, b in pairs)
