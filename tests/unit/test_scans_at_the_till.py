"""The table of scans through the real till: each row sells, or refuses, as it is specified. And what a pack's code says."""

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pos.domain import commands as c
from pos.domain.article import Article
from pos.domain.cart import Line
from pos.domain.money import round_minor
from pos.domain.packs import Recall
from pos.domain.scans import LabelRule, ScanKind, ScanTable, SlipRule
from pos.ports import RecallsUnavailableError
from pos.scan_files import RECALLS, RecallFile
from pos.till import PackSetup
from tests.tui.fakes import BREAD, MILK, FakeCatalogue, Shop, articles, run
from tests.unit.scan_samples import (
    CASE,
    E1,
    GS,
    NONE,
    PEN,
    PEN14,
    SAMPLES,
    TODAY,
    Sample,
    full,
)

UNIT_PRICE = 1_000
SELLS = {ScanKind.ARTICLE, ScanKind.PLU, ScanKind.OTHER}
LABELS = ScanTable(
    label=(
        LabelRule(prefix="28", item_digits=5, value_digits=5, value="weight", decimals=3),
        LabelRule(prefix="22", item_digits=5, value_digits=5, value="price"),
        LabelRule(prefix="25", item_digits=5, value_digits=5, value="count", decimals=0),
    ),
    slip=(SlipRule(prefix="2999", number_digits=5, amount_digits=3),),
)


class Everything(FakeCatalogue):
    """Knows every article, by its key; `unit` is how all of them are sold."""

    def __init__(self, unit: str = "pc", price: int | None = UNIT_PRICE) -> None:
        super().__init__(articles())
        self.unit, self.price = unit, price

    def find(self, key: str) -> Article | None:
        unit = "pc" if key == BREAD else self.unit
        return Article(key, f"Ware {key}", "A", self.price, gtin=key, unit=unit)


class Nothing(FakeCatalogue):
    def __init__(self) -> None:
        super().__init__(articles())

    def find(self, key: str) -> Article | None:
        return None


async def at(
    table: ScanTable = NONE, catalogue: FakeCatalogue | None = None, today: dt.date = TODAY, **packs: Any
) -> Shop:
    shop = Shop(scans=table, packs=PackSetup(**packs))
    if catalogue is not None:
        shop.till._desk.world = _with_catalogue(shop, catalogue)
    shop.clock.time = dt.datetime.combine(today, dt.time(9), shop.clock.time.tzinfo)
    await shop.open()
    return shop


def _with_catalogue(shop: Shop, catalogue: FakeCatalogue) -> Any:
    return msgspec.structs.replace(shop.till._desk.world, catalogue=catalogue)


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def live(shop: Shop) -> list[Line]:
    return [line for line in shop.till.view.lines if line.live]


def _day(sample: Sample, name: str) -> dt.date | None:
    day = sample.fields.get(name)
    assert day is None or isinstance(day, dt.date)
    return day


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_each_row_of_the_table_sells_or_refuses_at_the_till(sample: Sample) -> None:
    unit = sample.fields.get("unit") or "pc"

    async def test() -> None:
        shop = await at(sample.table, Everything(unit if unit != "lb" else "kg"))
        await shop.till.handle(c.Scan(sample.raw))
        use_by = _day(sample, "use_by")
        blocked = (use_by is not None and use_by < TODAY) or unit == "lb"
        if sample.kinds == {ScanKind.SLIP} and sample.fields.get("amount_minor"):
            (line,) = live(shop)
            assert (line.kind, line.total_minor) == ("deposit", -sample.fields["amount_minor"])
        elif not sample.kinds & SELLS or blocked:
            assert not shop.till.view.lines
            assert said(shop) or shop.till.view.question is not None
        else:
            (line,) = live(shop)
            _is_as_the_row_says(line, sample)
        before = len(shop.till.view.lines)
        if shop.till.view.question is not None:
            await shop.till.handle(c.Cancel())
        shop.scan(BREAD)  # whatever it was, the next scan counts
        assert len(shop.till.view.lines) == before + 1

    run(test)


def _is_as_the_row_says(line: Line, sample: Sample) -> None:
    fields = sample.fields
    price = fields.get("price_minor")
    if price is not None:
        assert (line.total_minor, line.price_source) == (price, "label")
    else:
        assert line.quantity == (fields.get("quantity") or 1)
        assert line.total_minor == round_minor(line.quantity * UNIT_PRICE)
    assert line.total_minor == round_minor(line.quantity * line.unit_minor)
    assert (line.batch, line.serial) == (fields.get("batch", ""), fields.get("serial", ""))
    assert line.best_before == _day(sample, "best_before")
    key = fields.get("key", line.sku)
    assert line.sku in {key, key + fields.get("addon", "")}


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_where_nobody_knows_the_article_only_what_may_be_goods_becomes_an_open_line(sample: Sample) -> None:
    async def test() -> None:
        shop = await at(sample.table, Nothing())
        await shop.till.handle(c.Scan(sample.raw))
        sold = [line for line in live(shop) if line.kind not in {"open", "deposit"}]
        assert not sold
        opened = [line for line in live(shop) if line.kind == "open"]
        use_by = _day(sample, "use_by")
        goods = sample.kinds & {ScanKind.ARTICLE, ScanKind.PLU} and not (use_by and use_by < TODAY)
        assert len(opened) == bool(goods)
        assert all(len(line.text) <= 40 for line in opened)

    run(test)


def test_the_table_is_the_one_the_issue_asks_for() -> None:
    assert len(SAMPLES) >= 200
    assert len([sample for sample in SAMPLES if sample.kinds & SELLS]) >= 100
    assert len([sample for sample in SAMPLES if not sample.kinds & SELLS]) >= 100


# Labels


@pytest.mark.parametrize(
    ("price", "per_kg", "quantity", "unit"),
    [
        (347, 1290, "0.269", "kg"),  # the scale's price is the catalogue's
        (500, 2990, "1", "pc"),  # no gram gives this price: the pack is one piece
        (999, None, "1", "pc"),  # open price: the label's holds
    ],
)
def test_a_price_label_is_sold_at_its_price(price: int, per_kg: int | None, quantity: str, unit: str) -> None:
    async def test() -> None:
        shop = await at(LABELS, Everything("kg", per_kg))
        shop.scan(full(f"2200042{price:05d}"))
        (line,) = live(shop)
        assert (line.total_minor, line.price_source, line.sku) == (price, "label", "42")
        assert (line.quantity, line.unit) == (Decimal(quantity), unit)
        assert line.total_minor == round_minor(line.quantity * line.unit_minor)

    run(test)


def test_a_weight_and_a_price_that_differ_from_the_catalogue_keep_both_prices() -> None:
    async def test() -> None:
        shop = await at(NONE, Everything("kg", 1000))
        shop.scan("]e001" + PEN14 + "3103000500" + "3922449")
        (line,) = live(shop)
        assert (line.quantity, line.unit_minor, line.list_minor) == (Decimal("0.500"), 898, 1000)
        assert line.total_minor == 449

    run(test)


def test_a_weight_label_is_quantity_times_price_and_more_of_them_are_typed_before() -> None:
    async def test() -> None:
        shop = await at(LABELS, Everything("kg", 1290))
        shop.scan(full("280004200269"))
        await shop.till.handle(c.SetQuantity(Decimal(3)))
        shop.scan(full("280004200269"))
        one, three = live(shop)
        assert (one.quantity, one.total_minor) == (Decimal("0.269"), 347)
        assert (three.quantity, three.total_minor) == (Decimal("0.807"), 1041)
        await shop.till.handle(c.SetQuantity(Decimal("1.5")))
        shop.scan(full("280004200269"))
        assert said(shop) == "quantity-whole"
        assert len(live(shop)) == 2

    run(test)


def test_a_weight_on_what_is_sold_by_the_piece_is_refused() -> None:
    async def test() -> None:
        shop = await at(LABELS, Everything("pc"))
        shop.scan(full("280004200269"))
        assert (said(shop), live(shop)) == ("pack-unit", [])

    run(test)


def test_a_label_over_the_tills_limits_is_refused() -> None:
    async def test() -> None:
        shop = await at(LABELS, Everything())
        shop.scan(full("250004201000"))
        assert said(shop) == "quantity-limit"
        shop.scan("]e001" + PEN14 + "392299999999")
        assert said(shop) == "price-limit"
        assert not live(shop)

    run(test)


# Dates, recalls, serial numbers


@pytest.mark.parametrize(("day", "sold"), [("260315", True), ("260314", False), ("260316", True)])
def test_past_its_use_by_date_nothing_is_sold_and_the_sale_goes_on(day: str, sold: bool) -> None:
    async def test() -> None:
        shop = await at(NONE, Everything())
        shop.scan(MILK, "]d2" + E1 + "17" + day)
        assert len(live(shop)) == 1 + sold
        assert said(shop) == ("" if sold else "past-use-by")
        shop.scan(MILK)
        assert len(live(shop)) == 2 + sold

    run(test)


@pytest.mark.parametrize(("percent", "total"), [(0, 1000), (30, 700)])
def test_past_its_best_before_date_it_is_sold_with_a_warning_and_marked_down_if_the_shop_wants_it(
    percent: int, total: int
) -> None:
    async def test() -> None:
        shop = await at(NONE, Everything(), past_percent=percent)
        shop.scan("]d2" + E1 + "15260314")
        (line,) = live(shop)
        assert line.pay_minor == total == shop.till.view.total_minor
        assert line.best_before == dt.date(2026, 3, 14)
        assert said(shop) == ("past-best-before-reduced" if percent else "past-best-before")
        assert [discount.source for discount in line.discounts] == ["mark-down"] * bool(percent)
        shop.scan("]d2" + E1 + "15260315")
        assert live(shop)[1].pay_minor == 1000
        assert said(shop) == ""

    run(test)


def test_a_recalled_batch_is_blocked_and_without_a_batch_the_cashier_is_told_to_look() -> None:
    async def test() -> None:
        shop = await at(NONE, Everything(), recalls=(Recall(gtin=PEN, batch="L7"), Recall(sku=CASE)))
        shop.scan("]d2" + E1 + "10L7")
        assert (said(shop), live(shop)) == ("recalled", [])
        shop.scan("]d2" + E1 + "10L8")
        assert (said(shop), len(live(shop))) == ("", 1)
        shop.clock.ms += 2_000
        shop.scan(PEN)
        assert (said(shop), len(live(shop))) == ("recall-look", 2)
        shop.scan(CASE)
        assert (said(shop), len(live(shop))) == ("recalled-all", 2)

    run(test)


def test_a_recall_that_comes_while_the_till_runs_holds_from_the_next_sale_on(tmp_path: Path) -> None:
    async def test() -> None:
        shop = await at(NONE, Everything())
        source = RecallFile(tmp_path)
        shop.till._desk.world = msgspec.structs.replace(shop.till._desk.world, recalls=source)
        shop.scan(PEN)
        rows = f'[[recall]]\ngtin = "{PEN}"\n'
        (tmp_path / RECALLS).write_text(rows)
        shop.scan(PEN)
        assert (said(shop), len(live(shop))) == ("", 2)
        await shop.till.handle(c.PayCash())
        shop.scan(PEN)
        assert (said(shop), live(shop)) == ("recalled-all", [])
        (tmp_path / RECALLS).write_text(rows + "[[recall]]\n")
        shop.scan(CASE)
        shop.scan(PEN)
        assert said(shop) == "recalled-all"  # a list with a fault changes nothing
        await shop.till.handle(c.PayCash())
        (tmp_path / RECALLS).unlink()
        shop.scan(PEN)
        assert len(live(shop)) == 1

    run(test)


def test_a_list_of_recalls_with_a_fault_is_said_once(tmp_path: Path) -> None:
    (tmp_path / RECALLS).write_text("[[recall]]\n")
    source = RecallFile(tmp_path)
    with pytest.raises(RecallsUnavailableError, match=RECALLS):
        source.refresh()
    assert source.refresh() is None


def test_a_serial_number_is_in_a_sale_once() -> None:
    async def test() -> None:
        shop = await at(NONE, Everything())
        one, other = "]d2" + E1 + "21S1", "]d2" + E1 + "21S2"
        shop.scan(one, one)
        assert (said(shop), len(live(shop))) == ("serial-in-cart", 1)
        shop.scan(other)
        assert len(live(shop)) == 2
        await shop.till.handle(c.VoidLine(1))
        shop.scan(one)
        assert [line.serial for line in live(shop)] == ["S2", "S1"]
        await shop.till.handle(c.SetQuantity(Decimal(2)))
        shop.scan("]d2" + E1 + "21S3")
        assert (said(shop), len(live(shop))) == ("serial-one", 2)

    run(test)


# Two codes on one pack

LINEAR = "]E0" + PEN
MATRIX = "]d2" + E1 + "10B4" + GS + "21S9"


@pytest.mark.parametrize("first", ["linear", "matrix"])
@pytest.mark.parametrize("named", [True, False])
def test_a_bar_code_and_a_2d_code_of_one_pack_sell_once(first: str, named: bool) -> None:
    codes = [LINEAR, MATRIX] if first == "linear" else [MATRIX, LINEAR]
    if not named:  # a scanner that sends no identifiers
        codes = [code[3:] for code in codes]

    async def test() -> None:
        shop = await at(NONE, Everything())
        shop.scan(*codes)
        (line,) = live(shop)
        assert (line.batch, line.serial, said(shop)) == ("B4", "S9", "one-pack")
        shop.scan(LINEAR if named else PEN)  # the next pack
        assert len(live(shop)) == 2

    run(test)


@pytest.mark.parametrize(
    ("codes", "sold"),
    [
        ((LINEAR, LINEAR), 2),
        ((LINEAR, LINEAR, LINEAR), 3),
        (("]d2" + E1, "]d2" + E1), 2),
        ((LINEAR, "]d2" + E1, "]Q3" + E1), 1),
        ((LINEAR, "]d2" + E1, LINEAR, "]d2" + E1), 2),
        ((LINEAR, "]d201" + CASE), 2),
        (("]E0" + PEN, "]X0" + PEN), 1 + 1),
    ],
)
def test_the_same_code_twice_sells_twice(codes: tuple[str, ...], sold: int) -> None:
    async def test() -> None:
        shop = await at(NONE, Everything())
        shop.scan(*codes)
        assert sum(line.quantity for line in live(shop)) == sold

    run(test)


def test_two_scanners_a_later_time_a_voided_line_or_a_quantity_make_it_another_pack() -> None:
    async def test() -> None:
        shop = await at(NONE, Everything())
        till = shop.till
        await till.handle(c.Scan(LINEAR, "scanner:left"))
        await till.handle(c.Scan("]d2" + E1, "scanner:right"))
        assert len(live(shop)) == 2
        await till.handle(c.Scan(LINEAR, "scanner:left"))
        shop.clock.ms += 1_500
        await till.handle(c.Scan("]d2" + E1, "scanner:left"))
        assert len(live(shop)) == 4
        shop.clock.ms += 1_500
        await till.handle(c.Scan(LINEAR, "scanner:left"))
        await till.handle(c.VoidLast())
        await till.handle(c.Scan("]d2" + E1, "scanner:left"))
        assert len(live(shop)) == 5
        await till.handle(c.SetQuantity(Decimal(2)))
        await till.handle(c.Scan(LINEAR, "scanner:left"))
        assert live(shop)[-1].quantity == 2

    run(test)


def test_the_next_customers_pack_is_another_one() -> None:
    async def test() -> None:
        shop = await at(NONE, Everything())
        shop.scan(LINEAR)
        await shop.till.handle(c.PayCash())
        await shop.till.handle(c.EnterCode("4011"))
        shop.scan("]d2" + E1)
        assert [line.sku for line in live(shop)] == ["4011", PEN]

    run(test)


def test_a_shop_may_switch_it_off() -> None:
    async def test() -> None:
        shop = await at(NONE, Everything(), one_pack_ms=0)
        shop.scan(LINEAR, "]d2" + E1)
        assert len(live(shop)) == 2

    run(test)


@pytest.mark.parametrize("second", ["17260314", "10L7", "21S1"])
def test_a_second_code_that_forbids_the_sale_takes_the_pack_out_again(second: str) -> None:
    async def test() -> None:
        shop = await at(NONE, Everything(), recalls=(Recall(gtin=PEN, batch="L7"),))
        shop.scan("]d2" + E1 + "21S1")
        shop.scan(LINEAR, LINEAR)  # its own bar code, then the next pack's
        assert len(live(shop)) == 2
        shop.scan("]Q3" + E1 + second)
        assert said(shop) in {"past-use-by", "recalled", "serial-in-cart"}
        assert len(live(shop)) == 1

    run(test)


# ISBN, web addresses, unknown text


def test_a_magazines_issue_is_sold_as_itself_where_the_catalogue_knows_it() -> None:
    paper = full("977204936300")

    async def test() -> None:
        shelf = [
            Article("Z", "Zeitschrift", "B", 500, gtin=paper),
            Article("Z3", "Zeitschrift, Sonderheft", "B", 900),
        ]
        catalogue = FakeCatalogue(shelf)
        catalogue._by_code[paper + "03"] = shelf[1]
        shop = await at(NONE, catalogue)
        shop.scan(paper + "02", paper + "03", paper)
        assert [(line.total_minor, line.code) for line in live(shop)] == [
            (500, f"{paper} 02"),
            (900, f"{paper} 03"),
            (500, ""),
        ]

    run(test)


def test_text_that_the_catalogue_does_not_list_sells_nothing() -> None:
    async def test() -> None:
        shop = await at()
        for text, why in (("ABC-123", "other-unknown"), ("https://example.com/offer", "scan-foreign")):
            shop.scan(text)
            assert (said(shop), shop.till.view.lines) == (why, ())

    run(test)


def test_any_text_at_all_sells_at_most_one_line_and_the_next_scan_counts() -> None:
    chance = random.Random(7)
    pieces = [
        "0123456789", "01" + PEN14, "]E0", "]d2", "]Q1", "]e0", GS, "TRS", "https://a.de/01/", "22", "28", "2999",
        "17", "15", "10", "21", "3922", "ABC xyz", "äß€\u202e\x00\n", "V0;", PEN, full("280004200269"),
    ]  # fmt: skip

    async def test() -> None:
        shop = await at(LABELS, Everything("kg"), recalls=(Recall(sku=PEN, batch="A"),), past_percent=20)
        till = shop.till
        for turn in range(3_000):
            words = (chance.choice(pieces) for _ in range(chance.randint(0, 12)))
            raw = "".join(
                "".join(chance.sample(word, len(word))) if chance.random() < 0.3 else word for word in words
            )[:200]
            before = len(live(shop))
            await till.handle(c.Scan(raw) if turn % 3 else c.EnterCode(raw))
            assert said(shop) != "internal-error", repr(raw)
            assert len(live(shop)) - before <= 1, repr(raw)
            if till.view.question is not None:
                await till.handle(c.Cancel())
            if turn % 50 == 49:
                before = len(live(shop))
                shop.scan("]e0" + E1 + "3103000500")
                assert len(live(shop)) == before + 1
                await till.handle(c.VoidCart())
                await till.handle(c.VoidCart())

    run(test)
