"""Random days of a shop in every channel, in virtual time: what S1 to S9 say must hold, whatever comes late or twice.

A day has parts, each with acts by chance and a check at its end. The hub's own core runs inline over SQLite in memory, each
command in its transaction; the day as a whole is undone when it is over. Tills sell on when they are cut off, and what they did
arrives later, in batches, twice, in another order between tills; the hub dies before commits, and answers are lost. Beside it
stands a second, plain account that knows nothing of the rooms. All of it follows from the seed.

Another resource takes part by a class with `acts`, `settle` and `check` in `parts`.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from pos.domain.line import Origin
from pos.facts import Fact, UnknownFact, body_of, decode_fact, kind_of
from pos.sale_facts import Sale, SaleLine
from sync.hub.shop import tables as _shop_tables
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Done, Keyed, Work, perform
from sync.hub.shop.rooms import ROOMS
from sync.hub.shop.stores.messages import PutStore
from sync.hub.tables import metadata, node_key
from sync.wire import encode_json

__all__ = ["OFFICE", "Day", "Part", "Report", "Till", "parts", "shop_days"]

_TABLES = _shop_tables  # so that they are made
_SAID_EVERY: Final = 100
_RESTART: Final = 0.03
_START_MS: Final = 1_790_000_000_000
_ACTS: Final = (8, 24)
_SILENCE: Final = 0.1
OFFICE: Final = Actor("token", "office", "admin")
_SOUND: Final = """
    select l.store, l.sku, l.on_hand, l.reserved, coalesce(r.active, 0) from stock_level l
    left join (
      select store, sku, sum(qty) as active from stock_reservation where state = 'active' group by store, sku
    ) r on r.store = l.store and r.sku = l.sku
    where l.location = 'store' and (l.reserved <> coalesce(r.active, 0) or (l.reserved > 0 and l.reserved > l.on_hand))
    """
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


class CrashError(Exception):
    """The hub's process ends here."""


class Day:
    """One seed. Stores, tills, the clock, the way to the hub's core, and the second account of what moved.

    `moves` is what happened to goods by (store, sku, location) and cause, `counts` what was counted; `heard` are the facts that
    the hub has by their places. Whoever takes part keeps them, from what people did, not from what the hub says.
    """

    def __init__(self, connection: Connection, seed: int, report: Report) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.report = report
        self.connection = connection
        self.driver: Any = connection.connection.driver_connection
        self.ids = _Ids(str(seed))
        self.now_ms = _START_MS
        self.stores = tuple(f"s{seed}-{n}" for n in range(self.rng.choice((1, 2, 2, 3))))
        self.skus = tuple(f"sku{n}" for n in range(self.rng.randint(1, 2)))
        self.safety = {store: self.rng.choice((0, 0, 1, 2)) for store in self.stores}
        self.tills = [
            Till(str(n), store, waiting=[], said=[])
            for store in self.stores
            for n in range(1, self.rng.randint(1, 2) + 1)
        ]
        self.moves: dict[tuple[str, str, str], dict[tuple[str, str], tuple[int, int]]] = {}
        self.counts: dict[tuple[str, str, str], list[tuple[int, str, int]]] = {}
        self.heard: dict[tuple[str, str], Arrived] = {}
        self.stored: dict[tuple[str, str], tuple[Any, ...]] = {}

    def open(self) -> None:
        """The stores as the hub knows them."""
        for store in self.stores:
            about = encode_json(PutStore(store, safety=self.safety[store], keep_days=self.rng.choice((1, 3))))
            self.driver.execute(
                "insert into store_info (store, version, active, body) values (?, 1, 1, ?)", (store, about)
            )

    def rows(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """What stands in the hub's tables."""
        return list(self.driver.execute(sql, given))

    def note(self, store: str, sku: str, location: str, key: tuple[str, str], qty: Decimal) -> None:
        """Goods moved, now, for this cause; in millionths."""
        self.moves.setdefault((store, sku, location), {})[key] = (int(qty * 1_000_000), self.now_ms)

    def do(self, function: Callable[[Work], _T], store: str = "", till: str = "1") -> _T:
        """A command in its own (nested) transaction; refused, it leaves nothing. At times the hub dies before its commit, comes
        back, and is asked again.
        """
        if self.rng.random() < _RESTART:
            self.report.counts["restarts"] += 1
            with suppress(CrashError, RefusedError):
                self._once(function, store, till, crash=True)
        return self._once(function, store, till)

    def _once(self, function: Callable[[Work], _T], store: str, till: str, *, crash: bool = False) -> _T:
        actor = Actor("till", f"{store}/{till}", "till", store) if store else OFFICE
        work = Work(self.connection, self.now_ms, self.ids, actor)
        self.driver.execute("savepoint act")
        try:
            answer = function(work)
            work.finish()
            if crash:
                raise CrashError
        except BaseException:
            self.driver.execute("rollback to act")
            self.driver.execute("release act")
            raise
        self.driver.execute("release act")
        return answer

    def keyed(self, function: Callable[[Work, Any], _T], ask: Any, type_: type[_T], store: str = "") -> _T:
        """A command under an idempotency key. At times its answer is lost, and it is asked again: the same answer, nothing more."""
        actor = Actor("till", f"{store}/1", "till", store) if store else OFFICE
        key = Keyed.of(self.ids.new_id(), function.__name__, encode_json(ask))

        def run() -> Done:
            return perform(
                self.connection, function, ask, now_ms=self.now_ms, ids=self.ids, actor=actor, keyed=key
            )

        self.driver.execute("savepoint act")
        try:
            done = run()
        except BaseException:
            self.driver.execute("rollback to act")
            self.driver.execute("release act")
            raise
        self.driver.execute("release act")
        if self.rng.random() < _SILENCE:
            self.report.counts["silences"] += 1
            again = run()
            assert again.again, "a key was used, and its command is done once more"
            assert again.body == done.body, "a key was used, and the answer is another"
        return msgspec.json.decode(done.body, type=type_)

    def refused(self, function: Callable[[Work], Any], store: str = "", till: str = "1") -> str:
        """The code of the refusal; empty: it was answered with yes."""
        try:
            self.do(function, store, till)
        except RefusedError as error:
            self.report.counts[f"refused {error.code}"] += 1
            return error.code
        return ""

    def write(self, till: Till, *facts: Fact) -> list[Arrived]:
        """A till commits facts: they have happened, whether the hub hears of them now or never. A receipt's number is its place."""
        made = []
        for fact in facts:
            till.seq += 1
            if isinstance(fact, Sale):
                fact = msgspec.structs.replace(fact, number=till.seq)  # noqa: PLW2901
            kind, version = kind_of(fact)
            body = body_of(fact)
            read = decode_fact(kind, version, body)
            assert not isinstance(read, UnknownFact)
            self.stored[till.store, f"{till.name}/1/{till.seq}"] = (
                till.store, till.name, 1, till.seq, kind, version, self.now_ms, 0, "boot", body, bytes(32), self.now_ms,
            )  # fmt: skip
            made.append(Arrived(till.store, till.name, 1, till.seq, self.now_ms, read))
        till.said += made
        till.waiting += made
        if not till.cut:
            self.deliver(till)
        else:
            self.report.counts["facts said while cut off"] += len(made)
        return made

    def place_of(self, till: Till, ahead: int = 1) -> str:
        """Where the till's next fact will stand."""
        return f"{till.name}/1/{till.seq + ahead}"

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

        first = batch[0]
        marks = ", ".join("?" * 12)
        facts = [self.stored[one.store, one.place] for one in batch]
        self.driver.executemany(f"insert or ignore into fact values ({marks})", facts)
        self.do(run, first.store, first.till)
        self.heard |= {(one.store, one.place): one for one in batch}
        self.report.counts["facts"] += len(batch)

    def sale(self, *lines: SaleLine, **more: Any) -> Sale:
        said: dict[str, Any] = {
            "cart_id": self.ids.new_id(), "number": 1, "business_day": "2026-09-21", "cash_session": "s", "operator": "1",
            "started_ms": self.now_ms, "tendered_ms": self.now_ms, "completed_ms": self.now_ms, "offset_min": 0,
            "lines": lines, "tenders": (), "taxes": (), "total_minor": 0, "pieces": 0,
        }  # fmt: skip
        return Sale(**{**said, **more})

    def line(self, n: int, sku: str, quantity: Decimal, *, damaged: bool = False) -> SaleLine:
        """Goods that are sold, or taken back (negative)."""
        back = quantity < 0
        origin = Origin(damaged=damaged) if back else None
        kind = "return" if back else "article"
        return SaleLine(
            n, sku, 100, 100, "A", Decimal(19), self.now_ms, quantity, kind, sku=sku, origin=origin
        )

    def online(self, store: str = "") -> Till | None:
        """A till that reaches the hub."""
        there = [till for till in self.tills if not till.cut and store in {"", till.store}]
        return self.rng.choice(there) if there else None

    def alone(self, store: str = "") -> Till | None:
        """A till that does not."""
        there = [till for till in self.tills if till.cut and store in {"", till.store}]
        return self.rng.choice(there) if there else None

    def tasks(self, kind: str) -> list[tuple[str, Any]]:
        """The key and the data of each task of a kind, done or not; without those whose cause is gone."""
        query = "select key, data from task where kind = ? and state <> 'withdrawn' order by store, key"
        rows = self.rows(query, kind)
        return [(key, msgspec.json.decode(data)) for key, data in rows]

    def sound(self) -> None:
        """S2: a level's promises are the sum of those that are active, and nobody is promised what is not there."""
        wrong = self.rows(_SOUND)
        assert not wrong, f"S2: (store, sku, on hand, reserved, active) {wrong[0]}"


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


def parts() -> tuple[type[Part], ...]:
    """Whoever takes part in each day; the network is first."""
    from tests.simulation.shop_cards import Cards
    from tests.simulation.shop_carts import Carts
    from tests.simulation.shop_given_back import GivenBack
    from tests.simulation.shop_lines import Lines
    from tests.simulation.shop_orders import Orders
    from tests.simulation.shop_returns import Returns
    from tests.simulation.shop_stock import Stock

    return (Lines, Stock, Orders, Returns, Cards, Carts, GivenBack)


def shop_days(seed: int, count: int, progress: Callable[[int], None] = lambda _: None) -> dict[str, int]:
    """Days `seed` to `seed + count - 1`. Raises AssertionError that names the seed."""
    report = Report()
    engine = _database()
    try:
        with engine.connect() as connection:
            connection.begin()
            for number in range(seed, seed + count):
                _run(connection, number, report)
                if number % _SAID_EVERY == 0:
                    progress(number + 1 - seed)
    finally:
        engine.dispose()
    progress(count)
    return dict(report.counts)


def _run(connection: Connection, seed: int, report: Report) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute("savepoint day")
    try:
        day = Day(connection, seed, report)
        day.open()
        taking_part = [make(day) for make in parts()]
        acts = [part.acts() for part in taking_part]
        for _ in range(day.rng.randint(*_ACTS)):
            act = day.rng.choice(day.rng.choice(acts))
            act()
            report.counts["acts"] += 1
            day.sound()
        for part in taking_part:
            part.settle()
        day.sound()
        for part in taking_part:
            part.check()
    except Exception as error:
        raise AssertionError(f"day {seed}: {type(error).__name__}: {error}") from error
    finally:
        driver.execute("rollback to day")
        driver.execute("release day")
    report.counts["days"] += 1


def _database() -> Engine:
    engine = sa.create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False, "isolation_level": None}
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("begin")

    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(node_key.insert(), {"slot": "hub", "seed": bytes(32), "created_ms": 0})
    return engine
