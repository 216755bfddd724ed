"""How slowly a body may come: so that nobody holds a connection, and its memory, for ever."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from sync.hub.problems import ProblemError

__all__ = ["Pace", "paced"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Pace(msgspec.Struct, frozen=True):
    """`patience_s` seconds for a body, and one more for every `bytes_per_s` of it."""

    patience_s: float = 30.0
    bytes_per_s: int = 2_000


def paced(receive: Receive, pace: Pace) -> Receive:
    """`receive` of a request that raises ProblemError 408 where its body comes too slowly, and then hears no more of it."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    received, whole, late = 0, False, False

    async def next_piece() -> MutableMapping[str, Any]:
        nonlocal received, whole, late
        if late:
            return {"type": "http.disconnect"}
        if whole:
            return await receive()
        try:
            async with asyncio.timeout_at(began_s + pace.patience_s + received / pace.bytes_per_s):
                message = await receive()
        except TimeoutError as error:
            late = True
            raise ProblemError(
                408, "The body came too slowly", f"{pace.bytes_per_s} bytes a second"
            ) from error
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        received += len(message.get("body", b""))
        return message

    return next_piece
