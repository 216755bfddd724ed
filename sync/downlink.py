"""Changes down: asks for what is new in each scope, waits for it, and remembers how far it is."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from pos.ports import Clock
from pos.storage_ports import Memory
from sync.line import Line
from sync.wire import Changes, Feed

__all__ = ["ApplyChanges", "Downlink", "News"]

CHANGES_LIMIT: Final = 500
WAIT_S: Final = 25
QUICK_MS: Final = 1_000
AFTER_FAULT_S: Final = 30.0
REFUSED_S: Final = 60.0
SCOPES: Final = ("chain",)


class News(msgspec.Struct, frozen=True):
    """Records of a scope, in their order. `cursor` ("n.stamp") is behind the last of them.

    `begins`: the log begins here, at its first record: whatever the reader holds is in doubt. `whole`: the run that began so
    ends here, and what was not heard of again since then is gone.
    """

    changes: Sequence[dict[str, Any]]
    cursor: str
    begins: bool = False
    whole: bool = False


ApplyChanges = Callable[[News], Awaitable[None]]

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
        self._begun: set[str] = set()  # scopes that are being read anew, and not to their end yet

    async def load(self) -> None:
        for scope in SCOPES:
            self._cursors[scope] = (await self._memory.get(_key(scope)) or b"0").decode()
            if await self._memory.get(_begun_key(scope)):
                self._begun.add(scope)

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
            begins = changes.reset or self._cursors[changes.scope] == "0"
            news = News(
                [msgspec.to_builtins(change) for change in changes.changes],
                changes.next,
                begins,
                whole=changes.cursor >= changes.head and (begins or changes.scope in self._begun),
            )
            try:
                await self._apply(news)
            except Exception:  # noqa: BLE001 - logged; what comes down must not stop what goes up
                _log.exception("changes up to %s of %s could not be applied", changes.next, changes.scope)
                await self._sleep(AFTER_FAULT_S)
                return True
            await self._note(changes.scope, news)
        self._cursors[changes.scope] = changes.next
        await self._memory.put(_key(changes.scope), changes.next.encode())
        return True

    async def _note(self, scope: str, news: News) -> None:
        """Remember, before the cursor moves, that a run is under way or at its end."""
        if news.whole and scope in self._begun:
            self._begun.remove(scope)
            await self._memory.put(_begun_key(scope), b"")
        elif news.begins and not news.whole:
            self._begun.add(scope)
            await self._memory.put(_begun_key(scope), b"1")


def _key(scope: str) -> str:
    return f"feed.{scope}"


def _begun_key(scope: str) -> str:
    return f"feed.{scope}.begun"
