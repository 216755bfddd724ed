"""What people of the store must do, as the hub lists it: looked at, done, customers' cases answered, price labels hung.

A receipt that is scanned while the list is open shows its cases; one that is opened elsewhere offers its own (open_cases). All of it needs the hub.
"""

import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final

import msgspec

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.codes import shown
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import declare
from pos.domain.scans import ScanKind, read_scan
from pos.node_ports import ShopAnswer
from pos.resources import texts
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need
from pos.till.receipts.open_cases import Brief, OpenCases, read_briefs
from pos.till.receipts.receipt_book import told_number
from pos.till.stock.labels import LABELS_TASK, PRICE_LABELS, Labels
from pos.till.stock.room import STOCK_WRITE_OFF
from pos.till.task_rows import COUNT_APPROVE, ORDER_REFUND, kind_of, rows_of, variances_of

__all__ = ["TASKS", "Tasks"]

TASKS: Final = declare("tasks")
_LISTED: Final = 50
_TEXT_MAX: Final = 2_000
_ROW_MAX: Final = 60
_LINE: Final = 44
_NUMBER: Final = 20


class _Task(msgspec.Struct, frozen=True):
    kind: str
    key: str
    subject: str
    created_ms: int
    data: dict[str, Any] | None = None


class _Tasks(msgspec.Struct, frozen=True):
    tasks: tuple[_Task, ...]


class _Said(msgspec.Struct, frozen=True):
    at_ms: int
    side: str
    text: str


class _Case(msgspec.Struct, frozen=True):
    brief: Brief
    messages: tuple[_Said, ...]


class Tasks:
    """The key "tasks". `give_back` gives back what was paid down for an order."""

    def __init__(
        self,
        desk: Desk,
        open_cases: OpenCases,
        labels: Labels,
        settle: Callable[[], Awaitable[None]],
        give_back: Callable[[str], Generator[Any, Any, None]],
    ) -> None:
        self._desk = desk
        self._labels = labels
        self._settle = settle
        self._give_back = give_back
        open_cases.read = self._read
        self.functions = {"tasks": self._list}
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}

    def _list(self, _: c.Do) -> Flow:
        self._desk.need(TASKS)
        self._desk.must_be_signed_in()
        while True:
            found = yield from self._open()
            if not found:
                raise Refusal("tasks-none", level="info")
            options = tuple(
                Option(f"task-{n}", text=self._line(one), note=self._moment(one.created_ms))
                for n, one in enumerate(found)
            )
            chosen = yield Question("tasks", options=options, scans="answer")
            if isinstance(chosen, Scanned):
                yield from self._cases_of(chosen.code)
                continue
            task = next((one for n, one in enumerate(found) if f"task-{n}" == chosen), None)
            if task is None:
                self._desk.refuse(e.Message("tasks-scan"))
            elif task.kind == "case":
                yield from self._case(task.subject)
            elif task.kind == LABELS_TASK:
                yield from self._hang(task)
            else:
                yield from self._one(task)

    def _open(self) -> Generator[Any, Any, list[_Task]]:
        """What is to be done; labels that hang by now are done with."""
        if self._desk.world.shop is not None and not self._desk.training:
            yield self._settle()
        path = f"/stores/{self._store}/tasks?limit={_LISTED}"
        answer = yield from self._ask("GET", path)
        left = []
        for task in msgspec.json.decode(answer.body, type=_Tasks).tasks:
            day = _day_of(task)
            if day is not None and (yield from self._labels.all_hang(day)):
                yield from self._done(task)
            else:
                left.append(task)
        return left

    def _hang(self, task: _Task) -> Generator[Any, Any, None]:
        """Straight to the day's list; where this till knows nothing of it, a person says when it is done."""
        yield Need(PRICE_LABELS)
        day = _day_of(task)
        if day is None or not (yield from self._labels.of_day(day)):
            yield from self._one(task)

    def _one(self, task: _Task) -> Generator[Any, Any, None]:
        counted, money = task.kind == COUNT_APPROVE, task.kind == ORDER_REFUND
        if counted:
            answer = yield from self._ask("GET", f"/stock/counts/{task.key}")
            rows = variances_of(self._desk, answer.body)
        else:
            rows = rows_of(self._desk, task.kind, task.data or {})
        names = (
            ("approve", "reject", "back")
            if counted
            else ("give-back", "back", "done")
            if money
            else ("back", "done")
        )
        options = tuple(Option(name, word=f"ask.tasks-{name}") for name in names)
        chosen = yield Question(
            "task", options=options, fields={"task": self._line(task)}, rows=rows, scans="refuse"
        )
        if chosen == "give-back":
            yield from self._give_back(task.subject)
        elif chosen in {"approve", "reject"}:
            yield Need(STOCK_WRITE_OFF)
            body = msgspec.json.encode({"operator": self._desk.operator_id()})
            yield from self._ask("POST", f"/stock/counts/{task.key}/{chosen}", body, again={"state"})
            self._desk.message = e.Message(f"task-count-{chosen}", level="info")
        elif chosen == "done":
            yield from self._done(task)
            self._desk.message = e.Message("task-is-done", level="info")

    def _done(self, task: _Task) -> Generator[Any, Any, None]:
        body = msgspec.json.encode({"kind": task.kind, "key": task.key})
        yield from self._ask("POST", f"/stores/{self._store}/tasks/done", body, again={"task-done"})

    def _cases_of(self, code: str) -> Generator[Any, Any, None]:
        """Cases of the receipt that was scanned."""
        meaning = read_scan(code, self._desk.setup.scans, self._desk.today())
        said = meaning.payload if meaning.kind is ScanKind.RECEIPT else ""
        number = told_number(said) if said else None
        if number is not None:
            which = f"about={number[0]}-{number[1]}-{number[2]}"
        elif "." in said and "/" not in said:
            which = f"receipt={said}"
        else:
            self._desk.refuse(e.Message("tasks-scan"))
            return
        answer = yield from self._ask("GET", f"/cases?store={self._store}&{which}")
        cases = read_briefs(answer)
        if not cases:
            self._desk.message = e.Message("cases-none", level="info")
            return
        yield from self._case(cases[0].case_id)

    def _read(self, case_id: str) -> Flow:
        """A case that was found by its receipt."""
        yield Need(TASKS)
        yield from self._case(case_id)

    def _case(self, case_id: str) -> Generator[Any, Any, None]:
        path = f"/cases/{self._store}/{case_id}"
        answer = yield from self._ask("GET", path)
        case = msgspec.json.decode(answer.body, type=_Case)
        words = texts(self._desk.setup.language)
        rows = tuple(
            (shown(line)[:_ROW_MAX], words(f"ui.case-{said.side}") if n == 0 else "")
            for said in case.messages
            for n, line in enumerate(said.text.splitlines() or [""])
        )
        options = tuple(Option(name, word=f"ask.case-{name}") for name in ("back", "answer", "close"))
        fields: dict[str, str | int] = {"number": case.brief.number, "about": case.brief.about}
        chosen = yield Question("case", options=options, fields=fields, rows=rows, scans="refuse")
        if chosen == "answer":
            typed = yield Question("case-answer", "text", fields=fields, scans="refuse")
            said = str(typed).strip()[:_TEXT_MAX]
            body = msgspec.json.encode({"text": said, "by": self._desk.operator_id()})
            yield from self._ask("POST", f"{path}/answers", body)
            self._desk.message = e.Message("case-is-answered", {"number": case.brief.number}, "info")
        elif chosen == "close":
            yield from self._ask("POST", f"{path}/close")
            self._desk.message = e.Message("case-is-closed", {"number": case.brief.number}, "info")

    # -- inside

    @property
    def _store(self) -> str:
        return self._desk.world.journal.head.store

    def _ask(
        self, method: str, path: str, body: bytes = b"", *, again: frozenset[str] | set[str] = frozenset()
    ) -> Generator[Any, Any, ShopAnswer]:
        """Silence is asked once more under the same key; `again`: refusals that say it was done before."""
        shop = None if self._desk.training else self._desk.world.shop
        if shop is None:
            raise Refusal("tasks-need-hub", level="warn")
        key = self._desk.world.ids.new_id() if method == "POST" else ""
        answer: ShopAnswer = yield shop.ask(method, path, body, key=key)
        if answer.silent and key:
            answer = yield shop.ask(method, path, body, key=key)
        if answer.silent:
            raise Refusal("tasks-hub-away", level="warn")
        if answer.code == "claimed":
            raise Refusal("give-back-claimed", till=answer.detail.rpartition("/")[2])
        if not answer.yes and answer.code not in again:
            raise Refusal("tasks-refused", level="warn")
        return answer

    def _line(self, task: _Task) -> str:
        words = texts(self._desk.setup.language)
        data = task.data or {}
        if task.kind == LABELS_TASK:
            return words("ui.task-price-labels", count=int(data.get("count", 0)))
        number = str(data.get("number", ""))[:_NUMBER]
        return f"{kind_of(self._desk, task.kind)[: _LINE - 1 - len(number)]} {number}".strip()

    def _moment(self, ms: int) -> str:
        zone = self._desk.world.clock.now().tzinfo
        return dt.datetime.fromtimestamp(ms / 1000, zone).strftime("%d.%m. %H:%M")


def _day_of(task: _Task) -> dt.date | None:
    """Of labels that are to be hung."""
    with contextlib.suppress(ValueError):
        return dt.date.fromisoformat(task.key) if task.kind == LABELS_TASK else None
    return None
