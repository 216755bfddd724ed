"""One conversation with a terminal: a command, what the terminal says meanwhile, its end. The rules of payments.md 1.3 and 1.4.

Nothing here decides what was paid. Every message of the terminal is answered once, and only after whoever listens has it.
"""

import asyncio
import enum
import logging
from typing import Final, Literal, Protocol

import msgspec

from drivers.card.heard import code_of
from drivers.card.link import Down, Link
from drivers.card.zvt import Apdu
from drivers.supervisor import DeviceAbsentError, DeviceFaultError

__all__ = ["ACK", "BUSY", "NOT_REGISTERED", "Call", "Ending", "Listener", "Talk", "Timers"]

ACK: Final = Apdu(0x8000)
BUSY: Final = 0x9C
NOT_REGISTERED: Final = 0x6B
_ABORT: Final = Apdu(0x06B0)
_NOT_POSSIBLE: Final = Apdu(0x8483)
_POSITIVE: Final = (0x8000, 0x8400)
_STATUS: Final = 0x040F
_ENDS: Final = (0x060F, 0x061E)

_SILENT: Final = {
    "no-answer": "card-silent", "no-end": "card-silent", "mixed-up": "card-old-payment", "not-kept": "card-not-kept",
}  # fmt: skip

_log = logging.getLogger(__name__)


class Timers(msgspec.Struct, frozen=True):
    """Seconds: from a command to its answer (T3); from there to the end, anew with each status (T4)."""

    t3: float = 5.0
    t4: float = 180.0


class Call(enum.Enum):
    """What the till puts among a terminal's messages."""

    CANCEL = "cancel"
    WORK = "work"


class Ending(msgspec.Struct, frozen=True):
    """How a conversation ended. `by` as in CardEnd; `apdu` is the message that ended it, None where there was none.

    `detail` where `by` is "unknown": "no-answer" (T3), "no-end" (T4), "not-kept", "mixed-up", or what the link said.
    """

    by: Literal["completion", "abort", "refused", "unknown"]
    code: int | None = None
    detail: str = ""
    apdu: Apdu | None = None
    error: DeviceAbsentError | DeviceFaultError | None = None

    def away(self) -> DeviceAbsentError | DeviceFaultError:
        """What an unknown end means for the link."""
        return self.error or DeviceAbsentError(_SILENT.get(self.detail, self.detail))


class Listener(Protocol):
    """Who hears what a terminal says. Whatever `status`, `print` and `flush` raise, the terminal gets no answer then."""

    async def status(self, apdu: Apdu) -> None:
        """04 0F; it is acknowledged when this returns."""
        ...

    async def print(self, apdu: Apdu) -> None:
        """06 D1 or 06 D3."""
        ...

    async def flush(self) -> None:
        """The end was said: what was printed so far is all."""
        ...

    def state(self, apdu: Apdu) -> int | None:
        """04 FF; the minutes that it grants until the next message, or None."""
        ...

    def cancelling(self) -> None: ...
    def not_cancelled(self, code: int | None) -> None: ...


class _NotKeptError(Exception):
    pass


class Talk:
    """The till's side of an open link, for one conversation at a time."""

    def __init__(self, link: Link, timers: Timers) -> None:
        self._link = link
        self._timers = timers

    async def next(self, until: float | None) -> Apdu | Down | Call | None:
        """What comes next; None when it is later than `until` (loop time)."""
        try:
            async with asyncio.timeout_at(until):
                item: Apdu | Down | Call = await self._link.inbox.get()
                return item
        except TimeoutError:
            return None

    async def command(
        self, apdu: Apdu, listener: Listener, *, cancellable: bool = False, late: Listener | None = None
    ) -> Ending:
        """Send a command, once, and stay until its conversation has ended. Raises nothing of the link's or the listener's.

        What is said before the terminal has accepted the command belongs to something older, and is for `late`. Without one
        a status among that is left unanswered, for nobody would keep it; what came of our command is then unknown.
        """
        try:
            once = await self._link.send(apdu)
            return await self._follow(listener, cancellable, late, sure=once)
        except (DeviceAbsentError, DeviceFaultError) as error:
            return Ending("unknown", detail=str(error), error=error)
        except _NotKeptError:
            return Ending("unknown", detail="not-kept")

    async def _follow(
        self, listener: Listener, cancellable: bool, late: Listener | None, *, sure: bool
    ) -> Ending:
        """`sure`: a refusal means that nothing was begun. It does not where the order may have arrived twice, or where the
        terminal was already talking: then the second one is refused because the first one runs.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timers.t3
        running = wanted = asked = given_up = False
        while True:
            item = await self.next(until)
            if item is None:
                if not running:
                    return Ending("unknown", detail="no-answer")
                if given_up or not cancellable or asked:
                    return Ending("unknown", detail="no-end")
                given_up = asked = True
                await self._link.send(_ABORT, unasked=True)
                until = loop.time() + self._timers.t3
            elif isinstance(item, Down):
                return Ending("unknown", detail=str(item.error), error=item.error)
            elif isinstance(item, Call):
                if item is Call.CANCEL and cancellable and not asked:
                    wanted = True
            elif item.command in _POSITIVE:
                if running and asked:
                    listener.cancelling()
                elif not running:
                    running = True
                    until = loop.time() + self._timers.t4
            elif item.command >> 8 == 0x84:
                if not running and cancellable and not sure:
                    return Ending("unknown", detail="mixed-up")
                if not running:
                    return Ending("refused", code_of(item), apdu=item)
                if asked:
                    listener.not_cancelled(item.command & 0xFF)
            elif not running and item.command == _STATUS and late is None:
                return Ending("unknown", detail="mixed-up")
            else:
                sure = sure and running
                grant = await self._hear(item, listener if running else late or listener)
                if running and item.command in _ENDS:
                    return _ending(item)
                if running and grant is not None:
                    until = loop.time() + grant
                    given_up = False
            if running and wanted and not asked:
                asked = True
                await self._link.send(_ABORT, unasked=True)

    async def take(self, apdu: Apdu, listener: Listener) -> None:
        """One message outside a conversation. Raises DeviceAbsentError."""
        try:
            await self._hear(apdu, listener)
        except _NotKeptError:
            raise DeviceAbsentError("card-not-kept") from None

    async def _hear(self, apdu: Apdu, listener: Listener) -> float | None:
        """Take one message of the terminal's and answer it. Seconds until the next is due, where the message says so.

        Raises DeviceAbsentError or _NotKeptError: then nothing was answered.
        """
        grant: float | None = None
        answer = ACK
        try:
            match apdu.command:
                case 0x040F:
                    await listener.status(apdu)
                    grant = self._timers.t4
                case 0x04FF:
                    minutes = listener.state(apdu)
                    grant = minutes * 60.0 if minutes else self._timers.t4
                case 0x06D1 | 0x06D3:
                    await listener.print(apdu)
                case 0x060F | 0x061E:
                    await listener.flush()
                case other if other >> 8 != 0x04:
                    answer = _NOT_POSSIBLE
        except Exception as error:
            _log.exception("what the terminal said was not kept: no answer")
            raise _NotKeptError from error
        await self._link.send(answer)
        return grant

    async def drain(self, listener: Listener, *, quiet_s: float, limit_s: float) -> None:
        """Take what an older conversation still brings: until nothing came for `quiet_s`, or, once something did, for T3; or
        until its end. Raises DeviceAbsentError, DeviceFaultError.
        """
        loop = asyncio.get_running_loop()
        limit = loop.time() + limit_s
        until = loop.time() + quiet_s
        while (item := await self.next(min(until, limit))) is not None:
            if isinstance(item, Down):
                raise item.error
            if isinstance(item, Call) or item.command >> 8 in (0x80, 0x84):
                continue
            await self.take(item, listener)
            if item.command in _ENDS:
                return
            until = max(until, loop.time() + self._timers.t3)


def _ending(apdu: Apdu) -> Ending:
    if apdu.command == 0x060F:
        return Ending("completion", apdu=apdu)
    return Ending("abort", code_of(apdu), apdu=apdu)
