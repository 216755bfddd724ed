"""What was sold is found again: by number, by link, by what it mentions; and a cart keeps what it is beside its lines."""

import asyncio
from decimal import Decimal
from pathlib import Path

from pos.cash_facts import DayOpened
from pos.domain.about import About
from pos.domain.cart import Cart, Line, Mark, cart_of
from pos.domain.line import Origin
from pos.domain.tender import Tender
from pos.domain.used import Used
from pos.journal.file_journal import FileJournal
from pos.journal.history import FileHistory
from pos.journal.state import StateStore
from pos.journal.views import Views
from pos.journal.writer import create_journal
from pos.sale_facts import Reference, Sale, SaleLine
from pos.system import SystemClock, ThreadWorker
from pos.till_facts import EpochOpened


def _sale(number: int, *lines: SaleLine, tenders: tuple[Tender, ...] = (), **more: object) -> Sale:
    return Sale(
        f"c{number}", number, "2026-11-22", "1-2", "1", 0, 0, 0, 60, lines, tenders, (), 0, 0,
        link=f"s.{number}", **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _line(n: int, **more: object) -> SaleLine:
    return SaleLine(n, "x", 100, 100, "A", Decimal(19), 0, **more)  # type: ignore[arg-type]


def test_sales_are_found_by_number_link_and_what_they_mention(tmp_path: Path) -> None:
    async def case() -> None:
        worker, clock = ThreadWorker("journal"), SystemClock()
        create_journal(tmp_path / "journal", clock, EpochOpened("s", "3", "new till", "t"))
        views = Views(tmp_path / "views.db")
        journal = FileJournal(tmp_path / "journal", views, clock, worker)
        await journal.open()
        history = FileHistory(tmp_path / "journal", views, worker)
        await journal.append([DayOpened("2026-11-22", "1-2")])
        await journal.append([_sale(1, _line(1, serial="SN1"))])
        back = Origin("3", 1, 1, 1)
        await journal.append([_sale(2, _line(1, kind="return", origin=back, qty=Decimal(-1)))])
        card = Tender("gift-card", 500, 500, reference="G7")
        gone = _line(2, serial="SN1", voided_ms=1)
        await journal.append(
            [
                _sale(
                    3, _line(1, kind="voucher", serial="G7"), gone, references=(Reference("void", "3", 1, 1),)
                )
            ]
        )
        await journal.append([_sale(4, tenders=(card,))])
        try:
            found = await history.receipt(1, 2)
            assert found is not None
            assert (found.epoch, found.seq, found.fact) == (
                1,
                4,
                _sale(2, _line(1, kind="return", origin=back, qty=Decimal(-1))),
            )
            by_link = await history.by_link("s.3")
            assert by_link is not None
            assert by_link.seq == 5
            assert await history.receipt(1, 9) is None
            assert await history.by_link("s.9") is None
            assert [_number(one.fact) for one in await history.recent(3)] == [4, 3, 2]
            assert [_number(one.fact) for one in await history.recent(3, (1, 3))] == [2, 1]
            for kind, key, numbers in (
                ("receipt", "3-1-1", [2, 3]),
                ("serial", "SN1", [1]),
                ("voucher", "G7", [3, 4]),
                ("slip", "SN1", []),
            ):
                assert [_number(one.fact) for one in await history.mentions(kind, key)] == numbers, kind
            assert [one.seq for one in await history.session("1-2")] == [2, 3, 4, 5, 6]
        finally:
            await journal.close()
            worker.close()

    asyncio.run(case())


def _number(fact: object) -> int:
    assert isinstance(fact, Sale)
    return fact.number


def test_an_open_cart_keeps_its_payments_and_what_is_known_of_it(tmp_path: Path) -> None:
    line = Line(1, "article", "x", Decimal(1), 100, 100, Mark(1, "1"))
    paid = Tender("gift-card", 50, 50, reference="G7")
    steps: list[Cart | None] = [
        cart_of("a", 1, "1", (line,)),
        cart_of("a", 1, "1", (line,), (paid,)),
        cart_of("a", 1, "1", (line,), (paid,), About(customer="c7", age=18)),
        cart_of("a", 1, "1", (line,)),
        cart_of("b", 1, "1", (), (), About(gift=True)),
        None,
    ]

    async def case() -> None:
        worker = ThreadWorker("state")
        store = StateStore(tmp_path / "state.db", worker)
        assert await store.open() is None
        for cart in steps:
            store.save_cart(cart)
            await store.flush()
            again = StateStore(tmp_path / "state.db", worker)
            assert await again.open() == cart
            await again.close()
        await store.close()
        worker.close()

    asyncio.run(case())


def test_what_promotions_used_is_counted_from_the_facts_also_after_the_views_are_lost(tmp_path: Path) -> None:
    async def case() -> None:
        worker, clock = ThreadWorker("journal"), SystemClock()
        create_journal(tmp_path / "journal", clock, EpochOpened("s", "3", "new till", "t"))
        views = Views(tmp_path / "views.db")
        journal = FileJournal(tmp_path / "journal", views, clock, worker)
        await journal.open()
        await journal.append([DayOpened("2026-11-22", "1-2")])
        summer, three = Used("summer", 2, 130), Used("three", 1, 59)
        await journal.append([_sale(1, promotions=(summer, three))])
        await journal.append([_sale(2, promotions=(summer,))])
        await journal.append([_sale(3, promotions=(summer,), references=(Reference("void", "3", 1, 2),))])
        await journal.append([_sale(4, promotions=(summer,), training=True)])
        used = await FileHistory(tmp_path / "journal", views, worker).promotions_used()
        assert used == {"summer": (4, 260), "three": (1, 59)}
        await journal.close()
        (tmp_path / "views.db").unlink()
        again = Views(tmp_path / "views.db")
        journal = FileJournal(tmp_path / "journal", again, clock, worker)
        await journal.open()
        try:
            assert await FileHistory(tmp_path / "journal", again, worker).promotions_used() == used
        finally:
            await journal.close()
            worker.close()

    asyncio.run(case())
