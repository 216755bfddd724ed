"""Numbers and days as people write them in German and English files. Decimal throughout, no float."""

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

__all__ = ["DecimalMark", "decimal_mark", "read_day", "read_decimal", "read_percent"]

DecimalMark = Literal[",", "."]

_NOISE = re.compile(r"€|EUR\b|\s|'", re.IGNORECASE)
_WHOLE_EUROS = re.compile(r"[,.]--?$")
_SHAPES: dict[DecimalMark, re.Pattern[str]] = {
    ",": re.compile(r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{0,12})(?:,[0-9]{1,8})?"),
    ".": re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{0,12})(?:\.[0-9]{1,8})?"),
}
_PERCENT = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,4}))?\s*%?")
_GERMAN_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")


def read_decimal(text: str, mark: DecimalMark) -> Decimal | None:
    """`1.234,56`, `12,50 €`, `12,-` with the mark `,`; None if it is no number in that writing."""
    plain = _WHOLE_EUROS.sub("", _NOISE.sub("", text))
    if not _SHAPES[mark].fullmatch(plain) or not any(char.isdigit() for char in plain):
        return None
    thousands = "." if mark == "," else ","
    return Decimal(plain.replace(thousands, "").replace(mark, "."))


def decimal_mark(texts: Iterable[str]) -> DecimalMark | None:
    """Which mark most of these numbers write their decimals with; None if none of them tells."""
    votes = {",": 0, ".": 0}
    for text in texts:
        vote = _vote(_NOISE.sub("", text).lstrip("+-"))
        if vote:
            votes[vote] += 1
    if votes[","] == votes["."]:
        return None
    return "," if votes[","] > votes["."] else "."


def _vote(text: str) -> DecimalMark | None:
    commas, points = text.count(","), text.count(".")
    if commas and points:
        return "," if text.rfind(",") > text.rfind(".") else "."
    if not commas and not points:
        return None
    mine: DecimalMark = "," if commas else "."
    other: DecimalMark = "." if commas else ","
    if commas + points > 1:
        return other  # 1.234.567 has thousands only
    whole, _, decimals = text.partition(mine)
    if len(decimals) == 3 and whole.lstrip("0"):
        return None  # 1.234 may be either
    return mine


def read_percent(text: str) -> Decimal | None:
    """A VAT rate in percent: `19`, `7,0 %`, `19.00`; shares such as `0,19` count as 19."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        return None
    value = Decimal(f"{match[1]}.{match[2] or '0'}")
    return value * 100 if 0 < value < 1 else value


def read_day(text: str) -> dt.date | None:
    """`2025-12-24` or `24.12.2025`; None if it is no day."""
    match = _GERMAN_DAY.fullmatch(text)
    try:
        if match:
            return dt.date(int(match[3]), int(match[2]), int(match[1]))
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
