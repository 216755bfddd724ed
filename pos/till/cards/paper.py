"""Receipts that a terminal wants printed: kept at once, so that neither a cut nor an empty roll loses one."""

from typing import Final

import msgspec

from pos.domain.card import CardPaper, CardResult
from pos.domain.card_slip import slip_lines
from pos.domain.document import Document, DocumentRow
from pos.till.desk import Desk

__all__ = ["CardPapers", "paper_document"]

_KEY: Final = "card.paper"
_KEPT_MAX: Final = 12
_decoder = msgspec.json.Decoder(dict[str, tuple[CardPaper, ...]])


class CardPapers:
    """By payment. They lie in the till's memory until the fact that ends the payment holds them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: dict[str, tuple[CardPaper, ...]] = {}

    async def load(self) -> None:
        """At start."""
        memory = self._desk.real.memory
        value = await memory.get(_KEY) if memory is not None else None
        if value:
            try:
                self._kept = _decoder.decode(value)
            except msgspec.MsgspecError:  # only paper: the payment is a fact
                self._kept = {}

    async def keep(self, payment_id: str, paper: CardPaper) -> None:
        """Durable when it returns. The same receipt sent again is one."""
        before = self._kept.get(payment_id, ())
        if paper in before:
            return
        kept = {id_: papers for id_, papers in self._kept.items() if id_ != payment_id}
        while len(kept) >= _KEPT_MAX:
            del kept[next(iter(kept))]
        kept[payment_id] = (*before, paper)
        memory = self._desk.real.memory
        if memory is not None:
            await memory.put(_KEY, msgspec.json.encode(kept))
        self._kept = kept

    def of(self, payment_id: str) -> tuple[CardPaper, ...]:
        return self._kept.get(payment_id, ())

    def merchant(self, papers: tuple[CardPaper, ...], result: CardResult | None) -> tuple[CardPaper, ...]:
        """What the customer signs: the merchant's receipt, or one made of what the terminal said."""
        signed = tuple(paper for paper in papers if paper.kind == "merchant")
        if signed or result is None:
            return signed
        return (CardPaper("merchant", slip_lines(result, self._desk.words.language), signature=True),)


def paper_document(paper: CardPaper) -> Document:
    """A terminal's receipt as it came, for the till's printer."""
    return Document(tuple(DocumentRow(line) for line in paper.lines), head=False)
