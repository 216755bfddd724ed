"""What comes out: applications with their shares, and how often each promotion was used."""

import msgspec

from pos.domain.used import Used

__all__ = ["Application", "Evaluated", "Share", "Used"]


class Share(msgspec.Struct, frozen=True, gc=False):
    """What one application takes off line `n`: minor units above 0."""

    n: int
    minor: int


class Application(msgspec.Struct, frozen=True):
    """One application of a promotion: its id, its text, and its shares by line number, each line once."""

    promotion: str
    text: str
    shares: tuple[Share, ...]


class Evaluated(msgspec.Struct, frozen=True):
    """Applications in the order in which they were made, and their sums by promotion in the same order."""

    applications: tuple[Application, ...] = ()
    used: tuple[Used, ...] = ()
