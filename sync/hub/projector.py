"""Follows the facts with a cursor of its own: receipts by their link, takings by day.

An acknowledgement never waits for this. What one fact means is a pure function; a fact that cannot be read
is marked in `poison`, passed over, and holds nothing up. Rows and cursor move in one transaction, so a crash
neither loses nor doubles a figure, and building all of it anew gives the same rows.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError

from pos.facts import FactError, Sale, StoredFact, decode_fact
from sync.hub import tables as t
from sync.hub.database import Bulk
from sync.hub.ledger import read_facts, upsert
from sync.links import split_link

__all__ = ["Effect", "effect_of", "follow", "lagging", "rebuild"]

STEP_FACTS: Final = 500
# Ten thousand million euros: no sale of a shop, and the sums of a day stay far below what a column holds.
AMOUNT_MAX: Final = 10**12
_TEXT_MAX: Final = 64
_RECEIPTS: Final = Bulk(
    "receipt",
    {
        "store": "text", "token": "bytea", "till": "text", "epoch": "int8", "seq": "int8", "number": "int8",
        "total_minor": "int8", "language": "text",
    },
)  # fmt: skip


class Effect(msgspec.Struct, frozen=True):
    """What one fact adds to the projections. A `fault` is marked in `poison`; the figures count all the same."""

    business_day: str
    currency: str
    training: bool
    gross_minor: int
    pieces: int
    number: int
    language: str
    token: bytes = b""
    fault: str = ""


def effect_of(store: str, fact: StoredFact) -> Effect | None:
    """None for a kind that adds nothing or is not known yet. Raises FactError."""
    if fact.kind != "sale":
        return None
    sale = decode_fact(fact.kind, fact.version, fact.body)
    if not isinstance(sale, Sale):
        return None
    words = (sale.business_day, sale.currency, sale.language)
    if any(len(word) > _TEXT_MAX or not word.isprintable() for word in words):
        raise FactError("day, currency or language hold what no table can")
    if max(abs(sale.total_minor), abs(sale.pieces), abs(sale.number)) > AMOUNT_MAX:
        raise FactError("a number is out of range")
    link = split_link(sale.link.rsplit("/r/", 1)[-1])
    known = link is not None and link[0] == store
    return Effect(
        business_day=sale.business_day,
        currency=sale.currency,
        training=sale.training,
        gross_minor=sale.total_minor,
        pieces=sale.pieces,
        number=sale.number,
        language=sale.language,
        token=link[1] if link is not None and known else b"",
        fault="" if known or not sale.link else f"no receipt link of this store: {sale.link[:80]!r}",
    )


def lagging(connection: Connection) -> list[tuple[str, str, int]]:
    """Epochs (store, till, epoch) whose newest facts are not projected yet."""
    h, p = t.till_head.c, t.projection.c
    joined = t.till_head.outerjoin(
        t.projection, sa.and_(h.store == p.store, h.till == p.till, h.epoch == p.epoch)
    )
    rows = connection.execute(
        sa.select(h.store, h.till, h.epoch).select_from(joined).where(sa.or_(p.seq.is_(None), p.seq < h.seq))
    )
    return sorted((row.store, row.till, row.epoch) for row in rows)


def follow(
    connection: Connection, store: str, till: str, epoch: int, now_ms: int, limit: int = STEP_FACTS
) -> bool:
    """Project the next facts of one epoch, at most `limit`; True if there may be more."""
    c = t.projection.c
    mine = (c.store == store, c.till == till, c.epoch == epoch)
    row = {"store": store, "till": till, "epoch": epoch, "seq": 0}
    connection.execute(upsert(connection, t.projection).values(row).on_conflict_do_nothing())
    cursor = connection.execute(sa.select(c.seq).where(*mine).with_for_update()).scalar_one()
    facts = read_facts(connection, store, till, epoch=epoch, after_seq=cursor, limit=limit)
    if not facts:
        return False
    effects: list[tuple[StoredFact, Effect]] = []
    for fact in facts:
        try:
            effect = effect_of(store, fact)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one fact, the others go on
            _mark(connection, store, till, fact, f"{type(error).__name__}: {error}", now_ms)
        else:
            if effect is not None:
                effects.append((fact, effect))
                if effect.fault:
                    _mark(connection, store, till, fact, effect.fault, now_ms)
    try:
        with connection.begin_nested():
            _apply(connection, store, till, effects)
    except (DataError, IntegrityError):
        _apply_one_by_one(connection, store, till, effects, now_ms)
    connection.execute(t.projection.update().where(*mine).values(seq=facts[-1].seq))
    return len(facts) == limit


def rebuild(connection: Connection, now_ms: int) -> int:
    """Empty the projections and build them from the facts, in the caller's one transaction. Counts the facts."""
    connection.execute(t.projection.update().values(seq=0))
    for table in (t.receipt, t.day_total, t.poison):
        connection.execute(table.delete())
    for store, till, epoch in lagging(connection):
        while follow(connection, store, till, epoch, now_ms):
            pass
    return connection.execute(sa.select(sa.func.count()).select_from(t.fact)).scalar_one()


def _apply(
    connection: Connection, store: str, till: str, effects: Sequence[tuple[StoredFact, Effect]]
) -> None:
    receipts = [
        (store, effect.token, till, fact.epoch, fact.seq, effect.number, effect.gross_minor, effect.language)
        for fact, effect in effects
        if effect.token
    ]
    if receipts:
        _RECEIPTS.insert(connection, receipts)
    sums: dict[tuple[str, str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
    for _, effect in effects:
        total = sums[(effect.business_day, effect.currency, effect.training)]
        total[0] += 1
        total[1] += effect.gross_minor
        total[2] += effect.pieces
    for (day, currency, training), (sales, gross_minor, pieces) in sorted(sums.items()):
        insert = upsert(connection, t.day_total).values(
            store=store, business_day=day, till=till, currency=currency, training=training,
            sales=sales, gross_minor=gross_minor, pieces=pieces,
        )  # fmt: skip
        c = t.day_total.c
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["store", "business_day", "till", "currency", "training"],
                set_={
                    "sales": c.sales + insert.excluded.sales,
                    "gross_minor": c.gross_minor + insert.excluded.gross_minor,
                    "pieces": c.pieces + insert.excluded.pieces,
                },
            )
        )


def _apply_one_by_one(
    connection: Connection, store: str, till: str, effects: Sequence[tuple[StoredFact, Effect]], now_ms: int
) -> None:
    """The database itself refused something in the batch: find it, mark it, keep the others."""
    for fact, effect in effects:
        try:
            with connection.begin_nested():
                _apply(connection, store, till, [(fact, effect)])
        except (DataError, IntegrityError) as error:
            _mark(connection, store, till, fact, f"{type(error).__name__}: {error.orig}", now_ms)


def _mark(connection: Connection, store: str, till: str, fact: StoredFact, reason: str, now_ms: int) -> None:
    row = {
        "store": store,
        "till": till,
        "epoch": fact.epoch,
        "seq": fact.seq,
        "reason": reason[:500].replace("\0", ""),
        "noted_ms": now_ms,
    }
    connection.execute(upsert(connection, t.poison).values(row).on_conflict_do_nothing())
