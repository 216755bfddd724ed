"""Points: earned by sales, taken back by returns, burnt for credit, gone when they are old. The sum follows from the rows."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from pos.domain.vouchers import NUMBER_BYTES, new_number
from sync.hub.database import upsert
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.cards import core as cards
from sync.hub.shop.customers import tables as t
from sync.hub.shop.customers.messages import Adjust, Burn, Burnt, Points, PointsEntry, Programme
from sync.hub.shop.customers.records import cluster, locked, standing
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.wire import encode_json

__all__ = [
    "AdjustAsk",
    "BurnAsk",
    "add",
    "adjust",
    "balance",
    "burn",
    "entries",
    "left_of",
    "programme",
    "put_programme",
    "shown",
]

_ONE: Final = "default"
_KEEP: Final = Inserting(t.customer_points, keep=True)


@prepared
def _programme(named: Any) -> Any:
    return sa.select(t.loyalty.c.body).where(t.loyalty.c.programme == named)


_DAY_MS: Final = 24 * 3600 * 1000


class AdjustAsk(Struct, frozen=True):
    customer_id: str
    adjust: Adjust


class BurnAsk(Struct, frozen=True):
    customer_id: str
    burn: Burn


def left_of(entries: Iterable[PointsEntry], now_ms: int) -> int:
    """What is left of points: what is spent comes from those that expire first; what expired unspent is gone.

    Taken back below nothing stays a debt.
    """
    lots: list[list[int]] = []  # [expires_ms, left], those that last longest at the end
    debt = 0
    for entry in sorted(entries, key=lambda one: (one.at_ms, one.cause)):
        lots = [lot for lot in lots if not 0 < lot[0] <= entry.at_ms]
        if entry.points >= 0:
            paid = min(debt, entry.points)
            debt -= paid
            lots.append([entry.expires_ms, entry.points - paid])
            lots.sort(key=lambda lot: (lot[0] == 0, lot[0]))
            continue
        owed = -entry.points
        for lot in lots:
            taken = min(lot[1], owed)
            lot[1] -= taken
            owed -= taken
        debt += owed
    return sum(left for expires_ms, left in lots if not 0 < expires_ms <= now_ms) - debt


def entries(work: Work, customer_ids: Sequence[str]) -> list[PointsEntry]:
    c = t.customer_points.c
    rows = work.execute(
        sa.select(c.cause, c.kind, c.points, c.at_ms, c.expires_ms)
        .where(c.customer_id.in_(customer_ids))
        .order_by(c.at_ms, c.cause)
    )
    return [PointsEntry(*row) for row in rows]


def balance(work: Work, customer_ids: Sequence[str]) -> int:
    return left_of(entries(work, customer_ids), work.now_ms)


def shown(work: Work, customer_id: str) -> Points:
    found = entries(work, cluster(work, standing(work, customer_id)))
    left = left_of(found, work.now_ms)
    return Points(left, max(0, left) * programme(work).minor_per_point, tuple(found))


def programme(work: Work) -> Programme:
    body = _programme.scalar(work.connection, _ONE)
    return Programme() if body is None else msgspec.json.decode(bytes(body), type=Programme)


def put_programme(work: Work, ask: Programme) -> Programme:
    """For what is earned from now on."""
    row = {"programme": _ONE, "version": 1, "body": encode_json(ask)}
    insert = upsert(work.connection, t.loyalty).values(row)
    work.execute(
        insert.on_conflict_do_update(
            index_elements=["programme"],
            set_={"version": t.loyalty.c.version + 1, "body": insert.excluded.body},
        )
    )
    return ask


def add(work: Work, customer_id: str, cause: str, kind: str, points: int, at_ms: int) -> None:
    """One entry for a cause, however often it comes."""
    days = programme(work).expire_days
    row = {
        "customer_id": customer_id, "cause": cause, "kind": kind, "points": points, "at_ms": at_ms,
        "expires_ms": at_ms + days * _DAY_MS if days and points > 0 else 0,
    }  # fmt: skip
    _KEEP.run(work.connection, row)


def adjust(work: Work, ask: AdjustAsk) -> Points:
    customer_id = standing(work, ask.customer_id)
    locked(work, customer_id)
    add(work, customer_id, f"adjust/{work.new_id()}", "adjust", ask.adjust.points, work.now_ms)
    work.event("", "customer.points", customer_id, {"points": ask.adjust.points, "kind": "adjust"})
    return shown(work, customer_id)


def burn(work: Work, ask: BurnAsk) -> Burnt:
    """Points become a credit whose number any till takes. Nobody burns a point twice: the customer's row is the lock."""
    customer_id = standing(work, ask.customer_id)
    locked(work, customer_id)
    left = balance(work, cluster(work, customer_id))
    if ask.burn.points > left:
        raise RefusedError(409, "points", "There are not so many points", str(max(0, left)))
    rules = programme(work)
    worth = ask.burn.points * rules.minor_per_point
    if worth <= 0:
        raise RefusedError(409, "points", "These points buy nothing")
    number = new_number(work.ids.token(NUMBER_BYTES))
    add(work, customer_id, f"burn/{number[-8:]}/{work.new_id()}", "burn", -ask.burn.points, work.now_ms)
    cards.issue(
        work, cards.Issue(number, "credit", worth, rules.currency, ask.burn.store, f"points/{customer_id}")
    )
    return Burnt(number, worth, left - ask.burn.points)
