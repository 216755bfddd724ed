"""The roles in force: those that are shipped, or a file of the shop's own. Faults are told all at once, at the start."""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pos.domain.rights import ALL, Role, limitable
from pos.resources import shipped_roles
from pos.settings import Settings, SettingsError

__all__ = ["load_roles", "role_faults", "supervisors"]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    role: tuple[Role, ...]


def load_roles(state: Path, settings: Settings, rights: Iterable[str]) -> tuple[Role, ...]:
    """The roles; `rights` are all that the till asks for. Raises SettingsError with every fault found."""
    if not settings.people.roles:
        return shipped_roles()
    path = state / settings.people.roles
    try:
        roles = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).role
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error
    faults = role_faults(roles, frozenset(rights))
    if faults:
        raise SettingsError("\n".join(f"{path}: {fault}" for fault in faults))
    return roles


def role_faults(roles: tuple[Role, ...], rights: frozenset[str]) -> list[str]:
    """What is wrong with roles as data: a sentence for each."""
    faults = []
    names = [role.name for role in roles]
    faults += [
        f"the role {name!r} is there twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for role in roles:
        if not role.name.strip():
            faults.append("a role needs a name")
        for right in role.rights:
            if right not in rights and right != ALL:
                close = difflib.get_close_matches(right, rights, 1)
                meant = f" (did you mean {close[0]}?)" if close else ""
                faults.append(f"{role.name}: there is no right {right!r}{meant}")
        faults += _limit_faults(role, rights)
    if not supervisors(roles):
        faults.append(f"no role holds {ALL!r}: nobody could approve everything")
    return faults


def _limit_faults(role: Role, rights: frozenset[str]) -> list[str]:
    """Limits of what the role may not do, or of what is never asked with how much it is."""
    by_amount, by_percent = limitable()
    faults = []
    for right, limit in role.limits.items():
        if right not in rights:
            faults.append(f"{role.name}: there is no right {right!r} that could be limited")
            continue
        if right not in role.rights and ALL not in role.rights:
            faults.append(f"{role.name}: {right!r} has a limit, and the role does not hold it")
        if limit.amount_minor is None and limit.percent is None:
            faults.append(f"{role.name}: the limit of {right!r} is empty: amount_minor, percent, or both")
        if limit.amount_minor is not None and right not in by_amount:
            faults.append(f"{role.name}: {right!r} cannot be limited by an amount")
        if limit.percent is not None and right not in by_percent:
            faults.append(f"{role.name}: {right!r} cannot be limited by a percentage")
    return faults


def supervisors(roles: Iterable[Role]) -> frozenset[str]:
    """The roles that may everything, without a limit."""
    return frozenset(role.name for role in roles if ALL in role.rights and not role.limits)
