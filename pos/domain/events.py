"""Events: what screens, sounds and scripts hear. They are never stored."""

from decimal import Decimal

import msgspec

__all__ = [
    "ApprovalAsked",
    "Approved",
    "ArticlesFound",
    "Asked",
    "BadgeShown",
    "CardHeard",
    "CardSaid",
    "CardSettled",
    "CardUnknown",
    "CartParked",
    "CartResumed",
    "CartVoided",
    "CodeRefused",
    "DeviceChanged",
    "DrawerOpened",
    "Event",
    "HubChanged",
    "LineAdded",
    "LineSettled",
    "LineVoided",
    "Message",
    "OpenLineAdded",
    "PartPaid",
    "ReceiptPrinting",
    "Refused",
    "SalePaid",
    "SignedIn",
    "SignedOut",
    "TrainingChanged",
    "Warned",
]


def _kebab(name: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).lstrip("-")


class Message(msgspec.Struct, frozen=True):
    """A sentence for the cashier by its code; the words stand in config/locales.

    `level` is "info", "warn" (do something), "error" (refused) or "alarm" (stays until it is dealt with).
    """

    code: str
    fields: dict[str, str | int] = {}
    level: str = "error"


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=_kebab):
    """The base of all events; the tag is the class's name in kebab case."""


class SignedIn(Event, frozen=True):
    operator: str


class SignedOut(Event, frozen=True):
    pass


class BadgeShown(Event, frozen=True):
    """A badge says who this is; their PIN is awaited."""

    name: str


class ApprovalAsked(Event, frozen=True):
    """What was asked for waits for somebody who has this right."""

    right: str


class Asked(Event, frozen=True):
    """The till puts a question (pos.domain.question); its words are those of `ask.CODE`."""

    question: str


class Approved(Event, frozen=True):
    right: str
    by: str


class LineAdded(Event, frozen=True):
    n: int
    text: str
    quantity: Decimal
    total_minor: int


class OpenLineAdded(Event, frozen=True):
    """A code that nobody knows was scanned; it is not sold yet."""

    n: int
    code: str


class LineSettled(Event, frozen=True):
    n: int
    how: str


class LineVoided(Event, frozen=True):
    n: int


class CodeRefused(Event, frozen=True):
    """A scan that sold nothing; `reason` is broken, foreign, signed-out, busy or suppressed."""

    code: str
    reason: str


class CartVoided(Event, frozen=True):
    cart_id: str


class CartParked(Event, frozen=True):
    cart_id: str
    total_minor: int
    pieces: int


class CartResumed(Event, frozen=True):
    """A parked cart goes on; `cart_id` is the one under which it was parked."""

    cart_id: str
    new_cart_id: str


class ArticlesFound(Event, frozen=True):
    text: str
    results: tuple[tuple[str, str], ...]


class PartPaid(Event, frozen=True):
    """A part of the open sale was paid by a tender; `rest_minor` is left."""

    kind: str
    amount_minor: int
    rest_minor: int


class CardSaid(Event, frozen=True):
    """A terminal tells what it does: the code of an intermediate status, or a word of the driver."""

    payment_id: str
    code: int | None
    text: str


class CardHeard(Event, frozen=True):
    """What a terminal said of a payment is durable; it is not over yet."""

    payment_id: str
    code: int | None


class CardUnknown(Event, frozen=True):
    """The line to a terminal broke in the middle of a payment: the terminal will be asked."""

    payment_id: str


class CardSettled(Event, frozen=True):
    """The end of a payment is a fact: "approved", "declined", "reversed" or "unpaid"."""

    payment_id: str
    outcome: str


class SalePaid(Event, frozen=True):
    number: int
    total_minor: int
    given_minor: int
    change_minor: int
    link: str


class DrawerOpened(Event, frozen=True):
    cause: str


class ReceiptPrinting(Event, frozen=True):
    """What became of a receipt on paper: queued, sending, sent, confirmed, unknown, dropped."""

    job_id: str
    state: str


class DeviceChanged(Event, frozen=True):
    device: str
    state: str
    detail: str


class HubChanged(Event, frozen=True):
    """News of the line; `problem` is a word of the hub's client, or empty."""

    online: bool
    unsent: int
    problem: str = ""


class TrainingChanged(Event, frozen=True):
    """From now on nothing is real, or everything is again."""

    on: bool


class Refused(Event, frozen=True):
    """Nothing was done, and why."""

    code: str


class Warned(Event, frozen=True):
    """Something was done, and the cashier should know more."""

    code: str
