"""Gift cards and points in the days of a shop: loaded, held, spent with the hub and without it, earned, burnt (S7, S8)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from pos.domain.line import Origin
from pos.domain.tender import Tender
from pos.sale_facts import Sale, SaleLine
from sync.hub.shop.cards import core as cards
from sync.hub.shop.cards.messages import Hold, HoldCard
from sync.hub.shop.customers import points
from sync.hub.shop.customers.messages import Burn, Burnt
from sync.hub.shop.kit.refusal import RefusedError
from tests.simulation.shop_days import Day

__all__ = ["LEASE_MINOR", "Cards"]

LEASE_MINOR: Final = 2_000
"""What an isolated till takes of one card on its own, at most."""
_MINUTE_MS: Final = 60_000


class Cards:
    """`booked`: what each card's moves are, by the place of the fact; `burnt`: credits made of points; `alone`: what tills took on
    their own, by (card, store, till); `late`: what a sale took after its hold was over; `paid`: the place of the sale that a hold was for.
    """

    def __init__(self, day: Day) -> None:
        self.day = day
        self.rng = day.rng
        self.numbers = [f"G{day.seed}-{n}" for n in range(2)]
        self.customers = [f"c{day.seed}-{n}" for n in range(2)]
        self.booked: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self.earned: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self.issued: dict[str, int] = {}
        self.burnt: dict[str, int] = {}
        self.alone: dict[tuple[str, str, str], int] = {}
        self.late: dict[str, int] = {}
        self.holds: dict[str, tuple[str, int, int]] = {}
        self.paid: dict[str, tuple[str, str]] = {}
        for one in self.customers:
            day.driver.execute("insert into customer values (?, 1, 'active', '', 'de', 0, 0, ?)", (one, b""))

        if self.rng.random() < 0.6:
            self._load()
        if self.rng.random() < 0.3:
            self._earn()

    def acts(self) -> list[Callable[[], None]]:
        return [
            *(self._load, self._load, self._spend, self._spend, self._spend, self._spend_alone, self._spend_alone),
            *(self._give_back, self._earn, self._earn, self._take_back, self._burn, self._burn, self._lapse),
        ]  # fmt: skip

    def _say(self, what: str) -> None:
        self.day.report.counts[what] += 1

    def _known(self, number: str) -> int:
        """What the hub can know is on a card."""
        heard = [minor for at in self.day.heard for one, minor in self.booked.get(at, ()) if one == number]
        return self.issued.get(number, 0) + sum(heard)

    def _held(self, number: str) -> int:
        return sum(
            minor
            for hold, (one, minor, until_ms) in self.holds.items()
            if one == number and until_ms > self.day.now_ms and self.paid.get(hold) not in self.day.heard
        )

    def _load(self) -> None:
        """Sold, or topped up: at any till, which may be cut off."""
        number, minor = self.rng.choice(self.numbers), self.rng.choice((1_000, 2_500, 5_000))
        till = self.rng.choice(self.day.tills)
        line = SaleLine(
            1, "Karte", minor, minor, "A", Decimal(0), self.day.now_ms, kind="voucher", serial=number
        )
        self._note(till.store, self.day.place_of(till), number, minor)
        self.day.write(till, self.day.sale(line))
        self._say("cards loaded")

    def _note(self, store: str, place: str, number: str, minor: int) -> None:
        self.booked.setdefault((store, place), []).append((number, minor))

    def _paid_with(self, number: str, minor: int, hold: str = "") -> Sale:
        kind = "credit" if number in self.issued else "gift-card"
        line = SaleLine(1, "Ware", abs(minor), minor, "A", Decimal(19), self.day.now_ms)
        return self.day.sale(line, tenders=(Tender(kind, minor, minor, reference=number, hold=hold),))

    def _spend(self) -> None:
        """With the hub: an amount is held, by one of those who want it; then it is paid, given up, or forgotten."""
        till = self.day.online()
        if till is None:
            return
        number = self.rng.choice([*self.numbers, *self.issued])
        wanted = self.rng.choice((500, 1_000, 2_000, 5_000))
        left = self._known(number) - self._held(number)
        ask = cards.HoldAsk(number, HoldCard(wanted, minutes=self.rng.choice((1, 15))))
        try:
            hold = self.day.keyed(cards.hold, ask, Hold, till.store)
        except RefusedError as refused:
            self._say(f"refused {refused.code}")
            code = refused.code
            assert code in {"not-found", "too-little"}, code
            assert wanted > left, f"S8: {left} are left, and {wanted} were refused"
            return
        assert wanted <= left, f"S8: {left} are left, and {wanted} were promised"
        self.holds[hold.hold_id] = (number, wanted, self.day.now_ms + ask.hold.minutes * _MINUTE_MS)
        self._say("cards held")
        if self.rng.random() < 0.4:
            more = cards.HoldAsk(number, HoldCard(left - wanted + 1))
            code = self.day.refused(lambda work: cards.hold(work, more), till.store)
            assert code == "too-little", f"S8: {left - wanted} are left, and one more was promised"
        chance = self.rng.random()
        if chance < 0.2:
            for _ in range(self.rng.randint(1, 2)):
                ended = self.day.do(lambda work: cards.release(work, hold.hold_id))
                assert ended.state == "released", ended
            del self.holds[hold.hold_id]
            return
        if chance < 0.35:
            return
        if chance < 0.55:
            self.day.now_ms += 20 * _MINUTE_MS
            till.cut = self.rng.random() < 0.5
            self._say("sales behind a lapsed hold")
            self.late[number] = self.late.get(number, 0) + wanted
        elif chance < 0.75:
            till.cut = True
            self.late[number] = self.late.get(number, 0) + wanted  # it may come too late
        self.paid[hold.hold_id] = (till.store, self.day.place_of(till))
        self._note(till.store, self.day.place_of(till), number, -wanted)
        self.day.write(till, self._paid_with(number, wanted, hold.hold_id))
        self._say("cards spent")

    def _spend_alone(self) -> None:
        """Without the hub: within what this till may take of a card by itself."""
        till = self.day.alone()
        if till is None:
            return
        number = self.rng.choice(self.numbers)
        key = (number, till.store, till.name)
        minor = min(self.rng.choice((500, 1_500)), LEASE_MINOR - self.alone.get(key, 0))
        if minor <= 0:
            return
        self.alone[key] = self.alone.get(key, 0) + minor
        self._note(till.store, self.day.place_of(till), number, -minor)
        self.day.write(till, self._paid_with(number, minor))
        self._say("cards spent without the hub")

    def _give_back(self) -> None:
        number, till = self.rng.choice(self.numbers), self.rng.choice(self.day.tills)
        self._note(till.store, self.day.place_of(till), number, 700)
        self.day.write(till, self._paid_with(number, -700))
        self._say("cards given back to")

    def _lapse(self) -> None:
        self.day.now_ms += 16 * _MINUTE_MS
        self.day.do(cards.expire_holds)
        self._say("holds looked at")

    # -- points

    def _earn(self) -> None:
        self._bought(self.rng.choice((999, 2_500, 12_345)), "article")
        self._say("points earned")

    def _take_back(self) -> None:
        self._bought(-self.rng.choice((999, 2_500)), "return")
        self._say("points taken back")

    def _bought(self, minor: int, kind: str) -> None:
        till, customer = self.rng.choice(self.day.tills), self.rng.choice(self.customers)
        line = SaleLine(
            1, "Ware", abs(minor), minor, "A", Decimal(19), self.day.now_ms, Decimal(1 if minor > 0 else -1), kind,
            origin=Origin() if minor < 0 else None,
        )  # fmt: skip
        whole = abs(minor) // 100  # a point for each whole euro
        self.earned.setdefault((till.store, self.day.place_of(till)), []).append(
            (customer, whole if minor > 0 else -whole)
        )
        self.day.write(till, self.day.sale(line, customer=customer, total_minor=minor))

    def _burn(self) -> None:
        customer, wanted = self.rng.choice(self.customers), self.rng.choice((5, 20, 100))
        heard = [count for at in self.day.heard for one, count in self.earned.get(at, ()) if one == customer]
        left = sum(heard) - self.burnt.get(customer, 0)
        ask = points.BurnAsk(customer, Burn(points=wanted, store=self.day.stores[0]))
        try:
            made = self.day.keyed(points.burn, ask, Burnt)
        except RefusedError as refused:
            code = refused.code
            assert code == "points", code
            assert wanted > left, f"{left} points are left, and {wanted} were refused"
            self._say("refused points")
            return
        assert wanted <= left, f"S8: {left} points are left, and {wanted} were burnt"
        assert made.worth_minor == wanted, made
        self.burnt[customer] = self.burnt.get(customer, 0) + wanted
        self.issued[made.number] = made.worth_minor
        self._say("points burnt")

    # -- the end

    def settle(self) -> None:
        self.day.now_ms += 60 * _MINUTE_MS
        self.day.do(cards.expire_holds)

    def check(self) -> None:
        rows = self.day.rows("select number, moved_minor, held_minor from gift_card")
        found = {number: (moved, held) for number, moved, held in rows}
        noted = dict(self.day.tasks(cards.OVERDRAWN))
        for number in (*self.numbers, *self.issued):
            said = self._known(number)
            moved, held = found.pop(number, (0, 0))
            assert moved == said, f"S8: {said} should be on a card, {moved} are"
            assert held == 0, f"S3: {held} of a card are held for ever"
            mine = [taken for key, taken in self.alone.items() if key[0] == number]
            over = max(0, -moved)
            allowed = min(sum(mine), LEASE_MINOR * len(mine)) + self.late.get(number, 0)
            assert over <= allowed, f"S8: {over} too much were taken of a card, at most {allowed} could be"
            task = noted.pop(number, None)
            assert not over or task is not None, f"S7: {over} too much were taken, and no task says so"
            if over:
                self._say("conflict: card overdrawn")
                self.day.report.counts["taken too much of cards, minor"] += over
                self.day.report.counts["tills' own limits of these cards, minor"] += LEASE_MINOR * len(mine)
            elif task is not None:
                self._say("cards said to be overdrawn until an older load was heard")
        assert not found, f"cards of nobody: {found}"
        assert not noted, f"S7: tasks of no card: {noted}"
        self._holds()
        for customer in self.customers:
            heard = sum(n for given in self.earned.values() for one, n in given if one == customer)
            ((found_points,),) = self.day.rows(
                "select coalesce(sum(points), 0) from customer_points where customer_id = ?", customer
            )
            left = heard - self.burnt.get(customer, 0)
            assert found_points == left, f"{left} points should be left, {found_points} are"

    def _holds(self) -> None:
        states = {state for (state,) in self.day.rows("select distinct state from gift_card_hold")}
        assert states <= {"captured", "released", "expired"}, f"S3: holds that never ended: {states}"
        held = {
            tender.hold
            for till in self.day.tills
            for one in till.said
            if isinstance(one.fact, Sale)
            for tender in one.fact.tenders
            if tender.hold
        }
        captured = {
            one for (one,) in self.day.rows("select hold_id from gift_card_hold where state = 'captured'")
        }
        assert captured <= held, "S3: a hold was captured by no sale"
