"""Follows the facts with a cursor of its own: receipts by their link, takings by day, where parked carts are.

An acknowledgement never waits for this. What one fact means is a pure function; a fact that cannot be read
is marked in `poison`, passed over, and holds nothing up. Rows and cursor move in one transaction, so a crash
neither loses nor doubles a figure, and building all of it anew gives the same rows.

Rows belong to a generation of their store, of which one is live. `sync.hub.rebuild` builds the next one beside it.
Every step holds the store's generation in share, so that a switch finds no step under way.
"""

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError

from pos.facts import FactError, StoredFact, decode_fact
from pos.sale_facts import Sale
from sync.hub import cart_moves
from sync.hub import tables as t
from sync.hub.cart_moves import CartMove
from sync.hub.database import Bulk, insert_or_keep
from sync.hub.stored import read_facts
from sync.links import split_link

__all__ = [
    "FIRST_GENERATION",
    "Effect",
    "Figures",
    "effect_of",
    "figures_of",
    "follow",
    "lagging",
    "live_generation",
]

STEP_FACTS: Final = 500
FIRST_GENERATION: Final = 1
# Ten thousand million euros: no sale of a shop, and the sums of a day stay far below what a column holds.
AMOUNT_MAX: Final = 10**12
# In this version a sale's figures stand under the names that Figures has; others are lifted first.
_SALE_VERSION: Final = 1
_TEXT_MAX: Final = 64
RECEIPT_COLUMNS: Final = {
    "store": "text", "generation": "int8", "token": "bytea", "till": "text", "epoch": "int8", "seq": "int8",
    "number": "int8", "total_minor": "int8", "language": "text",
}  # fmt: skip
_RECEIPTS: Final = Bulk("receipt", RECEIPT_COLUMNS)


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


class Figures(msgspec.Struct, frozen=True):
    """Of a sale what the projections need: a tenth of the work of reading it whole."""

    number: int
    business_day: str
    total_minor: int
    pieces: int
    currency: str = "EUR"
    link: str = ""
    language: str = "de"
    training: bool = False


_figures: Final = msgspec.json.Decoder(Figures)


def figures_of(kind: str, version: int, body: bytes) -> Figures | None:
    """None for what is no sale, or not known yet. Raises FactError."""
    if kind != "sale":
        return None
    if version == _SALE_VERSION:
        try:
            return _figures.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise FactError(f"a sale is not readable: {error}") from error
    sale = decode_fact(kind, version, body)
    if not isinstance(sale, Sale):
        return None
    return Figures(*(getattr(sale, name) for name in Figures.__struct_fields__))


def effect_of(store: str, fact: StoredFact) -> Effect | None:
    """None for a kind that adds nothing or is not known yet. Raises FactError."""
    sale = figures_of(fact.kind, fact.version, fact.body)
    if sale is None:
        return None
    words = sale.business_day + sale.currency + sale.language
    if len(words) > _TEXT_MAX or not words.isprintable():
        raise FactError("day, currency or language hold what no table can")
    if max(abs(sale.total_minor), abs(sale.pieces), abs(sale.number)) > AMOUNT_MAX:
        raise FactError("a number is out of range")
    link = split_link(sale.link.rpartition("/r/")[2]) if sale.link else None
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


class _Place(msgspec.Struct, frozen=True):
    """Where a step writes: one till's epoch in one generation."""

    store: str
    generation: int
    till: str
    epoch: int

    def row(self) -> dict[str, str | int]:
        return {"store": self.store, "generation": self.generation, "till": self.till, "epoch": self.epoch}

    def bound(self) -> dict[str, str | int]:
        return {f"of_{name}": value for name, value in self.row().items()}


def _cursor_query() -> sa.Select[tuple[int, int]]:
    c, g = t.projection.c, t.generation.c
    wanted = sa.bindparam("of_generation", type_=sa.BigInteger)
    return (
        sa.select(c.generation, c.seq)
        .select_from(t.projection.join(t.generation, c.store == g.store))
        .where(
            g.store == sa.bindparam("of_store"),
            c.generation == sa.case((wanted > 0, wanted), else_=g.live),
            c.till == sa.bindparam("of_till"),
            c.epoch == sa.bindparam("of_epoch"),
        )
        .with_for_update(of=t.projection)
        .suffix_with("FOR SHARE OF generation", dialect="postgresql")
    )


def _cursor_update() -> sa.Update:
    c = t.projection.c
    names = ("store", "generation", "till", "epoch")
    return (
        t.projection.update()
        .where(*(c[name] == sa.bindparam(f"of_{name}") for name in names))
        .values(seq=sa.bindparam("now_seq"))
    )


def _day_upsert(insert: postgresql.Insert | sqlite.Insert) -> sa.Insert:
    c = t.day_total.c
    return insert.on_conflict_do_update(
        index_elements=["store", "generation", "business_day", "till", "currency", "training"],
        set_={name: c[name] + insert.excluded[name] for name in ("sales", "gross_minor", "pieces")},
    )


_CURSOR: Final = _cursor_query()
_MOVE_CURSOR: Final = _cursor_update()
_ADD_TO_DAYS: Final = {
    "postgresql": _day_upsert(postgresql.insert(t.day_total)),
    "sqlite": _day_upsert(sqlite.insert(t.day_total)),
}


def lagging(connection: Connection, store: str = "", generation: int = 0) -> list[tuple[str, str, int]]:
    """Epochs (store, till, epoch) whose newest facts are not projected yet, of one store or of all.

    In the live generation, or in another one of the store.
    """
    of = {"of_store": store, "generation": generation}
    rows = connection.execute(_lagging_query(in_store=bool(store), named=bool(generation)), of)
    return sorted((row.store, row.till, row.epoch) for row in rows)


@functools.cache
def _lagging_query(*, in_store: bool, named: bool) -> sa.Select[Any]:
    h, p, g = t.till_head.c, t.projection.c, t.generation.c
    wanted = sa.bindparam("generation") if named else sa.func.coalesce(g.live, FIRST_GENERATION)
    joined = t.till_head.outerjoin(t.generation, h.store == g.store).outerjoin(
        t.projection,
        sa.and_(h.store == p.store, p.generation == wanted, h.till == p.till, h.epoch == p.epoch),
    )
    query = sa.select(h.store, h.till, h.epoch).select_from(joined)
    query = query.where(sa.or_(p.seq.is_(None), p.seq < h.seq))
    return query.where(h.store == sa.bindparam("of_store")) if in_store else query


def follow(
    connection: Connection,
    store: str,
    till: str,
    epoch: int,
    now_ms: int,
    *,
    limit: int = STEP_FACTS,
    generation: int = 0,
    fresh: Sequence[StoredFact] = (),
    careful: bool = False,
) -> bool:
    """Project the next facts of one epoch, at most `limit`; True if there may be more.

    Into the live generation, or into another one of the store. `fresh`: facts of the epoch in order that were
    just stored; if they follow the cursor they need not be read again. Raises DataError or IntegrityError where
    the database itself refuses a row; `careful` then finds the fact, marks it and keeps the others.
    """
    place, cursor = _locked_cursor(connection, store, till, epoch, generation)
    follows = bool(fresh) and fresh[0].seq <= cursor + 1 <= fresh[-1].seq
    facts: Sequence[StoredFact]
    if follows:
        facts = fresh[cursor + 1 - fresh[0].seq :]
    else:
        facts = read_facts(connection, store, till, epoch=epoch, after_seq=cursor, limit=limit)
    if not facts:
        return False
    effects: list[tuple[StoredFact, Effect]] = []
    moves: list[CartMove] = []
    for fact in facts:
        try:
            move = cart_moves.move_of(fact)
            effect = effect_of(store, fact)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one fact, the others go on
            _mark(connection, place, fact, f"{type(error).__name__}: {error}", now_ms)
        else:
            if move is not None:
                moves.append(move)
            if effect is not None:
                effects.append((fact, effect))
                if effect.fault:
                    _mark(connection, place, fact, effect.fault, now_ms)
    if careful:
        _apply_carefully(connection, place, effects, now_ms)
    else:
        _apply(connection, place, effects)
    if moves:
        cart_moves.write(connection, place.row(), moves, now_ms)
    connection.execute(_MOVE_CURSOR, {**place.bound(), "now_seq": facts[-1].seq})
    return not follows and len(facts) == limit


def _locked_cursor(
    connection: Connection, store: str, till: str, epoch: int, generation: int
) -> tuple[_Place, int]:
    """Where the next step writes and after which seq: held alone, the store's live generation in share."""
    bound = {"of_store": store, "of_generation": generation, "of_till": till, "of_epoch": epoch}
    row = connection.execute(_CURSOR, bound).first()
    if row is None:
        place = _Place(store, generation or live_generation(connection, store), till, epoch)
        insert_or_keep(connection, t.projection, [{**place.row(), "seq": 0}])
        row = connection.execute(_CURSOR, bound).one()
    return _Place(store, row.generation, till, epoch), row.seq


def live_generation(connection: Connection, store: str, *, exclusive: bool = False) -> int:
    """The store's generation that is read, held until the transaction ends: in share, or alone."""
    g = t.generation.c
    query = sa.select(g.live).where(g.store == store).with_for_update(read=not exclusive)
    live: int | None = connection.execute(query).scalar_one_or_none()
    if live is None:
        insert_or_keep(connection, t.generation, [{"store": store, "live": FIRST_GENERATION}])
        live = connection.execute(query).scalar_one()
    return live


def _apply(connection: Connection, place: _Place, effects: Sequence[tuple[StoredFact, Effect]]) -> None:
    store, generation, till = place.store, place.generation, place.till
    receipts = [
        (
            store, generation, effect.token, till, fact.epoch, fact.seq, effect.number, effect.gross_minor,
            effect.language,
        )
        for fact, effect in effects
        if effect.token
    ]  # fmt: skip
    if receipts:
        _RECEIPTS.insert(connection, receipts)
    sums: dict[tuple[str, str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
    for _, effect in effects:
        total = sums[(effect.business_day, effect.currency, effect.training)]
        total[0] += 1
        total[1] += effect.gross_minor
        total[2] += effect.pieces
    rows = [
        {
            "store": store, "generation": generation, "business_day": day, "till": till, "currency": currency,
            "training": training, "sales": sales, "gross_minor": gross_minor, "pieces": pieces,
        }
        for (day, currency, training), (sales, gross_minor, pieces) in sorted(sums.items())
    ]  # fmt: skip
    if rows:
        connection.execute(_ADD_TO_DAYS[connection.dialect.name], rows)


def _apply_carefully(
    connection: Connection, place: _Place, effects: Sequence[tuple[StoredFact, Effect]], now_ms: int
) -> None:
    """If the database itself refuses something: find it, mark it, keep the others."""
    try:
        with connection.begin_nested():
            _apply(connection, place, effects)
        return
    except (DataError, IntegrityError):
        pass
    for fact, effect in effects:
        try:
            with connection.begin_nested():
                _apply(connection, place, [(fact, effect)])
        except (DataError, IntegrityError) as error:
            _mark(connection, place, fact, f"{type(error).__name__}: {error.orig}", now_ms)


def _mark(connection: Connection, place: _Place, fact: StoredFact, reason: str, now_ms: int) -> None:
    row = {
        **place.row(),
        "seq": fact.seq,
        "reason": reason[:500].replace("\0", ""),
        "noted_ms": now_ms,
    }
    insert_or_keep(connection, t.poison, [row])
