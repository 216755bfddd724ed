"""Walks every chain and every seal that a node holds, and names each fact that is not as it was written.

A fact's hash covers all that the till wrote, so one flipped bit is found at its fact. When a fact came
(`received_ms`) is this node's own remark and stands in no hash.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from pos.facts import StoredFact, hash_of
from sync.hub import tables as t
from sync.hub.database import open_engine
from sync.hub.rights import Rights
from sync.keys import verify as verify_signature
from sync.wire import seal_bytes

__all__ = ["Damage", "Verified", "verify", "verify_spread"]

_AT_ONCE: Final = 1000
_PARTS: Final = 16
_TAG: Final = b"tresen.fact.1"
# The database joins the words: it does so beside Python, and hands four columns over in place of eight.
_FACTS_POSTGRESQL: Final = (
    "select seq, convert_to(concat_ws(chr(31), seq, kind, version, wall_ms, mono_ms, boot_id), 'UTF8'), body, hash"
    " from fact where store = %s and till = %s and epoch = %s and seq > %s order by seq limit %s"
)
_FACTS_SQLITE: Final = (
    "select seq, cast(seq || char(31) || kind || char(31) || version || char(31) || wall_ms || char(31) || mono_ms"
    " || char(31) || boot_id as blob), body, hash"
    " from fact where store = ? and till = ? and epoch = ? and seq > ? order by seq limit ?"
)

Row = tuple[int, bytes, bytes, bytes]


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


Spread = Callable[[Callable[[Sequence[_Chain]], Verified], Sequence[Sequence[_Chain]]], Iterable[Verified]]
"""Does the work for each part."""


def verify(connection: Connection, rights: Rights | None, *, every_seal: bool = False) -> Verified:
    """All chains, seals and branches, in one reading transaction.

    Every seal must fit its chain. The newest of each key in each epoch has its signature verified, and so
    vouches for all before it; with `every_seal` all of them have. Without `rights` none is.
    """
    return _with_the_rest(connection, [_verify_chains(connection, _chains(connection), rights, every_seal)])


def verify_spread(
    engine: Engine, rights: Rights | None, spread: Spread, *, every_seal: bool = False
) -> Verified:
    """The same by several processes, each with some of the chains and a reading transaction of its own.

    `spread` does the work for each part; the engine's connections are closed before, as processes may be forked.
    """
    with engine.connect() as connection:
        parts = _dealt(_chains(connection))
    engine.dispose()
    work = partial(_verify_part, engine.url.render_as_string(hide_password=False), rights, every_seal)
    found = list(spread(work, parts))
    with engine.connect() as connection:
        return _with_the_rest(connection, found)


def _verify_part(url: str, rights: Rights | None, every_seal: bool, chains: Sequence[_Chain]) -> Verified:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return _verify_chains(connection, chains, rights, every_seal)
    finally:
        engine.dispose()


def _chains(connection: Connection) -> list[_Chain]:
    c = t.till_head.c
    rows = connection.execute(
        sa.select(c.store, c.till, c.epoch, c.seq, c.hash, c.first_seq, c.first_prev_hash).order_by(
            c.store, c.till, c.epoch
        )
    )
    return [_Chain(*row[:4], bytes(row[4]), row[5], bytes(row[6])) for row in rows]


def _dealt(chains: Sequence[_Chain]) -> list[list[_Chain]]:
    """In parts of about the same work, the longest chains first."""
    parts: list[list[_Chain]] = [[] for _ in range(min(_PARTS, len(chains)))]
    work = [0] * len(parts)
    for chain in sorted(chains, key=lambda chain: chain.first_seq - chain.seq):
        least = work.index(min(work))
        parts[least].append(chain)
        work[least] += chain.seq - chain.first_seq + 1
    return parts


def _verify_chains(
    connection: Connection,
    chains: Iterable[_Chain],
    rights: Rights | None,
    every_seal: bool,
) -> Verified:
    found = Verified(damage=[])
    for chain in chains:
        found.chains += 1
        seals = _seals_of(connection, chain)
        _walk(connection, chain, seals, found)
        _signatures(connection, chain, seals, rights, found, every_seal=every_seal)
    return found


def _with_the_rest(connection: Connection, parts: Iterable[Verified]) -> Verified:
    """What was found in the chains, and what stands beside them."""
    whole = Verified(damage=[])
    for part in parts:
        whole.facts += part.facts
        whole.chains += part.chains
        whole.seals += part.seals
        whole.signatures += part.signatures
        whole.damage += part.damage
    whole.damage.sort(key=lambda damage: (damage.store, damage.till, damage.epoch))
    _strays(connection, whole)
    _branches(connection, whole)
    return whole


def _walk(connection: Connection, chain: _Chain, seals: Sequence[Any], found: Verified) -> None:
    sealed = {seal.last_seq: seal for seal in seals}
    expected = chain.first_seq
    previous, otherwise = chain.first_prev_hash, b""
    whose = f"{chain.store}\x1f{chain.till}\x1f{chain.epoch}\x1f".encode()
    sha256, join, size = hashlib.sha256, b"".join, struct.Struct(">I").pack
    whose_size = len(whose)
    for rows in _facts_of(connection, chain):
        for seq, words, body, hash_ in rows:
            if seq != expected:
                gone = (
                    f"facts {expected} to {seq - 1} are missing"
                    if seq - 1 > expected
                    else f"fact {expected} is missing"
                )
                found.damage.append(chain.damage(expected, gone))
                previous = b""
            # As pos.facts.chain_hash has it, in one piece: this loop is what verification costs.
            written = (_TAG, size(whose_size + len(words)), whose, words, size(len(body)), body)
            follows = sha256(join((*written, previous))).digest()
            if follows != hash_ and previous and sha256(join((*written, otherwise))).digest() != hash_:
                found.damage.append(
                    chain.damage(seq, "does not follow from its bytes and the fact before it")
                )
                # If the damage is in the hash itself, the next fact follows what it should have been.
                otherwise = follows
            previous = hash_
            if sealed and seq in sealed and bytes(sealed[seq].last_hash) != hash_:
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
    """Past SQLAlchemy, some at once, as plain tuples in order: seq, the words after the epoch as they are hashed, body, hash."""
    driver: Any = connection.connection.driver_connection
    sqlite = connection.dialect.name == "sqlite"
    query = _FACTS_SQLITE if sqlite else _FACTS_POSTGRESQL
    after = -1
    while True:
        bound = (chain.store, chain.till, chain.epoch, after, _AT_ONCE)
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
