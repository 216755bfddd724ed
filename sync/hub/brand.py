"""How the shop looks to its customers: name, colours, sender. Data in config/brand.toml; a shop's own file lies over it."""

import re
from typing import Any, Final

import msgspec

from pos.resources import read_toml

__all__ = ["Brand", "read_brand"]

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")


class Brand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ink` on `paper` is text, `on_accent` on `accent` what stands out; all as #rrggbb.

    `imprint` are the lines that the law wants under a business letter. `logo` is an https address or empty.
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

    def __post_init__(self) -> None:
        for name in ("accent", "on_accent", "ink", "muted", "paper", "ground"):
            if not _COLOUR.fullmatch(getattr(self, name)):
                raise ValueError(f"brand.{name} is a colour like #1a2b3c")


def read_brand(over: dict[str, Any] | None = None) -> Brand:
    """The shipped brand with what a shop says of its own over it. Raises msgspec.ValidationError."""
    return msgspec.convert({**read_toml("brand.toml"), **(over or {})}, Brand)
