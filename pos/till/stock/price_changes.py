"""Which prices of a piece become others, from the till's catalogue and promotions, and what the law wants said of each: needs no hub."""

import datetime as dt
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pos.domain.article import Article
from pos.domain.price_lists import PricesBefore
from pos.domain.shelf_label import PriceChange
from pos.ports import PromotionsUnavailableError
from pos.till.desk import Desk

if TYPE_CHECKING:
    from pos.domain.shelf_offers import Offers

__all__ = ["BACK_DAYS", "PriceChanges"]

BACK_DAYS: Final = 14
_DAY: Final = dt.timedelta(days=1)
_MOMENT: Final = dt.timedelta(milliseconds=1)
Steps = Generator[Any, Any, Any]


class PriceChanges:
    """What each list of labels is made of."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on(self, day: dt.date) -> Steps:
        """Of a day: those that were told for it, and those that came on it without a day."""
        told: Sequence[PriceChange] = yield from self._between(day, day)
        known = {one.article.sku for one in told}
        came = yield from self._undated(day)
        found = (*told, *(one for one in came if one.day == day and one.article.sku not in known))
        return (yield from self._reduced(found, day))

    def lately(self, today: dt.date) -> Steps:
        """Of the last days, and all that came without a day."""
        told: Sequence[PriceChange] = yield from self._between(today - BACK_DAYS * _DAY, today)
        known = {one.article.sku for one in told}
        came = yield from self._undated(today)
        found = (*(one for one in came if one.article.sku not in known), *told)
        return (yield from self._reduced(found, today))

    def of_one(self, article: Article, today: dt.date) -> Steps:
        """An article as it is today, with what changed in the last days, also where nothing did."""
        told: Sequence[PriceChange] = yield from self._between(today - BACK_DAYS * _DAY, today)
        came = yield from self._undated(today)
        same = PriceChange(article, article.price_minor)
        changed = next((one for one in (*told, *came) if one.article.sku == article.sku), None)
        return (yield from self._reduced([changed or self._felt(self._offers(), same, today)], today))[0]

    def of(self, articles: Iterable[Article], today: dt.date) -> Steps:
        """Articles as they are today, also where nothing changed."""
        offers = self._offers()
        found = [self._felt(offers, PriceChange(one, one.price_minor), today) for one in articles]
        return (yield from self._reduced(found, today))

    def _offers(self) -> "Offers | None":
        """Today's promotions as prices; None where there are none, or where they cannot be read, which is said."""
        promotions = self._desk.world.promotions
        if promotions is None:
            return None
        try:
            promotions.refresh()
        except PromotionsUnavailableError as error:
            self._desk.warn("promotions-unusable", level="alarm", detail=str(error))
        if promotions.book is None:
            return None
        from pos.domain.shelf_offers import Offers  # noqa: PLC0415 - a till without promotions does not load them

        return Offers(promotions.book.promotions)

    def _between(self, first: dt.date, last: dt.date) -> Steps:
        """Whose piece costs something else on `last` than before `first`, by its own price or by a promotion."""
        catalogue = self._desk.world.catalogue
        changes: Sequence[PriceChange] = yield catalogue.price_changes(first, last)
        offers = self._offers()
        if offers is None:
            return changes
        fixed = [one for one in changes if self._is_fixed(one.article)]
        named = [catalogue.by_sku(sku) for sku in offers.turning(first, last)]
        free = [one for one in named if one is not None and not self._is_fixed(one)]
        moving = [one for one in changes if one not in fixed]
        return (*fixed, *offers.changes(moving, free, first, last))

    def _undated(self, today: dt.date) -> Steps:
        """What the hub changed without a day, with the day on which it came, where the hub said that."""
        catalogue = self._desk.world.catalogue
        changes: Sequence[PriceChange] = yield catalogue.repriced()
        before: PricesBefore = yield catalogue.prices_before([one.article.sku for one in changes])
        offers = self._offers()
        zone = self._desk.world.clock.now().tzinfo
        found = []
        for one in changes:
            held = before.held.get(one.article.sku)
            day = dt.datetime.fromtimestamp(held[-1].since_ms / 1000, zone).date() if held else None
            felt = self._felt(offers, one, today)
            found.append(msgspec.structs.replace(felt, day=day))
        return found

    def _felt(self, offers: "Offers | None", change: PriceChange, today: dt.date) -> PriceChange:
        """As it is today with promotions, on an article whose own price has no day."""
        if offers is None or self._is_fixed(change.article):
            return change
        return offers.on_label(change, today, today)

    def _is_fixed(self, article: Article) -> bool:
        """A price that its publisher sets, which no promotion touches."""
        return self._desk.setup.goods.price_is_fixed(article.gtin or "", article.department)

    def _reduced(self, changes: Sequence[PriceChange], day: dt.date) -> Steps:
        """With the lowest price of the last 30 days, where the price of the day is announced as a reduced one."""
        # Who costs more than before these days costs more than the lowest of them.
        fallen = [one for one in changes if one.old_minor is None or _minor(one) <= one.old_minor]
        before = PricesBefore()
        if fallen:
            before = yield self._desk.world.catalogue.prices_before([one.article.sku for one in fallen])
        if not before.held:
            return tuple(changes)
        from pos.domain.lowest_price import lowest_30d  # noqa: PLC0415 - it loads the promotions
        from pos.domain.price_past import Past  # noqa: PLC0415

        promotions = self._desk.world.promotions
        ran = promotions.ran if promotions is not None else ()
        zone = self._desk.world.clock.now().tzinfo
        ends = dt.datetime.combine(day + _DAY, dt.time(0), zone) - _MOMENT
        found = []
        for one in changes:
            held = before.held.get(one.article.sku)
            if held:
                past = Past(held, () if self._is_fixed(one.article) else ran, before.lists, before.place)
                lowest = lowest_30d(past, one.article, ends)
                if lowest is not None and lowest.announced and lowest.price_minor == one.article.price_minor:
                    found.append(msgspec.structs.replace(one, lowest=lowest))
                    continue
            found.append(one)
        return tuple(found)


def _minor(change: PriceChange) -> int:
    return change.article.price_minor or 0
