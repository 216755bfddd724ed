"""Random days of money at the real till: parts, rounding, gift cards, accounts, exchanges, returns, voids, re-tenders, francs and drops.

Half of the days give everything back the way it came and, in the end, take all goods back: then nothing may be left of any way
of payment. On the others it goes back as it happens, and no receipt gives more than it took.
"""

import asyncio
import datetime as dt
import random
from collections import Counter
from decimal import Decimal

from msgspec.structs import replace

from pos.cash_facts import CashMoved, DayClosed
from pos.domain import commands as c
from pos.domain.day_totals import ForeignDrawer
from pos.domain.drawer import CashRules, denominations
from pos.domain.goods_rules import GoodsRules
from pos.domain.refund import way_of
from pos.domain.rights import ALL, Role
from pos.domain.rounding import PROFILES, cash_due
from pos.domain.scans import ScanKind, own_code
from pos.domain.tender import ForeignRate, TenderRules
from pos.mentions import receipt_key
from pos.sale_facts import Sale
from pos.till.receipts.counters import is_counter
from pos.totals import canonical, day_totals
from tests.tui.fakes import (
    APPLES,
    BREAD,
    BUTTER,
    CHOCOLATE,
    MILK,
    PIN,
    SHIRT,
    WATER,
    YOGHURT,
    FakeJournal,
    Shop,
)

__all__ = ["money_day", "money_days"]

_CODES = (MILK, BUTTER, BREAD, CHOCOLATE, SHIRT, WATER, YOGHURT)
_CUSTOMERS = ("K1", "K2")
_CARDS = ("CARD1", "CARD2")
_LIMIT = 5_000
_FRANCS = (ForeignRate("CHF", Decimal("1.05"), dt.date(2026, 11, 21)),)
_ROLES = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))


class _Day:
    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._drops = random.Random(-1 - seed)
        self._as_paid = seed % 2 == 0
        self._own = seed % 3 == 0
        self._profile = PROFILES[self._rng.choice(("off", "CH", "NL"))]
        journal = FakeJournal()
        journal.head = replace(journal.head, business_day="", next_number=1)
        self.shop = Shop(
            journal=journal,
            roles=_ROLES,
            cash=CashRules(ask_float=True, difference_limit_minor=0, own_insert=self._own),
            goods=GoodsRules(discount_reasons=(), price_reasons=()),
            tenders=TenderRules(
                card_number="none",
                rounding=self._profile,
                cashback_max_minor=5_000,
                account_limit_minor=_LIMIT,
                foreign=_FRANCS,
            ),
        )
        self._seen = 0

    async def run(self) -> None:
        shop = self.shop
        await shop.open(signed_in=False)
        for name in ("Kim", "Alex") if self._own else ("Alex",):
            await self._sign_in(name)
        acts = (self._sell, self._load, self._return, self._retender, self._void, self._park)
        for _ in range(self._rng.randrange(6, 18)):
            await self._rng.choices(
                (*acts, self._pay_account), (8, 2, 6, 3, 3, 1, 0 if self._as_paid else 1)
            )[0]()
            await self._finish()
            await self._drop()
            self._check()
            await self._other()
        if self._as_paid:
            await self._all_back()
            self._check()
            self._nothing_left()
        await self._close()

    # -- what is done

    async def _sign_in(self, name: str) -> None:
        """Whoever begins says what lies in the drawer: with an insert of one's own, enough for anything."""
        await self.shop.till.handle(c.SignIn(name, PIN))
        if self._asked == "float":
            await self._say("5000,00" if self._own else "500,00")
        await self.shop.till.handle(c.Cancel())

    async def _other(self) -> None:
        """Somebody else goes on, in the middle of a payment too."""
        if self._own and self._rng.random() < 0.3:
            await self._sign_in(self._rng.choice(("Kim", "Alex")))

    async def _say(self, *answers: str) -> None:
        for answer in answers:
            await self.shop.till.handle(
                c.Choose(int(answer[1:])) if answer.startswith("#") else c.Answer(answer)
            )

    async def _do(self, name: str, text: str = "") -> None:
        await self.shop.till.handle(c.Do(name, text))

    @property
    def _asked(self) -> str:
        question = self.shop.till.view.question
        return question.code if question is not None else ""

    @property
    def _open(self) -> bool:
        return any(line.live for line in self.shop.till.view.lines) and self.shop.till.view.state != "paid"

    async def _scan(self, least: int = 1) -> None:
        rng, shop = self._rng, self.shop
        for _ in range(rng.randrange(least, 4)):
            if rng.random() < 0.2:
                shop.till.submit(c.SetQuantity(Decimal(rng.randrange(2, 5))))
                shop.scan(rng.choice(_CODES))
            elif rng.random() < 0.1:
                shop.till.submit(c.SetQuantity(Decimal(rng.randrange(100, 3_000)) / 1000))
                shop.scan(APPLES)
            else:
                shop.scan(rng.choice(_CODES))
        await shop.till.settle()
        if rng.random() < 0.15:
            await self._do("discount", str(rng.randrange(1, 30)))
            if self._asked == "discount":
                await self._say(f"#{rng.choice((1, 4))}")
            await shop.till.handle(c.Cancel())

    async def _sell(self) -> None:
        await self._scan()
        if self._rng.random() < 0.2 and not self._as_paid:
            await self._do("tip", str(self._rng.randrange(1, 300)))

    async def _load(self) -> None:
        """A gift card, sold or loaded, alone on its receipt."""
        await self._do("gift-card", str(self._rng.randrange(100, 3_000)))
        self.shop.scan(own_code(ScanKind.GIFT_CARD, self._rng.choice(_CARDS)))
        await self.shop.till.settle()

    async def _pay(self) -> None:
        """Parts by any means until nothing is left, or somebody takes one back."""
        rng, till = self._rng, self.shop.till
        for _ in range(12):
            due = till.view.due_minor
            if not self._open:
                return
            if due <= 0:
                await till.handle(c.PayCash())
                await self._answer()
                continue
            await self._other()
            if not self._as_paid and self._drops.random() < 0.2:
                await self._do("foreign-cash", str(self._drops.randrange(50, due + 2_000)))
                await self._answer()
                continue
            part = "" if rng.random() < 0.6 else str(rng.randrange(1, due + 1))
            match rng.choice(("cash", "cash", "cash", "card", "over", "voucher", "account", "back")):
                case "cash":
                    step = self._profile.step_minor
                    given = rng.choice(
                        (None, due // step * step, (due // 2) // step * step, due // step * step + 1_000)
                    )
                    await till.handle(c.PayCash(given))
                case "card":
                    await self._do("card", part)
                case "over" if not self._as_paid:
                    await self._do("card", str(due + rng.randrange(1, 40) * 50))
                case "voucher":
                    await self._do("voucher", part)
                    await self._say(own_code(ScanKind.GIFT_CARD, rng.choice(_CARDS)))
                case "account":
                    await self._do("account", part)
                case _:
                    await self._do("tender-back")
            await self._answer()
        for name in ("Kim", "Alex") * 9:
            if not till.view.tenders or not self._open:
                break
            if self._own:
                await self._sign_in(name)
            await self._do("tender-back")
            await self._answer()

    async def _answer(self) -> None:
        """What is asked on the way of a payment; now and then a card is not approved."""
        rng, till = self._rng, self.shop.till
        for _ in range(9):
            match self._asked:
                case "":
                    return
                case "refund":
                    question = till.view.question
                    assert question is not None
                    keys = [option.key for option in question.options]
                    plain = keys[0] not in {"cash", "credit"} or "cash" not in keys
                    at = 0 if self._as_paid and plain else rng.randrange(len(keys))
                    assert not self._as_paid or plain, f"as it was paid is not offered: {keys}"
                    await self._say(f"#{at + 1}")
                case "refund-terminal":
                    await self._say(str(rng.randrange(1, 9_999)))
                case "account-customer":
                    await self._say(rng.choice(_CUSTOMERS))
                case "card-over":
                    await self._say("#2" if self._as_paid else f"#{rng.randrange(1, 3)}")
                case "card-approved":
                    await self._say("#1" if rng.random() < 0.9 else "#2")
                case "card-back":
                    await self._say("#1")
                case _:
                    await till.handle(c.Cancel())

    async def _receipt(self) -> Sale | None:
        sales = [sale for sale in self.shop.journal.sales if not is_counter(sale)]
        return self._rng.choice(sales) if sales else None

    async def _return(self) -> None:
        sale = await self._receipt()
        if sale is None:
            return
        gift = not self._as_paid and self._rng.random() < 0.15
        for _ in range(self._rng.randrange(1, 3)):
            await self._take_back(sale, whole=self._rng.random() < 0.3, gift=gift)
        act = self._rng.random()
        if act < 0.2:
            await self._do("exchange-size", self._rng.choice(_CODES))
            await self._answer()
        elif act < 0.6:
            await self._scan()

    async def _take_back(self, sale: Sale, *, whole: bool, gift: bool = False) -> None:
        rng, till = self._rng, self.shop.till
        await self._do("return", f"{sale.number}G" if gift else str(sale.number))
        for _ in range(9):
            question = till.view.question
            match self._asked:
                case "return-lines" | "return-gift":
                    assert question is not None
                    await self._say(f"#{1 if whole else rng.randrange(len(question.options)) + 1}")
                case "return-quantity":
                    assert question is not None
                    left = str(question.fields["left"])
                    if whole or "kg" in left:
                        await self._say("")
                    else:
                        await self._say(str(rng.randrange(1, int(left) + 1)))
                case "return-deposit":
                    await self._say("#1")
                case "return-reason":
                    await self._say("#1")
                    break
                case _:
                    break
        await till.handle(c.Cancel())

    async def _retender(self) -> None:
        sale = await self._receipt()
        if sale is None:
            return
        await self._do("retender", str(sale.number))
        for _ in range(6):
            match self._asked:
                case "":
                    return
                case "retender":
                    question = self.shop.till.view.question
                    assert question is not None
                    await self._say(f"#{self._rng.randrange(len(question.options)) + 1}")
                case "retender-by-card":
                    await self._say(str(self._rng.randrange(1, max(2, sale.total_minor))))
                case _:
                    await self._say("#1")

    async def _void(self) -> None:
        sale = await self._receipt()
        if sale is not None and (sale.lines or not self._as_paid):
            await self._do("void-sale", str(sale.number))
            if self._asked:
                await self._say("#1")

    async def _park(self) -> None:
        await self._sell()
        await self.shop.till.handle(c.ParkCart())
        await self.shop.till.handle(c.ResumeParked())

    async def _drop(self) -> None:
        """Some of a currency goes to the safe; now and then more is said than there is."""
        rng, till = self._drops, self.shop.till
        if self._as_paid or rng.random() < 0.6:
            return
        before = len(self.shop.journal.facts)
        await self._do("cash-drop")
        abroad = self._asked == "drop-currency" and rng.random() < 0.7
        if self._asked == "drop-currency":
            await self._say("#2" if abroad else "#1")
        has = self._francs(self._session) if abroad else self._in(self._session)
        amount = rng.randrange(1, 3_000)
        await self._say(str(amount), "B7")
        moved = [fact for fact in self.shop.journal.facts[before:] if isinstance(fact, CashMoved)]
        assert len(moved) == (amount <= has), f"{amount} of {has} dropped: {moved}"
        await till.handle(c.Cancel())

    async def _pay_account(self) -> None:
        await self._do("account-pay", str(self._rng.randrange(1, 3_000)))
        await self._say(self._rng.choice(_CUSTOMERS))
        if self._asked == "account-pay-by":
            await self._say(f"#{self._rng.randrange(1, 3)}")
        await self._answer()

    async def _finish(self) -> None:
        """The open cart is paid, or given up."""
        till = self.shop.till
        await till.handle(c.Cancel())
        if self._open:
            await self._pay()
        for _ in range(2):
            if self._open:
                await till.handle(c.VoidCart())
        assert not self._open, f"a cart stays: {till.view.message}"

    async def _all_back(self) -> None:
        """Everything that was sold comes back, newest first, and is paid out."""
        for sale in reversed([one for one in self.shop.journal.sales if not is_counter(one)]):
            await self._take_back(sale, whole=True)
            for _ in range(3):
                if self._open:
                    await self.shop.till.handle(c.PayCash())
                    await self._answer()
            assert not self._open, f"{sale.number} cannot be paid out: {self.shop.till.view.message}"

    # -- what must be so

    def _check(self) -> None:
        sales = self.shop.journal.sales
        for sale in sales[self._seen :]:
            self._holds(sale)
        self._seen = len(sales)
        for session in self.shop.journal.head.days.open[0].sessions:
            assert session.expected_minor == self._in(session.session) >= 0, f"drawer {session.drawer}"
            francs = session.foreign_in("CHF").expected_minor
            assert francs == self._francs(session.session) >= 0, f"francs in drawer {session.drawer}"
        for number, left in self._balances().items():
            assert left >= 0, f"{number} holds {left}"
        for customer, owed in self._owed().items():
            assert 0 <= owed <= _LIMIT, f"{customer} owes {owed}"
        for sale in sales:
            if not is_counter(sale):
                self._never_more(sale)

    def _in(self, session: str) -> int:
        """What lies in an insert, by the facts: each part in cash in the insert into which it fell."""
        return sum(
            tender.amount_minor
            for sale in self.shop.journal.sales
            for tender in sale.tenders
            if tender.kind == "cash" and (tender.cash_session or sale.cash_session) == session
        ) + sum(
            fact.amount_minor
            for fact in self.shop.journal.facts
            if isinstance(fact, CashMoved)
            and fact.cash_session == session
            and fact.kind != "lift"
            and not fact.currency
        )

    def _francs(self, session: str) -> int:
        return sum(
            tender.foreign.given_minor
            for sale in self.shop.journal.sales
            for tender in sale.tenders
            if tender.foreign is not None and (tender.cash_session or sale.cash_session) == session
        ) + self._dropped(session)

    def _dropped(self, session: str) -> int:
        """What went to the safe of francs, as a negative sum."""
        return sum(
            fact.amount_minor
            for fact in self.shop.journal.facts
            if isinstance(fact, CashMoved) and fact.cash_session == session and fact.currency == "CHF"
        )

    @property
    def _session(self) -> str:
        """The insert of who is signed in."""
        days, operator = self.shop.journal.head.days, self.shop.till._desk.operator_id()
        own = [one.session for one in days.open[0].to_close if operator in one.operators]
        return own[0] if own else days.session

    def _holds(self, sale: Sale) -> None:
        owed = sale.total_minor + sale.rounding_minor + sale.tip_minor
        assert sum(tender.amount_minor for tender in sale.tenders) == owed, sale.number
        assert all(t.given_minor - t.change_minor == t.amount_minor for t in sale.tenders), sale.number
        assert all(t.amount_minor or t.given_minor for t in sale.tenders), "an empty tender"
        assert sum(tax.gross_minor for tax in sale.taxes) == sale.total_minor
        assert sum(line.pay_minor for line in sale.lines if line.voided_ms is None) == sale.total_minor
        coins = sum(t.amount_minor for t in sale.tenders if t.kind == "cash")
        assert coins % self._profile.step_minor == 0, f"{sale.number}: {coins} in cash"

    def _balances(self) -> Counter[str]:
        left: Counter[str] = Counter()
        for sale in self.shop.journal.sales:
            for line in sale.lines:
                if line.kind == "voucher" and line.voided_ms is None:
                    left[line.serial] += line.pay_minor
            for tender in sale.tenders:
                if tender.kind in {"gift-card", "credit"}:
                    left[tender.reference] -= tender.amount_minor
        return left

    def _owed(self) -> Counter[str]:
        owed: Counter[str] = Counter()
        for sale in self.shop.journal.sales:
            for tender in sale.tenders:
                if tender.kind == "on-account":
                    owed[tender.reference] += tender.amount_minor
        return owed

    def _later(self, sale: Sale) -> list[Sale]:
        return [
            other
            for other in self.shop.journal.sales
            if any(reference.number == sale.number for reference in other.references)
        ]

    def _never_more(self, sale: Sale) -> None:
        """No line gives back more than was bought, and no way of payment more than came by it."""
        key = receipt_key("3", 1, sale.number)
        voided = any(
            r.kind == "void" and r.number == sale.number for o in self._later(sale) for r in o.references
        )
        for line in sale.lines:
            if line.voided_ms is not None or line.qty <= 0 or line.origin is not None:
                continue
            back = [
                part
                for other in self.shop.journal.sales
                for part in other.lines
                if part.voided_ms is None
                and part.origin is not None
                and (part.origin.number, part.origin.n) == (sale.number, line.n)
            ]
            quantity = -sum((part.qty for part in back), Decimal(0))
            worth = -sum(part.pay_minor for part in back)
            assert 0 <= quantity <= line.qty, f"{key} line {line.n}: {quantity} of {line.qty} came back"
            assert 0 <= worth <= line.pay_minor, f"{key} line {line.n}: {worth} for {line.pay_minor}"
            assert not voided or not quantity, f"{key} is voided, and came back"
        came: Counter[tuple[str, str]] = Counter()
        for other in (
            sale,
            *(o for o in self._later(sale) if any(r.kind == "retender" for r in o.references)),
        ):
            for tender in other.tenders:
                came[way_of(tender)] += tender.amount_minor
        given: Counter[tuple[str, str]] = Counter()
        for other in self.shop.journal.sales:
            for entry in other.given_back:
                if entry.receipts[-1] == key and entry.kind == entry.paid:
                    given[entry.paid, entry.reference] += entry.amount_minor
        for way, minor in given.items():
            most = max(came[way], cash_due(came[way], self._profile)[0] if way[0] == "cash" else 0)
            assert 0 <= minor <= max(0, most), f"{key}: {minor} of {came[way]} by {way} went back"

    def _nothing_left(self) -> None:
        """All goods came back as they were paid: what is left was paid for gift cards, and lies on them."""
        net: Counter[str] = Counter()
        loads: Counter[str] = Counter()
        rounding = 0
        for sale in self.shop.journal.sales:
            numbers = {
                line.serial for line in sale.lines if line.kind == "voucher" and line.voided_ms is None
            }
            numbers |= {s for o in sale.references for s in self._cards_of(o.number)}
            for tender in sale.tenders:
                (loads if numbers else net)[way_of(tender)[0]] += tender.amount_minor
            rounding += 0 if numbers else sale.rounding_minor
        assert not any(net.values()), f"left: {net}"
        assert not rounding, f"rounding {rounding}"
        loaded = sum(
            line.pay_minor
            for sale in self.shop.journal.sales
            for line in sale.lines
            if line.kind == "voucher" and line.voided_ms is None
        )
        assert sum(self._balances().values()) == loaded - loads["gift-card"]

    def _cards_of(self, number: int) -> set[str]:
        return {
            line.serial
            for sale in self.shop.journal.sales
            if sale.number == number
            for line in sale.lines
            if line.kind == "voucher" and line.voided_ms is None
        }

    async def _close(self) -> None:
        shop = self.shop
        await shop.till.handle(c.Do("close-day"))
        for session in shop.journal.head.days.open[0].to_close:
            pieces, rest = [], session.expected_minor
            for value in denominations("EUR"):
                if rest >= value:
                    pieces.append(f"{rest // value}x{value // 100}.{value % 100:02d}")
                    rest %= value
            francs = str(session.foreign_in("CHF").expected_minor)
            await self._say("#1", *([" ".join(pieces)] if pieces else []), "=", "#1", francs, "#1")
            while self._asked in {"left", "drop-bag"}:
                await self._say("")
        (closed,) = [fact for fact in shop.journal.facts if isinstance(fact, DayClosed)]
        sales = shop.journal.sales
        if not sales:
            return
        (book,) = closed.totals.books
        assert book.receipts == len(sales)
        assert book.total_minor == sum(sale.total_minor for sale in sales)
        assert book.rounding_minor == sum(sale.rounding_minor for sale in sales)
        sums: Counter[str] = Counter()
        for sale in sales:
            for tender in sale.tenders:
                sums[tender.kind] += tender.amount_minor
        assert {one.kind: one.amount_minor for one in book.tenders} == dict(sums), "ways of payment = Z"
        assert sum(ended.cash_minor for ended in closed.totals.sessions) == sums["cash"]
        for ended in closed.totals.sessions:
            assert ended.expected_minor == self._in(ended.session), "the insert = Z"
            assert ended.difference_minor == 0
            swiss = {one.currency: one for one in ended.foreign}.get("CHF", ForeignDrawer("CHF"))
            assert swiss.expected_minor == self._francs(ended.session), "the francs = Z"
            assert sum(move.amount_minor for move in swiss.moves) == self._dropped(ended.session)
            assert (swiss.difference_minor, swiss.left_minor) == (0, 0)
        again = day_totals([(1, fact) for fact in shop.journal.facts], closed.day)
        assert canonical(again) == canonical(closed.totals), "the Z is the fold of its facts"


def money_day(seed: int) -> None:
    """One day from a seed. Raises AssertionError."""
    asyncio.run(_Day(seed).run())


def money_days(seed: int, count: int) -> int:
    """`count` days from `seed` on; how many there were."""
    for number in range(seed, seed + count):
        try:
            money_day(number)
        except AssertionError as error:
            raise AssertionError(f"day {number} of money: {error}") from error
    return count
