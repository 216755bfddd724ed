"""A till that lives in memory, for tests of the hub: writes chained facts, serves them, remembers values."""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from pos.domain.commands import Command, HubReported, OpenEpoch
from pos.domain.tender import Tender
from pos.facts import GENESIS, Fact, StoredFact, body_of, chain_hash, kind_of
from pos.sale_facts import Sale, SaleLine, SaleTax
from pos.till_facts import EpochOpened
from sync.keys import SigningKey
from sync.links import mint_link
from sync.wire import Batch, ShopInfo, sealed

NOW_MS = 1_790_000_000_000
SHOP = ShopInfo(
    "Kaufladen Prüfstand",
    ("Testgasse 1", "00000 Probestadt"),
    "DE000000000",
    footer_de="Danke!",
    footer_en="Thank you!",
)


class Clock:
    """Stands still unless pushed. `leap_ms`: how far its wall is off."""

    boot_id = "boot"

    def __init__(self) -> None:
        self.ms = 0
        self.leap_ms = 0

    def wall_ms(self) -> int:
        return NOW_MS + self.ms + self.leap_ms

    def mono_ms(self) -> int:
        return self.ms

    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.wall_ms() / 1000, tz=dt.UTC)


class Ids:
    """Chance by counting: the same in each run."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._n = 0

    def new_id(self) -> str:
        return self.token(13).hex()

    def token(self, size: int) -> bytes:
        self._n += 1
        return hashlib.shake_256(f"{self._seed}:{self._n}".encode()).digest(size)


class InlineWorker:
    """Runs each function at once, as a simulation does."""

    async def run(self, function: Any, *args: Any) -> Any:
        return function(*args)

    def post(self, function: Callable[[], None]) -> None:
        function()


class Memory:
    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def put(self, key: str, value: bytes) -> None:
        self.values[key] = value


def sale(
    number: int, *, link: str = "", lines: int = 3, training: bool = False, day: str = "2026-09-21"
) -> Sale:
    """A cash sale; other numbers give other amounts."""
    unit = 100 + number % 97
    items = tuple(
        SaleLine(
            n, f"Artikel {number * 7 + n}", unit, unit, "A", Decimal(19), NOW_MS,
            gtin=f"40{number * 131 + n:011d}", sku=f"sku-{number}-{n}",
        )
        for n in range(1, lines + 1)
    )  # fmt: skip
    total = unit * lines
    vat = total * 19 // 119
    return Sale(
        cart_id=f"cart-{number:08d}",
        number=number,
        business_day=day,
        cash_session="s1",
        operator="anna",
        started_ms=NOW_MS,
        tendered_ms=NOW_MS + 9000,
        completed_ms=NOW_MS + 9500,
        offset_min=120,
        lines=items,
        tenders=(Tender("cash", total, total + 500, 500),),
        taxes=(SaleTax("A", 1, Decimal(19), total, total - vat, vat),),
        total_minor=total,
        pieces=lines,
        link=link,
        training=training,
    )


class Till:
    """Writes facts into its chain and is the FactSource over them."""

    def __init__(self, store: str = "demo", till: str = "1", *, epoch: int = 1, seq: int = 0) -> None:
        self.store = store
        self.till = till
        self.epoch = epoch
        self.facts: list[StoredFact] = []
        self.base = GENESIS
        self.base_of: dict[int, tuple[int, bytes]] = {}  # epochs that begin on facts which lie elsewhere
        self.seq = seq
        self.number = 0
        self.gross_minor = 0
        self.write(EpochOpened(store, till, "new", "test"))

    def write(self, *facts: Fact) -> list[StoredFact]:
        sales = [fact for fact in facts if isinstance(fact, Sale) and not fact.training]
        self.gross_minor += sum(sale.total_minor for sale in sales)
        return [self.write_raw(*kind_of(fact), body_of(fact)) for fact in facts]

    def write_raw(self, kind: str, version: int, body: bytes, *, boot_id: str = "boot") -> StoredFact:
        previous = self.facts[-1].hash if self.facts else self.base
        if self.epoch in self.base_of and self.base_of[self.epoch][0] == self.seq:
            previous = self.base_of[self.epoch][1]
        self.seq += 1
        wall_ms, mono_ms = NOW_MS + self.seq, self.seq
        hash_ = chain_hash(
            previous, self.store, self.till, epoch=self.epoch, seq=self.seq, kind=kind, version=version,
            wall_ms=wall_ms, mono_ms=mono_ms, boot_id=boot_id, body=body,
        )  # fmt: skip
        fact = StoredFact(self.epoch, self.seq, kind, version, wall_ms, mono_ms, boot_id, body, hash_)
        self.facts.append(fact)
        return fact

    def sell(self, count: int = 1, **fields: Any) -> list[StoredFact]:
        stored = []
        for _ in range(count):
            self.number += 1
            stored += self.write(sale(self.number, **fields))
        return stored

    def new_epoch(self) -> None:
        """A new epoch that goes on in the same journal, as a replaced machine's does."""
        self.epoch += 1
        self.number = 0
        last = self.facts[-1]
        self.write(EpochOpened(self.store, self.till, "replaced", "test", last.epoch, last.seq))

    def open_epoch(self, granted: OpenEpoch) -> None:
        """As the journal does: after its last fact, or further on if the numbers between lie elsewhere."""
        epoch, hash_ = self.epoch, self.facts[-1].hash
        self.epoch, self.number = granted.epoch, 0
        if self.seq + 1 < granted.first_seq:
            self.seq, epoch, hash_ = granted.first_seq - 1, granted.previous_epoch, granted.prev_hash
            self.base_of[granted.epoch] = (self.seq, hash_)
        self.write(EpochOpened(self.store, self.till, granted.reason, "test", epoch, self.seq, hash_.hex()))

    def clone(self) -> "Till":
        """The same disk in a second machine."""
        other = Till(self.store, self.till, epoch=self.epoch)
        other.facts = list(self.facts)
        other.seq, other.number, other.base = self.seq, self.number, self.base
        return other

    def batch(self, first: int, last: int) -> Batch:
        """Facts by their position in the journal, counted from 1."""
        facts = tuple(self.facts[first - 1 : last])
        previous = self.facts[first - 2].hash if first > 1 else self.base
        return Batch(self.store, self.till, facts[0].epoch, facts[0].seq, previous, facts)

    # FactSource

    async def read_after(self, epoch: int, seq: int, limit: int) -> Sequence[StoredFact]:
        rest = [fact for fact in self.facts if (fact.epoch, fact.seq) > (epoch, seq)]
        return [fact for fact in rest if fact.epoch == rest[0].epoch][:limit]

    async def hash_at(self, epoch: int, seq: int) -> bytes | None:
        if seq == 0:
            return self.base
        if self.base_of.get(epoch, (0, b""))[0] == seq:
            return self.base_of[epoch][1]
        found = [fact.hash for fact in self.facts if (fact.epoch, fact.seq) == (epoch, seq)]
        if not found:  # the fact before an epoch's first belongs to the epoch before
            found = [fact.hash for fact in self.facts if fact.seq == seq and fact.epoch < epoch]
        return found[-1] if found else None

    async def last(self) -> tuple[int, int, bytes]:
        fact = self.facts[-1]
        return fact.epoch, fact.seq, fact.hash


class Reports:
    """What the till was told, newest last."""

    def __init__(self) -> None:
        self.all: list[HubReported] = []
        self._news = asyncio.Event()

    def __call__(self, command: Command) -> None:
        assert isinstance(command, HubReported)
        self.all.append(command)
        self._news.set()

    @property
    def last(self) -> HubReported:
        return self.all[-1]

    async def until(self, wanted: Any, timeout_s: float = 10.0) -> HubReported:
        """Wait for a report for which `wanted(report)` holds, the newest included."""
        async with asyncio.timeout(timeout_s):
            while not (self.all and wanted(self.all[-1])):
                self._news.clear()
                await self._news.wait()
        return self.all[-1]


def key_for(store: str, machine: str) -> SigningKey:
    """The key that this machine has in tests, always the same."""
    return SigningKey(hashlib.sha256(f"{store}/{machine}".encode()).digest())


def sealed_by(batch: Batch, key: SigningKey | None = None) -> Batch:
    """The batch with its till's seal, or with another key's."""
    key = key or key_for(batch.store, batch.till)
    return sealed(batch, key.key_id, key.sign)


def link_of(store: str, key: bytes, n: int = 0) -> str:
    return mint_link(store, hashlib.sha256(str(n).encode()).digest()[:16], key)


def as_json(message: Any) -> bytes:
    return msgspec.json.encode(message)
