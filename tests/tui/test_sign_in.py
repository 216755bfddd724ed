"""Signing in: by number or name, with a PIN that is nowhere to be seen."""

from tests.tui.fakes import MILK, PIN, Shop, opened, run


def test_a_number_and_a_pin_sign_in() -> None:
    async def case() -> None:
        async with opened(signed_in=False) as screen:
            assert "Wer arbeitet an dieser Kasse?" in screen.text
            await screen.press("1", *PIN, "enter")
            assert "Kasse 3 · Kim" in screen.text
            assert "Bereit." in screen.text

    run(case)


def test_a_name_does_too() -> None:
    async def case() -> None:
        async with opened(signed_in=False) as screen:
            await screen.type("al")
            await screen.press("enter", *PIN, "enter")
            assert "Kasse 3 · Alex" in screen.text

    run(case)


def test_arrows_and_enter_choose_as_well() -> None:
    async def case() -> None:
        async with opened(signed_in=False) as screen:
            await screen.press("enter")
            assert "Wer arbeitet" in screen.text
            await screen.press("down", "down", "enter")
            assert "Guten Tag, Alex." in screen.text

    run(case)


def test_the_pin_is_never_shown_and_never_kept() -> None:
    async def case() -> None:
        async with opened(signed_in=False) as screen:
            await screen.press("1", *"8051")
            assert "8051" not in screen.text
            assert "PIN ****_" in screen.text
            local = screen.app._controls.local
            assert "8051" not in repr(local)
            await screen.press("enter")
            assert local.pin == ""
            assert "Name oder PIN stimmt nicht." in screen.text
            assert "Guten Tag, Kim." in screen.text
            await screen.press("9", "escape")
            assert local.pin == ""
            assert "Wer arbeitet" in screen.text

    run(case)


def test_an_open_cart_waits_and_a_scan_is_refused_aloud() -> None:
    async def case() -> None:
        sounds: list[str] = []
        async with opened(sounds=sounds.append) as screen:
            await screen.scan(MILK, MILK)
            await screen.press("f9", "6")
            assert "Ein offener Verkauf wartet: 2 Teile." in screen.text
            await screen.scan(MILK)
            assert "Nicht verkauft: bitte zuerst anmelden." in screen.text
            assert sounds[-1] == "blocked"
            await screen.press("2", *PIN, "enter")
            assert "Bio-Vollmilch" in screen.text
            assert "Kasse 3 · Alex" in screen.text

    run(case)


def test_nothing_typed_before_locking_is_taken_along() -> None:
    async def case() -> None:
        async with opened(Shop()) as screen:
            await screen.type("12")
            await screen.press("f9", "6")
            assert screen.row("> _")

    run(case)
