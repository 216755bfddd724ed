"""Walks every chain and every seal that a node holds, and names each fact that is not as it was written.

A fact's hash covers all that the till wrote, so one flipped bit is found at its fact. When a fact came
(`received_ms`) is this node's own remark and stands in no hash.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import StoredFact, hash_of
from sync.hub import tables as t
from sync.hub.rights import Rights
from sync.keys import verify as verify_signature
from sync.wire import seal_bytes

__all__ = ["Damage", "Verified", "verify"]

_AT_ONCE: Final = 1000
_COLUMNS: Final = "seq, kind, version, wall_ms, mono_ms, boot_id, body, hash"

Row = tuple[int, str, int, int, int, str, bytes, bytes]


class Damage(msgspec.Struct, frozen=True):
    """What is wrong with one fact (`seq`), one seal or one chain."""

    store: str
    till: str
    epoch: int
    seq: int
    what: str


class Verified(msgspec.Struct):
    """What was walked, and what was found."""

    facts: int = 0
    chains: int = 0
    seals: int = 0
    signatures: int = 0
    quarantined: int = 0
    damage: list[Damage] = []


class _Chain(msgspec.Struct, frozen=True):
    store: str
    till: str
    epoch: int
    seq: int
    hash: bytes
    first_seq: int
    first_prev_hash: bytes

    def damage(self, seq: int, what: str) -> Damage:
        return Damage(self.store, self.till, self.epoch, seq, what)


def verify(connection: Connection, rights: Rights | None, *, every_seal: bool = False) -> Verified:
    """All chains, seals and branches, in one reading transaction.

    Every seal must fit its chain. The newest of each key in each epoch has its signature verified, and so
    vouches for all before it; with `every_seal` all of them have. Without `rights` none is.
    """
    found = Verified(damage=[])
    c = t.till_head.c
    chains = connection.execute(
        sa.select(c.store, c.till, c.epoch, c.seq, c.hash, c.first_seq, c.first_prev_hash).order_by(
            c.store, c.till, c.epoch
        )
    ).all()
    for row in chains:
        chain = _Chain(*row[:4], bytes(row[4]), row[5], bytes(row[6]))
        found.chains += 1
        seals = _seals_of(connection, chain)
        _walk(connection, chain, seals, found)
        _signatures(connection, chain, seals, rights, found, every_seal=every_seal)
    _strays(connection, found)
    _branches(connection, found)
    return found


def _walk(connection: Connection, chain: _Chain, seals: Sequence[Any], found: Verified) -> None:
    sealed = {seal.last_seq: seal for seal in seals}
    expected = chain.first_seq
    previous, otherwise = chain.first_prev_hash, b""
    prefix = f"{chain.store}\x1f{chain.till}\x1f{chain.epoch}\x1f"
    sha256 = hashlib.sha256
    for rows in _facts_of(connection, chain):
        for seq, kind, version, wall_ms, mono_ms, boot_id, body, hash_ in rows:
            if seq != expected:
                gone = (
                    f"facts {expected} to {seq - 1} are missing"
                    if seq - 1 > expected
                    else f"fact {expected} is missing"
                )
                found.damage.append(chain.damage(expected, gone))
                previous = b""
            # As pos.facts.chain_hash has it, in one piece: this loop is what verification costs.
            head = f"{prefix}{seq}\x1f{kind}\x1f{version}\x1f{wall_ms}\x1f{mono_ms}\x1f{boot_id}".encode()
            written = b"tresen.fact.1%b%b%b%b" % (
                len(head).to_bytes(4, "big"), head, len(body).to_bytes(4, "big"), body,
            )  # fmt: skip
            hasher = sha256(written)
            hasher.update(previous)
            if hasher.digest() != hash_ and previous and sha256(written + otherwise).digest() != hash_:
                found.damage.append(
                    chain.damage(seq, "does not follow from its bytes and the fact before it")
                )
                # If the damage is in the hash itself, the next fact follows what it should have been.
                otherwise = hasher.digest()
            previous = hash_
            if seq in sealed and bytes(sealed[seq].last_hash) != hash_:
                found.damage.append(chain.damage(seq, "its seal is about another hash"))
            expected = seq + 1
        found.facts += len(rows)
    if expected - 1 != chain.seq:
        found.damage.append(chain.damage(expected, f"the chain ends, but fact {chain.seq} was acknowledged"))
    elif previous != chain.hash:
        found.damage.append(chain.damage(chain.seq, "is not the fact that was acknowledged"))
    found.damage += [
        chain.damage(seal.last_seq, "a seal is about a fact that is not there")
        for seal in seals
        if not chain.first_seq <= seal.last_seq < expected
    ]


def _facts_of(connection: Connection, chain: _Chain) -> Iterator[Sequence[Row]]:
    """Past SQLAlchemy, some at once, as plain tuples in order."""
    driver: Any = connection.connection.driver_connection
    sqlite = connection.dialect.name == "sqlite"
    query = (
        f"select {_COLUMNS} from fact where store = %s and till = %s and epoch = %s and seq > %s"  # noqa: S608
        f" order by seq limit {_AT_ONCE}"
    )
    query = query.replace("%s", "?") if sqlite else query
    after = -1
    while True:
        bound = (chain.store, chain.till, chain.epoch, after)
        rows: Sequence[Row] = (
            driver.execute(query, bound) if sqlite else driver.execute(query, bound, binary=True)
        ).fetchall()
        if rows:
            yield rows
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1][0]


def _seals_of(connection: Connection, chain: _Chain) -> Sequence[Any]:
    c = t.seal.c
    return connection.execute(
        sa.select(c.first_seq, c.last_seq, c.last_hash, c.key_id, c.signature)
        .where(c.store == chain.store, c.till == chain.till, c.epoch == chain.epoch)
        .order_by(c.last_seq)
    ).all()


def _signatures(
    connection: Connection,
    chain: _Chain,
    seals: Sequence[Any],
    rights: Rights | None,
    found: Verified,
    *,
    every_seal: bool,
) -> None:
    found.seals += len(seals)
    if rights is None:
        return
    newest = {seal.key_id: seal for seal in seals}
    for seal in seals if every_seal else newest.values():
        found.signatures += 1
        key = rights.key_of(connection, chain.store, chain.till, seal.key_id)
        said = seal_bytes(
            chain.store, chain.till, chain.epoch, seal.first_seq, seal.last_seq, bytes(seal.last_hash)
        )
        if key is None:
            found.damage.append(chain.damage(seal.last_seq, f"its seal's key {seal.key_id} is not known"))
        elif not verify_signature(key.public_key, bytes(seal.signature), said):
            found.damage.append(chain.damage(seal.last_seq, "the signature of its seal does not hold"))


def _strays(connection: Connection, found: Verified) -> None:
    """Facts that stand outside of every chain: their store, till, epoch or number was changed."""
    f, h = t.fact.c, t.till_head.c
    total = connection.execute(sa.select(sa.func.count()).select_from(t.fact)).scalar_one()
    if total == found.facts:
        return
    same = sa.and_(f.store == h.store, f.till == h.till, f.epoch == h.epoch)
    query = (
        sa.select(f.store, f.till, f.epoch, f.seq)
        .select_from(t.fact.outerjoin(t.till_head, same))
        .where(h.seq.is_(None))
    )
    found.damage += [Damage(*row, "stands in no chain") for row in connection.execute(query)]


def _branches(connection: Connection, found: Verified) -> None:
    """Facts in quarantine: each by itself, after the hash that it came with."""
    c = t.quarantine.c
    rows: Iterable[Any] = connection.execution_options(yield_per=_AT_ONCE).execute(
        sa.select(
            c.epoch, c.seq, c.kind, c.version, c.wall_ms, c.mono_ms, c.boot_id, c.body, c.hash,
            c.store, c.till, c.prev_hash,
        )
    )  # fmt: skip
    for row in rows:
        fact = StoredFact(
            row.epoch, row.seq, row.kind, row.version, row.wall_ms, row.mono_ms, row.boot_id, bytes(row.body),
            bytes(row.hash),
        )  # fmt: skip
        found.quarantined += 1
        if hash_of(bytes(row.prev_hash), row.store, row.till, fact) != fact.hash:
            found.damage.append(
                Damage(row.store, row.till, row.epoch, row.seq, "in quarantine, and not as it was written")
            )
