"""Kinds of messages: what each is for, what it needs, and its words in each language. Data in config/messages."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

import msgspec

from pos.resources import config_path, read_toml

__all__ = ["LANGUAGES", "Block", "Kind", "Sheet", "common_words", "kinds", "layout", "sheet"]

LANGUAGES: Final = ("de", "en")


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`urgent` messages do not wait for quiet hours to end. `markup` names what stands in the HTML part for machines.

    `content` is how long address and fields stay; what goes sooner than others is sealed under a key of its own.
    """

    purpose: Literal["transactional", "marketing"] = "transactional"
    urgent: bool = False
    content: Literal["a-while", "until-sent", "until-done"] = "a-while"
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    markup: Literal["", "Order", "ParcelDelivery", "Invoice"] = ""


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One piece of a message, text and HTML alike; one of the fields before `label` is given. `only` is a condition."""

    text: str = ""
    code: str = ""
    button: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    lines: str = ""
    shop: str = ""
    quote: str = ""
    label: str = ""
    link: str = ""
    only: str = ""


class Sheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message in one language; every text is a template. `short` is for channels with little room."""

    subject: str
    preview: str
    short: str
    block: tuple[Block, ...]


class _Kinds(msgspec.Struct, frozen=True):
    kind: Mapping[str, Kind]


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Kind]:
    return msgspec.convert(read_toml("messages", "kinds.toml"), _Kinds).kind


@lru_cache(maxsize=64)
def sheet(language: str, kind: str) -> Sheet:
    """Raises FileNotFoundError."""
    return msgspec.convert(read_toml("messages", language, f"{kind}.toml"), Sheet)


@lru_cache(maxsize=4)
def common_words(language: str) -> Mapping[str, str]:
    """Greeting, farewell, names of days: what all messages share."""
    return msgspec.convert(read_toml("messages", language, "common.toml"), dict[str, str])


@lru_cache(maxsize=2)
def layout(ending: str) -> str:
    """The template around all blocks: "html" or "txt"."""
    return config_path().joinpath("messages", f"layout.{ending}.j2").read_text("utf-8")
