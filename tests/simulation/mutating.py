"""Faults that are put into the real code on purpose, each by replacing functions for the length of a run."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["MUTATIONS", "Mutation", "Patch", "mutated", "mutation"]


class Patch:
    """Replaces attributes and puts them back."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []

    def set(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """`make(original)` gives the replacement."""
        original = owner.__dict__[name]
        self._undo.append((owner, name, original))
        setattr(owner, name, make(original))

    def undo(self) -> None:
        while self._undo:
            setattr(*self._undo.pop())


Mutation = Callable[[Patch], None]
MUTATIONS: dict[str, Mutation] = {}


def mutation(apply: Mutation) -> Mutation:
    MUTATIONS[apply.__name__.strip("_").replace("_", "-")] = apply
    return apply


@contextlib.contextmanager
def mutated(name: str) -> Iterator[None]:
    """The code with one fault in it; without any for an empty name."""
    patch = Patch()
    try:
        if name:
            MUTATIONS[name](patch)
        yield
    finally:
        patch.undo()
