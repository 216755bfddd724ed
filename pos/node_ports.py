"""What the till asks of the machines beyond it: whoever decides over the store's parked carts, and the hub's shop."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from pos.domain.store_carts import ClaimAnswer

__all__ = ["Parks", "ShopAnswer", "ShopDesk"]


class Parks(Protocol):
    """The way to whoever decides over the store's parked carts. News comes as StoreCartsHeard commands."""

    @property
    def arbiter(self) -> str:
        """Which node decides: "relay" or "hub"; empty while there is none."""
        ...

    def tell(self, given: Sequence[tuple[str, str]], released: Sequence[str]) -> None:
        """Carts that this till does not go on with unasked (id, and the tag of whom they follow), and claims that it
        gave up. Said again and again, until other ones are told. Returns at once.
        """
        ...

    async def claim(self, cart_id: str, key: str, *, own: bool, force: bool = False) -> ClaimAnswer:
        """Ask for a cart; within some seconds, never raises. `own`: this till has it whole."""
        ...


class ShopAnswer(msgspec.Struct, frozen=True):
    """What the hub answered. `status` as in HTTP, 0: nothing was heard, so it may have been done or not.

    `body` is JSON. A refusal (400 and above) has its `code`, for programs, and `title` and `detail` in English.
    """

    status: int
    body: bytes = b""
    code: str = ""
    title: str = ""
    detail: str = ""

    @property
    def silent(self) -> bool:
        return self.status == 0

    @property
    def yes(self) -> bool:
        return 200 <= self.status < 300


class ShopDesk(Protocol):
    """The way to the hub's API of the channels (docs/hub-api.md)."""

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, key: str = "", timeout_s: float = 5.0
    ) -> ShopAnswer:
        """One request; `path` begins behind `/v1`. Within `timeout_s`, never raises.

        A POST has a `key` that was remembered before (desk.world.memory, or in the cart): after silence or a crash the
        same request under the same key gets the first answer again.
        """
        ...

    def vouches(self, data: bytes, signature: bytes) -> bool:
        """Whether the hub signed this: decided here, without asking it."""
        ...
