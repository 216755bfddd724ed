"""GS1 syntax: element strings, Digital Link addresses, dates, and the check digit inside of price labels.

Facts of the GS1 General Specifications (3, 7.8, 7.9, 7.12) and the GS1 Digital Link URI Syntax. Reading is strict: what
does not fit to the last character is None, and never half of a meaning.
"""

import calendar
import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from pos.domain.codes import check_digit, is_gtin

__all__ = [
    "GS",
    "date_of",
    "measure_of",
    "price_check_digit",
    "read_digital_link",
    "read_elements",
]

GS: Final = "\x1d"
_LINK_MAX: Final = 2_000

_MEASURES: Final = (*range(310, 317), *range(320, 338), *range(340, 358), *range(360, 370))
# Application identifier -> shortest and longest value, and whether it is digits only.
_Field = tuple[int, int, bool]
_AIS: Final[Mapping[str, _Field]] = MappingProxyType(
    {
        "00": (18, 18, True),
        "01": (14, 14, True),
        "02": (14, 14, True),
        "03": (14, 14, True),
        "10": (1, 20, False),
        "11": (6, 6, True),
        "12": (6, 6, True),
        "13": (6, 6, True),
        "15": (6, 6, True),
        "16": (6, 6, True),
        "17": (6, 6, True),
        "20": (2, 2, True),
        "21": (1, 20, False),
        "22": (1, 20, False),
        "235": (1, 28, False),
        "240": (1, 30, False),
        "241": (1, 30, False),
        "242": (1, 6, True),
        "243": (1, 20, False),
        "250": (1, 30, False),
        "251": (1, 30, False),
        "253": (13, 30, False),
        "254": (1, 20, False),
        "255": (13, 25, True),
        "30": (1, 8, True),
        "37": (1, 8, True),
        **{f"{kind}{n}": (6, 6, True) for kind in _MEASURES for n in range(6)},
        **{f"390{n}": (1, 15, True) for n in range(10)},
        **{f"391{n}": (4, 18, True) for n in range(10)},
        **{f"392{n}": (1, 15, True) for n in range(10)},
        **{f"393{n}": (4, 18, True) for n in range(10)},
        **{f"394{n}": (4, 4, True) for n in range(4)},
        **{f"395{n}": (6, 6, True) for n in range(6)},
        "400": (1, 30, False),
        "401": (1, 30, False),
        "402": (17, 17, True),
        "403": (1, 30, False),
        **{f"41{n}": (13, 13, True) for n in range(8)},
        "420": (1, 20, False),
        "421": (4, 12, False),
        "422": (3, 3, True),
        "423": (3, 15, True),
        "424": (3, 3, True),
        "425": (3, 15, True),
        "426": (3, 3, True),
        "427": (1, 3, False),
        **{f"43{n:02}": (1, 35, False) for n in (0, 1, 10, 11, 20)},
        **{f"43{n:02}": (1, 70, False) for n in (2, 3, 4, 5, 6, 12, 13, 14, 15, 16)},
        "4307": (2, 2, False),
        "4308": (1, 30, False),
        "4309": (20, 20, True),
        "4317": (2, 2, False),
        "4318": (1, 20, False),
        "4319": (1, 30, False),
        "4321": (1, 1, True),
        "4322": (1, 1, True),
        "4323": (1, 1, True),
        "4324": (10, 10, True),
        "4325": (10, 10, True),
        "4326": (6, 6, True),
        **{f"433{n}": (6, 7, False) for n in range(4)},
        "7001": (13, 13, True),
        "7002": (1, 30, False),
        "7003": (10, 10, True),
        "7004": (1, 4, True),
        "7005": (1, 12, False),
        "7006": (6, 6, True),
        "7007": (6, 12, True),
        "7008": (1, 3, False),
        "7009": (1, 10, False),
        "7010": (1, 2, False),
        "7011": (6, 10, True),
        "7020": (1, 20, False),
        "7021": (1, 20, False),
        "7022": (1, 20, False),
        "7023": (1, 30, False),
        **{f"703{n}": (4, 30, False) for n in range(10)},
        "7040": (4, 4, False),
        "7041": (1, 4, False),
        **{f"71{n}": (1, 20, False) for n in range(8)},
        **{f"723{n}": (3, 30, False) for n in range(10)},
        "7240": (1, 20, False),
        "7241": (2, 2, True),
        "7242": (1, 25, False),
        "7250": (8, 8, True),
        "7251": (12, 12, True),
        "7252": (1, 1, True),
        "7253": (1, 40, False),
        "7254": (1, 40, False),
        "7255": (1, 10, False),
        "7256": (1, 90, False),
        "7257": (1, 70, False),
        "7258": (3, 3, False),
        "7259": (1, 40, False),
        "8001": (14, 14, True),
        "8002": (1, 20, False),
        "8003": (14, 30, False),
        "8004": (1, 30, False),
        "8005": (6, 6, True),
        "8006": (18, 18, True),
        "8007": (1, 34, False),
        "8008": (8, 12, True),
        "8009": (1, 50, False),
        "8010": (1, 30, False),
        "8011": (1, 12, True),
        "8012": (1, 20, False),
        "8013": (1, 25, False),
        "8014": (1, 25, False),
        "8017": (18, 18, True),
        "8018": (18, 18, True),
        "8019": (1, 10, True),
        "8020": (1, 25, False),
        "8026": (18, 18, True),
        "8030": (1, 90, False),
        "8040": (15, 15, True),
        "8041": (15, 15, True),
        "8042": (32, 32, True),
        "8043": (18, 20, True),
        "8110": (1, 70, False),
        "8111": (4, 4, True),
        "8112": (1, 70, False),
        "8200": (1, 70, False),
        "90": (1, 30, False),
        **{f"9{n}": (1, 90, False) for n in range(1, 10)},
    }
)
# Values whose length follows from the first two digits of the identifier need no GS behind them (7.8.5).
_PREDEFINED: Final = frozenset(
    {"00", "01", "02", "03", "04", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"}
    | {"31", "32", "33", "34", "35", "36", "41"}
)
# Identifiers whose value, or the first so many digits of it, ends in a check digit (7.9.1).
_CHECKED: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(("01", "02", "03", "8003", "8006", "8026"), 14),
        **dict.fromkeys(("253", "255", "410", "411", "412", "413", "414", "415", "416", "417"), 13),
        **dict.fromkeys(("00", "8017", "8018"), 18),
        "402": 17,
    }
)
_QUALIFIERS: Final = (["22", "10", "21"], ["235"])
_SYMBOLS: Final = frozenset("!\"%&'()*+,-./:;<=>?_")  # character set 82, less letters and digits (7.11)
_ADDRESS: Final = re.compile(r"https?://[^\s/?#\\]+/\S*", re.IGNORECASE)
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def read_elements(text: str) -> dict[str, str] | None:
    """An element string as values by application identifier; None for anything else.

    A leading GS (FNC1) is allowed. An identifier that comes twice must come with the same value. Keys must end in their
    check digit.
    """
    rest = text.removeprefix(GS)
    found: dict[str, str] = {}
    while rest:
        ai = next((rest[:n] for n in (2, 3, 4) if rest[:n] in _AIS), None)
        if ai is None:
            return None
        value, rest = _value(ai, rest[len(ai) :])
        if value is None or found.setdefault(ai, value) != value:
            return None
    return found or None


def read_digital_link(text: str) -> dict[str, str] | None:
    """The values in a GS1 Digital Link address of any domain, with or without a path before the key; else None.

    The address is read and never opened. Compressed ones name nothing that can be read here. A GTIN may come without its
    leading zeros; qualifiers stand in the order of the syntax.
    """
    if len(text) > _LINK_MAX or not text.isprintable() or _ADDRESS.fullmatch(text) is None:
        return None
    rest = text.partition("://")[2]
    path, _, query = rest.partition("#")[0].partition("?")
    segments = [_decoded(part) for part in path.split("/")[1:]]
    if None in segments:
        return None
    found = _key_in([part for part in segments if part is not None])
    if found is None:
        return None
    for pair in query.replace(";", "&").split("&"):
        name, _, raw = pair.partition("=")
        ai = _decoded(name)
        if ai is None or ai not in _AIS:  # a marketing parameter is no part of what it means
            continue
        value = _decoded(raw)
        if value is None or not _fits(ai, value) or found.setdefault(ai, value) != value:
            return None
    return found


def date_of(value: str, today: dt.date) -> dt.date | None:
    """A date YYMMDD: day 00 is the month's last one, the century is the one nearest to `today` (7.12); else None.

    With hours and minutes behind it, as (7003) has them, the day must be named.
    """
    if len(value) == 10 and (value[4:6] == "00" or value[6:8] > "23" or value[8:] > "59"):
        return None
    if len(value) not in (6, 10) or not _is_digits(value):
        return None
    year, month, day = int(value[:2]), int(value[2:4]), int(value[4:6])
    away = year - today.year % 100
    year += today.year // 100 * 100 + (-100 if away >= 51 else 100 if away <= -50 else 0)
    if not 1 <= month <= 12 or not dt.MINYEAR <= year <= dt.MAXYEAR:
        return None
    last = calendar.monthrange(year, month)[1]
    return dt.date(year, month, day or last) if day <= last else None


def measure_of(found: Mapping[str, str], kind: str) -> Decimal | None:
    """The value of an identifier whose fourth digit counts the decimals: `kind` "310" is the weight in kg."""
    for n in range(10):
        value = found.get(f"{kind}{n}")
        if value is not None:
            return Decimal(value[3:] if kind in {"391", "393"} else value).scaleb(-n)
    return None


_TWO_MINUS: Final = (0, 2, 4, 6, 8, 9, 1, 3, 5, 7)
_THREE: Final = (0, 3, 6, 9, 2, 5, 8, 1, 4, 7)
_FIVE_PLUS: Final = (0, 5, 1, 6, 2, 7, 3, 8, 4, 9)
_FIVE_MINUS: Final = (0, 5, 9, 4, 8, 3, 7, 2, 6, 1)


def price_check_digit(digits: str) -> int:
    """The check digit of a price or weight field of four or five digits (7.9.4)."""
    assert len(digits) in (4, 5), "four or five digits"
    values = [int(digit) for digit in digits]
    if len(values) == 4:
        tables = (_TWO_MINUS, _TWO_MINUS, _THREE, _FIVE_MINUS)
        return 3 * sum(table[value] for table, value in zip(tables, values, strict=True)) % 10
    wide = (_FIVE_PLUS, _TWO_MINUS, _FIVE_MINUS, _FIVE_PLUS, _TWO_MINUS)
    total = sum(table[value] for table, value in zip(wide, values, strict=True))
    return _FIVE_MINUS.index(-total % 10)


def _value(ai: str, rest: str) -> tuple[str | None, str]:
    """The value at the beginning, and what stands behind it and its separator."""
    _, longest, _ = _AIS[ai]
    if ai[:2] in _PREDEFINED:
        value, rest = rest[:longest], rest[longest:].removeprefix(GS)
    else:
        value, _, rest = rest.partition(GS)
    return (value if _fits(ai, value) else None), rest


def _fits(ai: str, value: str) -> bool:
    shortest, longest, digits = _AIS[ai]
    if not shortest <= len(value) <= longest:
        return False
    free = value.replace("#", "-") if ai == "8010" else value  # its character set 39 has one sign more
    if not all("0" <= char <= "9" if digits else _is_allowed(char) for char in free):
        return False
    checked = value[: _CHECKED.get(ai, 0)]
    return not checked or (_is_digits(checked) and check_digit(checked[:-1]) == int(checked[-1]))


def _is_allowed(char: str) -> bool:
    return (char.isascii() and char.isalnum()) or char in _SYMBOLS


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _key_in(segments: list[str]) -> dict[str, str] | None:
    """`01` and a GTIN, then qualifiers in their order, and nothing behind them."""
    for at, segment in enumerate(segments[:-1]):
        if segment != "01" or not is_gtin(segments[at + 1]):
            continue
        rest = segments[at + 2 :]
        if rest and not rest[-1]:
            rest = rest[:-1]  # a slash at the end
        names, values = rest[::2], rest[1::2]
        in_order = any(names == [name for name in order if name in names] for order in _QUALIFIERS)
        if not in_order or len(values) != len(names):
            return None
        if not all(_fits(name, value) for name, value in zip(names, values, strict=True)):
            return None
        return {"01": segments[at + 1].zfill(14), **dict(zip(names, values, strict=True))}
    return None


def _decoded(text: str) -> str | None:
    """Percent-decoded; None where that is no text."""
    if "%" not in text:
        return text
    if _NO_ESCAPE.search(text) is not None:
        return None
    try:
        return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), text.encode()).decode()
    except UnicodeError:
        return None
