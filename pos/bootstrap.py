"""Wires the till: the one module that knows every room. What runs is decided here, how is decided there."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pos.buyers import BuyersStore
from pos.catalogue.reader import CatalogueReader
from pos.devices import Surround
from pos.domain.cart import Cart
from pos.domain.commands import Notice, Tick
from pos.domain.events import Event
from pos.domain.price_lists import CHANNEL_TILL, Place
from pos.domain.rights import declared
from pos.journal.file_journal import FileJournal
from pos.journal.history import FileHistory
from pos.journal.lock import StateFolderLock
from pos.journal.reader import JournalFeed, sales_after
from pos.journal.standing import RESTORING, lock_of
from pos.journal.state import SpoolView, StateStore
from pos.journal.views import Views
from pos.journal.writer import create_journal
from pos.people import PeopleStore
from pos.ports import Operator
from pos.promotions.source import PromotionFiles
from pos.quickkeys import QuickKeyError, QuickKeys, load_quick_keys
from pos.resources import tax_table
from pos.roles import load_roles
from pos.scan_files import RecallFile, load_recalls, load_scan_table
from pos.settings import Settings
from pos.storage_ports import Head, JournalUnavailableError
from pos.system import SystemClock, SystemIds, ThreadWorker
from pos.till import PackSetup, Till, TillSetup, World
from pos.till.stock.staff_page import end_pages_of_removed
from pos.till_facts import EpochOpened
from pos.version import VERSION
from sync.wire import Grant

if TYPE_CHECKING:
    from pos.copies import Mirroring
    from pos.entry import Keymap

__all__ = ["OpenTill", "create_till", "log_to_file", "open_till", "run_plain", "run_screen", "software"]

DRAIN_LIMIT_S = 30.0
TICK_S = 5.0
CATALOGUE_PAUSE_S = 0.05  # after each mebibyte: reading must not stand in a scan's way


def software() -> str:
    """Name and version, as facts carry it."""
    return f"tresen {VERSION}"


def create_till(
    state: Path, settings: Settings, till_id: str, operator: str, pin: str, grant: Grant | None = None
) -> Operator:
    """A fresh till in an empty folder: journal with its first fact, state, first operator.

    The numbers begin where the hub's `grant` says, or at 1.
    Raises JournalUnavailableError, PinRefusedError.
    """
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock, ids = SystemClock(settings.shop.time_zone), SystemIds()
    worker = ThreadWorker("init")
    people = PeopleStore(
        state / "people.db", state / "keys", clock, ids, worker, pin_digits=settings.people.pin_digits
    )
    try:
        if (state / RESTORING).exists():
            raise JournalUnavailableError(
                "restore-unfinished",
                f"a restore into {state} was interrupted; run the same tresen restore again",
            )
        if any((state / "journal").glob("*.journal")):
            raise JournalUnavailableError("journal-exists", f"{state} holds a till already")
        added = people.add(operator, pin)
        store = grant.store if grant is not None else settings.shop.store
        first = EpochOpened(store, till_id, "new till", software())
        if grant is None:
            create_journal(state / "journal", clock, first)
        else:
            _create_granted(state, clock, first, grant)
    finally:
        worker.close()
    return added


def _create_granted(state: Path, clock: SystemClock, first: EpochOpened, grant: Grant) -> None:
    """The journal of a till that the hub knows: its first fact follows the newest that the hub holds."""
    first = msgspec.structs.replace(
        first,
        reason=f"{grant.reason} till",
        previous_epoch=grant.previous_epoch,
        previous_seq=grant.first_seq - 1,
        previous_hash=grant.prev_hash.hex() if grant.first_seq > 1 else "",
        granted_by=grant.key_id,
        grant=grant.signature.hex(),
    )
    create_journal(
        state / "journal",
        clock,
        first,
        first_seq=grant.first_seq,
        prev_hash=grant.prev_hash,
        epoch=grant.epoch,
    )


class OpenTill(msgspec.Struct, frozen=True):
    """A till that is ready for commands, and the tasks that belong to it."""

    till: Till
    surround: Surround
    clock: SystemClock
    people: PeopleStore
    catalogue: CatalogueReader
    memory: StateStore
    ids: SystemIds

    def tasks(self) -> tuple[tuple[str, Callable[[], Coroutine[Any, Any, None]]], ...]:
        """What runs beside the till, by name."""
        return (*self.surround.tasks(), ("ticks", self._tick), ("catalogue", self._look_at_catalogue))

    async def _look_at_catalogue(self) -> None:
        """Each new file is read through once, gently; damage is told where the next cart begins."""
        while True:
            await asyncio.sleep(TICK_S)
            with contextlib.suppress(Exception):  # what cannot be looked at now may be later
                await self.catalogue.verify(lambda: asyncio.sleep(CATALOGUE_PAUSE_S))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            with contextlib.suppress(Exception):  # people who cannot be read now stay as they were
                await self.people.refresh()
            self.till.submit(Tick())
            with contextlib.suppress(Exception):  # and so does the hub
                await self._end_pages()

    async def _end_pages(self) -> None:
        """Of the staff page: whoever is no operator any more has none."""
        if self.surround.hub is not None and self.people.operators():
            here = {one.operator_id for one in self.people.operators()}
            await end_pages_of_removed(self.memory, self.surround.hub, self.ids, here)


@contextlib.asynccontextmanager
async def open_till(state: Path, settings: Settings, hub_url: str = "") -> AsyncIterator[OpenTill]:
    """Open everything on a state folder; closes it in order at the end, also after an error.

    Raises StateFolderLockedError, SettingsError. A journal that cannot be used gives a till that is stopped and says so.
    """
    roles = load_roles(state, settings, declared())
    with StateFolderLock(state), contextlib.ExitStack() as threads:
        writer, keeper, reader, helper = (
            _thread(threads, name) for name in ("journal", "state", "reader", "helper")
        )
        clock, ids = SystemClock(settings.shop.time_zone), SystemIds()
        # A thread of its own: a payment's commit never waits behind the save of the cart it pays.
        store = StateStore(state / "state.db", keeper)
        views = Views(state / "views.db")
        journal = FileJournal(state / "journal", views, clock, writer)
        people = PeopleStore(
            state / "people.db", state / "keys", clock, ids, helper, pin_digits=settings.people.pin_digits
        )
        catalogue = CatalogueReader(state / "catalogue.db", helper)
        opened = await _open_storage(state, settings, store, journal, reader)
        catalogue.place = Place(journal.head.store, CHANNEL_TILL)
        with contextlib.suppress(Exception):
            await people.open()
        feed = JournalFeed(state / "journal", reader)
        surround = Surround(state, settings, hub_url or settings.hub.url, clock, ids, helper)
        await surround.prepare(journal, store, SpoolView(store), feed, software())
        world = World(
            journal=journal,
            state=store,
            catalogue=catalogue,
            people=people,
            clock=clock,
            ids=ids,
            taxes=tax_table(settings.shop.country),
            printer=surround.printer,
            drawer=surround.printer if settings.devices.drawer else None,
            hub=surround.hub,
            parks=surround.hub,
            shop=surround.hub,
            recalls=RecallFile(state),
            memory=store,
            buyers=BuyersStore(state / "buyers.db", state / "keys", clock, ids, helper),
            scale=surround.make_scale(),
            cards=surround.make_cards(store),
            services=surround.make_services(),
            history=FileHistory(state / "journal", views, writer),
            promotions=PromotionFiles(state),
        )
        till = Till(
            world,
            TillSetup(
                language=settings.shop.language,
                currency=settings.shop.currency,
                demo=settings.shop.demo,
                receipt_paper=settings.till.receipt_paper,
                software=software(),
                digits_are_cents=settings.till.digits_are_cents,
                tenders=settings.tenders.rules(),
                roles=roles,
                badge=settings.people.badge,
                pin_digits=settings.people.pin_digits,
                idle_lock_minutes=settings.people.idle_lock_minutes,
                switch_minutes=settings.people.switch_minutes,
                cart_follows_operator=settings.people.cart_follows_operator,
                goods=settings.goods.rules,
                returns=settings.returns.policy(),
                cash=settings.cash,
                scans=load_scan_table(settings.scans.table, state, settings.shop.country),
                packs=PackSetup(
                    recalls=load_recalls(state),
                    one_pack_ms=settings.scans.one_pack_ms,
                    past_percent=settings.scans.past_percent,
                ),
                park_slip=settings.till.park_slip,
                share_parked=settings.till.share_parked,
            ),
        )
        surround.connect(till.submit)
        if surround.hub is not None:
            till.subscribe(surround.hub.heard)
        if surround.customer is not None and surround.customer.wanted:
            till.subscribe(surround.customer.heard)
        if surround.mirror is not None:
            till.subscribe(_following(journal, surround.mirror))
        await till.start(opened.cart, opened.unsent, opened.stopped, opened.locked)
        if surround.customer is not None:
            surround.customer.watch(lambda: till.view)
        try:
            yield OpenTill(till, surround, clock, people, catalogue, store, ids)
        finally:
            if surround.mirror is not None:
                surround.mirror.close()
            with contextlib.suppress(JournalUnavailableError):
                await store.close()
            with contextlib.suppress(JournalUnavailableError):
                await journal.close()


def settle_memory() -> None:
    """What the start made stays: the collector need not look at it again."""
    gc.collect()
    gc.freeze()


def _thread(threads: contextlib.ExitStack, name: str) -> ThreadWorker:
    worker = ThreadWorker(name)
    threads.callback(worker.close)
    return worker


def _following(journal: FileJournal, mirror: "Mirroring") -> Callable[[Sequence[Event]], None]:
    """Kicks the second copy after each command that wrote something."""
    seen = [journal.head.seq]

    def look(_: Sequence[Event]) -> None:
        if journal.head.seq != seen[0]:
            seen[0] = journal.head.seq
            mirror.kick()

    return look


class _Opened(msgspec.Struct, frozen=True):
    """What was found: the open cart, unsent sales, what keeps the till from writing, why it may not sell yet."""

    cart: Cart | None = None
    unsent: Sequence[tuple[int, int]] = ()
    stopped: JournalUnavailableError | None = None
    locked: str = ""


async def _open_storage(
    state: Path, settings: Settings, store: StateStore, journal: FileJournal, reader: ThreadWorker
) -> _Opened:
    cart: Cart | None = None
    try:
        cart = await store.open()
        head = await journal.open()
        cursor = await store.get("hub.cursor") or b"1:0"
        epoch, _, seq = cursor.decode().partition(":")
        unsent = await reader.run(sales_after, state / "journal", int(epoch), int(seq))
        locked = await lock_of(store, head, [(head.epoch, journal.known_seq)])
        return _Opened(cart, unsent, None, locked)
    except JournalUnavailableError as error:
        journal.head = Head(settings.shop.store, "?", 0, 0, b"")
        return _Opened(cart, stopped=error)


async def run_until_stopped(
    tasks: tuple[tuple[str, Callable[[], Coroutine[Any, Any, None]]], ...],
    main: Coroutine[Any, Any, None],
    stop: Callable[[], None] | None = None,
) -> None:
    """Run `main` with its companions; SIGTERM and SIGHUP end it in order, and so does its own end."""
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(main)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop if stop is not None else running.cancel)
    companions = [asyncio.ensure_future(_companion(name, make)) for name, make in tasks]
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
        for companion in companions:
            companion.cancel()
        await asyncio.gather(*companions, return_exceptions=True)


async def _companion(name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A device or the hub must never end the till: what escapes its own supervisor ends here."""
    import logging  # noqa: PLC0415 - only when something goes wrong

    while True:
        try:
            await make()
            return
        except asyncio.CancelledError:
            raise
        except Exception:
            logging.getLogger("tresen").exception("%s failed, starting again", name)
            await asyncio.sleep(1)


async def run_plain(state: Path, settings: Settings, hub_url: str, *, as_json: bool) -> None:
    """Line mode on standard input and output, until the input ends."""
    from pos.entry import load_keymap  # noqa: PLC0415
    from pos.plain import LINE_MAX_BYTES, LineMode  # noqa: PLC0415

    worker = ThreadWorker("stdin")
    lines = _InputLines(0, LINE_MAX_BYTES)

    def read() -> Awaitable[bytes]:
        return worker.run(lines.read)

    async with open_till(state, settings, hub_url) as opened:
        keymap = load_keymap(settings.till.keymap)
        line_mode = LineMode(
            opened.till,
            keymap,
            read,
            as_json=as_json,
            digits_are_cents=settings.till.digits_are_cents,
            quick_keys=lambda: quick.at(opened.clock.now().time()),
        )
        quick = quick_keys_of(state, opened.till, keymap)
        settle_memory()

        async def serve() -> None:
            await line_mode.run()
            await opened.surround.drain(lambda: opened.till.view.unsent, DRAIN_LIMIT_S)

        await run_until_stopped(opened.tasks(), serve())


class _InputLines:
    """Lines of a file descriptor, without Python's buffers, whose locks an ending process may not hold."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self._descriptor = descriptor
        self._limit = limit
        self._kept = b""

    def read(self) -> bytes:
        """The next line with its end; an over-long one is cut to limit + 1 bytes, its rest dropped."""
        long = b""
        while b"\n" not in self._kept:
            if len(self._kept) > self._limit:
                long, self._kept = long or self._kept[: self._limit + 1], b""
            try:
                more = os.read(self._descriptor, 65_536)
            except OSError:
                more = b""
            if not more:
                line, self._kept = self._kept, b""
                return long or line
            self._kept += more
        line, _, self._kept = self._kept.partition(b"\n")
        return long or line[: self._limit + 1] + b"\n"


async def run_screen(state: Path, settings: Settings, hub_url: str, *, demo: bool) -> int:
    """The cashier's screen, until it is closed; returns the exit code. Raises what broke the screen."""
    from drivers.scanner.wedge import WedgeDetector  # noqa: PLC0415
    from pos.entry import load_keymap  # noqa: PLC0415
    from pos.notify import READY, Watchdog, feed_from_loop, notify  # noqa: PLC0415
    from pos.tui.app import TillApp  # noqa: PLC0415
    from pos.tui.terminal import outlive_terminal  # noqa: PLC0415
    from pos.tui.themes import load_theme  # noqa: PLC0415
    from pos.tui.type_size import TypeSize, run_command  # noqa: PLC0415

    def ready() -> None:
        notify(READY)
        settle_memory()
        opened.surround.warm_up()

    outlive_terminal()
    async with open_till(state, settings, hub_url) as opened:
        keymap = load_keymap(settings.till.keymap)
        app = TillApp(
            opened.till,
            keymap,
            clock=opened.clock,
            theme=load_theme(settings.till.theme),
            digits_are_cents=settings.till.digits_are_cents,
            qr_blocks=lambda code: _qr_blocks(opened.surround.code_address(code)),
            qr_fitting=lambda code, columns, rows: _qr_fitting(
                opened.surround.code_address(code), columns, rows, fine=settings.till.fine_codes
            ),
            first_frame=ready,
            demo_ctrl_c=demo,
            wedge=WedgeDetector() if settings.till.wedge else None,
            quick_keys=quick_keys_of(state, opened.till, keymap),
            left_handed=settings.till.hand == "left",
            brand=lambda: opened.surround.brand,
        )
        size = TypeSize(settings.till.type_large, settings.till.type_normal, run_command)
        opened.till.subscribe(lambda events: size.heard(events, opened.till.view.operator))
        watchdog = Watchdog.from_environment()

        async def serve() -> None:
            await app.run_async()

        tasks = opened.tasks()
        if watchdog.wanted:
            tasks = (*tasks, ("watchdog", lambda: feed_from_loop(watchdog)))
        await run_until_stopped(tasks, serve(), stop=lambda: app.exit(0))
        broken = getattr(app, "_exception", None)
        if broken is not None:
            raise broken
        return app.return_code or 0


def _qr_blocks(address: str) -> list[str]:
    from receipts.qr import qr_blocks  # noqa: PLC0415 - after the first frame

    return qr_blocks(address) if address else []


def _qr_fitting(address: str, columns: int, rows: int, *, fine: bool) -> list[str]:
    from receipts.qr import qr_fitting  # noqa: PLC0415 - when a customer is to scan something

    console = os.environ.get("TERM", "") in {
        "linux",
        "dumb",
        "",
    }  # its fonts hold 512 characters, none of these
    return qr_fitting(address, columns, rows, fine=fine and not console) if address else []


def quick_keys_of(state: Path, till: Till, keymap: "Keymap") -> QuickKeys:
    """The shop's quick keys; where their file is at fault, none, and the till says why."""
    try:
        return load_quick_keys(state, till.functions | keymap.names)
    except QuickKeyError as error:
        till.submit(Notice("quick-keys-unusable", str(error).splitlines()[0]))
        return QuickKeys()


def log_to_file(state: Path) -> None:
    """Logs go to a file of the state folder: the screen owns standard error."""
    import logging.handlers  # noqa: PLC0415

    handler: logging.Handler = logging.NullHandler()
    with contextlib.suppress(OSError):
        folder = state / "log"
        folder.mkdir(mode=0o700, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            folder / "till.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.raiseExceptions = False
    for talkative in ("httpx", "httpcore"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
