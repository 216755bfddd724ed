"""Random days of a shop in every channel, in virtual time: what S1 to S9 say must hold, whatever comes late or twice.

A day has parts, each with acts by chance and a check at its end. The hub's own core runs inline over SQLite in memory;
tills sell on when they are cut off, and what they did arrives later, in batches, twice, in another order between tills.
Beside it stands a second, plain account. All of it follows from the seed.

Another resource takes part by a class with `acts`, `settle` and `check` in `parts`.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from pos.domain.line import Origin
from pos.facts import body_of, decode_fact, kind_of
from pos.sale_facts import Reference, Sale, SaleLine
from sync.hub.shop import tables as _shop_tables
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.rooms import ROOMS
from sync.hub.shop.stores.messages import PutStore
from sync.hub.tables import metadata, store_info
from sync.wire import encode_json

__all__ = ["Day", "Part", "Report", "Till", "parts", "shop_days"]

_TABLES = _shop_tables  # so that they are made
_DAYS_A_DATABASE: Final = 250
_START_MS: Final = 1_790_000_000_000
_ACTS: Final = (12, 40)
_T = TypeVar("_T")


class Report(msgspec.Struct):
    """What was done, by name."""

    counts: Counter[str] = msgspec.field(default_factory=Counter)


class _Ids:
    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._n = 0

    def new_id(self) -> str:
        return self.token(13).hex()

    def token(self, size: int) -> bytes:
        self._n += 1
        return hashlib.shake_256(f"{self._seed}:{self._n}".encode()).digest(size)


class Till(msgspec.Struct):
    """`waiting` are facts that the hub has not heard; `cut`: nothing goes up now."""

    name: str
    store: str
    seq: int = 0
    cut: bool = False
    waiting: list[Arrived] = []
    said: list[Arrived] = []


class Day:
    """One seed. Stores, tills, the clock, and the way to the hub's core."""

    def __init__(self, connection: Connection, seed: int, report: Report) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.report = report
        self.connection = connection
        self.ids = _Ids(str(seed))
        self.now_ms = _START_MS
        self.stores = tuple(f"s{seed}-{n}" for n in range(self.rng.randint(1, 3)))
        self.skus = tuple(f"sku{n}" for n in range(self.rng.randint(1, 3)))
        self.safety = {store: self.rng.choice((0, 0, 1, 2)) for store in self.stores}
        self.tills = [
            Till(str(n), store, waiting=[], said=[])
            for store in self.stores
            for n in range(1, self.rng.randint(1, 2) + 1)
        ]
        for store in self.stores:
            about = PutStore(store, safety=self.safety[store])
            row = {"store": store, "version": 1, "active": True, "body": encode_json(about)}
            connection.execute(store_info.insert(), row)

    @property
    def late(self) -> bool:
        """Whether there is something that the hub has not heard."""
        return any(till.waiting for till in self.tills)

    def do(self, function: Callable[[Work], _T], store: str = "") -> _T:
        """A command in its own (nested) transaction; refused, it leaves nothing."""
        actor = Actor("till", f"{store}/1", "till", store) if store else Actor("token", "office", "admin")
        work = Work(self.connection, self.now_ms, self.ids, actor)
        nested = self.connection.begin_nested()
        try:
            answer = function(work)
            work.finish()
        except BaseException:
            nested.rollback()
            raise
        nested.commit()
        return answer

    def refused(self, function: Callable[[Work], Any]) -> str:
        """The code of the refusal; empty: it was answered with yes."""
        try:
            self.do(function)
        except RefusedError as error:
            return error.code
        return ""

    def write(self, till: Till, fact: Sale) -> None:
        """A till commits a fact: it has happened, whether the hub hears of it now or never."""
        kind, version = kind_of(fact)
        read = decode_fact(kind, version, body_of(fact))
        assert isinstance(read, Sale)
        till.seq += 1
        arrived = Arrived(till.store, till.name, 1, till.seq, self.now_ms, read)
        till.said.append(arrived)
        till.waiting.append(arrived)
        if not till.cut:
            self.deliver(till)

    def deliver(self, till: Till, count: int | None = None) -> None:
        """The next facts of a till, in its order."""
        count = len(till.waiting) if count is None else count
        batch, till.waiting = till.waiting[:count], till.waiting[count:]
        if batch:
            self.hear(batch)

    def hear(self, batch: list[Arrived]) -> None:
        """S4: no fact is ever refused."""

        def run(work: Work) -> None:
            for arrived in batch:
                for room in ROOMS:
                    room(work, arrived)

        self.do(run)
        self.report.counts["facts"] += len(batch)

    def sale(self, *lines: SaleLine, references: tuple[Reference, ...] = (), training: bool = False) -> Sale:
        return Sale(
            cart_id=self.ids.new_id(), number=1, business_day="2026-09-21", cash_session="s", operator="1",
            started_ms=self.now_ms, tendered_ms=self.now_ms, completed_ms=self.now_ms, offset_min=0, lines=lines,
            tenders=(), taxes=(), total_minor=0, pieces=0, references=references, training=training,
        )  # fmt: skip

    def line(self, n: int, sku: str, quantity: Decimal, *, damaged: bool = False) -> SaleLine:
        """Goods that are sold, or taken back (negative)."""
        back = quantity < 0
        origin = Origin(damaged=damaged) if back else None
        kind = "return" if back else "article"
        return SaleLine(
            n, sku, 100, 100, "A", Decimal(19), self.now_ms, quantity, kind, sku=sku, origin=origin
        )


class Part(Protocol):
    """What takes part in a day."""

    def __init__(self, day: Day) -> None: ...

    def acts(self) -> list[Callable[[], None]]:
        """Of which one is done at a time, by chance; each leaves its own invariants holding."""
        ...

    def settle(self) -> None:
        """All tills are heard and the lines are good again: end what must end."""
        ...

    def check(self) -> None:
        """Raises AssertionError with what is wrong."""
        ...


class Lines:
    """The network: tills are cut off and come back; batches come late, in parts, and again."""

    def __init__(self, day: Day) -> None:
        self.day = day

    def acts(self) -> list[Callable[[], None]]:
        return [self._time, self._cut, self._some, self._again]

    def _time(self) -> None:
        self.day.now_ms += self.day.rng.choice((1, 500, 60_000, 600_000))

    def _cut(self) -> None:
        till = self.day.rng.choice(self.day.tills)
        till.cut = not till.cut
        self.day.report.counts["cuts"] += till.cut
        if not till.cut:
            self.day.deliver(till)

    def _some(self) -> None:
        till = self.day.rng.choice(self.day.tills)
        self.day.deliver(till, self.day.rng.randint(0, len(till.waiting)))

    def _again(self) -> None:
        """A batch that was heard comes once more, in another order."""
        heard = [fact for till in self.day.tills for fact in till.said[: len(till.said) - len(till.waiting)]]
        batch = self.day.rng.sample(heard, min(len(heard), 3))
        if batch:
            self.day.hear(batch)
            self.day.report.counts["again"] += len(batch)

    def settle(self) -> None:
        tills = list(self.day.tills)
        self.day.rng.shuffle(tills)
        for till in tills:
            till.cut = False
            self.day.deliver(till)

    def check(self) -> None:
        assert not self.day.late


def parts() -> tuple[type[Part], ...]:
    """Whoever takes part in each day; the network is first."""
    from tests.simulation.shop_stock import Stock

    return (Lines, Stock)


def shop_days(seed: int, count: int, progress: Callable[[int], None] = lambda _: None) -> dict[str, int]:
    """Days `seed` to `seed + count - 1`. Raises AssertionError that names the seed."""
    report = Report()
    for start in range(seed, seed + count, _DAYS_A_DATABASE):
        engine = _database()
        try:
            for number in range(start, min(start + _DAYS_A_DATABASE, seed + count)):
                with engine.connect() as connection:
                    outer = connection.begin()
                    try:
                        _run(connection, number, report)
                    finally:
                        outer.rollback()
                progress(number + 1 - seed)
        finally:
            engine.dispose()
    return dict(report.counts)


def _run(connection: Connection, seed: int, report: Report) -> None:
    try:
        day = Day(connection, seed, report)
        taking_part = [make(day) for make in parts()]
        acts = [part.acts() for part in taking_part]
        for _ in range(day.rng.randint(*_ACTS)):
            day.rng.choice(day.rng.choice(acts))()
        for part in taking_part:
            part.settle()
        for part in taking_part:
            part.check()
    except Exception as error:
        raise AssertionError(f"day {seed}: {type(error).__name__}: {error}") from error
    report.counts["days"] += 1


def _database() -> Engine:
    engine = sa.create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False, "isolation_level": None}
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("begin")

    metadata.create_all(engine)
    return engine
