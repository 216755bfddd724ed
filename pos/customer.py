"""What the customer may see: the till's view in the customer's words. A pure function of it."""

from decimal import Decimal
from typing import Final

from pos.domain.line import Line
from pos.resources import Texts
from pos.view import TillView
from pos.words import amount

__all__ = ["COLUMNS", "customer_rows", "newest_line", "quantity_of"]

COLUMNS: Final = 20


def customer_rows(view: TillView, words: Texts, idle: tuple[str, str]) -> tuple[str, str]:
    """Two rows of 20: what was scanned and the sum, then what is to pay, then the change; the shop's words between."""
    if view.training:
        return words("customer.training"), ""
    if view.lines:
        return _selling(view, words)
    if view.state == "paid" and view.last_sale is not None:
        sale = view.last_sale
        change = (
            _pair(words("customer.change"), amount(sale.change_minor, words.language))
            if sale.change_minor
            else words("customer.thanks")
        )
        return _pair(words("customer.total"), amount(sale.total_minor, words.language)), change[:COLUMNS]
    if view.state in {"signed-out", "stopped"}:
        return words("customer.closed")[:COLUMNS], ""
    return idle[0][:COLUMNS], idle[1][:COLUMNS]


def _selling(view: TillView, words: Texts) -> tuple[str, str]:
    total = _pair(words("customer.total"), amount(view.total_minor, words.language))
    if view.due_minor != view.total_minor:
        return total, _pair(words("customer.due"), amount(view.due_minor, words.language))
    line = newest_line(view)
    if view.state == "paying" or line is None:
        return words("customer.to-pay")[:COLUMNS] if view.state == "paying" else "", total
    if line.kind == "open":
        return words("customer.moment")[:COLUMNS], total
    voided = not line.live
    minor = -line.pay_minor if voided else line.pay_minor
    what = f"{words('customer.voided')} {line.text}" if voided else f"{quantity_of(line, words)}{line.text}"
    return _pair(what, amount(minor, words.language)), total


def newest_line(view: TillView) -> Line | None:
    """The line that was last added or taken back; a deposit goes with its article."""
    lines = [line for line in view.lines if line.parent is None]
    return max(lines, key=_when, default=None)


def _when(line: Line) -> tuple[int, int]:
    return (line.added.at_ms if line.voided is None else line.voided.at_ms), line.n


def quantity_of(line: Line, words: Texts) -> str:
    """In front of the text: `3x `, `0,842kg `; nothing for one piece."""
    number = abs(line.quantity)
    if line.unit == "pc":
        return "" if number == Decimal(1) else f"{number.normalize():f}x "
    said = f"{number:.3f}"
    return f"{said.replace('.', ',') if words.language == 'de' else said}{line.unit} "


def _pair(left: str, right: str) -> str:
    """The amount whole at the right, and as much of the text as fits."""
    room = max(0, COLUMNS - len(right) - 1)
    return f"{left[:room]:<{room}} {right}"[-COLUMNS:]
