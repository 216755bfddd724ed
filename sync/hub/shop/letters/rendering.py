"""Writes a message out: subject, text, HTML and a short form from one sheet, so that the forms cannot differ."""

import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sync.hub.brand import Brand
from sync.hub.shop.letters.kinds import Block, common_words, kinds, layout, sheet
from sync.hub.shop.letters.markup import markup_of
from sync.hub.shop.letters.shops import OpenHours, Shop

__all__ = ["Written", "hours_lines", "moment", "money", "write"]

_NBSP: Final = "\u00a0"
_SIGNS: Final = {"EUR": "€", "CHF": "CHF", "GBP": "£", "USD": "$"}
_SHORT_MAX: Final = 320


class Written(msgspec.Struct, frozen=True):
    subject: str
    text: str
    html: str
    short: str


class _Piece(msgspec.Struct, frozen=True):
    """A block whose templates are filled in."""

    kind: str
    text: str = ""
    label: str = ""
    link: str = ""
    rows: Sequence[tuple[str, str]] = ()
    lines: Sequence[Mapping[str, str]] = ()


def write(kind: str, language: str, fields: Mapping[str, Any], shop: Shop, brand: Brand) -> Written:
    """One message. Raises jinja2.TemplateError, KeyError, FileNotFoundError where sheet and fields do not fit."""
    described = kinds()[kind]
    page = sheet(language, kind)
    words = common_words(language)
    zone = zoneinfo.ZoneInfo(shop.time_zone)
    context: dict[str, Any] = {
        **dict.fromkeys(described.may),
        "currency": "EUR",
        **fields,
        "brand": brand,
        "shop": shop,
    }
    templates = _templates(language, shop.time_zone)

    def fill(text: str) -> str:
        return templates.from_string(text).render(context).strip() if "{" in text else text

    def holds(condition: str) -> bool:
        return not condition or bool(
            templates.compile_expression(condition, undefined_to_none=False)(**context)
        )

    pieces = [
        piece
        for block in page.block
        if holds(block.only)
        for piece in [_piece(block, fill, context, shop, language)]
        if piece is not None
    ]
    around = {
        **context,
        "language": language,
        "subject": fill(page.subject),
        "preview": fill(page.preview),
        "pieces": pieces,
        "words": {name: fill(text) for name, text in words.items()},
        "markup": markup_of(described.markup, fields, shop, brand, zone),
    }
    return Written(
        subject=" ".join(around["subject"].split()),
        text=_plain(_layouts("txt").from_string(layout("txt")).render(around)),
        html=_layouts("html").from_string(layout("html")).render(around),
        short=fill(page.short)[:_SHORT_MAX],
    )


def _piece(block: Block, fill: Any, context: Mapping[str, Any], shop: Shop, language: str) -> _Piece | None:
    label = fill(block.label)
    if block.text:
        return _Piece("text", fill(block.text))
    if block.code:
        return _Piece("code", fill(block.code), label)
    if block.quote:
        return _Piece("quote", fill(block.quote), label)
    if block.button:
        return _Piece("button", fill(block.button), label, _web(fill(block.link)))
    if block.rows:
        rows = [(fill(name), fill(value)) for name, value in block.rows]
        return _Piece("rows", label=label, rows=[row for row in rows if row[1]])
    if block.lines:
        return _Piece(
            "lines",
            label=label,
            lines=[_goods(line, context["currency"], language) for line in context[block.lines]],
        )
    if block.shop:
        return _shop_piece(label, shop, language)
    return None


def _shop_piece(label: str, shop: Shop, language: str) -> _Piece | None:
    words = common_words(language)
    where = "\n".join(line for line in (shop.name, *shop.address) if line)
    rows = [
        (words["address"], where),
        (words["hours"], "\n".join(hours_lines(shop.hours, language))),
        (words["phone"], shop.phone),
    ]
    rows = [row for row in rows if row[1]]
    return _Piece("rows", label=label, rows=rows) if rows else None


def _goods(line: Mapping[str, Any], currency: str, language: str) -> dict[str, str]:
    price = line.get("amount_minor")
    quantity = str(line["quantity"]).replace(".", "," if language == "de" else ".")
    return {
        "quantity": f"{quantity}{_NBSP}{line['unit']}" if line.get("unit") else f"{quantity}{_NBSP}×",
        "name": str(line["name"]),
        "note": str(line.get("note", "")),
        "amount": "" if price is None else money(price, currency, language),
    }


def _web(link: str) -> str:
    """Only what a browser opens safely may be behind a button."""
    return link if link.startswith(("https://", "http://")) else ""


def _plain(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    return "\n".join(kept).strip() + "\n"


@lru_cache(maxsize=32)
def _templates(language: str, time_zone: str) -> ImmutableSandboxedEnvironment:
    zone = zoneinfo.ZoneInfo(time_zone)
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    made.filters["money"] = lambda minor, currency="EUR": money(minor, currency, language)
    made.filters["moment"] = lambda ms: moment(ms, zone, language)
    made.filters["day"] = lambda ms: moment(ms, zone, language, hour=False)
    return made


@lru_cache(maxsize=2)
def _layouts(ending: str) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=ending == "html", trim_blocks=True, lstrip_blocks=True
    )


def money(minor: int, currency: str, language: str) -> str:
    """1.234,56 € and €1,234.56."""
    sign = "-" if minor < 0 else ""
    whole, cents = divmod(abs(minor), 100)
    shown = _SIGNS.get(currency, currency)
    if language == "de":
        return f"{sign}{whole:,}".replace(",", ".") + f",{cents:02}{_NBSP}{shown}"
    gap = _NBSP if len(shown) > 1 else ""
    return f"{sign}{shown}{gap}{whole:,}.{cents:02}"


def moment(ms: int, zone: dt.tzinfo, language: str, *, hour: bool = True) -> str:
    """A day with its hour, by the store's clock."""
    words = common_words(language)
    at = dt.datetime.fromtimestamp(ms / 1000, tz=zone)
    day = words["days"].split()[at.isoweekday() - 1]
    month = words["months"].split()[at.month - 1]
    if language == "de":
        shown = f"{day}, {at.day}. {month} {at.year}"
        return f"{shown}, {at.hour}:{at.minute:02} Uhr" if hour else shown
    shown = f"{day}, {at.day} {month} {at.year}"
    return f"{shown}, {at.hour}:{at.minute:02}" if hour else shown


def hours_lines(hours: Sequence[OpenHours], language: str) -> list[str]:
    """Mo-Fr 9:00-18:30 Uhr."""
    names = common_words(language)["short_days"].split()
    after = " Uhr" if language == "de" else ""
    lines = []
    for row in hours:
        days = sorted(row.days)
        runs = len(days) > 2 and days == list(range(days[0], days[-1] + 1))
        shown = (
            f"{names[days[0] - 1]}–{names[days[-1] - 1]}"
            if runs
            else ", ".join(names[day - 1] for day in days)
        )
        lines.append(f"{shown} {row.opens:%-H:%M}–{row.closes:%-H:%M}{after}")
    return lines
