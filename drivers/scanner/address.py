"""Where a scanner is, in one line of settings: `kind:place?option=value&...`."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

import msgspec

__all__ = ["Address", "AddressError", "hex_bytes", "one_of", "whole_number"]

KINDS = {
    "evdev": frozenset({"layout", "grab"}),
    "serial": frozenset({"baud", "bits", "parity", "stop", "prefix", "suffix"}),
    "fd": frozenset[str](),
    "fifo": frozenset[str](),
}
FOR_ALL = frozenset({"name", "repeat_ms"})


class AddressError(ValueError):
    """A scanner's address that cannot be understood; the text says why."""


class Address(msgspec.Struct, frozen=True):
    """An address taken apart; the options are still text."""

    kind: str
    place: str
    options: dict[str, str]

    @classmethod
    def read(cls, text: str) -> "Address":
        kind, colon, rest = text.partition(":")
        place, _, query = rest.partition("?")
        if not colon or kind not in KINDS or not place:
            raise AddressError(
                f"scanner address {text!r}: it must be evdev:/dev/input/..., evdev:vendor:product, "
                "serial:/dev/tty..., fifo:/path or fd:number"
            )
        try:
            options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        except ValueError:
            raise AddressError(f"scanner address {text!r}: options are name=value, joined by &") from None
        known = KINDS[kind] | FOR_ALL
        for option in options:
            if option not in known:
                raise AddressError(
                    f"scanner address {text!r}: no option {option!r}; there are {', '.join(sorted(known))}"
                )
        return cls(kind, place, options)


def whole_number(options: dict[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise AddressError(f"scanner option {name}={text}: it must be a whole number")
    return int(text)


def one_of(options: dict[str, str], name: str, words: Iterable[str], default: str) -> str:
    text = options.get(name, default)
    allowed = tuple(words)
    if text not in allowed:
        raise AddressError(f"scanner option {name}={text}: it must be one of {', '.join(allowed)}")
    return text


def hex_bytes(options: dict[str, str], name: str) -> bytes:
    """Bytes as hexadecimal digits: `02`, `0D0A`; empty if not given."""
    text = options.get(name, "")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise AddressError(f"scanner option {name}={text}: bytes as hexadecimal digits, like 0D0A") from None
