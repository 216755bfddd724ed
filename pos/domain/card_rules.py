"""What came of a card payment: decided by what the terminal said, and never guessed.

Two questions: what an ended conversation means (`outcome`), and what the answer to "what was your last transaction?" means
for a payment of which nobody knows (`judge`). What neither can tell is for a person.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from pos.domain.card import APPROVED, CardAnswer, CardEnd, CardMark, CardRequest, CardResult, mark_of

__all__ = ["ALREADY_REVERSED", "COUNTER_MAX", "SKEW_S", "Verdict", "compare", "judge", "outcome"]

ALREADY_REVERSED: Final = 0xB4
COUNTER_MAX: Final = 9_999
_TRACE_MAX: Final = 999_999
SKEW_S: Final = 120
"""How far a terminal's clock may be off."""

Outcome = Literal["approved", "declined", "reversed", "unknown"]
Relation = Literal["same", "newer", "older", "unclear"]


class Verdict(msgspec.Struct, frozen=True):
    """`outcome` "unknown": a person must decide. `rule` names why: ours, watermark, not-stored, reversed, other, no-counter,
    silent, no-status, amount, declined, terminal.
    """

    outcome: Outcome
    rule: str
    result: CardResult | None = None


def outcome(request: CardRequest, results: Sequence[CardResult], end: CardEnd) -> Outcome:
    """What an ended conversation means. The last result before the end counts.

    A completion alone never pays, nor does a result that an abort follows. A conversation that was cut is unknown whatever was
    said before: another result may have followed.
    """
    last = results[-1] if results else None
    if end.by == "refused":
        return "declined"
    if end.by == "unknown":
        return "unknown"
    if end.by == "abort":
        if request.kind == "reversal" and ALREADY_REVERSED in {end.code, last.code if last else None}:
            return "approved"
        return "reversed" if last is not None and last.code == APPROVED else "declined"
    if last is None or last.code is None:
        return "unknown"
    if last.code == APPROVED or (request.kind == "reversal" and last.code == ALREADY_REVERSED):
        return "approved"
    return "declined"


def compare(before: CardMark | None, now: CardMark) -> Relation:
    """Is `now` the transaction `before`, or a newer one? `before` None: there was none yet, so any is newer.

    Counters decide, as far as both sides have them; they must not contradict each other. Without any, the relation is unclear.
    """
    if before is None:
        return "newer"
    steps = [
        (b - a) % most
        for a, b, most in (
            (before.receipt_no, now.receipt_no, COUNTER_MAX),
            (before.trace_no, now.trace_no, _TRACE_MAX),
            (before.turnover_no, now.turnover_no, _TRACE_MAX),
        )
        if a is not None and b is not None
    ]
    limits = [
        most // 2
        for a, b, most in (
            (before.receipt_no, now.receipt_no, COUNTER_MAX),
            (before.trace_no, now.trace_no, _TRACE_MAX),
            (before.turnover_no, now.turnover_no, _TRACE_MAX),
        )
        if a is not None and b is not None
    ]
    if not steps:
        return "unclear"
    if not any(steps):
        clocks = {(before.date, before.time), (now.date, now.time)} - {("", "")}
        return "same" if len(clocks) <= 1 else "unclear"
    if all(step <= limit for step, limit in zip(steps, limits, strict=True)):
        return "newer"
    return (
        "older"
        if all(step > limit or not step for step, limit in zip(steps, limits, strict=True))
        else "unclear"
    )


def _since(now: CardMark, begun: dt.datetime) -> bool | None:
    """Was it at or after `begun` (local time), within SKEW_S? None where it says no time. Its date has no year."""
    if len(now.date) != 4 or len(now.time) != 6 or not (now.date + now.time).isdecimal():
        return None
    for year in (begun.year, begun.year + 1, begun.year - 1):
        try:
            then = dt.datetime(
                year,
                int(now.date[:2]),
                int(now.date[2:]),
                int(now.time[:2]),
                int(now.time[2:4]),
                int(now.time[4:]),
                tzinfo=begun.tzinfo,
            )
        except ValueError:
            continue
        if abs(then - begun) < dt.timedelta(days=180):
            return then >= begun - dt.timedelta(seconds=SKEW_S)
    return None


def _takes_ours_back(
    request: CardRequest,
    before: CardMark | None,
    found: CardResult,
    ours: CardMark | None,
    relation: Relation,
) -> bool:
    """Is it a reversal of what this payment was? What a terminal took back since can only be what the till asked since."""
    taken_back = found.original_trace_no
    if not taken_back or request.kind == "reversal" or found.code != APPROVED:
        return False
    if ours is not None and ours.trace_no is not None:
        return taken_back == ours.trace_no
    if relation != "newer" or (before is not None and before.trace_no is None):
        return False
    return (
        before is None
        or compare(CardMark(trace_no=before.trace_no), CardMark(trace_no=taken_back)) == "newer"
    )


def judge(
    request: CardRequest,
    before: CardMark | None,
    terminal_id: str,
    begun: dt.datetime,
    results: Sequence[CardResult],
    answer: CardAnswer,
    known: Sequence[CardMark] = (),
) -> Verdict:
    """What the terminal's last transaction means for a payment whose end nobody heard.

    `before` is the terminal's last transaction when the payment began (None: it had none), `known` are all that were known then;
    `terminal_id` is the terminal's, empty where not known, `results` what was heard of this payment.
    """
    found = answer.result
    if answer.found == "silent":
        return Verdict("unknown", "silent")
    if answer.found == "nothing":
        return Verdict("declined", "not-stored") if before is None else Verdict("unknown", "no-status")
    if found is None:
        return Verdict("unknown", "no-status")
    mark = mark_of(found)
    if mark is None:
        return Verdict("unknown", "no-counter", found)
    if terminal_id and found.terminal_id and found.terminal_id != terminal_id:
        return Verdict("unknown", "terminal", found)
    heard = next((result for result in reversed(results) if result.code == APPROVED), None)
    ours = mark_of(heard) if heard is not None else None
    relation = compare(before, mark)
    if _takes_ours_back(request, before, found, ours, relation):
        return Verdict("reversed", "reversed", found)
    if relation == "same" or any(compare(one, mark) == "same" for one in known):
        return Verdict("reversed" if heard is not None else "declined", "watermark", found)
    if relation == "unclear" and _since(mark, begun) is False:
        return Verdict("unknown", "other", found)
    if relation == "older" or (relation == "unclear" and _since(mark, begun) is None):
        return Verdict("unknown", "other", found)
    if ours is not None and compare(ours, mark) != "same":
        return Verdict("unknown", "other", found)
    if found.currency and found.currency != request.currency:
        return Verdict("unknown", "amount", found)
    paid = found.amount_minor
    if (
        paid is not None
        and paid - (found.tip_minor or 0) != request.amount_minor
        and paid != request.amount_minor
    ):
        return Verdict("unknown", "amount", found)
    if found.code is None:
        return Verdict("unknown", "no-status", found)
    if found.code != APPROVED:
        if request.kind == "reversal" and found.code == ALREADY_REVERSED:
            return Verdict("approved", "ours", found)
        return Verdict("declined", "declined", found)
    if request.kind == "sale" and found.original_trace_no:
        return Verdict("unknown", "other", found)
    return Verdict("approved", "ours", found)
