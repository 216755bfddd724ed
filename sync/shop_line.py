"""The till's way to the hub's API of the channels: carts of phones, orders, stock of other stores, returns, customers.

Each question is a connection of its own within some seconds, so that nothing here holds up what goes up. The hub decides
all of it, also where the store has a relay.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from pos.node_ports import ShopAnswer
from pos.ports import Clock, Ids
from sync.identity import Identity, Node
from sync.keys import verify
from sync.line import Line, UntrustedAnswerError, is_silence
from sync.wire import Problem

__all__ = ["ShopLine"]

ANSWER_S: Final = 5.0
_PREFIX: Final = "urn:tresen:problem:"
_log = logging.getLogger("tresen.shop")


class ShopLine:
    """Implements pos.node_ports.ShopDesk."""

    def __init__(
        self,
        identity: Identity,
        node: Node,
        *,
        clock: Clock,
        ids: Ids,
        transport: Callable[[Node], Any] | None = None,
    ) -> None:
        self._identity = identity
        self._node = node
        self._clock = clock
        self._ids = ids
        self._transport = transport

    def vouches(self, data: bytes, signature: bytes) -> bool:
        """Whether the hub signed this: decided here, by the key under which this till knows it."""
        return verify(self._node.public_key, signature, data)

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, key: str = "", timeout_s: float = ANSWER_S
    ) -> ShopAnswer:
        """One request under /v1; within `timeout_s`, never raises. Silence is an answer with status 0."""
        if method != "GET":
            body = body or b"{}"  # what is signed has a digest
        transport = self._transport(self._node) if self._transport is not None else None
        path, _, query = path.partition("?")
        pairs = [
            (name, unquote(value))
            for name, _, value in (part.partition("=") for part in query.split("&"))
            if name
        ]
        line = Line(self._node, self._identity, clock=self._clock, ids=self._ids, transport=transport)
        try:
            async with asyncio.timeout(timeout_s), line:
                answer = await line.ask(
                    method, f"/v1{path}", query=pairs, body=body, key=key, timeout_s=timeout_s
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was heard
            if not is_silence(error) and not isinstance(error, TimeoutError | UntrustedAnswerError):
                _log.error("the hub could not be asked", exc_info=error)
            return ShopAnswer(0)
        if answer.status < 400:
            return ShopAnswer(answer.status, answer.content)
        try:
            problem = msgspec.json.decode(answer.content, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problem = Problem(answer.status, "")
        if answer.status >= 500 or answer.status == 429:
            _log.warning("the hub answered %d: %s", answer.status, problem.title)
            return ShopAnswer(0)
        code = problem.type.removeprefix(_PREFIX) if problem.type.startswith(_PREFIX) else ""
        return ShopAnswer(answer.status, answer.content, code, problem.title, problem.detail)
