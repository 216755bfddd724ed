"""Receipts by e-mail: asked for at the till, by a reference in a fact or by an address that was typed, or sent with each
purchase of a customer who agreed to that.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from pos.facts import FactError, decode_fact
from pos.sale_facts import Sale
from pos.till_facts import ReceiptWanted
from sync.hub.shop.customers import consents
from sync.hub.shop.customers import core as customers
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.core import Message, say, say_once
from sync.hub.shop.letters.kinds import LANGUAGES
from sync.hub.stored import facts_at
from sync.hub.vault import has_vault

__all__ = ["AGREED", "SendReceipt", "Sent", "hear", "send"]

AGREED: Final = "receipt"
"""The purpose that a customer agrees to who wants each receipt by e-mail."""
NO_ADDRESS: Final = "no-address"
_Count = Annotated[int, Meta(ge=1, le=9_007_199_254_740_991)]


class SendReceipt(Struct, frozen=True, forbid_unknown_fields=True):
    """Which receipt of the till that asks, by its number and where its fact stands; to which address, in which language."""

    number: _Count
    epoch: _Count
    seq: _Count
    email: Annotated[str, Meta(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}\Z")]
    language: Literal["de", "en"] = "de"


class Sent(Struct, frozen=True):
    """`key`: of the message, as `GET /v1/messages` names it."""

    key: str


def send(work: Work, ask: SendReceipt) -> Sent:
    """To an address that was typed. Raises RefusedError 409 "not-here-yet" while the sale is on its way, 403 for who is no till."""
    store, _, till = work.actor.name.partition("/")
    if work.actor.kind != "till":
        raise RefusedError(403, "forbidden", "Only a till sends its receipts")
    sale = _sale_at(work, store, till, ask.epoch, ask.seq)
    if sale is None:
        raise RefusedError(409, "not-here-yet", "The sale of this receipt is not here yet")
    if sale.number != ask.number or not sale.link:
        raise RefusedError(422, "receipt", "There is no such receipt with a page")
    key = f"receipt/{till}-{ask.epoch}-{ask.number}/{work.new_id()}"
    fields = _fields(sale, till, ask.epoch)
    say_once(work, Message(store, key, "receipt", ask.email, fields, "email", ask.language))
    return Sent(key)


def hear(work: Work, arrived: Arrived) -> None:
    """Whom a fact names is written to: who asked, and who agreed to get each receipt."""
    fact = arrived.fact
    if isinstance(fact, ReceiptWanted) and fact.customer:
        sale = _sale_at(work, arrived.store, arrived.till, fact.epoch, fact.seq)
        if sale is not None and sale.number == fact.number and sale.link:
            _tell(work, arrived, sale, fact.epoch, fact.customer, asked=True)
    elif isinstance(fact, Sale) and fact.customer and fact.link and _agrees(work, fact):
        _tell(work, arrived, fact, arrived.epoch, fact.customer, asked=False)


def _agrees(work: Work, sale: Sale) -> bool:
    if sale.training or not has_vault(work.connection):
        return False
    return consents.may_send(work, sale.customer, AGREED, "email")


def _tell(work: Work, arrived: Arrived, sale: Sale, epoch: int, customer: str, *, asked: bool) -> None:
    """Once for each receipt and wish. Whether somebody still agrees to it is looked up when it is sent."""
    number = f"{arrived.till}-{epoch}-{sale.number}"
    key = f"receipt/{number}/{arrived.seq if asked else 'agreed'}"
    found = customers.contact(work, customer)
    if found is None or not found.email:
        if asked:
            about = {"kind": "receipt", "channel": "email", "reason": NO_ADDRESS, "answer": ""}
            tasks.add(work, arrived.store, "message-failed", key, subject=key, data=about)
        return
    language = found.language if found.language in LANGUAGES else sale.language
    say(
        work,
        Message(
            arrived.store, key, "receipt", found.email, _fields(sale, arrived.till, epoch), "email",
            language, customer, purpose="" if asked else AGREED,
        ),
    )  # fmt: skip


def _fields(sale: Sale, till: str, epoch: int) -> dict[str, Any]:
    return {
        "number": f"{till}-{epoch}-{sale.number}", "total_minor": sale.total_minor, "currency": sale.currency,
        "sold_ms": sale.completed_ms, "link": f"/r/{sale.link.rpartition('/')[2]}",
    }  # fmt: skip


def _sale_at(work: Work, store: str, till: str, epoch: int, seq: int) -> Sale | None:
    """None where the fact is not here, or is no sale; one of a training is none."""
    stored = facts_at(work.connection, store, [(till, epoch, seq)]).get((till, epoch, seq))
    try:
        fact = decode_fact(stored.kind, stored.version, stored.body) if stored is not None else None
    except FactError:
        return None
    return fact if isinstance(fact, Sale) and not fact.training else None
