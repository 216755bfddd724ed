"""Tells systemd how the till is: ready, alive, stopping. Without systemd every call does nothing.

Nothing here needs a library: a state is one datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)).
The watchdog is fed from the loop that paints, never from a thread of its own: a till whose screen stands
still must be started again, however well its threads may be.
"""

import asyncio
import math
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Self

__all__ = ["READY", "STOPPING", "Watchdog", "feed_from_loop", "notify"]

READY = "READY=1"
STOPPING = "STOPPING=1"

_FEED = "WATCHDOG=1"
_SEND_S = 0.05  # the longest a frame may wait for systemd to read


def notify(state: str) -> bool:
    """Send a state such as READY, or `STATUS=...`; True if systemd took it. Never raises, waits 50 ms at most."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return False
    if address.startswith("@"):  # a name in the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(_SEND_S)
            sender.sendto(state.encode(), address)
    except OSError:
        return False
    return True


class Watchdog:
    """What systemd expects of this process: a sign of life within `2 * interval_s`; 0 where it expects none."""

    def __init__(self, interval_s: float = 0.0) -> None:
        self.interval_s = interval_s

    @classmethod
    def from_environment(cls) -> Self:
        """WATCHDOG_USEC halved, if it is meant for this process (WATCHDOG_PID)."""
        pid = os.environ.get("WATCHDOG_PID", "")
        if pid and pid != str(os.getpid()):
            return cls()
        usec = os.environ.get("WATCHDOG_USEC", "")
        return cls(int(usec) / 2_000_000 if usec.isascii() and usec.isdigit() else 0.0)

    @property
    def wanted(self) -> bool:
        return self.interval_s > 0 and math.isfinite(self.interval_s)

    def feed(self) -> bool:
        """Say that the loop lives; True if systemd heard it."""
        return self.wanted and notify(_FEED)


async def feed_from_loop(
    watchdog: Watchdog,
    painted: Callable[[], bool] | None = None,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Feed the watchdog from this loop until cancelled; returns at once where none is wanted.

    `painted` says whether the screen keeps up: False while a frame is owed and has not come. An idle till
    owes none, so it is True then. While it is False nothing is fed.
    """
    if not watchdog.wanted:
        return
    while True:
        if painted is None or painted():
            watchdog.feed()
        await sleep(watchdog.interval_s)
