"""Many want the last of something at once, on real threads over a real database: exactly one gets it.

Each kind of race is a function of an engine, a number and a pool, and gives how many won; another resource adds its own
to `RACES`. SQLite's writers come one after the other as its hub's do; PostgreSQL's meet.
"""

import hashlib
import itertools
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Connection, Engine

from sync.hub import machines
from sync.hub.database import migrate, open_engine, transact
from sync.hub.shop.baskets import core as baskets
from sync.hub.shop.baskets.messages import Claim, MakeBasket
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core as orders
from sync.hub.shop.orders import moves
from sync.hub.shop.orders.messages import ClaimCode, Pick, Picked, PlaceLine, PlaceOrder, Ready
from sync.hub.shop.returns import core as returns
from sync.hub.shop.returns.facts import hear as sales_heard
from sync.hub.shop.returns.messages import BackLine, TakeBack
from sync.hub.shop.stock import core
from tests.contract.hub_kit import Till
from tests.contract.postgres import create_database, running_postgres
from tests.contract.shop.returns_kit import bought, put, sold_line

__all__ = [
    "BUYERS", "RACES", "Ids", "command", "last_unit", "one_cart", "one_pickup", "one_refund", "race_on", "shop_races",
]  # fmt: skip

BUYERS: Final = 8
_NOW_MS: Final = 1_790_000_000_000
_OFFICE: Final = Actor("token", "office", "admin")
Race = Callable[[Engine, int, ThreadPoolExecutor], int]


class Ids:
    """Chance by counting, for several threads."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def new_id(self) -> str:
        return self.token(13).hex()

    def token(self, size: int) -> bytes:
        with self._lock:
            number = next(self._numbers)
        return hashlib.shake_256(f"{self._seed}:{number}".encode()).digest(size)


_IDS: Final = Ids("races")


def command(engine: Engine, function: Callable[[Work], Any], actor: Actor = _OFFICE) -> Any:
    """In its transaction; a refusal comes back as its code."""

    def run(connection: Connection) -> Any:
        work = Work(connection, _NOW_MS, _IDS, actor)
        answer = function(work)
        work.finish()
        return answer

    try:
        return transact(engine, run)
    except RefusedError as refused:
        return refused.code


def last_unit(engine: Engine, number: int, pool: ThreadPoolExecutor) -> int:
    """Buyers at once want one unit."""
    sku = f"last-{number}"
    command(
        engine, lambda work: core.move(work, core.Move("demo", sku, Decimal(1), "receipt", "in", _NOW_MS))
    )
    ask = core.Reserve("demo", sku, Decimal(1), "cart", "buyer", _NOW_MS + 10**9)
    outcomes = list(pool.map(lambda _: command(engine, lambda work: core.reserve(work, ask)), range(BUYERS)))
    lost = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert set(lost) <= {"not-available"}, lost
    level = command(engine, lambda work: core.available(work, "demo", [sku]))[sku]
    assert (level.on_hand, level.reserved, level.available) == (1, 1, 0), level
    return len(outcomes) - len(lost)


def one_cart(engine: Engine, _number: int, pool: ThreadPoolExecutor) -> int:
    """Two tills at once want one phone's cart."""
    cart = command(engine, lambda work: baskets.make(work, MakeBasket("demo")))
    tills = ("1", "2")

    def claim(till: str) -> Any:
        actor = Actor("till", f"demo/{till}", "till", "demo")
        return command(engine, lambda work: baskets.claim(work, Claim("demo", cart.share_code)), actor)

    outcomes = list(pool.map(claim, tills))
    lost = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert set(lost) <= {"claimed"}, lost
    return len(outcomes) - len(lost)


def one_pickup(engine: Engine, number: int, pool: ThreadPoolExecutor) -> int:
    """Four tills at once want to hand over one order."""
    cause = f"for order {number}"
    move = core.Move("demo", "pickup", Decimal(1), "receipt", cause, _NOW_MS)
    command(engine, lambda work: core.move(work, move))
    line = PlaceLine("pickup", Decimal(1), 500, "Ware", tax="A")
    ask = PlaceOrder("reserve_and_collect", "demo", (line,))
    order = command(engine, lambda work: orders.place(work, ask)).order
    task = order.fulfillments[0].fulfillment_id
    for step, about in ((moves.pick, Pick((Picked(1, Decimal(1)),))), (moves.ready, Ready("A1"))):
        said = moves.Step("demo", task, about)
        command(engine, lambda work, step=step, said=said: step(work, said), _till("1"))  # type: ignore[misc]
    wanted = moves.ClaimAsk("demo", ClaimCode(order.code))
    return _one_of(
        pool, [_till(str(n)) for n in range(1, 5)],
        lambda actor: command(engine, lambda work: moves.claim(work, wanted), actor), {"claimed"},
    )  # fmt: skip


def one_refund(engine: Engine, number: int, pool: ThreadPoolExecutor) -> int:
    """Four tills of two stores at once want to take back the last of what one receipt sold."""
    till = Till(till=f"r{number}")
    sale = bought(1, sold_line(1, 300))
    put(engine, till, sale)
    place = Arrived("demo", till.till, till.epoch, till.facts[-1].seq, _NOW_MS, sale)
    command(engine, lambda work: sales_heard(work, place), _till(till.till))
    ask = TakeBack(
        source="till", store="demo", till=till.till, epoch=1, number=1, lines=(BackLine(1, Decimal(1)),)
    )
    return _one_of(
        pool, [_till("1"), _till("2"), _till("1", "other"), _till("2", "other")],
        lambda actor: command(engine, lambda work: returns.take_back(work, ask), actor), {"nothing-left"},
    )  # fmt: skip


def _till(name: str, store: str = "demo") -> Actor:
    return Actor("till", f"{store}/{name}", "till", store)


def _one_of(
    pool: ThreadPoolExecutor, actors: list[Actor], want: Callable[[Actor], Any], refusals: set[str]
) -> int:
    """How many of them got it; the others were told why not."""
    outcomes = list(pool.map(want, actors))
    lost = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert set(lost) <= refusals, lost
    return len(outcomes) - len(lost)


RACES: Final[dict[str, Race]] = {
    "last_unit": last_unit,
    "one_cart": one_cart,
    "one_pickup": one_pickup,
    "one_refund": one_refund,
}


def race_on(
    url: str, count: int, races: dict[str, Race] = RACES, progress: Callable[[int], None] = lambda _: None
) -> dict[str, int]:
    """`count` races of each kind on one database. Raises AssertionError where not exactly one won."""
    engine = open_engine(url)
    try:
        migrate(engine)
        transact(engine, machines.node_key, bytes(32), _NOW_MS)
        threads = 1 if engine.dialect.name == "sqlite" else 4
        with ThreadPoolExecutor(threads) as pool:
            for number in range(count):
                for name, race in races.items():
                    won = race(engine, number, pool)
                    assert won == 1, f"{name} {number}: {won} winners"
                progress(number + 1)
    finally:
        engine.dispose()
    return dict.fromkeys(races, count)


def shop_races(count: int, progress: Callable[[int], None] = lambda _: None) -> dict[str, int]:
    """`count` races of each kind on each database; winners are summed over both."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        lite = race_on(
            f"sqlite:///{Path(folder) / 'hub.db'}", count, progress=lambda done: progress(done // 2)
        )
        real = race_on(
            create_database(server, "shop_races"), count, progress=lambda done: progress((count + done) // 2)
        )
    return {name: lite[name] + real[name] for name in lite}
