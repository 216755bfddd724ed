"""Messages about webhooks."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "Attempt",
    "CloudEvent",
    "Delivery",
    "DeliveryPage",
    "DeliveryState",
    "NewWebhook",
    "Replay",
    "Replayed",
    "SecretList",
    "Webhook",
    "WebhookList",
]

EventType = Annotated[str, Meta(pattern=r"^(\*|[a-z][a-z0-9-]{0,39}\.(\*|[a-z][a-z0-9_.-]{0,63}))\Z")]
Url = Annotated[str, Meta(min_length=8, max_length=500)]
DeliveryState = Literal["", "waiting", "delivered", "dead"]


class NewWebhook(Struct, frozen=True, forbid_unknown_fields=True):
    """`types`: exact ones, `order.*`, or `*`. `store` empty: events of all stores. `state`: active or paused."""

    url: Url
    types: Annotated[tuple[EventType, ...], Meta(min_length=1, max_length=50)]
    store: Annotated[str, Meta(max_length=32, pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]{0,31})?\Z")] = ""
    description: Annotated[str, Meta(max_length=200)] = ""
    state: Literal["active", "paused"] = "active"


class Webhook(Struct, frozen=True):
    """A subscription. `state` "stopped": the receiver answered 410, it is gone; put it active to begin again.

    `failures` counts those since the last success.
    """

    webhook_id: str
    url: str
    types: tuple[str, ...]
    store: str
    description: str
    state: str
    reason: str
    failures: int
    version: int
    created_ms: int


class WebhookList(Struct, frozen=True):
    webhooks: tuple[Webhook, ...]
    next: str


class SecretList(Struct, frozen=True):
    """What receivers check signatures with, the newest first; both sign until `old_until_ms` (0: there is one)."""

    secrets: tuple[str, ...]
    old_until_ms: int


class Attempt(Struct, frozen=True):
    """`status`: what the receiver answered, 0 for no answer; `reason` says why it was none, or no success."""

    attempt: int
    at_ms: int
    status: int
    reason: str
    took_ms: int


class Delivery(Struct, frozen=True):
    """`delivery_id` is the event's id and goes out as `webhook-id`. `n` is its number within the store, 0 for a ping."""

    delivery_id: str
    store: str
    n: int
    type: str
    state: str
    attempts: int
    created_ms: int
    next_ms: int
    settled_ms: int
    log: tuple[Attempt, ...]


class DeliveryPage(Struct, frozen=True):
    deliveries: tuple[Delivery, ...]
    next: str


class Replay(Struct, frozen=True, forbid_unknown_fields=True):
    """Send again what happened in a store: events `first` to `last` by their numbers. `only_dead`: what never arrived."""

    store: Annotated[str, Meta(min_length=1, max_length=32)]
    first: Annotated[int, Meta(ge=1, lt=1 << 62)]
    last: Annotated[int, Meta(ge=1, lt=1 << 62)]
    only_dead: bool = False


class Replayed(Struct, frozen=True):
    """How many deliveries wait to go out again."""

    count: int


class CloudEvent(Struct, frozen=True):
    """CloudEvents 1.0, in JSON. `sequence` is the event's number within its store, as text."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    sequence: str
    data: msgspec.Raw
