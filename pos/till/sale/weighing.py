"""Weighed goods at a till with a scale: the scale is asked, the till goes on, and a line comes with the weight.

Nothing waits for a scale: it answers by a command. What it says is taken as it is or not at all: there is no line
without a weight at rest above nothing, and none whose amount the scale reckons otherwise than the till.
"""

import asyncio
from typing import Final

from pos.device_ports import ScaleRefusedError
from pos.domain import commands as c
from pos.domain.article import Article
from pos.domain.money import round_minor
from pos.domain.weight import Weight
from pos.ports import Submit
from pos.till.desk import Desk, Refusal
from pos.till.sale.selling import Selling

__all__ = ["Weighing"]

_UNIT: Final = "kg"


class Weighing:
    """Asks the scale for one article at a time. Typed weight stays as it is: a quantity before the article."""

    def __init__(self, desk: Desk, selling: Selling, submit: Submit) -> None:
        self._desk = desk
        self._selling = selling
        self._submit = submit
        self._ticket = 0
        self._code = ""
        self._asking: asyncio.Task[None] | None = None
        if desk.world.scale is not None:
            selling.weigh = self._ask_scale
        self.handlers = {c.Weighed: self._weighed}

    def _ask_scale(self, article: Article, code: str, source: str) -> bool:
        """True when the scale is asked; the line comes with its answer. Raises Refusal."""
        if article.unit != _UNIT or source == "scale":
            return False
        waiting = self._selling.on_scale
        if self._selling.quantity is not None:
            if waiting is not None and waiting.sku == article.sku:
                self._selling.on_scale = None  # weighed by hand meanwhile
            return False
        if waiting is not None:
            raise Refusal("weighing-first", level="warn", text=waiting.text)
        if article.price_minor is None:
            raise Refusal("weighing-no-price", text=article.text)
        if self._asking is not None:
            self._asking.cancel()
        self._ticket += 1
        self._code = code
        self._selling.on_scale = article
        self._asking = asyncio.get_running_loop().create_task(
            self._hear(self._ticket, article.text, article.price_minor)
        )
        return True

    async def _hear(self, ticket: int, text: str, price_minor: int) -> None:
        scale = self._desk.world.scale
        assert scale is not None, "asked only where there is one"
        try:
            weight = await scale.weigh(text, price_minor)
        except ScaleRefusedError as error:
            self._submit(c.Weighed(ticket, refused=error.code))
        except Exception:  # noqa: BLE001 - no driver may end the till
            self._submit(c.Weighed(ticket, refused="scale-fault"))
        else:
            self._submit(c.Weighed(ticket, weight))

    def _weighed(self, command: c.Weighed) -> None:
        article = self._selling.on_scale
        if article is None or command.ticket != self._ticket:
            return  # given up meanwhile
        self._selling.on_scale = None
        if command.weight is None:
            raise Refusal(command.refused, level="warn", text=article.text)
        self._check(article, command.weight)
        self._selling.sell_weighed(article, self._code, command.weight.kilograms)

    def _check(self, article: Article, weight: Weight) -> None:
        if weight.kilograms <= 0:
            raise Refusal("scale-zero", level="warn", text=article.text)
        assert article.price_minor is not None, "checked before the scale was asked"
        reckoned = round_minor(weight.kilograms * article.price_minor)
        if weight.total_minor is not None and weight.total_minor != reckoned:
            raise Refusal("scale-amount", text=article.text)
