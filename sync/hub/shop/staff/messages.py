"""Messages about the staff page's devices."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["EndOf", "Ended", "MakeCode", "Pair", "Right", "StaffCode", "StaffSession"]

Right = Literal["stock-move", "stock-write-off", "pickup", "tasks"]
_Operator = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[!-~]+\Z")]


class MakeCode(Struct, frozen=True, forbid_unknown_fields=True):
    """For whom: an operator of this till with some of its rights. `name` is shown on the device. The session ends at
    `until_ms`, and 12 hours from now at the latest.
    """

    operator: _Operator
    rights: Annotated[tuple[Right, ...], Meta(min_length=1, max_length=8)]
    until_ms: Annotated[int, Meta(ge=0, le=1 << 52)]
    name: Annotated[str, Meta(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*\Z")] = ""


class StaffCode(Struct, frozen=True):
    """`code` is good once, until `expires_ms` and for five wrong tries. `url` is the page; behind it goes `#` and the code."""

    code: str
    url: str
    expires_ms: int


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """`code` as somebody typed it. `secret` is made by the device, 24 bytes by chance as hex, and becomes its token's: whoever
    had no answer asks again with the same and is answered the same.
    """

    code: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\x00]+\Z")]
    secret: Annotated[str, Meta(pattern=r"^[0-9a-f]{48}\Z", examples=["5b" * 24])]


class StaffSession(Struct, frozen=True):
    """The token is `tresen_`, `token_id`, `_` and the device's secret. `who` stands as the actor in all that it does."""

    token_id: str
    who: str
    store: str
    name: str
    scopes: tuple[str, ...]
    expires_ms: int


class EndOf(Struct, frozen=True, forbid_unknown_fields=True):
    """An operator of this till."""

    operator: _Operator


class Ended(Struct, frozen=True):
    """So many sessions ended."""

    ended: int
