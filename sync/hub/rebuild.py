"""Builds the projections anew while the hub goes on: a new generation beside the live one, then a switch.

Each step is a transaction of its own, so ingest and follower wait for none of it longer than for each other.
"""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.hub import tables as t
from sync.hub.projector import follow, lagging, live_generation

__all__ = ["begin", "rebuild", "rebuild_beside", "stores", "sweep", "switch"]

_DERIVED: Final = (t.projection, t.receipt, t.day_total, t.poison, t.cart_move)
_SWEEP_ROWS: Final = 5000

# Runs function(connection, ...) in one transaction.
Transact = Callable[..., Any]


def rebuild_beside(transact: Transact, now_ms: int) -> int:
    """Build all stores' projections anew, one store after the other; counts the facts they follow from."""
    for store in transact(stores):
        generation = transact(begin, store)
        for _ in range(2):  # what came while the first round ran is little; `switch` takes the rest
            for _, till, epoch in transact(lagging, store, generation):
                while transact(follow, store, till, epoch, now_ms, generation=generation, careful=True):
                    pass
        transact(switch, store, generation, now_ms)
        while transact(sweep, store):
            pass
    return int(transact(_count_facts))


def rebuild(connection: Connection, now_ms: int) -> int:
    """The same in the caller's one transaction."""
    return rebuild_beside(lambda function, *args, **kwargs: function(connection, *args, **kwargs), now_ms)


def stores(connection: Connection) -> list[str]:
    """All stores that have facts."""
    return sorted(connection.execute(sa.select(t.till_head.c.store).distinct()).scalars())


def begin(connection: Connection, store: str) -> int:
    """The number of the next generation, of which nothing is left from an earlier attempt."""
    generation = live_generation(connection, store, exclusive=True) + 1
    for table in _DERIVED:
        connection.execute(table.delete().where(table.c.store == store, table.c.generation == generation))
    return generation


def switch(connection: Connection, store: str, generation: int, now_ms: int) -> None:
    """Follow what is left, with all other steps of the store held off, and read the new generation from now on."""
    live = live_generation(connection, store, exclusive=True)
    if live >= generation:  # somebody else's was faster
        return
    for _, till, epoch in lagging(connection, store, generation):
        while follow(connection, store, till, epoch, now_ms, generation=generation, careful=True):
            pass
    connection.execute(t.generation.update().where(t.generation.c.store == store).values(live=generation))


def sweep(connection: Connection, store: str) -> int:
    """Remove some rows of generations that are read no more; counts them."""
    live = live_generation(connection, store)
    for table in _DERIVED:
        key = list(table.primary_key.columns)
        old = sa.select(*key).where(table.c.store == store, table.c.generation < live).limit(_SWEEP_ROWS)
        gone = connection.execute(
            table.delete().where(table.c.store == store, sa.tuple_(*key).in_(old))
        ).rowcount
        if gone:
            return gone
    return 0


def _count_facts(connection: Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(t.fact)).scalar_one()
