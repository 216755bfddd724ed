"""Whether an epoch that this node does not know yet may begin with a batch: docs/protocol.md, section 7."""

from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import GENESIS
from sync.hub import tables as t
from sync.hub.rights import Intake
from sync.hub.standing import upstream_of
from sync.hub.stored import hash_at, heads_of
from sync.wire import Batch, Gap, Grant

__all__ = ["Aside", "Opening", "judge"]

OPENED: Final = "epoch.opened"
_ANY_EPOCH: Final = 2**31


class Opening(msgspec.Struct, frozen=True):
    """The epoch begins with this batch. `detail`: what a person should know of it; empty if nothing."""

    detail: str = ""


class Aside(msgspec.Struct, frozen=True):
    """It does not: this batch goes to quarantine. `hash` is what stands here in place of its `prev_hash`."""

    hash: bytes


def judge(connection: Connection, batch: Batch, intake: Intake) -> Opening | Aside | Gap:
    """What follows from the first batch of an epoch of which nothing is held."""
    first = batch.facts[0]
    grant = (
        intake.rights.grant_of(connection, batch.store, batch.till, batch.epoch) if intake.rights else None
    )
    heads = [head for head in heads_of(connection, batch.store, batch.till) if head[0] != batch.epoch]
    if intake.relay:
        return _at_relay(connection, batch, heads)
    if not heads and (batch.epoch, first.seq, batch.prev_hash) == (1, 1, GENESIS):
        return Opening()
    if first.kind != OPENED:
        begins = grant.first_seq if grant is not None else 1
        return Gap(expected_seq=begins) if first.seq > begins else Aside(GENESIS)
    before = _before(connection, batch, heads)
    if grant is not None:
        return _granted(connection, batch, grant, before)
    if not heads:
        return Opening("opened by the till itself, and nothing before it is held")
    if batch.epoch != heads[-1][0] + 1:
        return Aside(before or GENESIS)
    if before in {None, batch.prev_hash} or _in_quarantine(connection, batch) == "fork":
        unknown = "" if before is not None else "; what it follows is not held"
        return Opening(f"opened by the till itself, never granted{unknown}")
    return Aside(before or GENESIS)


def _at_relay(
    connection: Connection, batch: Batch, heads: list[tuple[int, int, bytes]]
) -> Opening | Aside | Gap:
    """Epochs are the hub's affair. A relay that is new begins with what its tills have, if the hub has the rest."""
    first = batch.facts[0]
    if first.kind == OPENED or (first.seq, batch.prev_hash) == (1, GENESIS):
        before = _before(connection, batch, heads)
        if before in {None, batch.prev_hash} or _in_quarantine(connection, batch) is not None:
            return Opening()
        return Aside(before or GENESIS)
    above = upstream_of(connection, batch.store, batch.till, _ANY_EPOCH)
    if above is not None and (above.epoch, above.acked_seq) >= (batch.epoch, first.seq - 1):
        return Opening()
    return Gap(expected_seq=1)


def _granted(connection: Connection, batch: Batch, grant: Grant, before: bytes | None) -> Opening | Aside:
    if batch.first_seq < grant.first_seq:
        return Aside(before or GENESIS)
    if batch.first_seq == grant.first_seq:
        return Opening() if batch.prev_hash == grant.prev_hash else Aside(grant.prev_hash)
    # The till's journal went on beyond the grant: it follows the till's own last fact.
    if before in {None, batch.prev_hash} or _in_quarantine(connection, batch) is not None:
        return Opening()
    return Aside(before or GENESIS)


def _before(connection: Connection, batch: Batch, heads: list[tuple[int, int, bytes]]) -> bytes | None:
    """The hash that is held under the number before the batch, in the newest epoch before it; None if nothing is."""
    if batch.first_seq == 1:
        return GENESIS
    for epoch, seq, _ in reversed(heads):
        if epoch < batch.epoch and seq >= batch.first_seq - 1:
            found = hash_at(connection, batch.store, batch.till, epoch, batch.first_seq - 1)
            if found is not None:
                return found
    return None


def _in_quarantine(connection: Connection, batch: Batch) -> str | None:
    """Why the fact before the batch is in quarantine; None if it is not."""
    c = t.quarantine.c
    return connection.execute(
        sa.select(c.reason)
        .where(
            c.store == batch.store, c.till == batch.till, c.epoch < batch.epoch,
            c.seq == batch.first_seq - 1, c.hash == batch.prev_hash,
        )
        .limit(1)
    ).scalar_one_or_none()  # fmt: skip
