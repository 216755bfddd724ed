"""Rights by name, and roles as data: which role may do what by itself.

A right is declared once, by the module that asks for it; a role is a row of config/roles.toml, which a shop may replace.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

__all__ = ["ALL", "Approval", "Role", "Roles", "declare", "declared"]

ALL: Final = "*"
_declared: set[str] = set()


class Approval(msgspec.Struct, frozen=True):
    """Another person agreed to what the operator may not do alone: which right, who, and when (milliseconds)."""

    right: str
    by: str
    at_ms: int


class Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rights` holds names, or `*` for all of them."""

    name: str
    rights: tuple[str, ...] = ()


class Roles:
    """Who may what. A role nobody knows may nothing."""

    def __init__(self, roles: Iterable[Role]) -> None:
        self._rights: Mapping[str, frozenset[str]] = {role.name: frozenset(role.rights) for role in roles}

    def may(self, role: str, right: str) -> bool:
        assert right in _declared, f"{right} is declared where it is asked for"
        rights = self._rights.get(role, frozenset())
        return right in rights or ALL in rights

    @property
    def named(self) -> frozenset[str]:
        """Every right that a role names."""
        return frozenset().union(*self._rights.values()) - {ALL} if self._rights else frozenset()


def declare(name: str) -> str:
    """A right of this name; each is declared in one place."""
    assert name not in _declared, f"the right {name} is declared twice"
    _declared.add(name)
    return name


def declared() -> frozenset[str]:
    """The rights of all modules that are loaded."""
    return frozenset(_declared)
