"""What a task says, in words and rows: what is to be given back, which goods, how far a count or a delivery is off."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from pos.domain.codes import shown
from pos.till.desk import Desk
from pos.words import amount

__all__ = ["COUNT_APPROVE", "ORDER_REFUND", "kind_of", "rows_of", "variances_of"]

COUNT_APPROVE: Final = "count-approve"
ORDER_REFUND: Final = "order-refund"
_ROW_MAX: Final = 60
_TITLE: Final = frozenset({"number", "kind", "lines"})
"""Said above the rows, or below in a way of its own."""

Rows = tuple[tuple[str, str], ...]


class _Owed(msgspec.Struct, frozen=True):
    """What a task to give money back says: provider, reference and amount of each payment."""

    amount_minor: int
    payments: tuple[tuple[str, str, int], ...] = ()


class _Variance(msgspec.Struct, frozen=True):
    """How far a count is off, as the hub tells it."""

    sku: str
    counted: str
    expected: str
    variance: str


class _Count(msgspec.Struct, frozen=True):
    variances: tuple[_Variance, ...] | None = None


def kind_of(desk: Desk, kind: str) -> str:
    """The kind in words; one that this till does not know as the hub calls it."""
    key = f"ui.task-{kind}"
    said = desk.words(key)
    return kind.replace("-", " ") if said == key else said


def rows_of(desk: Desk, kind: str, data: dict[str, Any]) -> Rows:
    """Two columns of at most 60 characters."""
    found = list(_owed(desk, data)) if kind == ORDER_REFUND else list(_facts(desk, data))
    return tuple((shown(left)[:_ROW_MAX], shown(right)[:_ROW_MAX]) for left, right in found)


def variances_of(desk: Desk, body: bytes) -> Rows:
    """Of a count that waits: each article that is not as it was expected."""
    count = msgspec.json.decode(body, type=_Count)
    return tuple(
        (
            shown(_article(desk, one.sku))[:40],
            desk.words("ui.task-counted", counted=one.counted, expected=one.expected),
        )
        for one in count.variances or ()
        if float(one.variance)
    )


def _owed(desk: Desk, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is to be given back for an order, and by what it was paid."""
    try:
        owed = msgspec.convert(data, _Owed)
    except msgspec.ValidationError:
        yield from _facts(desk, data)
        return
    yield desk.words("ui.task-to-give-back"), amount(owed.amount_minor, desk.language)
    for provider, reference, minor in owed.payments:
        kind = {"down-payment": "down", "till": "receipt", "counter": "receipt"}.get(provider, "service")
        said = reference.rpartition("/")[2] if kind != "service" else provider
        yield desk.words(f"ui.task-paid-{kind}", by=said), amount(minor, desk.language)


def _facts(desk: Desk, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if name in _TITLE or value == "":
            continue
        if name == "goods" and isinstance(value, list):
            yield from ((_article(desk, str(sku)), str(qty)) for sku, qty in value)
        elif name.endswith("_minor") and isinstance(value, int):
            yield _field(desk, name), amount(value, desk.language)
        elif name == "sku":
            yield _field(desk, name), _article(desk, str(value))
        elif isinstance(value, str | int) and not isinstance(value, bool):
            yield _field(desk, name), str(value)
    for line in data.get("lines") or ():
        if isinstance(line, dict) and "shipped" in line:
            yield _article(desk, str(line.get("sku", ""))), f"{line.get('received', '')} / {line['shipped']}"


def _field(desk: Desk, name: str) -> str:
    key = f"ui.task-field-{name.replace('_', '-')}"
    said = desk.words(key)
    return name.replace("_", " ") if said == key else said


def _article(desk: Desk, sku: str) -> str:
    found = desk.world.catalogue.by_sku(sku)
    return found.text if found is not None else sku
