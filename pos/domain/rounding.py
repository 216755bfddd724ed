"""Cash rounding: where small coins are gone, what is paid in cash is rounded to the smallest one that is left.

Only the amount that is settled in cash is rounded, never a line, a tax or another tender. The difference is a line of its
own on the receipt and in the books; unrounded and rounded totals are both printed.
"""

from typing import Final

import msgspec

__all__ = ["OFF", "PROFILES", "RoundingProfile", "cash_due", "cash_refund", "rounded"]


class RoundingProfile(msgspec.Struct, frozen=True):
    """`step_minor`: the smallest coin. An amount halfway goes away from zero, so that taking back gives what was paid."""

    name: str
    step_minor: int = 1


OFF: Final = RoundingProfile("off")
# 5 Rappen; 5 cent by law (Belgium since 2019-12-01, Finland) or by custom (Netherlands since 2004).
PROFILES: Final = {
    profile.name: profile
    for profile in (
        OFF,
        RoundingProfile("CH", 5),
        RoundingProfile("NL", 5),
        RoundingProfile("FI", 5),
        RoundingProfile("BE", 5),
    )
}


def rounded(amount_minor: int, profile: RoundingProfile) -> int:
    """The nearest amount that can be paid in coins."""
    step = profile.step_minor
    size = (2 * abs(amount_minor) + step) // (2 * step) * step
    return -size if amount_minor < 0 else size


def cash_due(rest_minor: int, profile: RoundingProfile) -> tuple[int, int]:
    """What is paid in cash for the rest of a sale, and the difference that this makes (`rest` + difference = paid)."""
    paid = rounded(rest_minor, profile)
    return paid, paid - rest_minor


def cash_refund(
    before_minor: int, now_minor: int, given_minor: int, profile: RoundingProfile
) -> tuple[int, int]:
    """What is given back in cash for a return, and the difference that this makes.

    `before_minor` is what the returns before this one were worth, unrounded, `given_minor` what was given back for them;
    all positive. Rounding the whole, not each part, gives in the end exactly what a return in one go would.
    """
    given = rounded(before_minor + now_minor, profile) - given_minor
    return given, given - now_minor
