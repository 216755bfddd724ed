"""A whole day, in line mode and on the screen: no situation ends without a next key."""

from tests.demo.day import SITUATIONS, Situation, day_shop
from tests.demo.fronts import Front, LineFront, ScreenFront
from tests.tui.fakes import opened, run


async def play(front: Front) -> None:
    for situation in SITUATIONS:
        for step in situation.steps:
            await front.do(step)
        view = front.shop.till.view
        said = view.message.code if view.message is not None else ""
        assert situation.then(view, front.shop), (situation.name, view.state, view.total_minor, said)
        await goes_on(front, situation)


async def goes_on(front: Front, situation: Situation) -> None:
    """Whatever stands there, somebody who only knows Esc gets on: signs in, and may sell."""
    till = front.shop.till
    view = till.view
    for _ in range(3):
        if view.state not in {"question", "approval", "search", "department"}:
            break
        await front.do("key escape")
        view = till.view
    assert view.state in {"ready", "selling", "paid", "signed-out"}, (situation.name, view.state)


def test_a_day_in_line_mode() -> None:
    async def case() -> None:
        shop = day_shop()
        await shop.open(signed_in=False)
        front = LineFront(shop)
        await play(front)
        assert "internal-error" not in front.said

    run(case)


def test_a_day_on_the_screen() -> None:
    async def case() -> None:
        async with opened(day_shop(), size=(64, 18), signed_in=False) as screen:
            await play(ScreenFront(screen))

    run(case)


def test_the_situations_are_many_and_have_names_of_their_own() -> None:
    names = [situation.name for situation in SITUATIONS]
    assert len(set(names)) == len(names) >= 19
