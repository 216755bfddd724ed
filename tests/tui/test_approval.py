"""What one may not do alone another approves in place: both names are kept, and Esc leaves it."""

import asyncio
from importlib import import_module

import pytest

from pos.cart_facts import CartAbandoned
from pos.domain import commands as c
from pos.domain.rights import ALL, Role, declared
from pos.resources import shipped_roles, texts
from pos.till_facts import DrawerOpenedFact
from tests.tui.fakes import BUTTER, MILK, PIN, Shop, opened, run

STRICT = (Role("cashier"), Role("supervisor", (ALL,)))


def test_a_supervisors_pin_does_what_was_asked_and_both_are_in_the_fact() -> None:
    async def case() -> None:
        shop = Shop(roles=STRICT)
        await shop.open()
        await shop.till.handle(c.OpenDrawer())
        view = shop.till.view
        assert (view.state, view.asked_right, [person.name for person in view.approvers]) == (
            "approval",
            "no-sale",
            ["Alex"],
        )
        assert shop.drawer.opened == 0
        shop.clock.ms += 1
        await shop.till.handle(c.Approve("Alex", PIN))
        assert (shop.drawer.opened, shop.till.view.state) == (1, "ready")
        (fact,) = [fact for fact in shop.journal.facts if isinstance(fact, DrawerOpenedFact)]
        (approval,) = fact.approvals
        assert (fact.operator, approval.by, approval.right) == ("1", "2", "no-sale")
        assert shop.till.view.operator is not None
        assert shop.till.view.operator.name == "Kim"
        await shop.till.handle(c.OpenDrawer())
        assert shop.till.view.state == "approval", "an approval is good once"

    asyncio.run(case())


def test_nobody_approves_for_oneself_or_without_the_right_or_with_a_wrong_pin() -> None:
    async def case() -> None:
        shop = Shop(roles=STRICT)
        await shop.open()
        await shop.till.handle(c.OpenDrawer())
        for name, pin, said in (("Kim", PIN, "approve-oneself"), ("Alex", "0000", "sign-in-wrong")):
            await shop.till.handle(c.Approve(name, pin))
            message = shop.till.view.message
            assert message is not None
            assert (message.code, shop.till.view.state) == (said, "approval")
        assert shop.drawer.opened == 0
        shop = Shop(roles=(Role("cashier"), Role("supervisor", ("void-cart",))))
        await shop.open()
        await shop.till.handle(c.OpenDrawer())
        assert shop.till.view.approvers == ()
        await shop.till.handle(c.Approve("Alex", PIN))
        assert shop.till.view.message is not None
        assert shop.till.view.message.code == "approve-no-right"
        assert shop.drawer.opened == 0

    asyncio.run(case())


@pytest.mark.parametrize("leaves", [c.Cancel(), c.Lock()])
def test_meanwhile_nothing_is_sold_and_leaving_drops_what_was_asked(leaves: c.Command) -> None:
    async def case() -> None:
        shop = Shop(roles=STRICT)
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.OpenDrawer())
        shop.scan(BUTTER)
        await shop.till.handle(c.PayCash())
        assert (shop.till.view.state, len(shop.till.view.lines), shop.journal.sales) == ("approval", 1, [])
        await shop.till.handle(leaves)
        assert shop.till.view.state in {"selling", "signed-out"}
        await shop.till.handle(c.Approve("Alex", PIN))
        assert shop.drawer.opened == 0
        assert shop.till.view.message is not None
        assert shop.till.view.message.code == "nothing-to-approve"

    asyncio.run(case())


def test_the_second_press_of_a_void_is_what_is_approved() -> None:
    async def case() -> None:
        shop = Shop(roles=STRICT)
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.VoidCart())
        assert shop.till.view.state == "selling"
        await shop.till.handle(c.VoidCart())
        assert shop.till.view.state == "approval"
        await shop.till.handle(c.Approve("Alex", PIN))
        (fact,) = [fact for fact in shop.journal.facts if isinstance(fact, CartAbandoned)]
        assert [approval.right for approval in fact.approvals] == ["void-cart"]
        assert shop.till.view.lines == ()

    asyncio.run(case())


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_on_the_screen_it_is_a_number_and_a_pin(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(Shop(roles=STRICT), size=size) as screen:
            await screen.scan(MILK)
            await screen.press("f9")
            await screen.press("1")
            assert screen.row("Wartet auf Freigabe: Schublade ohne Verkauf")
            assert screen.row("Alex")
            assert not screen.row("1  Kim")
            await screen.press("1", "enter")
            for digit in PIN:
                await screen.press(digit)
            assert PIN not in screen.text
            await screen.press("enter")
            assert screen.shop.drawer.opened == 1
            assert screen.row("Bio-Vollmilch")
            await screen.press("f9")
            await screen.press("1")
            await screen.press("escape")
            assert screen.row("Bio-Vollmilch")
            assert screen.shop.drawer.opened == 1

    run(case)


def test_roles_name_only_rights_that_exist_and_each_right_has_its_words() -> None:
    for module in ("checkout", "surroundings"):
        import_module(f"pos.till.{module}")
    named = {right for role in shipped_roles() for right in role.rights} - {ALL}
    assert named <= declared()
    for language in ("de", "en"):
        words = {key.removeprefix("right.") for key in texts(language).keys() if key.startswith("right.")}  # noqa: SIM118
        assert words == declared()
        assert {f"ui.role-{role.name}" for role in shipped_roles()} <= texts(language).keys()


@pytest.mark.parametrize("language", ["de", "en"])
def test_on_the_smallest_screen_the_way_out_of_an_approval_is_said_whole(language: str) -> None:
    async def case() -> None:
        async with opened(Shop(roles=STRICT, language=language), size=(64, 18)) as screen:
            await screen.shop.till.handle(c.OpenDrawer())
            await screen.settled()
            hint = texts(language)("ui.approval-hint")
            assert hint in " ".join(screen.text.split())
            assert "Alex" in screen.text

    run(case)
