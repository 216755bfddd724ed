"""Selling, as it stands on the screen: real till, real keys, the rows as text."""

import asyncio

import pytest

from pos.domain import commands as c
from pos.storage_ports import JournalUnavailableError
from tests.tui.fakes import (
    BEER,
    BREAD,
    BROKEN,
    BUTTER,
    CHOCOLATE,
    MILK,
    NO_PRICE,
    SHIRT,
    UNKNOWN,
    WATER,
    YOGHURT,
    Screen,
    Shop,
    code,
    opened,
    run,
)


def test_exact_cash_is_one_key_after_the_last_scan() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK, BUTTER)
            await screen.press("f12")
            await screen.settled()
            assert "Bon 3-1-20417" in screen.text
            assert screen.row("Bar gegeben").endswith("3,88")
            assert screen.row("Summe").endswith("3,88")
            assert [sale.total_minor for sale in screen.shop.journal.sales] == [388]
            assert screen.shop.drawer.opened == 1

    run(case)


def test_a_given_amount_is_its_digits_and_one_key() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.press("2", "0", "0", "0", "kp_add")
            await screen.settled()
            assert screen.row("Bar gegeben").endswith("20,00")
            assert screen.shop.journal.sales[0].tenders[0].change_minor == 1861

    run(case)


def test_the_typed_amount_is_shown_as_understood_before_the_key() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.type("2000")
            assert screen.row("> 2000_").endswith("20,00")
            await screen.press("escape")
            await screen.type("20,5")
            assert screen.row("> 20,5_").endswith("20,50")
            await screen.press("escape")
            await screen.type("3*")
            assert screen.row("> _").endswith("3 x ...")

    run(case)


def test_the_last_article_is_voided_by_one_key_and_stays_visible() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK, BUTTER)
            await screen.press("delete")
            assert screen.row("storniert: Butter 250 g")
            assert screen.app._till.view.total_minor == 139
            await screen.press("kp_subtract")
            assert screen.row("storniert: Bio-Vollmilch")

    run(case)


def test_three_of_an_article_are_typed_before_the_scan() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.type("3*")
            await screen.scan(YOGHURT)
            assert "3 x  Joghurt Erdbeere 150 g" in screen.text
            assert screen.row("Joghurt").endswith("1,77")

    run(case)


def test_a_deposit_stands_indented_under_its_article() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(WATER)
            rows = screen.text.splitlines()
            at = next(i for i, row in enumerate(rows) if "Mineralwasser" in row)
            assert rows[at + 1].index("Pfand") == rows[at].index("Mineralwasser") + 2

    run(case)


@pytest.mark.parametrize("same", [True, False])
def test_twenty_scans_in_a_burst_all_stand_there_in_order(same: bool) -> None:
    async def case() -> None:
        async with opened(size=(80, 37)) as screen:
            codes = [MILK if same else code(501 + number) for number in range(20)]
            for scanned in codes:
                screen.shop.scan(scanned)
                await asyncio.sleep(0.01)
            await screen.pause()
            rows = screen.text.splitlines()
            texts = [f"{n:>4}" for n in range(1, 21)]
            assert [row[:4] for row in rows if row[:4] in texts] == texts
            wanted = ["Bio-Vollmilch" if same else f"Tee Sorte {n:02d}" for n in range(1, 21)]
            assert [word in row for word, row in zip(wanted, rows[2:22], strict=True)] == [True] * 20
            assert screen.painted() == screen.text

    run(case)


def test_enter_held_down_does_nothing() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            before = screen.text
            for _ in range(30):
                screen.shop.clock.ms += 30
                await screen.press("enter")
            assert screen.text == before
            await screen.press("f12")
            await screen.settled()
            await screen.press(*["enter"] * 10)
            assert len(screen.shop.journal.sales) == 1
            assert "RÜCKGELD" in screen.text

    run(case)


def test_the_next_scan_after_paying_needs_no_key() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            await screen.settled()
            assert "RÜCKGELD" in screen.text
            await screen.scan(BREAD)
            assert "RÜCKGELD" not in screen.text
            assert screen.row("Vollkornbrot").startswith("   1")

    run(case)


def test_a_scan_while_the_payment_is_written_begins_the_next_sale() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            screen.shop.journal.gate = asyncio.Event()
            await screen.press("f12")
            screen.shop.scan(BREAD)
            await screen.pilot.pause()
            assert not screen.shop.journal.sales
            screen.shop.journal.gate.set()
            await screen.settled()
            assert [sale.total_minor for sale in screen.shop.journal.sales] == [139]
            assert screen.row("Vollkornbrot").startswith("   1")

    run(case)


def test_a_broken_code_is_not_sold_and_says_so() -> None:
    async def case() -> None:
        sounds: list[str] = []
        async with opened(sounds=sounds.append) as screen:
            await screen.scan(MILK, BROKEN)
            assert f"Code {BROKEN} ist beschädigt: nicht verkauft." in screen.text
            assert screen.app._till.view.pieces == 1
            assert sounds == ["ok", "blocked"]

    run(case)


def test_an_open_line_is_settled_by_search() -> None:
    async def case() -> None:
        sounds: list[str] = []
        async with opened(sounds=sounds.append) as screen:
            await screen.scan(UNKNOWN)
            assert screen.row(f"nicht verkauft: {UNKNOWN}").endswith("?")
            assert sounds == ["unknown"]
            await screen.type("butter")
            await screen.press("enter")
            assert "Suche „butter“: 1 gefunden" in screen.text
            await screen.press("1")
            assert screen.row("> 1_").endswith("Butter 250 g")
            await screen.press("enter")
            assert screen.row("Butter 250 g").endswith("2,49")
            assert screen.row(f"storniert: {UNKNOWN}")

    run(case)


def test_an_open_line_is_settled_by_price_and_department() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(UNKNOWN)
            await screen.press("2", "5", "0", "f3")
            assert "Welche Warengruppe?" in screen.text
            await screen.press("1", "2")
            assert screen.row("> 12_").endswith("Textil")
            await screen.press("enter")
            assert screen.row("Textil").endswith("2,50")
            assert "nicht verkauft" not in screen.text

    run(case)


def test_an_open_line_is_left_out_by_a_function() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK, UNKNOWN)
            await screen.press("f9", "4")
            assert screen.row(f"storniert: {UNKNOWN}")
            await screen.press("f12")
            await screen.settled()
            assert [sale.total_minor for sale in screen.shop.journal.sales] == [139]

    run(case)


def test_what_is_not_sold_yet_stays_said_until_it_is_settled() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(UNKNOWN, MILK)
            assert f"1 noch nicht verkauft ({UNKNOWN})" in screen.text
            await screen.press("f12")
            assert not screen.shop.journal.sales
            assert f"1 Artikel noch nicht verkauft ({UNKNOWN})" in screen.text

    run(case)


def test_an_article_without_a_price_asks_for_one() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(NO_PRICE)
            assert "Preis fehlt: Blumen vom Feld" in screen.text
            await screen.press("8", "0", "0", "f3")
            assert screen.row("Blumen vom Feld").endswith("8,00")

    run(case)


def test_the_age_check_is_said_once() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(BEER)
            assert "erst ab 16 Jahren" in screen.text

    run(case)


def test_a_long_cart_shows_its_end_and_pages_back() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(*[MILK] * 30, CHOCOLATE)
            assert screen.row("  31 ").endswith("2,09")
            assert "+17 oben" in screen.text
            await screen.press("pageup", "pageup")
            assert "oben" not in screen.text
            assert screen.row("   1 ")
            await screen.scan(BUTTER)
            assert screen.row("  32 ").endswith("2,49")

    run(case)


def test_tab_goes_to_the_next_open_line_wherever_it_is() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(UNKNOWN, *[MILK] * 30, code(900))
            assert screen.row(f">32         1  nicht verkauft: {code(900)}")
            await screen.press("tab")
            assert screen.row(f">1         1  nicht verkauft: {UNKNOWN}")
            await screen.scan(BUTTER)
            assert screen.row("Butter 250 g")

    run(case)


def test_names_are_cut_and_prices_never() -> None:
    async def case() -> None:
        shop = Shop()
        async with opened(shop, size=(48, 14)) as screen:
            await screen.type("999*")
            await screen.scan(SHIRT)
            row = screen.row("T-Shirt")
            assert row.endswith("12.977,01")
            assert "…" in row

    run(case)


def test_an_unsold_code_is_whole_on_a_small_screen() -> None:
    async def case() -> None:
        async with opened(size=(64, 18)) as screen:
            await screen.scan(UNKNOWN)
            assert f"nicht verkauft: {UNKNOWN} " in screen.text

    run(case)


def test_forty_columns_still_sell() -> None:
    async def case() -> None:
        async with opened(size=(40, 12)) as screen:
            await screen.type("99*")
            await screen.scan(SHIRT)
            assert screen.row("T-Shirt").endswith("1.286,01")
            assert "99 Teile" in screen.text
            assert max(len(row) for row in screen.text.splitlines()) <= 40
            await screen.press("f12")
            await screen.settled()
            assert "RÜCKGELD" in screen.text

    run(case)


def test_control_characters_of_a_name_never_reach_the_terminal() -> None:
    async def case() -> None:
        from pos.domain.article import Article

        shop = Shop()
        shop.catalogue._by_code[code(77).lstrip("0")] = Article("E", "Böse\x1b[2J Datei\x07", "B", 100)
        async with opened(shop) as screen:
            await screen.scan(code(77))
            assert "Böse [2J Datei" in screen.text
            assert "\x1b" not in screen.painted()

    run(case)


def test_without_a_code_the_paid_screen_says_so() -> None:
    async def case() -> None:
        async with opened(Shop(hub=False)) as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            await screen.settled()
            assert "Kein Code" in screen.text
            assert "kein Hub" in screen.text
            assert "nur hier" not in screen.text

    run(case)


def test_the_code_on_the_paid_screen_can_be_read_by_a_phone() -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")

    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            await screen.settled()
            rows = [row[:39].ljust(39) for row in screen.text.splitlines()[1:20]]
            picture = image.new("L", (39, 38), 0)
            light = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
            for y, row in enumerate(rows):
                for x, char in enumerate(row):
                    upper, lower = light.get(char, (0, 0))
                    picture.putpixel((x, 2 * y), upper)
                    picture.putpixel((x, 2 * y + 1), lower)
            found = zxingcpp.read_barcodes(picture.resize((390, 380), 0))
            assert [code.text for code in found] == [screen.shop.journal.sales[0].link]

    run(case)


def test_p_prints_after_paying_and_is_a_letter_elsewhere() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.type("p")
            assert screen.row("> p_").endswith("Suche nach p")
            await screen.press("escape", "f12")
            await screen.settled()
            assert len(screen.shop.printer.jobs) == 1
            await screen.press("p")
            assert [job.copy for job in screen.shop.printer.jobs] == [False, True]
            await screen.press("f2", "p")
            assert screen.row("> p_")
            assert len(screen.shop.printer.jobs) == 2

    run(case)


def test_a_receipt_in_doubt_is_settled_by_number() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            job = screen.shop.printer.jobs[0].job_id
            screen.shop.till.submit(c.DeviceReported("printer", "fault", "", job, "unknown"))
            await screen.settled()
            assert "Kam der letzte Bon aus dem Drucker?" in screen.text
            await screen.press("f9")
            assert "1  Der Bon kam heraus" in screen.text
            await screen.press("2")
            assert screen.shop.printer.choices == ["again"]

    run(case)


def test_a_stopped_till_says_so_large_and_what_to_do() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            screen.shop.journal.broken = JournalUnavailableError("disk-full", "", stored=None)
            await screen.press("f12")
            assert "ANGEHALTEN" in screen.text
            assert "Der Speicher ist voll" in screen.text
            assert "1 Teil, 1,39" in screen.text
            screen.shop.journal.broken = None
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            assert "ANGEHALTEN" not in screen.text
            assert screen.row("Bio-Vollmilch")

    run(case)


def test_devices_in_trouble_are_named_in_words() -> None:
    async def case() -> None:
        async with opened() as screen:
            screen.shop.till.submit(c.DeviceReported("printer", "fault", "paper-out"))
            screen.shop.till.submit(c.HubReported(online=False, acked_epoch=1, acked_seq=0))
            await screen.pause()
            first = screen.text.splitlines()[0]
            assert "Drucker: Papier leer" in first
            assert "OFFLINE" in first
            assert "nur hier: 0" in first
            screen.shop.till.submit(c.DeviceReported("printer", "ready", "paper-low"))
            await screen.pause()
            assert "Drucker: Papier bald leer" in screen.text.splitlines()[0]

    run(case)


def test_the_clock_costs_one_row_and_demo_is_never_hidden() -> None:
    async def case() -> None:
        async with opened() as screen:
            assert "14:07" in screen.text.splitlines()[0]
            assert "DEMO - kein Beleg" in screen.text.splitlines()[0]
            screen.shop.clock.time = screen.shop.clock.time.replace(minute=8)
            screen.app._pump.poke()
            await screen.pause()
            assert "14:08" in screen.text.splitlines()[0]
        async with opened(size=(48, 14)) as screen:
            assert " DEMO " in screen.text.splitlines()[0]

    run(case)


def test_the_language_is_the_operators() -> None:
    async def case() -> None:
        async with opened(Shop(language="en")) as screen:
            await screen.scan(MILK)
            assert "DEMO - no receipt" in screen.text
            assert "1.39" in screen.row("Bio-Vollmilch")

    run(case)


@pytest.mark.parametrize("width", [64, 80])
@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("fork", "Hub: ZWEITE KASSE"),
        ("replaced", "Hub: ERSETZT"),
        ("not-enrolled", "Hub: ANMELDEN"),
        ("clock", "UHR FALSCH"),
        ("stuck", "Hub: HÄNGT"),
        ("busy", "ONLINE"),
    ],
)
def test_trouble_with_the_hub_stays_in_the_first_row_in_words(width: int, problem: str, said: str) -> None:
    async def case() -> None:
        async with opened(size=(width, 24 if width == 80 else 18)) as screen:
            screen.shop.till.submit(c.HubReported(True, 1, 0, problem))
            await screen.scan(MILK)
            assert said in screen.text.splitlines()[0]

    run(case)


def test_the_relay_alone_is_a_line_to_another_machine() -> None:
    async def case() -> None:
        async with opened() as screen:
            screen.shop.till.submit(c.HubReported(False, 1, 0))
            screen.shop.till.submit(c.HubReported(True, 1, 0, node="relay"))
            await screen.pause()
            assert "ONLINE" in screen.text.splitlines()[0]

    run(case)


@pytest.mark.parametrize(("width", "both"), [(64, "OFFLINE  nur hier"), (80, "OFFLINE: Hub+Relay  nur hier")])
def test_a_relay_that_is_away_stays_in_the_first_row_also_while_the_hub_answers(
    width: int, both: str
) -> None:
    async def case() -> None:
        async with opened(size=(width, 24 if width == 80 else 18)) as screen:

            async def first_row(*reports: c.HubReported) -> str:
                for report in reports:
                    screen.shop.till.submit(report)
                await screen.pause()
                await screen.scan(MILK)
                row = screen.text.splitlines()[0]
                assert row.startswith(" Kasse")
                return row

            row = await first_row(c.HubReported(True, 1, 0), c.HubReported(False, 1, 0, "away", "relay"))
            assert "Relay fehlt" in row
            assert "ONLINE" not in row
            assert both in await first_row(c.HubReported(False, 1, 0))
            row = await first_row(c.HubReported(True, 1, 0, node="relay"))
            assert "ONLINE" in row
            assert "Relay" not in row

    run(case)


@pytest.mark.parametrize(
    ("width", "missing", "lags"),
    [(64, "2. Kopie!", "2. Kopie!"), (80, "2. Kopie fehlt", "2. Kopie: 3 fehlen")],
)
def test_a_second_copy_that_lags_or_is_missing_is_said_and_a_sound_one_is_not(
    width: int, missing: str, lags: str
) -> None:
    async def case() -> None:
        async with opened(size=(width, 24 if width == 80 else 18)) as screen:
            screen.shop.till.submit(c.CopyReported("absent"))
            await screen.pause()
            assert missing in screen.text.splitlines()[0]
            assert "Medium für die zweite Kopie fehlt" in screen.text
            await screen.scan(MILK)
            assert missing in screen.text.splitlines()[0]
            screen.shop.till.submit(c.CopyReported("behind", 3))
            await screen.pause()
            assert lags in screen.text.splitlines()[0]
            screen.shop.till.submit(c.CopyReported("ok"))
            await screen.pause()
            assert "Kopie" not in screen.text

    run(case)


@pytest.mark.parametrize("size", [(64, 18), (80, 24)])
def test_the_till_keeps_its_name_in_the_first_row_whatever_is_wrong_around_it(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(size=size) as screen:
            screen.shop.till.submit(c.HubReported(False, 1, 0, "not-enrolled"))
            screen.shop.till.submit(c.CopyReported("absent"))
            await screen.scan(MILK)
            first = screen.text.splitlines()[0]
            assert first.startswith(" Kasse")
            assert all(word in first for word in ("Hub: ANMELDEN", "nur hier: 0", "2. Kopie"))

    run(case)


def test_a_till_from_a_backup_says_that_it_waits_and_news_does_not_cover_it() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.till.start(None, (), None, "till-restored")
        app = shop.app()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = Screen(shop, app, pilot)
            shop.till.submit(c.CopyReported("absent"))
            shop.till.submit(c.HubReported(True, 1, 0, "behind"))
            await screen.pause()
            assert "ANGEHALTEN" in screen.text
            assert "kommt aus einer Sicherung" in screen.text
            assert "sobald er erreichbar ist" in screen.text
            assert "Enter versucht" not in screen.text
            shop.till.submit(c.OpenEpoch(2, 51, bytes(32), 1, "restored"))
            await screen.pause()
            assert "Wer arbeitet an dieser Kasse?" in screen.text
            assert "Neue Bonnummern ab jetzt: 3-2-1" in screen.text

    run(case)
