"""What the cards were really charged: the truth that a till's journal is compared with. A terminal's memory may be lost; this is not."""

import msgspec

__all__ = ["Bank", "Charge"]


class Charge(msgspec.Struct):
    """One movement on a card. `minor` is positive for what a customer pays, negative for what a customer gets.

    `state`: "charged"; "reserved", of a pre-authorisation; "void", as if it had never been; `why` says by what.
    """

    number: int
    kind: str
    minor: int
    card: str
    trace: int
    state: str = "charged"
    why: str = ""


class Bank(msgspec.Struct):
    """All movements in their order."""

    charges: list[Charge] = []

    def charge(self, kind: str, minor: int, card: str, trace: int, state: str = "charged") -> Charge:
        charge = Charge(len(self.charges) + 1, kind, minor, card, trace, state)
        self.charges.append(charge)
        return charge

    def void(self, charge: Charge, why: str) -> None:
        """Take it back. Raises ValueError if it was already: nothing may be given back twice."""
        if charge.state == "void":
            raise ValueError(f"charge {charge.number} is void already: {charge.why}")
        charge.state, charge.why = "void", why

    @property
    def standing(self) -> list[Charge]:
        """What stands on the cards now."""
        return [charge for charge in self.charges if charge.state == "charged"]

    @property
    def net_minor(self) -> int:
        return sum(charge.minor for charge in self.standing)
