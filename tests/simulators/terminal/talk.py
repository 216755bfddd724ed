"""The terminal's part in a conversation: one inbox for all its lines, answers awaited within T3, scripts at every step."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tests.simulators.terminal.customer import Timing
from tests.simulators.terminal.links import Link, LinkLostError
from tests.simulators.terminal.statuses import completion
from tests.simulators.terminal.steps import Act, Script, Step
from tests.simulators.terminal.wire import WireError, apdu, fields_of, split_apdu

__all__ = ["MOVES", "PowerLostError", "StoppedError", "Talk"]

_T = TypeVar("_T")
BUSY = 0x9C
MOVES = frozenset(("0601", "060C", "0622", "0623", "0624", "0625", "0630", "0631", "0650"))
"""Orders that move money, or end the day."""


class PowerLostError(BaseException):
    """The plug was pulled."""


class StoppedError(Exception):
    """The till asked to stop (06 B0) while that was still possible."""


class Talk:
    """`link` is the newest line. A conversation belongs to the line it began on; on a serial one it goes on over the next.

    `violations`: what a till did that it may not do. `heard` and `said`: all messages, for a look afterwards.
    """

    def __init__(self, timing: Timing, script: Script | None) -> None:
        self.timing = timing
        self.script = script
        self.keep: Callable[[], None] = lambda: (
            None
        )  # called before each message: what is remembered must last
        self.link: Link | None = None
        self.violations: list[str] = []
        self.transcript: list[tuple[str, str]] = []  # ("<" from the till or ">", the message in hex)
        self.serial = False
        self.busy = ""  # the command whose conversation is under way
        self.reversing = False
        self._inbox: asyncio.Queue[tuple[Link, bytes | None]] = asyncio.Queue()
        self._context = contextvars.copy_context()
        self._own: Link | None = None
        self._anew: Link | None = None  # came while a conversation was under way
        self._ended = False  # its end was said
        self._step = 0
        self._stop_ok = False
        self._stop_asked = False
        self._loose = 0  # answers that are due to what was said beside the conversation

    def attach(self, link: Link) -> None:
        """A till is on the line. What it replaces has ended."""
        old, self.link = self.link, link
        if old is not None and not old.lost:
            old.cut()
        self.serial = not link.fresh
        link.complain = self.violations.append
        link.on_message = lambda message: self._inbox.put_nowait((link, message))
        link.start(self._context)

    def detach(self) -> None:
        if self.link is not None:
            self.link.cut()
            self.link = None

    def violate(self, what: str) -> None:
        self.violations.append(f"{self.busy or 'idle'}: {what}")

    async def until(self, work: Coroutine[Any, Any, _T] | Awaitable[_T]) -> _T:
        """Let something happen at the terminal, and hear what comes meanwhile. Raises StoppedError if `_stop_ok` allows it."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                heard = asyncio.ensure_future(self._inbox.get())
                try:
                    await asyncio.wait((task, heard), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not heard.done():
                        heard.cancel()
                if heard.done() and not heard.cancelled():
                    await self._aside(*heard.result())
                if self._stop_ok and self._stop_asked:
                    raise StoppedError
            return task.result()
        finally:
            task.cancel()
            with contextlib.suppress(BaseException):
                await task

    async def pause(self, seconds: float) -> None:
        await self.until(asyncio.sleep(seconds))

    async def say(self, message: bytes, name: str = "") -> None:
        """Send, and wait for no answer. Raises LinkLostError."""
        found = split_apdu(message)
        assert found is not None
        name = name or found[0].hex().upper()
        self.keep()
        act = self._act(True, name, message)
        link = self.link if self.serial else self._own
        if act is Act.POWER:
            raise PowerLostError
        if link is None or link.lost or act in (Act.CUT, Act.DEAD):
            self._break(link, act)
            raise LinkLostError("nobody is there")
        if act is Act.LOSE:
            return
        self._ended = self._ended or name[:4] in ("060F", "061E") or name[:2] == "84"
        self.transcript.append((">", message.hex().upper()))
        for _ in range(2 if act is Act.TWICE else 1):
            await link.send(message)
        if act is Act.CUT_AFTER:
            await asyncio.sleep(self.timing.step_s)
            await link.end()

    def _break(self, link: Link | None, act: Act) -> None:
        if link is not None and act is Act.DEAD:
            link.dead = True
        elif link is not None and act is Act.CUT:
            link.dead = True  # what is on its way does not arrive either
            link.cut()

    async def ask(self, message: bytes, name: str = "") -> tuple[str, bytes]:
        """Send and await the till's answer: (its control field, its data). Raises LinkLostError, also when T3 is over."""
        found = split_apdu(message)
        assert found is not None
        name = name or found[0].hex().upper()
        await self.say(message, name)
        loop = asyncio.get_running_loop()
        end = loop.time() + self.timing.t3_s
        while True:
            try:
                async with asyncio.timeout_at(end):
                    link, data = await self._inbox.get()
            except TimeoutError:
                if self._own is not None and not self.serial:
                    self._own.cut()
                raise LinkLostError(f"no answer to {name}") from None
            answer = await self._answer(link, data, name)
            if answer is not None:
                return answer

    async def _answer(self, link: Link, data: bytes | None, about: str) -> tuple[str, bytes] | None:
        if link is not self._own or data is None:
            await self._aside(link, data)
            if data is None and link is self._own and not self.serial:
                raise LinkLostError("the line ended")
            return None
        control, content = _parts(data)
        if control[:2] not in ("80", "84"):
            await self._aside(link, data)
            return None
        if not self._arrives(link, f"{control} to {about}", data):
            return None
        self._judge_answer(control, content, about)
        return control, content

    def _judge_answer(self, control: str, content: bytes, about: str) -> None:
        if control[:2] == "80" and control != "8000":
            self.violate(f"{control} to {about} is no answer")
        if control == "8000" and content:
            with contextlib.suppress(WireError):
                if [number for number, _ in fields_of(content)] == [0x06]:
                    return
            self.violate(f"80 00 to {about} with {content.hex()}")
        if control == "849D":
            return
        if control[:2] == "84" and content:
            self.violate(f"{control} to {about} with {content.hex()}")

    async def _aside(self, link: Link, data: bytes | None) -> None:
        """What comes and is no answer: from a new line, an abort, or what must not be."""
        if data is None:
            return
        control, content = _parts(data)
        if link is not self._own:
            self._anew = link  # who is there now may not know what was said before
        anew = link is self._anew
        if not self._arrives(link, control, data):
            return
        if self.serial:
            self._own = link
        if control[:2] in ("80", "84"):
            if self._loose:
                self._loose -= 1
            elif not anew and not link.disturbed:
                self.violate(f"{control}, and nothing was asked")
        elif control == "06B0" and not anew:
            self._stop_asked = self._stop_ok
            await self._beside(link, "8000" if self._stop_ok else "8483")
        else:
            if (not anew or control in MOVES) and not link.disturbed:
                self.violate(f"{control} while the terminal is master")
            await self._refuse_busy(link, control, content)

    async def _refuse_busy(self, link: Link, control: str, content: bytes) -> None:
        """What somebody on a new line hears who does not know yet that something is under way."""
        if control == "0600":
            await self._beside(link, "8000", self._registered(link, content))
        elif control == "0501":
            await self._beside(link, "8000", completion(BUSY))
        else:
            await self._beside(link, "849C")

    def _registered(self, link: Link, content: bytes) -> bytes:
        """What a registration ends with while another conversation goes on."""
        raise NotImplementedError

    async def _beside(self, link: Link, control: str, then: bytes | None = None) -> None:
        with contextlib.suppress(LinkLostError):
            self.transcript.append((">", control))
            await link.send(apdu(control))
            if then is not None:
                self._loose += 1
                self.transcript.append((">", then.hex().upper()))
                await link.send(then)

    def _act(self, to_till: bool, name: str, data: bytes) -> Act:
        step = Step(self._step, self.busy, to_till, name, data)
        self._step += 1
        return (self.script(step) if self.script is not None else None) or Act.PASS

    def _arrives(self, link: Link, name: str, data: bytes) -> bool:
        """Let the script act on a message of the till's; False: it never arrived."""
        if link.dead:
            return False
        act = self._act(False, name, data)
        if act is Act.POWER:
            raise PowerLostError
        self._break(link, act)
        if act in (Act.LOSE, Act.CUT, Act.DEAD):
            return False
        self.transcript.append(("<", data.hex().upper()))
        if act is Act.TWICE:
            self._inbox.put_nowait((link, data))
        if act is Act.CUT_AFTER:
            link.cut()
        return True


def _parts(data: bytes) -> tuple[str, bytes]:
    found = split_apdu(data)
    assert found is not None
    return found[0].hex().upper(), found[1]
