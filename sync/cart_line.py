"""The till's way to the arbiter of its store's parked carts: tells what it gives, hears what waits, claims.

The arbiter is the relay where the store has one, else the hub; it does not change with the line. A line of its own, so
that nothing here holds up what goes up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from pos.domain.commands import StoreCartsHeard
from pos.domain.store_carts import ClaimAnswer
from pos.ports import Clock, Ids, Submit
from sync.cart_messages import BUSY, GONE, UNKNOWN, Claim, Claimed, Given, ParkedAsk, ParkedList
from sync.identity import Identity, Node
from sync.line import Line, UntrustedAnswerError, expect, is_silence
from sync.pace import Backoff, PauseError
from sync.wire import Problem, encode_json

__all__ = ["CLAIM_S", "CartLine"]

CLAIM_S: Final = 5.0
WAIT_S: Final = 25
QUICK_MS: Final = 1_000
_VERDICTS: Final = {GONE: "gone", BUSY: "busy", UNKNOWN: "unknown"}
_REFUSED: Final = frozenset({400, 403, 409})
_REFUSED_MS: Final = 60_000
_log = logging.getLogger("tresen.carts")


class CartLine:
    """Implements pos.ports.Parks. `run` is a task of the client's; it asks nothing before the till told something."""

    def __init__(
        self,
        identity: Identity,
        node: Node,
        *,
        clock: Clock,
        ids: Ids,
        submit: Submit,
        sleep: Callable[[float], Awaitable[None]],
        transport: Callable[[Node], Any] | None = None,
    ) -> None:
        self.arbiter = node.role
        self._identity = identity
        self._node = node
        self._clock = clock
        self._ids = ids
        self._submit = submit
        self._sleep = sleep
        self._transport = transport
        self._given: tuple[Given, ...] = ()
        self._released: tuple[str, ...] = ()
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._told: StoreCartsHeard | None = None

    def tell(self, given: Sequence[tuple[str, str]], released: Sequence[str]) -> None:
        self._given = tuple(Given(cart_id, follows) for cart_id, follows in given)
        self._released = tuple(released)
        self._wanted.set()
        self._news.set()

    async def claim(self, cart_id: str, key: str, *, own: bool, force: bool = False) -> ClaimAnswer:
        whose = self._identity
        ask = Claim(whose.store, whose.machine, cart_id, key, own, force)
        try:
            async with asyncio.timeout(CLAIM_S), self._line() as line:
                answer = await line.ask(
                    "POST", self._path("claims"), body=encode_json(ask), timeout_s=CLAIM_S
                )
            if answer.status == 200:
                found = msgspec.json.decode(answer.content, type=Claimed)
                if (found.cart_id, found.key) != (cart_id, key):
                    return ClaimAnswer("refused")
                return ClaimAnswer("granted", found.till, found.epoch, found.seq, found.version, found.body)
            problem = msgspec.json.decode(answer.content, type=Problem)
        except Exception as error:  # noqa: BLE001 - whatever it is, the cart is not ours
            if not is_silence(error) and not isinstance(error, TimeoutError | UntrustedAnswerError):
                _log.error("a parked cart could not be claimed", exc_info=error)
            return ClaimAnswer("silent")
        verdict = _VERDICTS.get(problem.type, "silent" if answer.status >= 500 else "refused")
        if verdict == "refused":
            _log.warning("a claim was refused: %s %s", problem.title, problem.detail)
        return ClaimAnswer(verdict, problem.detail if verdict in {"gone", "busy"} else "")

    async def run(self) -> None:
        """Until cancelled; survives everything else."""
        backoff = Backoff(self._ids)
        while True:
            await self._wanted.wait()
            wait_ms = 0
            try:
                async with self._line() as line:
                    await self._session(line, backoff)
            except PauseError as pause:
                wait_ms = pause.wait_ms
            except UntrustedAnswerError as error:
                _log.error("whoever answers at %s is not the %s: %s", self._node.url, self._node.role, error)
            except Exception as error:  # noqa: BLE001 - the line must come back whatever happened
                if not is_silence(error):
                    _log.error("the line for parked carts broke", exc_info=error)
            self._tell(StoreCartsHeard(online=False))
            await self._sleep(max(wait_ms, backoff.next_ms()) / 1000)

    async def _session(self, line: Line, backoff: Backoff) -> None:
        known = ""
        while True:
            self._news.clear()
            wait_s = WAIT_S if known else 0
            asked_ms = self._clock.mono_ms()
            found = await self._ask(line, known, wait_s)
            if found is None:  # the till has more to tell
                known = ""
                continue
            backoff.reset()
            self._tell(StoreCartsHeard(online=True, carts=found.carts, gone=found.gone))
            if wait_s and found.version == known and self._clock.mono_ms() - asked_ms < QUICK_MS:
                await self._sleep(1.0)  # a node that does not hold its answers back
            known = found.version

    async def _ask(self, line: Line, known: str, wait_s: int) -> ParkedList | None:
        """None where the till had news before the answer that is held back came."""
        whose = self._identity
        ask = ParkedAsk(whose.store, whose.machine, self._given, self._released, known, wait_s)
        asking = asyncio.ensure_future(
            line.ask("POST", self._path("parked"), body=encode_json(ask), timeout_s=wait_s + 15.0)
        )
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait((asking, news) if wait_s else (asking,), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                return None
            answer = asking.result()
        finally:
            for task in (asking, news):
                task.cancel()
            await asyncio.gather(asking, news, return_exceptions=True)
        if answer.status in _REFUSED:
            raise PauseError("refused", _REFUSED_MS)
        expect(answer)
        return msgspec.json.decode(answer.content, type=ParkedList)

    def _line(self) -> Line:
        transport = self._transport(self._node) if self._transport is not None else None
        return Line(self._node, self._identity, clock=self._clock, ids=self._ids, transport=transport)

    def _path(self, what: str) -> str:
        return f"/v1/tills/{self._identity.store}/{self._identity.machine}/{what}"

    def _tell(self, news: StoreCartsHeard) -> None:
        if news != self._told:
            self._told = news
            self._submit(news)
