"""What comes back in the days of a shop: at its own till, in another store, with the hub's word and without it (S6, S7).

With the hub, what is left of a line is kept for one till while it takes it back. A till on its own takes back what its own
journal sold, and other tills' receipts within a budget for the day. So more can come back than was sold; how much, is known.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from pos.domain.line import Origin
from pos.domain.tender import Tender
from pos.sale_facts import Reference, SaleLine
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.returns import core
from sync.hub.shop.returns.facts import OVER
from sync.hub.shop.returns.messages import BackLine, Return, TakeBack
from tests.simulation.shop_days import Day, Till

__all__ = ["BUDGET_MINOR", "Returns"]

BUDGET_MINOR: Final = 5_000
"""What a till on its own takes back of other tills' receipts, at most, a day."""
_PRICE: Final = 1_000
_LEASE_MS: Final = 15 * 60_000
_Line = tuple[str, str, int, int]
"""(store, till, number, line) of what was sold."""


class Returns:
    """`sold` and `back` are units by line; `back` is by the place of the fact that says so, with how it was allowed: "hub", "own"
    or "budget". `kept` is what the hub keeps, until when; `used` what each till took on its own.
    """

    def __init__(self, day: Day) -> None:
        self.day = day
        self.rng = day.rng
        self.sold: dict[_Line, int] = {}
        self.back: dict[_Line, list[tuple[tuple[str, str], int, str]]] = {}
        self.kept: dict[str, tuple[_Line, int, int]] = {}
        self.used: dict[tuple[str, str], int] = {}
        self.given: dict[str, tuple[str, str]] = {}
        while len(self.sold) < 2 and self.rng.random() < 0.7:
            self._sell()

    def acts(self) -> list[Callable[[], None]]:
        return [
            *(self._sell, self._take_back, self._take_back, self._take_back),
            *(self._alone, self._alone, self._alone, self._own, self._lapse),
        ]  # fmt: skip

    def _say(self, what: str) -> None:
        self.day.report.counts[what] += 1

    def _sell(self) -> None:
        till, sku = self.rng.choice(self.day.tills), self.rng.choice(self.day.skus)
        qty = self.rng.choice((1, 1, 2, 3))
        self.day.note(till.store, sku, "store", ("sale", f"{self.day.place_of(till)}/1"), Decimal(-qty))
        self.sold[till.store, till.name, till.seq + 1, 1] = qty
        worth = qty * _PRICE
        line = SaleLine(1, sku, _PRICE, worth, "A", Decimal(19), self.day.now_ms, Decimal(qty), sku=sku)
        self.day.write(till, self.day.sale(line, tenders=(Tender("cash", worth, worth),), total_minor=worth))
        self._say("receipts that may come back")

    def _one(self) -> _Line | None:
        return self.rng.choice(list(self.sold)) if self.sold else None

    def _known(self, line: _Line) -> int:
        """What of it is left, as far as the hub can know."""
        came = sum(qty for place, qty, _ in self.back.get(line, ()) if place in self.day.heard)
        kept = sum(
            qty
            for hold, (one, qty, until_ms) in self.kept.items()
            if one == line and until_ms > self.day.now_ms and self.given.get(hold) not in self.day.heard
        )
        return self.sold[line] - came - kept

    def _take_back(self) -> None:
        """With the hub's word."""
        line = self._one()
        till = self.day.online()
        if line is None or till is None or (line[0], f"{line[1]}/1/{line[2]}") not in self.day.heard:
            return
        qty = self.rng.choice((1, 1, 2))
        left = self._known(line)
        lines = (BackLine(line[3], Decimal(qty)),)
        ask = TakeBack(
            "till", lines, line[0], line[1], 1, line[2], at_store=till.store, at_till=till.name, by="1"
        )
        try:
            made = self.day.keyed(core.take_back, ask, Return, till.store)
        except RefusedError as refused:
            code = refused.code
            assert code in {"nothing-left", "too-much"}, code
            assert qty > left, f"S6: {left} are left of a line, and {qty} were refused"
            self._say(f"refused {code}")
            return
        assert qty <= left, f"S6: {left} are left of a line, and {qty} were kept for a return"
        assert made.total_minor == qty * _PRICE, made
        self.kept[made.return_id] = (line, qty, self.day.now_ms + _LEASE_MS)
        self._say("returns kept")
        chance = self.rng.random()
        if chance < 0.15:
            self.day.do(lambda work: core.release(work, made.return_id), till.store, till.name)
            del self.kept[made.return_id]
            return
        if chance < 0.3:
            self._say("returns that broke off")
            return
        if chance < 0.4:
            till.cut = True
        self.given[made.return_id] = (till.store, self.day.place_of(till))
        self._give(till, line, qty, "hub", made.return_id)

    def _alone(self) -> None:
        """Another till's receipt, without the hub: within the budget."""
        line, till = self._one(), self.day.alone()
        if line is None or till is None or line[:2] == (till.store, till.name):
            return
        used = self.used.get((till.store, till.name), 0)
        qty = min(self.rng.choice((1, 2)), self.sold[line], (BUDGET_MINOR - used) // _PRICE)
        if qty > 0:
            self.used[till.store, till.name] = used + qty * _PRICE
            self._give(till, line, qty, "budget")

    def _own(self) -> None:
        """A receipt of its own, without the hub: what its journal says is left."""
        till = self.day.alone()
        if till is None:
            return
        mine = [line for line in self.sold if line[:2] == (till.store, till.name)]
        if not mine:
            return
        line = self.rng.choice(mine)
        here = {(one.store, one.place) for one in till.said}
        left = self.sold[line] - sum(qty for place, qty, _ in self.back.get(line, ()) if place in here)
        if left > 0:
            self._give(till, line, self.rng.randint(1, left), "own")

    def _give(self, till: Till, line: _Line, qty: int, how: str, return_id: str = "") -> None:
        store = line[0] if line[0] != till.store else ""
        ((sku,),) = {(one,) for one in self._sku(line)}
        place = self.day.place_of(till)
        damaged = self.rng.random() < 0.2
        where = "damaged" if damaged else "store"
        self.day.note(till.store, sku, where, ("return", f"{place}/1"), Decimal(qty))
        self.back.setdefault(line, []).append(((till.store, place), qty, how))
        origin = Origin(line[1], 1, line[2], line[3], damaged=damaged, store=store, offline=how == "budget")
        worth = -qty * _PRICE
        back = SaleLine(
            1, sku, _PRICE, worth, "A", Decimal(19), self.day.now_ms, Decimal(-qty), "return", sku=sku, origin=origin
        )  # fmt: skip
        references = [Reference("return", line[1], 1, line[2], store=store)]
        if return_id:
            references.append(Reference("return-hold", external=return_id))
        sale = self.day.sale(
            back, references=tuple(references), tenders=(Tender("cash", worth, worth),), total_minor=worth
        )
        self.day.write(till, sale)
        self._say(
            {"hub": "returns by the hub's word", "own": "returns of own receipts alone"}.get(
                how, "returns of others' receipts alone"
            )
        )

    def _sku(self, line: _Line) -> list[str]:
        said = next(
            one for till in self.day.tills for one in till.said if (one.store, one.till, one.seq) == line[:3]
        )
        return [one.sku for one in said.fact.lines]  # type: ignore[union-attr]

    def _lapse(self) -> None:
        self.day.now_ms += _LEASE_MS + 1
        self._say("leases of returns over")

    def settle(self) -> None:
        self.day.now_ms += _LEASE_MS + 1

    def check(self) -> None:
        query = "select store, key from task where kind = ? and state <> 'withdrawn'"
        noted = {(store, key) for store, key in self.day.rows(query, OVER)}
        tills = {
            (place[0], place[1].split("/")[0])
            for came in self.back.values()
            for place, _, how in came
            if how == "budget"
        }
        for used in self.used.values():
            assert used <= BUDGET_MINOR
        by_budget = 0
        for line, sold in self.sold.items():
            came = self.back.get(line, [])
            over = max(0, sum(qty for _, qty, _ in came) - sold)
            key = (line[0], f"{line[1]}-1-{line[2]}/{line[3]}")
            if not over:
                assert key not in noted, f"S6: nothing is too much of {line}, and a task says so"
                continue
            self._say("conflict: more came back than was sold")
            assert key in noted, f"S7: {over} of {line} came back too much, and no task says so"
            noted.remove(key)
            parts = Counter(
                {how: sum(qty for _, qty, one in came if one == how) for how in ("budget", "own", "hub")}
            )
            charged = min(over, parts["budget"])
            by_budget += charged * _PRICE
            self.day.report.counts["over-refund by budgets, minor"] += charged * _PRICE
            own = min(over - charged, parts["own"])
            self.day.report.counts["over-refund of own receipts alone, minor"] += own * _PRICE
            late = over - charged - own
            self.day.report.counts["over-refund told after its lease, minor"] += late * _PRICE
            assert late <= parts["hub"]
        assert not noted, f"S7: tasks of no conflict: {noted}"
        bound = BUDGET_MINOR * len(tills)
        self.day.report.counts["budget x isolated tills, minor"] += bound
        assert by_budget <= bound, f"S6: {by_budget} too much were given back on budgets of {bound}"
