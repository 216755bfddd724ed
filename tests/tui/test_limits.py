"""How far a right goes alone: up to its limit, and beyond it only with somebody whose role goes as far."""

from decimal import Decimal

import msgspec
import pytest

from pos.cash_facts import CashMoved
from pos.domain import commands as c
from pos.domain.rights import ALL, Approval, Limit, Role, Roles, Size
from pos.ports import Operator
from pos.roles import role_faults, supervisors
from pos.sale_facts import Sale
from pos.till.desk import Desk
from tests.tui.fakes import MILK, PIN, SHIRT, FakeJournal, Shop, run

ROLES = (
    Role(
        "cashier",
        ("discount", "price-override", "pay-out", "refund-cash"),
        {
            "discount": Limit(percent=10),
            "price-override": Limit(amount_minor=200, percent=20),
            "pay-out": Limit(amount_minor=1_000),
        },
    ),
    Role("lead", ("discount", "pay-out"), {"discount": Limit(percent=30), "pay-out": Limit(5_000)}),
    Role("supervisor", (ALL,)),
)


async def limited() -> Shop:
    shop = Shop(roles=ROLES)
    shop.people.known.append(Operator("3", "Toni", role="lead"))
    shop.people.pins["3"] = PIN
    await shop.open()
    return shop


def code(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


async def discount(shop: Shop, typed: str) -> None:
    await shop.till.handle(c.Do("discount", typed))
    await shop.till.handle(c.Choose(1))


def test_a_limit_holds_for_the_amount_and_the_percentage_that_it_names() -> None:
    both = Limit(amount_minor=500, percent=10)
    assert both.holds(Size(500, Decimal(10)))
    assert both.holds(Size(-500, Decimal(10)))
    assert not both.holds(Size(501, Decimal(1)))
    assert not both.holds(Size(1, Decimal("10.1")))
    assert Limit(percent=10).holds(Size(10**9))
    roles = Roles(ROLES)
    assert not roles.may("lead", "price-override")


def test_within_the_limit_alone_and_beyond_it_with_one_whose_role_goes_as_far() -> None:
    async def case() -> None:
        shop = await limited()
        shop.scan(SHIRT)
        await discount(shop, "10%")
        assert (shop.till.view.state, code(shop)) == ("selling", "discount-given")
        await discount(shop, "40%")
        view = shop.till.view
        assert (view.state, [person.name for person in view.approvers]) == ("approval", ["Alex"])
        await shop.till.handle(c.Approve("Toni", PIN))
        assert code(shop) == "approve-no-right"
        await shop.till.handle(c.Approve("Alex", PIN))
        assert code(shop) == "discount-given"
        await shop.till.handle(c.PayCash())
        sale = shop.journal.facts[-1]
        assert isinstance(sale, Sale)
        assert [(one.right, one.by) for one in sale.approvals] == [("discount", "2")]

    run(case)


def test_a_price_that_moves_further_than_the_limit_waits_for_another_person() -> None:
    async def case() -> None:
        shop = await limited()
        shop.scan(MILK)
        price = shop.till.view.lines[0].unit_minor
        for new, state in ((price - price // 10, "selling"), (price * 2, "approval")):
            await shop.till.handle(c.Do("override", f"{new}"))
            assert shop.till.view.state == state

    run(case)


def test_cash_that_is_paid_out_is_limited_by_its_amount_also_for_who_agreed_before() -> None:
    async def case() -> None:
        journal = FakeJournal()
        journal.head = msgspec.structs.replace(journal.head, business_day="", next_number=1)
        shop = Shop(roles=ROLES, journal=journal)
        await shop.open()
        shop.scan(SHIRT, SHIRT)
        await shop.till.handle(c.PayCash())
        await shop.till.handle(c.Do("pay-out", "500"))
        await shop.till.handle(c.Choose(1))
        within = shop.journal.facts[-1]
        assert isinstance(within, CashMoved)
        assert (within.amount_minor, within.approvals) == (-500, ())
        await shop.till.handle(c.Do("pay-out", "2000"))
        await shop.till.handle(c.Choose(1))
        assert shop.till.view.state == "approval"
        await shop.till.handle(c.Approve("Alex", PIN))
        last = shop.journal.facts[-1]
        assert isinstance(last, CashMoved)
        assert (last.amount_minor, [one.by for one in last.approvals]) == (-2_000, ["2"])

    run(case)


def test_who_agreed_covers_only_what_their_role_may() -> None:
    async def case() -> None:
        shop = await limited()
        desk: Desk = shop.till._desk
        by_lead = (Approval("pay-out", "3", 1),)
        assert desk.covered(by_lead, "pay-out", Size(5_000))
        assert not desk.covered(by_lead, "pay-out", Size(5_001))
        assert not desk.covered((), "pay-out", Size(1))

    run(case)


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (Role("c", ("no-sale",), {"no-sale": Limit(percent=5)}), "cannot be limited by a percentage"),
        (Role("c", ("pay-out",), {"pay-out": Limit(percent=5)}), "cannot be limited by a percentage"),
        (Role("c", ("pay-out",), {"pay-out": Limit()}), "is empty"),
        (Role("c", (), {"pay-out": Limit(5)}), "does not hold it"),
        (Role("c", (), {"payout": Limit(5)}), "there is no right 'payout'"),
    ],
)
def test_a_limit_that_means_nothing_is_told_at_the_start(role: Role, says: str) -> None:
    rights = frozenset({"pay-out", "no-sale"})
    (fault,) = role_faults((role, Role("s", (ALL,))), rights)
    assert says in fault
    assert supervisors((Role("s", (ALL,), {"pay-out": Limit(1)}),)) == frozenset()
