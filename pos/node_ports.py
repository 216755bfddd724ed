"""What the till asks of the machines beyond it: whoever decides over the store's parked carts."""

from collections.abc import Sequence
from typing import Protocol

from pos.domain.store_carts import ClaimAnswer

__all__ = ["Parks"]


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
