"""Gift cards and credit: the sum of their moves, amounts held for a sale, and the sale that captures them.

What a till's sale says of a card has happened and is booked, with a hold or without. Held and spent together never come to
more than there is while the hub decides; where tills on their own spent more, the sum says so and one task asks a person.
"""

import datetime as dt
import uuid
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from pos.domain.vouchers import NUMBER_BYTES, new_number, shown_number, token_of
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.cards import tables as t
from sync.hub.shop.cards.messages import (
    Block,
    Card,
    CardMove,
    CardTo,
    History,
    Hold,
    HoldCard,
    IssueCard,
    TopUp,
)
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.links import GIFT_CARD, id_of, link_to
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.core import Message, say_once

__all__ = [
    "BlockAsk",
    "HoldAsk",
    "Issue",
    "TopUpAsk",
    "block",
    "by_link",
    "capture",
    "expire_holds",
    "get",
    "history",
    "hold",
    "issue",
    "issue_new",
    "move",
    "release",
    "top_up",
]

OVERDRAWN: Final = "gift-card-overdrawn"
WITHOUT_HOLD: Final = "gift-card-without-hold"
_MINUTE_MS: Final = 60_000
_KEEP_CARD: Final = Inserting(t.gift_card, keep=True)
_KEEP_MOVE: Final = Inserting(t.gift_card_move, keep=True, returning=("cause",))
_MAKE_HOLD: Final = Inserting(t.gift_card_hold)


@prepared
def _known(number: Any) -> Any:
    return sa.select(t.gift_card).where(t.gift_card.c.number == number)


@prepared
def _locked(number: Any) -> Any:
    return sa.select(t.gift_card).where(t.gift_card.c.number == number).with_for_update()


@prepared
def _moved(of_number: Any, more: Any) -> Any:
    c = t.gift_card.c
    booked = t.gift_card.update().where(c.number == of_number).values(moved_minor=c.moved_minor + more)
    return booked.returning(c.moved_minor)


@prepared
def _older(of_number: Any, at_ms: Any, until_ms: Any, of_store: Any, of_kind: Any) -> Any:
    c = t.gift_card.c
    values = {"issued_ms": at_ms, "expires_ms": until_ms, "store": of_store, "kind": of_kind}
    before = sa.or_(c.issued_ms > at_ms, sa.and_(c.issued_ms == at_ms, c.store > of_store))
    return t.gift_card.update().where(c.number == of_number, before).values(values)


@prepared
def _held_more(of_number: Any, more: Any) -> Any:
    c = t.gift_card.c
    return t.gift_card.update().where(c.number == of_number).values(held_minor=c.held_minor + more)


@prepared
def _ended(of_hold: Any, end: Any, now_ms: Any) -> Any:
    c = t.gift_card_hold.c
    ending = t.gift_card_hold.update().where(c.hold_id == of_hold, c.state == "held")
    return ending.values(state=end, ended_ms=now_ms).returning(c.number, c.minor)


@prepared
def _hold_row(hold_id: Any) -> Any:
    c = t.gift_card_hold.c
    return sa.select(c.hold_id, c.number, c.minor, c.state, c.expires_ms).where(c.hold_id == hold_id)


@prepared
def _late(now_ms: Any, limit: Any) -> Any:
    c = t.gift_card_hold.c
    late = sa.select(c.hold_id).where(c.state == "held", c.expires_ms <= now_ms)
    return late.order_by(c.hold_id).limit(limit)


@prepared
def _late_of(now_ms: Any, number: Any, limit: Any) -> Any:
    c = t.gift_card_hold.c
    late = sa.select(c.hold_id).where(c.state == "held", c.expires_ms <= now_ms, c.number == number)
    return late.order_by(c.hold_id).limit(limit)


@prepared
def _before(holder: Any, subject: Any) -> Any:
    c = t.gift_card_hold.c
    mine = (c.holder == holder, c.subject == subject, c.state == "held")
    return sa.select(c.hold_id).where(*mine).order_by(c.hold_id)


class Issue(Struct, frozen=True):
    """`cause` names it for ever: the same one again changes nothing."""

    number: str
    kind: str
    minor: int
    currency: str
    store: str
    cause: str


class HoldAsk(Struct, frozen=True):
    number: str
    hold: HoldCard


class TopUpAsk(Struct, frozen=True):
    number: str
    top_up: TopUp


class BlockAsk(Struct, frozen=True):
    number: str
    block: Block


def expiry(issued_ms: int) -> int:
    """Three years to the end of the year (sections 195 and 199 BGB), as the last millisecond of it in UTC."""
    year = dt.datetime.fromtimestamp(issued_ms / 1000, dt.UTC).year + 4
    return int(dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp() * 1000) - 1


def issue(work: Work, ask: Issue) -> None:
    _ensure(work, ask.number, ask.kind, ask.currency, ask.store, work.now_ms)
    move(work, ask.number, ask.cause, ask.kind, ask.minor, work.now_ms, ask.store)


def issue_new(work: Work, ask: IssueCard) -> Card:
    number = new_number(work.ids.token(NUMBER_BYTES))
    issue(work, Issue(number, "gift-card", ask.minor, ask.currency, ask.store, f"issue/{work.new_id()}"))
    work.event(ask.store, "gift_card.issued", number[-4:], {"minor": ask.minor})
    _send(work, number, ask.to)
    return get(work, number)


def get(work: Work, number: str) -> Card:
    return _card(_row(work, number))


def history(work: Work, number: str) -> History:
    card, c = get(work, number), t.gift_card_move.c
    rows = work.execute(
        sa.select(c.cause, c.kind, c.minor, c.at_ms, c.store)
        .where(c.number == number)
        .order_by(c.at_ms, c.cause)
        .limit(1000)
    )
    return History(card, tuple(CardMove(*row) for row in rows))


def top_up(work: Work, ask: TopUpAsk) -> Card:
    row = _row(work, ask.number, lock=True)
    if ask.top_up.minor < 0 and _left(row) + ask.top_up.minor < 0:
        raise RefusedError(409, "too-little", "There is not so much on this card", str(max(0, _left(row))))
    cause = f"adjust/{work.new_id()}"
    move(work, ask.number, cause, row.kind, ask.top_up.minor, work.now_ms, row.store)
    work.event(
        row.store,
        "gift_card.adjusted",
        ask.number[-4:],
        {"minor": ask.top_up.minor, "reason": ask.top_up.reason},
    )
    _send(work, ask.number, ask.top_up.to if ask.top_up.minor > 0 else None)
    return get(work, ask.number)


def _send(work: Work, number: str, to: CardTo | None) -> None:
    """By a letter. Its number is money: the letter's content is gone as soon as it is out, and its link only shows what is left."""
    if to is None:
        return
    row, token = _row(work, number), token_of(number)
    fields: dict[str, Any] = {
        "code": shown_number(number), "amount_minor": _left(row), "currency": row.currency,
        "valid_until_ms": row.expires_ms, "from_name": to.from_name, "greeting": to.greeting,
    }  # fmt: skip
    if token is not None:
        fields["link"] = f"/k/{link_to(work, GIFT_CARD, row.store, str(uuid.UUID(bytes=token)))}"
    key = f"gift-card/{work.new_id()}"
    say_once(work, Message(row.store, key, "gift-card", to.email, fields, "email", to.language))


def by_link(work: Work, link: str) -> Card | None:
    """What is left on the card of a letter's link; None for a link that this hub did not make."""
    found = id_of(work, GIFT_CARD, link)
    return None if found is None else get(work, new_number(uuid.UUID(found[1]).bytes))


def block(work: Work, ask: BlockAsk) -> Card:
    _row(work, ask.number, lock=True)
    c = t.gift_card.c
    work.execute(
        t.gift_card.update()
        .where(c.number == ask.number)
        .values(blocked=ask.block.blocked, reason=ask.block.reason)
    )
    return get(work, ask.number)


# -- holds


def hold(work: Work, ask: HoldAsk) -> Hold:
    """Keep an amount. Raises RefusedError 409 "too-little" (its detail is what is left), "blocked" or "lapsed"."""
    row = _row(work, ask.number, lock=True)
    expire_holds(work, ask.number)
    if ask.hold.subject:
        for before in _before.all(work.connection, work.actor.name, ask.hold.subject):
            _end(work, before.hold_id, "released")
    row = _row(work, ask.number)
    if row.blocked:
        raise RefusedError(409, "blocked", "This card is blocked", row.reason)
    if row.expires_ms and row.expires_ms < work.now_ms:
        raise RefusedError(409, "lapsed", "This card is too old")
    if ask.hold.minor > _left(row):
        raise RefusedError(409, "too-little", "There is not so much on this card", str(max(0, _left(row))))
    made = {
        "hold_id": work.new_id(), "number": ask.number, "minor": ask.hold.minor, "state": "held",
        "holder": work.actor.name, "made_ms": work.now_ms,
        "expires_ms": work.now_ms + ask.hold.minutes * _MINUTE_MS, "ended_ms": 0, "subject": ask.hold.subject,
    }  # fmt: skip
    _MAKE_HOLD.run(work.connection, made)
    _held(work, ask.number, ask.hold.minor)
    return _hold(work, str(made["hold_id"]))


def release(work: Work, hold_id: str) -> Hold:
    """Nobody pays with it after all. A hold that ended otherwise stays as it ended."""
    _end(work, hold_id, "released")
    return _hold(work, hold_id)


def capture(work: Work, hold_id: str) -> bool:
    """The sale is here. False for a hold that is not known; one that lapsed meanwhile is none any more."""
    return _end(work, hold_id, "captured")


def expire_holds(work: Work, number: str = "", limit: int = 500) -> int:
    """End holds whose time is over, of one card or of all; counts them. A tick of the hub's."""
    if number:
        late = _late_of.all(work.connection, work.now_ms, number, limit)
    else:
        late = _late.all(work.connection, work.now_ms, limit)
    return sum(_end(work, row.hold_id, "expired") for row in late)


# -- moves


def move(work: Work, number: str, cause: str, kind: str, minor: int, at_ms: int, store: str) -> bool:
    """Book what came onto a card, or went from it (negative). One row for a cause. True: it is news."""
    row = {"number": number, "cause": cause, "kind": kind, "minor": minor, "at_ms": at_ms, "store": store}
    _locked.first(work.connection, number)
    if _KEEP_MOVE.first(work.connection, row) is None:
        return False
    moved = _moved.scalar(work.connection, number, minor)
    assert moved is not None, "a card is there before anything moves on it"
    if minor < 0 and moved < 0:
        tasks.add(
            work, store, OVERDRAWN, number, subject=number[-4:], data={"over_minor": -moved, "cause": cause}
        )
    return True


def _ensure(work: Work, number: str, kind: str, currency: str, store: str, at_ms: int) -> None:
    row = {
        "number": number, "kind": kind, "currency": currency, "moved_minor": 0, "held_minor": 0, "blocked": False,
        "reason": "", "store": store, "issued_ms": at_ms, "expires_ms": expiry(at_ms),
    }  # fmt: skip
    _KEEP_CARD.run(work.connection, row)


def ensure(work: Work, number: str, kind: str, currency: str, store: str, at_ms: int) -> None:
    """The card of a number, as the facts name it. Which fact came first must not matter: the oldest issued it."""
    _ensure(work, number, kind, currency, store, at_ms)
    _older.run(work.connection, number, at_ms, expiry(at_ms), store, kind)


def _row(work: Work, number: str, *, lock: bool = False) -> Any:
    row = (_locked if lock else _known).first(work.connection, number)
    if row is None:
        raise not_found("card", number[-4:])
    return row


def _left(row: Any) -> int:
    return int(row.moved_minor) - int(row.held_minor)


def _card(row: Any) -> Card:
    return Card(
        row.number, row.kind, row.currency, max(0, _left(row)), row.held_minor, max(0, -row.moved_minor), row.blocked,
        row.expires_ms,
    )  # fmt: skip


def _held(work: Work, number: str, minor: int) -> None:
    _held_more.run(work.connection, number, minor)


def _end(work: Work, hold_id: str, state: str) -> bool:
    """Exactly one end for each hold."""
    ended = _ended.first(work.connection, hold_id, state, work.now_ms)
    if ended is not None:
        _held(work, ended.number, -ended.minor)
    return ended is not None


def _hold(work: Work, hold_id: str) -> Hold:
    row = _hold_row.first(work.connection, hold_id)
    if row is None:
        raise not_found("hold", hold_id)
    left = max(0, _left(_row(work, row.number)))
    return Hold(row.hold_id, row.number, row.minor, row.state, row.expires_ms, left)
