"""How a cart is paid: in parts, by any means, in any order. Only cash may be more than what is left; the change is cash.

Every function gives the tenders that are added, or raises PayError: nothing else happens. Amounts are minor units.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from pos.domain.cart import Cart, paid_minor, total_minor
from pos.domain.money import round_minor
from pos.domain.rounding import RoundingProfile, cash_due, rounded
from pos.domain.tender import Foreign, ForeignRate, Tender

__all__ = [
    "CHANGE_MAX_MINOR",
    "Paid",
    "PayError",
    "cash",
    "cash_out",
    "exactly",
    "foreign",
    "foreign_due",
    "overpaid",
    "owed_minor",
    "quick_amounts",
    "rest_minor",
]

CHANGE_MAX_MINOR: Final = 50_000
NOTES: Final = (500, 1_000, 2_000, 5_000, 10_000, 20_000)
_QUICK_MAX: Final = 8


class PayError(Exception):
    """It cannot be paid so; `code` names the sentence, `fields` belong to it."""

    def __init__(self, code: str, /, **fields: int | str) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


class Paid(msgspec.Struct, frozen=True):
    """What is added to a cart's tenders. `done`: nothing is left, the sale can be written.

    The rounding is what all tenders differ by from the cart's total and tip; nonzero only where cash settles the rest.
    """

    tenders: tuple[Tender, ...]
    done: bool
    rounding_minor: int = 0


def owed_minor(cart: Cart) -> int:
    """The total, and the tip."""
    return total_minor(cart) + cart.about.tip_minor


def rest_minor(cart: Cart) -> int:
    """What is left to pay; negative where something is to be paid out."""
    return owed_minor(cart) - paid_minor(cart)


def overpaid(cart: Cart) -> bool:
    """Was more paid (or more paid out) than is owed? No line may be taken back that far."""
    paid, owed = paid_minor(cart), owed_minor(cart)
    return paid > max(owed, 0) or paid < min(owed, 0)


def cash(cart: Cart, given_minor: int | None, profile: RoundingProfile, currency: str) -> Paid:
    """Cash: None is the exact rest, rounded to coins; less is a part, more gives change."""
    rest = rest_minor(cart)
    assert rest >= 0, "what is owed to the customer is paid out, not taken"
    due, rounding = cash_due(rest, profile)
    given = due if given_minor is None else given_minor
    if given % profile.step_minor:
        raise PayError("not-in-coins", step=profile.step_minor)
    if given > 0 and not due:
        raise PayError("nothing-left-to-take")
    if given < due:
        if given <= 0:
            raise PayError("given-too-little", missing=due - given)
        return Paid((Tender("cash", given, given, 0, currency),), done=False)
    if given - due > CHANGE_MAX_MINOR:
        raise PayError("given-too-much", given=given)
    if not given:
        return Paid((), done=True, rounding_minor=rounding)
    return Paid((Tender("cash", due, given, given - due, currency),), done=True, rounding_minor=rounding)


def exactly(
    cart: Cart,
    kind: str,
    amount_minor: int | None,
    currency: str,
    *,
    reference: str = "",
    most: int | None = None,
) -> Paid:
    """A means that never gives change: None is the rest, or `most` where that is less."""
    rest = rest_minor(cart)
    if rest <= 0:
        raise PayError("nothing-to-take", amount=-rest)
    amount = (rest if most is None else min(rest, most)) if amount_minor is None else amount_minor
    if amount <= 0:
        raise PayError("amount-needed")
    if amount > rest:
        raise PayError("only-cash-over", rest=rest)
    return Paid((Tender(kind, amount, amount, 0, currency, reference),), done=amount == rest)


def cash_out(
    cart: Cart,
    kind: str,
    amount_minor: int,
    most: int,
    currency: str,
    profile: RoundingProfile,
    *,
    reference: str = "",
) -> Paid:
    """More than the rest, by card; the difference is paid out in coins that there are, at most `most`."""
    rest = rest_minor(cart)
    out = amount_minor - rest
    assert rest > 0, "cash is paid out with a purchase"
    assert out > 0, "there is something to pay out"
    if out != rounded(out, profile):
        raise PayError("cashback-in-coins", wanted=rest + rounded(out, profile), step=profile.step_minor)
    if out > most:
        raise PayError("cashback-too-much", out=out, limit=most)
    taken = Tender(kind, amount_minor, amount_minor, 0, currency, reference)
    return Paid((taken, _out(out, currency)), done=True)


def foreign_due(cart: Cart, rate: ForeignRate) -> int:
    """What is left, in the smallest amount of the foreign currency that pays it."""
    rest = max(0, rest_minor(cart))
    worth = round_minor(rest / rate.rate)
    while round_minor(worth * rate.rate) < rest:
        worth += 1
    return worth


def foreign(cart: Cart, given_minor: int, rate: ForeignRate, profile: RoundingProfile, currency: str) -> Paid:
    """Cash of another currency; the change is home currency, in its coins."""
    rest = rest_minor(cart)
    worth = round_minor(given_minor * rate.rate)
    if rest <= 0:
        raise PayError("nothing-to-take", amount=-rest)
    if worth <= 0:
        raise PayError("amount-needed")
    taken = Tender(
        "foreign", worth, worth, 0, currency, foreign=Foreign(rate.currency, given_minor, rate.rate)
    )
    if worth < rest:
        return Paid((taken,), done=False)
    back, rounding = cash_due(rest - worth, profile)
    if -back > CHANGE_MAX_MINOR:
        raise PayError("given-too-much", given=worth)
    return Paid((taken, _out(-back, currency)) if back else (taken,), done=True, rounding_minor=rounding)


def quick_amounts(due_minor: int, notes: Sequence[int] = NOTES) -> tuple[int, ...]:
    """What is likely given for this amount: exactly, the next round amounts, the notes above it; ascending."""
    if due_minor <= 0:
        return ()
    steps = (50, 100, *notes)
    found = {due_minor, *(-(-due_minor // step) * step for step in steps)}
    return tuple(sorted(amount for amount in found if amount - due_minor <= CHANGE_MAX_MINOR))[:_QUICK_MAX]


def _out(minor: int, currency: str) -> Tender:
    """Cash that is paid out: nothing given, all of it goes back."""
    return Tender("cash", -minor, 0, minor, currency)
