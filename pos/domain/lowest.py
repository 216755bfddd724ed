"""What the law wants named beside a reduction (PAngV 11): the answer of `pos.domain.lowest_price`."""

import datetime as dt

import msgspec

__all__ = ["Lowest"]


class Lowest(msgspec.Struct, frozen=True):
    """`minor`: the lowest price of a piece in the 30 days before `before_ms`, and `price_minor` what it costs now.

    `before_ms` is when the reduction began, or the first step of several that followed each other downwards without a pause;
    where the price did not fall it is now. `known_from`: None where all 30 days are known, else the first day that is.
    `offer`: the price now is announced as a reduced one, by a promotion or by a price with days below another.
    """

    minor: int
    price_minor: int
    before_ms: int
    known_from: dt.date | None = None
    offer: bool = False

    @property
    def announced(self) -> bool:
        """Whether the shop may announce the price as a reduction: it is one against the lowest."""
        return self.offer and self.minor > self.price_minor

    @property
    def percent(self) -> int:
        """So much less than the lowest, in whole percent, never more than it is."""
        return (self.minor - self.price_minor) * 100 // self.minor if self.minor > self.price_minor else 0
