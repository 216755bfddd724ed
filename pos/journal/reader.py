"""Reading the journal while the till writes it: show, verify, totals, and the feed to the hub."""

from collections.abc import Sequence
from pathlib import Path

from pos.facts import StoredFact
from pos.journal import epochs
from pos.journal.errors import translate
from pos.journal.segment import iterate
from pos.journal.walk import JournalTotals, verify_journal
from pos.ports import Worker

__all__ = ["JournalFeed", "JournalTotals", "iterate", "sales_after", "verify_journal"]


def sales_after(folder: Path, epoch: int, seq: int) -> list[tuple[int, int]]:
    """Epoch and seq of each sale that comes after (epoch, seq)."""
    start = epochs.start_after(folder, epoch, seq)
    if start is None:
        return []
    return [(fact.epoch, fact.seq) for fact in iterate(folder, start - 1) if fact.kind == "sale"]


class JournalFeed:
    """Implements ports.FactSource on a thread of its own; each read is one short transaction."""

    def __init__(self, folder: Path, worker: Worker) -> None:
        self._folder = folder
        self._worker = worker

    async def read_after(self, epoch: int, seq: int, limit: int) -> Sequence[StoredFact]:
        return await self._worker.run(self._read, epoch, seq, limit)

    async def hash_at(self, epoch: int, seq: int) -> bytes | None:
        return await self._worker.run(self._hash_at, epoch, seq)

    async def last(self) -> tuple[int, int, bytes]:
        return await self._worker.run(self._last)

    def _read(self, epoch: int, seq: int, limit: int) -> list[StoredFact]:
        with translate("reading the journal"):
            return epochs.facts_after(self._folder, epoch, seq, limit)

    def _hash_at(self, epoch: int, seq: int) -> bytes | None:
        with translate("reading the journal"):
            return epochs.hash_at(self._folder, epoch, seq)

    def _last(self) -> tuple[int, int, bytes]:
        with translate("reading the journal"):
            fact = epochs.newest_facts(self._folder, 1)[-1]
            return fact.epoch, fact.seq, fact.hash
