"""Hello and Welcome: who sells here, and where a till's facts stand at this node."""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import GENESIS
from sync.hub import quarantine
from sync.hub import tables as t
from sync.hub.database import insert_or_keep, upsert
from sync.hub.exceptions import note
from sync.hub.rights import Intake
from sync.hub.stored import hash_at, heads_of
from sync.wire import Ack, Hello, ShopInfo, Welcome, encode_json

__all__ = [
    "LINK_KEY_BYTES",
    "hello",
    "link_key",
    "note_replaced",
    "note_upstream",
    "shop_of",
    "upstream_of",
    "went_on",
]

LINK_KEY_BYTES = 32


def hello(
    connection: Connection,
    message: Hello,
    new_key: bytes,
    public_url: str,
    now_ms: int,
    intake: Intake | None = None,
    key_id: str = "",
    *,
    remember: bool = True,
) -> Welcome:
    """Remember the till and say where its facts stand.

    `new_key` is used if the store has none yet (a relay has none to give); `key_id` is the key that signed the
    request, if any did. A relay may ask about a till of which it knows no more than the name: not `remember`.
    """
    intake = intake or Intake()
    key = link_key(connection, message.store)
    if key is None and new_key:
        row = {"store": message.store, "link_key": new_key, "created_ms": now_ms}
        insert_or_keep(connection, t.store_key, [row])
        key = link_key(connection, message.store)
        assert key is not None
    if remember:
        _remember_till(connection, message, now_ms)
    heads = heads_of(connection, message.store, message.till)
    upto = [head for head in heads if head[0] <= message.epoch]
    epoch, seq, hash_ = upto[-1] if upto else (0, 0, GENESIS)
    latest = heads[-1][0] if heads else 0
    standing = _standing(connection, message, heads, intake, key_id)
    if standing == "replaced" and key_id:
        note_replaced(
            connection, message.store, message.till, key_id, (message.epoch, message.last_seq), now_ms
        )
    return Welcome(
        key or b"",
        public_url,
        epoch,
        seq,
        hash_,
        now_ms,
        latest_epoch=latest,
        standing=standing,
        stored_by=intake.name,
        upstream=upstream_of(connection, message.store, message.till, message.epoch)
        if intake.relay
        else None,
        has_last=_has_last(connection, message, heads),
    )


def _has_last(connection: Connection, message: Hello, heads: list[tuple[int, int, bytes]]) -> bool:
    """Whether the till's last fact is in the chain here. It vouches for all before it, as hashes chain."""
    if len(message.last_hash) != len(GENESIS) or message.epoch not in {epoch for epoch, _, _ in heads}:
        return False
    held = hash_at(connection, message.store, message.till, message.epoch, message.last_seq)
    return held == message.last_hash


def _standing(
    connection: Connection,
    message: Hello,
    heads: list[tuple[int, int, bytes]],
    intake: Intake,
    key_id: str,
) -> str:
    place = (connection, message.store, message.till)
    if intake.rights is not None and key_id:
        key = intake.rights.key_of(*place, key_id)
        if key is not None and key.revoked:
            return "revoked"
        if key is not None and key.last_epoch is not None and went_on(*place, message.epoch, intake):
            return "replaced"
    if len(message.last_hash) != len(GENESIS):  # it does not say where its journal ends
        return "ok"
    last = (message.epoch, message.last_seq)
    head_seq = next((seq for epoch, seq, _ in heads if epoch == message.epoch), 0)
    ours = hash_at(*place, *last) if head_seq >= message.last_seq else None
    # What a revoked key wrote and a person took in, or a new key of the same machine vouches for, leaves no chain.
    if ours != message.last_hash and quarantine.why(*place, *last, message.last_hash) not in {
        None,
        "revoked",
    }:
        return "fork"
    if head_seq >= message.last_seq:
        if ours is not None and ours != message.last_hash:
            return "fork"
        if head_seq > message.last_seq:
            return "behind"
    # Another machine with this disk went on in a later epoch. This one's own numbers are still its own: asking for
    # yet another epoch would only make the other one ask in turn.
    return "replaced" if heads and heads[-1][0] > message.epoch else "ok"


def went_on(connection: Connection, store: str, till: str, epoch: int, intake: Intake) -> bool:
    """Whether a later epoch of the till is granted or held; a key that was rotated out has none."""
    assert intake.rights is not None
    heads = heads_of(connection, store, till)
    if heads and heads[-1][0] > epoch:
        return True
    return intake.rights.grant_of(connection, store, till, epoch + 1) is not None


def note_replaced(
    connection: Connection, store: str, till: str, key_id: str, place: tuple[int, int], now_ms: int
) -> None:
    """A machine whose place another took is at work: one exception for it, however long it goes on."""
    note(
        connection, store, "replaced", f"{till}/{key_id}", till=till, epoch=place[0], seq=place[1], now_ms=now_ms,
        detail="the machine in whose place another went on is switched on; what it sells is taken under its old "
        "numbers. Switch it off once nothing on it is left to send",
    )  # fmt: skip


def link_key(connection: Connection, store: str) -> bytes | None:
    """The key of a store's receipt links, None for a store that no till ever reported from."""
    key = connection.execute(
        sa.select(t.store_key.c.link_key).where(t.store_key.c.store == store)
    ).scalar_one_or_none()
    return None if key is None else bytes(key)


def shop_of(connection: Connection, store: str, till: str = "") -> ShopInfo | None:
    """Who sells: as the till itself says, or, for `till` empty, as the till that reported last."""
    query = sa.select(t.till.c.shop).where(t.till.c.store == store, t.till.c.shop != "")
    if till:
        query = query.where(t.till.c.till == till)
    shop = connection.execute(query.order_by(t.till.c.last_hello_ms.desc()).limit(1)).scalar_one_or_none()
    return msgspec.json.decode(shop, type=ShopInfo) if shop else None


def note_upstream(connection: Connection, ack: Ack) -> None:
    """On a relay: what the hub acknowledged last for an epoch of a till, also where that is less than before."""
    row: dict[str, Any] = {
        "store": ack.store,
        "till": ack.till,
        "epoch": ack.epoch,
        "seq": ack.acked_seq,
        "ack": encode_json(msgspec.structs.replace(ack, upstream=None)),
    }
    connection.execute(
        upsert(connection, t.upstream)
        .values(row)
        .on_conflict_do_update(
            index_elements=["store", "till", "epoch"], set_={"seq": row["seq"], "ack": row["ack"]}
        )
    )


def upstream_of(connection: Connection, store: str, till: str, epoch: int) -> Ack | None:
    """The hub's newest Ack of the newest epoch up to this one, as the hub signed it."""
    c = t.upstream.c
    found = connection.execute(
        sa.select(c.ack)
        .where(c.store == store, c.till == till, c.epoch <= epoch)
        .order_by(c.epoch.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if found is None else msgspec.json.decode(bytes(found), type=Ack)


def _remember_till(connection: Connection, message: Hello, now_ms: int) -> None:
    shop = encode_json(message.shop).decode() if message.shop else ""
    row = {
        "store": message.store,
        "till": message.till,
        "epoch": message.epoch,
        "software": message.software[:200].replace("\0", ""),
        "shop": shop,
        "first_hello_ms": now_ms,
        "last_hello_ms": now_ms,
    }
    news = ("epoch", "software", "last_hello_ms", *(("shop",) if shop else ()))
    connection.execute(
        upsert(connection, t.till)
        .values(row)
        .on_conflict_do_update(index_elements=["store", "till"], set_={name: row[name] for name in news})
    )
