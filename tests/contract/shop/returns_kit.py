"""Sales and returns as tills tell them, for tests of the hub's side of returns."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy.engine import Engine

from pos.domain.line import Origin
from pos.domain.refund import GivenBack
from pos.domain.tender import Tender
from pos.facts import Fact
from pos.sale_facts import Reference, Sale, SaleLine
from sync.hub import stored, tables
from sync.hub.database import transact
from tests.contract.hub_kit import NOW_MS, Till
from tests.contract.hub_rig import Rig

__all__ = ["bought", "brought_back", "origin", "put", "sold_line", "tell", "voided"]


def sold_line(n: int, pay: int, qty: str = "1", **more: Any) -> SaleLine:
    unit = int(pay / Decimal(qty))
    said = {"sku": f"sku-{n}", "kind": "article", **more}
    return SaleLine(n, f"Artikel {n}", unit, pay, "A", Decimal(19), NOW_MS, qty=Decimal(qty), **said)


def bought(number: int, *lines: SaleLine, tenders: Sequence[Tender] = (), **more: Any) -> Sale:
    total = sum(line.pay_minor for line in lines)
    said: dict[str, Any] = {
        "cart_id": f"cart-{number}", "number": number, "business_day": "2026-09-21", "cash_session": "s1",
        "operator": "1", "started_ms": NOW_MS, "tendered_ms": NOW_MS, "completed_ms": NOW_MS + number,
        "offset_min": 120, "lines": lines, "taxes": (), "total_minor": total, "pieces": len(lines),
        "tenders": tuple(tenders) or (Tender("cash", total, total),),
    }  # fmt: skip
    return Sale(**{**said, **more})


def origin(till: str, number: int, n: int, *, store: str = "", epoch: int = 1, **more: Any) -> Origin:
    return Origin(till, epoch, number, n, store=store, **more)


def brought_back(number: int, *parts: tuple[Origin, str, int], hold: str = "", **more: Any) -> Sale:
    """A return: of each origin so much, for so much."""
    lines = tuple(
        SaleLine(
            n, "Artikel", -minor, -minor, "A", Decimal(19), NOW_MS, qty=-Decimal(qty), kind="return",
            sku=f"sku-{whence.n}", origin=whence,
        )
        for n, (whence, qty, minor) in enumerate(parts, 1)
    )  # fmt: skip
    references = (Reference("return-hold", external=hold),) if hold else ()
    given = tuple(GivenBack((whence.receipt,), "cash", "cash", minor, minor) for whence, _, minor in parts)
    return bought(number, *lines, **{"references": references, "given_back": given, **more})


def voided(number: int, till: str, sale: Sale) -> Sale:
    """The document that takes a whole receipt back."""
    lines = tuple(
        msgspec.structs.replace(line, qty=-line.qty, total_minor=-line.total_minor) for line in sale.lines
    )
    given = tuple(
        msgspec.structs.replace(one, worth_minor=-one.worth_minor, amount_minor=-one.amount_minor)
        for one in sale.given_back
    )
    tenders = tuple(
        msgspec.structs.replace(one, amount_minor=-one.amount_minor, given_minor=-one.amount_minor)
        for one in sale.tenders
    )
    reference = Reference("void", till, 1, sale.number)
    return bought(number, *lines, tenders=tenders, references=(reference,), given_back=given)


def tell(rig: Rig, till: Till, *facts: Fact) -> None:
    """The till's facts are at the hub; nobody heard of them yet."""
    put(rig.engine, till, *facts)


def put(engine: Engine, till: Till, *facts: Fact) -> None:
    """Into the hub's ledger, as if the till had sent them."""
    written = till.write(*facts)
    first = till.facts[: len(till.facts) - len(written)]

    def keep(connection: Any) -> None:
        head = stored.locked_head(connection, till.store, till.till, till.epoch)
        rows = written if head is not None else [*first, *written]
        columns = [
            "store",
            "till",
            "epoch",
            "seq",
            "kind",
            "version",
            "wall_ms",
            "mono_ms",
            "boot_id",
            "body",
            "hash",
            "received_ms",
        ]
        values = [
            dict(
                zip(
                    columns,
                    (
                        till.store, till.till, one.epoch, one.seq, one.kind, one.version, one.wall_ms,
                        one.mono_ms, one.boot_id, one.body, one.hash, NOW_MS,
                    ),
                    strict=True,
                )
            )
            for one in rows
        ]  # fmt: skip
        connection.execute(tables.fact.insert(), values)
        if head is None:
            row = {
                "store": till.store, "till": till.till, "epoch": till.epoch, "seq": rows[-1].seq,
                "hash": rows[-1].hash, "first_seq": rows[0].seq, "first_prev_hash": bytes(32),
            }  # fmt: skip
            connection.execute(tables.till_head.insert(), row)
            return
        c = tables.till_head.c
        mine = (c.store == till.store, c.till == till.till, c.epoch == till.epoch)
        connection.execute(
            tables.till_head.update().where(*mine).values(seq=rows[-1].seq, hash=rows[-1].hash)
        )

    transact(engine, keep)
