"""How many scans and keys a task takes on the real screen: what a counter is measured by."""

import dataclasses

import pytest

from pos.domain.scans import ScanKind, own_code
from pos.till.receipts.receipt_book import receipt_code
from pos.tui.controls import PARK_GUARD_MS
from tests.tui.fakes import BUTTER, MILK, PIN, SHIRT, Screen, Shop, opened, run
from tests.tui.test_returning import POLICY
from tests.tui.test_touch import touch

SIZES = pytest.mark.parametrize("size", [(80, 24), (64, 18)])


@dataclasses.dataclass
class Hand:
    """Someone at the screen; counts what they do. Entering a number is one key for each digit."""

    screen: Screen
    keys: int = 0
    scans: int = 0

    async def press(self, *keys: str) -> None:
        self.keys += len(keys)
        self.screen.shop.clock.ms += (
            PARK_GUARD_MS  # as a person: not faster than the guard against a key held down
        )
        await self.screen.press(*keys)

    async def scan(self, *codes: str) -> None:
        self.scans += len(codes)
        await self.screen.scan(*codes)

    def did(self) -> tuple[int, int]:
        """(scans, keys) since it was last asked."""
        done, self.scans, self.keys = (self.scans, self.keys), 0, 0
        return done


async def sold(hand: Hand, *codes: str) -> None:
    await hand.scan(*codes)
    hand.did()


@SIZES
def test_exact_cash_is_one_key(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(size=size) as screen:
            hand = Hand(screen)
            await sold(hand, MILK)
            await hand.press("f12")
            assert screen.shop.journal.sales[-1].total_minor == 139
            assert hand.did() == (0, 1)

    run(case)


@SIZES
def test_given_money_is_its_digits_and_one_key(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(size=size) as screen:
            hand = Hand(screen)
            await sold(hand, MILK)
            await hand.press("5", "0", "0", "f12")
            sale = screen.shop.journal.sales[-1]
            assert (sale.tenders[0].given_minor, sale.tenders[0].change_minor) == (500, 361)
            assert hand.did() == (0, 4)

    run(case)


def test_voiding_the_last_line_is_one_key() -> None:
    async def case() -> None:
        async with opened() as screen:
            hand = Hand(screen)
            await sold(hand, MILK, BUTTER)
            await hand.press("delete")
            assert screen.shop.till.view.total_minor == 139
            assert hand.did() == (0, 1)

    run(case)


def test_three_of_an_article_are_two_keys_and_its_scan() -> None:
    async def case() -> None:
        async with opened() as screen:
            hand = Hand(screen)
            await hand.press("3", "kp_multiply")
            await hand.scan(MILK)
            assert screen.shop.till.view.total_minor == 3 * 139
            assert hand.did() == (1, 2)

    run(case)


@SIZES
def test_a_return_is_two_scans_and_two_keys(size: tuple[int, int]) -> None:
    async def case() -> None:
        shop = Shop(returns=POLICY)
        async with opened(shop, size=size) as screen:
            hand = Hand(screen)
            await sold(hand, MILK, BUTTER)
            await hand.press("f12")
            sale = shop.journal.sales[-1]
            hand.did()
            await hand.scan(own_code(ScanKind.RECEIPT, receipt_code("3", 1, sale.number)), BUTTER)
            await hand.press("1", "f12")
            back = shop.journal.sales[-1]
            assert back.total_minor == -249
            assert hand.did() == (2, 2)

    run(case)


def test_parking_is_one_key_and_bringing_back_one_and_a_choice() -> None:
    async def case() -> None:
        async with opened() as screen:
            hand = Hand(screen)
            await sold(hand, MILK)
            await hand.press("f6")
            assert hand.did() == (0, 1)
            await sold(hand, SHIRT)
            await hand.press("f6")
            hand.did()
            await hand.press("f6", "2")
            assert screen.shop.till.view.total_minor > 0
            assert hand.did() == (0, 2)

    run(case)


def test_another_operator_is_one_touch_one_badge_or_a_pin() -> None:
    async def case() -> None:
        shop = Shop(switch_minutes=10)
        async with opened(shop) as screen:
            hand = Hand(screen)
            await hand.scan(own_code(ScanKind.BADGE, "BADGE2"))
            assert "Alex" in screen.text.splitlines()[0]
            assert hand.did() == (1, 0)
            await touch(screen, "key:switch")
            assert "Kim" in screen.text.splitlines()[0]
            shop.clock.ms += 11 * 60_000
            await touch(screen, "key:switch")
            await hand.press(*PIN, "enter")
            assert "Alex" in screen.text.splitlines()[0]
            assert hand.did() == (0, len(PIN) + 1)

    run(case)
