"""Rights by name, and roles as data: which role may do what by itself.

A right is declared once, by the module that asks for it; a role is a row of config/roles.toml, which a shop may replace.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Final

import msgspec

__all__ = [
    "ALL",
    "NO_SIZE",
    "Approval",
    "Limit",
    "Role",
    "Roles",
    "Size",
    "declare",
    "declared",
    "limitable",
]

ALL: Final = "*"
_declared: set[str] = set()
_by_amount: set[str] = set()
_by_percent: set[str] = set()


class Approval(msgspec.Struct, frozen=True):
    """Another person agreed to what the operator may not do alone: which right, who, and when (milliseconds)."""

    right: str
    by: str
    at_ms: int


class Size(msgspec.Struct, frozen=True):
    """How much something is that a right is asked for: minor units, and percent of what it is taken from. 0: not said."""

    amount_minor: int = 0
    percent: Decimal = Decimal(0)


NO_SIZE: Final = Size()


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a right goes without somebody else: None is no limit. Both that are set must hold."""

    amount_minor: Annotated[int, msgspec.Meta(ge=0)] | None = None
    percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None

    def holds(self, size: Size) -> bool:
        amount = self.amount_minor is None or abs(size.amount_minor) <= self.amount_minor
        return amount and (self.percent is None or size.percent <= self.percent)


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rights` holds names, or `*` for all of them; `limits` says of some how far they go."""

    name: str
    rights: tuple[str, ...] = ()
    limits: dict[str, Limit] = {}


class Roles:
    """Who may what. A role nobody knows may nothing."""

    def __init__(self, roles: Iterable[Role]) -> None:
        roles = tuple(roles)
        self._rights: Mapping[str, frozenset[str]] = {role.name: frozenset(role.rights) for role in roles}
        self._limits = {(role.name, right): limit for role in roles for right, limit in role.limits.items()}

    def may(self, role: str, right: str, size: Size = NO_SIZE) -> bool:
        """Does the role hold the right, as far as `size`?"""
        assert right in _declared, f"{right} is declared where it is asked for"
        rights = self._rights.get(role, frozenset())
        if right not in rights and ALL not in rights:
            return False
        limit = self._limits.get((role, right))
        return limit is None or limit.holds(size)

    @property
    def named(self) -> frozenset[str]:
        """Every right that a role names."""
        return frozenset().union(*self._rights.values()) - {ALL} if self._rights else frozenset()


def declare(name: str, *, amount: bool = False, percent: bool = False) -> str:
    """A right of this name; each is declared in one place. `amount`, `percent`: it is asked with how much it is about."""
    assert name not in _declared, f"the right {name} is declared twice"
    _declared.add(name)
    if amount:
        _by_amount.add(name)
    if percent:
        _by_percent.add(name)
    return name


def limitable() -> tuple[frozenset[str], frozenset[str]]:
    """The rights that may be limited by an amount, and by a percentage."""
    return frozenset(_by_amount), frozenset(_by_percent)


def declared() -> frozenset[str]:
    """The rights of all modules that are loaded."""
    return frozenset(_declared)
