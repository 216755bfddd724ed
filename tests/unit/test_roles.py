"""Roles are data: what they name exists, and every right that is asked for is named by a role or left to those who may all."""

import ast
import types
import typing
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import msgspec
import pytest

import pos.till
from pos import facts
from pos.domain.rights import ALL, Role, Roles, declared
from pos.resources import shipped_roles
from pos.roles import load_roles, role_faults, supervisors
from pos.settings import SettingsError, load_settings


def _rights() -> frozenset[str]:
    for module in walk_packages(pos.till.__path__, "pos.till."):
        import_module(module.name)
    return declared()


def _asked_for() -> set[str]:
    """The rights that the till's own source declares, read and not run."""
    found = set()
    for path in Path(pos.till.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "declare":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{path.name}: a right is declared by its plain name"
                found.add(str(name.value))
    return found


def test_every_right_is_declared_where_it_is_asked_for_and_shipped_roles_name_no_other() -> None:
    assert _asked_for() == _rights()
    assert role_faults(shipped_roles(), _rights()) == []


def test_each_right_is_held_by_somebody_and_a_trainee_or_an_unknown_role_holds_none() -> None:
    roles = Roles(shipped_roles())
    for right in _rights():
        assert roles.may("supervisor", right)
        assert not roles.may("trainee", right)
        assert not roles.may("nobody", right)
    assert roles.named <= _rights()
    assert supervisors(shipped_roles()) == {"supervisor"}


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ((Role("a", (ALL,)), Role("a")), "the role 'a' is there twice"),
        ((Role("a", (ALL, "no-sail")),), "a: there is no right 'no-sail' (did you mean no-sale?)"),
        ((Role("a", ("no-sale",)),), "no role holds '*': nobody could approve everything"),
        ((Role("a", (ALL,)), Role(" ")), "a role needs a name"),
    ],
)
def test_a_fault_in_roles_is_a_sentence(roles: tuple[Role, ...], said: str) -> None:
    assert role_faults(roles, _rights()) == [said]


@pytest.mark.parametrize("text", ["", "role = 1", "[[role]]\nname = 'a'\nright = []", "\xff"])
def test_a_file_that_is_none_is_told_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.toml").write_bytes(text.encode("latin-1"))
    settings = load_settings(None, {"TRESEN_PEOPLE_ROLES": "mine.toml"})
    with pytest.raises(SettingsError, match=r"mine\.toml"):
        load_roles(tmp_path, settings, _rights())


WHO = ("operator", "by", "granted_by")
OTHERS = {
    "PaymentResult": "payment_id",
    "TerminalMet": "terminal",
    "TerminalPrinted": "terminal",
    "CartLeft": "till",
}
"""What another machine did or said, and the field that names it."""


def test_every_fact_says_who_and_when() -> None:
    """When: the journal stores the time of each. Who: an operator's id, for an epoch the key that granted it."""
    assert {"wall_ms", "mono_ms"} <= set(facts.StoredFact.__struct_fields__)
    for kind in typing.get_args(facts.Fact):
        if kind is facts.Training:  # it holds a real one
            continue
        assert isinstance(kind, type)
        assert issubclass(kind, msgspec.Struct)
        who = {OTHERS[kind.__name__]} if kind.__name__ in OTHERS else set(WHO)
        assert who & set(kind.__struct_fields__), f"{kind.__name__} does not say who"
    assert isinstance(facts.Fact, types.UnionType)
