"""How a receipt is handed out: paper by itself, when asked for, the code first, or never."""

import pytest

from pos.domain import commands as c
from tests.tui.fakes import MILK, Shop, opened, run


async def paid(shop: Shop) -> None:
    shop.scan(MILK)
    await shop.till.handle(c.PayCash())


@pytest.mark.parametrize(
    ("policy", "link", "jobs", "paper"),
    [
        ("always", True, 1, ""),
        ("ask", True, 0, "ask"),
        ("ask", False, 0, "ask"),
        ("digital-first", True, 0, "digital-first"),
        ("digital-first", False, 1, ""),
        ("never", True, 0, ""),
    ],
)
def test_the_policy_decides_what_comes_out_by_itself(policy: str, link: bool, jobs: int, paper: str) -> None:
    async def body() -> None:
        shop = Shop(receipt_paper=policy, hub=link)
        await shop.open()
        await paid(shop)
        assert len(shop.printer.jobs) == jobs
        assert shop.till.view.last_sale is not None
        assert shop.till.view.last_sale.paper == paper

    run(body)


def test_one_key_answers_the_question_with_an_original() -> None:
    async def body() -> None:
        shop = Shop(receipt_paper="ask")
        async with opened(shop) as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            await screen.settled()
            assert "Bon auf Papier?" in screen.text
            assert "RÜCKGELD" in screen.text, "the change stays in sight"
            await screen.press("p")
            assert [job.copy for job in shop.printer.jobs] == [False]
            assert "Bon auf Papier?" not in screen.text

    run(body)


def test_the_next_scan_drops_the_question() -> None:
    async def body() -> None:
        shop = Shop(receipt_paper="ask")
        async with opened(shop) as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            await screen.scan(MILK)
            assert shop.till.view.state == "selling"
            assert not shop.printer.jobs
            assert "Papier" not in screen.text

    run(body)


@pytest.mark.parametrize("size", [(64, 18), (80, 24), (128, 37)])
@pytest.mark.parametrize("policy", ["ask", "digital-first"])
def test_what_to_press_is_said_at_every_size(size: tuple[int, int], policy: str) -> None:
    async def body() -> None:
        async with opened(Shop(receipt_paper=policy), size=size) as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            await screen.settled()
            said = " ".join(screen.text.split())
            assert "P: ja" in said or "P: auch auf Papier" in said, screen.text

    run(body)


def test_a_drawer_left_open_stands_in_the_status_row() -> None:
    async def body() -> None:
        async with opened() as screen:
            screen.shop.till.submit(c.DeviceReported("drawer", "ready", "open"))
            await screen.pause()
            assert "Lade offen" not in screen.text
            screen.shop.till.submit(c.DeviceReported("drawer", "ready", "left-open"))
            await screen.pause()
            assert "Lade offen" in screen.text.splitlines()[0]

    run(body)


@pytest.mark.parametrize(("size", "named"), [((80, 24), 2), ((64, 18), 1)])
def test_many_devices_in_trouble_leave_the_till_its_name(size: tuple[int, int], named: int) -> None:
    async def body() -> None:
        async with opened(size=size) as screen:
            for device in ("printer", "scale", "display", "customer-screen"):
                screen.shop.till.submit(c.DeviceReported(device, "absent"))
            await screen.pause()
            row = screen.text.splitlines()[0]
            assert row.count("fehlt") == named
            assert f"+{4 - named}" in row
            assert "Kasse" in row

    run(body)
