"""Messages about cases and the survey."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = [
    "Answer",
    "Case",
    "CaseBrief",
    "CaseList",
    "CaseMessage",
    "Comment",
    "Contact",
    "OpenCase",
    "Opened",
    "Survey",
    "SurveyAnswer",
]

_Text = Annotated[str, Meta(min_length=1, max_length=2_000)]


class Contact(Struct, frozen=True, omit_defaults=True):
    """Who asks, as far as they said it. `lines` and `vat_id` for an invoice."""

    name: str = ""
    email: str = ""
    phone: str = ""
    lines: tuple[str, ...] = ()
    vat_id: str = ""


class OpenCase(Struct, frozen=True):
    """A new case. `once`: there is one case of it in the store, asked again it is the same one."""

    store: str
    kind: Literal["help", "invoice"]
    about_kind: Literal["receipt", "order"]
    about: str
    once: str
    text: str
    contact: Contact = Contact()
    language: str = "de"
    customer: str = ""


class Opened(Struct, frozen=True):
    """`link`: the case's page is /h/LINK at the hub. `new` false: it was there before."""

    case_id: str
    number: int
    link: str
    new: bool


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """What the store answers. `by` is the operator; `close`: nothing more is to be done."""

    text: _Text
    by: Annotated[str, Meta(max_length=40)] = ""
    close: bool = False


class CaseMessage(Struct, frozen=True):
    """`text` is empty where the case was erased."""

    n: int
    at_ms: int
    side: str
    by: str
    text: str


class CaseBrief(Struct, frozen=True):
    """A case in a list: nothing personal."""

    store: str
    case_id: str
    number: int
    kind: str
    about_kind: str
    about: str
    state: str
    version: int
    created_ms: int
    changed_ms: int


class Case(Struct, frozen=True):
    """A case with all that was said. `contact` is empty where it was erased."""

    brief: CaseBrief
    language: str
    customer: str
    contact: Contact
    messages: tuple[CaseMessage, ...]


class CaseList(Struct, frozen=True):
    """Newest first."""

    cases: tuple[CaseBrief, ...]
    next: str


class SurveyAnswer(Struct, frozen=True):
    """`score`: 0 to 10, how likely somebody recommends the shop."""

    store: str
    subject: str
    score: int
    text: str = ""


class Comment(Struct, frozen=True):
    subject: str
    at_ms: int
    score: int
    text: str


class Survey(Struct, frozen=True):
    """Answers of a time, counted: 9 and 10 are promoters, 0 to 6 detractors; `nps` is their difference in per cent, null
    without answers. `comments`: the newest that say something.
    """

    store: str
    from_ms: int
    to_ms: int
    answers: int
    promoters: int
    passives: int
    detractors: int
    nps: int | None
    scores: tuple[int, ...]
    comments: tuple[Comment, ...]
