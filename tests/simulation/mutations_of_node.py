"""Mutations of the node: intake, quarantine, projections, gate."""

import asyncio
from typing import Any

import msgspec

from pos.journal import segment
from sync.hub import carts, changes, database, exceptions, gate, ledger, machines, projector, quarantine
from sync.hub import stored as hub_stored
from sync.wire import Ack
from tests.simulation import nodes
from tests.simulation.mutating import Patch, mutation

__all__: list[str] = []


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


@mutation
def claim_granted_twice(patch: Patch) -> None:
    """A cart that one till has claimed is given to the next one too."""
    patch.set(carts, "_may_override", lambda _original: lambda *_args: True)
