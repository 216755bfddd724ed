"""Messages about customers. Lengths are bounded, so that nobody fills the hub with one request."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = [
    "About",
    "AddConsent",
    "Adjust",
    "Burn",
    "Burnt",
    "Consent",
    "Contact",
    "Customer",
    "Erased",
    "Export",
    "Found",
    "Identifier",
    "Made",
    "Merge",
    "NewCustomer",
    "Points",
    "PointsEntry",
    "Programme",
    "Purchase",
    "Purchases",
]

Text = Annotated[str, Meta(max_length=200)]
Kind = Literal["email", "phone", "card", "app"]
Channel = Literal["email", "sms", "post", "push"]


class Identifier(Struct, frozen=True, forbid_unknown_fields=True):
    """By which a customer is found: an address, a number in E.164 or as it is typed, a customer card, an app's code."""

    kind: Kind
    value: Annotated[str, Meta(min_length=3, max_length=120)]


class About(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who somebody is. `lines`: the postal address. `birth_date` as 1990-12-31. `note`: of the shop's people."""

    name: Text = ""
    email: Annotated[str, Meta(max_length=120)] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    lines: Annotated[tuple[Text, ...], Meta(max_length=6)] = ()
    birth_date: Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?\Z")] = ""
    language: Literal["de", "en"] = "de"
    group: Annotated[str, Meta(max_length=40)] = ""
    note: Annotated[str, Meta(max_length=1000)] = ""


class NewCustomer(Struct, frozen=True, forbid_unknown_fields=True):
    """`identifiers` beside the e-mail address and telephone of `about`, which find the customer too."""

    about: About
    identifiers: Annotated[tuple[Identifier, ...], Meta(max_length=10)] = ()


class Made(Struct, frozen=True):
    """Nothing personal: answers are kept by the key of their request."""

    customer_id: str
    version: int


class Contact(Struct, frozen=True):
    """How somebody is reached."""

    email: str
    phone: str
    language: str
    name: str


class Customer(Struct, frozen=True):
    """A customer as the shop's people see them. `merged`: records that are this one's now; `state` as in the tables."""

    customer_id: str
    version: int
    state: str
    about: About
    identifiers: tuple[Identifier, ...]
    points: int
    merged: tuple[str, ...]


class Found(Struct, frozen=True):
    """Whom an identifier belongs to; empty: nobody."""

    customer_ids: tuple[str, ...]


class Merge(Struct, frozen=True, forbid_unknown_fields=True):
    other: Annotated[str, Meta(max_length=64)]


class AddConsent(Struct, frozen=True, forbid_unknown_fields=True):
    """A yes or a no to being written to for a purpose; `evidence`: how it is known (a page, a signature, a call)."""

    purpose: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z][a-z-]*\Z")]
    channel: Channel
    given: bool
    source: Annotated[str, Meta(max_length=40)] = ""
    text_version: Annotated[str, Meta(max_length=40)] = ""
    evidence: Annotated[str, Meta(max_length=1000)] = ""


class Consent(Struct, frozen=True):
    purpose: str
    channel: str
    given: bool
    at_ms: int
    source: str
    text_version: str
    evidence: str


class PointsEntry(Struct, frozen=True):
    """`kind`: earn, take_back, burn, adjust. `points` may be negative. `expires_ms` 0: never."""

    cause: str
    kind: str
    points: int
    at_ms: int
    expires_ms: int


class Points(Struct, frozen=True):
    """`worth_minor`: what the points would buy now."""

    balance: int
    worth_minor: int
    entries: tuple[PointsEntry, ...]


class Adjust(Struct, frozen=True, forbid_unknown_fields=True):
    points: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class Burn(Struct, frozen=True, forbid_unknown_fields=True):
    """Points become a credit that any till takes."""

    points: Annotated[int, Meta(ge=1, le=1_000_000)]
    store: Annotated[str, Meta(min_length=1, max_length=32)]


class Burnt(Struct, frozen=True):
    number: str
    worth_minor: int
    left: int


class Programme(Struct, frozen=True, forbid_unknown_fields=True):
    """`points_per_major`: for each whole unit of currency. `minor_per_point`: what one buys. `expire_days` 0: never."""

    points_per_major: Annotated[int, Meta(ge=0, le=1000)] = 1
    minor_per_point: Annotated[int, Meta(ge=0, le=1000)] = 1
    expire_days: Annotated[int, Meta(ge=0, le=3660)] = 0
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")] = "EUR"


class Purchase(Struct, frozen=True):
    """`channel` "till": `reference` is store/till/epoch/number/seq; "order": the order's id."""

    channel: str
    reference: str
    store: str
    at_ms: int
    total_minor: int
    currency: str
    pieces: int


class Purchases(Struct, frozen=True):
    purchases: tuple[Purchase, ...]
    next: str


class Export(Struct, frozen=True):
    """All that is kept of a person (GDPR, articles 15 and 20)."""

    customers: tuple[Customer, ...]
    consents: tuple[Consent, ...]
    points: tuple[PointsEntry, ...]
    purchases: tuple[Purchase, ...]
    looked_at: tuple[tuple[int, str, str], ...]


class Erased(Struct, frozen=True):
    """`stays`: what a law keeps, and why; none of it names the person."""

    customer_ids: tuple[str, ...]
    stays: tuple[str, ...]
