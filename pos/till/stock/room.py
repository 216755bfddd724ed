"""The stockroom at the till: what this and other stores have, deliveries, transfers, counts, write-offs.

All of it needs the hub, and says so before it begins. What was scanned stays in the till's memory until the hub said
yes; after silence the same is asked again under the same key, so nothing is lost and nothing counts twice.
"""

from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import msgspec

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.article import Article
from pos.domain.question import Option, Question, Scanned, to_decimal
from pos.domain.rights import declare
from pos.domain.scans import read_scan, typed_own_code
from pos.node_ports import ShopAnswer
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling
from pos.till.stock.draft import Draft, DraftLine, forget, keep, load, said
from pos.till.surroundings import Surroundings
from pos.words import quantity_text

__all__ = ["STOCK_MOVE", "STOCK_WRITE_OFF", "Stockroom"]

STOCK_MOVE: Final = declare("stock-move")
STOCK_WRITE_OFF: Final = declare("stock-write-off")
_SHOWN: Final = 8
_QUANTITY_DIGITS: Final = 5
_QUANTITY_MAX: Final = Decimal(99_999)
_REASONS: Final = ("broken", "expired", "theft", "own-use")
_Steps = Generator[Any, Any, Any]


class _Level(msgspec.Struct):
    store: str
    name: str
    available: str
    on_hand: str | None = None
    distance_m: int | None = None


class _Levels(msgspec.Struct):
    stores: tuple[_Level, ...]


class _Line(msgspec.Struct):
    sku: str
    shipped: str = "0"
    received: str = "0"


class _Shipment(msgspec.Struct):
    shipment_id: str
    source: str
    number: str
    lines: tuple[_Line, ...]
    differs: bool = False


class _Shipments(msgspec.Struct):
    shipments: tuple[_Shipment, ...]


class _Count(msgspec.Struct):
    state: str


class Stockroom:
    """Functions of F9; in the line mode they are typed by name."""

    def __init__(self, desk: Desk, selling: Selling, surroundings: Surroundings) -> None:
        self._desk = desk
        self._selling = selling
        self._surroundings = surroundings
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {
            "stock": self._stock,
            "stock-receive": self._receive,
            "stock-send": self._send_out,
            "stock-take": self._take_in,
            "stock-count": self._count,
            "stock-write-off": self._write_off,
        }

    # -- looking

    def _stock(self, command: c.Do) -> Flow:
        """Of a typed code, else of the last goods of the cart, else of what is scanned now."""
        self._desk.must_be_signed_in()
        shop = self._hub()
        article = self._find(command.text) if command.text else self._last()
        if command.text and article is None:
            raise Refusal("stock-unknown", code=command.text[:40])
        while article is None:
            answer = yield Question("stock-which", "text", scans="answer")
            article = self._find(answer.code if isinstance(answer, Scanned) else answer)
            if article is None:
                self._desk.refuse(e.Message("stock-unknown", {"code": str(_typed(answer))[:40]}))
        store = self._desk.world.journal.head.store
        path = f"/stock/stores?sku={quote(article.sku, safe='')}&near={quote(store, safe='')}&limit=50"
        answer = yield shop.ask("GET", path)
        if answer.silent:
            raise Refusal("stock-look-silent")
        self._must_hear(answer)
        found = sorted(
            msgspec.json.decode(answer.body, type=_Levels).stores,
            key=lambda one: (one.store != store, Decimal(one.available) <= 0),
        )
        rows = tuple((self._name(one, store), self._figures(one, article)) for one in found[:_SHOWN])
        if not rows:
            raise Refusal("stock-no-stores", level="info")
        yield Question(
            "stock-shown", options=(Option("done", word="ask.stock-done"),), fields={"text": article.text}, rows=rows
        )  # fmt: skip

    def _name(self, one: _Level, own: str) -> str:
        if one.store == own:
            return self._desk.words("ui.stock-here")
        if one.distance_m is None:
            return one.name
        return f"{one.name} ({max(1, round(one.distance_m / 1000))} km)"

    def _figures(self, one: _Level, article: Article) -> str:
        free = quantity_text(Decimal(one.available), article.unit, self._desk.language)
        there = quantity_text(Decimal(one.on_hand or one.available), article.unit, self._desk.language)
        return self._desk.words("ui.stock-figures", free=free, there=there)

    # -- goods that come and go

    def _receive(self, command: c.Do) -> Flow:
        """A supplier's delivery: against its number, or blind."""
        self._desk.need(STOCK_MOVE)
        draft = yield from self._begun("stock-receive")
        if not draft.key:
            if not draft.lines and not draft.number:
                number = command.text or (yield Question("stock-number", "text", scans="answer", empty=True))
                draft = yield from self._announced(draft, str(_typed(number) or "").strip()[:100])
            draft = yield from self._collect(draft)
            yield from self._agree(draft)
            body = {"number": draft.number, "received": True, "lines": draft.goods(), **self._whose()}
            draft = said(draft, self._desk, "/stock/deliveries", body)
        answer = yield from self._tell(draft)
        differs = msgspec.json.decode(answer.body, type=_Shipment).differs
        self._done("stock-received-differs" if differs else "stock-received", draft)

    def _announced(self, draft: Draft, number: str) -> _Steps:
        """What is to come under this number, if the hub knows of it."""
        if not number:
            return draft
        store = quote(self._desk.world.journal.head.store, safe="")
        path = f"/stock/deliveries?store={store}&state=shipped&number={quote(number, safe='')}"
        answer = yield self._hub().ask("GET", path)
        self._must_hear(answer)
        found = msgspec.json.decode(answer.body, type=_Shipments).shipments
        if not found:
            self._desk.warn("stock-not-announced", number=number)
        expected = tuple((line.sku, _rest(line)) for line in found[0].lines) if found else ()
        return msgspec.structs.replace(draft, number=number, expected=expected)

    def _send_out(self, _: c.Do) -> Flow:
        """A transfer leaves for another store."""
        self._desk.need(STOCK_MOVE)
        draft = yield from self._begun("stock-send")
        if not draft.key:
            if not draft.other:
                draft = msgspec.structs.replace(draft, other=(yield from self._other_store()))
            draft = yield from self._collect(draft)
            own = self._desk.world.journal.head.store
            body = {"store": draft.other, "source": own, "lines": draft.goods(), "shipped": True}
            body |= {"occurred_ms": self._desk.world.clock.wall_ms()}
            draft = said(draft, self._desk, "/stock/transfers", body)
        yield from self._tell(draft)
        self._done("stock-sent", draft)

    def _other_store(self) -> _Steps:
        answer = yield self._hub().ask("GET", "/stores?limit=200")
        self._must_hear(answer)
        own = self._desk.world.journal.head.store
        found = msgspec.json.decode(answer.body)["stores"]
        options = tuple(Option(one["store"], one["about"]["name"]) for one in found if one["store"] != own)
        if not options:
            raise Refusal("stock-no-stores", level="info")
        return (yield Question("stock-other", options=options))

    def _take_in(self, _: c.Do) -> Flow:
        """A transfer that is on its way to this store arrived."""
        self._desk.need(STOCK_MOVE)
        draft = yield from self._begun("stock-take")
        if not draft.key:
            if not draft.shipment:
                draft = yield from self._which_transfer(draft)
            draft = yield from self._collect(draft)
            yield from self._agree(draft)
            body = {"lines": draft.goods(), "occurred_ms": self._desk.world.clock.wall_ms()}
            draft = said(draft, self._desk, f"/stock/transfers/{quote(draft.shipment)}/receive", body)
        answer = yield from self._tell(draft)
        differs = msgspec.json.decode(answer.body, type=_Shipment).differs
        self._done("stock-received-differs" if differs else "stock-received", draft)

    def _which_transfer(self, draft: Draft) -> _Steps:
        store = quote(self._desk.world.journal.head.store, safe="")
        answer = yield self._hub().ask("GET", f"/stock/transfers?store={store}&state=shipped")
        self._must_hear(answer)
        found = msgspec.json.decode(answer.body, type=_Shipments).shipments
        if not found:
            raise Refusal("stock-none-coming", level="info")
        options = tuple(
            Option(one.shipment_id, f"{one.source} {one.number}".strip(), note=str(len(one.lines))) for one in found
        )  # fmt: skip
        chosen = yield Question("stock-transfer", options=options)
        one = next(one for one in found if one.shipment_id == chosen)
        expected = tuple((line.sku, _rest(line)) for line in one.lines)
        return msgspec.structs.replace(draft, shipment=chosen, expected=expected, other=one.source)

    # -- counting and writing off

    def _count(self, command: c.Do) -> Flow:
        """Blind: what the hub expects is not shown before the count is closed."""
        self._desk.need(STOCK_MOVE)
        draft = yield from self._begun("stock-count")
        if not draft.key:
            draft = yield from self._collect(
                msgspec.structs.replace(draft, number=command.text[:100] or draft.number)
            )
            lines = [
                {"sku": line.sku, "qty": format(line.quantity, "f"), "counted_ms": line.at_ms} for line in draft.lines
            ]  # fmt: skip
            own = self._desk.world.journal.head.store
            body = {"store": own, "name": draft.number, "lines": lines, "closes": True}
            draft = said(draft, self._desk, "/stock/counts", body)
        answer = yield from self._tell(draft)
        review = msgspec.json.decode(answer.body, type=_Count).state == "review"
        self._done("stock-count-review" if review else "stock-counted", draft)

    def _write_off(self, _: c.Do) -> Flow:
        """One article at a time, with the reason."""
        self._desk.need(STOCK_WRITE_OFF)
        draft = yield from self._begun("stock-write-off")
        if not draft.key:
            draft = yield from self._collect(draft, one=True)
            options = tuple(Option(reason, word=f"ask.stock-reason-{reason}") for reason in _REASONS)
            reason = yield Question("stock-reason", options=options, fields={"text": draft.lines[0].text})
            line = draft.lines[0]
            body = {
                "store": self._desk.world.journal.head.store, "sku": line.sku, "qty": format(line.quantity, "f"),
                "type": "write_off", "reason": reason, "occurred_ms": line.at_ms,
            }  # fmt: skip
            draft = said(draft, self._desk, "/stock/movements", body)
        yield from self._tell(draft)
        self._done("stock-written-off", draft)

    # -- what they share

    def _hub(self) -> Any:
        """Raises Refusal where this till has no hub."""
        if self._desk.world.shop is None:
            raise Refusal("stock-no-hub")
        return self._desk.world.shop

    def _must_hear(self, answer: ShopAnswer) -> None:
        if answer.silent:
            raise Refusal("stock-silent")
        if not answer.yes:
            raise Refusal("stock-refused", code=answer.code or str(answer.status))

    def _begun(self, kind: str) -> _Steps:
        """What was scanned before and is not told yet, or nothing. Said first: what goes without the hub, and what does not."""
        self._hub()
        if not self._surroundings.hub.online:
            self._desk.warn("stock-offline")
        draft = yield load(self._desk, kind)
        if draft.key or not draft.lines:
            return draft
        options = (Option("on", word="ask.stock-go-on-yes"), Option("anew", word="ask.stock-go-on-no"))
        choice = yield Question(
            "stock-go-on", options=options, fields=self._sums(draft), rows=self._rows(draft)
        )
        return draft if choice == "on" else Draft(kind)

    def _collect(self, draft: Draft, *, one: bool = False) -> _Steps:
        """Scan after scan; a short number is how many there are of the last. Each is kept before the next is asked."""
        while True:
            code = "stock-scan-goods" if one else "stock-scan"
            fields = {"what": self._desk.words(f"key.{draft.kind}"), **self._sums(draft)}
            answer = yield Question(
                code, "text", scans="answer", empty=True, fields=fields, rows=self._rows(draft)
            )
            if answer is None:
                if draft.lines:
                    return draft
                self._desk.refuse(e.Message("stock-nothing", {}))
                continue
            typed = str(_typed(answer))
            quantity = to_decimal(typed) if draft.lines and not isinstance(answer, Scanned) else None
            if quantity is not None and len(typed) <= _QUANTITY_DIGITS:
                whole = draft.lines[-1].unit != "pc" or quantity == quantity.to_integral_value()
                if not 0 <= quantity <= _QUANTITY_MAX or not whole:
                    self._desk.refuse(e.Message("stock-quantity", {}))
                    continue
                draft = draft.with_last(quantity)
            else:
                article = self._find(typed)
                if article is None:
                    self._desk.refuse(e.Message("stock-unknown", {"code": typed[:40]}))
                    continue
                now_ms = self._desk.world.clock.wall_ms()
                line = DraftLine(article.sku, article.text, Decimal(1), now_ms, article.unit)
                draft = (Draft(draft.kind) if one and draft.lines[:1] != (line,) else draft).with_one(line)
            yield keep(self._desk, draft)

    def _agree(self, draft: Draft) -> _Steps:
        """What differs from what is to come is seen before it is told."""
        if not draft.expected:
            return
        came = {line.sku: line for line in draft.lines}
        rows = []
        for sku, wanted in dict(draft.expected).items():
            there = came[sku].quantity if sku in came else Decimal(0)
            if there != Decimal(wanted):
                rows.append((self._text(sku), f"{there} / {Decimal(wanted)}"))
        rows += [
            (line.text, f"{line.quantity} / 0")
            for line in draft.lines
            if line.sku not in dict(draft.expected)
        ]
        if not rows:
            return
        options = (
            Option("book", word="ask.stock-differs-book"),
            Option("back", word="ask.stock-differs-back"),
        )
        choice = yield Question(
            "stock-differs", options=options, fields={"count": len(rows)}, rows=tuple(rows[:_SHOWN])
        )
        if choice != "book":
            raise Refusal("stock-kept-here", level="info", what=self._desk.words(f"key.{draft.kind}"))

    def _tell(self, draft: Draft) -> _Steps:
        """Ask the hub under the draft's key, which is kept before. Only its yes lets the goods be forgotten here."""
        yield keep(self._desk, draft)
        answer: ShopAnswer = yield self._hub().ask("POST", draft.path, draft.body, key=draft.key)
        what = self._desk.words(f"key.{draft.kind}")
        if answer.silent:
            raise Refusal("stock-kept", level="warn", what=what)
        if not answer.yes:
            yield keep(self._desk, msgspec.structs.replace(draft, key="", path="", body=b""))
            raise Refusal("stock-refused", code=answer.code or str(answer.status))
        yield forget(self._desk, draft.kind)
        return answer

    def _done(self, sentence: str, draft: Draft) -> None:
        self._desk.message = e.Message(sentence, self._sums(draft), "info")

    def _whose(self) -> dict[str, Any]:
        return {"store": self._desk.world.journal.head.store, "occurred_ms": self._desk.world.clock.wall_ms()}

    def _find(self, typed: str) -> Article | None:
        """An article by a scan, a typed code or its sku."""
        setup, today = self._desk.setup, self._desk.today()
        meaning = read_scan(typed_own_code(typed) or typed, setup.scans, today)
        found = self._selling.find(meaning.key) if meaning.key else None
        return found or self._desk.world.catalogue.by_sku(typed.strip())

    def _last(self) -> Article | None:
        cart = self._selling.cart
        lines = [line for line in cart.lines if line.live and line.sku] if cart is not None else []
        return self._desk.world.catalogue.by_sku(lines[-1].sku) if lines else None

    def _text(self, sku: str) -> str:
        article = self._desk.world.catalogue.by_sku(sku)
        return article.text if article is not None else sku

    def _sums(self, draft: Draft) -> dict[str, str | int]:
        return {"count": len(draft.lines), "pieces": draft.pieces}

    def _rows(self, draft: Draft) -> tuple[tuple[str, str], ...]:
        """The newest on top."""
        newest = draft.lines[: -_SHOWN - 1 : -1]
        return tuple(
            (line.text, quantity_text(line.quantity, line.unit, self._desk.language)) for line in newest
        )


def _typed(answer: Any) -> Any:
    return answer.code if isinstance(answer, Scanned) else answer


def _rest(line: _Line) -> str:
    return format(max(Decimal(0), Decimal(line.shipped) - Decimal(line.received)), "f")
