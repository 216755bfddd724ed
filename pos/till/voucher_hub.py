"""What the hub knows of gift cards and credit: what is left on a card of any till, and an amount kept for this sale.

Asked online; where the hub is silent, a card that this till knows pays up to a limit (`voucher_offline_max_minor`), so the
most that can be spent twice is that limit for each card and till without a line. A hold lapses by itself at the hub.
"""

from collections.abc import Generator
from typing import Any, Final

import msgspec

from pos.domain.cart import Cart
from pos.domain.vouchers import Balance
from pos.node_ports import ShopAnswer
from pos.till.desk import Desk, Refusal

__all__ = ["Online", "VoucherHub"]

_SENTENCES: Final = {"blocked": "voucher-blocked", "lapsed": "voucher-lapsed"}


class _Card(msgspec.Struct, frozen=True):
    kind: str
    currency: str
    available_minor: int


class _Hold(msgspec.Struct, frozen=True):
    hold_id: str
    state: str


class Online(msgspec.Struct, frozen=True):
    """What is left on a card. `heard`: the hub says so; else this till's own facts, and `balance` is within the limit."""

    balance: Balance | None
    heard: bool


class VoucherHub:
    """Asks the hub, where there is one; in training nobody is asked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def _shop(self) -> Any:
        return None if self._desk.training else self._desk.world.shop

    def left(self, number: str, local: Balance | None) -> Generator[Any, Any, Online]:
        """What can be spent of a card now. `local`: what this till's own facts say of it."""
        if self._shop is None:
            return Online(local, heard=False)
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
        """Nobody pays with it after all. Where the hub does not hear it, the hold lapses by itself."""
        if self._shop is not None and hold:
            yield self._shop.ask("POST", f"/gift-card-holds/{hold}/release", key=f"release/{hold}")

    def hold(self, cart: Cart, number: str, minor: int, online: Online) -> Generator[Any, Any, str]:
        """Keep an amount of a card for this cart; the hold's id, or empty where the hub is not asked or does not answer.

        Raises Refusal where somebody else was faster. The same part of the same cart asks with the same key.
        """
        if not online.heard:
            return ""
        key = f"hold/{cart.cart_id}/{len(cart.tenders)}/{number[-8:]}/{minor}"
        body = msgspec.json.encode({"minor": minor})
        answer: ShopAnswer = yield self._shop.ask("POST", f"/gift-cards/{number}/holds", body, key=key)
        if answer.yes:
            held = msgspec.json.decode(answer.body, type=_Hold)
            return held.hold_id if held.state == "held" else ""
        if answer.code == "too-little":
            raise Refusal("voucher-too-little", balance=int(answer.detail or 0))
        if answer.silent:
            raise Refusal("voucher-hub-away", level="warn", number=number[-4:])
        raise Refusal(_SENTENCES.get(answer.code, "voucher-refused"), number=number[-4:])
