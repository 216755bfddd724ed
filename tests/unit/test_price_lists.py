"""Which price counts where: price lists by store, channel and customer group, with their days and ranks."""

import datetime as dt
import random

import pytest

from pos.domain.article import Article, GroupPrice, priced_for
from pos.domain.price_lists import (
    ListRan,
    ListRefusedError,
    Place,
    PriceList,
    Rung,
    at_place,
    group_rungs,
    ladder,
    read_price_list,
    standing,
)
from pos.domain.price_past import Past, spans
from pos.domain.price_said import Dated, Held, Listed

DAY = dt.date(2026, 11, 20)
_ONE = dt.timedelta(days=1)


NAMES = (("cgn", "muc", "ber"), ("till", "web", "app"), ("club", "trade", "staff"))


def told(
    own: list[Dated], listed: list[Listed], lists: list[PriceList], place: Place, day: dt.date
) -> tuple[int, str] | None:
    """The rule once more, written as it is read: of all that hold, the greatest by rank, beginning, end and price."""
    again = [{(other.first, other.last) for other in own[at + 1 :]} for at in range(len(own))]
    last_said = [one for one, later in zip(own, again, strict=True) if (one.first, one.last) not in later]
    found = [((-1_001, 0), one.first, one.last, one.minor, "") for one in last_said]
    for price in listed:
        for one in lists:
            fits = (
                one.id == price.list
                and one.active
                and (place.store in one.stores or not one.stores)
                and (place.channel in one.channels or not one.channels)
                and (any(group in one.groups for group in place.groups) or not one.groups)
                and (one.valid_from or dt.date.min) <= day <= (one.valid_to or dt.date.max)
            )
            if fits:
                kind = (4 if one.groups else 0) + (2 if one.stores else 0) + (1 if one.channels else 0)
                first = max(price.first or dt.date.min, one.valid_from or dt.date.min)
                last = min(price.last or dt.date.max, one.valid_to or dt.date.max)
                found.append(((one.priority, kind), first, last, price.minor, one.id))
    holding = [one for one in found if (one[1] or dt.date.min) <= day <= (one[2] or dt.date.max)]
    highest = [one for one in holding if one[0] == max(each[0] for each in holding)]
    newest = max((one[1] or dt.date.min for one in highest), default=None)
    begun = [one for one in highest if (one[1] or dt.date.min) == newest]
    soonest = min((one[2] or dt.date.max for one in begun), default=None)
    ending = [one for one in begun if (one[2] or dt.date.max) == soonest]
    return min(((one[3], one[4]) for one in ending), default=None)


def test_random_lists_come_to_what_the_rule_says() -> None:
    chance = random.Random(23)
    days = [None, *(DAY + n * _ONE for n in range(-3, 4))]

    def span() -> tuple[dt.date | None, dt.date | None]:
        first, last = chance.choice(days), chance.choice(days)
        return (first, last) if first is None or last is None or first <= last else (last, first)

    answers = set()
    for _ in range(4_000):
        lists = []
        for name in "abcdef"[: chance.randint(0, 6)]:
            first, last = span()
            stores, channels, groups = (
                tuple(chance.sample(names, chance.randint(0, 2))) if chance.random() < 0.5 else ()
                for names in NAMES
            )
            priority, active = chance.choice((0, 0, 0, 5, -2)), chance.random() < 0.9
            lists.append(PriceList(name, name, stores, channels, groups, first, last, priority, active))
        own = [Dated(chance.randint(1, 9), *span()) for _ in range(chance.randint(0, 3))]
        listed = [
            Listed(chance.choice("abcdefg"), chance.randint(1, 9), *span())
            for _ in range(chance.randint(0, 9))
        ]
        place = Place(
            chance.choice(("", "cgn", "muc")),
            chance.choice(("", "till", "web")),
            tuple(chance.sample(("club", "trade"), chance.randint(0, 2))),
        )
        day = DAY + chance.randint(-4, 4) * _ONE
        rungs = ladder(own, listed, at_place(lists, place))
        found = standing(rungs, day, place.groups)
        wanted = told(own, listed, lists, place, day)
        assert (None if found is None else (found.minor, found.list)) == wanted, (
            own,
            listed,
            lists,
            place,
            day,
        )
        article = Article(
            "A", "A", "A", None,
            group_prices=tuple(GroupPrice(one.groups, one.minor, one.list) for one in group_rungs(rungs, day)),
        )  # fmt: skip
        everybody = standing(rungs, day)
        priced = priced_for(article, place.groups)
        if priced is article:
            assert found == everybody
        else:
            assert (priced.price_minor, priced.price_list) == wanted
        answers.add((wanted and wanted[1], priced is article))
    assert len(answers) > 10, "lists, own prices and groups were all met"


def test_a_customers_list_comes_before_a_stores_and_that_before_a_channels() -> None:
    lists = {
        "group": PriceList("group", "Klub", groups=("club",)),
        "store": PriceList("store", "Köln", stores=("cgn",)),
        "channel": PriceList("channel", "Web", channels=("web",)),
        "all": PriceList("all", "Alle"),
    }
    listed = [Listed(name, 400) for name in reversed(lists)]
    found = []
    while lists:
        rungs = ladder([Dated(300)], listed, at_place(lists.values(), Place("cgn", "web")))
        best = standing(rungs, DAY, ("club",))
        assert best is not None
        found.append(best.list)
        del lists[best.list]
    assert found == ["group", "store", "channel", "all"]


def test_days_of_list_and_price_hold_together() -> None:
    offer = PriceList("x", "x", valid_from=DAY, valid_to=DAY + 2 * _ONE)
    rungs = ladder(
        [Dated(500)], [Listed("x", 400, None, DAY + _ONE), Listed("x", 300, DAY + 3 * _ONE)], {"x": offer}
    )
    assert rungs == (Rung(400, DAY, DAY + _ONE, "x"), Rung(500))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"id": "a"}, "text"),
        ({"id": "", "text": "x"}, "id"),
        ({"id": "a\n", "text": "x"}, "id"),
        ({"id": "a", "text": ""}, "text"),
        ({"id": "a", "text": "x", "store": "cgn"}, "store"),
        ({"id": "a", "text": "x", "stores": "cgn"}, "stores"),
        ({"id": "a", "text": "x", "groups": [""]}, "groups"),
        ({"id": "a", "text": "x", "priority": 1001}, "priority"),
        ({"id": "a", "text": "x", "valid_from": "2026-13-01"}, "valid_from"),
        ({"id": "a", "text": "x", "valid_from": "2026-12-02", "valid_to": "2026-12-01"}, "valid_to"),
        (["a"], ""),
    ],
)
def test_a_list_that_no_till_could_mean_is_refused_with_its_field(given: object, field: str) -> None:
    with pytest.raises(ListRefusedError) as refused:
        read_price_list(given)
    assert refused.value.field == field, str(refused.value)


def test_what_a_piece_cost_follows_the_lists_of_its_store_as_they_stood() -> None:
    """The list came on the third day, was put aside on the sixth; the store's price was 400, another store's never counted."""
    hour = 3_600_000
    day = 24 * hour
    start = int(dt.datetime(2026, 11, 20, tzinfo=dt.UTC).timestamp()) * 1000
    held = (Held(start, None, (Dated(500),), (Listed("cgn", 400), Listed("muc", 300), Listed("club", 200))),)
    ran = (
        ListRan(start, None, PriceList("muc", "München", stores=("muc",))),
        ListRan(start, None, PriceList("club", "Klub", groups=("club",))),
        ListRan(start + 3 * day, start + 6 * day, PriceList("cgn", "Köln", stores=("cgn",))),
        ListRan(start + 6 * day, None, PriceList("cgn", "Köln", stores=("cgn",), active=False)),
    )
    article = Article("A", "A", "A", 500)

    def line(place: Place) -> list[tuple[int, int | None, bool]]:
        found = spans(Past(held, (), ran, place), article, dt.UTC, start, start + 9 * day)
        return [((one.start_ms - start) // day, one.minor, one.offer) for one in found]

    assert line(Place("cgn", "till")) == [(0, 500, False), (3, 400, False), (6, 500, False)]
    assert line(Place("muc", "till")) == [(0, 300, False)]
    assert line(Place("ber", "till", ("club",))) == [(0, 500, False)], (
        "what customers of a group pay is no price for everybody"
    )
