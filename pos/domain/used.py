"""How often a promotion was used in one sale: kept with the sale, and counted for budgets."""

import msgspec

__all__ = ["Used"]


class Used(msgspec.Struct, frozen=True, gc=False):
    """How often a promotion was applied, and the minor units that it took off in all."""

    promotion: str
    uses: int
    minor: int
