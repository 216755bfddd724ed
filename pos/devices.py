"""Wires what stands around the till: scanners, printer, drawer and the line to the hub, by address."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from pos.journal.file_journal import FileJournal
from pos.journal.reader import JournalFeed
from pos.journal.state import SpoolView, StateStore
from pos.ports import Clock, Hub, Ids, Submit, Worker
from pos.settings import Settings

__all__ = ["Surround"]

_Task = tuple[str, Callable[[], Coroutine[Any, Any, None]]]


class Surround:
    """`prepare` builds, `connect` gives everything its way to the till, `tasks` run beside it."""

    printer: Any = None
    hub: Hub | None = None

    def __init__(
        self, state: Path, settings: Settings, hub_url: str, clock: Clock, ids: Ids, worker: Worker
    ) -> None:
        self._state = state
        self._settings = settings
        self._hub_url = hub_url
        self._clock = clock
        self._ids = ids
        self._worker = worker
        self._tasks: list[_Task] = []

    def prepare(
        self, journal: FileJournal, store: StateStore, spool: SpoolView, feed: JournalFeed, software: str
    ) -> None:
        pass

    def connect(self, submit: Submit) -> None:
        devices = self._settings.devices
        if devices.scanner:
            from drivers.scanner import make_scanner  # noqa: PLC0415 - only where there is one

            for at, address in enumerate(devices.scanner):
                scanner = make_scanner(
                    address,
                    submit,
                    self._clock,
                    name=str(at + 1) if at else "",
                    layout=devices.scanner_layout,
                    repeat_ms=self._settings.till.scan_repeat_ms,
                )
                self._tasks.append((f"scanner {address}", scanner.run))

    def tasks(self) -> tuple[_Task, ...]:
        return tuple(self._tasks)

    async def drain(self, limit_s: float) -> None:
        """Before an orderly end: give the hub what it lacks, as long as that makes progress."""
