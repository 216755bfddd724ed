"""The hub's own word on an order, which a till that reaches nobody may believe."""

import msgspec

from pos.domain.pickup import Token, TokenLine, token_text
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core
from sync.hub.shop.orders.body import hold, part_minor
from sync.hub.shop.orders.messages import PickupCode
from sync.keys import SigningKey

__all__ = ["PickupAsk", "pickup_code"]


class PickupAsk(msgspec.Struct, frozen=True):
    """`key` is the hub's."""

    order_id: str
    secret: str
    key: SigningKey


def pickup_code(work: Work, ask: PickupAsk) -> PickupCode:
    """What the customer shows when it is ready. Raises RefusedError 409 before that."""
    order = core.see(work, core.Seen(ask.order_id, ask.secret))
    held = hold(work, ask.order_id, lock=False)
    task = next((one for one in held.tasks.values() if one.state in {"ready", "claimed"}), None)
    if task is None:
        raise RefusedError(409, "not-ready", "It is not ready to be collected")
    lines = []
    for one in task.doing.lines:
        left = one.qty - one.short - one.handed - one.refused
        if left > 0:
            line = held.line(one.n)
            pay = part_minor(line.pay_minor, line.qty, left)
            lines.append(TokenLine(one.n, line.sku, left, pay, line.tax, line.min_age))
    token = Token(
        held.order_id, task.fulfillment_id, task.store, held.number, held.terms, task.deadline_ms,
        min(order.paid_minor, sum(line.pay_minor for line in lines)), tuple(lines), held.body.currency,
    )  # fmt: skip
    body = msgspec.json.encode(token)
    return PickupCode(held.code, token_text(body, ask.key.sign(body)), task.deadline_ms)
