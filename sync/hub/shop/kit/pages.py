"""Lists in pages: a cursor that only the hub understands, and the versions by which a writer is held to what it saw."""

import base64
import binascii
from typing import Any, Final

import msgspec

from sync.hub.shop.kit.refusal import RefusedError

__all__ = ["PAGE_MAX", "after", "cursor_of", "demand_version", "etag"]

PAGE_MAX: Final = 200
_CURSOR_MAX: Final = 512


def cursor_of(*place: str | int) -> str:
    """The cursor of a row: the values by which the list is ordered."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def after(cursor: str, *kinds: type) -> tuple[Any, ...] | None:
    """The place behind which a list goes on; None for its beginning. Raises RefusedError for what is no cursor of ours."""
    if not cursor:
        return None
    wrong = RefusedError(400, "cursor", "This is no cursor of this list", cursor[:64])
    try:
        if len(cursor) > _CURSOR_MAX:
            raise wrong
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = msgspec.json.decode(raw, type=list[str | int])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise wrong from error
    if [type(part) for part in place] != list(kinds):
        raise wrong
    if any(isinstance(part, int) and abs(part) >= 1 << 63 for part in place):
        raise wrong
    return tuple(place)


def etag(version: int) -> str:
    return f'"{version}"'


def demand_version(if_match: str, version: int) -> None:
    """A writer that names a version must name the newest one. Raises RefusedError 412."""
    if if_match and if_match.strip() not in {"*", etag(version)}:
        raise RefusedError(
            412, "version", "Somebody else changed this meanwhile", f"it is at version {version}"
        )
