"""Functions of the till that ask: each is a generator that yields its questions and is sent the answers.

It may yield a Question (sent the answer), a right in `Need` (sent the approval, or None where the operator may alone),
or something to await, as a commit (sent its result). One runs at a time; Esc, leaving and whatever is not an
answer end it where it stands. So what it has done must be whole before each question.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Coroutine, Generator
from decimal import Decimal
from typing import Any

import msgspec

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.question import Option, Question, Scanned, read_date, to_decimal, to_minor
from pos.domain.rights import NO_SIZE, Approval, Size
from pos.till.desk import Asking, Desk, Refusal

__all__ = ["Answered", "Flow", "Flows", "Need", "approval_of", "step", "steps"]

Flow = Generator[Any, Any, None]
Answered = str | tuple[str, ...] | int | Decimal | dt.date | Scanned | None
_Waiting = Coroutine[Any, Any, None] | None
_TEXT_MAX = 200


class Need(msgspec.Struct, frozen=True):
    """Somebody with this right must agree before the function goes on; at its beginning `desk.need` is enough.

    `another`: another person, also where the operator has the right. `size`: how much it is about, where a role's right has a limit.
    """

    right: str
    another: bool = False
    size: Size = NO_SIZE


class _BackError(Exception):
    """Esc, where it leads one step back."""


class Flows:
    """Drives the function that is under way."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._flow: Flow | None = None
        self.question: Question | None = None
        self.handlers = {
            c.Answer: self._answer,
            c.Choose: self._choose,
            c.GoBack: self._go_back,
            c.GoOn: self._go_on,
        }

    def begin(self, flow: Generator[Any, Any, Any]) -> _Waiting:
        """Run a function to its first question. Raises what it raises."""
        self.drop()
        self._flow = flow
        return self._step(None)

    @property
    def busy(self) -> bool:
        """Is a function under way?"""
        return self._flow is not None

    def drop(self) -> None:
        """Leave the function that is under way."""
        flow, self._flow, self.question = self._flow, None, None
        if flow is not None:
            flow.close()

    def look(self, command: c.Command) -> c.Command:
        """Before a command that is no news: is it an answer, or does it end the question? May turn it into an answer."""
        question = self.question
        if question is not None and question.waits and isinstance(command, c.Cancel | c.Lock):
            return self._stays(question, command)
        if question is None or isinstance(command, c.Answer | c.Choose | c.GoBack | c.GoOn | c.Approve):
            return command
        if isinstance(command, c.Cancel) and question.back:
            return c.GoBack()
        if isinstance(command, c.Scan) and question.scans == "answer":
            return c.Answer(command.code, scanned=True)
        stays = question.stays or question.scans == "refuse"
        if stays and not isinstance(command, c.Cancel | c.Lock):
            if isinstance(command, c.Scan):
                self._desk.events.append(e.CodeRefused("", "busy"))
            raise Refusal("answer-first", level="warn")
        self.drop()
        return command

    @staticmethod
    def _stays(question: Question, command: c.Command) -> c.Command:
        """Esc where something is waited for: the option that stands for it."""
        keys = [option.key for option in question.options]
        if isinstance(command, c.Lock) or question.esc not in keys:
            raise Refusal("answer-first", level="warn")
        return c.Choose(keys.index(question.esc) + 1)

    # -- news

    def waits_for(self, name: str) -> bool:
        """Is the question one that this news answers?"""
        return self.question is not None and self.question.waits == name

    def tell(self, news: Any) -> _Waiting:
        """Answer the question that waits with the news it waits for."""
        return self._step(news)

    def redraw(self, question: Question) -> None:
        """The same question, with what is known now."""
        assert self.question is not None, "a question is asked"
        self.question = question

    # -- answers

    def _answer(self, command: c.Answer) -> _Waiting:
        question = self._asked()
        if command.scanned and question.scans != "answer":
            raise Refusal("answer-first", level="warn")
        if command.scanned:
            return self._step(Scanned(command.text))
        return self._step_or_tick(self._read(question, command.text.strip()))

    def _choose(self, command: c.Choose) -> _Waiting:
        question = self._asked()
        return self._step_or_tick(self._option(question, command.index))

    def _asked(self) -> Question:
        if self.question is None:
            raise Refusal("nothing-asked", level="info")
        return self.question

    def _step_or_tick(self, answer: "Answered | Option") -> _Waiting:
        question = self._asked()
        if not isinstance(answer, Option):
            return self._step(answer)
        if question.kind != "many":
            return self._step(answer.key)
        options = tuple(
            msgspec.structs.replace(option, ticked=not option.ticked) if option.key == answer.key else option
            for option in question.options
        )
        self.question = msgspec.structs.replace(question, options=options)
        return None

    def _option(self, question: Question, index: int) -> Option:
        if not 1 <= index <= len(question.options):
            raise Refusal("no-such-choice", level="warn")
        return question.options[index - 1]

    def _choice(self, question: Question, text: str) -> Option:
        if not (text.isascii() and text.isdigit() and len(text) <= 4):
            raise Refusal("no-such-choice", level="warn")
        return self._option(question, int(text))

    def _read(self, question: Question, text: str) -> "Answered | Option":
        """What was typed, as the kind of the question wants it. Raises Refusal; the question stays."""
        if len(text) > _TEXT_MAX:
            raise Refusal("input-too-long")
        if not text:
            if question.kind == "many":
                return tuple(option.key for option in question.options if option.ticked)
            if question.empty:
                return None
            raise Refusal("answer-needed", level="info")
        if question.kind == "pick" and question.scans == "answer" and not _names_option(question, text):
            return Scanned(text)
        if question.kind in {"pick", "many"} or (question.kind == "amount" and _names_option(question, text)):
            return self._choice(question, text)
        if question.kind == "date" and question.options and len(text) <= question.choice_digits:
            return self._choice(question, text)
        match question.kind:
            case "amount":
                amount = to_minor(text, digits_are_cents=self._desk.setup.digits_are_cents)
                if amount is None:
                    raise Refusal("not-an-amount", text=text)
                return amount
            case "number":
                number = to_decimal(text)
                if number is None:
                    raise Refusal("not-a-number", text=text)
                return number
            case "date":
                day = read_date(text, self._desk.today())
                if day is None:
                    raise Refusal("not-a-day", text=text)
                return day
        return text

    @property
    def idle(self) -> bool:
        """Nothing is asked, and no function is under way."""
        return self._flow is None

    # -- driving

    def _go_on(self, _: c.GoOn) -> _Waiting:
        approval = self._desk.approvals[-1] if self._desk.approvals else None
        return self._step(approval) if self._flow is not None else None

    def _go_back(self, _: c.GoBack) -> _Waiting:
        self._asked()
        waits = self._advance(lambda flow: flow.throw(_BackError()))
        return None if waits is None else self._await(waits)

    def _step(self, value: Any) -> _Waiting:
        """On to the next question; a coroutine where something must be awaited on the way."""
        waits = self._advance(lambda flow: flow.send(value))
        return None if waits is None else self._await(waits)

    async def _await(self, waits: Awaitable[Any] | None) -> None:
        while waits is not None:
            try:
                value = await waits
            except Exception as error:  # noqa: BLE001 - the function may have an answer to it
                failed = error
                waits = self._advance(lambda flow, failed=failed: flow.throw(failed))  # type: ignore[misc]
            else:
                waits = self._advance(lambda flow, value=value: flow.send(value))  # type: ignore[misc]

    def _advance(self, go: Callable[[Flow], Any]) -> Awaitable[Any] | None:
        self.question = None
        while True:
            flow = self._flow
            assert flow is not None, "a function is under way"
            try:
                wanted = go(flow)
            except StopIteration:
                self._end(flow)
                return None
            except BaseException:
                self._end(flow)
                raise
            if isinstance(wanted, Question):
                self.question = wanted
                self._desk.events.append(e.Asked(wanted.code))
                return None
            if not isinstance(wanted, Need):
                waits: Awaitable[Any] = wanted
                return waits
            if not wanted.another and self._desk.may(wanted.right, wanted.size):
                go = _send_none
                continue
            self._desk.ask_approval(Asking(c.GoOn(), wanted.right, size=wanted.size))
            return None

    def _end(self, flow: Flow) -> None:
        if self._flow is flow:
            self._flow = None


def _names_option(question: Question, text: str) -> bool:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= question.choice_digits else 0
    return 1 <= number <= len(question.options)


def _send_none(flow: Flow) -> Any:
    return flow.send(None)


def step(part: Generator[Any, Any, Any], *, stays: bool = False) -> Generator[Any, Any, Any]:
    """A part of a function, run with `yield from`; Esc in one of its questions ends this part alone, and is answered None.

    `stays`: nothing else ends its questions.
    """
    try:
        wanted = next(part)
        while True:
            mine = isinstance(wanted, Question) and not wanted.back
            try:
                answer = yield msgspec.structs.replace(wanted, back=True, stays=stays) if mine else wanted
            except _BackError as back:
                if mine:
                    part.close()
                    return None
                wanted = part.throw(back)
            except GeneratorExit:
                part.close()
                raise
            except Exception as error:  # noqa: BLE001 - the part may have an answer to it
                wanted = part.throw(error)
            else:
                wanted = part.send(answer)
    except StopIteration as end:
        return end.value


def steps(
    *parts: Callable[[list[Any]], Generator[Any, Any, Any]],
) -> Generator[Any, Any, list[Any] | None]:
    """Parts one after the other, each made with the answers before it; gives all answers.

    Esc leads to the part before; in the first one it ends them all, and None is given. No other key loses what was answered.
    """
    answers: list[Any] = []
    while len(answers) < len(parts):
        answer = yield from step(_boxed(parts[len(answers)](answers)), stays=True)
        if answer is not None:
            answers.append(answer[0])
        elif answers:
            answers.pop()
        else:
            return None
    return answers


def _boxed(part: Generator[Any, Any, Any]) -> Generator[Any, Any, tuple[Any]]:
    return ((yield from part),)


def approval_of(answer: Approval | None) -> tuple[Approval, ...]:
    """What `Need` was answered with, for a fact's approvals."""
    return () if answer is None else (answer,)
