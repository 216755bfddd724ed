"""Keys that are known by heart lead where they always do, also while a receipt waits for the printer."""

from pos.domain import commands as c
from tests.tui.fakes import MILK, Shop, opened, run


def test_the_way_to_a_function_goes_past_the_list_of_a_receipt_in_trouble() -> None:
    async def case() -> None:
        shop = Shop()
        async with opened(shop, size=(80, 24)) as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            shop.till.submit(c.DeviceReported("printer", "fault", "paper-end"))
            await screen.settled()
            await screen.press("f9")
            assert "Anderer Drucker" in screen.text
            await screen.press("8")
            assert "Abschluss" in screen.text
            await screen.press("escape", "escape", "escape", "f9", "0")
            assert "Anderer Drucker" in screen.text
            assert "Eine 0 steht hier nicht zur Wahl." in screen.text
            await screen.press("escape", "f9", "8", "4", "2")
            await screen.settled()
            assert shop.till.view.asked_right == "x-report"

    run(case)
