"""What the tills' facts mean for the shop: each is handed, once and in its till's order, to all rooms that care.

A cursor for each epoch moves in the transaction of what follows from its facts, so nothing is lost or doubled. A room that
fails over one fact is undone for it, an exception is noted once, and everything else goes on.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import Fact, FactError, StoredFact, UnknownFact, decode_fact
from pos.ports import Clock, Ids
from sync.hub import exceptions
from sync.hub import tables as t
from sync.hub.database import Database, insert_or_keep
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.work import Work
from sync.hub.stored import read_facts

__all__ = ["Arrived", "Room", "ShopFollower", "follow", "lagging"]

STEP_FACTS: Final = 10
"""A step is short, and followed by a pause as long: on SQLite the tills' batches wait for the same worker."""
_LOOK_S: Final = 60.0
_AFTER_FAULT_S: Final = 1.0
_PAUSE_MAX_S: Final = 0.5
_log = logging.getLogger("tresen.hub")


class Arrived(msgspec.Struct, frozen=True):
    """A fact of a till, read, and where it stands. `wall_ms`: the till's clock when it was written."""

    store: str
    till: str
    epoch: int
    seq: int
    wall_ms: int
    fact: Fact

    @property
    def place(self) -> str:
        """Names it for ever; a cause of whatever follows from it."""
        return f"{self.till}/{self.epoch}/{self.seq}"


Room = Callable[[Work, Arrived], None]
"""Takes what it cares about from a fact. Called once a fact; the same facts in another order must end in the same rows."""


def lagging(connection: Connection, store: str = "") -> list[tuple[str, str, int]]:
    """Epochs (store, till, epoch) of which the shop has not heard all."""
    h, p = t.till_head.c, t.shop_cursor.c
    joined = t.till_head.outerjoin(
        t.shop_cursor, sa.and_(h.store == p.store, h.till == p.till, h.epoch == p.epoch)
    )
    query = sa.select(h.store, h.till, h.epoch).select_from(joined)
    query = query.where(sa.or_(p.seq.is_(None), p.seq < h.seq))
    if store:
        query = query.where(h.store == store)
    return sorted((row.store, row.till, row.epoch) for row in connection.execute(query))


def follow(
    connection: Connection,
    rooms: Sequence[Room],
    store: str,
    till: str,
    epoch: int,
    now_ms: int,
    ids: Ids,
    *,
    limit: int = STEP_FACTS,
) -> bool:
    """Hand the next facts of one epoch to the rooms; True if there may be more."""
    c = t.shop_cursor.c
    mine = (c.store == store, c.till == till, c.epoch == epoch)
    insert_or_keep(connection, t.shop_cursor, [{"store": store, "till": till, "epoch": epoch, "seq": 0}])
    cursor = connection.execute(sa.select(c.seq).where(*mine).with_for_update()).scalar_one()
    facts = read_facts(connection, store, till, epoch=epoch, after_seq=cursor, limit=limit)
    if not facts:
        return False
    actor = Actor("till", f"{store}/{till}", "till", store)
    work = Work(connection, now_ms, ids, actor)
    arrived = _read(store, till, facts)
    try:
        with connection.begin_nested(), work.attempt():
            for one in arrived:
                for room in rooms:
                    room(work, one)
    except Exception:  # noqa: BLE001 - then each by itself, to find the one
        for one in arrived:
            for room in rooms:
                _hand(work, room, one)
    connection.execute(t.shop_cursor.update().where(*mine).values(seq=facts[-1].seq))
    work.finish()
    return len(facts) == limit


def _read(store: str, till: str, facts: Sequence[StoredFact]) -> list[Arrived]:
    """Those that can be read; poison is marked by the projector, kinds of newer software are passed over."""
    found = []
    for stored in facts:
        try:
            fact = decode_fact(stored.kind, stored.version, stored.body)
        except FactError:
            continue
        if isinstance(fact, UnknownFact):
            continue
        found.append(Arrived(store, till, stored.epoch, stored.seq, stored.wall_ms, fact))
    return found


def _hand(work: Work, room: Room, arrived: Arrived) -> None:
    nested = work.connection.begin_nested()
    try:
        with work.attempt():
            room(work, arrived)
        nested.commit()
    except Exception as error:  # noqa: BLE001 - one fact holds up no other
        nested.rollback()
        _log.exception("fact %s of store %s", arrived.place, arrived.store)
        exceptions.note(
            work.connection, arrived.store, "shop-fact", f"{room.__module__}/{arrived.place}",
            detail=f"{type(error).__name__}: {error}", now_ms=work.now_ms, till=arrived.till,
            epoch=arrived.epoch, seq=arrived.seq,
        )  # fmt: skip


class ShopFollower:
    """`run` is a task of the hub's; `wake` is called on its loop when facts are durable."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, rooms: Sequence[Room]) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._rooms = rooms
        self._wake = asyncio.Event()
        self.moved: Callable[[], Any] = lambda: None

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Follow until cancelled; survives everything else."""
        while True:
            try:
                await self._catch_up()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()
                self._wake.clear()
            except Exception:  # noqa: BLE001 - logged; the shop must not fall behind for good
                _log.exception("the shop stopped hearing of facts; it goes on in a moment")
                await asyncio.sleep(_AFTER_FAULT_S)

    async def _catch_up(self) -> None:
        for store, till, epoch in await self._database.read("", lagging):
            more = True
            while more:
                began_ms = self._clock.mono_ms()
                more = await self._database.run(
                    store, follow, self._rooms, store, till, epoch, self._clock.wall_ms(), self._ids
                )
                if more:
                    await asyncio.sleep(min(_PAUSE_MAX_S, (self._clock.mono_ms() - began_ms) / 1000))
            self.moved()
