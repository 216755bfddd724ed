"""Mutations of journal, state, views and till."""

import asyncio
import contextlib
from typing import Any

import msgspec

import pos.till.ledger as till_ledger
from pos.cash_facts import DayOpened
from pos.domain import events as e
from pos.journal import file_journal, state, views, writer
from pos.sale_facts import Sale
from pos.till import checkout
from pos.till.carts import store_carts
from pos.till.desk import Refusal
from sync import epochs
from tests.simulation import tills
from tests.simulation.mutating import Patch, mutation

__all__: list[str] = []


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
        async def append(self: Any, facts: Any, cart: Any, **how: Any) -> None:
            with contextlib.suppress(Refusal):
                await original(self, facts, cart, **how)

        return append

    patch.set(till_ledger.Ledger, "append", make)


@mutation
def append_not_awaited(patch: Patch) -> None:
    """Thanks before the commit."""

    def make(original: Any) -> Any:
        async def append(self: Any, facts: Any, cart: Any, **how: Any) -> None:
            async def later() -> None:
                await asyncio.sleep(0.005)
                await original(self, facts, cart, **how)

            self.under_way = asyncio.ensure_future(later())

        return append

    patch.set(till_ledger.Ledger, "append", make)


@mutation
def doubt_ignored(patch: Patch) -> None:
    """After an error of unknown outcome the same cart is sold again, and the journal goes on after
    whatever its file holds."""

    def make(original: Any) -> Any:
        async def append(self: Any, facts: Any, cart: Any, **how: Any) -> None:
            try:
                await original(self, facts, cart, **how)
            finally:
                self._desk.in_doubt = False

        return append

    patch.set(till_ledger.Ledger, "append", make)

    def blindly(original: Any) -> Any:
        def append(self: Any, facts: Any, epoch: int) -> Any:
            found = self.segment.connection.execute("select seq, hash from fact order by seq desc limit 1")
            self.last_seq, self.last_hash = found.fetchone() or (self.last_seq, self.last_hash)
            return original(self, facts, epoch)

        return append

    patch.set(writer.Writer, "append", blindly)


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

    patch.set(file_journal, "follow", make)


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
        async def complete(self: Any, *sale: Any, **said: Any) -> None:
            self._desk.world.drawer.open()
            await original(self, *sale, **said)

        return complete

    patch.set(checkout.Checkout, "_complete", make)


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
        async def append(self: Any, facts: Any, cart: Any, **how: Any) -> None:
            if cart is not None:
                self._desk.world.state.save_cart(None)
                await asyncio.sleep(0.01)
            await original(self, facts, cart, **how)

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
        def follow(self: Any, seq: int) -> None:
            before = self._applied
            original(self, seq)
            if self._applied > before:
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


@mutation
def given_cart_taken_unasked(patch: Patch) -> None:
    """A till goes on with a cart that it gave to the store."""
    patch.set(store_carts.StoreCarts, "must_claim", lambda _original: lambda *_args: False)


@mutation
def claim_given_up_after_it_was_used(patch: Patch) -> None:
    """After a cut a till gives up what it has gone on with."""

    def make(_original: Any) -> Any:
        async def drop_unused(self: Any) -> None:
            for key in self._unused():
                self._release(key)

        return drop_unused

    patch.set(store_carts.StoreCarts, "_drop_unused", make)
