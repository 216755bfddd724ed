"""How the shop looks to its customers, on pages, in messages, on paper and on the till's screen: name, logo, colours, closing
lines, address, whom to ask.

Data in config/brand.toml; a shop's own lies over it, from the table [brand] of the messages' settings or from `PUT /v1/brand`.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from pos.brand import LINE_MAX, NAME_MAX, BrandError, ShopBrand, check_colours, check_lines
from pos.colours import readable
from pos.resources import read_toml

__all__ = ["Brand", "at_tills", "check_pictures", "logo_of", "read_brand", "style_of"]

_LOGO: Final = re.compile(r"data:(image/(?:png|webp|jpeg|svg\+xml));base64,([A-Za-z0-9+/]+={0,2})")
_LOGO_MAX: Final = 100_000
_SVG: Final = "image/svg+xml"
_COLOURS: Final = ("accent", "on_accent", "ink", "muted", "paper", "ground")
_PAIRS: Final = (
    ("on_accent", "accent"),
    ("ink", "paper"),
    ("ink", "ground"),
    ("muted", "paper"),
    ("muted", "ground"),
)
_DARK: Final = {"ink": "#f1f2f4", "soft": "#b9bec8", "paper": "#1c1f25", "ground": "#111317"}


class Brand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ink` on `paper` is text, `on_accent` on `accent` what stands out; all as #rrggbb.

    `imprint` are the lines that the law wants under a business letter. `logo` is a picture as a data: address (PNG, WebP, JPEG,
    SVG), or empty; `paper_logo` (not SVG) takes its place on receipts. `closing_*` end a receipt. `address`, `help_phone` and
    `help_email` are where customers turn to. Raises BrandError where text could not be read on its ground.
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
    paper_logo: str = ""
    closing_de: tuple[str, ...] = ()
    closing_en: tuple[str, ...] = ()
    imprint: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    help_phone: str = ""
    help_email: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= NAME_MAX:
            raise BrandError(f"brand.name has 1 to {NAME_MAX} characters")
        check_colours({name: getattr(self, name) for name in _COLOURS}, _PAIRS)
        for field in ("closing_de", "closing_en"):
            check_lines(field, getattr(self, field))
        for field in ("logo", "paper_logo"):
            picture = getattr(self, field)
            if picture and (len(picture) > _LOGO_MAX or logo_of(picture) is None):
                raise BrandError(
                    f"brand.{field} is a picture as data:image/png;base64,... of at most {_LOGO_MAX} characters"
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


def check_pictures(brand: Brand) -> None:
    """Look into the pictures, which takes a while. Raises BrandError for one that is not what it says, or not for paper."""
    for field in ("logo", "paper_logo"):
        found = logo_of(getattr(brand, field))
        if found is None:
            continue
        if found[0] != _SVG:
            _for_paper(field, found[1])
        elif field == "paper_logo":
            raise BrandError("brand.paper_logo is a PNG, JPEG or WebP picture: printers draw no SVG")
        elif b"<svg" not in found[1][:4096]:
            raise BrandError("brand.logo is no SVG picture")


def at_tills(brand: Brand) -> ShopBrand | None:
    """What tills show of it: what differs from the brand that ships. None where nothing does. Raises BrandError."""
    shipped = read_brand()
    found = logo_of(brand.paper_logo) or logo_of(brand.logo)
    coloured = (brand.accent, brand.on_accent) != (shipped.accent, shipped.on_accent)
    made = ShopBrand(
        name=brand.name if brand.name != shipped.name else "",
        accent=brand.accent if coloured else "",
        on_accent=brand.on_accent if coloured else "",
        logo=b"" if found is None or found[0] == _SVG else _for_paper("logo", found[1]),
        closing_de=brand.closing_de,
        closing_en=brand.closing_en,
        contact=tuple(line[:LINE_MAX] for line in (brand.help_phone, brand.website) if line),
    )
    return made if made != ShopBrand() else None


def _for_paper(field: str, picture: bytes) -> bytes:
    from receipts.logo import LogoError, paper_logo  # noqa: PLC0415 - only where there is a picture

    try:
        return paper_logo(picture)
    except LogoError as error:
        raise BrandError(f"brand.{field} {error}") from error


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
