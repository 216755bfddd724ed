"""Questions about stock, and what the office and the store's people tell it: movements, safety, reservations."""

import math
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from sync.hub import tables as hub_tables
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import core
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.levels import SHOP_FLOOR, level_of, levels_of, safety_of
from sync.hub.shop.stock.messages import (
    Levels,
    Movement,
    Movements,
    PostMovement,
    PostReservation,
    PutSafety,
    ReservationOut,
    Reservations,
    StockLevel,
    StoresStock,
    StoreStock,
)
from sync.hub.shop.stock.units import amount_of, micro_of
from sync.hub.shop.stores.messages import PutStore

__all__ = [
    "AskLevels",
    "AskMovements",
    "AskReservations",
    "AskStores",
    "EndAsk",
    "SafetyAsk",
    "commit",
    "get_reservation",
    "list_levels",
    "list_movements",
    "list_reservations",
    "list_stores",
    "put_movement",
    "put_reservation",
    "put_safety",
    "release",
]

_EARTH_M: Final = 6_371_000.0
_PLACE: Final = msgspec.json.Decoder(PutStore)


class AskLevels(Struct, frozen=True):
    store: str
    skus: tuple[str, ...]
    location: str
    cursor: str
    limit: int


class AskStores(Struct, frozen=True):
    sku: str
    latitude: float | None
    longitude: float | None
    limit: int
    near: str = ""


class AskMovements(Struct, frozen=True):
    store: str
    sku: str
    cursor: str
    limit: int


class AskReservations(Struct, frozen=True):
    store: str
    subject: str
    state: str
    cursor: str
    limit: int


class SafetyAsk(Struct, frozen=True):
    store: str
    sku: str
    about: PutSafety


class EndAsk(Struct, frozen=True):
    reservation_id: str
    cause: str = ""


def list_levels(work: Work, ask: AskLevels) -> Levels:
    """Those asked for, also such as never moved; or all of a store, by sku."""
    place = after(ask.cursor, str)
    c = t.level.c
    query = sa.select(t.level).where(c.store == ask.store, c.location == ask.location)
    if ask.skus:
        query = query.where(c.sku.in_(sorted(set(ask.skus))))
    if place is not None:
        query = query.where(c.sku > place[0])
    rows = work.execute(query.order_by(c.sku).limit(ask.limit + 1)).all()
    of_store = safety_of(work, [ask.store]).get(ask.store, 0)
    found = {row.sku: _level(work, row, of_store) for row in rows[: ask.limit]}
    for sku in ask.skus:
        found.setdefault(sku, _nothing(work, ask.store, sku, ask.location))
    more = len(rows) > ask.limit
    return Levels(tuple(found.values()), cursor_of(rows[ask.limit - 1].sku) if more else "")


def _level(work: Work, row: sa.Row[Any], of_store: int) -> StockLevel:
    found = level_of(row.on_hand, row.reserved, row.safety, of_store)
    if work.actor.is_public:
        return StockLevel(row.store, row.sku, format(found.available, "f"), location=row.location)
    return StockLevel(
        row.store, row.sku, format(found.available, "f"), format(found.on_hand, "f"), format(found.reserved, "f"),
        row.location, row.counted_ms if row.counted_ms >= 0 else None,
    )  # fmt: skip


def _nothing(work: Work, store: str, sku: str, location: str) -> StockLevel:
    none = None if work.actor.is_public else "0"
    return StockLevel(store, sku, "0", none, none, location)


def list_stores(work: Work, ask: AskStores) -> StoresStock:
    """An article in all stores that are open to customers: the nearest first, those of unknown place last, by name."""
    c = hub_tables.store_info.c
    rows = work.execute(sa.select(c.store, c.body).where(c.active.is_(True))).all()
    about = {row.store: _PLACE.decode(bytes(row.body)) for row in rows}
    if ask.near in about:
        here = about[ask.near]
        ask = msgspec.structs.replace(ask, latitude=here.latitude, longitude=here.longitude)
    levels = levels_of(work, list(about), [ask.sku])
    found = []
    for store, said in about.items():
        level = levels.get((store, ask.sku), core.Level(Decimal(0), Decimal(0), Decimal(0)))
        on_hand = None if work.actor.is_public else format(level.on_hand, "f")
        distance = _distance(ask, said)
        found.append(
            StoreStock(store, said.name, format(level.available, "f"), said.pickup, said.ships, distance, on_hand)
        )  # fmt: skip
    far = _EARTH_M * 4
    found.sort(key=lambda one: (far if one.distance_m is None else one.distance_m, one.name, one.store))
    return StoresStock(ask.sku, tuple(found[: ask.limit]))


def _distance(ask: AskStores, said: PutStore) -> int | None:
    if None in {ask.latitude, ask.longitude, said.latitude, said.longitude}:
        return None
    a, b = math.radians(ask.latitude or 0), math.radians(said.latitude or 0)
    east = math.radians((said.longitude or 0) - (ask.longitude or 0))
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(east / 2) ** 2
    return round(2 * _EARTH_M * math.asin(math.sqrt(min(1.0, half))))


def put_movement(work: Work, ask: PostMovement) -> Movements:
    """What a person says came or went. Raises RefusedError for a quantity that makes no sense."""
    work.actor.demand_store(ask.store)
    qty = Decimal(ask.qty)
    if qty == 0 or (qty < 0 and ask.type != "adjustment"):
        raise RefusedError(422, "quantity", "This movement has another sign", ask.qty)
    if ask.type == "damage" and ask.location == "damaged":
        raise RefusedError(422, "location", "Damaged goods are damaged already", ask.sku)
    by = f"{work.actor.name} {ask.operator}".strip()
    cause = f"command/{work.new_id()}"
    at_ms = work.now_ms if ask.occurred_ms is None else min(ask.occurred_ms, work.now_ms)
    signed = -qty if ask.type in {"damage", "write_off"} else qty
    moves = [core.Move(ask.store, ask.sku, signed, ask.type, cause, at_ms, ask.location, ask.reason, by)]
    if ask.type == "damage":
        moves.append(
            core.Move(ask.store, ask.sku, qty, ask.type, f"{cause}/in", at_ms, "damaged", ask.reason, by)
        )
    core.move_all(work, moves, subject=cause)
    return Movements(
        tuple(
            Movement(
                made.store, made.sku, made.type, made.cause, made.location, format(made.qty, "f"), at_ms, work.now_ms,
                made.reason, by,
            )
            for made in moves
        ),
        "",
    )  # fmt: skip


def list_movements(work: Work, ask: AskMovements) -> Movements:
    """Of one article in one store, by when they happened."""
    work.actor.demand_store(ask.store)
    c = t.movement.c
    query = sa.select(t.movement).where(c.store == ask.store, c.sku == ask.sku)
    place = after(ask.cursor, int, str, str)
    if place is not None:
        query = query.where(sa.tuple_(c.occurred_ms, c.type, c.cause) > place)
    rows = work.execute(query.order_by(c.occurred_ms, c.type, c.cause).limit(ask.limit + 1)).all()
    found = tuple(
        Movement(
            row.store, row.sku, row.type, row.cause, row.location, amount_of(row.qty), row.occurred_ms,
            row.recorded_ms, row.reason, row.actor,
        )
        for row in rows[: ask.limit]
    )  # fmt: skip
    last = found[-1] if len(rows) > ask.limit else None
    return Movements(found, cursor_of(last.occurred_ms, last.type, last.cause) if last else "")


def put_safety(work: Work, ask: SafetyAsk) -> StockLevel:
    work.actor.demand_store(ask.store)
    core.set_safety(work, ask.store, ask.sku, -1 if ask.about.safety is None else micro_of(ask.about.safety))
    return list_levels(work, AskLevels(ask.store, (ask.sku,), SHOP_FLOOR, "", 1)).levels[0]


def put_reservation(work: Work, ask: PostReservation) -> ReservationOut:
    work.actor.demand_store(ask.store)
    wanted = core.Reserve(
        ask.store, ask.sku, Decimal(ask.qty), ask.purpose, ask.subject, work.now_ms + ask.ttl_s * 1000, ask.paid
    )  # fmt: skip
    return _out(core.reserve(work, wanted))


def get_reservation(work: Work, reservation_id: str) -> ReservationOut:
    found = core.find_reservation(work, reservation_id)
    work.actor.demand_store(found.store)
    return _out(found)


def release(work: Work, ask: EndAsk) -> ReservationOut:
    get_reservation(work, ask.reservation_id)
    return _out(core.release(work, ask.reservation_id, ask.cause))


def commit(work: Work, ask: EndAsk) -> ReservationOut:
    get_reservation(work, ask.reservation_id)
    return _out(core.commit(work, ask.reservation_id, ask.cause or ask.reservation_id))


def list_reservations(work: Work, ask: AskReservations) -> Reservations:
    work.actor.demand_store(ask.store)
    c = t.reservation.c
    query = sa.select(t.reservation).where(c.store == ask.store)
    if ask.subject:
        query = query.where(c.subject == ask.subject)
    if ask.state:
        query = query.where(c.state == ask.state)
    place = after(ask.cursor, str)
    if place is not None:
        query = query.where(c.reservation_id > place[0])
    rows = work.execute(query.order_by(c.reservation_id).limit(ask.limit + 1)).all()
    found = tuple(_out(core.reservation_of(row)) for row in rows[: ask.limit])
    return Reservations(found, cursor_of(found[-1].reservation_id) if len(rows) > ask.limit else "")


def _out(one: core.Reservation) -> ReservationOut:
    return ReservationOut(
        one.reservation_id, one.store, one.sku, format(one.qty, "f"), one.state, one.purpose, one.subject, one.paid,
        one.expires_ms, one.ended_ms,
    )  # fmt: skip
