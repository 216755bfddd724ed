"""Faults that are put into the rooms of the shop on purpose; the days of the shop must find each.

Each is a small change of one place. A name that is not there any more is an error: then the mutation must follow the code.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from sync.hub.shop.baskets import core as baskets
from sync.hub.shop.baskets import facts as basket_facts
from sync.hub.shop.cards import core as cards
from sync.hub.shop.customers import points
from sync.hub.shop.kit import tasks, work
from sync.hub.shop.orders import core as orders
from sync.hub.shop.orders import facts as order_facts
from sync.hub.shop.orders import giving_back, handing, moves, owing, till_paid
from sync.hub.shop.orders import goods as order_goods
from sync.hub.shop.orders.body import hold
from sync.hub.shop.orders.told import told_of
from sync.hub.shop.returns import facts as return_facts
from sync.hub.shop.returns import purchases
from sync.hub.shop.stock import core as stock
from sync.hub.shop.stock import facts as stock_facts
from sync.hub.shop.stock import levels, shipments
from tests.simulation.mutating import Patch
from tests.simulation.shop_days import shop_days

__all__ = ["DAYS", "MUTATIONS", "caught", "mutated", "shop_mutations"]

DAYS: Final = 400
"""Within so many days a mutation must be found."""

Mutation = Callable[[Patch], None]
MUTATIONS: Final[dict[str, Mutation]] = {}


def _mutation(apply: Mutation) -> Mutation:
    MUTATIONS[apply.__name__.replace("_", "-")] = apply
    return apply


@contextlib.contextmanager
def mutated(name: str) -> Iterator[None]:
    patch = Patch()
    try:
        if name:
            MUTATIONS[name](patch)
        yield
    finally:
        patch.undo()


def caught(name: str, first: int, days: int) -> tuple[int, str]:
    """How many days it took to find it, and by what; -1 if none of these found it."""
    with mutated(name):
        for at in range(days):
            try:
                shop_days(first + at, 1)
            except AssertionError as error:
                return at + 1, str(error)[:160]
    return -1, ""


def shop_mutations(seed: int, count: int, progress: Callable[[int], None]) -> dict[str, int]:
    """A phase of `make simulate`: `count` mutations, the first one by number `seed` modulo their count."""
    names = sorted(MUTATIONS)
    found = {"mutations": 0, "caught": 0}
    for done in range(1, count + 1):
        name = names[(seed + done - 1) % len(names)]
        days, _ = caught(name, 1, DAYS)
        found["mutations"] += 1
        found["caught"] += days > 0
        found[f"days until {name} is found_max"] = days
        progress(done)
    return found


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda _original: lambda *_args, **_options: value


@_mutation
def availability_not_asked(patch: Patch) -> None:
    """A promise takes what is not there: the update has lost its condition."""

    def make(_original: Any) -> Any:
        def take(work_: Any, store: str, sku: str, qty: int) -> bool:
            levels.ensure(work_, [(store, sku, levels.SHOP_FLOOR)])
            where = (store, sku)
            work_.connection.exec_driver_sql(
                "update stock_level set reserved = reserved + ? where store = ? and sku = ? and location = 'store'",
                (qty, *where),
            )
            return True

        return take

    patch.set(stock, "_take", make)


@_mutation
def safety_forgotten(patch: Patch) -> None:
    patch.set(stock, "safety_of", _always({}))


@_mutation
def late_sale_counted_twice(patch: Patch) -> None:
    """A sale that was over before a count is taken off the count."""

    def make(original: Any) -> Any:
        def book(work_: Any, moved: Any) -> Any:
            return original(work_, [msgspec.structs.replace(one, occurred_ms=1 << 60) for one in moved])

        return book

    patch.set(stock, "book", make)


@_mutation
def promise_not_broken(patch: Patch) -> None:
    patch.set(stock, "relieve", _always(None))


@_mutation
def promise_broken_without_a_word(patch: Patch) -> None:
    class Silent:
        @staticmethod
        def add(*_args: Any, **_options: Any) -> bool:
            return True

    patch.set(stock, "tasks", lambda _original: Silent)


@_mutation
def release_forgets_the_level(patch: Patch) -> None:
    """The reservation ends, and its goods stay promised."""

    class Nothing:
        @staticmethod
        def run(*_args: Any) -> int:
            return 1

    patch.set(stock, "_freed", lambda _original: Nothing)


@_mutation
def reservation_ends_twice(patch: Patch) -> None:
    """Whoever ends it second, ends it once more."""

    def make(original: Any) -> Any:
        def end(work_: Any, reservation_id: str, state: str, cause: str, **options: Any) -> Any:
            work_.connection.exec_driver_sql(
                "update stock_reservation set state = 'active' where reservation_id = ? and state <> 'active'",
                (reservation_id,),
            )
            return original(work_, reservation_id, state, cause, **options)

        return end

    patch.set(stock, "_end", make)


@_mutation
def commit_issues_nothing(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def commit(work_: Any, reservation_id: str, cause: str, **_options: Any) -> Any:
            return original(work_, reservation_id, cause, moved=True)

        return commit

    patch.set(stock, "commit", make)


@_mutation
def movement_booked_each_time(patch: Patch) -> None:
    """The same cause again moves the level again."""

    def make(original: Any) -> Any:
        def insert(work_: Any, move: Any) -> bool:
            original(work_, move)
            return True

        return insert

    patch.set(levels, "_insert", make)


@_mutation
def return_adds_nothing(patch: Patch) -> None:
    """What comes back is not counted."""

    def make(original: Any) -> Any:
        def moves_of(arrived: Any) -> Any:
            return [one for one in original(arrived) if one.qty < 0]

        return moves_of

    patch.set(stock_facts, "moves_of", make)


@_mutation
def damaged_goods_are_sold_again(patch: Patch) -> None:
    patch.set(stock_facts, "DAMAGED", lambda _original: levels.SHOP_FLOOR)


@_mutation
def training_counts(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def moves_of(arrived: Any) -> Any:
            fact = arrived.fact
            if getattr(fact, "training", False):
                arrived = msgspec.structs.replace(arrived, fact=msgspec.structs.replace(fact, training=False))
            return original(arrived)

        return moves_of

    patch.set(stock_facts, "moves_of", make)


@_mutation
def goods_stay_on_their_way(patch: Patch) -> None:
    """A transfer arrives, and is still on its way."""

    def make(original: Any) -> Any:
        def move_all(work_: Any, asked: Any, **options: Any) -> Any:
            return original(work_, [one for one in asked if one.type != "transfer_arrived"], **options)

        return move_all

    patch.set(shipments, "move_all", make)


@_mutation
def pickup_claimed_by_two(patch: Patch) -> None:
    """The lease of another till is not looked at."""

    def make(original: Any) -> Any:
        def claim(work_: Any, ask: Any) -> Any:
            work_.connection.exec_driver_sql(
                "update orders_fulfillment set claimed_by = '', lease_ms = 0 where claimed_by <> ''"
            )
            return original(work_, ask)

        return claim

    patch.set(moves, "claim", make)


@_mutation
def second_hand_over_dropped(patch: Patch) -> None:
    """Only one hand-over of an order is kept."""

    def make(original: Any) -> Any:
        def handed_over(work_: Any, arrived: Any, fact: Any) -> None:
            held = hold(work_, fact.order_id)
            if not told_of(work_, held):
                original(work_, arrived, fact)

        return handed_over

    patch.set(order_facts, "handed_over", make)


@_mutation
def double_hand_over_not_said(patch: Patch) -> None:
    patch.set(handing, "_say_double", _always(None))


@_mutation
def voided_hand_over_stays(patch: Patch) -> None:
    """The goods are on their shelf, and the order is gone."""
    patch.set(order_facts, "taken_back", _always(None))


@_mutation
def hand_over_keeps_its_promise(patch: Patch) -> None:
    """Goods leave, and stay promised."""
    patch.set(order_goods, "spend", _always(None))


@_mutation
def hand_over_counts_no_goods(patch: Patch) -> None:
    patch.set(order_goods, "issue", _always(None))


@_mutation
def cancelled_order_keeps_its_goods(patch: Patch) -> None:
    patch.set(order_goods, "release", _always(None))


@_mutation
def refund_of_an_order_forgotten(patch: Patch) -> None:
    patch.set(orders, "owe", _always(None))


@_mutation
def down_payment_given_back_by_two(patch: Patch) -> None:
    """The hub lets every till that asks."""
    patch.set(giving_back, "_now", _always(None))


@_mutation
def given_back_twice_not_said(patch: Patch) -> None:
    patch.set(owing, "_say_twice", _always(None))


@_mutation
def voided_payment_out_stays(patch: Patch) -> None:
    patch.set(order_facts, "voided_at_till", _always(None))


@_mutation
def given_back_and_still_asked_for(patch: Patch) -> None:
    """What tills gave back is not taken off what people are asked to give back."""

    def make(original: Any) -> Any:
        def owe(work_: Any, held: Any, reason: str) -> None:
            kept, held.body = held.body, msgspec.structs.replace(held.body, backs=())
            original(work_, held, reason)
            held.body = kept

        return owe

    patch.set(till_paid, "owe", make)


@_mutation
def payment_counted_twice(patch: Patch) -> None:
    """The same reference is another payment."""

    def make(original: Any) -> Any:
        def pay(work_: Any, ask: Any) -> Any:
            payment = msgspec.structs.replace(
                ask.payment, reference=f"{ask.payment.reference}/{work_.ids.new_id()}"
            )
            return original(work_, msgspec.structs.replace(ask, payment=payment))

        return pay

    patch.set(orders, "pay", make)


@_mutation
def hold_not_counted(patch: Patch) -> None:
    """What is held of a card may be held once more."""
    patch.set(cards, "_left", lambda _original: lambda row: int(row.moved_minor))


@_mutation
def hold_not_ended(patch: Patch) -> None:
    patch.set(cards, "expire_holds", _always(0))


@_mutation
def hold_ends_and_stays_held(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def held(work_: Any, number: str, minor: int) -> None:
            if minor > 0:
                original(work_, number, minor)

        return held

    patch.set(cards, "_held", make)


@_mutation
def card_spent_again_when_heard_again(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def move(work_: Any, number: str, cause: str, *more: Any) -> bool:
            return bool(original(work_, number, f"{cause}/{work_.ids.new_id()}", *more))

        return move

    patch.set(cards, "move", make)


@_mutation
def card_spent_alone_dropped(patch: Patch) -> None:
    """A sale that held nothing is taken to be wrong."""

    def make(original: Any) -> Any:
        def move(work_: Any, number: str, cause: str, kind: str, minor: int, *more: Any) -> bool:
            row = cards._known.first(work_.connection, number)
            if minor < 0 and (row is None or row.moved_minor + minor < 0):
                return False
            return bool(original(work_, number, cause, kind, minor, *more))

        return move

    patch.set(cards, "move", make)


@_mutation
def overdraft_not_said(patch: Patch) -> None:
    class Silent:
        @staticmethod
        def add(*_args: Any, **_options: Any) -> bool:
            return True

    patch.set(cards, "tasks", lambda _original: Silent)


@_mutation
def points_not_taken_back(patch: Patch) -> None:
    def make(original: Any) -> Any:
        def add(work_: Any, customer_id: str, cause: str, kind: str, count: int, at_ms: int) -> None:
            if kind != "take_back":
                original(work_, customer_id, cause, kind, count, at_ms)

        return add

    patch.set(points, "add", make)


@_mutation
def points_burnt_without_looking(patch: Patch) -> None:
    patch.set(points, "balance", _always(1 << 30))


@_mutation
def cart_given_to_two(patch: Patch) -> None:
    patch.set(baskets, "_held_by_other", _always(False))


@_mutation
def cart_sold_twice_not_said(patch: Patch) -> None:
    class Silent:
        @staticmethod
        def add(*_args: Any, **_options: Any) -> bool:
            return True

    patch.set(basket_facts, "tasks", lambda _original: Silent)


@_mutation
def conflict_said_each_time(patch: Patch) -> None:
    """A task is told apart by when it was noted."""

    def make(original: Any) -> Any:
        def add(work_: Any, store: str, kind: str, key: str, **more: Any) -> bool:
            if kind == basket_facts.SOLD_TWICE:
                key = f"{key}/{work_.ids.new_id()}"
            return bool(original(work_, store, kind, key, **more))

        return add

    patch.set(tasks, "add", make)


@_mutation
def return_not_counted(patch: Patch) -> None:
    """What came back may come back once more."""
    patch.set(return_facts, "_take", _always(None))


@_mutation
def return_of_another_store_counted_here(patch: Patch) -> None:
    """The store of the receipt is taken to be that of the till that takes the goods."""

    def make(original: Any) -> Any:
        def take(work_: Any, store: str, purchase: str, arrived: Any, *more: Any, **options: Any) -> None:
            original(work_, arrived.store, purchase, arrived, *more, **options)

        return take

    patch.set(return_facts, "_take", make)


@_mutation
def kept_for_a_return_not_counted(patch: Patch) -> None:
    """Two tills take the same goods back, both with the hub's word."""
    patch.set(purchases, "live_holds", _always([]))


@_mutation
def return_keeps_its_hold(patch: Patch) -> None:
    """Goods came back, and stay kept for somebody."""
    patch.set(return_facts, "_end_hold", _always(None))


@_mutation
def too_much_not_said(patch: Patch) -> None:
    patch.set(return_facts, "_say_over", _always(None))


@_mutation
def sale_heard_late_forgets_what_came_back(patch: Patch) -> None:
    """Sums are looked at when something comes back, and not when its sale is heard after that."""
    patch.set(return_facts, "_look_at_sums", _always(None))


@_mutation
def key_forgotten(patch: Patch) -> None:
    """A command that is asked again is done again."""
    patch.set(work, "_known", _always(None))
