"""Once a day beside the till, or by `tresen journal compact`: old segments leave that others hold."""

import asyncio
import logging
from pathlib import Path
from typing import Final

import apsw

from pos.journal.compact import Held, compact, removable
from pos.journal.errors import translate
from pos.journal.second_copy import copy_folder
from pos.journal.segment import open_reader, segment_files
from pos.ports import Clock
from pos.settings import Settings
from pos.storage_ports import JournalUnavailableError
from pos.system import ThreadWorker

__all__ = ["compact_daily", "held_by_others"]

DAY_S: Final = 86_400.0
_log = logging.getLogger("tresen.compaction")


def held_by_others(state: Path, settings: Settings) -> Held:
    """What is remembered of the nodes, and where the second copy lies. Read only; raises JournalUnavailableError."""
    files = segment_files(state / "journal")
    if not files:
        return Held()
    newest = open_reader(files[-1])
    newest.connection.close()
    target = settings.till.second_copy
    copy = copy_folder(Path(target), newest.head.store, newest.head.till) if target else None
    exported = _remembered(state, "exported_seq")
    return Held(
        hub=_place(_remembered(state, "hub.cursor")),
        relay=_place(_remembered(state, "relay.cursor")),
        copy=copy,
        exported_seq=int(exported) if exported else None,
        parked_seq=_oldest_parked(state),
    )


async def compact_daily(state: Path, settings: Settings, clock: Clock) -> None:
    """The task beside the till. What leaves goes to the archive; nothing is ever deleted by itself."""
    while True:
        worker = ThreadWorker("compaction")
        try:
            await worker.run(_once, state, settings, clock.wall_ms())
        except (JournalUnavailableError, apsw.Error, OSError) as error:
            _log.warning("nothing left the journal: %s", error)
        finally:
            worker.close(0)
        await asyncio.sleep(DAY_S)


def _once(state: Path, settings: Settings, now_ms: int) -> None:
    folder = state / "journal"
    leaving, why = removable(folder, held_by_others(state, settings), settings.till.keep_days, now_ms)
    for path in leaving:
        compact(folder, path, now_ms, delete=False)
        _log.info("%s moved to the archive", path.name)
    _log.info("%s", why)


def _remembered(state: Path, key: str) -> str:
    if not (state / "state.db").exists():
        return ""
    with translate("reading the state"):
        connection = _read_only(state / "state.db")
        try:
            row = connection.execute("select value from memory where key = ?", (key,)).fetchone()
        finally:
            connection.close()
    return row[0].decode() if row is not None else ""


def _oldest_parked(state: Path) -> int:
    """The views know the parked carts; what they do not have yet stays, and where they cannot be read, everything."""
    try:
        connection = _read_only(state / "views.db")
        try:
            row = connection.execute("select seq, (select min(seq) from parked) from applied").fetchone()
        finally:
            connection.close()
    except apsw.Error:
        return 0
    followed, parked = row or (-1, None)
    missing: int = followed + 1
    return missing if parked is None else min(parked, missing)


def _read_only(path: Path) -> apsw.Connection:
    connection = apsw.Connection(
        f"file:{path}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    )
    connection.set_busy_timeout(5_000)
    return connection


def _place(text: str) -> tuple[int, int]:
    epoch, _, seq = text.partition(":")
    return (int(epoch), int(seq)) if seq else (0, 0)
