"""The page of an order: where it stands, what comes next, the code to collect it with; keep it longer, cancel it."""

from decimal import Decimal
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from pos.domain.scans import ScanKind, own_code
from receipts import formats
from receipts.qr import qr_svg
from sync.hub.answers import hub_of
from sync.hub.shop.kit.links import ORDER, id_of
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import own_hands
from sync.hub.shop.orders.messages import OrderLine
from sync.hub.shop.orders.own_hands import Named, Part, SeenOrder
from sync.hub.web.frame import Form, Page, change, markup, show

__all__ = ["ROUTES"]

_Request = Request[Any, Any, Any]
_TOKEN_MAX: Final = 500
"""Longer codes have modules that a scanner at the counter reads badly from a phone; the short one is enough with a line."""
_STANDING: Final = {
    "new": "doing", "accepted": "doing", "picking": "doing", "short_picked": "doing", "ready": "ready",
    "claimed": "claimed", "handed_over": "done", "expired": "expired", "rejected": "moved", "cancelled": "cancelled",
}  # fmt: skip


class _Line(Struct, frozen=True):
    text: str
    quantity: str
    amount_minor: int
    note: str


class _Box(Struct, frozen=True):
    """One store's part as it is drawn. `standing` picks the words."""

    part: Part
    standing: str
    due: str
    until: str


@get("/o/{link:str}", include_in_schema=False)
async def get_order(request: _Request, link: FromPath[str]) -> Response[bytes]:
    return await show(request, lambda work: _find(work, request, link), _draw)


@get("/o/{link:str}/cancel", include_in_schema=False)
async def get_cancel(request: _Request, link: FromPath[str]) -> Response[bytes]:
    """Asked once more, because it cannot be undone."""

    def draw(page: Page, found: SeenOrder) -> str:
        return page.html(
            "order_cancel", order=found.order, may=found.may_cancel, back=page.path.rpartition("/")[0]
        )

    return await show(request, lambda work: _find(work, request, link), draw)


@post("/o/{link:str}/cancel", include_in_schema=False)
async def post_cancel(request: _Request, link: FromPath[str]) -> Response[bytes]:
    def run(work: Work, _form: Form) -> str | None:
        found = id_of(work, ORDER, link)
        if found is None:
            return None
        own_hands.cancel(work, found[0], Named(found[1]))
        return f"/o/{link}?done=cancelled"

    return await change(request, run)


@post("/o/{link:str}/extend", include_in_schema=False)
async def post_extend(request: _Request, link: FromPath[str]) -> Response[bytes]:
    def run(work: Work, form: Form) -> str | None:
        found = id_of(work, ORDER, link)
        version = form.text("version", 12)
        if found is None:
            return None
        if not version.isdecimal():
            raise RefusedError(400, "form", "This form is not whole")
        own_hands.extend(work, found[0], form.text("part", 64), Named(found[1], int(version)))
        return f"/o/{link}?done=extended"

    return await change(request, run)


def _find(work: Work, request: _Request, link: str) -> SeenOrder | None:
    found = id_of(work, ORDER, link)
    return None if found is None else own_hands.seen(work, *found, hub_of(request).key)


def _draw(page: Page, found: SeenOrder) -> str:
    order = found.order
    boxes = [_box(page, part, shipped=found.shipped) for part in found.parts if part.state != "rejected"]
    code = found.code
    picture = ""
    if code is not None:
        text = code.token if len(code.token) <= _TOKEN_MAX else own_code(ScanKind.PICKUP, code.code)
        picture = qr_svg(text, label=page.word("pickup-qr"))
    return page.html(
        "order",
        order=order,
        boxes=boxes,
        standing=_standing(found, boxes),
        code=code.code if code is not None else "",
        qr=markup(picture),
        lines=[_line(page, line) for line in order.lines if not line.for_n or line.qty > line.written_off],
        may_cancel=found.may_cancel,
        open_minor=max(0, order.rest_minor) if order.state in {"placed", "confirmed"} else 0,
        back_minor=max(0, -order.rest_minor),
    )


def _standing(found: SeenOrder, boxes: list[_Box]) -> str:
    """The one word for the whole order: what most needs the customer comes first."""
    if found.order.state == "placed":
        return "unpaid"
    if found.order.state == "cancelled":
        return "expired" if any(box.standing == "expired" for box in boxes) else "cancelled"
    here = {box.standing for box in boxes}
    for standing in ("claimed", "ready", "packed", "doing", "sent", "done", "expired"):
        if standing in here:
            return standing
    return "done" if found.order.state == "closed" else "doing"


def _box(page: Page, part: Part, *, shipped: bool) -> _Box:
    standing = _STANDING.get(part.state, "doing")
    if shipped:
        standing = {"ready": "packed", "claimed": "packed", "done": "sent"}.get(standing, standing)
    zone = part.about.time_zone
    # Kept to the end of a day: the midnight after it would name the wrong one.
    until = page.moment(part.deadline_ms - 1, zone, hour=False) if part.deadline_ms else ""
    return _Box(part, standing, page.moment(part.due_ms, zone) if part.due_ms else "", until)


def _line(page: Page, line: OrderLine) -> _Line:
    comes = line.qty - line.written_off
    measured = line.unit != "pc"
    quantity = formats.quantity(line.qty, page.language, measured=measured)
    unit = f" {formats.unit_name(line.unit, page.language)}" if measured else " ×"
    note = ""
    if comes == 0:
        note = page.word("line-none")
    elif line.written_off:
        note = page.word(
            "line-part", missing=formats.quantity(line.written_off, page.language, measured=measured)
        )
    elif line.for_n:
        note = page.word("line-instead")
    elif line.delivered >= comes > Decimal(0):
        note = page.word("line-done")
    return _Line(line.text, quantity + unit, line.pay_minor, note)


ROUTES: Final = (get_order, get_cancel, post_cancel, post_extend)
