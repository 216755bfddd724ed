"""Tills' journals for the hub's benchmarks: sealed batches of sales as they are, no two alike."""

import hashlib
import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import partial

from sqlalchemy.engine import Connection

from pos.domain.tender import Tender
from pos.facts import GENESIS, Fact, StoredFact, body_of, chain_hash, kind_of
from pos.sale_facts import Sale, SaleLine, SaleTax
from pos.till_facts import EpochOpened
from sync.hub import machines
from sync.hub.rights import Intake
from sync.keys import SigningKey
from sync.links import mint_link
from sync.wire import Batch, sealed

__all__ = ["STORE", "Keys", "batches_of", "sale"]

STORE = "bench"
LINK_KEY = bytes(range(32))
BEGAN_MS = 1_790_000_000_000
SALES_A_DAY = 300
_EVERY_MS = 37_000
_WARES = (
    "Vollmilch", "Butter", "Roggenbrot", "Tomaten", "Espresso", "Bohnen", "Zahnpasta", "Apfelschorle", "Kartoffeln",
    "Bergkäse", "Linsen", "Reis", "Nudeln", "Salz", "Pfeffer", "Olivenöl", "Essig", "Seife", "Kerzen", "Honig",
    "Marmelade", "Quark", "Joghurt", "Sahne", "Eier", "Mehl", "Zucker", "Hefe", "Senf", "Ketchup", "Kürbis", "Spinat",
    "Äpfel", "Birnen", "Pflaumen", "Haferflocken", "Müsli", "Batterien", "Glühbirne", "Schwamm", "Spülmittel",
)  # fmt: skip


class Keys:
    """The tills' keys. A hub knows them once they are enrolled there."""

    def __init__(self) -> None:
        self._keys: dict[str, SigningKey] = {}
        self.intake = Intake(rights=machines.Rights(partial(int, BEGAN_MS)))

    def of(self, till: str) -> SigningKey:
        if till not in self._keys:
            self._keys[till] = SigningKey(hashlib.sha256(till.encode()).digest())
        return self._keys[till]

    def enrol(self, connection: Connection) -> None:
        """All tills that have a key by now."""
        for till, key in self._keys.items():
            machines.lock(connection, STORE, till, "till", BEGAN_MS)
            machines.add_key(connection, STORE, till, key.public, BEGAN_MS)


def sale(chance: random.Random, number: int, store: str = STORE) -> Sale:
    """A cash sale of 1 to 12 lines."""
    lines = []
    gross: dict[tuple[str, int], int] = {}
    began_ms = BEGAN_MS + number * _EVERY_MS
    for n in range(1, chance.randint(1, 12) + 1):
        unit, qty = chance.randint(29, 4999), chance.choice((1, 1, 1, 2, 3))
        tax, percent = chance.choice((("A", 19), ("B", 7)))
        text = f"{chance.choice(_WARES)} {chance.choice(_WARES)} {chance.randint(50, 1000)} g"
        lines.append(
            SaleLine(
                n, text, unit, unit * qty, tax, Decimal(percent), began_ms + n * 900 + chance.randint(0, 400),
                qty=Decimal(qty), gtin=f"4{chance.randrange(10**12):012d}", sku=f"{chance.randrange(10**7):07d}",
                source="scanner", department=chance.randint(1, 9),
            )
        )  # fmt: skip
        gross[tax, percent] = gross.get((tax, percent), 0) + unit * qty
    total = sum(line.total_minor for line in lines)
    taxes = tuple(
        SaleTax(code, key, Decimal(percent), sum_, sum_ * 100 // (100 + percent), sum_ - sum_ * 100 // (100 + percent))
        for key, ((code, percent), sum_) in enumerate(sorted(gross.items()), 1)
    )  # fmt: skip
    given = -(-total // 500) * 500
    day = number // SALES_A_DAY
    return Sale(
        cart_id=f"{chance.getrandbits(64):016x}",
        number=number,
        business_day=f"2026-{9 + day // 28:02d}-{1 + day % 28:02d}",
        cash_session=f"s{day}",
        operator=f"k{chance.randint(1, 9)}",
        started_ms=began_ms,
        tendered_ms=began_ms + 21_000,
        completed_ms=began_ms + 25_000 + chance.randint(0, 999),
        offset_min=120,
        lines=tuple(lines),
        tenders=(Tender("cash", total, given, given - total),),
        taxes=taxes,
        total_minor=total,
        pieces=len(lines),
        link="https://beleg.example/r/" + mint_link(store, chance.randbytes(16), LINK_KEY),
        software="0.1.0",
    )


def batches_of(till: str, keys: Keys, sizes: Iterable[int]) -> Iterator[Batch]:
    """A till's journal from its first fact on, an opening and then sales, sealed so many facts at a time."""
    chance = random.Random(till)
    key = keys.of(till)
    previous, seq = GENESIS, 0
    for size in sizes:
        before = previous
        facts: list[StoredFact] = []
        for _ in range(size):
            fact: Fact = sale(chance, seq) if seq else EpochOpened(STORE, till, "new", "0.1.0")
            seq += 1
            kind, version = kind_of(fact)
            body = body_of(fact)
            mono_ms = seq * _EVERY_MS
            wall_ms = BEGAN_MS + mono_ms
            previous = chain_hash(
                previous, STORE, till, epoch=1, seq=seq, kind=kind, version=version, wall_ms=wall_ms,
                mono_ms=mono_ms, boot_id="b" * 32, body=body,
            )  # fmt: skip
            facts.append(StoredFact(1, seq, kind, version, wall_ms, mono_ms, "b" * 32, body, previous))
        batch = Batch(STORE, till, 1, facts[0].seq, before, tuple(facts))
        yield sealed(batch, key.key_id, key.sign)
