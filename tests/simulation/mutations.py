"""Faults that are put into the real code on purpose. The simulation must find each, or it proves nothing.

Each is a small change of one place, by replacing a function for the length of a run. A name that is not there any
more is an error: then the mutation must follow the code.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

import pos.till.ledger as till_ledger
from pos.domain import events as e
from pos.facts import DayOpened, Sale
from pos.journal import file_journal, segment, state, views, writer
from pos.till import checkout
from pos.till.desk import Refusal
from sync import cursors, downlink, epochs, line, pace, uplink
from sync.hub import changes, database, exceptions, gate, ledger, machines, projector, quarantine
from sync.hub import stored as hub_stored
from sync.wire import Ack, Gap
from tests.simulation import nodes, tills

__all__ = ["MUTATIONS", "Patch", "mutated"]


class Patch:
    """Replaces attributes and puts them back."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []

    def set(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """`make(original)` gives the replacement."""
        original = owner.__dict__[name]
        self._undo.append((owner, name, original))
        setattr(owner, name, make(original))

    def undo(self) -> None:
        while self._undo:
            setattr(*self._undo.pop())


Mutation = Callable[[Patch], None]
MUTATIONS: dict[str, Mutation] = {}


def mutation(apply: Mutation) -> Mutation:
    MUTATIONS[apply.__name__.strip("_").replace("_", "-")] = apply
    return apply


@contextlib.contextmanager
def mutated(name: str) -> Iterator[None]:
    """The code with one fault in it; without any for an empty name."""
    patch = Patch()
    try:
        if name:
            MUTATIONS[name](patch)
        yield
    finally:
        patch.undo()


# -- the journal


@mutation
def journal_not_synced(patch: Patch) -> None:
    """WAL with synchronous=NORMAL: the newest sales go with the power."""

    def make(original: Any) -> Any:
        def open_writer(path: Any) -> Any:
            opened = original(path)
            opened.connection.execute("pragma synchronous=normal")
            return opened

        return open_writer

    patch.set(file_journal, "open_writer", make)


@mutation
def append_in_two_transactions(patch: Patch) -> None:
    """Facts of one act are committed one by one."""
    patch.set(
        writer.Writer,
        "append",
        lambda original: (
            lambda self, facts, epoch: [stored for fact in facts for stored in original(self, [fact], epoch)]
        ),
    )


@mutation
def chain_begins_anew_at_restart(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def init(self: Any, opened: Any, clock: Any) -> None:
            original(self, opened, clock)
            self.last_hash = opened.head.prev_hash

        return init

    patch.set(writer.Writer, "__init__", make)


@mutation
def append_error_swallowed(patch: Patch) -> None:
    """A write that failed counts as done."""

    def make(original: Any) -> Any:
        async def append(self: Any, facts: Any, cart: Any) -> None:
            with contextlib.suppress(Refusal):
                await original(self, facts, cart)

        return append

    patch.set(till_ledger.Ledger, "append", make)


@mutation
def append_not_awaited(patch: Patch) -> None:
    """Thanks before the commit."""

    def make(original: Any) -> Any:
        async def append(self: Any, facts: Any, cart: Any) -> None:
            async def later() -> None:
                await asyncio.sleep(0.005)
                await original(self, facts, cart)

            self.under_way = asyncio.ensure_future(later())

        return append

    patch.set(till_ledger.Ledger, "append", make)


@mutation
def doubt_ignored(patch: Patch) -> None:
    """After an error of unknown outcome the same cart is sold again."""

    def make(original: Any) -> Any:
        async def append(self: Any, facts: Any, cart: Any) -> None:
            try:
                await original(self, facts, cart)
            finally:
                self._desk.in_doubt = False

        return append

    patch.set(till_ledger.Ledger, "append", make)


@mutation
def number_begins_anew_at_restart(patch: Patch) -> None:
    patch.set(
        file_journal.FileJournal,
        "_read_head",
        lambda original: lambda self: msgspec.structs.replace(original(self), next_number=1),
    )


@mutation
def number_goes_on_in_new_epoch(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def advance(head: Any, facts: Any, stored: Any) -> Any:
            after = original(head, facts, stored)
            number = max((fact.number for fact in facts if isinstance(fact, Sale)), default=0)
            return msgspec.structs.replace(after, next_number=number + 1 if number else head.next_number)

        return advance

    patch.set(file_journal, "_advance", make)


@mutation
def day_follows_the_clock(patch: Patch) -> None:
    """Each other date opens a day, also an earlier one."""

    def make(_original: Any) -> Any:
        def day_facts(self: Any) -> list[Any]:
            head, today = self._desk.world.journal.head, self._desk.today().isoformat()
            return [] if head.business_day == today else [DayOpened(today, f"{head.epoch}-{head.seq + 1}")]

        return day_facts

    patch.set(till_ledger.Ledger, "day_facts", make)


@mutation
def restored_till_not_locked(patch: Patch) -> None:
    def make(_original: Any) -> Any:
        async def lock_of(*_args: Any, **_options: Any) -> str:
            return ""

        return lock_of

    patch.set(tills, "lock_of", make)

    def never(_original: Any) -> Any:
        async def restored(_self: Any) -> bool:
            return False

        return restored

    patch.set(epochs.EpochAsker, "restored", never)


# -- the till


@mutation
def drawer_before_commit(patch: Patch) -> None:
    def make(original: Any) -> Any:
        async def pay(self: Any, cart: Any, tender: Any) -> None:
            self._desk.world.drawer.open()
            await original(self, cart, tender)

        return pay

    patch.set(checkout.Checkout, "_pay", make)


@mutation
def paid_shown_before_commit(patch: Patch) -> None:
    def publishing(original: Any) -> Any:
        def pay_cash(self: Any, command: Any) -> Any:
            work = original(self, command)
            if work is not None and self.paying:
                self._desk.events.append(e.SalePaid(0, 0, 0, 0, ""))
            return work

        return pay_cash

    patch.set(checkout.Checkout, "_pay_cash", publishing)


@mutation
def cart_cleared_before_commit(patch: Patch) -> None:
    def make(original: Any) -> Any:
        async def append(self: Any, facts: Any, cart: Any) -> None:
            if cart is not None:
                self._desk.world.state.save_cart(None)
                await asyncio.sleep(0.01)
            await original(self, facts, cart)

        return append

    patch.set(till_ledger.Ledger, "append", make)


@mutation
def ended_cart_not_asked_for(patch: Patch) -> None:
    """A cart found at start is taken for open, though the journal ended it."""

    def make(_original: Any) -> Any:
        async def cart_ended(_self: Any, _cart_id: str) -> bool:
            return False

        return cart_ended

    patch.set(file_journal.FileJournal, "cart_ended", make)


@mutation
def cart_never_saved(patch: Patch) -> None:
    patch.set(state.StateStore, "_write_cart", lambda _original: lambda *_args: None)


@mutation
def views_applied_twice(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def follow(self: Any, stored: Any, journal: Any) -> None:
            original(self, stored, journal)
            if self._connection is not None and len(stored) > 1:
                self._connection.execute("update day_tax set sales = sales + 1")

        return follow

    patch.set(views.Views, "follow", make)


@mutation
def views_trusted_after_a_cut(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def connect(self: Any, boot_id: str) -> None:
            if self._path.exists():
                import apsw

                connection = apsw.Connection(str(self._path))
                with contextlib.suppress(apsw.Error):
                    connection.execute("update applied set clean = 1")
                connection.close()
            original(self, boot_id)

        return connect

    patch.set(views.Views, "_connect", make)


# -- the line


@mutation
def cursor_moves_before_the_answer(patch: Patch) -> None:
    def make(original: Any) -> Any:
        async def send(self: Any, wire: Any, facts: Any) -> Any:
            place = (facts[-1].epoch, facts[-1].seq)
            await self.cursor.move(place)
            self._report()
            return await original(self, wire, facts)

        return send

    patch.set(uplink.Uplink, "_send", make)


@mutation
def acknowledged_hash_not_compared(patch: Patch) -> None:
    def make(_original: Any) -> Any:
        async def acknowledged(self: Any, ack: Any, _last: Any) -> None:
            place = (ack.epoch, ack.acked_seq)
            self._moved_on(place)
            await self.cursor.move(place)
            self._report()

        return acknowledged

    patch.set(uplink.Uplink, "_acknowledged", make)

    def trusting(_original: Any) -> Any:
        async def compare(self: Any, welcome: Any) -> None:
            self._standing, self._branch = "ok", 0
            await self.cursor.move((welcome.acked_epoch or 1, welcome.acked_seq))
            self._position = self.cursor.place

        return compare

    patch.set(uplink.Uplink, "_compare", trusting)


@mutation
def gap_skipped(patch: Patch) -> None:
    """A gap is taken for an acknowledgement of what was sent."""

    def make(original: Any) -> Any:
        async def send(self: Any, wire: Any, facts: Any) -> Any:
            answer, count = await original(self, wire, facts)
            if isinstance(answer, Gap):
                self._position = (facts[0].epoch, facts[count - 1].seq)
                raise pace.PauseError("")
            return answer, count

        return send

    patch.set(uplink.Uplink, "_send", make)
    patch.set(uplink.Uplink, "_compare", _never_back)


@mutation
def cursor_not_rewound_after_restore(patch: Patch) -> None:
    patch.set(uplink.Uplink, "_compare", _never_back)


def _never_back(original: Any) -> Any:
    async def compare(self: Any, welcome: Any) -> None:
        kept = self._position
        await original(self, welcome)
        if self._position < kept:
            self._position = kept
            await self.cursor.move(kept)

    return compare


@mutation
def fact_skipped(patch: Patch) -> None:
    """Reading goes on one fact too far."""

    def make(original: Any) -> Any:
        async def next_facts(self: Any) -> Any:
            facts = await original(self)
            return facts[1:] if len(facts) > 20 else facts

        return next_facts

    patch.set(uplink.Uplink, "_next_facts", make)


@mutation
def fork_taken_for_an_end(patch: Patch) -> None:
    """After a fork nothing more is sent."""

    def make(_original: Any) -> Any:
        def begin_branch(self: Any, epoch: int) -> None:
            self._branch = epoch
            raise pace.PauseError("fork", 10**9)

        return begin_branch

    patch.set(uplink.Uplink, "_begin_branch", make)


@mutation
def line_gives_up(patch: Patch) -> None:
    patch.set(pace.Backoff, "next_ms", lambda _original: lambda self: 10 << 40)


@mutation
def backoff_without_end(patch: Patch) -> None:
    """It doubles for ever and is never reset."""

    def next_ms(self: Any) -> int:
        self._failures += 1
        return int(500 << min(self._failures, 30))

    patch.set(pace.Backoff, "next_ms", lambda _original: next_ms)
    patch.set(pace.Backoff, "reset", lambda _original: lambda self: None)


@mutation
def request_without_deadline(patch: Patch) -> None:
    """An answer that trickles in holds the line for ever."""

    def make(original: Any) -> Any:
        async def ask(self: Any, method: str, path: str, **options: Any) -> Any:
            options["timeout_s"] = 10.0**7
            return await original(self, method, path, **options)

        return ask

    patch.set(line.Line, "ask", make)


@mutation
def answers_not_verified(patch: Patch) -> None:
    patch.set(line.Line, "_trust", lambda _original: lambda *_args: None)
    patch.set(cursors.Cursor, "signed", lambda _original: lambda *_args: True)


@mutation
def changes_counted_before_they_are_applied(patch: Patch) -> None:
    def make(original: Any) -> Any:
        async def take(self: Any, news: Any) -> bool:
            if news.changes and news.scope in self._cursors:
                self._cursors[news.scope] = news.next
                await self._memory.put(f"feed.{news.scope}", news.next.encode())
                with contextlib.suppress(Exception):
                    await self._apply([msgspec.to_builtins(change) for change in news.changes], news.next)
                return True
            return bool(await original(self, news))

        return take

    patch.set(downlink.Downlink, "_take", make)


# -- the node


@mutation
def hub_not_synced(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def open_engine(url: str) -> Any:
            engine = original(url)
            with engine.connect() as connection:
                connection.exec_driver_sql("pragma synchronous=off")
            return engine

        return open_engine

    patch.set(nodes, "open_engine", make)


@mutation
def acknowledged_before_commit(patch: Patch) -> None:
    """The answer is worked out, the commit follows a little later."""

    def make(original: Any) -> Any:
        async def run(self: Any, key: str, function: Any, *args: Any, **kwargs: Any) -> Any:
            if function is not ledger.ingest:
                return await original(self, key, function, *args, **kwargs)
            with self.engine.execution_options(tresen_write=True).connect() as connection:
                answer = function(connection, *args, **kwargs)
                connection.rollback()

            async def later() -> None:
                await asyncio.sleep(0.05)
                await original(self, key, function, *args, **kwargs)

            self.later = asyncio.ensure_future(later())
            return answer

        return run

    patch.set(database.Database, "run", make)


@mutation
def head_in_a_transaction_of_its_own(patch: Patch) -> None:
    def apart(original: Any) -> Any:
        def write(connection: Any, batch: Any, facts: Any, seal: Any, now_ms: int) -> Any:
            before = connection.exec_driver_sql(
                "select seq, hash from till_head where store = ? and till = ? and epoch = ?",
                (batch.store, batch.till, batch.epoch),
            ).first()
            result = original(connection, batch, facts, seal, now_ms)
            place = (batch.store, batch.till, batch.epoch)
            update = "update till_head set seq = ?, hash = ? where store = ? and till = ? and epoch = ?"
            after = connection.exec_driver_sql(
                "select seq, hash from till_head where store = ? and till = ? and epoch = ?", place
            ).first()
            connection.exec_driver_sql(update, (*before, *place))
            connection.exec_driver_sql("commit")
            connection.exec_driver_sql("begin immediate")
            connection.exec_driver_sql(update, (*after, *place))
            return result

        return write

    patch.set(ledger, "write", apart)


@mutation
def gap_not_checked(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def follow(connection: Any, batch: Any, head: Any, intake: Any, now_ms: int) -> Any:
            if batch.facts[0].seq > head[0] + 1:
                hub_stored.write(connection, batch, batch.facts, batch.seal, now_ms)
                last = batch.facts[-1]
                return Ack(batch.epoch, last.seq, last.hash, now_ms, "hub", batch.store, batch.till)
            return original(connection, batch, head, intake, now_ms)

        return follow

    patch.set(ledger, "_follow", make)


@mutation
def fork_not_checked(patch: Patch) -> None:
    """What stands under a number already counts as the same."""

    def make(_original: Any) -> Any:
        def compare(_connection: Any, batch: Any, head_seq: int, _head_hash: bytes) -> Any:
            return max(0, min(len(batch.facts), head_seq - batch.facts[0].seq + 1)), None

        return compare

    patch.set(ledger, "_compare", make)


@mutation
def quarantine_dropped(patch: Patch) -> None:
    patch.set(quarantine, "keep", lambda _original: lambda *_args, **_options: None)


@mutation
def facts_of_a_revoked_key_dropped(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def keep(connection: Any, batch: Any, index: int, reason: str, now_ms: int) -> None:
            if reason != "revoked":
                original(connection, batch, index, reason, now_ms)

        return keep

    patch.set(quarantine, "keep", make)


@mutation
def revoked_key_goes_on(patch: Patch) -> None:
    patch.set(ledger, "_out_of_right", lambda _original: lambda *_args: None)


@mutation
def exception_noted_each_time(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def note(connection: Any, store: str, kind: str, key: str, **options: Any) -> None:
            original(connection, store, kind, f"{key}/{options['now_ms']}", **options)

        return note

    patch.set(exceptions, "note", make)
    patch.set(quarantine, "note", make)
    patch.set(ledger, "note", make)

    def forgetful(_original: Any) -> Any:
        return lambda *_args: None

    patch.set(quarantine, "_branch_of", forgetful)


@mutation
def exception_never_noted(patch: Patch) -> None:
    patch.set(quarantine, "note", lambda _original: lambda *_args, **_options: None)


@mutation
def figures_added_twice(patch: Patch) -> None:
    """A projection step after a crash begins before its cursor."""

    def make(original: Any) -> Any:
        def apply(connection: Any, *args: Any) -> Any:
            result = original(connection, *args)
            connection.exec_driver_sql("update day_total set sales = sales + 1 where sales % 7 = 3")
            return result

        return apply

    patch.set(projector, "_apply", make)


@mutation
def grants_forgotten(patch: Patch) -> None:
    """The hub does not know the epochs that it granted."""
    patch.set(machines.Rights, "grant_of", lambda _original: lambda *_args: None)


@mutation
def stamp_not_compared(patch: Patch) -> None:
    """A reader goes on where its number says, though the log is another one since the hub was restored."""
    patch.set(changes, "_stands", lambda _original: lambda *_args: True)


@mutation
def nonces_not_remembered(patch: Patch) -> None:
    patch.set(gate._Nonces, "take", lambda _original: lambda *_args: True)


@mutation
def request_signature_not_verified(patch: Patch) -> None:
    patch.set(gate, "has_digest", lambda _original: lambda *_args: True)
    patch.set(ledger, "fault_of", lambda _original: lambda *_args: "")
    patch.set(ledger, "verify", lambda _original: lambda *_args: True)


@mutation
def segment_facts_rewritten(patch: Patch) -> None:
    """A reader repairs what it does not understand."""

    def make(original: Any) -> Any:
        def read_facts(connection: Any, after_seq: int, limit: int = -1) -> Any:
            for fact in original(connection, after_seq, limit):
                yield fact if fact.kind != "future.wish" else msgspec.structs.replace(fact, kind="unknown")

        return read_facts

    patch.set(segment, "read_facts", make)
