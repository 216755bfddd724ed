"""Bulk over HTTP: which form a body has, and answers that are written page by page while they are read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from litestar import Request
from litestar.response import Stream

from sync.hub.answers import ANSWER_HEADERS
from sync.hub.problems import ProblemError
from sync.hub.shop.kit.bulk import BODY_TYPES, Format, Sheet, write_text

__all__ = ["PAGE_ROWS", "Page", "form_of", "stream"]

PAGE_ROWS: Final = 500

Page = tuple[list[bytes], str]
"""Records, and the key of the last one; no records: the end."""


def form_of(request: Request[Any, Any, Any]) -> Format:
    """Of the request's body. Raises ProblemError 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in BODY_TYPES:
        raise ProblemError(415, "The content type is application/x-ndjson or text/csv", kind[:64])
    return BODY_TYPES[kind]


async def stream(form: str, sheet: Sheet, read: Callable[[str], Awaitable[Page]], name: str) -> Stream:
    """All records, by their key, as a file `name`. What cannot be read at first is refused; later the answer is cut off."""
    said: Format = "csv" if form == "csv" else "ndjson"
    first = await read("")

    async def pages() -> AsyncIterator[bytes]:
        bodies, last = first
        yield write_text(said, sheet, bodies, heading=True).encode()
        while bodies:
            bodies, last = await read(last)
            if bodies:
                yield write_text(said, sheet, bodies, heading=False).encode()

    (media_type,) = (kind for kind, one in BODY_TYPES.items() if one == said)
    disposition = f'attachment; filename="{name}.{said}"'
    return Stream(
        pages(), media_type=media_type, headers={**ANSWER_HEADERS, "Content-Disposition": disposition}
    )
