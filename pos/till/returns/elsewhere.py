"""Purchases beyond this till: looked up at the hub, kept for this sale while it is open, given up where it is not made.

What is kept lapses at the hub by itself; the sale's fact ends it. A request is asked again under the key that was remembered
before, so an answer that was lost keeps nothing twice. Receipts of this till come back without the hub too.
"""

import asyncio
import logging
from collections.abc import Generator, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from pos.domain import cart as carts
from pos.domain.cart import Cart, Line, Origin
from pos.domain.purchase import Held, Hold, Purchase, PurchaseList, PurchaseRow, how_paid
from pos.domain.question import Option, Question
from pos.domain.rights import declare
from pos.node_ports import ShopAnswer, ShopDesk
from pos.sale_facts import Sale
from pos.till.checkout import Checkout
from pos.till.desk import Desk, NeedsAnswer, Refusal
from pos.till.flows import Need, approval_of
from pos.till.receipts.receipt_book import Receipt, sale_in
from pos.till.returns.order_again import sale_of
from pos.till.sale.selling import Selling

__all__ = ["RETURN_UNCHECKED", "Elsewhere", "Part", "Silent"]

RETURN_UNCHECKED: Final = declare("return-unchecked", amount=True)
_PENDING: Final = "returns.asked"
_OWN_S: Final = 2.0
_KEEP_S: Final = 3.0
_LOOK_MS: Final = 600_000
"""What was looked after within so long is paid as it is: the hub keeps it for longer."""
_SENTENCES: Final = {
    "nothing-left": "return-gone",
    "too-much": "return-gone",
    "voided": "return-of-voided",
    "not-found": "purchase-unknown",
}
_Asks = Generator[Any, Any, Any]
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Silent(Refusal):
    """The hub was not heard."""


class Part(msgspec.Struct, frozen=True):
    """So much of line `n` of a purchase, and why it comes back."""

    n: int
    qty: Decimal
    reason: str
    damaged: bool


class _Pending(msgspec.Struct, frozen=True):
    key: str
    body: bytes


class Elsewhere:
    """Asks the hub of purchases. In training nobody is asked."""

    def __init__(self, desk: Desk, selling: Selling, checkout: Checkout) -> None:
        self._desk = desk
        self._selling = selling
        self._tasks: set[asyncio.Task[None]] = set()
        checkout.given_up.append(self._given_up)
        checkout.look_after = self._first

    @property
    def _shop(self) -> ShopDesk | None:
        return None if self._desk.training else self._desk.world.shop

    @property
    def there(self) -> bool:
        return self._shop is not None

    # -- looking

    def look(self, **asked: str) -> Generator[Any, Any, tuple[PurchaseRow, ...]]:
        """What the hub finds, newest first. Raises Silent, Refusal."""
        answer = yield from self._ask("GET", f"/returns/sales?{urlencode(asked)}")
        return () if answer.status == 404 else self._read(answer, PurchaseList).sales

    def whole(self, row: PurchaseRow, *, gift: bool = False) -> Generator[Any, Any, Receipt]:
        """A purchase with its lines. Raises Silent, Refusal."""
        answer = yield from self._ask("GET", _path(row))
        return (yield from self._receipt(self._read(answer, Purchase), gift=gift))

    def known(self, receipt: Receipt, *, again: bool = False) -> Generator[Any, Any, Receipt]:
        """A receipt with what the hub knows of it; one of this till comes back without that too. Raises Silent, Refusal.

        `again`: something of it was taken back since it was looked up.
        """
        shop = self._shop
        own = not receipt.order and not receipt.store and receipt.till == self._head.till
        if shop is None:
            if own:
                return receipt
            raise Refusal("returns-no-hub")
        if again and receipt.unheard:
            return receipt
        settled = yield from self._settle()
        tidied = yield from self._tidy(receipt.key)
        if receipt.purchase is not None and not (again or settled or tidied):
            return receipt
        row = receipt.purchase or PurchaseRow(
            "till", self._head.store, receipt.till, receipt.epoch, receipt.sale.number
        )
        if not own:
            return (yield from self.whole(row, gift=receipt.gift))
        answer: ShopAnswer = yield shop.ask("GET", _path(row), timeout_s=_OWN_S)
        if not answer.yes:  # not told of it yet, or not heard
            return msgspec.structs.replace(receipt, unheard=answer.silent, purchase=None)
        return msgspec.structs.replace(receipt, purchase=self._read(answer, Purchase), unheard=False)

    def _receipt(self, found: Purchase, *, gift: bool) -> Generator[Any, Any, Receipt]:
        if found.currency != self._desk.setup.currency:
            raise Refusal("purchase-currency", currency=found.currency)
        if found.source == "order":
            sale = sale_of(found, self._desk)
            return Receipt("", 0, sale, gift, order=found.order_id, purchase=found)
        store = "" if found.store == self._head.store else found.store
        own = yield from self._own(found) if not store and found.till == self._head.till else _none()
        try:
            sale = own or msgspec.json.decode(found.sale, type=Sale)
        except msgspec.MsgspecError as error:
            raise Refusal("returns-refused", detail=str(error)[:40]) from error
        return Receipt(found.till, found.epoch, sale, gift, store=store, purchase=found)

    def _own(self, found: Purchase) -> Generator[Any, Any, Sale | None]:
        history = self._desk.world.history
        return sale_in((yield history.receipt(found.epoch, found.number))) if history is not None else None

    # -- keeping

    def keep(
        self, receipt: Receipt, parts: Sequence[Part], announced: str = ""
    ) -> Generator[Any, Any, tuple[Held, str] | None]:
        """What the hub keeps for this sale, and the key; None where it need not be asked, or was not heard. Raises Refusal."""
        if receipt.purchase is None:
            return None
        body = msgspec.json.encode(self._body(_whence(receipt.purchase), parts, announced))
        return (yield from self._keep(body))

    def kept(self) -> Generator[Any, Any, None]:
        """What was kept stands in the cart: nothing is open any more."""
        if self._desk.world.memory is not None:
            yield self._desk.world.memory.put(_PENDING, b"")

    def hold_of(
        self, receipt: Receipt, lines: Sequence[Line], held: tuple[Held, str] | None
    ) -> tuple[Hold, ...]:
        """For the cart: what is kept of these lines, and how they were paid. None for a receipt of which the hub knows nothing."""
        if receipt.purchase is None:
            return ()
        paid = how_paid(receipt.purchase.tenders, receipt.order)
        hold = Hold(receipt.key, tuple(line.n for line in lines), paid=paid, shown=receipt.shown)
        if held is not None:
            hold = self._renewed(hold, *held)
        return (hold,)

    def give_up(self, held: tuple[Held, str] | None) -> None:
        """In the background; unheard, it lapses by itself."""
        if held is not None:
            self._release((held[0].return_id,))

    def _keep(self, body: bytes) -> Generator[Any, Any, tuple[Held, str] | None]:
        shop, memory = self._shop, self._desk.world.memory
        assert shop is not None, "a hub is known"
        before = yield from self._open()
        key = before.key if before is not None and before.body == body else self._desk.world.ids.new_id()
        if memory is not None:
            yield memory.put(_PENDING, msgspec.json.encode(_Pending(key, body)))
        answer: ShopAnswer = yield shop.ask("POST", "/returns", body, key=key, timeout_s=_KEEP_S)
        if answer.silent:
            answer = yield shop.ask("POST", "/returns", body, key=key, timeout_s=_KEEP_S)
        if answer.silent:
            return None
        if not answer.yes:
            yield from self.kept()
            raise self._refusal(answer)
        return self._read(answer, Held), key

    def _open(self) -> Generator[Any, Any, _Pending | None]:
        """What was asked and never answered, unless it stands in a cart."""
        memory = self._desk.world.memory
        raw = (yield memory.get(_PENDING)) if memory is not None else None
        try:
            before = msgspec.json.decode(raw, type=_Pending) if raw else None
        except msgspec.MsgspecError:
            return None
        return None if before is None or self._in_a_cart(before.key) else before

    def _settle(self) -> Generator[Any, Any, bool]:
        """What was asked and never answered is asked again under the same key, and given up, as no cart has it. Was there any?"""
        before, shop = (yield from self._open()), self._shop
        if before is None or shop is None:
            return False
        answer: ShopAnswer = yield shop.ask("POST", "/returns", before.body, key=before.key, timeout_s=_OWN_S)
        if answer.silent:
            return False
        if answer.yes:
            return_id = self._read(answer, Held).return_id
            yield shop.ask("POST", f"/returns/{return_id}/release", key=f"release/{return_id}")
        yield from self.kept()
        return True

    def _in_a_cart(self, key: str) -> bool:
        cart = self._selling.cart
        abouts = [fact.about for fact in self._head.parked]
        if cart is not None:
            abouts.append(cart.about)
        return any(hold.key == key for about in abouts for hold in about.holds)

    def _body(self, whence: dict[str, Any], parts: Sequence[Part], announced: str) -> dict[str, Any]:
        return {
            **whence,
            "at_store": self._head.store,
            "at_till": self._head.till,
            "lines": [
                {"n": one.n, "qty": f"{one.qty:f}", "reason": one.reason, "damaged": one.damaged}
                for one in parts
            ],
            "by": self._desk.operator_id()[:40],
            "announced": announced,
        }

    def _renewed(self, hold: Hold, held: Held, key: str) -> Hold:
        now = self._desk.world.clock.wall_ms()
        return msgspec.structs.replace(
            hold, return_id=held.return_id, key=key, until_ms=held.until_ms, looked_ms=now
        )

    # -- letting go

    def _given_up(self, cart: Cart) -> None:
        """A sale was voided."""
        self._release([hold.return_id for hold in cart.about.holds if hold.return_id])

    def _release(self, return_ids: Sequence[str]) -> None:
        shop = self._shop
        if shop is None or not return_ids:
            return

        async def let_go() -> None:
            try:
                for return_id in return_ids:
                    await shop.ask("POST", f"/returns/{return_id}/release", key=f"release/{return_id}")
            except Exception:  # noqa: BLE001 - logged; it lapses by itself
                _log.exception("what was kept for a return could not be given up")

        task = asyncio.get_running_loop().create_task(let_go(), name="return-release")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tidy(self, receipt: str) -> Generator[Any, Any, bool]:
        """Lines that were taken out of the cart again are free to come back; what stays is kept anew. Were there any?"""
        shop, cart = self._shop, self._selling.cart
        if cart is None or shop is None:
            return False
        live = {line.n for line in cart.lines if line.live}
        holds = []
        for hold in cart.about.holds:
            left = tuple(n for n in hold.lines if n in live)
            if hold.receipt != receipt or not hold.return_id or left == hold.lines:
                holds.append(hold)
                continue
            path = f"/returns/{hold.return_id}/release"
            yield shop.ask("POST", path, key=f"release/{hold.return_id}", timeout_s=_OWN_S)
            rest = msgspec.structs.replace(hold, lines=left, return_id="", key="", until_ms=0)
            if left:
                holds.append((yield from self._again(rest)) or rest)
        if tuple(holds) == cart.about.holds:
            return False
        self._selling.keep(carts.with_about(self._selling.the_cart(), holds=tuple(holds)))
        yield from self.kept()
        return True

    # -- before payment

    def _first(self) -> None:
        """What is kept for the open cart, and was not looked after for long. Raises NeedsAnswer."""
        cart = self._selling.cart
        if self._shop is not None and cart is not None and any(map(self._is_old, cart.about.holds)):
            raise NeedsAnswer(self._look_after())

    def _is_old(self, hold: Hold) -> bool:
        age = self._desk.world.clock.wall_ms() - hold.looked_ms
        return bool(hold.return_id) and not 0 <= age <= _LOOK_MS and bool(self._lines(hold))

    def _lines(self, hold: Hold) -> list[Line]:
        cart = self._selling.cart
        return [line for line in cart.lines if line.live and line.n in hold.lines] if cart is not None else []

    def _look_after(self) -> Generator[Any, Any, bool]:
        """Ask for more time; what lapsed is kept anew, if nobody else had it meanwhile. False: the payment waits."""
        shop = self._shop
        assert shop is not None, "a hub is known"
        now = self._desk.world.clock.wall_ms()
        holds, lost = [], []
        for hold in self._selling.the_cart().about.holds:
            if not self._is_old(hold):
                holds.append(hold)
                continue
            path = f"/returns/{hold.return_id}/extend"
            answer: ShopAnswer = yield shop.ask("POST", path, key=self._desk.world.ids.new_id())
            renewed = msgspec.structs.replace(hold, looked_ms=now)
            if answer.yes:
                renewed = self._renewed(hold, self._read(answer, Held), hold.key)
            elif not answer.silent:
                again = yield from self._again(hold)
                lost += [] if again is not None else self._lines(hold)
                renewed = again or renewed
            holds.append(renewed)
        if lost and not (yield from self._lost(lost)):
            return False
        cart = self._selling.the_cart()
        self._selling.keep(carts.with_about(cart, holds=tuple(holds)))
        yield from self.kept()
        return True

    def _again(self, hold: Hold) -> Generator[Any, Any, Hold | None]:
        """Keep what is in the cart once more; None where others were faster. Silence changes nothing."""
        lines = self._lines(hold)
        origins = [line.origin for line in lines if line.origin is not None]
        parts = [
            Part(origin.n, -line.quantity, origin.reason, origin.damaged)
            for line, origin in zip(lines, origins, strict=True)
        ]
        body = msgspec.json.encode(self._body(self._whence(origins[0]), parts, ""))
        try:
            held = yield from self._keep(body)
        except Silent:
            return hold
        except Refusal:
            return None
        return hold if held is None else self._renewed(hold, *held)

    def _lost(self, lines: Sequence[Line]) -> Generator[Any, Any, bool]:
        """Somebody else took it back meanwhile: out of this sale, or by somebody's word all the same."""
        options = (Option("out", word="ask.return-lost-out"), Option("stay", word="ask.return-lost-stay"))
        rows = tuple((line.text, "") for line in lines[:6])
        if (yield Question("return-lost", options=options, rows=rows, scans="refuse")) == "stay":
            approvals = approval_of((yield Need(RETURN_UNCHECKED)))
            cart = self._selling.the_cart()
            self._selling.keep(carts.with_about(cart, approvals=(*cart.about.approvals, *approvals)))
            return True
        for line in lines:
            self._selling.void(line.n)
        self._desk.warn("return-lost-out", count=len(lines))
        return False

    # -- inside

    @property
    def _head(self) -> Any:
        return self._desk.world.journal.head

    def _whence(self, origin: Origin) -> dict[str, Any]:
        if origin.order:
            return {"source": "order", "order_id": origin.order}
        return {
            "source": "till",
            "store": origin.store or self._head.store,
            "till": origin.till,
            "epoch": origin.epoch,
            "number": origin.number,
        }

    def _ask(self, method: str, path: str) -> Generator[Any, Any, ShopAnswer]:
        shop = self._shop
        if shop is None:
            raise Refusal("returns-no-hub")
        answer: ShopAnswer = yield shop.ask(method, path)
        if answer.silent:
            raise Silent("returns-silent", level="warn", limit=self._desk.returns.offline_max_minor)
        if answer.status == 404 and not answer.code:  # no such route: a hub without returns
            raise Refusal("returns-not-at-hub")
        if not answer.yes and answer.status != 404:
            raise self._refusal(answer)
        return answer

    @staticmethod
    def _refusal(answer: ShopAnswer) -> Refusal:
        sentence = _SENTENCES.get(answer.code, "")
        return (
            Refusal(sentence)
            if sentence
            else Refusal("returns-refused", detail=(answer.title or answer.code)[:40])
        )

    @staticmethod
    def _read(answer: ShopAnswer, type_: type[_T]) -> _T:
        """Raises Refusal for what no hub of ours says, and for what is not there."""
        if answer.status == 404:
            raise Refusal("purchase-unknown")
        try:
            return msgspec.json.decode(answer.body, type=type_)
        except msgspec.MsgspecError as error:
            _log.error("the hub's answer cannot be read: %s", error)
            raise Refusal("returns-refused", detail=str(error)[:40]) from error


def _none() -> Generator[Any, Any, None]:
    yield from ()


def _path(row: PurchaseRow) -> str:
    if row.source == "order":
        return f"/returns/sales/order/{quote(row.order_id, safe='')}"
    return f"/returns/sales/till/{quote(row.store)}/{quote(row.till)}/{row.epoch}/{row.number}"


def _whence(found: PurchaseRow) -> dict[str, Any]:
    """Which purchase, as a return names it."""
    if found.source == "order":
        return {"source": "order", "order_id": found.order_id}
    return {
        "source": "till",
        "store": found.store,
        "till": found.till,
        "epoch": found.epoch,
        "number": found.number,
    }
