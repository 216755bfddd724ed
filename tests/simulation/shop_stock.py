"""Stock in the days of a shop: sales, returns, counts, promises, transfers, beside a plain second account (S1-S4, S7, S9)."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

import sqlalchemy as sa

from pos.sale_facts import Reference
from sync.hub import tables as hub_tables
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import core, rebuild, shipments
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.levels import Counted
from sync.hub.shop.stock.units import ONE, micro
from tests.simulation.shop_days import Day

__all__ = ["Stock"]

_ENDS: Final = ("committed", "released", "expired", "broken")
_Moves = dict[tuple[str, str, str], dict[tuple[str, str], tuple[int, int]]]


class Stock:
    """`moves` and `counts` are the second account: what happened where and when, by (store, sku, location)."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.rng = day.rng
        self.moves: _Moves = {}
        self.counts: dict[tuple[str, str, str], list[tuple[int, str, int]]] = {}
        self.promises: dict[str, str] = {}
        self.n = 0
        for store in day.stores:
            for sku in day.skus:
                self._receive(store, sku, self.rng.randint(0, 12))

    def acts(self) -> list[Callable[[], None]]:
        return [
            *(self._sell, self._sell, self._sell, self._take_back, self._void, self._train, self._reserve, self._reserve),
            *(self._end, self._end, self._count, self._late_count, self._adjust, self._transfer, self._expire),
        ]  # fmt: skip

    def _note(self, store: str, sku: str, location: str, key: tuple[str, str], qty: Decimal) -> None:
        self.moves.setdefault((store, sku, location), {})[key] = (micro(qty), self.day.now_ms)

    def _receive(self, store: str, sku: str, quantity: int) -> None:
        self.n += 1
        cause = f"in/{self.n}"
        move = core.Move(store, sku, Decimal(quantity), "receipt", cause, self.day.now_ms)
        if quantity:
            self._note(store, sku, "store", ("receipt", cause), Decimal(quantity))
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
        self._note(
            till.store,
            sku,
            "damaged" if damaged else "store",
            (kind, f"{till.name}/1/{till.seq + 1}/1"),
            -quantity,
        )
        self.day.write(till, self.day.sale(self.day.line(1, sku, quantity, damaged=damaged)))
        self.day.report.counts[f"{kind}s"] += 1
        self._sound()

    def _void(self) -> None:
        till = self.rng.choice(self.day.tills)
        sku = self.rng.choice(self.day.skus)
        self._note(till.store, sku, "store", ("void", f"{till.name}/1/{till.seq + 1}/1"), Decimal(1))
        line = self.day.line(1, sku, Decimal(1))
        turned = type(line)(
            **{name: getattr(line, name) for name in line.__struct_fields__} | {"qty": Decimal(-1)}
        )
        self.day.write(till, self.day.sale(turned, references=(Reference("void", till.name, 1, 1),)))

    def _train(self) -> None:
        till = self.rng.choice(self.day.tills)
        self.day.write(till, self.day.sale(self.day.line(1, self.day.skus[0], Decimal(5)), training=True))

    def _adjust(self) -> None:
        self._receive(
            self.rng.choice(self.day.stores), self.rng.choice(self.day.skus), self.rng.randint(1, 4)
        )
        self._sound()

    def _reserve(self) -> None:
        store, sku = self.rng.choice(self.day.stores), self.rng.choice(self.day.skus)
        quantity = Decimal(self.rng.choice(("1", "1", "2", "3", "0.5")))
        expires_ms = self.day.now_ms + self.rng.choice((1_000, 600_000, 10**9))
        ask = core.Reserve(store, sku, quantity, "pickup", "o", expires_ms, self.rng.random() < 0.3)
        made: list[core.Reservation] = []
        code = self.day.refused(lambda work: made.append(core.reserve(work, ask)))
        if code:
            assert code == "not-available", code
            self.day.report.counts["refused"] += 1
            return
        self.promises[made[0].reservation_id] = "active"
        self.day.report.counts["promises"] += 1
        on_hand, reserved = self._level(store, sku)
        room = max(0, on_hand - self.day.safety[store] * ONE)
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
                    self._note(done.store, done.sku, "store", ("pickup_issue", one), -done.qty)
                before = done.state
            assert done.state == before, f"S3: {before} became {done.state}"
            commit = self.rng.random() < 0.5
        self._sound()

    def _expire(self) -> None:
        self.day.now_ms += 1_000
        self.day.do(core.expire_due)

    def _count(self) -> None:
        self._counted(self.day.now_ms)

    def _late_count(self) -> None:
        self._counted(self.day.now_ms - self.rng.randint(0, 700_000))

    def _counted(self, at_ms: int) -> None:
        self.n += 1
        store, sku = self.rng.choice(self.day.stores), self.rng.choice(self.day.skus)
        said = Counted(store, sku, f"c{self.n:04d}", self.rng.randint(0, 9) * ONE, at_ms)
        self.counts.setdefault((store, sku, "store"), []).append((at_ms, said.count_id, said.qty))
        for _ in range(self.rng.randint(1, 2)):
            self.day.do(lambda work: core.put_count(work, said))
        self.day.report.counts["counts"] += 1
        self._sound()

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
        self._note(source, sku, "store", ("transfer_out", cause), Decimal(-sent))
        self._note(store, sku, "transit", ("transfer_in", cause), Decimal(sent))
        self.day.now_ms += self.rng.choice((1, 60_000))
        if came:
            arrived = shipments.Handle((shipments.Goods(sku, str(came)),))
            ask = shipments.HandleAsk("transfer", made.shipment_id, arrived)
            done = self.day.do(lambda work: shipments.receive(work, ask))
            assert done.differs == (sent != came)
            assert self.day.refused(lambda work: shipments.receive(work, ask)) == "state"
            cause = f"shipment/{made.shipment_id}/{made.version}"
            self._note(store, sku, "store", ("transfer_in", cause), Decimal(came))
            self._note(store, sku, "transit", ("transfer_arrived", cause), Decimal(-sent))
        self.day.report.counts["transfers"] += 1
        self._sound()

    def settle(self) -> None:
        self.day.now_ms += 2_000_000_000
        self.day.do(core.expire_due)

    def check(self) -> None:
        self._sound()
        self._s1()
        for one in self.promises:
            assert self._state(one) in _ENDS, f"S3: {one} never ended"
        broken = sorted(one for one in self.promises if self._state(one) == "broken")
        c = hub_tables.task.c
        noted = sorted(
            row.key
            for row in self.day.connection.execute(
                sa.select(c.key).where(c.store.in_(self.day.stores), c.kind == core.BROKEN)
            )
        )
        assert noted == broken, f"S7: {len(broken)} broken promises, {len(noted)} tasks"
        self.day.report.counts["broken"] += len(broken)
        self._s9()

    def _s1(self) -> None:
        keys = {*self.moves, *self.counts}
        for key in keys:
            at_ms, _, counted = max(self.counts.get(key, ()), default=(-1, "", 0))
            expected = counted + sum(
                qty for qty, when_ms in self.moves.get(key, {}).values() if when_ms > at_ms
            )
            found = self._level(*key[:2], location=key[2])[0]
            assert found == expected, f"S1: {key} has {found}, should have {expected}"

    def _s9(self) -> None:
        """Levels and movements of facts are thrown away and built anew."""
        connection = self.day.connection
        before = rebuild.digest(connection)
        safety = connection.execute(sa.select(t.level.c.safety).where(t.level.c.safety != -1)).first()
        assert safety is None
        keys = [
            tuple(row)
            for row in connection.execute(sa.select(t.level.c.store, t.level.c.sku, t.level.c.location))
        ]
        connection.execute(t.level.delete())
        m = t.movement.c
        connection.execute(t.movement.delete().where(m.type.in_(("sale", "return", "void"))))
        said = [fact for till in self.day.tills for fact in till.said]
        self.rng.shuffle(said)
        rebuild.put_movements(connection, said, self.day.now_ms)
        for key in keys:
            rebuild.rebuild_level(connection, *key)
        assert rebuild.digest(connection) == before, "S9: built anew it is something else"

    def _sound(self) -> None:
        """Nobody is promised what is not there, as far as the hub has heard."""
        c = t.level.c
        wrong = self.day.connection.execute(
            sa.select(c.store, c.sku, c.on_hand, c.reserved).where(
                c.store.in_(self.day.stores), c.reserved > 0, c.reserved > c.on_hand
            )
        ).first()
        assert wrong is None, f"S2: {wrong}"

    def _level(self, store: str, sku: str, *, location: str = "store") -> tuple[int, int]:
        c = t.level.c
        row = self.day.connection.execute(
            sa.select(c.on_hand, c.reserved).where(c.store == store, c.sku == sku, c.location == location)
        ).first()
        return (0, 0) if row is None else (row.on_hand, row.reserved)

    def _state(self, reservation_id: str) -> str:
        return self.day.do(lambda work: _find(work, reservation_id))


def _commit(work: Work, one: str) -> core.Reservation:
    return core.commit(work, one, one)


def _release(work: Work, one: str) -> core.Reservation:
    return core.release(work, one)


def _find(work: Work, reservation_id: str) -> str:
    return core.find_reservation(work, reservation_id).state
