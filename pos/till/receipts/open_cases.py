"""What the customer of a receipt wrote to the shop, shown where the receipt is opened: one line, and a choice that reads it.

The hub is asked beside the commands, so nothing waits for it: the line appears when it has answered, and not at all where
it does not. A gift receipt shows none: whoever brings it is not who wrote.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Final
from urllib.parse import quote

import msgspec

from pos.domain import commands as c
from pos.domain.question import Option, Question
from pos.node_ports import ShopAnswer, ShopDesk
from pos.ports import Submit
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Flows, step

__all__ = ["READ_CASE", "Brief", "OpenCases", "read_briefs"]

READ_CASE: Final = "case"
"""The key of the choice that reads it."""
_ASKED: Final = ("open", "answered")
_LISTED: Final = 10
_SEEN: Final = 6  # choices that the smallest screen shows


class Brief(msgspec.Struct, frozen=True):
    """A case as the hub lists it: nothing personal."""

    case_id: str
    number: int
    kind: str
    about_kind: str
    about: str
    state: str


class _Briefs(msgspec.Struct, frozen=True):
    cases: tuple[Brief, ...]


def read_briefs(answer: ShopAnswer) -> tuple[Brief, ...]:
    """Newest first. Raises msgspec.MsgspecError where it is no such list."""
    return msgspec.json.decode(answer.body, type=_Briefs).cases


class OpenCases:
    """`read` shows one case; given by the part that lists tasks."""

    read: Callable[[str], Flow]

    def __init__(self, desk: Desk, flows: Flows, submit: Submit) -> None:
        self._desk = desk
        self._flows = flows
        self._submit = submit
        self._about = ""
        self._found: c.CaseHeard | None = None
        self._plain: Question | None = None
        self._aside = False
        self._asking: asyncio.Task[None] | None = None
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {c.CaseHeard: self._heard}

    def ask(self, about: str, store: str) -> None:
        """Begin to ask for what is open about a receipt or order of a store; what was known of another is forgotten."""
        here = store in {"", self._desk.world.journal.head.store}
        self._about, self._found, self._plain = about if here else "", None, None
        self._aside = False
        self._ask()

    def _ask(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        shop = None if self._desk.training else self._desk.world.shop
        if shop is None or not self._about:
            self._asking = None
            return
        hearing = self._hear(shop, self._about)
        self._asking = asyncio.get_running_loop().create_task(hearing, name="cases-asked")

    async def _hear(self, shop: ShopDesk, about: str) -> None:
        store = quote(self._desk.world.journal.head.store, safe="")
        path = f"/cases?store={store}&about={quote(about, safe='')}&limit={_LISTED}"
        answer = await shop.ask("GET", path)
        if not answer.yes:
            return
        try:
            found = [one for one in read_briefs(answer) if one.state in _ASKED]
        except msgspec.MsgspecError:
            return
        first = min(found, key=lambda one: _ASKED.index(one.state), default=None)
        self._submit(
            c.CaseHeard(about, first.case_id, first.number, first.state) if first else c.CaseHeard(about)
        )

    def _heard(self, command: c.CaseHeard) -> None:
        """The same question, with the case; where another receipt was opened meanwhile, nothing."""
        if command.about != self._about:
            return
        self._found = command if command.case_id else None
        question, plain = self._flows.question, self._plain
        if question is not None and plain is not None and question.code == plain.code:
            self._flows.redraw(self.on(plain))
        elif question is None and self._aside and self._found is not None:
            self._aside = False
            self._desk.warn("case-aside", level="info", number=self._found.number)

    def tell_aside(self) -> None:
        """Nothing is asked about the receipt any more, so its case is told as a message."""
        self._aside = True

    def on(self, question: Question) -> Question:
        """The question with what is known of the receipt's case as its last choice; told above a list that is longer than a screen."""
        self._plain = question
        found = self._found
        if found is None:
            return question
        fields: dict[str, str | int] = {"number": found.number}
        options = (*question.options, Option(READ_CASE, word=f"ask.case-{found.state}", fields=fields))
        rows = question.rows
        if len(options) > _SEEN:
            rows += ((self._desk.words("ask.case-below", number=found.number, choice=len(options)), ""),)
        return msgspec.structs.replace(question, options=options, rows=rows)

    def show(self) -> Generator[Any, Any, None]:
        """Read it, and answer it; then, as with Esc, back to the receipt. A silent hub says so and ends nothing."""
        found = self._found
        assert found is not None, "it was offered"
        try:
            yield from step(self.read(found.case_id))
        except Refusal as refusal:
            self._desk.refuse(refusal.message)
        self._ask()  # it may be answered or closed by now
