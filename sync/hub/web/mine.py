"""My data: a link by mail that opens once; what is kept; consents; all of it as a file; erased after a second question."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath
from msgspec import Struct, to_builtins

from sync.hub.answers import hub_of
from sync.hub.shop.customers import core, own_hands
from sync.hub.shop.customers.messages import Consent, Customer, Export, Purchase
from sync.hub.shop.customers.own_hands import PURPOSES, Said
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.web.answers import respond
from sync.hub.web.frame import Form, Page, change, show, word, words_have
from sync.wire import encode_json

__all__ = ["ROUTES", "TEXT_VERSION"]

TEXT_VERSION: Final = "pages-1"
"""Which edition of the words a consent on this page was given to; another one when they change."""
_EMAIL_MAX: Final = 120
_ZONE: Final = "Europe/Berlin"
_Request = Request[Any, Any, Any]


class _Row(Struct, frozen=True):
    """A consent as it is drawn: what for, by which channel, in words, and since when."""

    purpose: str
    channel: str
    words: str
    given: bool
    since: str


class _Seen(Struct, frozen=True):
    """`once`: the page behind a link that is opened first."""

    once: bool
    kept: Export | None = None


@get("/me", include_in_schema=False)
async def get_form(request: _Request) -> Response[bytes]:
    return await show(request, lambda _: True, lambda page, _: page.html("mine_ask"))


@post("/me", include_in_schema=False)
async def post_form(request: _Request) -> Response[bytes]:
    """The same answer to everybody, at once: whether the address is known is found out afterwards."""
    url = hub_of(request).public_url

    def later(work: Work, form: Form) -> None:
        email = form.text("email", _EMAIL_MAX)
        if "@" in email:
            own_hands.ask_for_link(work, email, url)

    return await change(request, lambda _work, _form: "/me?done=sent", later=later)


@get("/me/{secret:str}", include_in_schema=False)
async def get_mine(request: _Request, secret: FromPath[str]) -> Response[bytes]:
    return await show(request, lambda work: _find(work, secret), _draw)


@post("/me/{secret:str}/open", include_in_schema=False)
async def post_open(request: _Request, secret: FromPath[str]) -> Response[bytes]:
    """A button, because programs that look into mails follow links and press none."""

    def run(work: Work, _form: Form) -> str | None:
        page = own_hands.open_once(work, secret)
        return None if page is None else f"/me/{page}"

    return await change(request, run)


@post("/me/{secret:str}/consent", include_in_schema=False)
async def post_consent(request: _Request, secret: FromPath[str]) -> Response[bytes]:
    def run(work: Work, form: Form) -> str | None:
        customer_id = own_hands.owner(work, secret)
        if customer_id is None:
            return None
        language = form.text("words", 2)
        name, given = form.text("purpose", 60), form.text("given", 3)
        rows = _consents(core.kept_of(work, customer_id))
        found = next((pair for pair in rows if "/".join(pair) == name), None)
        if found is None or given not in {"yes", "no"} or language not in {"de", "en"}:
            raise RefusedError(400, "form", "This form is not whole")
        said = f"{_words(found, language)}: {word(f'consent-{given}', language)}"
        own_hands.agree(work, customer_id, Said(found[0], found[1], given == "yes", said, TEXT_VERSION))  # type: ignore[arg-type]
        return f"/me/{secret}?done=consent-{given}"

    return await change(request, run)


@get("/me/{secret:str}/export", include_in_schema=False)
async def get_export(request: _Request, secret: FromPath[str]) -> Response[bytes]:
    """All of it as JSON, to keep or to give to somebody else."""

    def draw(_page: Page, seen: _Seen) -> str:
        return encode_json(to_builtins(seen.kept)).decode()

    def find(work: Work) -> _Seen | None:
        seen = _find(work, secret)
        return None if seen is None or seen.once else seen

    answer = await show(request, find, draw)
    if answer.status_code != 200:
        return answer
    name = {
        "Content-Disposition": 'attachment; filename="my-data.json"',
        "Cache-Control": "private, no-store",
    }
    return respond(answer.content, "application/json", 200, name)


@get("/me/{secret:str}/erase", include_in_schema=False)
async def get_erase(request: _Request, secret: FromPath[str]) -> Response[bytes]:
    def find(work: Work) -> bool | None:
        return None if own_hands.owner(work, secret) is None else True

    return await show(
        request, find, lambda page, _: page.html("mine_erase", back=f"/me/{secret}", post=page.path)
    )


@post("/me/{secret:str}/erase", include_in_schema=False)
async def post_erase(request: _Request, secret: FromPath[str]) -> Response[bytes]:
    def run(work: Work, form: Form) -> str | None:
        customer_id = own_hands.owner(work, secret)
        if customer_id is None:
            return None
        if form.text("sure", 3) != "yes":
            raise RefusedError(400, "form", "This form is not whole")
        core.erase(work, customer_id)
        return "/me?done=erased"

    return await change(request, run)


def _find(work: Work, secret: str) -> _Seen | None:
    if own_hands.opens(work, secret):
        return _Seen(once=True)
    customer_id = own_hands.owner(work, secret)
    return None if customer_id is None else _Seen(once=False, kept=core.kept_of(work, customer_id))


def _draw(page: Page, seen: _Seen) -> str:
    if seen.kept is None:
        return page.html("mine_open")
    kept = seen.kept
    consents = [_row(page, pair, one) for pair, one in _consents(kept).items()]
    bought = sorted(kept.purchases, key=lambda one: one.at_ms, reverse=True)
    return page.html(
        "mine",
        rows=_about(page, kept.customers[0]),
        consents=consents,
        points=kept.customers[0].points,
        bought=[_purchase(page, one) for one in bought[:10]],
        more=max(0, len(bought) - 10),
        looked=len(kept.looked_at),
        restricted=kept.customers[0].state == "restricted",
    )


def _about(page: Page, customer: Customer) -> list[tuple[str, str]]:
    about = customer.about
    birth = ".".join(reversed(about.birth_date.split("-"))) if page.language == "de" else about.birth_date
    rows = [
        ("name", about.name), ("email", about.email), ("phone", about.phone), ("address", "\n".join(about.lines)),
        ("birth", birth), ("note", about.note),
    ]  # fmt: skip
    rows += [("known-by", one.value) for one in customer.identifiers if one.kind in {"card", "app"}]
    return [(page.word("email" if key == "email" else f"mine-{key}"), value) for key, value in rows if value]


def _consents(kept: Export) -> dict[tuple[str, str], Consent | None]:
    found: dict[tuple[str, str], Consent | None] = dict.fromkeys(PURPOSES)
    found.update(own_hands.newest(list(kept.consents)))
    return found


def _row(page: Page, pair: tuple[str, str], one: Consent | None) -> _Row:
    since = page.moment(one.at_ms, _ZONE, hour=False) if one is not None else ""
    return _Row(*pair, _words(pair, page.language), one is not None and one.given, since)


def _words(pair: tuple[str, str], language: str) -> str:
    purpose, channel = pair
    known = f"purpose-{purpose}"
    said = word(known, language) if words_have(known, language) else purpose
    return f"{said} ({word(f'channel-{channel}', language)})"


def _purchase(page: Page, one: Purchase) -> tuple[str, str, int, str]:
    return page.moment(one.at_ms, _ZONE, hour=False), one.store, one.total_minor, one.currency


ROUTES: Final = (get_form, post_form, get_mine, post_open, post_consent, get_export, get_erase, post_erase)
