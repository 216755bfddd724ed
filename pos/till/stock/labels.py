"""Today's price changes and their shelf labels, from the till's own catalogue and promotions: works without the hub.

What was printed and what hangs is kept in the till's memory, by what the label says: a label is noted as printed before it
goes to the printer's spool, so after a cut it is asked for by somebody, never repeated by itself.
"""

import datetime as dt
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

import msgspec

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.article import Article
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import declare
from pos.domain.scans import read_scan, typed_own_code
from pos.domain.shelf_label import PriceChange, fingerprint, price_said
from pos.resources import texts
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling
from pos.till.stock.label_paper import label_document
from pos.till.stock.price_changes import PriceChanges
from pos.till.surroundings import Surroundings
from pos.words import amount

__all__ = ["LABELS_TASK", "PRICE_LABELS", "Labels"]

PRICE_LABELS: Final = declare("price-labels")
LABELS_TASK: Final = "price-labels"
"""The hub's kind of task: labels of a day, whose date is its key."""
_MEMORY: Final = "labels"
_KEPT_DAYS: Final = 60
_PAGE: Final = 6
_DAY: Final = dt.timedelta(days=1)
_Steps = Generator[Any, Any, Any]


class _Label(msgspec.Struct, frozen=True, array_like=True):
    """`says`: shelf_label.fingerprint; `hung`: somebody said so, else it was printed; `day`: when, as ISO."""

    says: str
    hung: bool
    day: str


_KEPT: Final = msgspec.json.Decoder(dict[str, _Label])


class Labels:
    """The key "price-labels"."""

    def __init__(
        self,
        desk: Desk,
        selling: Selling,
        surroundings: Surroundings,
        tell_later: Callable[[str, Any], None],
    ) -> None:
        self._desk = desk
        self._tell_later = tell_later
        self._selling = selling
        self._surroundings = surroundings
        self._changes = PriceChanges(desk)
        self._labels: dict[str, _Label] = {}
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {"price-labels": self._which}

    def _which(self, command: c.Do) -> Flow:
        """Which days; a code that is scanned or typed is one label."""
        self._desk.need(PRICE_LABELS)
        yield from self._load()
        if command.text:
            yield from self._single(command.text)
            return
        while True:
            today = self._desk.today()
            lists = {
                "today": (yield from self._changes.on(today)),
                "since": (yield from self._since(today)),
                "tomorrow": (yield from self._changes.on(today + _DAY)),
            }
            options = tuple(
                Option(name, word=f"ask.labels-{name}", note=self._open_of(found))
                for name, found in lists.items()
            )
            rows = self._standing()
            chosen = yield Question("labels", options=options, rows=rows, scans="answer")
            if isinstance(chosen, Scanned):
                yield from self._single(chosen.code)
            elif not lists[chosen]:
                self._desk.warn(f"labels-none-{chosen}", level="info")
            else:
                yield from self._list(chosen, lists[chosen])

    def of_day(self, day: dt.date) -> _Steps:
        """The list that a task of the hub is about; False where there is nothing to show of it."""
        yield from self._load()
        name, changes = yield from self._due(day)
        if not changes:
            return False
        yield from self._list(name, changes)
        return True

    def all_hang(self, day: dt.date) -> _Steps:
        """Whether nothing of a task of the hub is left to do, as far as this till knows: what changed that day hangs."""
        yield from self._load()
        name, changes = yield from self._due(day)
        return not changes if name == "since" else bool(changes) and all(map(self._hangs, changes))

    def _due(self, day: dt.date) -> _Steps:
        """Of a day that is over, what does not hang yet is in the list of the last days."""
        today = self._desk.today()
        if day < today:
            return "since", (yield from self._since(today))
        return "today", (yield from self._changes.on(day))

    def _hung(self, changes: Sequence[PriceChange]) -> _Steps:
        """The day's task is done with the last label."""
        yield from self._note(changes, hung=True)
        self._say("labels-hung", len(changes))
        today = self._desk.today()
        if (yield from self.all_hang(today)):
            self._tell_later(
                f"/stores/{self._desk.world.journal.head.store}/tasks/done",
                {"kind": LABELS_TASK, "key": today.isoformat()},
            )

    def _since(self, today: dt.date) -> _Steps:
        """What changed in the last days and does not hang yet, and what the hub changed without a day."""
        lately: Sequence[PriceChange] = yield from self._changes.lately(today)
        gone: Sequence[PriceChange] = yield from self._gone_by({one.article.sku for one in lately}, today)
        return tuple(change for change in (*lately, *gone) if not self._hangs(change))

    def _gone_by(self, known: set[str], today: dt.date) -> _Steps:
        """Where a label hangs that says a price which came and went within these days. Those hung today may be for tomorrow."""
        catalogue = self._desk.world.catalogue
        said = {
            sku: price_said(label.says)
            for sku, label in self._labels.items()
            if label.hung and label.day < today.isoformat() and sku not in known
        }
        articles = [catalogue.by_sku(sku) for sku in said]
        changes = yield from self._changes.of([one for one in articles if one is not None], today)
        return [
            msgspec.structs.replace(change, old_minor=old)
            for change in changes
            if (old := said[change.article.sku]) is not None and change.article.price_minor not in {None, old}
        ]

    def _list(self, name: str, changes: Sequence[PriceChange]) -> _Steps:
        first = 0
        while True:
            open_ = [change for change in changes if self._of(change) is None]
            printed = [
                change for change in changes if self._of(change) is not None and not self._hangs(change)
            ]
            options = []
            if open_:
                options.append(Option("all", word="ask.labels-print-all", note=str(len(open_))))
            if printed:
                options.append(Option("hung", word="ask.labels-all-hung", note=str(len(printed))))
            shown = changes[first : first + _PAGE]
            options += [
                Option(f"={first + n}", self._text(one), note=self._figures(one))
                for n, one in enumerate(shown)
            ]
            if len(changes) > _PAGE:
                options.append(
                    Option(
                        "more",
                        word="ask.labels-more",
                        note=f"{first + 1}-{first + len(shown)}/{len(changes)}",
                    )
                )
            options.append(Option("back", word="ask.labels-back"))
            fields: dict[str, str | int] = {"which": self._desk.words(f"ask.labels-{name}")}
            chosen = yield Question("labels-list", options=tuple(options), fields=fields, scans="answer")
            if isinstance(chosen, Scanned):
                yield from self._single(chosen.code, changes)
            elif chosen == "back":
                return
            elif chosen == "more":
                first = first + _PAGE if first + _PAGE < len(changes) else 0
            elif chosen == "all":
                yield from self._print(open_)
            elif chosen == "hung":
                yield from self._hung(printed)
            else:
                yield from self._one(changes[int(chosen[1:])])

    def _one(self, change: PriceChange) -> _Steps:
        options = tuple(Option(name, word=f"ask.labels-{name}") for name in ("print", "hangs", "back"))
        fields: dict[str, str | int] = {"text": change.article.text}
        rows = ((self._department(change.article), self._figures(change)),)
        chosen = yield Question("labels-one", options=options, fields=fields, rows=rows)
        if chosen == "print":
            yield from self._print([change])
        elif chosen == "hangs":
            yield from self._hung([change])

    def _single(self, code: str, changes: Sequence[PriceChange] = ()) -> _Steps:
        """The label of one article as it is today, also where nothing changed."""
        article = self._find(code)
        if article is None:
            self._desk.refuse(e.Message("stock-unknown", {"code": code[:40]}))
            return
        change = next((one for one in changes if one.article.sku == article.sku), None)
        if change is None:
            change = yield from self._changes.of_one(article, self._desk.today())
        if change.article.price_minor is None:
            self._desk.refuse(e.Message("labels-no-price", {"text": article.text[:40]}))
            return
        yield from self._print([change])

    def _print(self, changes: Sequence[PriceChange]) -> _Steps:
        """Noted one by one, each before it goes to the spool, which keeps it when the paper ends."""
        if self._desk.world.printer is None:
            raise Refusal("labels-no-printer")
        waits = self._surroundings.no_paper
        desk, language = self._desk, self._desk.setup.language
        for change in changes:
            yield from self._note([change], hung=self._hangs(change))
            paper = label_document(change, texts(language), language, desk.setup.currency, desk.today())
            self._surroundings.print_document(paper)
        self._say("labels-wait" if waits else "labels-printed", len(changes))

    # -- what was printed, and what hangs

    def _load(self) -> _Steps:
        raw = (yield self._desk.world.memory.get(_MEMORY)) if self._desk.world.memory is not None else None
        try:
            self._labels = _KEPT.decode(raw) if raw else {}
        except msgspec.MsgspecError:
            self._labels = {}

    def _note(self, changes: Sequence[PriceChange], *, hung: bool) -> _Steps:
        today = self._desk.today()
        oldest = (today - _KEPT_DAYS * _DAY).isoformat()
        kept = {sku: label for sku, label in self._labels.items() if label.day >= oldest}
        fresh = {one.article.sku: _Label(fingerprint(one), hung, today.isoformat()) for one in changes}
        self._labels = {**kept, **fresh}
        if self._desk.world.memory is not None:
            yield self._desk.world.memory.put(_MEMORY, msgspec.json.encode(self._labels))

    def _of(self, change: PriceChange) -> _Label | None:
        label = self._labels.get(change.article.sku)
        return label if label is not None and label.says == fingerprint(change) else None

    def _hangs(self, change: PriceChange) -> bool:
        label = self._of(change)
        return label is not None and label.hung

    # -- words

    def _open_of(self, changes: Sequence[PriceChange]) -> str:
        hung = sum(self._hangs(change) for change in changes)
        return self._desk.words("ui.labels-count", hung=hung, count=len(changes))

    def _standing(self) -> tuple[tuple[str, str], ...]:
        """What the till cannot know while the hub is silent."""
        hub = self._surroundings.hub
        if self._desk.world.shop is None and not hub.configured:
            return ((self._desk.words("ui.labels-own-file"), ""),)
        return () if hub.online else ((self._desk.words("ui.labels-hub-silent"), ""),)

    def _text(self, change: PriceChange) -> str:
        return f"{change.article.text} · {change.article.sku}"

    def _figures(self, change: PriceChange) -> str:
        language = self._desk.language
        old = "-" if change.old_minor is None else amount(change.old_minor, language)
        label = self._of(change)
        state = "open" if label is None else "hung" if label.hung else "printed"
        return f"{old} → {amount(change.article.price_minor or 0, language)}  {self._desk.words(f'ui.label-{state}')}"

    def _department(self, article: Article) -> str:
        named = self._desk.world.catalogue.departments().get(article.department)
        return f"{article.sku}  {named[0]}" if named else article.sku

    def _find(self, typed: str) -> Article | None:
        meaning = read_scan(typed_own_code(typed) or typed, self._desk.setup.scans, self._desk.today())
        found = self._selling.find(meaning.key) if meaning.key else None
        return found or self._desk.world.catalogue.by_sku(typed.strip())

    def _say(self, sentence: str, count: int) -> None:
        self._desk.message = e.Message(sentence, {"count": count}, "info")
