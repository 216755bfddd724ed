"""What all pages of the hub share: who may ask how often, one look or one change in a transaction, templates, words.

A page's address is its key: whoever has it may look and send the page's forms, and nobody else can make one. So there are no
cookies, and a form that another site sends without the address does nothing.
"""

import logging
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Response
from litestar.background_tasks import BackgroundTask
from sqlalchemy.engine import Connection

from pos.resources import read_toml
from receipts.look import Look
from sync.hub.answers import hub_of
from sync.hub.brand import Brand, style_of
from sync.hub.service import Hub
from sync.hub.shop.brand.core import brand_now
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.rendering import hours_lines, moment, money
from sync.hub.shop.letters.shops import hours_of
from sync.hub.vault import VaultError
from sync.hub.visitors import FORM_RETRY_S, PAGE_RETRY_S
from sync.hub.web.answers import LANGUAGES, address_of, language_of, respond, too_many

__all__ = [
    "CUSTOMER",
    "FORM_MAX",
    "Form",
    "Page",
    "change",
    "look_of",
    "markup",
    "refused",
    "show",
    "template",
    "word",
    "words_have",
]

CUSTOMER: Final = Actor("page", "customer", "admin")
"""Whoever holds a page's address; what it may do is decided by the page's own functions."""
FORM_MAX: Final = 16 * 1024
_NO_STORE: Final = {"Cache-Control": "private, no-store"}
_HTML: Final = "text/html"
_T = TypeVar("_T")
_log = logging.getLogger("tresen.hub")


class Form(msgspec.Struct, frozen=True):
    """What a form brought: each field once, blanks cut off."""

    fields: Mapping[str, str]

    def text(self, name: str, limit: int) -> str:
        """The field, or nothing where it is longer than a browser lets it be or holds what no page shows."""
        value = self.fields.get(name, "").replace("\r\n", "\n")
        shown = all(char.isprintable() or char == "\n" for char in value)
        return value if len(value) <= limit and shown else ""


class Page(msgspec.Struct, frozen=True):
    """How a page is drawn: in which language, with which brand. `path` is its own, `asked` the query's fields."""

    language: str
    brand: Brand
    path: str
    public_url: str
    asked: Mapping[str, str]
    now_ms: int

    def html(self, name: str, **values: Any) -> str:
        """`name`: of a template beside this file."""
        page: str = template(name).render(
            language=self.language,
            look=look_of(self.brand),
            style=markup(style_of(self.brand)),
            own_name=False,
            page=self,
            t=partial(word, language=self.language),
            money=partial(_money, language=self.language),
            moment=self.moment,
            hours=partial(hours_lines, language=self.language),
            spans=hours_of,
            **values,
        )
        return page

    def moment(self, ms: int, zone: str, *, hour: bool = True) -> str:
        return moment(ms, ZoneInfo(zone), self.language, hour=hour)

    def word(self, key: str, **fields: Any) -> str:
        return word(key, self.language, **fields)

    @property
    def kept(self) -> str:
        """What addresses on this page carry on, where its reader chose a language."""
        return f"?lang={self.language}" if self.asked.get("lang") in LANGUAGES else ""

    @property
    def said(self) -> str:
        """What was done just now, by the word in the address."""
        name = f"done-{self.asked.get('done', '')}"
        return word(name, self.language) if name in _words(self.language) else ""


async def show(
    request: Request[Any, Any, Any],
    find: Callable[[Work], _T | None],
    draw: Callable[[Page, _T], str],
    *,
    language: str = "",
) -> Response[bytes]:
    """One look. What `find` gives None for does not exist, and costs the visitor more than what does."""
    hub = hub_of(request)
    wanted = _language(request, language)
    if hub.relay is not None:
        return respond(b"", _HTML, 307, {**_NO_STORE, "Location": _above(request, hub)})
    if not hub.visitors.may_look(address_of(request)):
        return too_many("html", wanted, PAGE_RETRY_S)

    def read(connection: Connection) -> tuple[Brand, _T | None]:
        work = Work(connection, hub.clock.wall_ms(), hub.ids, CUSTOMER)
        return brand_now(connection, hub.brand), find(work)

    found: _T | RefusedError | None
    try:
        brand, found = await hub.database.read("", read)
    except (RefusedError, VaultError) as error:
        brand, found = await _brand(hub), _no(error)
    page = _page(request, hub, brand, wanted)
    if isinstance(found, RefusedError):
        return refused(page, found)
    if found is None:
        hub.visitors.missed(address_of(request))
        return _message(page, "missing", 404)
    return respond(draw(page, found).encode(), _HTML, 200, _NO_STORE)


async def change(
    request: Request[Any, Any, Any],
    run: Callable[[Work, Form], str | None],
    *,
    later: Callable[[Work, Form], None] | None = None,
) -> Response[bytes]:
    """One form. `run` gives the address that shows what was done, or None where there is no such page.

    `later` runs in a transaction of its own once the answer is on its way, so that the time it takes tells nothing.
    """
    hub = hub_of(request)
    wanted = _language(request, "")
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return _message(await _plain(request, hub, wanted), "elsewhere", 403)
    if hub.relay is not None:
        return _message(await _plain(request, hub, wanted), "elsewhere", 421)
    if not hub.visitors.may_send(address_of(request)):
        return too_many("html", wanted, FORM_RETRY_S)
    form = _form(await request.body())

    def write(connection: Connection) -> tuple[Brand, str | None]:
        work = Work(connection, hub.clock.wall_ms(), hub.ids, CUSTOMER)
        to = run(work, form)
        work.finish()
        return brand_now(connection, hub.brand), to

    brand: Brand | None = None
    to: str | RefusedError | None
    try:
        brand, to = await hub.database.run("", write)
    except (RefusedError, VaultError) as error:
        to = _no(error)
    if to is None or isinstance(to, RefusedError):
        page = _page(request, hub, brand or await _brand(hub), wanted)
        if isinstance(to, RefusedError):
            return refused(page, to)
        hub.visitors.missed(address_of(request))
        return _message(page, "missing", 404)
    hub.shop_moved()
    lang = form.fields.get("lang", "")
    if lang in LANGUAGES:
        to += ("&" if "?" in to else "?") + f"lang={lang}"
    answer = respond(b"", _HTML, 303, {**_NO_STORE, "Location": to})
    if later is not None:
        answer.background = BackgroundTask(_afterwards, hub, later, form)
    return answer


async def _afterwards(hub: Hub, later: Callable[[Work, Form], None], form: Form) -> None:
    def write(connection: Connection) -> None:
        work = Work(connection, hub.clock.wall_ms(), hub.ids, CUSTOMER)
        later(work, form)
        work.finish()

    try:
        await hub.database.run("", write)
    except Exception as error:  # noqa: BLE001 - nobody waits for it; never the text, which may name a person
        _log.error("a form's work was not done: %s", type(error).__name__)
    hub.shop_moved()


def refused(page: Page, error: RefusedError) -> Response[bytes]:
    """Why it was not done, in the customer's words where there are some."""
    key = f"refused-{error.code}"
    text = word(key if key in _words(page.language) else "refused", page.language)
    return respond(page.html("message", title=text, text=word("refused-more", page.language), back=True).encode(), _HTML, error.status, _NO_STORE)  # fmt: skip


def look_of(brand: Brand, below: str = "") -> Look:
    logo = f"/brand/logo?v={zlib.crc32(brand.logo.encode()):08x}" if brand.logo else ""
    return Look(style_of(brand), brand.name, logo, brand.address, brand.help_phone, brand.help_email, below)


def word(key: str, language: str, **fields: Any) -> str:
    """A text of config/pages with its fields filled in."""
    text = _words(language)[key]
    return text.format_map(fields) if fields else text


def _no(error: RefusedError | VaultError) -> RefusedError | None:
    """Why not; None where there is nothing of the kind."""
    if isinstance(error, VaultError):
        _log.error("a page needs the key of customers' data: %s", error)
        return RefusedError(503, "vault", str(error))
    return None if error.status == 404 else error


async def _brand(hub: Hub) -> Brand:
    return await hub.database.read("", brand_now, hub.brand)


async def _plain(request: Request[Any, Any, Any], hub: Hub, language: str) -> Page:
    return _page(request, hub, await _brand(hub), language)


def _page(request: Request[Any, Any, Any], hub: Hub, brand: Brand, language: str) -> Page:
    asked = {name: value for name, value in request.query_params.items() if isinstance(value, str)}
    return Page(language, brand, request.url.path, hub.public_url, asked, hub.clock.wall_ms())


def _message(page: Page, key: str, status: int) -> Response[bytes]:
    text = page.html("message", title=word(f"{key}-title", page.language), text=word(f"{key}-text", page.language), back=False)  # fmt: skip
    return respond(text.encode(), _HTML, status, _NO_STORE)


def _language(request: Request[Any, Any, Any], default: str) -> str:
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return str(asked)
    return language_of(request.headers.get("accept-language", ""), default or "de")


def _above(request: Request[Any, Any, Any], hub: Hub) -> str:
    query = request.url.query
    return f"{hub.public_url}{request.url.path}" + (f"?{query}" if query else "")


def _form(body: bytes) -> Form:
    if len(body) > FORM_MAX:
        return Form({})
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict")
    except (ValueError, UnicodeDecodeError):
        return Form({})
    return Form({name: values[0].strip() for name, values in fields.items()})


def words_have(key: str, language: str) -> bool:
    return key in _words(language)


@lru_cache(maxsize=2)
def _words(language: str) -> dict[str, str]:
    return msgspec.convert(read_toml("pages", f"{language}.toml"), dict[str, str])


def template(name: str) -> Any:
    """Of a template beside this file."""
    return _templates().get_template(f"{name}.html.j2")


@lru_cache(maxsize=1)
def _templates() -> Any:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=ChoiceLoader([PackageLoader("sync.hub.web"), PackageLoader("receipts")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def markup(text: str) -> Any:
    from markupsafe import Markup  # noqa: PLC0415

    return Markup(text)  # noqa: S704 - colours that were checked, a code drawn from numbers


def _money(minor: int, currency: str, *, language: str) -> str:
    return money(minor, currency, language)
