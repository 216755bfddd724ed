"""What is sold in the simulation: a shelf for the till's own catalogue port, and whole sales made without a till."""

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

import pos.facts
from pos.domain.article import Article, Deposit, Product
from pos.domain.codes import check_digit, key_of
from pos.domain.price_lists import PricesBefore
from pos.domain.shelf_label import PriceChange
from pos.domain.tender import Tender
from pos.ports import Operator, SignInRefusedError
from pos.sale_facts import Sale, SaleLine, SaleTax

__all__ = ["CODES", "OPERATOR", "PERSON", "PIN", "FutureFact", "People", "SaleMaker", "Shelf"]

PERSON = "Kim Ohneland"
PIN = "4711"
OPERATOR = Operator("op-1", PERSON, "supervisor")
_DEPOSIT = Deposit("P25", "Pfand", 25, "A")


class FutureFact(msgspec.Struct, frozen=True):
    """A fact of a kind that only newer software knows; this hub and these readers do not."""

    cart_id: str
    wish: str
    depth: dict[str, int] = {}


pos.facts._KIND_OF_TYPE[FutureFact] = ("future.wish", 7)


def _gtin(number: int) -> str:
    body = f"40{number:010d}"
    return f"{body}{check_digit(body)}"


CODES = tuple(_gtin(n) for n in range(1, 61))
UNKNOWN_CODE = _gtin(9_999)


class Shelf:
    """Implements ports.Catalogue: sixty articles in memory."""

    count = 60

    def __init__(self) -> None:
        self._articles = {
            key_of(code): Article(
                f"S{n}",
                f"Artikel {n}",
                "A" if n % 3 else "B",
                99 + 7 * n,
                gtin=code,
                department=1,
                deposit=_DEPOSIT if n % 10 == 0 else None,
                min_age=16 if n % 20 == 0 else 0,
            )
            for n, code in enumerate(CODES, start=1)
        }

    def find(self, key: str) -> Article | None:
        return self._articles.get(key)

    def by_sku(self, sku: str) -> Article | None:
        return next((article for article in self._articles.values() if article.sku == sku), None)

    async def search(self, text: str, limit: int) -> Sequence[Article]:
        return [article for article in self._articles.values() if text in article.text][:limit]

    async def price_changes(self, first: dt.date, last: dt.date) -> Sequence[PriceChange]:
        return ()

    async def repriced(self) -> Sequence[PriceChange]:
        return ()

    async def prices_before(self, skus: Sequence[str]) -> PricesBefore:
        return PricesBefore()

    async def deposits(self) -> Sequence[Deposit]:
        return tuple(
            {a.deposit.sku: a.deposit for a in self._articles.values() if a.deposit is not None}.values()
        )

    async def variants(self, product: int) -> Product | None:
        return None

    def departments(self) -> Mapping[int, tuple[str, str]]:
        return {1: ("Allerlei", "A")}

    def refresh(self, on: dt.date) -> bool:
        return False


class People:
    """Implements ports.People with one operator, without argon2's price."""

    def operators(self) -> Sequence[Operator]:
        return (OPERATOR,)

    async def sign_in(self, name: str, pin: str) -> Operator:
        if (name, pin) != (PERSON, PIN):
            raise SignInRefusedError("sign-in-wrong")
        return OPERATOR

    async def by_badge(self, payload: str) -> Operator:
        raise SignInRefusedError("badge-unknown")

    async def change_pin(self, operator_id: str, old: str, new: str) -> Operator:
        return await self.sign_in(PERSON, old)


class SaleMaker:
    """Whole sales of 1 to 12 lines. Lines come from a small stock of prepared ones, so that making one is cheap."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._stock = [self._basket(size) for size in range(1, 13) for _ in range(6)]

    def make(self, number: int, *, cart_id: str, day: str, session: str, now_ms: int, link: str) -> Sale:
        lines, taxes, total = self._rng.choice(self._stock)
        given = total if self._rng.random() < 0.5 else total + 100 - total % 100
        return Sale(
            cart_id=cart_id,
            number=number,
            business_day=day,
            cash_session=session,
            operator=OPERATOR.operator_id,
            started_ms=now_ms - 30_000,
            tendered_ms=now_ms,
            completed_ms=now_ms,
            offset_min=60,
            lines=lines,
            tenders=(Tender("cash", total, given, given - total),),
            taxes=taxes,
            total_minor=total,
            pieces=len(lines),
            link=link,
        )

    def _basket(self, size: int) -> tuple[tuple[SaleLine, ...], tuple[SaleTax, ...], int]:
        lines = []
        gross = {"A": 0, "B": 0}
        for n in range(1, size + 1):
            at = self._rng.randrange(1, 61)
            unit, tax = 99 + 7 * at, "A" if at % 3 else "B"
            gross[tax] += unit
            rate = Decimal(19 if tax == "A" else 7)
            lines.append(
                SaleLine(n, f"Artikel {at}", unit, unit, tax, rate, 0, gtin=CODES[at - 1], sku=f"S{at}")
            )
        taxes = []
        for key, (tax, percent) in enumerate((("A", 19), ("B", 7)), start=1):
            if gross[tax]:
                vat = gross[tax] * percent // (100 + percent)
                taxes.append(SaleTax(tax, key, Decimal(percent), gross[tax], gross[tax] - vat, vat))
        return tuple(lines), tuple(taxes), sum(gross.values())
