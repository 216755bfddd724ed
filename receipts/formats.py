"""Numbers and times as people in a language write them: strings out of integers and Decimals, no float."""

import datetime as dt
from decimal import Decimal
from typing import Final

__all__ = ["amount", "count", "day", "moment", "percent", "quantity", "stamp", "unit_name"]

# Thousands separator and decimal mark.
_MARKS: Final = {"de": (".", ","), "en": (",", ".")}
_UNITS: Final = {"pc": {"de": "Stk", "en": "pc"}, "m2": {"de": "m²", "en": "m²"}}


def amount(minor: int, language: str, *, digits: int = 2) -> str:
    """`123456` -> `1.234,56`; `digits` is how many decimals the currency has."""
    group, mark = _MARKS.get(language, _MARKS["de"])
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 10**digits)
    text = sign + f"{whole:,}".replace(",", group)
    return f"{text}{mark}{rest:0{digits}d}" if digits else text


def quantity(value: Decimal, language: str, *, measured: bool = False) -> str:
    """`3`, `0,842`; a measured quantity keeps its three decimals as the scale gave them."""
    _, mark = _MARKS.get(language, _MARKS["de"])
    if measured:
        text = f"{value:.3f}" if _decimals(value) <= 3 else f"{value:f}"
    else:
        text = _plain(value)
    return text.replace(".", mark)


def count(value: Decimal, unit: str, unit_minor: int, language: str, *, currency: str) -> str:
    """`3 x 1,19` or `0,842 kg x 2,49 EUR/kg`; nothing for a single piece."""
    price = amount(unit_minor, language)
    if unit != "pc":
        name = unit_name(unit, language)
        return f"{quantity(value, language, measured=True)} {name} x {price} {currency}/{name}"
    return "" if value == 1 else f"{quantity(value, language)} x {price}"


def percent(value: Decimal, language: str) -> str:
    """`19 %`, `5,5 %`; English sets no space."""
    _, mark = _MARKS.get(language, _MARKS["de"])
    text = _plain(value).replace(".", mark)
    return f"{text}%" if language == "en" else f"{text} %"


def day(when: dt.datetime, language: str) -> str:
    return when.strftime("%d/%m/%Y" if language == "en" else "%d.%m.%Y")


def moment(when: dt.datetime, language: str) -> str:
    """`22.11.2026 14:07`."""
    return f"{day(when, language)} {when:%H:%M}"


def stamp(when: dt.datetime, language: str) -> str:
    """`22.11.2026 14:07:31 +01:00`: to the second, with the offset, 26 characters."""
    offset = when.strftime("%z") or "+0000"
    return f"{day(when, language)} {when:%H:%M:%S} {offset[:3]}:{offset[3:5]}"


def unit_name(unit: str, language: str) -> str:
    names = _UNITS.get(unit)
    return unit if names is None else names.get(language, names["de"])


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
