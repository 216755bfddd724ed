"""Orders of the store at the till: the list with its clocks; from it they are picked, kept longer, sent, or handed over.

The hub decides (pos.till.orders.desk). What left is a fact of this till's journal, in one commit with the sale that took money
for it; the hub hears it later. Alone, a till hands over only what the hub signed beforehand, and somebody else with the right
must agree.
"""

import re
from typing import Any, Final
from urllib.parse import quote

from pos.domain import commands as c
from pos.domain.pickup import WorkList, WorkRow
from pos.domain.question import Option, Question, Scanned
from pos.domain.scans import Meaning, ScanKind, read_scan
from pos.resources import texts
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, step
from pos.till.orders.desk import PICKUP, OrderDesk, heard, read
from pos.till.orders.giving_back import GivingBack
from pos.till.orders.handing import PICKUP_ALONE, HandOver
from pos.till.orders.paper import bag_label, parcel_label
from pos.till.orders.picking import TO_PICK, Picking, local_time
from pos.till.surroundings import Surroundings
from pos.words import amount

__all__ = ["PICKUP", "PICKUP_ALONE", "Pickups"]


_CODE: Final = re.compile(r"(?=.*[2-9])(?=.*[A-Y])[2-9A-HJ-NP-Y]{7}", re.ASCII)
SENT: Final = frozenset({"ship_from_store", "endless_aisle"})


class Pickups:
    """`functions`: the list. `codes`: a customer's code begins the hand-over."""

    def __init__(
        self,
        desk: Desk,
        orders: OrderDesk,
        picking: Picking,
        handing: HandOver,
        giving_back: GivingBack,
        surroundings: Surroundings,
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._picking = picking
        self._handing = handing
        self._giving_back = giving_back
        self._surroundings = surroundings
        self.handlers: dict[type[c.Command], Any] = {}
        self.functions = {"pickups": self._list, "pickup-typed": self._typed}
        self.codes = {ScanKind.PICKUP: self._scanned}

    def _list(self, command: c.Do) -> Flow:
        self._orders.begin()
        if command.text:
            yield from self._handing.hand_over(command.text, "known")
            return
        while True:
            answer = yield self._orders.get(f"{self._orders.here}/fulfillments?limit=99")
            rows = read(heard(answer), WorkList).rows
            if not rows:
                raise Refusal("pickup-none", level="info")
            options = tuple(self._option(row) for row in rows)
            chosen = yield Question("pickups", options=options, scans="answer")
            if isinstance(chosen, Scanned):
                yield from self._said(chosen.code)
                return
            row = next(row for row in rows if row.fulfillment_id == chosen)
            if row.state == "ready":
                if (yield from step(self._ready_one(row))) == "handed":
                    return
            elif row.state in TO_PICK:
                came = yield from step(self._picking.pick(row))
                if came == "unheard" or (came == "cancel" and (yield from self._cancelled(row))):
                    return
            else:
                self._desk.warn("pickup-elsewhere", number=row.number)

    def _option(self, row: WorkRow) -> Option:
        """Its number, what to do next, where it lies, how much it is; at the right by when."""
        words = texts(self._desk.setup.language)
        name = row.state.replace("_", "-")
        if row.state == "ready":
            name = "send" if self._is_sent(row) else "pay" if row.rest_minor > 0 else name
        what = words(f"ui.pickup-{name}", rest=amount(row.rest_minor, self._desk.setup.language))
        if row.shelf:
            what += ", " + words("receipt.order-shelf", shelf=row.shelf)
        pieces = words("ui.pickup-pieces", count=f"{row.pieces.normalize():f}")
        at = local_time(row.by_ms, self._desk.world.clock.now())
        until = words("ui.pickup-late" if row.late else "ui.pickup-until", at=at)
        text = f"{words('receipt.order', number=row.number)}: {what}, {pieces}"
        return Option(row.fulfillment_id, text=text[:52], note=until)

    def _is_sent(self, row: WorkRow) -> bool:
        return row.kind in SENT or row.order_store not in {"", self._orders.store}

    def _ready_one(self, row: WorkRow) -> Any:
        """Answers "handed" where the hand-over was done or began a sale: then nobody wants the list."""
        names = ("send", "label", "cancel") if self._is_sent(row) else ("hand", "extend", "label", "cancel")
        options = tuple(Option(name, word=f"ask.pickup-do-{name}") for name in names)
        chosen = yield Question("pickup-do", options=options, fields={"number": row.number}, scans="refuse")
        if chosen == "hand":
            yield from self._handing.hand_over(row.order_id, "known", row.fulfillment_id)
            return "handed"
        elif chosen == "cancel":
            return "handed" if (yield from self._cancelled(row)) else ""
        elif chosen == "send":
            yield from self._send(row)
        elif chosen == "extend":
            days = yield Question("pickup-days", "number", scans="refuse")
            path = f"{self._orders.here}/fulfillments/{row.fulfillment_id}/extend"
            yield from self._orders.order(path, {"days": int(days)})
            self._desk.warn("pickup-extended", level="info", number=row.number)
        else:
            self._surroundings.print_document(
                bag_label(row.number, row.text, row.shelf, self._desk.setup.language)
            )
            self._desk.warn("pickup-label-printed", level="info", number=row.number)
        return ""

    def _cancelled(self, row: WorkRow) -> Any:
        """The customer does not want it any more. True where what was paid down goes back with the open sale now."""
        options = tuple(Option(name, word=f"ask.pickup-cancel-{name}") for name in ("no", "yes"))
        fields: dict[str, str | int] = {"number": row.number}
        sure = yield from step(
            _one(Question("pickup-cancel", options=options, fields=fields, scans="refuse"))
        )
        if sure != "yes":
            return False
        yield from self._orders.order(f"/orders/{quote(row.order_id)}/cancel", {"reason": "customer"})
        self._desk.warn("pickup-cancelled-now", level="info", number=row.number)
        return (yield from self._giving_back.offer(row.order_id))

    def _send(self, row: WorkRow) -> Any:
        """The carrier takes it: to the customer, or to the store where it is collected. The customer is told the link."""
        carrier = yield Question("pickup-carrier", "text", fields={"number": row.number}, scans="refuse")
        tracking = yield Question("pickup-tracking", "text", scans="answer", empty=True)
        tracking = tracking.code if isinstance(tracking, Scanned) else str(tracking or "")
        url = ""
        while True:
            url = str((yield Question("pickup-link", "text", scans="refuse", empty=True)) or "").strip()
            if not url or (url.startswith("https://") and " " not in url):
                break
            self._desk.warn("pickup-link-bad")
        label = {"carrier": str(carrier)[:32], "tracking": tracking[:64], "url": url[:300]}
        path = f"{self._orders.here}/fulfillments/{row.fulfillment_id}/ship"
        yield from self._orders.order(path, {"label": label})
        document = parcel_label(
            row.number, label["carrier"], label["tracking"], url, self._desk.setup.language
        )
        self._surroundings.print_document(document)
        self._desk.warn("pickup-sent", level="info", number=row.number)

    def typed(self, text: str) -> bool:
        """Take text that finds no article for a customer's code, if it looks like one and this operator may hand over."""
        desk = self._desk
        if (
            desk.world.shop is None
            or desk.training
            or not desk.may(PICKUP)
            or not _CODE.fullmatch(text.upper())
        ):
            return False
        desk.again(c.Do("pickup-typed", text))
        return True

    def _typed(self, command: c.Do) -> Flow:
        self._orders.begin()
        try:
            yield from self._handing.hand_over(command.text, "code")
        except Refusal as refused:
            if refused.message.code != "pickup-unknown":
                raise
            raise Refusal("search-nothing", text=command.text) from refused

    def _scanned(self, meaning: Meaning) -> Flow:
        self._orders.begin()
        return self._said(meaning.payload)

    def _said(self, code: str) -> Flow:
        meaning = read_scan(code, self._desk.setup.scans, self._desk.today())
        said = meaning.payload if meaning.kind is ScanKind.PICKUP else code
        said = said.removeprefix("Z") if said[:1] == "Z" and said[1:].isdigit() else said
        yield from self._handing.hand_over(said, "known" if said.isdigit() else "code")


def _one(question: Question) -> Any:
    return (yield question)
