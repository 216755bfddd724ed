"""Price changes and shelf labels at the till."""

import datetime as dt

import msgspec

from pos.device_ports import PrintJob
from pos.domain import commands as c
from pos.domain.price_said import Dated, Held
from pos.domain.promotions import Promotion, Selection
from pos.domain.rights import ALL, Role
from pos.domain.shelf_label import PriceChange
from pos.ports import PromotionsUnavailableError
from tests.tui.fakes import BREAD, BUTTER, MILK, NO_PRICE, UNKNOWN, Shop, opened, run

EVERYBODY = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))
TODAY = dt.date(2026, 11, 21)
DAY = dt.timedelta(days=1)


def shop_with_changes() -> Shop:
    shop = Shop(roles=EVERYBODY)
    found = {code: shop.catalogue.find(code) for code in (MILK, BUTTER, BREAD)}
    milk, butter, bread = (PriceChange(one, 99, TODAY) for one in found.values() if one is not None)
    shop.catalogue.changes = {
        TODAY: (milk, butter),
        TODAY + DAY: (msgspec.structs.replace(bread, day=TODAY + DAY),),
    }
    return shop


async def go(shop: Shop, *answers: str) -> str:
    for answer in answers:
        if answer.startswith("+"):
            await shop.till.handle(c.Scan(answer[1:]))
        else:
            await shop.till.handle(c.Answer(answer))
    return said(shop)


def said(shop: Shop) -> str:
    view = shop.till.view
    return view.message.code if view.message is not None else ""


def options(shop: Shop) -> list[tuple[str, str]]:
    question = shop.till.view.question
    assert question is not None
    return [(option.key, option.note) for option in question.options]


def labels(shop: Shop) -> list[str]:
    return [job.document.rows[0].left for job in shop.printer.jobs if job.document is not None]


async def begin(shop: Shop) -> None:
    await shop.open()
    await shop.till.handle(c.Do("price-labels"))


def again(shop: Shop) -> Shop:
    """The same till after its plug was pulled: its memory and its catalogue are as they were."""
    fresh = shop_with_changes()
    fresh.memory.kept = dict(shop.memory.kept)
    return fresh


def test_todays_changes_are_listed_printed_and_hung() -> None:
    async def case() -> None:
        shop = shop_with_changes()
        await begin(shop)
        assert options(shop) == [
            ("today", "0 von 2 hängen"), ("since", "0 von 2 hängen"), ("tomorrow", "0 von 1 hängen"),
        ]  # fmt: skip
        await go(shop, "1")
        assert options(shop)[:3] == [("all", "2"), ("=0", "0,99 → 1,39  offen"), ("=1", "0,99 → 2,49  offen")]
        assert await go(shop, "1") == "labels-printed"
        assert labels(shop) == ["Bio-Vollmilch 3,8 % 1 l", "Butter 250 g"]
        assert options(shop)[:2] == [("hung", "2"), ("=0", "0,99 → 1,39  gedruckt")]
        assert await go(shop, "1") == "labels-hung"
        assert options(shop)[0] == ("=0", "0,99 → 1,39  hängt")
        await go(shop, "3")
        assert options(shop)[0] == ("today", "2 von 2 hängen")
        assert await go(shop, "2") == "labels-none-since"
        assert await go(shop, "3", "1") == "labels-printed"
        assert labels(shop)[-1] == "Vollkornbrot 750 g"

    run(case)


def test_a_cut_after_printing_neither_loses_nor_repeats_a_label() -> None:
    async def case() -> None:
        shop = shop_with_changes()
        submit = shop.printer.submit

        def cut(job: PrintJob) -> None:
            submit(job)
            raise RuntimeError("the plug is pulled")

        shop.printer.submit = cut  # type: ignore[method-assign]
        await begin(shop)
        await go(shop, "1", "1")
        assert labels(shop) == ["Bio-Vollmilch 3,8 % 1 l"]
        shop = again(shop)
        await begin(shop)
        await go(shop, "1")
        assert options(shop)[:4] == [
            ("all", "1"), ("hung", "1"), ("=0", "0,99 → 1,39  gedruckt"), ("=1", "0,99 → 2,49  offen"),
        ]  # fmt: skip
        assert await go(shop, "1") == "labels-printed"
        assert labels(shop) == ["Butter 250 g"]
        await go(shop, "2", "1")  # the first one never came out: once more
        assert labels(shop) == ["Butter 250 g", "Bio-Vollmilch 3,8 % 1 l"]

    run(case)


def test_another_price_is_another_label() -> None:
    async def case() -> None:
        shop = shop_with_changes()
        await begin(shop)
        await go(shop, "1", "1", "1")
        shop = again(shop)
        milk, butter = shop.catalogue.changes[TODAY]
        dearer = msgspec.structs.replace(milk, article=msgspec.structs.replace(milk.article, price_minor=145))
        shop.catalogue.changes[TODAY] = (dearer, butter)
        await begin(shop)
        await go(shop, "1")
        assert options(shop)[:3] == [("all", "1"), ("=0", "0,99 → 1,45  offen"), ("=1", "0,99 → 2,49  hängt")]

    run(case)


def test_one_label_by_scanning_the_article_also_where_nothing_changed() -> None:
    async def case() -> None:
        shop = shop_with_changes()
        await begin(shop)
        assert await go(shop, f"+{BREAD}") == "labels-printed"
        assert await go(shop, f"+{UNKNOWN}") == "stock-unknown"
        assert await go(shop, f"+{NO_PRICE}") == "labels-no-price"
        assert labels(shop) == ["Vollkornbrot 750 g"]
        await shop.till.handle(c.Cancel())
        await shop.till.handle(c.Do("price-labels", MILK))
        assert labels(shop)[1:] == ["Bio-Vollmilch 3,8 % 1 l"]

    run(case)


def test_what_the_hub_changed_without_a_day_waits_until_it_hangs() -> None:
    async def case() -> None:
        shop = shop_with_changes()
        shop.catalogue.undated, shop.catalogue.changes = shop.catalogue.changes[TODAY][:1], {}
        await begin(shop)
        assert await go(shop, "1") == "labels-none-today"
        assert await go(shop, "2", "1", "1") == "labels-hung"
        await shop.till.handle(c.Cancel())
        await shop.till.handle(c.Do("price-labels"))
        assert await go(shop, "2") == "labels-none-since"

    run(case)


def milk_week(first: dt.date, last: dt.date) -> Promotion:
    return Promotion(
        "milk", "Milchwoche", "fixed-price", Selection(skus=("S1",)), price_minor=99, valid_from=first, valid_to=last
    )  # fmt: skip


def test_a_promotion_that_begins_brings_its_label_and_its_end_the_old_one() -> None:
    async def case() -> None:
        begins = Shop(roles=EVERYBODY, promotions=(milk_week(TODAY, TODAY + 6 * DAY),))
        await begin(begins)
        await go(begins, "1")
        assert options(begins)[:2] == [("all", "1"), ("=0", "1,39 → 0,99  offen")]
        assert await go(begins, "1") == "labels-printed"
        (paper,) = (job.document for job in begins.printer.jobs if job.document is not None)
        said = {(row.left, row.right) for row in paper.rows}
        assert ("EUR", "0,99") in said
        assert ("gültig bis 27.11.2026", "") in said
        ends = Shop(roles=EVERYBODY, promotions=(milk_week(TODAY - 6 * DAY, TODAY),))
        await begin(ends)
        assert await go(ends, "1") == "labels-none-today"
        await go(ends, "3")
        assert options(ends)[:2] == [("all", "1"), ("=0", "0,99 → 1,39  offen")]
        await ends.till.handle(c.Cancel())
        await ends.till.handle(c.Do("price-labels", MILK))  # its label as it is today
        assert ends.printer.jobs[-1].document is not None
        assert ends.printer.jobs[-1].document.rows[1].right == "0,99"

    run(case)


def test_the_label_of_an_offer_that_nobody_took_down_is_not_forgotten() -> None:
    async def case() -> None:
        for hung, day, listed in (
            (True, TODAY - DAY, True),
            (False, TODAY - DAY, False),
            (True, TODAY, False),
        ):
            shop = Shop(roles=EVERYBODY)
            label = ["99/0/2026-11-19", hung, day.isoformat()]
            shop.memory.kept["labels"] = msgspec.json.encode({"S1": label})
            await begin(shop)
            if not listed:
                assert await go(shop, "2") == "labels-none-since"
                continue
            await go(shop, "2")
            assert options(shop)[:2] == [("all", "1"), ("=0", "0,99 → 1,39  offen")]

    run(case)


def test_promotions_that_cannot_be_read_are_said_and_prices_are_listed_all_the_same() -> None:
    async def case() -> None:
        shop = shop_with_changes()
        shop.promotions.broken = PromotionsUnavailableError("promotions.json: line 3")
        await begin(shop)
        assert said(shop) == "promotions-unusable"
        assert options(shop)[0] == ("today", "0 von 2 hängen")

    run(case)


def test_without_paper_they_wait_and_without_a_printer_it_says_so() -> None:
    async def case() -> None:
        shop = shop_with_changes()
        await begin(shop)
        shop.till.submit(c.DeviceReported("printer", "fault", "paper-out"))
        await go(shop, "1")
        assert await go(shop, "1") == "labels-wait"
        shop.till._desk.world = msgspec.structs.replace(shop.till._desk.world, printer=None)
        await shop.till.handle(c.Cancel())
        await shop.till.handle(c.Do("price-labels"))
        assert await go(shop, "3", "1") == "labels-no-printer"

    run(case)


def test_who_lacks_the_right_sees_nothing() -> None:
    async def case() -> None:
        shop = Shop(roles=(Role("cashier", ()), Role("supervisor", (ALL,))))
        await begin(shop)
        assert said(shop) == "approval-needed"

    run(case)


def test_the_list_fits_the_smallest_screen() -> None:
    async def case() -> None:
        async with opened(shop_with_changes(), size=(64, 18)) as screen:
            await screen.shop.till.handle(c.Do("price-labels"))
            await go(screen.shop, "1")
            await screen.pause()
            shown = screen.text
            for part in ("Alle offenen drucken", "Butter 250 g", "0,99 → 2,49  offen"):
                assert part in shown

    run(case)


def paper_of(shop: Shop) -> list[tuple[str, str]]:
    document = shop.printer.jobs[-1].document
    assert document is not None
    return [(row.left, row.right) for row in document.rows]


def ms(days: int) -> int:
    zone = Shop().clock.now().tzinfo
    return int(dt.datetime.combine(TODAY + days * DAY, dt.time(0), zone).timestamp() * 1000)


def test_a_label_for_a_promotion_names_the_lowest_price_of_the_30_days_before() -> None:
    """Milk cost 1,39, for two days 1,19; a week's promotion takes it to 0,99 tomorrow. The label is printed today."""

    async def case() -> None:
        shop = Shop(roles=EVERYBODY, promotions=(milk_week(TODAY + DAY, TODAY + 6 * DAY),))
        held = ((-90, -20, 139), (-20, -18, 119), (-18, None, 139))
        shop.catalogue.pasts["S1"] = tuple(
            Held(ms(first), ms(last) if last is not None else None, (Dated(minor),))
            for first, last, minor in held
        )
        await begin(shop)
        await go(shop, "3", "1")
        assert ("-16 %", "") in paper_of(shop)
        assert ("Niedrigster Preis der letzten 30 Tage:", "1,19 EUR") in paper_of(shop)
        assert not any("1,39" in right for _, right in paper_of(shop))
        await shop.till.handle(c.Cancel())
        await shop.till.handle(c.Do("price-labels", MILK))  # today it is no reduction yet
        assert not any("Niedrigster" in left for left, _ in paper_of(shop))

    run(case)


def test_a_label_announces_nothing_where_no_price_before_is_known_or_one_was_as_low() -> None:
    async def case() -> None:
        for held in ((), (Held(ms(-5), None, (Dated(95),)),), (Held(ms(0), None, (Dated(139),)),)):
            shop = Shop(roles=EVERYBODY, promotions=(milk_week(TODAY, TODAY + 6 * DAY),))
            shop.catalogue.pasts["S1"] = held
            await begin(shop)
            await go(shop, "1", "1")
            assert ("EUR", "0,99") in paper_of(shop)
            assert not any(
                "Niedrigster" in left or "%" in left.replace("3,8 %", "") for left, _ in paper_of(shop)
            )

    run(case)


def test_a_price_that_came_today_without_a_day_is_one_of_todays() -> None:
    async def case() -> None:
        shop = shop_with_changes()
        shop.catalogue.undated, shop.catalogue.changes = shop.catalogue.changes[TODAY], {}
        shop.catalogue.pasts = {
            "S1": (Held(ms(-90), ms(0), (Dated(99),)), Held(ms(0), None, (Dated(139),))),
            "S2": (Held(ms(-90), ms(-1), (Dated(99),)), Held(ms(-1), None, (Dated(249),))),
        }
        await begin(shop)
        assert [note for _, note in options(shop)][:2] == ["0 von 1 hängen", "0 von 2 hängen"]

    run(case)
