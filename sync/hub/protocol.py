"""HTTP on a connection: whoever sends headers slowly, or none that can be read, hears so and is let go."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from sync.hub.problems import PROBLEM_JSON
from sync.wire import Problem, encode_json

__all__ = ["HEADERS_S", "Connection"]

HEADERS_S: Final = 20.0
_REASONS: Final = {400: "Bad Request", 408: "Request Timeout"}


class Connection(H11Protocol):
    """Headers must be whole `headers_s` seconds after the connection, or their first byte, came."""

    headers_s = HEADERS_S
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._begin()  # of a request that is not whole yet
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP."""
        self._refuse(400, msg)

    def _begin(self) -> None:
        if self._limit is None:
            self._limit = self.loop.call_later(self.headers_s, self._too_slow)

    def _end(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _too_slow(self) -> None:
        self._limit = None
        if self.conn.our_state is h11.IDLE and not self.transport.is_closing():
            self._refuse(408, "The request did not come to its end")

    def _refuse(self, status: int, title: str) -> None:
        body = encode_json(Problem(status, title))
        headers = [
            ("content-type", PROBLEM_JSON),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("connection", "close"),
        ]
        send: Callable[[Any], bytes | None] = self.conn.send
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            reason = _REASONS[status].encode()
            self.transport.write(
                send(h11.Response(status_code=status, headers=headers, reason=reason)) or b""
            )
            self.transport.write(send(h11.Data(data=body)) or b"")
            self.transport.write(send(h11.EndOfMessage()) or b"")
        self.transport.close()
