"""Folds everything that happens in one turn of the loop into one picture: many events, one frame."""

import asyncio
from collections.abc import Callable

__all__ = ["Pump"]


class Pump:
    """`poke` as often as you like; `draw` runs once, when the turn is over."""

    def __init__(self, draw: Callable[[], None]) -> None:
        self._draw = draw
        self._waiting = False

    def poke(self) -> None:
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._waiting = False
        self._draw()
