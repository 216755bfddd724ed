"""Messages about gift cards and store credit. Amounts in minor units."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["Block", "Card", "CardMove", "CardTo", "History", "Hold", "HoldCard", "IssueCard", "TopUp"]

Minor = Annotated[int, Meta(ge=1, le=10_000_000)]


class CardTo(Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets the card by a letter, in which language, from whom and with which words."""

    email: Annotated[str, Meta(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}\Z")]
    language: Literal["de", "en"] = "de"
    from_name: Annotated[str, Meta(max_length=80)] = ""
    greeting: Annotated[str, Meta(max_length=500)] = ""


class IssueCard(Struct, frozen=True, forbid_unknown_fields=True):
    """A new card, sold or given outside of a till. `to`: who gets it by a letter, with its number and the way to its balance."""

    minor: Minor
    store: Annotated[str, Meta(min_length=1, max_length=32)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")] = "EUR"
    to: CardTo | None = None


class TopUp(Struct, frozen=True, forbid_unknown_fields=True):
    """`to`: who hears by a letter that the card was loaded; not where something is taken off."""

    minor: Annotated[int, Meta(ge=-10_000_000, le=10_000_000)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    to: CardTo | None = None


class Block(Struct, frozen=True, forbid_unknown_fields=True):
    """Lost or stolen: nobody pays with it until it is opened again."""

    blocked: bool
    reason: Annotated[str, Meta(max_length=200)] = ""


class HoldCard(Struct, frozen=True, forbid_unknown_fields=True):
    """Keep an amount for a sale that is about to be paid. `minutes` until it lapses by itself. `subject`: what for, a cart and its
    part; what the same caller held for it before is let go.
    """

    minor: Minor
    minutes: Annotated[int, Meta(ge=1, le=60)] = 15
    subject: Annotated[str, Meta(max_length=80)] = ""


class Hold(Struct, frozen=True):
    """`state`: held, captured (the sale is here), released, expired. `left_minor`: on the card, beside all holds."""

    hold_id: str
    number: str
    minor: int
    state: str
    expires_ms: int
    left_minor: int


class Card(Struct, frozen=True):
    """`available_minor` can be spent now; `overdrawn_minor` was spent beyond what there was, by tills on their own."""

    number: str
    kind: str
    currency: str
    available_minor: int
    held_minor: int
    overdrawn_minor: int
    blocked: bool
    expires_ms: int


class CardMove(Struct, frozen=True):
    cause: str
    kind: str
    minor: int
    at_ms: int
    store: str


class History(Struct, frozen=True):
    card: Card
    moves: tuple[CardMove, ...]
