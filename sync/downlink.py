"""Changes down: asks for what is new in each scope, waits for it, and remembers how far it is."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from pos.ports import Clock
from pos.storage_ports import Memory
from sync.line import Line
from sync.wire import Changes, Feed

__all__ = ["ApplyChanges", "Downlink"]

CHANGES_LIMIT: Final = 500
WAIT_S: Final = 25
QUICK_MS: Final = 1_000
AFTER_FAULT_S: Final = 30.0
REFUSED_S: Final = 60.0
SCOPES: Final = ("chain",)

ApplyChanges = Callable[[list[dict[str, Any]], str], Awaitable[None]]
"""Takes the records of a scope and the cursor behind them ("n.stamp")."""

_log = logging.getLogger("tresen.downlink")


class Downlink:
    """One reader for all nodes: a relay serves the same numbers and stamps as its hub."""

    def __init__(
        self,
        memory: Memory,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        apply: ApplyChanges | None,
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._sleep = sleep
        self._apply = apply
        self._cursors = dict.fromkeys(SCOPES, "0")

    async def load(self) -> None:
        for scope in SCOPES:
            self._cursors[scope] = (await self._memory.get(_key(scope)) or b"0").decode()

    async def follow(self, line: Line, heard: Callable[[Feed], None] = lambda _feed: None) -> None:
        """Until the line breaks. What cannot be applied is asked for again later. `heard` sees each answer first."""
        while True:
            asked_ms = self._clock.mono_ms()
            feed = await self._ask(line)
            if feed is None:
                await self._sleep(REFUSED_S)
                continue
            heard(feed)
            news = False
            for changes in feed.scopes:
                news = await self._take(changes) or news
            if not news and self._clock.mono_ms() - asked_ms < QUICK_MS:
                await self._sleep(WAIT_S)  # a node that does not hold its answers back

    async def _ask(self, line: Line) -> Feed | None:
        """None where the node does not give it now: what comes down must not stop what goes up."""
        query = [("cursor", f"{scope}@{cursor}") for scope, cursor in self._cursors.items()]
        query += [("limit", str(CHANGES_LIMIT)), ("wait", str(WAIT_S))]
        answer = await line.ask("GET", "/v1/changes", query=query, timeout_s=WAIT_S + 15.0)
        if answer.status != 200:
            _log.warning("no changes: %d %s", answer.status, answer.content[:300].decode(errors="replace"))
            return None
        return msgspec.json.decode(answer.content, type=Feed)

    async def _take(self, changes: Changes) -> bool:
        """True if there was something new and it is applied."""
        if changes.scope not in self._cursors or not changes.next or self._apply is None:
            return False
        if changes.next == self._cursors[changes.scope]:
            return False
        if changes.changes:
            try:
                await self._apply([msgspec.to_builtins(change) for change in changes.changes], changes.next)
            except Exception:  # noqa: BLE001 - logged; what comes down must not stop what goes up
                _log.exception("changes up to %s of %s could not be applied", changes.next, changes.scope)
                await self._sleep(AFTER_FAULT_S)
                return True
        self._cursors[changes.scope] = changes.next
        await self._memory.put(_key(changes.scope), changes.next.encode())
        return True


def _key(scope: str) -> str:
    return f"feed.{scope}"
