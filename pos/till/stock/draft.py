"""What was scanned of goods that come, go or are counted, kept until the hub said yes; and the ways to tell the hub."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.till.desk import Desk

__all__ = ["Draft", "DraftLine", "forget", "keep", "load", "said"]

_KEY: Final = "stockroom."


class DraftLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """`at_ms`: when it was scanned first, by this till's clock."""

    sku: str
    text: str
    quantity: Decimal
    at_ms: int
    unit: str = "pc"


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    """One function's goods. With `key` the hub was asked for it, and may have done it: the same is asked again.

    `expected` is what an announced delivery or a transfer holds, by sku. `other` is another store, `number` the paper's,
    `shipment` the hub's name of it.
    """

    kind: str
    lines: tuple[DraftLine, ...] = ()
    number: str = ""
    other: str = ""
    shipment: str = ""
    reason: str = ""
    expected: tuple[tuple[str, str], ...] = ()
    key: str = ""
    path: str = ""
    body: bytes = b""

    @property
    def pieces(self) -> int:
        """Pieces, and weighed goods once each."""
        return sum(int(line.quantity) if line.unit == "pc" else 1 for line in self.lines)

    def with_one(self, line: DraftLine) -> "Draft":
        """One more of it, the newest last."""
        before = next((one for one in self.lines if one.sku == line.sku), None)
        rest = tuple(one for one in self.lines if one.sku != line.sku)
        if before is not None:
            line = msgspec.structs.replace(before, quantity=before.quantity + line.quantity)
        return msgspec.structs.replace(self, lines=(*rest, line))

    def with_last(self, quantity: Decimal) -> "Draft":
        """So many of the newest; 0 takes it out."""
        *rest, last = self.lines
        kept = (msgspec.structs.replace(last, quantity=quantity),) if quantity else ()
        return msgspec.structs.replace(self, lines=(*rest, *kept))

    def goods(self) -> list[dict[str, str]]:
        return [{"sku": line.sku, "qty": format(line.quantity, "f")} for line in self.lines]


async def load(desk: Desk, kind: str) -> Draft:
    """What was begun before, or nothing yet."""
    raw = await desk.world.memory.get(_KEY + kind) if desk.world.memory is not None else None
    try:
        return msgspec.json.decode(raw, type=Draft) if raw else Draft(kind)
    except msgspec.MsgspecError:
        return Draft(kind)


async def keep(desk: Desk, draft: Draft) -> None:
    if desk.world.memory is not None:
        await desk.world.memory.put(_KEY + draft.kind, msgspec.json.encode(draft))


async def forget(desk: Desk, kind: str) -> None:
    if desk.world.memory is not None:
        await desk.world.memory.put(_KEY + kind, b"")


def said(draft: Draft, desk: Desk, path: str, body: dict[str, Any]) -> Draft:
    """The draft as it is about to be told, under a key of its own."""
    body = {**body, "operator": desk.operator_id()}
    return msgspec.structs.replace(
        draft, key=desk.world.ids.new_id(), path=path, body=msgspec.json.encode(body)
    )
