"""Articles and prices for channels: found by code and words, and priced as a till prices them."""

import asyncio
import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from pos.domain import commands as c
from pos.domain.article import Article, Deposit
from pos.domain.cart import tax_totals
from pos.domain.promotions import Part, Promotion, Selection
from sync.hub.articles import put_articles, read_article
from sync.hub.database import transact
from sync.hub.promotions import put_promotions, read_promotion
from sync.hub.shop.catalogue.core import PriceAsk, price
from sync.hub.shop.kit.refusal import RefusedError
from tests.contract.hub_kit import NOW_MS
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel, do
from tests.tui import fakes

_MEDIA = [{"url": "https://shop.example/milk.jpg", "text": "Milch"}]

ROWS = (
    Promotion("3for2", "3 für 2", "n-for-m", n=3, m=2, selection=Selection(skus=("S1", "S2"))),
    Promotion("ten", "10 % auf Getränke", "percent", percent=Decimal(10), selection=Selection(skus=("S7", "S9"))),
    Promotion("menu", "Frühstück", "mix", price_minor=450, priority=5,
              parts=(Part(1, Selection(skus=("S3",))), Part(1, Selection(skus=("S4",))))),
    Promotion("whole", "5 ab 30 Euro", "threshold", min_minor=3000, amount_minor=500, combinable=True),
    Promotion("club", "Klub", "percent", percent=Decimal("7.5"), groups=("club",), priority=-1),
    Promotion("code", "Gutschein Tee", "amount", amount_minor=50, coupon="TEE", per_coupon=2,
              selection=Selection(skus=("T1", "T2", "T3"))),
    Promotion("late", "Abends", "percent", percent=Decimal(50), time_from=dt.time(20), time_to=dt.time(2)),
)  # fmt: skip


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def bring(rig: Rig, *records: dict[str, object]) -> None:
    read = [read_article(msgspec.json.encode(record)) for record in records]
    transact(rig.engine, put_articles, read, "00000001", NOW_MS)


def bring_shelf(rig: Rig, shelf: list[Article], rows: tuple[Promotion, ...] = ()) -> None:
    bring(rig, *(msgspec.to_builtins(article) for article in shelf))
    promotions = [read_promotion(msgspec.json.encode(row)) for row in rows]
    transact(rig.engine, put_promotions, promotions, "00000002", NOW_MS)


def record(sku: str, text: str, price_minor: int | None = 100, **more: object) -> dict[str, object]:
    return {"sku": sku, "text": text, "tax_code": "B", "price_minor": price_minor, **more}


def test_the_hub_prices_as_the_till_does(rig: Rig) -> None:
    """The same random baskets, scanned at a till and priced by the hub: each line, discount, tax and total is the same."""
    chance = random.Random(6)
    shelf = [article for article in fakes.articles() if article.price_minor is not None]
    bring_shelf(rig, shelf, ROWS)

    async def go() -> None:
        shop = fakes.Shop(promotions=ROWS)
        await shop.open()
        for _ in range(60):
            shop.clock.time = dt.datetime(
                2026, 11, 21, chance.choice((9, 14, 21)), 7, tzinfo=shop.clock.time.tzinfo
            )
            coupons = ("TEE",) * chance.choice((0, 0, 1, 2))
            group = chance.choice(("", "", "club"))
            shop.till.parts.selling.remember(coupons=coupons, groups=tuple(filter(None, (group,))))
            wanted = []
            for article in chance.choices(shelf[:14], k=chance.randint(1, 15)):
                quantity = (
                    Decimal(chance.randint(1, 4))
                    if article.unit == "pc"
                    else Decimal(chance.randint(50, 3000)) / 1000
                )
                wanted.append((chance.choice((article.sku, article.gtin or article.sku)), quantity))
                shop.till.submit(c.SetQuantity(quantity))
                shop.scan(article.gtin or "")
            cart = shop.till.parts.selling.the_cart()
            at_ms = shop.clock.wall_ms()
            found = do(rig, price, PriceAsk("demo", wanted, coupons, group, at_ms))
            assert [
                (
                    line.kind,
                    line.sku,
                    line.quantity,
                    line.unit_minor,
                    line.total_minor,
                    line.pay_minor,
                    line.tax_percent,
                )
                for line in cart.lines
            ] == [
                (
                    line.kind,
                    line.sku,
                    line.quantity,
                    line.unit_minor,
                    line.total_minor,
                    line.pay_minor,
                    line.tax_percent,
                )
                for line in found.lines
            ]
            assert [[(d.code, d.text, d.amount_minor) for d in line.discounts] for line in cart.lines] == [
                [(taken.promotion, taken.text, taken.amount_minor) for taken in line.taken]
                for line in found.lines
            ]
            assert cart.sums.total_minor == found.total_minor
            assert [(t.code, t.gross_minor, t.net_minor, t.vat_minor) for t in tax_totals(cart)] == [
                (t.code, t.gross_minor, t.net_minor, t.vat_minor) for t in found.taxes
            ]
            assert [(u.promotion, u.uses, u.minor) for u in cart.about.promotions] == [
                (u.promotion, u.uses, u.amount_minor) for u in found.promotions
            ]
            shop.till.parts.selling.end_cart()

    asyncio.run(go())


def test_a_price_holds_in_its_days_and_an_offer_before_a_price(rig: Rig) -> None:
    prices = [
        {"price_minor": 300, "valid_from": "2026-01-01"},
        {"price_minor": 250, "valid_from": "2026-11-16", "valid_to": "2026-11-22"},
        {"price_minor": 240, "valid_from": "2026-11-16", "valid_to": "2026-11-20"},
    ]
    bring(rig, record("A", "Tee", None, prices=prices))
    days = {"2026-11-15": 300, "2026-11-17": 240, "2026-11-21": 250, "2026-11-23": 300, "2025-12-31": 0}
    for day, minor in days.items():
        noon = dt.datetime.fromisoformat(f"{day}T12:00:00+01:00")
        ask = PriceAsk("demo", [("A", Decimal(1))], at_ms=int(noon.timestamp() * 1000))
        found = do(rig, price, ask)
        assert found.total_minor == minor, day
        assert found.lines[0].asks == (() if minor else ("price",))


def test_a_deposit_with_a_record_of_its_own_is_sold_as_that_says(rig: Rig) -> None:
    deposit = msgspec.to_builtins(Deposit("P", "Pfand", 25, "A"))
    bring(
        rig,
        record("A", "Wasser", deposit=deposit),
        record("B", "Limo", deposit={**deposit, "price_minor": 15}),
    )
    two = PriceAsk("demo", [("A", Decimal(2))])
    assert [line.unit_minor for line in do(rig, price, two).lines] == [100, 15]  # the newest that was sent
    bring(rig, record("P", "Pfandflasche", 8))
    assert [(line.text, line.total_minor, line.parent) for line in do(rig, price, two).lines] == [
        ("Wasser", 200, 0),
        ("Pfandflasche", 16, 1),
    ]


def test_a_code_moves_and_what_is_gone_is_not_found(rig: Rig) -> None:
    async def go() -> None:
        shop = Channel(rig, "storefront")
        bring(rig, record("A", "Käse jung", codes=["4000000000013", "77"]), record("B", "Milch 1 l"))
        assert (await shop.get("/articles/by-code/4000000000013"))["sku"] == "A"
        assert (await shop.get("/articles/by-code/04000000000013"))["sku"] == "A"
        bring(rig, record("B", "Milch 1 l", codes=["77"], media=_MEDIA))
        assert (await shop.get("/articles/by-code/77"))["sku"] == "B"
        assert (await shop.get("/articles/B"))["media"][0]["url"] == "https://shop.example/milk.jpg"
        for words, skus in (("kaese", ["A"]), ("KÄSE ju", ["A"]), ("milch 1", ["B"]), ("il", []), ("m", [])):
            found = await shop.get(f"/articles?q={words}")
            assert [one["sku"] for one in found["articles"]] == skus, words
        first = await shop.get("/articles?limit=1")
        rest = await shop.get(f"/articles?limit=1&cursor={first['next']}")
        assert [one["sku"] for page in (first, rest) for one in page["articles"]] == ["A", "B"]
        assert rest["next"] == ""
        bring(rig, {"sku": "A", "gone": True})
        assert (await shop.ask("GET", "/articles/A")).status_code == 404
        assert (await shop.ask("GET", "/articles/by-code/4000000000013")).status_code == 404
        assert (await shop.get("/articles?q=kaese"))["articles"] == []

    asyncio.run(go())


def test_what_cannot_be_priced_is_told(rig: Rig) -> None:
    bring(rig, record("A", "Tee"), record("K", "Äpfel", unit="kg"), record("X", "Fremd", tax_code="ZZ"))
    for lines, code in (
        ([("?", Decimal(1))], "article"),
        ([("A", Decimal("0.5"))], "quantity"),
        ([("A", Decimal(1000))], "quantity"),
        ([("X", Decimal(1))], "tax-code"),
    ):
        with pytest.raises(RefusedError) as refused:
            do(rig, price, PriceAsk("demo", lines))
        assert (refused.value.status, refused.value.code) == (422, code)

    async def go() -> None:
        shop = Channel(rig, "storefront")
        body = {"store": "demo", "lines": [{"sku": "K", "qty": "0.345"}], "coupons": ["NONE"]}
        found = await shop.post("/prices", body)
        assert (found["total_minor"], found["lines"][0]["asks"]) == (35, ["weight"])
        assert found["coupons"] == [{"code": "NONE", "effective": False}]
        for wrong in ("0", "1e3", "-1", "1.0001", ""):
            answer = await shop.ask("POST", "/prices", {**body, "lines": [{"sku": "A", "qty": wrong}]})
            assert 400 <= answer.status_code < 500, wrong

    asyncio.run(go())


def test_a_record_with_what_is_no_picture_is_refused() -> None:
    for media in (["https://x"], [{"url": "javascript:1"}], "x", [{"url": "https://x", "more": 1}]):
        with pytest.raises(ValueError, match="media"):
            read_article(msgspec.json.encode(record("A", "Tee", media=media)))


def test_a_token_that_may_write_the_catalogue_brings_articles_from_anywhere(rig: Rig) -> None:
    async def go() -> None:
        line = msgspec.json.encode(record("A", "Tee"))
        for role, status in (("admin", 200), ("storefront", 403)):
            channel = Channel(rig, role)
            channel._line._transport = rig.transport("203.0.113.7")
            for path in ("articles", "promotions"):
                content = line if path == "articles" else b""
                answer = await channel._line.put(
                    f"/v1/catalogue/{path}", content=content, headers={"Content-Type": "application/x-ndjson"}
                )
                assert answer.status_code == status, answer.text
        async with rig.stranger("203.0.113.7") as stranger:
            headers = {"Authorization": "Bearer nonsense", "Content-Type": "application/x-ndjson"}
            assert (
                await stranger.put("/v1/catalogue/articles", content=line, headers=headers)
            ).status_code == 401

    asyncio.run(go())
