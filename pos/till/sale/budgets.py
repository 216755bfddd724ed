"""What is left of promotions with a budget at this till: counted from its sales, never kept beside them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pos.sale_facts import Sale, counts_for_budgets
from pos.storage_ports import History, JournalUnavailableError

if TYPE_CHECKING:
    from pos.domain.promotions import Left, Promotion

__all__ = ["Budgets"]


class Budgets:
    """Uses and minor units by promotion. Until they could be counted, nothing is left of any budget."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[int, int]] | None = None

    async def count_anew(self, history: History | None) -> None:
        """Read from the journal's facts; after that `sold` follows."""
        if history is None:
            self._used = {}
            return
        try:
            self._used = dict(await history.promotions_used())
        except JournalUnavailableError:
            self._used = None

    def sold(self, sale: Sale) -> None:
        """Count a sale that is durable now."""
        if self._used is None or not counts_for_budgets(sale):
            return
        for used in sale.promotions:
            uses, minor = self._used.get(used.promotion, (0, 0))
            self._used[used.promotion] = uses + used.uses, minor + used.minor

    def left(self, promotions: "Iterable[Promotion]") -> "Mapping[str, Left]":
        """What remains, for those promotions that have a budget."""
        from pos.domain.promotions import Left  # noqa: PLC0415 - only where there are promotions

        found = {}
        for row in promotions:
            if row.budget_uses is None and row.budget_minor is None:
                continue
            if self._used is None:
                found[row.id] = Left(0, 0)
                continue
            uses, minor = self._used.get(row.id, (0, 0))
            found[row.id] = Left(
                None if row.budget_uses is None else max(0, row.budget_uses - uses),
                None if row.budget_minor is None else max(0, row.budget_minor - minor),
            )
        return found
