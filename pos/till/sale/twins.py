"""Two codes on one pack, a bar code and a 2D code, are one article: told by time, scanner and kind of code."""

from typing import Final

import msgspec

from pos.domain.scans import Meaning

__all__ = ["Twins"]

_KINDS: Final = {"X": "E", "I": "E"}  # a number in bars, whatever the make calls it
_NUMBER_MAX: Final = 18  # an ISBN and its add-on


class _Seen(msgspec.Struct, frozen=True):
    """The last pack of one scanner: its cart and article, the kinds of code that were read of it, when, and its line."""

    cart_id: str
    key: str
    kinds: frozenset[str]
    at_ms: int
    n: int


class Twins:
    """Remembers the last pack of each scanner for `window_ms`. The same kind of code again is another pack."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._last: dict[str, _Seen] = {}

    def sold(self, source: str, meaning: Meaning, cart_id: str, n: int, now_ms: int) -> None:
        """A code of a pack has sold line `n` of a cart."""
        self._last[source] = _Seen(cart_id, meaning.key, frozenset({_kind(meaning)}), now_ms, n)

    def find(self, source: str, meaning: Meaning, cart_id: str, now_ms: int) -> int:
        """The line of this cart that another code of this pack has sold, 0 where there is none. This code counts as read of it."""
        seen = self._last.get(source)
        kind = _kind(meaning)
        if seen is None or (seen.cart_id, seen.key) != (cart_id, meaning.key) or kind in seen.kinds:
            return 0
        if not 0 <= now_ms - seen.at_ms < self._window_ms:
            return 0
        self._last[source] = msgspec.structs.replace(seen, kinds=seen.kinds | {kind})
        return seen.n


def _kind(meaning: Meaning) -> str:
    """The kind of code: as the scanner names it, or, where it names none, a bare number or more."""
    if meaning.symbology:
        return _KINDS.get(meaning.symbology[0], meaning.symbology[0])
    return "E" if meaning.text.isdigit() and len(meaning.text) <= _NUMBER_MAX else "Q"
