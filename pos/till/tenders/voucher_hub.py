"""What the hub knows of gift cards and credit: what is left on a card of any till, and an amount kept for this sale.

Asked online; where the hub is silent, a card that this till knows pays up to a limit (`voucher_offline_max_minor`), so the
most that can be spent twice is that limit for each card and till without a line. A hold is remembered before it is asked for;
one that stands in no cart and no sale is let go as soon as the hub hears it, also after a lost answer, Esc or a crash, and lapses
by itself otherwise.
"""

import asyncio
import logging
from collections.abc import Callable, Generator
from typing import Any, Final

import msgspec

from pos.domain.cart import Cart
from pos.domain.vouchers import Balance
from pos.node_ports import ShopAnswer
from pos.sale_facts import Sale
from pos.till.desk import Desk, Refusal

__all__ = ["Online", "VoucherHub"]

_KEPT: Final = "vouchers.holds"
_log = logging.getLogger(__name__)
_SENTENCES: Final = {"blocked": "voucher-blocked", "lapsed": "voucher-lapsed"}


class _Card(msgspec.Struct, frozen=True):
    kind: str
    currency: str
    available_minor: int


class _Hold(msgspec.Struct, frozen=True):
    hold_id: str
    state: str


class Kept(msgspec.Struct, frozen=True):
    """A hold as it was asked for; `hold_id` empty: its answer was not heard."""

    key: str
    number: str
    body: bytes
    hold_id: str = ""


class Online(msgspec.Struct, frozen=True):
    """What is left on a card. `heard`: the hub says so; else this till's own facts, and `balance` is within the limit."""

    balance: Balance | None
    heard: bool


class VoucherHub:
    """Asks the hub, where there is one; in training nobody is asked."""

    def __init__(self, desk: Desk, cart: Callable[[], Cart | None] = lambda: None) -> None:
        self._desk = desk
        self._cart = cart
        self._mine = ""  # a hold that was given and is not in the cart yet
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def _shop(self) -> Any:
        return None if self._desk.training else self._desk.world.shop

    def left(self, number: str, local: Balance | None) -> Generator[Any, Any, Online]:
        """What can be spent of a card now. `local`: what this till's own facts say of it."""
        if self._shop is None:
            return Online(local, heard=False)
        self._mine = ""
        yield self.settle()
        answer: ShopAnswer = yield self._shop.ask("GET", f"/gift-cards/{number}")
        if answer.yes:
            card = msgspec.json.decode(answer.body, type=_Card)
            if card.currency != self._desk.setup.currency:
                raise Refusal("voucher-currency", currency=card.currency)
            return Online(Balance(card.kind, card.available_minor), heard=True)
        if answer.status == 404:
            return Online(local, heard=False)  # sold here, and not told yet; or known to nobody
        if local is None:
            raise Refusal("voucher-hub-away", level="warn", number=number[-4:])
        limit = self._desk.setup.tenders.voucher_offline_max_minor
        if local.minor > limit:
            self._desk.warn("voucher-offline", limit=limit)
        return Online(Balance(local.kind, min(local.minor, limit)), heard=False)

    async def at_least(self, number: str, minor: int) -> bool | None:
        """Whether so much is left on a card, as the hub knows; None where it need not be asked, or does not know the card.

        Raises Refusal where the hub is silent: what another till did cannot be known then.
        """
        if self._shop is None:
            return None
        answer: ShopAnswer = await self._shop.ask("GET", f"/gift-cards/{number}")
        if answer.yes:
            return msgspec.json.decode(answer.body, type=_Card).available_minor >= minor
        if answer.silent:
            raise Refusal("voucher-hub-away", level="warn", number=number[-4:])
        return None

    def let_go(self, hold: str) -> Generator[Any, Any, None]:
        """Nobody pays with it after all. What the hub does not hear is told again, before anything else is asked."""
        if self._shop is None or not hold:
            return
        known: list[Kept] = yield self._load()
        if all(one.hold_id != hold for one in known):
            yield self._keep([*known, Kept("", "", b"", hold)])
        self._mine = ""
        yield self.settle(ended=hold)

    def hold(self, cart: Cart, number: str, minor: int, online: Online) -> Generator[Any, Any, str]:
        """Keep an amount of a card for this cart; the hold's id, or empty where the hub is not asked.

        It is remembered before it is asked for. Raises Refusal where somebody else was faster, and where the hub is silent:
        then it is asked for again under its key, and let go.
        """
        if not online.heard:
            return ""
        body = {"minor": minor, "subject": f"{cart.cart_id}/{len(cart.tenders)}"[:80]}
        kept = Kept(self._desk.world.ids.new_id(), number, msgspec.json.encode(body))
        done = False
        try:
            answer: ShopAnswer = yield self._ask_for(kept)
            done = not answer.silent
        finally:
            if not done:
                self.settle_later()
        if answer.yes:
            held = msgspec.json.decode(answer.body, type=_Hold)
            return held.hold_id if held.state == "held" else ""
        if answer.code == "too-little":
            raise Refusal("voucher-too-little", balance=int(answer.detail or 0))
        if answer.silent:
            raise Refusal("voucher-hub-away", level="warn", number=number[-4:])
        raise Refusal(_SENTENCES.get(answer.code, "voucher-refused"), number=number[-4:])

    async def _ask_for(self, kept: Kept) -> ShopAnswer:
        async with self._lock:
            known = await self._load()
            await self._keep([*known, kept])
            answer = await self._hold(kept)
            if answer.silent:
                answer = await self._hold(kept)
            if answer.yes:
                self._mine = msgspec.json.decode(answer.body, type=_Hold).hold_id
                await self._keep([*known, msgspec.structs.replace(kept, hold_id=self._mine)])
            elif not answer.silent:
                await self._keep(known)
            return answer

    async def _hold(self, kept: Kept) -> ShopAnswer:
        assert self._shop is not None, "a hub is known"
        path = f"/gift-cards/{kept.number}/holds"
        answer: ShopAnswer = await self._shop.ask("POST", path, kept.body, key=f"hold/{kept.key}")
        return answer

    # -- what nobody pays with

    async def settle(self, ended: str = "") -> bool:
        """Let go what was held and stands in no cart and no sale; `ended`: this one too. False where the hub is silent."""
        if self._shop is None:
            return True
        async with self._lock:
            known = await self._load()
            for one in known:
                found = one
                if not one.hold_id:
                    answer = await self._hold(one)
                    if answer.silent:
                        return False
                    if answer.yes:
                        name = msgspec.json.decode(answer.body, type=_Hold).hold_id
                        found = msgspec.structs.replace(one, hold_id=name)
                if found.hold_id and found.hold_id != ended and self._is_wanted(found.hold_id):
                    continue
                if found.hold_id and not await self._is_paid(found):
                    path = f"/gift-card-holds/{found.hold_id}/release"
                    said: ShopAnswer = await self._shop.ask("POST", path, key=f"release/{found.hold_id}")
                    if said.silent:
                        return False
                await self._keep([each for each in await self._load() if each != one])
            return True

    def settle_later(self, *_: Any) -> None:
        """In the background: at a start, and when a cart ended."""
        if self._desk.world.shop is None or self._desk.world.memory is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # the till is ending
            return
        task = loop.create_task(self._settle_quietly(), name="gift cards")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle_quietly(self) -> None:
        try:
            await self.settle()
        except Exception:  # noqa: BLE001 - logged; it is asked again, and a hold lapses by itself
            _log.exception("the hub could not be told of a gift card")

    async def rest(self) -> None:
        """Wait until nothing is told in the background any more."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def _is_wanted(self, hold_id: str) -> bool:
        """By the open cart, or by the person who pays just now."""
        cart = self._cart()
        return hold_id == self._mine or (
            cart is not None and any(tender.hold == hold_id for tender in cart.tenders)
        )

    async def _is_paid(self, one: Kept) -> bool:
        """A sale that this till wrote captures it."""
        history = self._desk.world.history
        found = await history.mentions("voucher", one.number) if history is not None and one.number else ()
        return any(
            tender.hold == one.hold_id
            for each in found
            if isinstance(each.fact, Sale)
            for tender in each.fact.tenders
        )

    async def _load(self) -> list[Kept]:
        memory = self._desk.world.memory
        raw = await memory.get(_KEPT) if memory is not None else None
        try:
            return msgspec.json.decode(raw or b"[]", type=list[Kept])
        except msgspec.MsgspecError:
            _log.exception("what was kept of gift cards cannot be read")
            return []

    async def _keep(self, all_: list[Kept]) -> None:
        if self._desk.world.memory is not None:
            await self._desk.world.memory.put(_KEPT, msgspec.json.encode(all_))
