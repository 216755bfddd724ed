"""Amounts, quantities and messages as words of one language: shared by the screen and the line mode."""

import contextlib
import datetime as dt
from decimal import Decimal

from pos.domain.events import Message
from pos.domain.question import Option
from pos.resources import Texts

__all__ = [
    "amount",
    "day_text",
    "iso_day_text",
    "message_text",
    "option_right",
    "option_text",
    "quantity_text",
]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Fields of a message that hold money, by the message's code.
_MONEY_FIELDS = {
    "card-reversed": ("amount",),
    "foreign-dropped": ("amount",),
    "foreign-not-in-drawer-of": ("amount",),
    "card-unpaid": ("amount",),
    "card-unknown": ("amount",),
    "card-aside": ("amount",),
    "card-approved-aside": ("amount",),
    "card-declined-aside": ("amount",),
    "card-reversed-aside": ("amount",),
    "card-unpaid-aside": ("amount",),
    "card-approved-after": ("amount",),
    "card-reserved": ("amount",),
    "link-back-unknown": ("amount",),
    "transfer-owed": ("amount",),
    "card-reserved-stays": ("amount",),
    "card-book-too-much": ("amount",),
    "card-released": ("amount",),
    "card-done-beside": ("amount",),
    "card-not-done-beside": ("amount",),
    "card-aside-alone": ("amount",),
    "card-held-parked": ("amount",),
    "card-reversed-now": ("amount",),
    "card-day-differs": ("difference",),
    "card-day-closed": ("total",),
    "given-too-little": ("missing",),
    "given-too-much": ("given",),
    "price-limit": ("limit",),
    "cart-parked": ("total",),
    "marked-down": ("off",),
    "slip-limit": ("limit",),
    "cart-resumed": ("total",),
    "cart-found-parked": ("total",),
    "cart-found-resumed": ("total",),
    "pay-out-exact": ("amount",),
    "taken-back": ("amount",),
    "taken-back-lines": ("amount",),
    "exchanged": ("amount",),
    "taken-back-today": ("amount",),
    "no-receipt-day-limit": ("limit",),
    "no-receipt-customer-limit": ("limit",),
    "refund-no-way": ("amount",),
    "part-paid": ("rest",),
    "account-limit": ("owed", "free"),
    "account-owed": ("owed",),
    "voucher-balance": ("balance",),
    "transfer-came": ("amount",),
    "transfer-part-came": ("amount", "rest"),
    "voucher-too-little": ("balance",),
    "voucher-offline": ("limit",),
    "gift-card-too-much": ("limit",),
    "part-back": ("amount",),
    "part-paid-first": ("paid",),
    "cash-other-insert": ("amount",),
    "would-be-overpaid": ("paid",),
    "only-cash-over": ("rest",),
    "nothing-to-take": ("amount",),
    "not-in-coins": ("step",),
    "cashback-too-much": ("out", "limit"),
    "cashback-in-coins": ("wanted", "step"),
    "tip-is": ("tip",),
    "tip-too-much": ("tip",),
    "cart-repriced": ("before", "total"),
    "coupon-taken": ("saved",),
    "discount-given": ("off",),
    "discount-amount-limit": ("limit",),
    "override-done": ("price",),
    "float-told": ("amount",),
    "cash-dropped": ("amount",),
    "paid-in": ("amount",),
    "paid-out": ("amount",),
    "cash-amount-limit": ("limit",),
    "not-in-drawer-of": ("amount",),
    "count-difference": ("amount",),
    "left-too-much": ("amount",),
    "parked-voided": ("total",),
    "phone-cart-differs": ("told", "here"),
    "pickup-to-pay": ("rest",),
    "pickup-to-pay-out": ("rest",),
    "pickup-done-back": ("back",),
    "order-down-limit": ("limit",),
    "order-made-down": ("down",),
    "returns-silent": ("limit",),
    "return-offline-limit": ("limit",),
    "pay-before": ("total",),
    "cart-found-before": ("total",),
    "count-differences": ("amount",),
}


def amount(minor: int, language: str) -> str:
    """`1.234,56` in German, `1,234.56` in English."""
    whole, cents = divmod(abs(minor), 100)
    grouped, point = f"{whole:,}", "."
    if language == "de":
        grouped, point = grouped.replace(",", "."), ","
    return f"{'-' if minor < 0 else ''}{grouped}{point}{cents:02d}"


def quantity_text(quantity: Decimal, unit: str, language: str) -> str:
    """`3` for pieces, `0,842 kg` for measures."""
    if unit == "pc":
        return (
            str(quantity.to_integral_value()) if quantity == quantity.to_integral_value() else str(quantity)
        )
    number = f"{quantity:.3f}"
    return f"{number.replace('.', ',') if language == 'de' else number} {unit}"


def day_text(day: dt.date, language: str) -> str:
    """`22.01.2008` in German, `22 Jan 2008` in English."""
    if language == "de":
        return f"{day:%d.%m.%Y}"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def iso_day_text(day: str, language: str) -> str:
    """A business day of the facts (2026-11-22) as people write it."""
    return day_text(dt.date.fromisoformat(day), language)


def message_text(message: Message, words: Texts) -> str:
    """The sentence of a message; fields that are money come formatted."""
    fields: dict[str, object] = dict(message.fields)
    for name in _MONEY_FIELDS.get(message.code, ()):
        value = fields.get(name)
        if isinstance(value, int):
            fields[name] = amount(value, words.language)
    if "day" in fields:
        with contextlib.suppress(ValueError):  # not every day is one of the calendar
            fields["day"] = day_text(dt.date.fromisoformat(str(fields["day"])), words.language)
    if "right" in fields:
        fields["right"] = words(f"right.{fields['right']}")
    return words(f"message.{message.code}", **fields)


def option_text(option: Option, words: Texts) -> str:
    """What a choice is called."""
    return option.text or words(option.word, **option.fields)


def option_right(option: Option, words: Texts) -> str:
    """What stands at a choice's right: its note, its amount, or the one before the other."""
    minor = option.amount_minor
    parts = (option.note, amount(minor, words.language) if minor is not None else "")
    return "  ".join(part for part in parts if part)
