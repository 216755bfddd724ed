"""The questions of card payments: while a terminal works, and while nobody knows what it did."""

import datetime as dt
from typing import Final

from pos.card_facts import PaymentIntent
from pos.card_ports import CardTerminal
from pos.domain.card import APPROVED
from pos.domain.card_rules import Verdict
from pos.domain.question import Option, Question
from pos.till.cards.news import CardNews
from pos.till.cards.values import ZVT
from pos.till.desk import Desk
from pos.words import amount

__all__ = ["CardQuestions"]

_WAITS: Final = frozenset({"silent", "open", "pending"})
"""Why nobody knows yet, where there is nothing to compare."""


class CardQuestions:
    """Made anew each time, of what is known now."""

    def __init__(self, desk: Desk, news: CardNews) -> None:
        self._desk = desk
        self._news = news

    def running(self, intent: PaymentIntent) -> Question:
        cancelled = intent.payment_id in self._news.cancelled
        link = intent.provider != ZVT
        word = "card-cancelling" if cancelled else f"{'link' if link else 'card'}-{intent.kind}"
        slip = (
            (Option("slip", word="ask.code-slip"),) if link and self._desk.world.printer is not None else ()
        )
        return Question(
            word,
            options=(Option("cancel", word="ui.card-cancel"), *slip),
            fields={"amount": self._money(intent.amount_minor), "terminal": intent.terminal},
            rows=(self._news.state_row(intent.payment_id),),
            scans="refuse",
            waits=intent.payment_id,
            esc="cancel",
            qr=self._news.links.get(intent.payment_id, "") if not cancelled else "",
        )

    def unknown(
        self, intent: PaymentIntent, terminal: CardTerminal | None, verdict: Verdict | None
    ) -> Question:
        options = [Option("decide", word="ui.card-decide")]
        if terminal is not None:
            options.insert(0, Option("again", word="ui.card-again"))
        aside = "ui.card-aside" if intent.cart_id else "ui.card-later"
        options.insert(1, Option("aside", word=aside))
        manual = verdict is not None and verdict.rule not in _WAITS
        link = intent.provider != ZVT
        if link:
            options.insert(1, Option("close", word="ui.link-close"))
        return Question(
            "card-differs" if manual else "link-unknown" if link else "card-unknown",
            options=tuple(options),
            fields={"amount": self._money(intent.amount_minor), "terminal": intent.terminal},
            rows=(*(self.both(intent, verdict) if manual else ()), self._news.state_row(intent.payment_id)),
            scans="refuse",
            waits=intent.payment_id,
            esc="aside",
            qr=self._news.links.get(intent.payment_id, ""),
        )

    def both(self, intent: PaymentIntent, verdict: Verdict | None) -> tuple[tuple[str, str], ...]:
        """Both facts side by side: what was asked, and what the terminal has."""
        zone = dt.timezone(dt.timedelta(minutes=intent.offset_min))
        asked = dt.datetime.fromtimestamp(intent.begun_ms / 1000, zone)
        words = self._desk.words
        rows = [(words("card.asked", time=f"{asked:%H:%M:%S}"), self._money(intent.amount_minor))]
        found = verdict.result if verdict is not None else None
        if found is None:
            rows.append((words("card.answer-none"), ""))
        else:
            time = f"{found.time[:2]}:{found.time[2:4]}:{found.time[4:]}" if len(found.time) == 6 else "?"
            number = "?" if found.receipt_no is None else f"{found.receipt_no:04}"
            minor = "?" if found.amount_minor is None else self._money(found.amount_minor)
            good = words("card.good" if found.code == APPROVED else "card.bad")
            rows.append((words("card.answered", time=time, number=number, good=good), minor))
        return tuple(rows)

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)
