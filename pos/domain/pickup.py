"""An order as the till hands it over: what the hub told of it, and what its signed token says to a till that is alone."""

import base64
import binascii
import hashlib
from decimal import Decimal
from typing import Final

import msgspec

from pos.domain.handed import HandedLine, RefusedLine
from pos.domain.money import round_minor
from pos.domain.rights import Approval

__all__ = [
    "BAG",
    "TOKEN",
    "Claim",
    "Fulfillment",
    "FulfillmentLine",
    "GiveBack",
    "Handing",
    "Order",
    "OrderLine",
    "OrderPaid",
    "Spare",
    "Token",
    "TokenLine",
    "WorkList",
    "WorkRow",
    "bag_code",
    "by_tax",
    "is_last",
    "next_minor",
    "order_of_token",
    "part_minor",
    "proxy_mark",
    "read_token",
    "spare_of",
    "token_text",
    "waiting",
]

TOKEN: Final = "TRST"  # noqa: S105 - how it begins
BAG: Final = "Z"
_TOKEN_MAX: Final = 2_000


class OrderLine(msgspec.Struct, frozen=True):
    """A line of an order as the hub tells it; see the hub's OrderLine."""

    n: int
    sku: str
    text: str
    qty: Decimal
    pay_minor: int
    gtin: str = ""
    unit: str = "pc"
    tax: str = ""
    min_age: int = 0
    delivered: Decimal = Decimal(0)
    written_off: Decimal = Decimal(0)


class Claim(msgspec.Struct, frozen=True):
    till: str
    until_ms: int
    n: int


class FulfillmentLine(msgspec.Struct, frozen=True):
    n: int
    qty: Decimal
    picked: Decimal = Decimal(0)
    short: Decimal = Decimal(0)
    handed: Decimal = Decimal(0)
    refused: Decimal = Decimal(0)


class Fulfillment(msgspec.Struct, frozen=True):
    fulfillment_id: str
    store: str
    state: str
    lines: tuple[FulfillmentLine, ...]
    due_ms: int = 0
    deadline_ms: int = 0
    shelf: str = ""
    claim: Claim | None = None


class OrderPaid(msgspec.Struct, frozen=True):
    """Money that was taken for an order; `provider` "down-payment": a till took it, and its tax with it, before the goods."""

    amount_minor: int
    provider: str
    reference: str = ""


class Order(msgspec.Struct, frozen=True):
    """What the till needs of the hub's Order. `given_back_minor` of what was paid went back at a counter."""

    order_id: str
    store: str
    number: int
    code: str
    kind: str
    state: str
    terms: int
    lines: tuple[OrderLine, ...]
    fulfillments: tuple[Fulfillment, ...]
    value_minor: int
    paid_minor: int
    rest_minor: int
    currency: str = "EUR"
    purpose: str = ""
    payments: tuple[OrderPaid, ...] = ()
    given_back_minor: int = 0

    def line(self, n: int) -> OrderLine:
        return next(line for line in self.lines if line.n == n)


class WorkRow(msgspec.Struct, frozen=True):
    """A row of the store's list."""

    order_id: str
    fulfillment_id: str
    number: int
    kind: str
    state: str
    by_ms: int
    pieces: Decimal
    rest_minor: int
    text: str
    order_store: str = ""
    shelf: str = ""
    late: bool = False
    purpose: str = ""


class WorkList(msgspec.Struct, frozen=True):
    rows: tuple[WorkRow, ...]
    now_ms: int


class Handing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hand-over that ends with the open cart's payment: which order, and which line of the cart is which of the order.

    `prepaid_minor` of what they cost was paid before. `approvals` let it go without the hub. `replaced` are lines of the
    order for which another article goes: line, the sku that was ordered, and why. `down` are the lines of the cart that
    take back what was paid down for it, which the receipts `paid_by` took (STORE/TILL-EPOCH-NUMBER). `gives_back`: nothing is
    handed over, the order is over, and `claim` is the lease to give its down payment back. `claim` 0: it was given up while the cart waited, and is wanted again.
    """

    order_id: str
    fulfillment_id: str
    number: int
    terms: int
    claim: int
    lines: tuple[tuple[int, int], ...]
    refused: tuple[RefusedLine, ...] = ()
    proof: str = "code"
    age: int = 0
    proxy: str = ""
    alone: bool = False
    prepaid_minor: int = 0
    approvals: tuple[Approval, ...] = ()
    replaced: tuple[tuple[int, str, str], ...] = ()
    down: tuple[int, ...] = ()
    paid_by: tuple[str, ...] = ()
    gives_back: bool = False


class GiveBack(msgspec.Struct, frozen=True):
    """What the hub tells a till that gives a down payment back; see the hub's GiveBack."""

    order: Order
    amount_minor: int
    n: int
    until_ms: int
    receipts: tuple[str, ...] = ()
    paid_by: tuple[str, ...] = ()


class TokenLine(msgspec.Struct, frozen=True, array_like=True):
    n: int
    sku: str
    qty: Decimal
    pay_minor: int
    tax: str = ""
    min_age: int = 0


class Token(msgspec.Struct, frozen=True, array_like=True):
    """What a till that reaches nobody may believe: the hub's own word, until `expires_ms`."""

    order_id: str
    fulfillment_id: str
    store: str
    number: int
    terms: int
    expires_ms: int
    paid_minor: int
    lines: tuple[TokenLine, ...]
    currency: str = "EUR"


def token_text(body: bytes, signature: bytes) -> str:
    """As it stands in the QR code."""
    return f"{TOKEN}{_text(body)}.{_text(signature)}"


def read_token(text: str) -> tuple[Token, bytes, bytes] | None:
    """The token with its bytes and signature, or None for what is none. Nothing of it is believed yet."""
    body, dot, signature = text.removeprefix(TOKEN).partition(".")
    if not text.startswith(TOKEN) or not dot or len(text) > _TOKEN_MAX:
        return None
    try:
        raw = _bytes(body)
        return msgspec.json.decode(raw, type=Token), raw, _bytes(signature)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None


def order_of_token(token: Token, text_of: dict[str, str]) -> Order:
    """The order as the token says it; `text_of` names its articles by sku."""
    lines = tuple(
        OrderLine(
            one.n,
            one.sku,
            text_of.get(one.sku, one.sku),
            one.qty,
            one.pay_minor,
            tax=one.tax,
            min_age=one.min_age,
        )
        for one in token.lines
    )
    value = sum(line.pay_minor for line in lines)
    task = Fulfillment(
        token.fulfillment_id,
        token.store,
        "ready",
        tuple(FulfillmentLine(one.n, one.qty, one.qty) for one in token.lines),
    )
    return Order(
        token.order_id, token.store, token.number, "", "", "confirmed", token.terms, lines, (task,), value,
        token.paid_minor, value - token.paid_minor, token.currency,
    )  # fmt: skip


def waiting(order: Order, task: Fulfillment) -> tuple[HandedLine, ...]:
    """What lies on the shelf of a fulfillment: line, quantity, and what that costs."""
    found = []
    for one in task.lines:
        left = one.qty - one.short - one.handed - one.refused
        if left > 0:
            line = order.line(one.n)
            found.append(HandedLine(one.n, line.sku, left, next_minor(line, left)))
    return tuple(found)


def next_minor(line: OrderLine, qty: Decimal) -> int:
    """What `qty` more costs, after what was delivered: all parts together cost what was ordered."""
    before = line.delivered
    return part_minor(line, before + qty) - part_minor(line, before)


class Spare(msgspec.Struct, frozen=True):
    """What was paid before and is not spent on goods that left: `down_minor` by down payments, `other_minor` otherwise."""

    other_minor: int
    down_minor: int


def spare_of(order: Order, task: Fulfillment) -> Spare:
    """What of the order's payments counts for this fulfillment.

    What left took its share, and what another till hands over just now takes it too: nobody pays twice with it.
    """
    down = sum(one.amount_minor for one in order.payments if one.provider == "down-payment")
    gone = sum(part_minor(line, line.delivered) for line in order.lines)
    for other in order.fulfillments:
        if other.fulfillment_id != task.fulfillment_id and other.state == "claimed":
            gone += sum(one.value_minor for one in waiting(order, other))
    down -= order.given_back_minor
    paid = order.paid_minor - down
    return Spare(max(0, paid - gone), max(0, down - max(0, gone - paid)))


def is_last(order: Order, leaving: dict[int, Decimal]) -> bool:
    """Is nothing more to come of the order, once so much of each line has left or was refused?"""
    return all(
        line.qty - line.written_off - line.delivered - leaving.get(line.n, Decimal(0)) <= 0
        for line in order.lines
    )


def by_tax(amounts: dict[str, int], minor: int) -> dict[str, int]:
    """`minor` over tax codes in the ratio of what their goods cost, to the minor unit: the largest rest first."""
    whole = sum(amounts.values())
    if whole <= 0:
        return {}
    shares = {code: minor * value // whole for code, value in amounts.items()}
    rests = sorted(amounts, key=lambda code: (-(minor * amounts[code] % whole), code))
    for code in rests[: minor - sum(shares.values())]:
        shares[code] += 1
    return {code: share for code, share in shares.items() if share}


def part_minor(line: OrderLine, qty: Decimal) -> int:
    return line.pay_minor if qty == line.qty else round_minor(line.pay_minor * qty / line.qty)


def bag_code(number: int) -> str:
    """What stands on a bag, for scans.own_code."""
    return f"{BAG}{number}"


def proxy_mark(order_id: str, name: str) -> str:
    """Somebody else collected: their name, so that it can be compared and not read."""
    return hashlib.sha256(f"{order_id}\0{' '.join(name.casefold().split())}".encode()).hexdigest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
