"""Reads request bodies, plain or gzip, and never more of them than was allowed."""

import zlib
from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Request

from sync.hub.problems import ProblemError

__all__ = ["chunks", "read_json"]

_GZIP: Final = 31


async def chunks(request: Request[Any, Any, Any], limit: int) -> AsyncIterator[bytes]:
    """The body, inflated, in pieces. Raises ProblemError 413 as soon as it is over `limit` bytes."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise ProblemError(415, "A body is sent plain or as gzip", encoding)
    inflater = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    size = 0
    received = 0
    async for piece in request.stream():
        received += len(piece)
        if size > limit:
            # Read on a little, so that the sender hears the answer; a flood is cut.
            if received > 2 * limit:
                break
            continue
        data = piece
        while data:
            if inflater is None:
                out, data = data, b""
            else:
                try:
                    out = inflater.decompress(data, limit - size + 1)
                except zlib.error as error:
                    raise ProblemError(400, "The body is no gzip", str(error)) from error
                data = inflater.unconsumed_tail
                if inflater.unused_data:
                    raise ProblemError(400, "The body goes on after its gzip")
            size += len(out)
            if size > limit:
                break
            yield out
    if size > limit:
        raise ProblemError(413, "The body is too large", f"at most {limit} bytes")
    if inflater is not None and not inflater.eof:
        raise ProblemError(400, "The body was cut off")


async def read_json(request: Request[Any, Any, Any], limit: int) -> bytes:
    """A whole JSON body. Other content types are refused: a page in a browser cannot send this one unasked."""
    _demand(request, "application/json")
    return b"".join([piece async for piece in chunks(request, limit)])


def _demand(request: Request[Any, Any, Any], content_type: str) -> None:
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != content_type:
        raise ProblemError(415, f"The content type must be {content_type}", found)
