"""Orders are picked by scanning, or from a list on paper that is scanned afterwards; what is missing is said by key."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain import events as e
from pos.domain.pickup import Fulfillment, FulfillmentLine, Order, WorkRow
from pos.domain.question import Option, Question, Scanned
from pos.domain.scans import read_scan
from pos.till.desk import Desk, Refusal
from pos.till.flows import step
from pos.till.orders.desk import OrderDesk, heard, read
from pos.till.orders.paper import bag_label, pick_list
from pos.till.surroundings import Surroundings

__all__ = ["TO_PICK", "Picking", "task_of"]

TO_PICK: Final = frozenset({"new", "accepted", "picking", "short_picked"})


class Picking:
    """What a store takes from its shelves for one order."""

    def __init__(self, desk: Desk, orders: OrderDesk, surroundings: Surroundings) -> None:
        self._desk = desk
        self._orders = orders
        self._surroundings = surroundings

    def pick(self, row: WorkRow) -> Any:
        """Scan what is taken; a key says what is missing; with all of it, the shelf is asked for.

        Answers "cancel" where the customer does not want it any more, "unheard" where it is packed and the hub does not know it yet.
        """
        path = f"{self._orders.here}/fulfillments/{row.fulfillment_id}"
        order: Order = yield from self._orders.order(
            f"{self._orders.here}/pickups", {"code": row.order_id, "peek": True}
        )
        while True:
            task = task_of(order, row.fulfillment_id)
            missing = [line for line in task.lines if line.picked + line.short < line.qty]
            if not missing:
                break
            answer = yield Question(
                "pickup-pick",
                options=tuple(
                    Option(name, word=f"ask.pickup-{name}") for name in ("short", "paper", "do-cancel")
                ),
                fields={"number": row.number, "count": len(missing)},
                rows=tuple(
                    (order.line(one.n).text, f"{one.picked:f}/{one.qty - one.short:f}") for one in missing
                ),
                scans="answer",
            )
            if answer == "do-cancel":
                return "cancel"
            if answer == "paper":
                self._surroundings.print_document(pick_list(order, task, self._desk.setup.language))
                self._desk.warn("pickup-paper-printed", level="info", number=row.number)
                continue
            if answer == "short":
                order = (yield from step(self._tried(order, self._short(order, missing, path)))) or order
                continue
            found = self._line_of(order, answer.code, [one.n for one in missing])
            if not found:
                self._desk.warn("pickup-not-in-order", number=row.number)
                continue
            one = next(each for each in missing if each.n == found)
            order = yield from self._tried(order, self._taken(order, one, path))
        if task.state not in TO_PICK:
            self._desk.warn("pickup-nothing-left", number=row.number)
            return ""
        return (yield from self._ready(row, path))

    def _tried(self, order: Order, request: Any) -> Any:
        """The order after a request. Where it fails the till says why and stays: the next scan is still for this order."""
        try:
            return (yield from request)
        except Refusal as refusal:
            silent = refusal.message.code == "pickup-silent"
            self._desk.refuse(e.Message("pickup-pick-silent") if silent else refusal.message)
            return order

    def _taken(self, order: Order, one: FulfillmentLine, path: str) -> Any:
        """A piece was taken from the shelf, or all of what is weighed. It lies in the bag, whether the hub hears it now or later."""
        qty = Decimal(1) if order.line(one.n).unit == "pc" else one.qty - one.short - one.picked
        answer = yield self._orders.tell(f"{path}/pick", {"lines": [{"n": one.n, "qty": f"{qty:f}"}]})
        if not answer.silent:
            return read(heard(answer), Order)
        self._desk.warn("pickup-pick-unheard")
        return _with_picked(order, path.rpartition("/")[2], one.n, qty)

    def _ready(self, row: WorkRow, path: str) -> Any:
        while True:
            shelf = yield Question("pickup-shelf", "text", fields={"number": row.number}, scans="answer")
            if not isinstance(shelf, Scanned) or self._article(shelf.code) is None:
                break
            self._desk.warn("pickup-not-in-order", number=row.number)
        shelf = (shelf.code if isinstance(shelf, Scanned) else str(shelf)).strip()[:20]
        shelf, _, count = shelf.partition("*")
        bags = min(50, max(1, int(count))) if count.isdecimal() else 1
        answer = yield self._orders.tell(f"{path}/ready", {"shelf": shelf, "bags": bags})
        if not answer.silent:
            heard(answer)
        for bag in range(1, bags + 1):
            label = bag_label(row.number, row.text, shelf, self._desk.setup.language, (bag, bags))
            self._surroundings.print_document(label)
        if answer.silent:
            self._desk.warn("pickup-ready-unheard", number=row.number, shelf=shelf)
            return "unheard"
        self._desk.warn("pickup-ready", level="info", number=row.number, shelf=shelf)
        return ""

    def _short(self, order: Order, missing: Sequence[Any], path: str) -> Any:
        """So much of a line is not there: the order goes without, something else goes for it, or it follows."""
        options = tuple(Option(str(one.n), text=order.line(one.n).text) for one in missing)
        chosen = yield Question("pickup-short", options=options, scans="refuse")
        one = next(one for one in missing if str(one.n) == chosen)
        ways = (
            Option("partial", word="ask.pickup-partial"),
            Option("backorder", word="ask.pickup-backorder"),
            Option("substitute", word="ask.pickup-substitute"),
        )
        way = yield Question("pickup-short-way", options=ways, scans="refuse")
        left = one.qty - one.picked - one.short
        in_hand = ""
        body: dict[str, Any] = {"n": one.n, "qty": f"{left:f}", "choice": way}
        while way == "substitute" and "substitute" not in body:
            answer = yield Question(
                "pickup-replace", "text", fields={"text": order.line(one.n).text}, scans="answer"
            )
            article = self._article(answer.code if isinstance(answer, Scanned) else str(answer))
            if article is None or article.price_minor is None:
                self._desk.warn("pickup-replace-unknown")
                continue
            in_hand = article.sku if isinstance(answer, Scanned) else ""
            body["substitute"] = {
                "sku": article.sku, "qty": f"{left:f}", "pay_minor": int(article.price_minor * left),
                "text": article.text[:40], "unit": article.unit, "tax": article.tax_code, "min_age": article.min_age,
            }  # fmt: skip
        order = yield from self._orders.order(f"{path}/short", body)
        task = task_of(order, path.rpartition("/")[2])
        new = [
            each
            for each in task.lines
            if order.line(each.n).sku == in_hand and each.picked + each.short < each.qty
        ]
        return (yield from self._tried(order, self._taken(order, new[-1], path))) if new else order

    def _article(self, code: str) -> Any:
        key = read_scan(code, self._desk.setup.scans, self._desk.today()).key
        catalogue = self._desk.world.catalogue
        return (catalogue.find(key) if key else None) or catalogue.by_sku(code.strip())

    def _line_of(self, order: Order, code: str, among: list[int]) -> int:
        """The line whose article this code is; 0 for none."""
        article = self._article(code)
        for n in among:
            line = order.line(n)
            if (article is not None and article.sku == line.sku) or code in {line.gtin, line.sku}:
                return n
        return 0


def task_of(order: Order, fulfillment_id: str) -> Fulfillment:
    return next(one for one in order.fulfillments if one.fulfillment_id == fulfillment_id)


def _with_picked(order: Order, fulfillment_id: str, n: int, qty: Decimal) -> Order:
    """The order as it will be when the hub has heard of it."""
    task = task_of(order, fulfillment_id)
    lines = tuple(
        msgspec.structs.replace(one, picked=one.picked + qty) if one.n == n else one for one in task.lines
    )
    after = msgspec.structs.replace(task, lines=lines)
    tasks = tuple(after if one is task else one for one in order.fulfillments)
    return msgspec.structs.replace(order, fulfillments=tasks)


def local_time(at_ms: int, now: dt.datetime) -> str:
    """A clock of an order as people read it; of today the time alone."""
    at = dt.datetime.fromtimestamp(at_ms / 1000, now.tzinfo)
    return at.strftime("%H:%M" if at.date() == now.date() else "%d.%m. %H:%M")
