"""A cart becomes an order: what the public may order, at the shop's prices."""

from msgspec import Struct

from sync.hub.shop.baskets import core as baskets
from sync.hub.shop.catalogue.messages import Price, PricedLine
from sync.hub.shop.kit.pages import demand_version
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core
from sync.hub.shop.orders.messages import OrderCart, Placed, PlaceLine, PlaceOrder

__all__ = ["FromCart", "order_cart"]

_NOT_BEFOREHAND = frozenset({"price", "weight"})


class FromCart(Struct, frozen=True):
    """`named` is the cart with its secret; `if_match` the version that the caller saw."""

    named: baskets.Named
    about: OrderCart
    if_match: str = ""


def order_cart(work: Work, ask: FromCart) -> Placed:
    """Place the order and end the cart, both or none. Raises RefusedError."""
    baskets.lock(work, ask.named.store, ask.named.basket_id)
    basket = baskets.get_basket(work, ask.named)
    demand_version(ask.if_match, basket.version)
    if basket.price is None:
        raise RefusedError(409, "nothing-to-order", "This cart cannot be ordered", basket.trouble[:200])
    if basket.price.total_minor != ask.about.total_minor:
        raise RefusedError(
            409, "price-changed", "It costs something else by now", str(basket.price.total_minor)
        )
    placed = core.place(
        work,
        PlaceOrder(
            kind=ask.about.kind,
            store=basket.store,
            lines=_lines(basket.price),
            channel=ask.about.channel,
            customer="" if work.actor.is_public else basket.customer,
            currency=basket.price.currency,
            language=ask.about.language,
            ready_ms=ask.about.ready_ms,
            note=ask.about.note,
            pay_later=ask.about.pay_later,
            person=ask.about.person,
        ),
    )
    baskets.convert(work, ask.named, f"order/{placed.order.order_id}")
    return placed


def _lines(price: Price) -> tuple[PlaceLine, ...]:
    """A deposit is part of what its article costs: who picks and who hands over has one line for both."""
    deposits: dict[int, int] = {}
    for line in price.lines:
        if line.kind == "deposit":
            deposits[line.parent] = deposits.get(line.parent, 0) + line.pay_minor
    return tuple(_line(line, deposits.get(line.n, 0)) for line in price.lines if line.kind != "deposit")


def _line(line: PricedLine, deposit_minor: int) -> PlaceLine:
    if _NOT_BEFOREHAND.intersection(line.asks):
        raise RefusedError(
            422, "not-beforehand", "Its price is known only at the till; take the cart there", line.sku
        )
    return PlaceLine(
        sku=line.sku,
        qty=line.quantity,
        pay_minor=line.pay_minor + deposit_minor,
        text=line.text[:200],
        gtin=line.code if line.code.isdigit() and 8 <= len(line.code) <= 14 else "",
        unit=line.unit,
        tax=line.tax_code,
        min_age=line.min_age,
    )
