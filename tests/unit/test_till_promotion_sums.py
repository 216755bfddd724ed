"""Random sales with random promotions through the real till: lines, taxes, total, receipt and uses agree to the cent."""

import random
from decimal import Decimal

import pytest

from pos.domain import commands as c
from pos.domain.cart import cart_of
from pos.domain.discounts import saved_minor
from pos.domain.money import vat_of_gross
from pos.domain.promotions import Book, Part, Promotion, PromotionLine, Selection
from pos.sale_facts import Sale
from receipts.model import Shop as Seller
from receipts.model import build
from tests.tui.fakes import (
    APPLES,
    BEER,
    BREAD,
    BUTTER,
    CHOCOLATE,
    MILK,
    NO_PRICE,
    SHIRT,
    UNKNOWN,
    WATER,
    YOGHURT,
    Shop,
    run,
)

SHELF = (MILK, YOGHURT, BUTTER, BREAD, CHOCOLATE, SHIRT, WATER, BEER)
SKUS = tuple(f"S{at}" for at in range(1, 10))
SALES = 300


def rows(chance: random.Random) -> list[Promotion]:
    return [row(chance, f"P{at}") for at in range(chance.randint(1, 8))]


def row(chance: random.Random, name: str) -> Promotion:
    percent, amount = Decimal(chance.choice(("2.5", "10", "33.33", "100"))), chance.randint(1, 400)
    kinds = (
        {"kind": "percent", "percent": percent},
        {"kind": "amount", "amount_minor": amount},
        {"kind": "fixed-price", "price_minor": amount},
        {"kind": "n-for-m", "n": 3, "m": chance.randint(0, 2)},
        {"kind": "n-for-price", "n": 2, "price_minor": amount},
        {"kind": "mix", "parts": (Part(1), Part(2, Selection(SKUS[:4]))), "percent": percent},
        {"kind": "mix", "parts": (Part(2), Part(1)), "price_minor": amount},
        {"kind": "threshold", "min_minor": 1000, "amount_minor": amount, "each": True},
        {"kind": "threshold", "min_minor": 500, "percent": percent},
    )
    selection = (
        Selection(tuple(chance.sample(SKUS, chance.randint(1, 5)))) if chance.random() < 0.7 else Selection()
    )
    return Promotion(
        id=name,
        text=f"Aktion {name}",
        selection=selection,
        priority=chance.randint(0, 2),
        combinable=chance.random() < 0.5,
        coupon=chance.choice(("", "", "", "C1", "C2")),
        per_sale=chance.choice((0, 0, 1, 3)),
        budget_uses=chance.choice((None, None, 2, 20)),
        budget_minor=chance.choice((None, None, 300, 5000)),
        **chance.choice(kinds),  # type: ignore[arg-type]
    )


def act(chance: random.Random, shop: Shop) -> None:
    """One thing that a cashier may do to the cart."""
    submit, lines = shop.till.submit, shop.till.view.lines
    match chance.randint(0, 13):
        case 0:
            submit(c.VoidLast())
        case 1:
            submit(c.VoidLine(chance.randint(1, len(lines) + 1)))
        case 2:
            submit(c.SetQuantity(Decimal(chance.randint(1, 5))))
            submit(c.RepeatLast())
        case 3:
            submit(c.SetQuantity(Decimal(chance.randint(10, 3000)) / 1000))
            shop.scan(APPLES)
        case 4:
            submit(c.Do("coupon", chance.choice(("C1", "C2", "C3"))))
        case 5:
            submit(c.Do("coupon-back"))
        case 6:
            shop.scan(chance.choice((NO_PRICE, UNKNOWN)))
            submit(c.SetPrice(chance.randint(1, 999), department=1))
        case _:
            if chance.random() < 0.4:
                submit(c.SetQuantity(Decimal(chance.randint(2, 7))))
            shop.scan(chance.choice(SHELF))


def look(shop: Shop) -> None:
    """The open cart carries its sums as if they were added up anew, and what the engine says of it from the start."""
    cart = shop.till.parts.selling.cart
    if cart is None:
        return
    again = cart_of(cart.cart_id, cart.opened_ms, cart.operator, cart.lines, cart.tenders, cart.about)
    assert again.sums == cart.sums
    promoting = shop.till.parts.pricing._promote.__self__  # type: ignore[attr-defined]
    answer = Book(shop.promotions.rows).evaluate(
        [
            PromotionLine(
                line.n, line.sku, line.department, line.quantity, line.unit, line.unit_minor, line.total_minor
            )
            for line in cart.lines
            if line.live and line.kind == "article" and line.price_source == "catalogue"
        ],
        moment=promoting._moment,
        groups=(),
        coupons={code: cart.about.coupons.count(code) for code in cart.about.coupons},
        left=promoting._left,
    )
    wanted: dict[tuple[int, str], int] = {}
    for made in answer.applications:
        for share in made.shares:
            key = share.n, made.promotion
            wanted[key] = wanted.get(key, 0) + share.minor
    carried = {
        (line.n, discount.code): discount.amount_minor for line in cart.lines for discount in line.discounts
    }
    assert carried == wanted
    assert cart.about.promotions == answer.used


def check(sale: Sale) -> None:
    live = [line for line in sale.lines if line.voided_ms is None]
    assert sum(line.pay_minor for line in live) == sale.total_minor
    assert sum(tax.gross_minor for tax in sale.taxes) == sale.total_minor
    for tax in sale.taxes:
        gross = sum(line.pay_minor for line in live if (line.tax, line.percent) == (tax.code, tax.percent))
        assert gross == tax.gross_minor
        assert tax.vat_minor == vat_of_gross(gross, tax.percent)
    assert all(0 <= line.pay_minor <= line.total_minor for line in live)
    assert not any(line.discounts for line in sale.lines if line.voided_ms is not None)
    by_promotion: dict[str, int] = {}
    for line in live:
        for discount in line.discounts:
            by_promotion[discount.code] = by_promotion.get(discount.code, 0) + discount.amount_minor
    assert by_promotion == {used.promotion: used.minor for used in sale.promotions}
    receipt = build(sale, Seller("Laden"), till="3", epoch=1, public_url="", copy=False, language="de")
    printed = sum(line.total_minor - sum(d.amount_minor for d in line.discounts) for line in receipt.lines)
    assert printed == receipt.total_minor == sum(tax.gross_minor for tax in receipt.taxes)
    assert sum(tender.amount_minor for tender in receipt.tenders) == receipt.total_minor
    assert saved_minor(live) == sum(by_promotion.values())


@pytest.mark.parametrize("seed", range(6))
def test_lines_taxes_total_and_receipt_agree_whatever_was_done(seed: int) -> None:
    async def case() -> None:
        chance = random.Random(seed)
        discounted = 0
        for _ in range(SALES // 60):
            shop = Shop(promotions=rows(chance))
            await shop.open()
            while len(shop.journal.sales) < 10:
                for _ in range(chance.randint(3, 18)):
                    act(chance, shop)
                    look(shop)
                if chance.random() < 0.2 and shop.till.view.lines:
                    await shop.till.handle(c.ParkCart())
                    shop.promotions.rows = tuple(rows(chance))
                    await shop.till.handle(c.ResumeParked())
                    look(shop)
                await shop.till.handle(c.PayCash())
                if shop.till.parts.selling.cart is not None:  # nothing was left to pay for
                    await shop.till.handle(c.VoidCart())
                    await shop.till.handle(c.VoidCart())
            for sale in shop.journal.sales:
                check(sale)
                discounted += bool(sale.promotions)
        assert discounted > SALES // 60  # it was not by chance that nothing differed

    run(case)
