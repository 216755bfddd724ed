"""The age that goods ask for: which birth date still passes, and what a cart still waits for."""

import datetime as dt

from pos.domain.cart import Cart
from pos.domain.line import Line

__all__ = ["age_on", "age_wanted", "lines_above", "youngest_birth"]

_FEBRUARY = 2
_LAST_DAY = 28


def youngest_birth(today: dt.date, age: int) -> dt.date:
    """Whoever was born on this day or before has the age today.

    Whoever was born on 29 February has it on 1 March of a year without that day.
    """
    try:
        return today.replace(year=today.year - age)
    except ValueError:  # today is 29 February, and that year had none
        return dt.date(today.year - age, _FEBRUARY, _LAST_DAY)


def age_on(today: dt.date, born: dt.date) -> int:
    """Whole years from a birth date to today; negative for one to come."""
    years = today.year - born.year
    return years if youngest_birth(today, years) >= born else years - 1


def lines_above(cart: Cart, age: int) -> tuple[Line, ...]:
    """The lines that count and ask for more than this age."""
    return tuple(line for line in cart.lines if line.live and line.min_age > age)


def age_wanted(cart: Cart) -> int:
    """The highest age that the cart asks for and nobody has looked at yet; 0 where there is none."""
    return max((line.min_age for line in lines_above(cart, cart.about.age)), default=0)
