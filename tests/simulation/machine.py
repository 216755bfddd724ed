"""A whole till on a folder, in one thread and without devices: what it showed its customers is remembered.

Real: the till, journal, state, views. Stand-ins: clock, ids, shelf, people, printer, drawer, and a worker that
runs at once, so that everything happens in one order.
"""

import contextlib
import datetime as dt
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from pos.bootstrap import _open_storage
from pos.device_ports import JobState, PrintJob
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.article import Article, Deposit, Product
from pos.domain.cart import Cart
from pos.domain.codes import check_digit, key_of
from pos.domain.price_lists import PricesBefore
from pos.domain.rights import ALL, Role
from pos.domain.shelf_label import PriceChange
from pos.journal.file_journal import FileJournal
from pos.journal.history import FileHistory
from pos.journal.state import SpoolView, StateStore
from pos.journal.views import Views
from pos.journal.writer import create_journal
from pos.ports import Operator
from pos.resources import tax_table
from pos.sale_facts import Sale
from pos.settings import load_settings
from pos.storage_ports import Head, JournalUnavailableError
from pos.till import Till, TillSetup, World
from pos.till_facts import EpochOpened

__all__ = ["InlineWorker", "LazyWorker", "Machine", "Seen", "SimClock", "SimIds", "make_folder"]

_T = TypeVar("_T")
_TAXES = tax_table("DE")
_SETTINGS = load_settings(None, {})


class _Done(Generic[_T]):
    """What is over already, to be awaited."""

    __slots__ = ("_error", "_value")

    def __init__(self, value: Any, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error

    def __await__(self) -> Generator[None, None, _T]:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]
        yield


class InlineWorker:
    """Implements ports.Worker without a thread: what is asked is done before the call returns."""

    def run(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]:
        try:
            return _Done(function(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to who awaits it
            return _Done(None, error)

    def post(self, function: Callable[[], None]) -> None:
        function()


class LazyWorker(InlineWorker):
    """The state's thread, which may be behind: what is posted waits, by chance, until something is asked of it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: deque[Callable[[], None]] = deque()

    @property
    def idle(self) -> bool:
        return not self._waiting

    def run(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]:
        self._catch_up()
        return super().run(function, *args)

    def post(self, function: Callable[[], None]) -> None:
        self._waiting.append(function)
        if self._rng.random() < 0.4:
            self._catch_up()

    def _catch_up(self) -> None:
        while self._waiting:
            self._waiting.popleft()()


class SimClock:
    """A clock that goes on by one second each time it is read; a new boot has a new id."""

    def __init__(self, start: dt.datetime, boot: int = 1) -> None:
        self.time = start
        self.boot_id = f"boot-{boot}"

    def wall_ms(self) -> int:
        self.time += dt.timedelta(seconds=1)
        return int(self.time.timestamp() * 1000)

    def mono_ms(self) -> int:
        return int(self.time.timestamp() * 1000)

    def now(self) -> dt.datetime:
        return self.time


class SimIds:
    """Ids from a seeded chance."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new_id(self) -> str:
        return f"{self._rng.getrandbits(128):026X}"[:26]

    def token(self, size: int) -> bytes:
        return self._rng.randbytes(size)


def _article(number: int) -> Article:
    body = f"4{number:011d}"
    deposit = Deposit("P25", "Pfand", 25, "A") if number % 5 == 0 else None
    return Article(
        f"S{number}",
        f"Artikel {number}",
        "AB"[number % 2],
        79 + 10 * number,
        gtin=f"{body}{check_digit(body)}",
        deposit=deposit,
    )


SHELF = [_article(number) for number in range(1, 31)]
CODES = [article.gtin or "" for article in SHELF]


class _Shelf:
    """Implements ports.Catalogue over the shelf."""

    _by_code: Mapping[str, Article] = {
        key_of(code): article for code, article in zip(CODES, SHELF, strict=True)
    }
    count = len(SHELF)

    def find(self, key: str) -> Article | None:
        return self._by_code.get(key)

    def by_sku(self, sku: str) -> Article | None:
        return next((article for article in SHELF if article.sku == sku), None)

    async def search(self, text: str, limit: int) -> Sequence[Article]:
        return [article for article in SHELF if text in article.text][:limit]

    async def price_changes(self, first: dt.date, last: dt.date) -> Sequence[PriceChange]:
        return ()

    async def repriced(self) -> Sequence[PriceChange]:
        return ()

    async def prices_before(self, skus: Sequence[str]) -> PricesBefore:
        return PricesBefore()

    async def deposits(self) -> Sequence[Deposit]:
        return tuple({a.deposit.sku: a.deposit for a in SHELF if a.deposit is not None}.values())

    async def variants(self, product: int) -> Product | None:
        return None

    def departments(self) -> Mapping[int, tuple[str, str]]:
        return {1: ("Lebensmittel", "B")}

    def refresh(self, on: dt.date) -> bool:
        return False


_ROLES = (Role("cashier", (ALL,)),)


class _People:
    async def sign_in(self, name: str, pin: str) -> Operator:
        return Operator("1", name)

    async def by_badge(self, payload: str) -> Operator:
        return Operator("1", payload)

    async def change_pin(self, operator_id: str, old: str, new: str) -> Operator:
        return Operator(operator_id, "Kim")

    def operators(self) -> Sequence[Operator]:
        return (Operator("1", "Kim"),)


class Seen(msgspec.Struct):
    """What the world outside was shown or told, and may hold the till to. Nobody sees anything without power."""

    paid: dict[str, int] = {}  # cart_id -> receipt number: thanks, paper, or the drawer of a sale
    voided: list[str] = []
    parked: list[str] = []
    resumed: list[str] = []
    drawer: int = 0  # pulses without a sale
    copies: int = 0
    head: tuple[int, bytes] = (0, b"")  # the newest fact whose commit returned
    carts: list[Cart | None] = msgspec.field(
        default_factory=lambda: [None]
    )  # the cart as last known durable, then what it may have become
    cursor: int = 0  # acknowledged by the hub, and remembered
    cursor_asked: list[int] = []  # where it may have come since
    jobs: list[str] = []  # receipts whose spooling returned


class _Printer:
    """Spools like the driver, then shows the paper to the customer."""

    def __init__(self, machine: "Machine", spool: SpoolView) -> None:
        self._machine = machine
        self._spool = spool

    def submit(self, job: PrintJob) -> None:
        machine = self._machine
        try:
            _now(self._spool.put(job.job_id, msgspec.json.encode(job.sale), b"{}"))
        except JournalUnavailableError:
            return
        if machine.has_power():
            machine.seen.jobs.append(job.job_id)
            if job.sale is not None:
                machine.show(job.sale)
            machine.seen.copies += job.copy

    def decide(self, job_id: str, choice: str) -> None:
        pass


class _Drawer:
    def __init__(self, machine: "Machine") -> None:
        self._machine = machine

    def open(self) -> bool:
        machine = self._machine
        if machine.has_power():
            machine.seen.drawer += machine.opens_without_sale
            machine.pulses += 1
        return True


class Machine:
    """One run of a till, from start to power cut, kill or closing."""

    def __init__(
        self,
        state: Path,
        clock: SimClock,
        ids: SimIds,
        seen: Seen,
        has_power: Callable[[], bool] = lambda: True,
        state_worker: InlineWorker | None = None,
    ) -> None:
        worker = InlineWorker()
        self.state = state
        self.seen = seen
        self.has_power = has_power
        self._state_worker = state_worker or worker
        self.store = StateStore(state / "state.db", self._state_worker)
        self.views = Views(state / "views.db")
        self.journal = FileJournal(state / "journal", self.views, clock, worker)
        self.opens_without_sale = False
        self.pulses = 0
        self.stopped: JournalUnavailableError | None = None
        self.locked = ""
        self._worker = worker
        self.till = Till(
            World(
                journal=self.journal,
                state=self.store,
                catalogue=_Shelf(),
                people=_People(),
                clock=clock,
                ids=ids,
                taxes=_TAXES,
                printer=_Printer(self, SpoolView(self.store)),
                drawer=_Drawer(self),
                memory=self.store,
                history=FileHistory(state / "journal", self.views, worker),
            ),
            TillSetup(roles=_ROLES),
        )
        self.till.subscribe(self._heard)

    async def start(self) -> None:
        """Open everything as `open_till` does, and sign in."""
        opened = await _open_storage(
            self.state,
            _SETTINGS,
            self.store,
            self.journal,
            self._worker,  # type: ignore[arg-type]
        )
        self.stopped = opened.stopped
        self.locked = opened.locked
        await self.till.start(opened.cart, opened.unsent, opened.stopped, opened.locked)
        if self.stopped is None:
            await self.till.handle(c.SignIn("Kim", "4711"))

    async def close(self) -> None:
        await self.store.close()
        await self.journal.close()

    def abandon(self) -> None:
        """Close the files of a till that is gone, past its worker, so that no test holds them until somebody collects it."""
        for part in (self.journal, self.store):
            with contextlib.suppress(Exception):
                part._close()

    async def do(self, command: c.Command) -> None:
        """One command to its end; what it left behind is what the till may be held to, if the power is on."""
        self.opens_without_sale = isinstance(command, c.OpenDrawer)
        await self.till.handle(command)
        self.seen.carts.append(self.cart)
        if not self.has_power() or self.till._desk.in_doubt:
            return
        self.seen.head = (self.journal.head.seq, self.journal.head.hash)
        behind = isinstance(self._state_worker, LazyWorker) and not self._state_worker.idle
        if self.store.problem is None and not behind:
            self.seen.carts = [self.cart]

    async def acknowledge(self) -> None:
        """The hub holds everything: the cursor moves."""
        head = self.journal.head
        self.seen.cursor_asked.append(head.seq)
        try:
            await self.store.put("hub.cursor", f"{head.epoch}:{head.seq}".encode())
        except JournalUnavailableError:
            return
        if self.has_power():
            self.seen.cursor = head.seq
            self.seen.cursor_asked = []
            self.till.submit(c.HubReported(online=True, acked_epoch=head.epoch, acked_seq=head.seq))

    async def cursor(self) -> int:
        """The seq up to which the till remembers that the hub holds its facts."""
        return int((await self.store.get("hub.cursor") or b"1:0").partition(b":")[2])

    @property
    def head(self) -> Head:
        """Of the side where the till is: for real, or in training."""
        return self.till._desk.world.journal.head

    @property
    def cart(self) -> Cart | None:
        return self.till.parts.selling.cart

    def show(self, sale: Sale) -> None:
        self.seen.paid[sale.cart_id] = sale.number

    def _heard(self, events: Sequence[e.Event]) -> None:
        if not self.has_power():
            return
        for event in events:
            if isinstance(event, e.SalePaid):
                sale = self.till._desk.last_sale
                assert sale is not None
                assert sale.number == event.number
                self.show(sale)
            elif isinstance(event, e.CartVoided):
                self.seen.voided.append(event.cart_id)
            elif isinstance(event, e.CartParked):
                self.seen.parked.append(event.cart_id)
            elif isinstance(event, e.CartResumed):
                self.seen.resumed.append(event.cart_id)


def make_folder(state: Path, clock: SimClock) -> None:
    """A new till's folder."""
    create_journal(state / "journal", clock, EpochOpened("shop", "t1", "new till", "simulation"))


async def jobs_of(store: StateStore) -> dict[str, JobState]:
    """The spool's jobs that are not over."""
    return {job_id: state for job_id, state, _, _ in await store.spool_pending()}


def _now(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise AssertionError("something waits")
