"""What a shop decided about goods, prices and ages."""

from collections.abc import Iterable
from typing import Final

import msgspec

from pos.domain.article import Deposit
from pos.domain.money import PRICE_MAX_MINOR

__all__ = ["AGE_CHECKS", "GoodsRules", "read_deposits"]

AGE_CHECKS: Final = ("date", "ask", "warn")
_PARTS: Final = 3


class GoodsRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """`age_check`: "date" takes a birth date, "ask" a look at the customer, "warn" only tells.

    `deposits` come back without their article. A discount of more than `discount_percent_max` of a price asks for another
    right; staff gets `staff_percent`. `fixed_price_codes` (as "978") and `fixed_price_departments` name goods whose price nobody
    at the till may change, as that of books. Reasons are codes with words (`reason.CODE`), or texts of the shop's own.
    """

    age_check: str = "warn"
    deposits: tuple[Deposit, ...] = ()
    discount_reasons: tuple[str, ...] = ()
    price_reasons: tuple[str, ...] = ()
    discount_percent_max: int = 100
    staff_percent: int = 0
    fixed_price_codes: tuple[str, ...] = ()
    fixed_price_departments: tuple[int, ...] = ()

    def price_is_fixed(self, code: str, department: int) -> bool:
        """Is its price the publisher's, so that nothing may be taken off by hand? By the beginning of its code, or its department."""
        if department in self.fixed_price_departments:
            return True
        return any(code.startswith(begin) for begin in self.fixed_price_codes)


def read_deposits(texts: Iterable[str]) -> tuple[Deposit, ...]:
    """Deposits from the settings, as `25 A Einwegflasche`: minor units, tax code, name. Raises ValueError with the text."""
    found = []
    for text in texts:
        minor, code, name = [*text.split(None, 2), "", "", ""][:_PARTS]
        if not (minor.isascii() and minor.isdigit() and name) or not 0 < int(minor) <= PRICE_MAX_MINOR:
            raise ValueError(text)
        found.append(Deposit("", name, int(minor), code))
    return tuple(found)
