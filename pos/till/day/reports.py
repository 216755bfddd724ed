"""X, Z and the slips of cash as documents: every word and number of a Z comes from its fact alone."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pos.cash_facts import CashCounted, CashMoved, DayClosed
from pos.days import OpenSession
from pos.domain.day_totals import Book, Count, ForeignDrawer, SessionSum, Totals
from pos.domain.document import Document, DocumentRow
from pos.domain.drawer import Pieces
from pos.resources import Texts, texts
from pos.till.desk import TillSetup
from pos.words import amount, day_text, iso_day_text

__all__ = ["count_slip", "movement_slip", "screen_pages", "time_text", "x_report", "z_report"]

Names = Mapping[str, str]
"""The names of people by the id that facts hold, as the till knows them now; no fact keeps one."""

NOBODY: Final[Names] = MappingProxyType({})
_RULE: Final = DocumentRow(style="rule")


def z_report(
    fact: DayClosed, till: str, epoch: int, *, copy: bool = False, names: Names = NOBODY
) -> Document:
    """The closing as it is printed; the same bytes whenever it is printed again, but for names of people that changed."""
    words = texts(fact.language)
    head = [
        DocumentRow(words("report.z-title"), style="mark"),
        DocumentRow(words("report.z-number"), f"{till}-{epoch}-{fact.number}", "big"),
        DocumentRow(words("report.day"), iso_day_text(fact.business_day, words.language)),
        DocumentRow(words("report.closed"), time_text(fact.closed_ms, fact.offset_min, words)),
        DocumentRow(words("report.operator"), _who(fact.operator, names)),
        *_agreed(words, [approval.by for approval in fact.approvals], names),
        DocumentRow(words("report.facts"), _range(fact)),
    ]
    if fact.carried:
        head.append(DocumentRow(words("report.carried"), str(len(fact.carried))))
    rows = [*head, *_body(fact.totals, words, names)]
    marks = (*_marks(fact.totals, words), *([words("report.copy")] if copy else []))
    return Document(tuple(rows), marks)


def x_report(
    totals: Totals,
    setup: TillSetup,
    *,
    till: str,
    business_day: str,
    at: dt.datetime,
    operator: str,
    names: Names = NOBODY,
) -> Document:
    """The day as it stands; nothing is closed by it. Who may have it sees what the drawers must hold."""
    words = texts(setup.language)
    head = (
        DocumentRow(words("report.x-title"), style="mark"),
        DocumentRow(words("report.till"), till),
        DocumentRow(words("report.day"), iso_day_text(business_day, words.language)),
        DocumentRow(words("report.at"), f"{day_text(at.date(), words.language)} {at:%H:%M}"),
        DocumentRow(words("report.operator"), _who(operator, names)),
    )
    return Document((*head, *_body(totals, words, names)), tuple(_marks(totals, words)))


def movement_slip(fact: CashMoved, number: str, setup: TillSetup, names: Names = NOBODY) -> Document:
    """The voucher of a drop or of cash paid in or out, with a place to sign."""
    words = texts(setup.language)
    rows = [
        DocumentRow(words(f"report.{fact.kind}-title"), style="mark"),
        DocumentRow(
            words("report.amount"), f"{_money(abs(fact.amount_minor), words)} {fact.currency}".rstrip(), "big"
        ),
        DocumentRow(words("report.number"), number),
        DocumentRow(words("report.at"), time_text(fact.moved_ms, fact.offset_min, words)),
        DocumentRow(words("report.operator"), _who(fact.operator, names)),
        *_agreed(words, [approval.by for approval in fact.approvals], names),
    ]
    if fact.bag:
        rows.append(DocumentRow(words("report.bag"), fact.bag))
    if fact.kind in {"pay-in", "pay-out"}:
        rows.append(DocumentRow(words("report.reason"), fact.note or _reason(fact.kind, fact.reason, words)))
    rows += [DocumentRow(), DocumentRow(), _RULE, DocumentRow(words("report.signature"))]
    return Document(tuple(rows), _demo(setup, words))


def count_slip(
    fact: CashCounted,
    setup: TillSetup,
    *,
    expected: OpenSession | None,
    drawer: int,
    names: Names = NOBODY,
) -> Document:
    """A count as a paper of its own; `expected` is the session, None where what it must hold is not to be seen."""
    words = texts(setup.language)
    rows = [
        DocumentRow(words("report.count-title"), style="mark"),
        DocumentRow(words("report.drawer"), str(drawer)),
        DocumentRow(words("report.at"), time_text(fact.counted_ms, fact.offset_min, words)),
        DocumentRow(words("report.operator"), _who(fact.operator, names)),
        _RULE,
        *_pieces(fact.pieces, words),
        DocumentRow(words("report.counted"), _money(fact.counted_minor, words)),
    ]
    if expected is not None:
        rows.append(DocumentRow(words("report.expected"), _money(expected.expected_minor, words)))
        difference = fact.counted_minor - expected.expected_minor
        rows.append(DocumentRow(words("report.difference"), _money(difference, words)))
    for one in fact.foreign:
        awaited = 0 if expected is None else expected.foreign_in(one.currency).expected_minor
        if not one.counted_minor and not awaited:
            continue
        rows += [_RULE, *_pieces(one.pieces, words, one.currency)]
        rows.append(_abroad("counted", one.currency, one.counted_minor, words))
        if expected is not None:
            rows.append(_abroad("expected", one.currency, awaited, words))
            rows.append(_abroad("difference", one.currency, one.counted_minor - awaited, words))
    return Document(tuple(rows), _demo(setup, words))


def screen_pages(
    document: Document, totals: Totals, words: Texts, *, room: int
) -> list[tuple[tuple[str, str], ...]]:
    """A report as a screen shows it, `room` rows at a time: its sums first, what the paper begins with last.

    What belongs together stays on one page where it fits; nothing of the paper is left out.
    """
    sums = [row for book in totals.books if book.kind != "training" for row in _sums(book, words)]
    drawers = [row for one in totals.sessions for row in _drawer(one, words)]
    head, *parts = _parts(document)
    left = [[row for row in part if row not in sums] for part in parts]
    pages: list[list[DocumentRow]] = [[]]
    for part in ([*sums, *drawers], *left, head):
        if len(pages[-1]) + len(part) > room >= len(part) or pages == [[*sums, *drawers]]:
            pages.append([])
        for row in part:
            if len(pages[-1]) == room:
                pages.append([])
            pages[-1].append(row)
    return [tuple((row.left, row.right) for row in page) for page in pages if page]


def _parts(document: Document) -> list[list[DocumentRow]]:
    """The rows between the rules, without what only paper can show."""
    parts: list[list[DocumentRow]] = [[]]
    for row in document.rows:
        if row.style == "rule":
            parts.append([])
        elif row.style != "code" and (row.left or row.right):
            parts[-1].append(row)
    return parts


def _sums(book: Book, words: Texts) -> Iterator[DocumentRow]:
    """What a day is asked for first: turnover, receipts and how they were paid."""
    yield DocumentRow(words("report.turnover"), _money(book.total_minor, words), "big")
    yield DocumentRow(words("report.receipts"), str(book.receipts))
    yield from _tenders(book, words)
    yield from _down_payments(book, words)


def _drawer(session: SessionSum, words: Texts) -> Iterator[DocumentRow]:
    """What must be in a drawer, and what was."""
    found = [("expected", session.expected_minor)]
    if session.closed and session.counted_minor is not None:
        found += [("counted", session.counted_minor), ("difference", session.difference_minor)]
    for name, minor in found:
        yield DocumentRow(words(f"report.drawer-{name}", drawer=session.drawer), _money(minor, words))


def _body(totals: Totals, words: Texts, names: Names) -> Iterator[DocumentRow]:
    for book in totals.books:
        if book.kind == "training":
            yield _RULE
            yield _counted("training", Count(book.receipts, book.total_minor), words)
        else:
            yield from _book(book, words, names)
    yield _RULE
    for name in ("cart_voids",):
        yield from _if_any(name.replace("_", "-"), getattr(totals, name), words)
    for name in ("no_sales", "copies", "parked", "resumed", "age_refusals"):
        count = getattr(totals, name)
        if count or name == "no_sales":
            yield DocumentRow(words(f"report.{name.replace('_', '-')}"), str(count))
    for session in totals.sessions:
        yield from _session(session, words, names)


def _book(book: Book, words: Texts, names: Names) -> Iterator[DocumentRow]:
    yield _RULE
    yield DocumentRow(words("report.turnover"), _money(book.total_minor, words), "big")
    yield DocumentRow(words("report.receipts"), str(book.receipts))
    for numbers in book.numbers:
        yield DocumentRow(words("report.numbers", epoch=numbers.epoch), f"{numbers.first}-{numbers.last}")
    yield DocumentRow(words("report.pieces"), str(book.pieces))
    for tax in book.taxes:
        percent = f"{tax.percent.normalize():f}"
        yield _RULE
        yield DocumentRow(
            words("report.gross", code=tax.code, percent=percent), _money(tax.gross_minor, words)
        )
        yield DocumentRow(words("report.net"), _money(tax.net_minor, words))
        yield DocumentRow(words("report.vat"), _money(tax.vat_minor, words))
    yield _RULE
    yield from _tenders(book, words)
    yield from _down_payments(book, words)
    for name, value in (("rounding", book.rounding_minor), ("tips", book.tips_minor)):
        if value:
            yield DocumentRow(words(f"report.{name}"), _money(value, words))
    yield _RULE
    for source, count in book.discounts:
        yield _counted(f"discount-{source}" if source else "discount", count, words)
    for name in (
        "line_voids",
        "returns",
        "voided",
        "deposits",
        "empties",
        "vouchers_sold",
        "vouchers_redeemed",
    ):
        yield from _if_any(name.replace("_", "-"), getattr(book, name), words)
    if book.retendered:
        yield DocumentRow(words("report.retendered"), str(book.retendered))
    for one in book.operators:
        yield _counted(
            "by-operator", Count(one.receipts, one.total_minor), words, operator=_who(one.operator, names)
        )


def _tenders(book: Book, words: Texts) -> Iterator[DocumentRow]:
    for tender in book.tenders:
        name = words("report.tender", name=words(f"report.tender-{tender.kind}"), count=tender.count)
        yield DocumentRow(name, _money(tender.amount_minor, words))
    for foreign in book.foreign:
        yield DocumentRow(
            words("report.foreign", currency=foreign.currency), _money(foreign.given_minor, words)
        )


def _down_payments(book: Book, words: Texts) -> Iterator[DocumentRow]:
    """Money of the turnover whose goods come later, and what of it was set against goods that left."""
    for name, case in (("down-taken", "Anzahlungseinstellung"), ("down-settled", "Anzahlungsaufloesung")):
        sums = [one.gross_minor for one in book.cases if one.case == case]
        if sums:
            yield DocumentRow(words(f"report.{name}"), _money(sum(sums), words))


def _session(session: SessionSum, words: Texts, names: Names) -> Iterator[DocumentRow]:
    def row(name: str, minor: int) -> DocumentRow:
        return DocumentRow(words(f"report.{name}"), _money(minor, words))

    yield _RULE
    yield DocumentRow(
        words("report.session", drawer=session.drawer),
        ", ".join(_who(one, names) for one in session.operators),
    )
    yield row("float" if session.float_told else "float-left", session.float_minor)
    yield row("cash-sales", session.cash_minor)
    for move in session.moves:
        name = words(f"report.{move.kind}", count=move.count, reason=_reason(move.kind, move.reason, words))
        yield DocumentRow(name, _money(move.amount_minor, words))
    yield row("expected", session.expected_minor)
    if not session.closed:
        for foreign in session.foreign:
            yield from _foreign(foreign, words, closed=False)
        return
    yield from _pieces(session.pieces, words)
    if session.counted_minor is None:
        yield DocumentRow(words("report.not-counted"), style="centre")
    else:
        yield row("counted", session.counted_minor)
        yield row("difference", session.difference_minor)
    for foreign in session.foreign:
        yield from _foreign(foreign, words, closed=True)
    if session.reason:
        yield DocumentRow(words("report.reason"), _reason("difference", session.reason, words))
    yield from _agreed(words, session.approved, names)
    if session.lifted_minor:
        yield row("lifted", session.lifted_minor)
    if session.bag:
        yield DocumentRow(words("report.bag"), session.bag)
    yield row("left", session.left_minor)


def _foreign(foreign: ForeignDrawer, words: Texts, *, closed: bool) -> Iterator[DocumentRow]:
    """Another currency in the drawer, in lines of its own: nothing of it is in the sums of the till's currency."""

    def row(name: str, minor: int) -> DocumentRow:
        return _abroad(name, foreign.currency, minor, words)

    if foreign.begins_minor:
        yield row("begins", foreign.begins_minor)
    yield row("sales", foreign.sales_minor)
    for move in foreign.moves:
        name = words(f"report.foreign-{move.kind}", currency=foreign.currency, count=move.count)
        yield DocumentRow(name, _money(move.amount_minor, words))
    yield row("expected", foreign.expected_minor)
    if not closed:
        return
    yield from _pieces(foreign.pieces, words, foreign.currency)
    if foreign.counted_minor is None:
        yield DocumentRow(words("report.foreign-not-counted", currency=foreign.currency), style="centre")
    else:
        yield row("counted", foreign.counted_minor)
        yield row("difference", foreign.difference_minor)
    if foreign.lifted_minor:
        yield row("lifted", foreign.lifted_minor)
    if foreign.left_minor:
        yield row("left", foreign.left_minor)


def _abroad(name: str, currency: str, minor: int, words: Texts) -> DocumentRow:
    return DocumentRow(words(f"report.foreign-{name}", currency=currency), _money(minor, words))


def _pieces(pieces: Sequence[Pieces], words: Texts, currency: str = "") -> Iterator[DocumentRow]:
    for one in pieces:
        left = f"{one.pieces} × {_money(one.value_minor, words)} {currency}".rstrip()
        yield DocumentRow(left, _money(one.value_minor * one.pieces, words))


def _if_any(name: str, count: Count, words: Texts) -> Iterator[DocumentRow]:
    if count.count:
        yield _counted(name, count, words)


def _counted(name: str, count: Count, words: Texts, **fields: str) -> DocumentRow:
    left = words("report.counted-times", what=words(f"report.{name}", **fields), count=count.count)
    return DocumentRow(left, _money(count.amount_minor, words))


def _agreed(words: Texts, people: Sequence[str], names: Names) -> list[DocumentRow]:
    """Who agreed, each once."""
    who = ", ".join(_who(one, names) for one in dict.fromkeys(people))
    return [DocumentRow(words("report.approved"), who)] if people else []


def _who(operator: str, names: Names) -> str:
    """The name with the number that the facts hold; the number alone where nobody knows the name any more."""
    name = names.get(operator)
    return f"{name} ({operator})" if name is not None else operator


def _reason(kind: str, reason: str, words: Texts) -> str:
    """The words of a reason; what somebody typed stands as it is."""
    key = f"reason.{kind}-{reason}"
    found = words(key)
    return reason if found == key else found


def _marks(totals: Totals, words: Texts) -> list[str]:
    return [words(f"report.mark-{book.kind}") for book in totals.books if book.kind == "demo"]


def _demo(setup: TillSetup, words: Texts) -> tuple[str, ...]:
    return (words("report.mark-demo"),) if setup.demo else ()


def _range(fact: DayClosed) -> str:
    return f"{fact.first_epoch}-{fact.first_seq} / {fact.last_epoch}-{fact.last_seq}"


def time_text(at_ms: int, offset_min: int, words: Texts) -> str:
    """Day and minute, as they were where the till stood."""
    zone = dt.timezone(dt.timedelta(minutes=offset_min))
    at = dt.datetime.fromtimestamp(at_ms / 1000, zone)
    return f"{day_text(at.date(), words.language)} {at:%H:%M}"


def _money(minor: int, words: Texts) -> str:
    return amount(minor, words.language)
