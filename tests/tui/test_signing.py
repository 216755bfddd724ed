"""Badges, changing places, PINs of one's own, a till left alone, and a cart that goes with its operator."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from pos.cart_facts import CartParked, CartResumed
from pos.domain import commands as c
from pos.domain.rights import ALL, Role
from pos.domain.scans import ScanKind, own_code
from pos.entry import load_keymap
from pos.plain import LineMode
from pos.ports import Operator
from pos.storage_ports import JournalUnavailableError
from pos.till_facts import DrawerOpenedFact
from tests.tui.fakes import BUTTER, MILK, PIN, Screen, Shop, opened, run

STRICT = (Role("cashier"), Role("supervisor", (ALL,)))
KIM, ALEX = (own_code(ScanKind.BADGE, f"BADGE{n}") for n in (1, 2))
STRANGER = own_code(ScanKind.BADGE, "NOBODY")
MINUTE = 60_000


def play(test: Callable[[Shop], Awaitable[None]], *, signed_in: bool = True, **options: Any) -> None:
    async def case() -> None:
        shop = Shop(**options)
        await shop.open(signed_in=signed_in)
        await test(shop)

    asyncio.run(case())


async def scan(shop: Shop, code: str) -> None:
    await shop.till.handle(c.Scan(code))


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def who(shop: Shop) -> str:
    operator = shop.till.view.operator
    return operator.name if operator is not None else ""


def test_a_badge_signs_in_and_another_one_changes_places_while_the_cart_waits() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, KIM)
        assert who(shop) == "Kim"
        await scan(shop, MILK)
        await scan(shop, f"]Q0{ALEX}")
        assert (who(shop), len(shop.till.view.lines)) == ("Alex", 1)
        await scan(shop, BUTTER)
        await shop.till.handle(c.PayCash())
        (sale,) = shop.journal.sales
        assert (sale.operator, [line.by for line in sale.lines]) == ("2", ["1", ""])
        await scan(shop, ALEX)
        assert (who(shop), said(shop)) == ("Alex", "badge-same")

    play(case, signed_in=False)


@pytest.mark.parametrize(
    ("code", "reason"), [(STRANGER, "badge-unknown"), (KIM[:-1] + "~", "scan-signed-out")]
)
def test_a_badge_nobody_has_or_a_broken_one_signs_nobody_in(code: str, reason: str) -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, code)
        assert (who(shop), said(shop)) == ("", reason)

    play(case, signed_in=False)


def test_a_badge_approves_in_place_but_never_for_oneself() -> None:
    async def case(shop: Shop) -> None:
        await shop.till.handle(c.OpenDrawer())
        assert shop.till.view.state == "approval"
        for code, reason in (
            (KIM, "approve-oneself"),
            (STRANGER, "badge-unknown"),
            (MILK, "approval-needed"),
        ):
            await scan(shop, code)
            assert (said(shop), shop.till.view.state, shop.drawer.opened) == (reason, "approval", 0)
        await scan(shop, ALEX)
        assert (shop.drawer.opened, who(shop)) == (1, "Kim")
        (fact,) = [fact for fact in shop.journal.facts if isinstance(fact, DrawerOpenedFact)]
        assert [approval.by for approval in fact.approvals] == ["2"]

    play(case, roles=STRICT)


def test_the_second_press_of_a_void_is_approved_by_badge_too() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, MILK)
        for _ in range(2):
            await shop.till.handle(c.VoidCart())
        await scan(shop, ALEX)
        assert (shop.till.view.state, shop.till.view.lines) == ("ready", ())

    play(case, roles=STRICT)


def test_where_a_pin_belongs_to_the_badge_it_only_names_the_person() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, ALEX)
        assert (who(shop), said(shop), shop.till.view.state) == ("", "badge-pin", "signed-out")
        await shop.till.handle(c.SignIn("Alex", PIN))
        await scan(shop, KIM)
        assert (who(shop), said(shop)) == ("", "badge-pin")
        await shop.till.handle(c.SignIn("Kim", PIN))
        await shop.till.handle(c.OpenDrawer())
        await scan(shop, ALEX)
        assert (shop.till.view.state, shop.drawer.opened) == ("approval", 0)

    play(case, signed_in=False, roles=STRICT, badge="with-pin")


def test_where_badges_are_off_they_do_nothing() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, ALEX)
        assert who(shop) == "Kim"

    play(case, badge="off")


def test_changing_places_asks_who_and_the_pin_and_keeps_the_cart() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, MILK)
        shop.people.known.append(Operator("3", "Robin"))
        await shop.till.handle(c.Do("switch"))
        question = shop.till.view.question
        assert question is not None
        assert [option.text for option in question.options] == ["Alex", "Robin"]
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Answer("0815"))
        assert (said(shop), who(shop), shop.till.view.state) == ("sign-in-wrong", "Kim", "question")
        await shop.till.handle(c.Answer(PIN))
        assert (who(shop), len(shop.till.view.lines)) == ("Alex", 1)
        await shop.till.handle(c.Do("switch", "1"))
        await shop.till.handle(c.Answer(PIN))
        assert who(shop) == "Kim"

    play(case)


def test_who_proved_it_not_long_ago_takes_over_by_one_touch() -> None:
    async def case(shop: Shop) -> None:
        await shop.till.handle(c.SignIn("Alex", PIN))
        shop.clock.ms += 9 * MINUTE
        await shop.till.handle(c.Do("switch", "1"))
        assert who(shop) == "Kim"
        shop.clock.ms += 2 * MINUTE
        await shop.till.handle(c.Do("switch", "2"))
        assert (who(shop), shop.till.view.state) == ("Kim", "question")

    play(case, switch_minutes=10)


@pytest.mark.parametrize(("leaves", "touched"), [(c.Lock(), "Kim"), (c.Tick(), "")])
def test_from_the_list_it_is_one_touch_unless_the_till_was_left_alone(
    leaves: c.Command, touched: str
) -> None:
    async def case() -> None:
        shop = Shop(switch_minutes=30, idle_lock_minutes=5)
        async with opened(shop) as screen:
            shop.clock.ms += 5 * MINUTE
            await shop.till.handle(leaves)
            await screen.pause()
            await screen.press("1")
            assert who(shop) == touched
            await shop.till.handle(c.SignIn("Alex", ""))
            assert who(shop) == touched, "who never proved it here needs the PIN"

    run(case)


def test_a_pin_that_somebody_else_chose_is_changed_before_anything_is_sold() -> None:
    async def case(shop: Shop) -> None:
        shop.people.due.add("1")
        await shop.till.handle(c.SignIn("Kim", PIN))
        await scan(shop, MILK)
        assert (shop.till.view.lines, shop.till.view.state) == ((), "question")
        for typed, reason in (
            ("123", "pin-length"),
            ("1234", "pin-trivial"),
            ("0001", "pin-trivial"),
            (PIN, "pin-same"),
        ):
            await shop.till.handle(c.Answer(typed))
            assert said(shop) == reason
        await shop.till.handle(c.Answer("8051"))
        await shop.till.handle(c.Answer("8052"))
        assert said(shop) == "pin-differs"
        for _ in range(2):
            await shop.till.handle(c.Answer("8051"))
        assert (said(shop), who(shop), shop.people.pins["1"]) == ("pin-changed", "Kim", "8051")
        await scan(shop, MILK)
        assert len(shop.till.view.lines) == 1

    play(case, signed_in=False)


@pytest.mark.parametrize("leaves", [c.Cancel(), c.Lock()])
def test_who_does_not_choose_a_pin_is_not_signed_in(leaves: c.Command) -> None:
    async def case(shop: Shop) -> None:
        shop.people.due.add("1")
        await shop.till.handle(c.SignIn("Kim", PIN))
        await shop.till.handle(leaves)
        assert (who(shop), shop.till.view.state) == ("", "signed-out")

    play(case, signed_in=False)


def test_ones_own_pin_is_changed_with_the_old_one() -> None:
    async def case(shop: Shop) -> None:
        for old, reason in (("0815", "sign-in-wrong"), (PIN, "pin-changed")):
            await shop.till.handle(c.Do("change-pin"))
            for typed in (old, "8051", "8051"):
                await shop.till.handle(c.Answer(typed))
            assert (said(shop), who(shop)) == (reason, "Kim")

    play(case)


def test_a_till_left_alone_locks_itself_and_the_cart_waits() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, MILK)
        shop.clock.ms += 5 * MINUTE - 1
        shop.till.submit(c.Tick())
        assert who(shop) == "Kim"
        shop.clock.ms += 1
        shop.till.submit(c.Tick())
        assert (who(shop), len(shop.till.view.lines), said(shop)) == ("", 1, "locked-idle")

    play(case, idle_lock_minutes=5)


def test_a_till_without_that_setting_never_does() -> None:
    async def case(shop: Shop) -> None:
        shop.clock.ms += 500 * MINUTE
        shop.till.submit(c.Tick())
        assert who(shop) == "Kim"

    play(case)


def test_it_never_locks_while_money_is_asked_for_or_a_payment_is_written() -> None:
    async def case(shop: Shop) -> None:
        await shop.till.handle(c.Do("change-pin"))
        shop.clock.ms += 6 * MINUTE
        shop.till.submit(c.Tick())
        assert (who(shop), shop.till.view.state) == ("Kim", "question")
        await shop.till.handle(c.Cancel())
        await scan(shop, MILK)
        shop.journal.gate = asyncio.Event()
        paid = asyncio.ensure_future(shop.till.handle(c.PayCash()))
        await asyncio.sleep(0)
        shop.clock.ms += 6 * MINUTE
        shop.till.submit(c.Tick())
        shop.journal.gate.set()
        await paid
        assert len(shop.journal.sales) == 1

    play(case, idle_lock_minutes=5)


def test_a_person_who_is_removed_is_signed_out_and_a_changed_role_holds_at_once() -> None:
    async def case(shop: Shop) -> None:
        shop.people.known[0] = Operator("1", "Kim", role="supervisor")
        shop.till.submit(c.Tick())
        await shop.till.handle(c.OpenDrawer())
        assert shop.drawer.opened == 1
        del shop.people.known[0]
        shop.till.submit(c.Tick())
        assert (who(shop), said(shop)) == ("", "operator-gone")

    play(case, roles=STRICT)


def test_a_cart_that_follows_its_operator_is_parked_and_taken_up_at_the_next_sign_in() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, MILK)
        await shop.till.handle(c.Lock())
        assert (who(shop), shop.till.view.lines) == ("", ())
        (parked,) = [fact for fact in shop.journal.facts if isinstance(fact, CartParked)]
        assert (parked.note, parked.follows) == ("Kim", "1")
        await shop.till.handle(c.SignIn("Alex", PIN))
        assert (shop.till.view.lines, len(shop.till.view.parked)) == ((), 1)
        await scan(shop, BUTTER)
        await scan(shop, KIM)
        assert [line.text for line in shop.till.view.lines] == ["Bio-Vollmilch 3,8 % 1 l"]
        await scan(shop, ALEX)
        assert [line.text for line in shop.till.view.lines] == ["Butter 250 g"]
        (waits,) = shop.till.view.parked
        assert waits.note == "Kim"

    play(case, cart_follows_operator=True)


def test_a_cart_that_cannot_be_parked_waits_here_and_its_operator_leaves_all_the_same() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, MILK)
        shop.journal.broken = JournalUnavailableError("disk-full", "")
        await shop.till.handle(c.Lock())
        assert (who(shop), len(shop.till.view.lines), said(shop)) == ("", 1, "disk-full")

    play(case, cart_follows_operator=True)


def test_a_cut_between_parking_and_taking_up_loses_and_doubles_nothing() -> None:
    async def case(shop: Shop) -> None:
        await scan(shop, MILK)
        cart = shop.state.cart
        await shop.till.handle(c.Lock())
        again = Shop(journal=shop.journal, cart_follows_operator=True)
        await again.till.start(cart, (), None)
        assert again.till.view.lines == ()
        await again.till.handle(c.SignIn("Kim", PIN))
        assert len(again.till.view.lines) == 1
        once_more = Shop(journal=shop.journal, cart_follows_operator=True)
        await once_more.till.start(None, (), None)
        assert len(once_more.till.view.lines) == 1
        assert sum(isinstance(fact, CartResumed) for fact in shop.journal.facts) == 1

    play(case, cart_follows_operator=True)


def test_on_the_screen_a_touch_on_the_name_asks_who_works_here_now() -> None:
    async def case() -> None:
        async with opened() as screen:
            await on(screen)

    async def on(screen: Screen) -> None:
        await screen.pilot.click(offset=(5, 0))
        await screen.pause()
        assert screen.row("Alex: bitte die PIN tippen"), "there is nobody else to choose"
        await screen.press(*PIN)
        assert PIN not in screen.text
        screen.shop.clock.ms += 1_000
        await screen.press("enter")
        assert "Alex" in screen.text.splitlines()[0]

    run(case)


def test_on_the_screen_a_badge_asks_for_its_pin_at_once() -> None:
    async def case() -> None:
        shop = Shop(badge="with-pin")
        async with opened(shop, signed_in=False) as screen:
            await shop.till.handle(c.Scan(ALEX))
            await screen.pause()
            assert screen.row("Guten Tag, Alex")
            await screen.press(*PIN, "enter")
            assert who(shop) == "Alex"

    run(case)


def test_a_role_of_the_shops_own_is_shown_by_its_name() -> None:
    async def case() -> None:
        shop = Shop()
        shop.people.known[0] = replace(shop.people.known[0], role="Backstube")
        async with opened(shop, signed_in=False) as screen:
            assert "Backstube" in screen.row("Kim")

    run(case)


def test_line_mode_never_shows_a_pin_that_is_asked_for() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        lines = iter([b"key change-pin\n", b"4711\n", b"\n", b"8051\n", b""])
        out = io.StringIO()

        async def read() -> bytes:
            return next(lines)

        mode = LineMode(shop.till, load_keymap(), read, out=out, as_json=False)
        await mode.run()
        assert "> ****" in out.getvalue()
        assert PIN not in out.getvalue()
        assert "8051" not in out.getvalue()

    run(case)
