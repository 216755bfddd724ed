"""Receipts by a number that somebody typed: numbers begin anew with each epoch, so several may have it."""

import datetime as dt
from collections.abc import Generator, Sequence
from typing import Any

from pos.domain.question import Option, Question
from pos.facts import Training
from pos.sale_facts import Sale
from pos.storage_ports import Found, History
from pos.till.desk import Desk
from pos.words import day_text

__all__ = ["numbered", "which"]


async def numbered(history: History, newest_epoch: int, number: int) -> list[Found]:
    """The sales of this till with the number, those of the newest epoch first."""
    tried = [await history.receipt(epoch, number) for epoch in range(newest_epoch, 0, -1)]
    return [found for found in tried if found is not None]


def which(desk: Desk, found: Sequence[Found]) -> Generator[Any, Any, Found]:
    """The one that is meant; asked where there is more than one."""
    if len(found) == 1:
        return found[0]
    options = []
    for one in found:
        sale = one.fact.fact if isinstance(one.fact, Training) else one.fact
        assert isinstance(sale, Sale), "a receipt is a sale"
        zone = dt.timezone(dt.timedelta(minutes=sale.offset_min))
        at = dt.datetime.fromtimestamp(sale.completed_ms // 1000, zone)
        options.append(
            Option(
                str(one.epoch),
                f"{day_text(at.date(), desk.language)} {at:%H:%M}  {desk.world.journal.head.till}-{one.epoch}-{sale.number}",
                amount_minor=sale.total_minor,
            )
        )
    answer = yield Question("receipt-which", options=tuple(options))
    return next(one for one in found if str(one.epoch) == answer)
