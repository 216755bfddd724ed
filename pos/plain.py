"""Line mode: the same till and the same keymap, one line in, one line out.

For screen readers, scripts and tests; docs/line-mode.md describes it. With `--json` there is exactly one
view per input line, printed when the input is handled and the open cart durable; news that comes later is
events only.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, TextIO

import msgspec

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.cart import Line
from pos.domain.codes import shown
from pos.domain.question import Question
from pos.entry import Entry, Keymap
from pos.quickkeys import Page, quick_place
from pos.resources import Texts, texts
from pos.till import Till
from pos.view import ParkedCart, TillView
from pos.words import amount, message_text, option_right, option_text, quantity_text

__all__ = ["LineMode"]

LINE_MAX_BYTES = 4_096
_json = msgspec.json.Encoder(decimal_format="number")


class PlainLine(msgspec.Struct, frozen=True):
    """A cart line as scripts see it; amounts in minor units, `quantity` a number."""

    n: int
    gtin: str | None
    text: str
    quantity: Decimal
    unit_minor: int
    total_minor: int
    voided: bool
    discounts: tuple[tuple[str, int], ...] = ()


class PlainParked(msgspec.Struct, frozen=True):
    """A parked cart as scripts see it."""

    cart_id: str
    pieces: int
    total_minor: int
    note: str
    before: bool = False
    till: str = ""
    away: bool = False


class LineMode:
    """Reads input lines through `read` (None at the end) and writes to `out`."""

    def __init__(
        self,
        till: Till,
        keymap: Keymap,
        read: Callable[[], Awaitable[bytes]],
        out: TextIO = sys.stdout,
        *,
        as_json: bool,
        digits_are_cents: bool = True,
        quick_keys: Callable[[], Sequence[Page]] = tuple,
    ) -> None:
        self._till = till
        self._keymap = keymap
        self._read = read
        self._out = out
        self._as_json = as_json
        self._entry = Entry(digits_are_cents=digits_are_cents, pages=quick_keys)
        self._deaf = False
        self._heard = asyncio.Event()
        self._said: dict[
            str, tuple[str, str]
        ] = {}  # of each line to a node: its problem, and what was said of it
        till.subscribe(self._hear)

    async def run(self) -> None:
        """Until the input ends."""
        self._say_ready()
        while not self._deaf and (raw := await self._read()):
            if len(raw) > LINE_MAX_BYTES:
                await self._till.handle(c.Mistyped("input-too-long"))
            else:
                await self._take(raw.decode("utf-8", "replace").rstrip("\r\n"))
            await self._answered()
            await self._till.settle()
            self._show()

    async def _answered(self) -> None:
        """What was asked of the store is answered within seconds, and belongs to the line that asked."""
        while self._till.view.claiming:
            self._heard.clear()
            await self._heard.wait()

    async def _take(self, line: str) -> None:
        word, *others = line.split(None, 1) or [""]
        rest = others[0].strip() if others else ""
        command: c.Command | None = None
        if word == "scan" and rest:
            command = c.Scan(rest)
        elif word == "sign-in":
            *names, pin = rest.split() or [""]
            command = c.SignIn(" ".join(names), pin)
        elif word == "approve":
            *names, pin = rest.split() or [""]
            command = c.Approve(" ".join(names), pin)
        elif word == "key" and rest:
            command = self._press(rest)
        elif not word:
            command = self._press("enter")
        else:
            await self._type(line.strip())
            return
        if command is not None:
            await self._till.handle(command)

    def _press(self, name: str) -> c.Command | None:
        if name not in self._keymap.names and quick_place(name) is None:
            return c.Mistyped("no-such-key", name[:40])
        return self._entry.press(name, self._till.view)

    async def _type(self, text: str) -> None:
        for char in text:
            command = self._entry.type(char)
            if command is not None:
                await self._till.handle(command)

    # -- out

    def _hear(self, events: Sequence[e.Event]) -> None:
        self._heard.set()
        if self._as_json:
            for event in events:
                self._write(_json.encode(event).decode())

    def _say_ready(self) -> None:
        view = self._till.view
        if self._as_json:
            self._write(_json.encode({"event": "ready", "state": view.state, "till": view.till}).decode())
        else:
            self._write(texts(view.language)("plain.ready", till=view.till))
            self._show()

    def _show(self) -> None:
        view = self._till.view
        if self._as_json:
            self._write(_json.encode({"view": self._plain_view(view)}).decode())
        else:
            self._write(self._sentence(view))

    def _plain_view(self, view: TillView) -> dict[str, Any]:
        words = texts(view.language)
        message = view.message
        return {
            "state": view.state,
            "lines": [_plain_line(line) for line in view.lines],
            "expected": view.expected,
            "total_minor": view.total_minor,
            "due_minor": view.due_minor,
            "cash_due_minor": view.cash_due_minor,
            "tip_minor": view.tip_minor,
            "tenders": view.tenders,
            "change_minor": view.change_minor,
            "paid_out_minor": view.last_sale.paid_out_minor
            if view.state == "paid" and view.last_sale is not None
            else 0,
            "saved_minor": view.saved_minor,
            "message": None
            if message is None
            else {"code": message.code, "text": message_text(message, words)},
            "unsent": view.unsent,
            "paper": view.last_sale.paper if view.state == "paid" and view.last_sale is not None else "",
            "question": None if view.question is None else _plain_question(view.question, words),
            "weighing": view.weighing,
            "parked": [_plain_parked(cart) for cart in view.parked],
            "entry": self._typed(view),
            "training": view.training,
        }

    def _sentence(self, view: TillView) -> str:
        words = texts(view.language)
        parts = self._standing(view, words)
        if view.training:
            parts.insert(0, f"{words('ui.training')}.")
        if view.message is not None:
            sentence = message_text(view.message, words)
            if sentence not in [said for _, said in self._said.values()]:
                parts.append(sentence)
        if view.weighing:
            parts.append(words("ui.weighing", text=view.weighing))
        if view.question is not None:
            parts.extend(_question_sentence(view.question, words))
        elif view.state == "search":
            parts.extend(f"{n}: {article.text}." for n, article in enumerate(view.results, start=1))
        elif view.state == "paid" and view.last_sale is not None:
            parts.append(
                words(
                    "plain.paid",
                    total=amount(view.total_minor, view.language),
                    change=amount(view.change_minor, view.language),
                )
            )
            if view.saved_minor > 0:
                parts.append(words("plain.saved", saved=amount(view.saved_minor, view.language)))
            if view.last_sale.paper:
                parts.append(words(f"plain.paper-{view.last_sale.paper}"))
            if view.last_sale.to_take_minor:
                to_take = amount(view.last_sale.to_take_minor, view.language)
                parts.append(words("plain.to-take", amount=to_take))
            if view.last_sale.paid_out_minor:
                paid_out = amount(view.last_sale.paid_out_minor, view.language)
                parts.append(words("plain.paid-out", amount=paid_out))
        elif view.lines:
            last = view.lines[-1]
            parts.append(f"{last.text} {amount(last.total_minor, view.language)}.")
            parts += [
                words(
                    "plain.discount",
                    text=discount.text or words("ui.discount"),
                    amount=amount(-discount.amount_minor, view.language),
                )
                for discount in last.discounts
                if last.live
            ]
            parts.append(
                words("plain.total", total=amount(view.total_minor, view.language), pieces=view.pieces)
            )
            parts.extend(_paid_sentences(view, words))
            parts.extend(_expected_sentence(view, words))
        elif view.expected:
            parts.extend(_expected_sentence(view, words))
        else:
            parts.append(words(f"state.{view.state}"))
            parts.extend(_parked_sentence(n, cart, words) for n, cart in enumerate(view.parked, start=1))
        if self._entry.text:
            parts.append(f"> {self._typed(view)}")
        return " ".join(parts)

    def _typed(self, view: TillView) -> str:
        """What stands in the entry line; a secret only by its length."""
        secret = view.question is not None and view.question.kind == "secret"
        return "*" * len(self._entry.text) if secret else self._entry.text

    def _standing(self, view: TillView, words: Texts) -> list[str]:
        """What somebody must look at on the lines to hub and relay, each once; the screen's status row goes on saying it."""
        parts: list[str] = []
        for name, node in (("Hub", view.hub), ("Relay", view.relay)):
            silent = not node.online and not node.problem  # a line that breaks says nothing new of it
            if silent or node.problem == self._said.get(name, ("", ""))[0]:
                continue
            sentence = words(f"message.hub-{node.problem}", node=name)
            known = not sentence.startswith("message.")
            self._said[name] = node.problem, sentence if known else ""
            if known:
                parts.append(sentence)
        return parts

    def _write(self, line: str) -> None:
        try:
            self._out.write((line if self._as_json else shown(line)) + "\n")
            self._out.flush()
        except (
            OSError,
            ValueError,
        ):  # nobody listens any more: end in order, at the next input at the latest
            self._deaf = True


def _expected_sentence(view: TillView, words: Texts) -> list[str]:
    """What a phone's cart still wants."""
    if not view.expected:
        return []
    named = ", ".join(
        f"{quantity_text(one.quantity, one.unit, view.language)} {one.text}" for one in view.expected
    )
    return [words("plain.expected", lines=named)]


def _plain_line(line: Line) -> PlainLine:
    quantity = line.quantity
    whole = quantity.to_integral_value()
    return PlainLine(
        n=line.n,
        gtin=line.gtin or (line.code or None if line.kind == "open" else None),
        text=line.text,
        quantity=whole if whole == quantity else quantity,
        unit_minor=line.unit_minor,
        total_minor=line.total_minor,
        voided=line.voided is not None,
        discounts=tuple((discount.text, discount.amount_minor) for discount in line.discounts if line.live),
    )


def _plain_parked(cart: ParkedCart) -> PlainParked:
    return PlainParked(
        cart.cart_id, cart.pieces, cart.total_minor, cart.note, cart.before, cart.till, cart.away
    )


def _paid_sentences(view: TillView, words: Texts) -> list[str]:
    """What was paid of the open sale, and what is left."""
    if not view.tenders and not view.tip_minor:
        return []
    parts = []
    if view.tip_minor:
        parts.append(words("plain.tip", amount=amount(view.tip_minor, words.language)))
    for tender in view.tenders:
        minor = amount(tender.amount_minor, words.language)
        parts.append(words("plain.part", what=words(f"tender.{tender.kind}"), amount=minor))
    return [*parts, words("plain.left", rest=amount(view.due_minor, words.language))]


def _parked_sentence(n: int, cart: ParkedCart, words: Texts) -> str:
    code = "parked-away" if cart.away else "parked-till" if cart.till else "parked"
    return words(
        "plain.parked-before" if cart.before else f"plain.{code}",
        till=cart.till,
        n=n,
        what=cart.note or cart.text,
        pieces=cart.pieces,
        total=amount(cart.total_minor, words.language),
    )


def _plain_question(question: Question, words: Texts) -> dict[str, Any]:
    """A question as scripts see it; `options` in their order, each with the key that answers it."""
    options = [
        {"key": option.key, "text": option_text(option, words), "ticked": option.ticked}
        for option in question.options
    ]
    rows = [list(row) for row in question.rows]
    asked = {"code": question.code, "kind": question.kind, "options": options, "rows": rows}
    return asked | {"qr": question.qr} if question.qr else asked


def _question_sentence(question: Question, words: Texts) -> list[str]:
    parts = [words(f"ask.{question.code}", **question.fields)]
    parts += [f"{left} {right}".strip() + "." for left, right in question.rows]
    for number, option in enumerate(question.options, start=1):
        right = option_right(option, words)
        tick = "[x] " if option.ticked else ""
        parts.append(f"{number}: {tick}{option_text(option, words)}{f', {right}' if right else ''}.")
    return parts
