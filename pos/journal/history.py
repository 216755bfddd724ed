"""Looking things up in the journal: the views say where, the facts themselves say what."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pos.facts import FactError, UnknownFact, decode_fact
from pos.journal.compact import ARCHIVE
from pos.journal.errors import translate
from pos.journal.segment import iterate, open_reader, read_facts, segment_files
from pos.journal.views import Views
from pos.ports import Worker
from pos.storage_ports import Found, JournalUnavailableError

__all__ = ["FileHistory"]

_RECEIPT = "select seq from receipt where epoch = ? and number = ?"
_LINK = "select seq from receipt where link = ? order by seq desc limit 1"
_RECENT = "select seq from receipt where (epoch, number) < (?, ?) order by epoch desc, number desc limit ?"
_MENTIONS = "select seq from mention where kind = ? and key = ? order by seq"
_NEWEST = (1 << 62, 0)


class FileHistory:
    """Implements ports.History over the journal's folder and its views, on the journal's thread."""

    def __init__(self, folder: Path, views: Views, worker: Worker) -> None:
        self._folder = folder
        self._views = views
        self._worker = worker

    async def receipt(self, epoch: int, number: int) -> Found | None:
        return next(iter(await self._worker.run(self._look, _RECEIPT, (epoch, number))), None)

    async def by_link(self, link: str) -> Found | None:
        return next(iter(await self._worker.run(self._look, _LINK, (link,))), None)

    async def recent(self, limit: int, before: tuple[int, int] | None = None) -> Sequence[Found]:
        return await self._worker.run(self._look, _RECENT, (*(before or _NEWEST), limit))

    async def mentions(self, kind: str, key: str) -> Sequence[Found]:
        return await self._worker.run(self._look, _MENTIONS, (kind, key))

    async def promotions_used(self) -> Mapping[str, tuple[int, int]]:
        return await self._worker.run(self._promotions)

    def _promotions(self) -> dict[str, tuple[int, int]]:
        with translate("reading the journal"):
            return self._views.promotions()

    async def session(self, session: str) -> Sequence[Found]:
        return await self._worker.run(self._session, session)

    def _look(self, sql: str, values: tuple[object, ...]) -> list[Found]:
        with translate("reading the journal"):
            found = (self._fact(seq) for seq in self._views.seqs(sql, values))
            return [fact for fact in found if fact is not None]

    def _fact(self, seq: int) -> Found | None:
        """A fact that is on this disk, in the journal or in its archive."""
        files = [*segment_files(self._folder / ARCHIVE), *segment_files(self._folder)]
        holds = [path for path in files if int(path.stem) <= seq]
        if not holds:
            return None
        segment = open_reader(max(holds, key=lambda path: int(path.stem)))
        try:
            for row in read_facts(segment.connection, seq - 1, 1):
                if row.seq == seq:
                    return _found(row.epoch, row.seq, row.kind, row.version, row.body)
        finally:
            segment.connection.close()
        return None

    def _session(self, session: str) -> list[Found]:
        first = int(session.rpartition("-")[2])
        with translate("reading the journal"):
            rows = (
                _found(row.epoch, row.seq, row.kind, row.version, row.body)
                for row in iterate(self._folder, first - 1)
            )
            return [row for row in rows if row is not None]


def _found(epoch: int, seq: int, kind: str, version: int, body: bytes) -> Found | None:
    try:
        fact = decode_fact(kind, version, body)
    except FactError as error:
        raise JournalUnavailableError("journal-damaged", f"fact {seq}: {error}") from error
    return None if isinstance(fact, UnknownFact) else Found(epoch, seq, fact)
