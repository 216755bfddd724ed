"""Large type for who wants it: a terminal's font is the machine's business, so commands of the shop's settings change it.

`setfont` on a console, a terminal's own tool elsewhere. The layout follows the columns and rows that are there then.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from pos.domain import events as e
from pos.ports import Operator

__all__ = ["TypeSize", "run_command"]

_LIMIT_S = 5.0
_log = logging.getLogger(__name__)

Run = Callable[[Sequence[str]], Awaitable[None]]


class TypeSize:
    """Hears who signs in; runs `large` or `normal` where the type must change. Empty commands change nothing."""

    def __init__(self, large: Sequence[str], normal: Sequence[str], run: Run) -> None:
        self._commands = {True: tuple(large), False: tuple(normal)}
        self._run = run
        self._is_large = False
        self._task: asyncio.Future[None] | None = None

    def heard(self, happened: Sequence[e.Event], operator: Operator | None) -> None:
        if operator is None or not any(isinstance(event, e.SignedIn) for event in happened):
            return
        command = self._commands[operator.large]
        if operator.large != self._is_large and all(self._commands.values()):
            self._is_large = operator.large
            self._task = asyncio.ensure_future(self._run(command))


async def run_command(command: Sequence[str]) -> None:
    """Run a program to its end; what goes wrong is logged, and the till sells on."""
    try:
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        code = await asyncio.wait_for(child.wait(), _LIMIT_S)
        if code:
            _log.warning("%s ended with %s", command[0], code)
    except (OSError, TimeoutError) as error:
        _log.warning("%s could not change the type: %s", command[0], error)
