"""What a handler's code says of it: whose scope it asks for, its messages, whether its answer has a version.

The scope stands where the handler asks for it, and nowhere else; so it is read there, also through helpers of the same module.
"""

import inspect
import re
from collections.abc import Iterator
from types import CodeType, FunctionType, NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import BodyKwarg, ParameterKwarg, PathParameter, QueryParameter

from sync.hub.shop.kit.actor import ROLES

__all__ = ["Input", "Reading", "read_handler", "roles_of"]

_SCOPE: Final = re.compile(r"[a-z]+:(read|write|export|import|adjust|pick)")


class Input(msgspec.Struct, frozen=True):
    """A parameter. `place` is "path" or "query"; `default` is absent (UNSET) where it must be given."""

    name: str
    place: str
    type: Any
    default: Any = msgspec.UNSET


class Reading(msgspec.Struct, frozen=True):
    """`scope` is empty for what only machines ask. `body`, `answer`: types, None where the code names none.

    `writes`: under an idempotency key. `tagged`: with an ETag. `held`: to the version of If-Match. `verifies`: a machine must have signed it.
    """

    scope: str
    body: Any
    answer: Any
    inputs: tuple[Input, ...]
    writes: bool
    tagged: bool
    held: bool
    verifies: bool


def read_handler(handler: HTTPRouteHandler) -> Reading:
    function: Any = handler.fn
    hints = get_type_hints(function, include_extras=True)
    answer = hints.pop("return", None)
    body, inputs = None, []
    defaults = {name: one.default for name, one in inspect.signature(function).parameters.items()}
    for name, hint in hints.items():
        if name == "data":
            body = _bare(hint)
        elif name not in {"request", "state"}:
            inputs.append(_input(name, hint, defaults[name]))
    constants, names = _said(function)
    scopes = {text for text in constants if isinstance(text, str) and _SCOPE.fullmatch(text)}
    scopes |= _guard_scopes(handler)
    if len(scopes) > 1:
        raise ValueError(f"{function.__qualname__} asks for several scopes: {sorted(scopes)}")
    keywords = {word for group in constants if isinstance(group, tuple) for word in group}
    return Reading(
        scope=next(iter(scopes), ""),
        body=body,
        answer=get_args(answer)[0] if get_origin(answer) is Response else None,
        inputs=tuple(inputs),
        writes="act" in names,
        tagged="tag" in keywords and bool({"act", "look"} & names),
        held="if-match" in constants,
        verifies="caller_of" in names,
    )


def roles_of(scope: str) -> list[str]:
    """The roles whose tokens, or whose signature, may do this."""
    return sorted(name for name, scopes in ROLES.items() if scope in scopes)


def _input(name: str, hint: Any, default: Any) -> Input:
    said = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, ParameterKwarg)), None)
    bare = _bare(hint)
    if said is None or isinstance(said, PathParameter):
        return Input(name, "path", bare)
    may_be_null = get_origin(bare) in {Union, UnionType}  # Litestar reads `null` as nothing
    if may_be_null:
        (bare,) = (one for one in get_args(bare) if one is not NoneType)
    limits: dict[str, Any] = {
        "ge": said.ge, "le": said.le, "pattern": said.pattern,
        "min_length": said.min_items if said.min_length is None else said.min_length,
        "max_length": said.max_items if said.max_length is None else said.max_length,
    }  # fmt: skip
    given: dict[str, Any] = {key: value for key, value in limits.items() if value is not None}
    if given:
        bare = Annotated[bare, msgspec.Meta(**given)]
    if may_be_null:
        bare = bare | None
    place = "query" if isinstance(said, QueryParameter) else "header"
    return Input(
        said.name or name, place, bare, msgspec.UNSET if default is inspect.Parameter.empty else default
    )


def _bare(hint: Any) -> Any:
    """Without what Litestar keeps beside a type."""
    if get_origin(hint) is not Annotated:
        return hint
    kept = [one for one in hint.__metadata__ if not isinstance(one, (BodyKwarg, ParameterKwarg))]
    bare: Any = hint.__origin__
    for one in kept:
        bare = Annotated[bare, one]
    return bare


def _said(function: FunctionType) -> tuple[set[Any], set[str]]:
    """Constants and names in a function and in the module's own functions that it calls."""
    constants: set[Any] = set()
    names: set[str] = set()
    waiting, seen = [function], set()
    while waiting:
        one = waiting.pop()
        if one.__qualname__ in seen:
            continue
        seen.add(one.__qualname__)
        for code in _codes(one.__code__):
            constants |= {constant for constant in code.co_consts if not isinstance(constant, CodeType)}
            names |= set(code.co_names)
            for name in code.co_names:
                found = one.__globals__.get(name)
                if isinstance(found, str):
                    constants.add(found)
                elif isinstance(found, FunctionType) and found.__module__ == function.__module__:
                    waiting.append(found)
    return constants, names


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _guard_scopes(handler: HTTPRouteHandler) -> set[str]:
    """Those of guards that were made for a scope (`office_or`)."""
    found = set()
    for guard in handler.guards or ():
        for cell in getattr(guard, "__closure__", None) or ():
            if isinstance(cell.cell_contents, str) and _SCOPE.fullmatch(cell.cell_contents):
                found.add(cell.cell_contents)
    return found
