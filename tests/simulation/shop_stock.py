"""Stock in the days of a shop: sales, returns, counts, promises, transfers, beside a plain second account (S1-S4, S7, S9)."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from pos.sale_facts import Reference
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import core, rebuild, shipments
from sync.hub.shop.stock.levels import Counted
from tests.simulation.shop_days import Day

__all__ = ["Stock"]

_ONE: Final = 1_000_000
_ENDS: Final = ("committed", "released", "expired", "broken")


class Stock:
    """`promises` are those made here; orders have their own."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.rng = day.rng
        self.promises: list[str] = []
        self.n = 0
        for store in day.stores:
            for sku in day.skus:
                self._receive(store, sku, self.rng.randint(0, 12))

    def acts(self) -> list[Callable[[], None]]:
        return [
            *(self._sell, self._sell, self._sell, self._take_back, self._void, self._train, self._reserve, self._reserve),
            *(self._end, self._end, self._count, self._late_count, self._adjust, self._transfer, self._expire),
        ]  # fmt: skip

    def _receive(self, store: str, sku: str, quantity: int) -> None:
        self.n += 1
        cause = f"in/{self.n}"
        move = core.Move(store, sku, Decimal(quantity), "receipt", cause, self.day.now_ms)
        if quantity:
            self.day.note(store, sku, "store", ("receipt", cause), Decimal(quantity))
        for _ in range(self.rng.randint(1, 2)):
            self.day.do(lambda work: core.move(work, move))

    def _sell(self) -> None:
        self._sold(Decimal(self.rng.choice(("1", "1", "2", "0.350"))))

    def _take_back(self) -> None:
        self._sold(Decimal(-1), damaged=self.rng.random() < 0.3)

    def _sold(self, quantity: Decimal, *, damaged: bool = False) -> None:
        till = self.rng.choice(self.day.tills)
        sku = self.rng.choice(self.day.skus)
        kind = "return" if quantity < 0 else "sale"
        self.day.note(
            till.store,
            sku,
            "damaged" if damaged else "store",
            (kind, f"{till.name}/1/{till.seq + 1}/1"),
            -quantity,
        )
        self.day.write(till, self.day.sale(self.day.line(1, sku, quantity, damaged=damaged)))
        self.day.report.counts[f"{kind}s"] += 1

    def _void(self) -> None:
        """A receipt, and the one that takes it back whole."""
        till, sku = self.rng.choice(self.day.tills), self.rng.choice(self.day.skus)
        self.day.note(till.store, sku, "store", ("sale", f"{self.day.place_of(till)}/1"), Decimal(-1))
        self.day.note(till.store, sku, "store", ("void", f"{self.day.place_of(till, 2)}/1"), Decimal(1))
        line = self.day.line(1, sku, Decimal(1))
        turned = msgspec.structs.replace(line, qty=Decimal(-1), total_minor=-line.total_minor)
        void = Reference("void", till.name, 1, till.seq + 1)
        self.day.write(till, self.day.sale(line), self.day.sale(turned, references=(void,)))
        self.day.report.counts["voids"] += 1

    def _train(self) -> None:
        till = self.rng.choice(self.day.tills)
        self.day.write(till, self.day.sale(self.day.line(1, self.day.skus[0], Decimal(5)), training=True))

    def _adjust(self) -> None:
        self._receive(
            self.rng.choice(self.day.stores), self.rng.choice(self.day.skus), self.rng.randint(1, 4)
        )

    def _reserve(self) -> None:
        store, sku = self.rng.choice(self.day.stores), self.rng.choice(self.day.skus)
        quantity = Decimal(self.rng.choice(("1", "1", "2", "3", "0.5")))
        expires_ms = self.day.now_ms + self.rng.choice((1_000, 600_000, 10**9))
        ask = core.Reserve(store, sku, quantity, "pickup", "o", expires_ms, self.rng.random() < 0.3)
        try:
            made = self.day.keyed(core.reserve, ask, core.Reservation)
        except RefusedError as refused:
            code = refused.code
            assert code == "not-available", code
            self.day.report.counts["refused not-available"] += 1
            return
        self.promises.append(made.reservation_id)
        self.day.report.counts["promises"] += 1
        on_hand, reserved = self._level(store, sku)
        room = max(0, on_hand - self.day.safety[store] * _ONE)
        assert reserved <= room, f"S2: {reserved} promised of {room}"

    def _end(self) -> None:
        """S3: once, and whoever comes second hears how."""
        if not self.promises:
            return
        one = self.rng.choice(sorted(self.promises))
        before = self._state(one)
        commit = self.rng.random() < 0.5
        for turn in range(self.rng.randint(1, 2)):
            done = self.day.do(partial(_commit if commit else _release, one=one))
            if before == "active" and turn == 0:
                assert done.state == ("committed" if commit else "released")
                if commit:
                    self.day.note(done.store, done.sku, "store", ("pickup_issue", one), -done.qty)
                before = done.state
            assert done.state == before, f"S3: {before} became {done.state}"
            commit = self.rng.random() < 0.5

    def _expire(self) -> None:
        self.day.now_ms += 1_000
        self.day.do(core.expire_due)
        self.day.report.counts["clocks"] += 1

    def _count(self) -> None:
        self._counted(self.day.now_ms)

    def _late_count(self) -> None:
        self._counted(self.day.now_ms - self.rng.randint(0, 700_000))

    def _counted(self, at_ms: int) -> None:
        self.n += 1
        store, sku = self.rng.choice(self.day.stores), self.rng.choice(self.day.skus)
        said = Counted(store, sku, f"c{self.n:04d}", self.rng.randint(0, 9) * _ONE, at_ms)
        self.day.counts.setdefault((store, sku, "store"), []).append((at_ms, said.count_id, said.qty))
        for _ in range(self.rng.randint(1, 2)):
            self.day.do(lambda work: core.put_count(work, said))
        self.day.report.counts["counts"] += 1

    def _transfer(self) -> None:
        if len(self.day.stores) < 2:
            return
        source, store = self.rng.sample(self.day.stores, 2)
        sku = self.rng.choice(self.day.skus)
        sent, came = self.rng.randint(1, 3), self.rng.randint(0, 3)
        goods = (shipments.Goods(sku, str(sent)),)
        made = self.day.do(
            lambda work: shipments.request_transfer(
                work, shipments.PostTransfer(store, source, goods, shipped=True)
            )
        )
        cause = f"shipment/{made.shipment_id}/shipped"
        self.day.note(source, sku, "store", ("transfer_out", cause), Decimal(-sent))
        self.day.note(store, sku, "transit", ("transfer_in", cause), Decimal(sent))
        self.day.now_ms += self.rng.choice((1, 60_000))
        if came:
            arrived = shipments.Handle((shipments.Goods(sku, str(came)),))
            ask = shipments.HandleAsk("transfer", made.shipment_id, arrived)
            done = self.day.do(lambda work: shipments.receive(work, ask))
            assert done.differs == (sent != came)
            assert self.day.refused(lambda work: shipments.receive(work, ask)) == "state"
            cause = f"shipment/{made.shipment_id}/{made.version}"
            self.day.note(store, sku, "store", ("transfer_in", cause), Decimal(came))
            self.day.note(store, sku, "transit", ("transfer_arrived", cause), Decimal(-sent))
        self.day.report.counts["transfers"] += 1

    def settle(self) -> None:
        self.day.now_ms += 2_000_000_000
        self.day.do(core.expire_due)

    def check(self) -> None:
        self._s1()
        for one in self.promises:
            assert self._state(one) in _ENDS, f"S3: {one} never ended"
        broken = sorted(
            one
            for (one,) in self.day.rows("select reservation_id from stock_reservation where state = 'broken'")
        )
        noted = sorted(key for key, _ in self.day.tasks(core.BROKEN))
        assert noted == broken, f"S7: {len(broken)} broken promises, {len(noted)} tasks"
        self.day.report.counts["conflict: promise broken"] += len(broken)
        self._s9()

    def _s1(self) -> None:
        keys = {*self.day.moves, *self.day.counts}
        for key in keys:
            at_ms, _, counted = max(self.day.counts.get(key, ()), default=(-1, "", 0))
            expected = counted + sum(
                qty for qty, when_ms in self.day.moves.get(key, {}).values() if when_ms > at_ms
            )
            found = self._level(*key[:2], location=key[2])[0]
            assert found == expected, f"S1: {key} has {found}, should have {expected}"

    def _s9(self) -> None:
        """Levels and movements of facts are thrown away and built anew."""
        connection = self.day.connection
        before = rebuild.digest(connection)
        keys = self.day.rows("select store, sku, location from stock_level")
        self.day.driver.execute("delete from stock_level")
        self.day.driver.execute("delete from stock_movement where type in ('sale', 'return', 'void')")
        said = [fact for till in self.day.tills for fact in till.said]
        self.rng.shuffle(said)
        rebuild.put_movements(connection, said, self.day.now_ms)
        for key in keys:
            rebuild.rebuild_level(connection, *key)
        assert rebuild.digest(connection) == before, "S9: built anew it is something else"

    def _level(self, store: str, sku: str, *, location: str = "store") -> tuple[int, int]:
        rows = self.day.rows(
            "select on_hand, reserved from stock_level where store = ? and sku = ? and location = ?",
            store,
            sku,
            location,
        )
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def _state(self, reservation_id: str) -> str:
        ((state,),) = self.day.rows(
            "select state from stock_reservation where reservation_id = ?", reservation_id
        )
        return str(state)


def _commit(work: Work, one: str) -> core.Reservation:
    return core.commit(work, one, one)


def _release(work: Work, one: str) -> core.Reservation:
    return core.release(work, one)
