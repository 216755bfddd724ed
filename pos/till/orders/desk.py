"""What the till's parts for orders share: asking the hub under remembered keys, and claims that are given up when nobody needs them.

A request whose answer was not heard is asked again under its key before anything else is asked, also after a restart. A claim
is remembered before it is asked for; what is neither handed over nor in the open cart is released as soon as the hub hears it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from pos.domain import commands as c
from pos.domain.pickup import GiveBack, Order
from pos.domain.rights import declare
from pos.mentions import receipt_key
from pos.node_ports import ShopAnswer
from pos.order_facts import OrderHandedOver
from pos.sale_facts import Sale
from pos.till.desk import Desk, Refusal
from pos.till.sale.selling import Selling

__all__ = ["PICKUP", "OrderDesk", "heard", "read"]

PICKUP: Final = declare("pickup")
FRESH_MS: Final = 300_000
"""A claim older than this is renewed before payment; the hub's lease is twice as long."""
_TIMEOUT_S: Final = 3.0
_PACKED: Final = ("/pick", "/ready")
"""How the addresses end at which the hub hears what was packed."""
_OWED: Final = "orders.owed"
_CLAIMS: Final = "orders.claims"
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class _Owed(msgspec.Struct, frozen=True):
    """A POST whose answer was not heard."""

    path: str
    body: bytes
    key: str


class _Claimed(msgspec.Struct, frozen=True):
    """A claim as it was asked for, and what the hub gave; `claim` 0: its answer was not heard."""

    body: bytes
    key: str
    order_id: str = ""
    fulfillment_id: str = ""
    claim: int = 0


class OrderDesk:
    """The hub's orders, as the parts of one till ask for them."""

    def __init__(self, desk: Desk, selling: Selling, submit: Callable[[c.Command], None]) -> None:
        self._desk = desk
        self._selling = selling
        self._submit = submit
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._claimed_ms: dict[str, int] = {}  # by fulfillment, on the monotonic clock
        self.in_hand = ""
        """The fulfillment that a person hands over just now."""

    def begin(self) -> None:
        """Raises Refusal, NeedsApproval."""
        self._desk.must_be_selling()
        self._desk.need(PICKUP)
        if self._desk.training:
            raise Refusal("pickup-training")
        if self._desk.world.shop is None:
            raise Refusal("pickup-no-hub")

    @property
    def store(self) -> str:
        return self._desk.world.journal.head.store

    @property
    def here(self) -> str:
        return f"/stores/{self.store}"

    # -- asking

    async def get(self, path: str) -> ShopAnswer:
        """What was not heard is settled first, so that what is read is what became of it."""
        async with self._lock:
            if not await self._settle():
                return ShopAnswer(0)
            return await self._ask("GET", path)

    async def post(self, path: str, body: Any) -> ShopAnswer:
        """Silence leaves it owed: it is asked again under its key before anything else."""
        async with self._lock:
            if not await self._settle():
                return ShopAnswer(0)
            return await self._tell(_Owed(path, msgspec.json.encode(body), self._desk.world.ids.new_id()))

    async def tell(self, path: str, body: Any) -> ShopAnswer:
        """What has happened already, in its turn: silence leaves it owed, also behind others that are."""
        async with self._lock:
            one = _Owed(path, msgspec.json.encode(body), self._desk.world.ids.new_id())
            if await self._settle():
                return await self._tell(one)
            await self._keep(_OWED, [*await self._load(_OWED, list[_Owed]), one])
            return ShopAnswer(0)

    async def place(self, body: Any) -> ShopAnswer:
        """Place an order. Until `placed` it is cancelled by itself when nobody hears of it: after silence, or a crash."""
        async with self._lock:
            if not await self._settle():
                return ShopAnswer(0)
            one = _Owed("/orders", msgspec.json.encode(body), self._desk.world.ids.new_id())
            await self._keep(_OWED, [*await self._load(_OWED, list[_Owed]), one])
            answer = await self._ask("POST", one.path, one.body, one.key)
            if answer.silent:
                answer = await self._ask("POST", one.path, one.body, one.key)
            if not answer.silent and not answer.yes:
                await self._forget(one)
            return answer

    async def placed(self, order_id: str) -> None:
        """It is kept here, or wanted by itself."""
        _log.info("order %s was placed", order_id)
        async with self._lock:
            for one in await self._load(_OWED, list[_Owed]):
                if one.path == "/orders":
                    await self._forget(one)

    async def _forget(self, one: _Owed) -> None:
        await self._keep(_OWED, [each for each in await self._load(_OWED, list[_Owed]) if each != one])

    async def _unplace(self, one: _Owed) -> bool:
        """What was placed and is nobody's is cancelled. False where the hub is silent."""
        answer = await self._ask("POST", one.path, one.body, one.key)
        if answer.silent:
            return False
        if answer.yes:
            order_id = msgspec.json.decode(answer.body)["order"]["order_id"]
            cart = self._selling.cart
            if cart is None or all(line.order != order_id for line in cart.lines):
                ended = await self._tell(_cancel(order_id))
                if ended.silent:
                    return False
        await self._forget(one)
        return True

    def cancel_later(self, order_id: str) -> None:
        """In the background: a sale that ordered it is given up."""
        self._in_background(self._owe(_cancel(order_id)))

    def tell_later(self, path: str, body: Any) -> None:
        """In the background, and again when the hub answers, where it is silent: what it may hear at any time."""
        if self._desk.world.shop is not None and not self._desk.training:
            self._in_background(
                self._owe(_Owed(path, msgspec.json.encode(body), self._desk.world.ids.new_id()))
            )

    async def settle(self) -> None:
        """Tell what the hub has not heard yet."""
        if self._desk.world.shop is not None:
            async with self._lock:
                await self._settle()

    async def _owe(self, one: _Owed) -> None:
        async with self._lock:
            await self._keep(_OWED, [*await self._load(_OWED, list[_Owed]), one])
            await self._settle()

    async def _tell(self, one: _Owed) -> ShopAnswer:
        owed = await self._load(_OWED, list[_Owed])
        if one not in owed:
            await self._keep(_OWED, [*owed, one])
        answer = await self._ask("POST", one.path, one.body, one.key)
        if answer.silent:
            answer = await self._ask("POST", one.path, one.body, one.key)
        if not answer.silent:
            rest = [each for each in await self._load(_OWED, list[_Owed]) if each != one]
            await self._keep(_OWED, rest)
        return answer

    def order(self, path: str, body: Any) -> Any:
        """The order as it is after the request. Raises Refusal."""
        answer = yield self.post(path, body)
        return read(heard(answer), Order)

    async def _ask(self, method: str, path: str, body: bytes = b"", key: str = "") -> ShopAnswer:
        shop = self._desk.world.shop
        assert shop is not None, "a hub is known"
        return await shop.ask(method, path, body, key=key, timeout_s=_TIMEOUT_S)

    async def _load(self, key: str, type_: type[_T]) -> _T:
        memory = self._desk.world.memory
        raw = await memory.get(key) if memory is not None else None
        try:
            return msgspec.json.decode(raw or b"[]", type=type_)
        except msgspec.MsgspecError:
            _log.exception("what was kept of orders cannot be read")
            return msgspec.json.decode(b"[]", type=type_)

    async def _keep(self, key: str, value: Sequence[Any]) -> None:
        if self._desk.world.memory is not None:
            await self._desk.world.memory.put(key, msgspec.json.encode(value))

    # -- claims

    async def claim(self, code: str, fulfillment: str = "") -> ShopAnswer:
        """Take a hand-over. What this till already holds for it is renewed."""
        async with self._lock:
            if not await self._settle(fulfillment):
                return ShopAnswer(0)
            body = msgspec.json.encode({"code": code, "fulfillment": fulfillment})
            one = _Claimed(body, self._desk.world.ids.new_id())
            await self._keep(_CLAIMS, [*await self._load(_CLAIMS, list[_Claimed]), one])
            asked_ms = self._desk.world.clock.mono_ms()
            answer, found = await self._claim(one)
            if answer.silent:
                answer, found = await self._claim(one)
            if found.claim:
                self.in_hand = found.fulfillment_id
                self._claimed_ms[found.fulfillment_id] = asked_ms
            return answer

    async def _claim(self, one: _Claimed) -> tuple[ShopAnswer, _Claimed]:
        """Ask for it; what is remembered of it follows the answer."""
        answer = await self._ask("POST", f"{self.here}/pickups", one.body, one.key)
        found = one
        if answer.yes:
            order = msgspec.json.decode(answer.body, type=Order)
            mine = f"{self.store}/{self._desk.world.journal.head.till}"
            wanted = msgspec.json.decode(one.body)["fulfillment"]
            for task in order.fulfillments:
                given = task.claim
                if given is None or task.store != self.store or given.till != mine:
                    continue
                if task.state == "claimed" and wanted in {"", task.fulfillment_id}:
                    found = msgspec.structs.replace(
                        one, order_id=order.order_id, fulfillment_id=task.fulfillment_id, claim=given.n
                    )
        if not answer.silent:
            rest = [
                each
                for each in await self._load(_CLAIMS, list[_Claimed])
                if each.key != one.key and (not found.claim or each.fulfillment_id != found.fulfillment_id)
            ]
            await self._keep(_CLAIMS, [*rest, found] if found.claim else rest)
        return answer, found

    # -- down payments that go back

    async def take_back(self, said: str) -> ShopAnswer:
        """Take it on this till to give back what was paid down for an order that is over; asked again it is renewed."""
        async with self._lock:
            if not await self._settle():
                return ShopAnswer(0)
            path, key = f"{self.here}/orders/{quote(said, safe='')}/give-back", self._desk.world.ids.new_id()
            asked_ms = self._desk.world.clock.mono_ms()
            answer = await self._ask("POST", path, b"", key)
            if answer.silent:
                answer = await self._ask("POST", path, b"", key)
            if answer.yes:
                order_id = msgspec.json.decode(answer.body, type=GiveBack).order.order_id
                self._claimed_ms[order_id] = asked_ms
            return answer

    def free_later(self, order_id: str, n: int) -> None:
        """In the background: this till does not give it back after all. Unheard, the lease ends by itself."""
        self._claimed_ms.pop(order_id, None)
        path = f"{self.here}/orders/{order_id}/give-back/release"
        self._in_background(self._free(path, msgspec.json.encode({"n": n})))

    async def _free(self, path: str, body: bytes) -> None:
        async with self._lock:
            await self._ask("POST", path, body, self._desk.world.ids.new_id())

    def is_fresh(self, fulfillment_id: str) -> bool:
        """Is the claim so young that nobody else can have it?"""
        since = self._claimed_ms.get(fulfillment_id)
        return since is not None and self._desk.world.clock.mono_ms() - since <= FRESH_MS

    def begun(self, fulfillment_id: str) -> None:
        """The hub fell silent after the claim: it ends as it was begun."""
        self._claimed_ms[fulfillment_id] = self._desk.world.clock.mono_ms()

    async def given(self, order_id: str) -> list[OrderHandedOver]:
        """What this till handed over of an order, less what came back as its receipt was voided."""
        history = self._desk.world.history
        found = await history.mentions("order", order_id) if history is not None else ()
        return [
            one.fact
            for one in found
            if isinstance(one.fact, OrderHandedOver) and not await self._is_voided(one.epoch, one.fact)
        ]

    async def _is_voided(self, epoch: int, fact: OrderHandedOver) -> bool:
        if not fact.receipt:
            return False
        return await self.is_countered(receipt_key(self._desk.world.journal.head.till, epoch, fact.receipt))

    async def is_countered(self, key: str) -> bool:
        """Was this till's receipt voided?"""
        history = self._desk.world.history
        if history is None:
            return False
        later = [one.fact for one in await history.mentions("receipt", key)]
        voids = [
            ref for sale in later if isinstance(sale, Sale) for ref in sale.references if ref.kind == "void"
        ]
        return any(receipt_key(ref.till, ref.epoch, ref.number) == key for ref in voids)

    async def _settle(self, wanted: str = "") -> bool:
        """Tell what the hub may not have heard. False where it is silent."""
        for one in await self._load(_OWED, list[_Owed]):
            if one.path == "/orders":
                if not await self._unplace(one):
                    return False
            else:
                answer = await self._tell(one)
                if answer.silent:
                    return False
                if not answer.yes and one.path.endswith(_PACKED):
                    _log.error("the hub refused what was packed without it: %s %s", one.path, answer.code)
                    self._submit(c.Notice("pickup-packed-no", ""))
        cart = self._selling.cart
        in_cart = (
            {one.fulfillment_id for one in cart.about.handing if one.claim} if cart is not None else set()
        )
        for claimed in await self._load(_CLAIMS, list[_Claimed]):
            found = claimed
            if not claimed.claim:
                answer, found = await self._claim(claimed)
                if answer.silent:
                    return False
            if not found.claim or found.fulfillment_id in {self.in_hand, wanted, *in_cart}:
                continue
            done = any(
                (one.fulfillment_id, one.claim) == (found.fulfillment_id, found.claim)
                for one in await self.given(found.order_id)
            )
            if not done and (await self._release(found)).silent:
                return False
            rest = [
                one
                for one in await self._load(_CLAIMS, list[_Claimed])
                if (one.fulfillment_id, one.claim) != (found.fulfillment_id, found.claim)
            ]
            await self._keep(_CLAIMS, rest)
        return True

    async def _release(self, one: _Claimed) -> ShopAnswer:
        path = f"{self.here}/fulfillments/{one.fulfillment_id}/release"
        self._claimed_ms.pop(one.fulfillment_id, None)
        body = msgspec.json.encode({"claim": one.claim})
        return await self._ask("POST", path, body, f"release/{one.fulfillment_id}/{one.claim}")

    def let_go(self) -> None:
        """In the background: what nobody hands over any more is anybody's. Unheard, it is told next time."""
        self.in_hand = ""
        self.settle_later()

    def settle_later(self) -> None:
        """In the background: tell what the hub has not heard yet."""
        if self._desk.world.shop is not None:
            self._in_background(self.settle())

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception:  # noqa: BLE001 - logged; it stays owed, and a lease ends by itself
                _log.exception("the hub could not be told of an order")

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # the till is ending
            work.close()
            return
        task = loop.create_task(guarded(), name="orders")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def rest(self) -> None:
        """Wait until nothing is told in the background any more."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))


def _cancel(order_id: str) -> _Owed:
    body = msgspec.json.encode({"reason": "till-gave-up"})
    return _Owed(f"/orders/{order_id}/cancel", body, f"cancel/{order_id}")


def heard(answer: ShopAnswer) -> ShopAnswer:
    """Raises Refusal for silence and for a no."""
    if answer.silent:
        raise Refusal("pickup-silent")
    if answer.yes:
        return answer
    match answer.code:
        case "claimed":
            raise Refusal("pickup-claimed", till=answer.detail.rpartition("/")[2])
        case "not-found":
            raise Refusal("pickup-unknown")
        case "several":
            raise Refusal("pickup-several", number=answer.detail[:24])
        case "pickup-handed-over":
            raise Refusal("pickup-gone")
        case "pickup-expired":
            raise Refusal("pickup-expired")
        case "pickup-cancelled" | "pickup-rejected":
            raise Refusal("pickup-cancelled")
        case "pickup-new" | "pickup-accepted" | "pickup-picking" | "pickup-short-picked":
            raise Refusal("pickup-not-ready")
        case "not-available":
            raise Refusal("order-not-there")
    raise Refusal("pickup-refused", detail=(answer.title or answer.code)[:40])


def read(answer: ShopAnswer, type_: type[_T]) -> _T:
    """Raises Refusal for what no hub of ours says."""
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except msgspec.MsgspecError as error:
        raise Refusal("pickup-refused", detail=str(error)[:40]) from error
