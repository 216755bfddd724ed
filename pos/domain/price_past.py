"""What an article cost, as far as it is known: its own prices and the promotions, each with the time for which it was said.

The hub writes it down as prices and promotions come, and sends it with each change; so a till whose line is down knows it too.
"""

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from pos.domain.article import Article
from pos.domain.price_lists import EVERYBODY, Ladder, ListRan, Place, at_place, ladder, standing
from pos.domain.price_said import Dated, Held, Listed
from pos.domain.promotions import Promotion
from pos.domain.promotions.conditions import holds
from pos.domain.shelf_offers import Offers

__all__ = ["Past", "Ran", "Span", "ms_of", "spans"]

_DAY: Final = dt.timedelta(days=1)


class Ran(msgspec.Struct, frozen=True, array_like=True):
    """A promotion's row as it stood from `since_ms` until before `until_ms` (None: it still does)."""

    since_ms: int
    until_ms: int | None
    row: Promotion


class Past(msgspec.Struct, frozen=True):
    """What is known of one article, oldest first, of all promotions and price lists; `place` is where its price is asked."""

    held: tuple[Held, ...] = ()
    ran: tuple[Ran, ...] = ()
    lists: tuple[ListRan, ...] = ()
    place: Place = EVERYBODY


class Span(msgspec.Struct, frozen=True):
    """One price of a piece from `start_ms` until before `end_ms`; `minor` None: it had none. `offer`: it was announced as a reduced one."""

    start_ms: int
    end_ms: int
    minor: int | None
    offer: bool = False


def ms_of(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def spans(
    past: Past, article: Article, zone: dt.tzinfo, start_ms: int, end_ms: int, *, by_hours: bool = False
) -> list[Span]:
    """What one piece cost everybody, without gaps from `start_ms` until before `end_ms`; neighbours differ.

    Days are those of `zone`, the store's. `by_hours`: with promotions that hold at some hours, on some weekdays or for some
    pieces only; they are prices that were taken, and none that stands on a shelf.
    """
    ran = [one for one in past.ran if _reaches(one.row, article)]
    price = _Pricer(past, ran, article, zone, by_hours=by_hours)
    begun = max(min((one.since_ms for one in past.held), default=end_ms), start_ms)
    turns = {start_ms, begun}
    turns.update(at for at in _turns(past, ran, zone, begun, end_ms, by_hours=by_hours) if begun < at)
    ordered = [*sorted(at for at in turns if start_ms <= at < end_ms), end_ms]
    found: list[Span] = []
    for at, until in itertools.pairwise(ordered):
        minor, offer = price.at(at)
        last = found[-1] if found else None
        if last is not None and (last.minor, last.offer) == (minor, offer):
            found[-1] = Span(last.start_ms, until, minor, offer)
        else:
            found.append(Span(at, until, minor, offer))
    return found


class _Pricer:
    """The price at a moment; what promotions that hold together make of a price is worked out once."""

    def __init__(
        self, past: Past, ran: Sequence[Ran], article: Article, zone: dt.tzinfo, *, by_hours: bool
    ) -> None:
        self._past = past
        self._ran = ran
        self._article = article
        self._zone = zone
        self._by_hours = by_hours
        self._worked_out: dict[tuple[int, tuple[int, ...]], int | None] = {}
        self._ladders: dict[tuple[int, tuple[int, ...]], Ladder] = {}

    def at(self, ms: int) -> tuple[int | None, bool]:
        """And whether it is an offer: a promotion's, or one with days that lies below another price of the same day."""
        moment = dt.datetime.fromtimestamp(ms / 1000, self._zone).replace(tzinfo=None)
        said = [one for one in self._past.held if _in_force(one, ms)]
        if not said:
            return None, False
        own, offer = _price_on(self._rungs(max(said, key=lambda one: one.since_ms), ms), moment.date())
        if own is None:
            return None, False
        holding = tuple(
            n for n, one in enumerate(self._ran) if _in_force(one, ms) and holds(one.row, moment, (), {})
        )
        if not holding:
            return own, offer
        if (own, holding) not in self._worked_out:
            offers = Offers((self._ran[n].row for n in holding), by_hours=self._by_hours)
            article = msgspec.structs.replace(self._article, price_minor=own)
            minor, _, _ = offers.price(article, moment.date(), moment.time())
            self._worked_out[own, holding] = minor
        minor = self._worked_out[own, holding]
        return minor, offer or minor != own

    def _rungs(self, said: Held, ms: int) -> Ladder:
        """The prices of a time, by the lists as they stood at a moment of it."""
        ran = self._past.lists if said.listed else ()
        standing_then = tuple(n for n, one in enumerate(ran) if _in_force(one, ms))
        key = (said.since_ms, standing_then)
        if key not in self._ladders:
            lists = at_place((ran[n].price_list for n in standing_then), self._past.place)
            self._ladders[key] = ladder(said.prices, said.listed, lists)
        return self._ladders[key]


def _price_on(rungs: Ladder, day: dt.date) -> tuple[int | None, bool]:
    """What everybody pays."""
    one = standing(rungs, day)
    if one is None:
        return None, False
    offer = one.last is not None and any(
        each.minor > one.minor for each in rungs if not each.groups and each.holds(day)
    )
    return one.minor, offer


def _in_force(one: Held | Ran | ListRan, ms: int) -> bool:
    return one.since_ms <= ms and (one.until_ms is None or ms < one.until_ms)


def _reaches(row: Promotion, article: Article) -> bool:
    chosen = row.selection
    named = article.sku in chosen.skus or article.department in chosen.departments
    every = not (chosen.skus or chosen.departments)
    out = article.sku in chosen.without_skus or article.department in chosen.without_departments
    return (named or every) and not out


def _turns(
    past: Past,
    ran: Sequence[Ran],
    zone: dt.tzinfo,
    start_ms: int,
    end_ms: int,
    *,
    by_hours: bool,
) -> Iterator[int]:
    """Moments at which the price may become another."""
    lists = past.lists if any(each.listed for each in past.held) else ()
    said: list[Held | Ran | ListRan] = [*past.held, *ran, *lists]
    for one in said:
        yield one.since_ms
        if one.until_ms is not None:
            yield one.until_ms
    dated: list[Dated | Listed] = []
    for each in past.held:
        dated += [*each.prices, *each.listed]
    firsts = [price.first for price in dated]
    firsts += [each.row.valid_from for each in ran] + [each.price_list.valid_from for each in lists]
    lasts = [price.last for price in dated]
    lasts += [each.row.valid_to for each in ran] + [each.price_list.valid_to for each in lists]
    days = {day for day in firsts if day is not None}
    days.update(day + _DAY for day in lasts if day is not None and day < dt.date.max)
    midnight = dt.time(0)
    for day in days:
        yield _at(day, midnight, zone)
    hours = {
        time
        for one in ran
        if by_hours and (one.row.time_from is not None or one.row.weekdays)
        for time in (midnight, one.row.time_from or midnight, one.row.time_to or midnight)
    }
    if not hours:
        return
    day = dt.datetime.fromtimestamp(start_ms / 1000, zone).date()
    while (begins := _at(day, midnight, zone)) < end_ms:
        yield begins
        for time in hours:
            yield _at(day, time, zone)
        day += _DAY


def _at(day: dt.date, time: dt.time, zone: dt.tzinfo) -> int:
    return ms_of(dt.datetime.combine(day, time, zone))
