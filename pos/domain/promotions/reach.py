"""Which lines a promotion can touch: its selections, prepared for looking up."""

from typing import Final

from pos.domain.promotions.rows import Promotion, Selection

__all__ = ["Reach"]


class _Selects:
    """A selection as a question: is a line of this sku and department selected?"""

    def __init__(self, selection: Selection) -> None:
        self.skus: Final = frozenset(selection.skus)
        self.departments: Final = frozenset(selection.departments)
        self.everywhere: Final = not self.skus and not self.departments
        self._without_skus: Final = frozenset(selection.without_skus)
        self._without_departments: Final = frozenset(selection.without_departments)

    def __call__(self, sku: str, department: int) -> bool:
        if sku in self._without_skus or department in self._without_departments:
            return False
        return self.everywhere or sku in self.skus or department in self.departments


class Reach:
    """What one promotion selects. A mix selects what one of its parts does, within its own selection.

    `everywhere`, or `skus` and `departments`, say where to look; the call says whether a line is selected.
    """

    def __init__(self, row: Promotion) -> None:
        self._own: Final = _Selects(row.selection)
        self.parts: Final = tuple(_Selects(part.selection) for part in row.parts)
        near = self.parts if self.parts and self._own.everywhere else (self._own,)
        self.everywhere: Final = any(selects.everywhere for selects in near)
        self.skus: Final = frozenset[str]().union(*(selects.skus for selects in near))
        self.departments: Final = frozenset[int]().union(*(selects.departments for selects in near))

    def __call__(self, sku: str, department: int) -> bool:
        if not self._own(sku, department):
            return False
        return not self.parts or any(part(sku, department) for part in self.parts)
