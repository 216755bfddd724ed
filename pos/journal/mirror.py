"""Keeps the second copy beside the till: follows each commit within two seconds, on a thread of its own.

No payment waits for it. What is wrong with the medium is told as CopyReported, and tried again; a copy that was
away catches up by itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from pos.domain.commands import CopyReported
from pos.journal.second_copy import SecondCopy
from pos.ports import Submit, Worker

__all__ = ["Mirror"]

COALESCE_S: Final = 0.5
LOOK_S: Final = 20.0
RETRY_S: Final = 5.0
_log = logging.getLogger("tresen.copy")


class Mirror:
    """`run` is the task; `kick` says that facts were written. `sleep` is for tests and simulations."""

    def __init__(
        self,
        copy: SecondCopy,
        worker: Worker,
        submit: Submit,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._copy = copy
        self._worker = worker
        self._submit = submit
        self._sleep = sleep
        self._kicked = asyncio.Event()
        self._reported: CopyReported | None = None

    def kick(self) -> None:
        self._kicked.set()

    async def run(self) -> None:
        """Until cancelled; then what is there is copied once more, as far as one batch goes."""
        try:
            while True:
                self._kicked.clear()
                state = await self._catch_up()
                await self._pause(LOOK_S if state == "ok" else RETRY_S)
        finally:
            self._worker.post(self._last)

    async def _catch_up(self) -> str:
        while True:
            state, waiting = await self._worker.run(self._copy.step)
            self._tell(state, waiting)
            if state != "behind":
                return state

    async def _pause(self, longest_s: float) -> None:
        """Until there is news, or it is time to look; a burst of kicks becomes one."""
        kicked = asyncio.ensure_future(self._kicked.wait())
        due = asyncio.ensure_future(self._sleep(longest_s))
        try:
            await asyncio.wait((kicked, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            kicked.cancel()
            due.cancel()
        if self._kicked.is_set():
            await self._sleep(COALESCE_S)

    def _last(self) -> None:
        self._copy.step()
        self._copy.close()

    def _tell(self, state: str, waiting: int) -> None:
        """Tell the till, if it is news."""
        news = CopyReported(state, waiting)
        if news == self._reported:
            return
        if self._reported is None or state != self._reported.state:
            _log.log(logging.INFO if state in {"ok", "behind"} else logging.WARNING, "second copy: %s", state)
        self._reported = news
        self._submit(news)
