"""What a relay has still to pass on to its hub, and what it knows of what the hub holds."""

from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import StoredFact
from sync.hub import tables as t
from sync.hub.database import upsert
from sync.hub.standing import note_upstream
from sync.hub.stored import hash_at, read_batch
from sync.wire import Ack, Batch, Hello, Seal, ShopInfo, Welcome

__all__ = [
    "MAIN",
    "Todo",
    "acknowledged",
    "hello_of",
    "public_url",
    "read_next",
    "rewind",
    "tills_of",
    "todo",
    "welcomed",
]

MAIN: Final = b""
ANY_EPOCH: Final = 2**31


class Todo(msgspec.Struct, frozen=True, order=True):
    """Facts that follow one another and may have to go up: the chain of an epoch, or a branch kept aside here.

    The hub is known to hold the chain up to `acked`; up to `head` it is here.
    """

    till: str
    epoch: int
    branch: bytes
    acked: int
    head: int


def todo(connection: Connection, store: str) -> list[Todo]:
    """By till, oldest epoch first; of each epoch first the chain. What follows a branch comes after it."""
    h, u, q = t.till_head.c, t.upstream.c, t.quarantine.c
    joined = t.till_head.outerjoin(
        t.upstream, sa.and_(h.store == u.store, h.till == u.till, h.epoch == u.epoch)
    )
    chains = connection.execute(
        sa.select(h.till, h.epoch, sa.func.coalesce(u.seq, 0), h.seq)
        .select_from(joined)
        .where(h.store == store, sa.or_(u.seq.is_(None), u.seq < h.seq))
    )
    found = [Todo(till, epoch, MAIN, acked, head) for till, epoch, acked, head in chains]
    branches = connection.execute(
        sa.select(q.till, q.epoch, q.branch, sa.func.max(q.seq))
        .where(q.store == store)
        .group_by(q.till, q.epoch, q.branch)
    )
    found += [Todo(till, epoch, bytes(branch), 0, last) for till, epoch, branch, last in branches]
    return sorted(found)


def read_next(connection: Connection, store: str, todo: Todo, after_seq: int, limit: int) -> Batch | None:
    """The next batch, with its seal as it came; None if there is none."""
    if todo.branch == MAIN:
        return read_batch(connection, store, todo.till, epoch=todo.epoch, after_seq=after_seq, limit=limit)
    return _read_aside(connection, store, todo, after_seq, limit)


def _read_aside(connection: Connection, store: str, aside: Todo, after_seq: int, limit: int) -> Batch | None:
    """A branch's facts after a seq up to the next seal."""
    q, s = t.quarantine.c, t.quarantine_seal.c
    mine = (q.store == store, q.till == aside.till, q.epoch == aside.epoch, q.branch == aside.branch)
    rows = connection.execute(
        sa.select(
            q.epoch, q.seq, q.kind, q.version, q.wall_ms, q.mono_ms, q.boot_id, q.body, q.hash, q.prev_hash
        )
        .where(*mine, q.seq > after_seq)
        .order_by(q.seq)
        .limit(limit)
    ).all()
    if not rows:
        return None
    seals = {
        bytes(row.last_hash): Seal(row.first_seq, row.last_seq, bytes(row.last_hash), row.key_id, bytes(row.signature))
        for row in connection.execute(
            sa.select(s.first_seq, s.last_seq, s.last_hash, s.key_id, s.signature).where(
                s.store == store, s.till == aside.till, s.epoch == aside.epoch, s.last_seq > after_seq
            )
        )
    }  # fmt: skip
    facts: list[StoredFact] = []
    previous = bytes(rows[0].prev_hash)
    for row in rows:
        if bytes(row.prev_hash) != (facts[-1].hash if facts else previous):  # a branch of the branch
            continue
        facts.append(StoredFact(*row[:7], bytes(row[7]), bytes(row[8])))
        if facts[-1].hash in seals:
            break
    seal = seals.get(facts[-1].hash)
    return Batch(store, aside.till, aside.epoch, facts[0].seq, previous, tuple(facts), seal)


def tills_of(connection: Connection, store: str) -> list[str]:
    """The store's tills, as far as they are known here."""
    m = t.machine.c
    query = sa.select(m.machine).where(m.store == store, m.role == "till").order_by(m.machine)
    return list(connection.execute(query).scalars())


def hello_of(connection: Connection, store: str, till: str) -> Hello:
    """A till's Hello, said for it: with what it said of itself here, or without `shop` if it never did."""
    c, h, u = t.till.c, t.till_head.c, t.upstream.c
    row = connection.execute(
        sa.select(c.epoch, c.software, c.shop).where(c.store == store, c.till == till)
    ).first()
    if row is None or not row.shop:
        return Hello(store, till, ANY_EPOCH)
    held = sa.select(sa.func.max(h.epoch)).where(h.store == store, h.till == till)
    acked = sa.select(sa.func.max(u.epoch)).where(u.store == store, u.till == till)
    newest = [connection.execute(query).scalar_one() or 0 for query in (held, acked)]
    shop = msgspec.json.decode(row.shop, type=ShopInfo)
    return Hello(store, till, max(row.epoch, *newest), row.software, shop)


def welcomed(connection: Connection, store: str, till: str, welcome: Welcome) -> None:
    """The hub's word on a till: the store's link key, where receipts are found, and what it holds.

    A hub that holds less than it acknowledged was restored from a backup: the rest is sent again.
    """
    _keep_store(connection, store, welcome)
    u = t.upstream.c
    connection.execute(
        t.upstream.delete().where(u.store == store, u.till == till, u.epoch > welcome.acked_epoch)
    )
    if welcome.upstream is not None:
        acknowledged(connection, welcome.upstream, 0)


def acknowledged(connection: Connection, ack: Ack, sent_seq: int) -> bool:
    """Keep the hub's acknowledgement; False if the fact that it names is another one here.

    Where the hub holds more than this relay (the till spoke to it directly), its word is kept for the till, but
    what counts as passed on ends at `sent_seq`: beyond it, nobody has compared yet.
    """
    ours = hash_at(connection, ack.store, ack.till, ack.epoch, ack.acked_seq)
    if ours not in {None, ack.acked_hash}:
        return False
    u = t.upstream.c
    mine = (u.store == ack.store, u.till == ack.till, u.epoch == ack.epoch)
    before = connection.execute(sa.select(u.seq).where(*mine)).scalar_one_or_none() or 0
    note_upstream(connection, ack)
    if ours is None:
        passed = min(ack.acked_seq, max(before, sent_seq))
        connection.execute(t.upstream.update().where(*mine).values(seq=passed))
    return True


def rewind(connection: Connection, store: str, till: str, epoch: int, seq: int) -> bool:
    """Send an epoch again after `seq`. False if this relay does not hold what comes next."""
    if hash_at(connection, store, till, epoch, seq + 1) is None:
        return False
    u = t.upstream.c
    connection.execute(
        t.upstream.update()
        .where(u.store == store, u.till == till, u.epoch == epoch, u.seq > seq)
        .values(seq=seq)
    )
    return True


def public_url(connection: Connection, store: str) -> str:
    """Where customers find receipts, as the hub said last; empty if it never did."""
    c = t.upstream_store.c
    found = connection.execute(sa.select(c.public_url).where(c.store == store)).scalar_one_or_none()
    return found or ""


def _keep_store(connection: Connection, store: str, welcome: Welcome) -> None:
    key = upsert(connection, t.store_key).values(
        store=store, link_key=welcome.link_key, created_ms=welcome.hub_time_ms
    )
    connection.execute(
        key.on_conflict_do_update(index_elements=["store"], set_={"link_key": key.excluded.link_key})
    )
    url = upsert(connection, t.upstream_store).values(store=store, public_url=welcome.public_url)
    connection.execute(
        url.on_conflict_do_update(index_elements=["store"], set_={"public_url": url.excluded.public_url})
    )
