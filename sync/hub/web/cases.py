"""Help, an invoice, the one question: forms of a receipt and of an order, and the page of a case."""

import re
from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from sync.hub.answers import hub_of
from sync.hub.pages import find, subject_of
from sync.hub.shop.cases import core, survey
from sync.hub.shop.cases.messages import Case, Contact, OpenCase, SurveyAnswer
from sync.hub.shop.kit.links import CASE, ORDER, id_of
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core as orders
from sync.hub.shop.orders.body import hold
from sync.hub.shop.stores.messages import PutStore
from sync.hub.web.below import Subject
from sync.hub.web.frame import Form, Page, change, show

__all__ = ["ROUTES"]

_Request = Request[Any, Any, Any]
_TEXT_MAX: Final = 2_000
_LINE_MAX: Final = 120
_LINES_MAX: Final = 500
_SENTENCE_MAX: Final = 500
_ONCE: Final = re.compile(r"[0-9a-f]{32}")
_VAT_ID: Final = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


class _About(Struct, frozen=True):
    """What a form is about, and whom one can ask instead of writing."""

    subject: Subject
    kind: str
    store: PutStore
    once: str


class _SeenCase(Struct, frozen=True):
    case: Case
    store: PutStore


# -- what a form is about


def _receipt(request: _Request, link: str) -> Callable[[Work], Subject | None]:
    no_key = hub_of(request).no_key

    def of(work: Work) -> Subject | None:
        found = find(work.connection, link, no_key)
        return None if found is None else subject_of(link, found)

    return of


def _order(link: str) -> Callable[[Work], Subject | None]:
    def of(work: Work) -> Subject | None:
        found = id_of(work, ORDER, link)
        if found is None:
            return None
        held = hold(work, found[1], lock=False)
        return Subject(held.store, held.order_id, held.customer)

    return of


async def _ask(
    request: _Request, of: Callable[[Work], Subject | None], kind: str, name: str
) -> Response[bytes]:
    def look(work: Work) -> _About | None:
        subject = of(work)
        if subject is None:
            return None
        return _About(subject, kind, orders.store_of(work, subject.store), work.ids.token(16).hex())

    def draw(page: Page, about: _About) -> str:
        back = page.path.rpartition("/")[0]
        return page.html(
            name, kind=about.kind, store=about.store, once=about.once, back=back, number=about.subject.about
        )

    return await show(request, look, draw)


# -- help


@get("/r/{link:str}/help", include_in_schema=False)
async def get_receipt_help(request: _Request, link: FromPath[str]) -> Response[bytes]:
    return await _ask(request, _receipt(request, link), "receipt", "help")


@post("/r/{link:str}/help", include_in_schema=False)
async def post_receipt_help(request: _Request, link: FromPath[str]) -> Response[bytes]:
    return await change(request, _opening(_receipt(request, link), "receipt"))


@get("/o/{link:str}/help", include_in_schema=False)
async def get_order_help(request: _Request, link: FromPath[str]) -> Response[bytes]:
    return await _ask(request, _order(link), "order", "help")


@post("/o/{link:str}/help", include_in_schema=False)
async def post_order_help(request: _Request, link: FromPath[str]) -> Response[bytes]:
    return await change(request, _opening(_order(link), "order"))


def _opening(of: Callable[[Work], Subject | None], kind: Any) -> Callable[[Work, Form], str | None]:
    def run(work: Work, form: Form) -> str | None:
        subject = of(work)
        if subject is None:
            return None
        text, once = form.text("text", _TEXT_MAX), form.text("once", 32)
        if not text:
            raise RefusedError(400, "form-text", "There is no text")
        contact = Contact(form.text("name", _LINE_MAX), _email(form), form.text("phone", 40))
        ask = OpenCase(
            subject.store, "help", kind, subject.about, f"form/{_demand_once(once)}", text, contact,
            _language(form), subject.customer,
        )  # fmt: skip
        return f"/h/{core.open_case(work, ask).link}?done=asked"

    return run


# -- invoice


@get("/r/{link:str}/invoice", include_in_schema=False)
async def get_invoice(request: _Request, link: FromPath[str]) -> Response[bytes]:
    return await _ask(request, _receipt(request, link), "receipt", "invoice")


@post("/r/{link:str}/invoice", include_in_schema=False)
async def post_invoice(request: _Request, link: FromPath[str]) -> Response[bytes]:
    """One invoice a receipt; who asks again learns that it is being made, and not what was asked for."""

    def run(work: Work, form: Form) -> str | None:
        subject = _receipt(request, link)(work)
        if subject is None:
            return None
        name, lines = form.text("name", _LINE_MAX), form.text("lines", _LINES_MAX)
        vat_id = form.text("vat_id", 20).replace(" ", "").upper()
        if not name or not lines:
            raise RefusedError(400, "form-name", "An invoice needs a name and an address")
        if vat_id and not _VAT_ID.fullmatch(vat_id):
            raise RefusedError(400, "form-vat", "This is no VAT id")
        contact = Contact(
            name, _email(form), "", tuple(line.strip() for line in lines.splitlines())[:6], vat_id
        )
        text = "\n".join((name, *contact.lines, *((vat_id,) if vat_id else ())))
        ask = OpenCase(
            subject.store, "invoice", "receipt", subject.about, f"invoice/{subject.about}", text, contact,
            _language(form), subject.customer,
        )  # fmt: skip
        opened = core.open_case(work, ask)
        return f"/h/{opened.link}?done=invoice" if opened.new else f"/r/{link}?done=invoice-known"

    return await change(request, run)


# -- the survey


@post("/r/{link:str}/survey", include_in_schema=False)
async def post_survey(request: _Request, link: FromPath[str]) -> Response[bytes]:
    def run(work: Work, form: Form) -> str | None:
        subject = _receipt(request, link)(work)
        if subject is None:
            return None
        score = form.text("score", 2)
        if not (score.isascii() and score.isdecimal()):
            raise RefusedError(400, "form-score", "There is no answer")
        answer = SurveyAnswer(subject.store, subject.about, int(score), form.text("text", _SENTENCE_MAX))
        survey.put_answer(work, answer)
        return f"/r/{link}?done=survey"

    return await change(request, run)


# -- a case


@get("/h/{link:str}", include_in_schema=False)
async def get_case(request: _Request, link: FromPath[str]) -> Response[bytes]:
    def look(work: Work) -> _SeenCase | None:
        found = id_of(work, CASE, link)
        if found is None:
            return None
        return _SeenCase(core.get(work, core.Named(*found)), orders.store_of(work, found[0]))

    def draw(page: Page, seen: _SeenCase) -> str:
        zone = seen.store.time_zone
        said = [(one.side, page.moment(one.at_ms, zone), one.text) for one in seen.case.messages]
        return page.html(
            "case", brief=seen.case.brief, said=said, store=seen.store, mail=bool(seen.case.contact.email)
        )

    return await show(request, look, draw)


@post("/h/{link:str}/reply", include_in_schema=False)
async def post_reply(request: _Request, link: FromPath[str]) -> Response[bytes]:
    def run(work: Work, form: Form) -> str | None:
        found = id_of(work, CASE, link)
        if found is None:
            return None
        text = form.text("text", _TEXT_MAX)
        if not text:
            raise RefusedError(400, "form-text", "There is no text")
        core.reply(work, core.Named(*found), text)
        return f"/h/{link}?done=asked"

    return await change(request, run)


def _demand_once(text: str) -> str:
    if not _ONCE.fullmatch(text):
        raise RefusedError(400, "form", "This form is not whole")
    return text


def _email(form: Form) -> str:
    text = form.text("email", _LINE_MAX)
    if text and not _EMAIL.fullmatch(text):
        raise RefusedError(400, "form-email", "This is no e-mail address")
    return text


def _language(form: Form) -> str:
    return "en" if form.text("words", 2) == "en" else "de"


ROUTES: Final = (
    *(get_receipt_help, post_receipt_help, get_order_help, post_order_help, get_invoice, post_invoice),
    *(post_survey, get_case, post_reply),
)
