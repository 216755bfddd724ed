"""What a customer sees behind the code on a receipt: a page without login, cookies or script.

Only someone with the store's key can make a link that is answered at all; such a link may be scanned before
the till has sent the sale, and then says that the receipt is on its way.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath
from sqlalchemy.engine import Connection

from pos.facts import FactError, StoredFact, decode_fact
from pos.sale_facts import Sale
from receipts.look import Look
from receipts.model import Receipt, Shop, TooLongError, build
from sync.hub import ledger
from sync.hub.service import Hub
from sync.hub.shop.brand.core import brand_now
from sync.hub.visitors import PAGE_RETRY_S
from sync.hub.web.answers import address_of, language_of, respond, too_many
from sync.hub.web.below import Subject, below
from sync.hub.web.frame import look_of
from sync.links import receipt_of_gift, split_link, verify_link
from sync.wire import Problem, ShopInfo, encode_json

__all__ = ["Found", "find", "get_gift", "get_receipt", "subject_of"]

RETRY_S: Final = 5
_TEXT: Final = "text/plain"
_HTML: Final = "text/html"
_TEXT_COLUMNS: Final = 42
_DRAWN: Final = ("pdf", "png")
_FORMS: Final = ("ekabs.json", "json", "txt", *_DRAWN)  # the longer ending first
_DATA: Final = frozenset({"json", "ekabs.json"})


_log = logging.getLogger("tresen.hub")


class Found(msgspec.Struct, frozen=True):
    """What the ledger knows of a link that is real; `fact` None while it is on its way."""

    shop: ShopInfo | None
    fact: StoredFact | None = None
    till: str = ""


@get("/r/{link:str}", include_in_schema=True)
async def get_receipt(request: Request[Any, Any, Any], link: FromPath[str]) -> Response[bytes]:
    """A receipt as a page; by its ending `.pdf`, `.png`, `.json`, `.ekabs.json` or `.txt` in another form."""
    hub: Hub = request.app.state.hub
    wanted = request.headers.get("accept-language", "")
    name, form = _form_of(link)
    if not hub.visitors.may_look(address_of(request)):
        return too_many(form, language_of(wanted, "de"), PAGE_RETRY_S)
    found, look = await hub.database.read("", _seek, find, name, hub)
    if found is None:
        hub.visitors.missed(address_of(request))
        return _not_found(form, language_of(wanted, "de"), look)
    if found.fact is None:
        return _pending(found, form, language_of(wanted, "de"), look)
    try:
        receipt = _receipt(found, found.fact, hub.public_url, wanted)
        if form == "html":
            subject = subject_of(name, found)
            look = await below(hub, look, subject, name, receipt.language, request.query_params)
            from receipts.html import receipt_page  # noqa: PLC0415 - each rendering loads when it is asked for

            return respond(
                receipt_page(receipt, look).encode(), _HTML, 200, {"Cache-Control": "private, no-cache"}
            )
        if form in _DRAWN and hub.renderer is not None:
            return await hub.renderer.run(_arrived, receipt, form)
        return _arrived(receipt, form)
    except TooLongError:
        return _too_long(language_of(wanted, "de"))
    except (FactError, ValueError, ArithmeticError, OSError):
        _log.exception(
            "the receipt of fact %d/%d of till %s cannot be shown",
            found.fact.epoch,
            found.fact.seq,
            found.till,
        )
        return _broken(form, language_of(wanted, "de"), look)


@get("/g/{link:str}", include_in_schema=True)
async def get_gift(request: Request[Any, Any, Any], link: FromPath[str]) -> Response[bytes]:
    """A gift receipt as a page: what was bought, and no prices."""
    hub: Hub = request.app.state.hub
    wanted = request.headers.get("accept-language", "")
    if not hub.visitors.may_look(address_of(request)):
        return too_many("html", language_of(wanted, "de"), PAGE_RETRY_S)
    found, look = await hub.database.read("", _seek, find_gift, link, hub)
    if found is None:
        hub.visitors.missed(address_of(request))
        return _not_found("html", language_of(wanted, "de"), look)
    if found.fact is None:
        return _pending(found, "html", language_of(wanted, "de"), look)
    try:
        from receipts.html import gift_page  # noqa: PLC0415 - as each rendering

        receipt = _receipt(found, found.fact, hub.public_url, wanted)
        return respond(gift_page(receipt, f"{hub.public_url.rstrip('/')}/g/{link}", look).encode(), _HTML)
    except (FactError, ValueError, ArithmeticError, OSError):
        _log.exception(
            "the gift receipt of fact %d/%d of till %s cannot be shown",
            found.fact.epoch,
            found.fact.seq,
            found.till,
        )
        return _broken("html", language_of(wanted, "de"), look)


def _receipt(found: Found, fact: StoredFact, public_url: str, wanted: str) -> Receipt:
    """Raises FactError, ValueError, ArithmeticError or OSError for a sale of which no receipt can be made."""
    sale = decode_fact(fact.kind, fact.version, fact.body)
    if not isinstance(sale, Sale):
        raise FactError("this is no sale")
    return build(
        sale,
        _shop(found.shop),
        till=found.till,
        epoch=fact.epoch,
        public_url=public_url,
        copy=False,
        language=language_of(wanted, sale.language),
    )


def _seek(
    connection: Connection, find_: Callable[[Connection, str, bytes], Found | None], link: str, hub: Hub
) -> tuple[Found | None, Look]:
    found, brand = find_(connection, link, hub.no_key), brand_now(connection, hub.brand)
    if found is not None and found.shop is not None:  # as the till that has the same brand prints it
        shop = msgspec.structs.replace(
            found.shop,
            footer_de="\n".join(brand.closing_de) or found.shop.footer_de,
            footer_en="\n".join(brand.closing_en) or found.shop.footer_en,
        )
        found = msgspec.structs.replace(found, shop=shop)
    return found, look_of(brand)


def subject_of(link: str, found: Found) -> Subject | None:
    """Which receipt this is, for cases and the survey; None for one of a training, and for one on its way."""
    parts = split_link(link)
    if found.fact is None or parts is None:
        return None
    sale = decode_fact(found.fact.kind, found.fact.version, found.fact.body)
    if not isinstance(sale, Sale) or sale.training:
        return None
    return Subject(parts[0], f"{found.till}-{found.fact.epoch}-{sale.number}", sale.customer)


def find(connection: Connection, link: str, no_key: bytes) -> Found | None:
    """Look a link up. None for one that nobody with the store's key made."""
    parts = split_link(link)
    if parts is None:
        return None
    store, token, _ = parts
    key = ledger.link_key(connection, store)
    if not verify_link(link, key or no_key) or key is None:
        return None
    stored = ledger.find_receipt(connection, store, token)
    if stored is None:
        return Found(ledger.shop_of(connection, store))
    till, fact = stored
    shop = ledger.shop_of(connection, store, till) or ledger.shop_of(connection, store)
    return Found(shop, fact, till)


def find_gift(connection: Connection, link: str, no_key: bytes) -> Found | None:
    """Look a gift receipt's link up. None for one that nobody with the store's key made."""
    parts = split_link(link)
    if parts is None:
        return None
    receipt = receipt_of_gift(link, ledger.link_key(connection, parts[0]) or no_key)
    return find(connection, receipt, no_key) if receipt else None


def _form_of(link: str) -> tuple[str, str]:
    for form in _FORMS:
        if link.endswith(f".{form}"):
            return link.removesuffix(f".{form}"), form
    return link, "html"


def _shop(shop: ShopInfo | None) -> Shop:
    return msgspec.convert(msgspec.to_builtins(shop), Shop) if shop else Shop(name="")


def _arrived(receipt: Receipt, form: str) -> Response[bytes]:
    if form == "json":
        from receipts.json import receipt_json  # noqa: PLC0415 - each rendering loads when it is asked for

        return respond(receipt_json(receipt), "application/json")
    if form == "ekabs.json":
        from receipts.ekabs import receipt_ekabs  # noqa: PLC0415

        return respond(receipt_ekabs(receipt), "application/json")
    if form in _DRAWN:
        return _drawn(receipt, form)
    from receipts.text import render_text  # noqa: PLC0415

    text = "".join(f"{line}\n" for line in render_text(receipt, _TEXT_COLUMNS))
    return respond(text.encode(), _TEXT)


def _drawn(receipt: Receipt, form: str) -> Response[bytes]:
    """Raises TooLongError."""
    name = f'inline; filename="bon-{receipt.number}.{form}"'
    if form == "pdf":
        from receipts.pdf import receipt_pdf  # noqa: PLC0415

        return respond(receipt_pdf(receipt), "application/pdf", 200, {"Content-Disposition": name})
    from receipts.png import receipt_png  # noqa: PLC0415

    return respond(receipt_png(receipt), "image/png", 200, {"Content-Disposition": name})


def _pending(found: Found, form: str, language: str, look: Look) -> Response[bytes]:
    retry = {"Retry-After": str(RETRY_S), "Cache-Control": "private, no-store"}
    if form in _DATA:
        return respond(b'{"status":"pending"}', "application/json", 202, retry)
    if form == "txt":
        text = "Ihr Beleg ist unterwegs.\n" if language == "de" else "Your receipt is on its way.\n"
        return respond(text.encode(), _TEXT, 202, retry)
    from receipts.html import pending_page  # noqa: PLC0415

    return respond(pending_page(_shop(found.shop), language, look).encode(), _HTML, 200, retry)


def _not_found(form: str, language: str, look: Look) -> Response[bytes]:
    if form in _DATA:
        return respond(encode_json(Problem(404, "No such receipt")), "application/problem+json", 404)
    if form == "txt":
        text = "Diesen Beleg gibt es nicht.\n" if language == "de" else "There is no such receipt.\n"
        return respond(text.encode(), _TEXT, 404)
    from receipts.html import not_found_page  # noqa: PLC0415

    return respond(not_found_page(language, look).encode(), _HTML, 404)


def _broken(form: str, language: str, look: Look) -> Response[bytes]:
    if form in _DATA:
        problem = Problem(422, "This receipt cannot be shown", "the sale is stored, but it cannot be read")
        return respond(encode_json(problem), "application/problem+json", 422)
    if form == "txt":
        text = (
            "Dieser Bon lässt sich nicht darstellen.\n"
            if language == "de"
            else "This receipt cannot be shown.\n"
        )
        return respond(text.encode(), _TEXT, 422)
    from receipts.html import broken_page  # noqa: PLC0415

    return respond(broken_page(language, look).encode(), _HTML, 422)


def _too_long(language: str) -> Response[bytes]:
    text = (
        "Dieser Bon ist zu lang für ein Bild. Als PDF gibt es ihn ganz.\n"
        if language == "de"
        else "This receipt is too long for a picture. The PDF holds all of it.\n"
    )
    return respond(text.encode(), _TEXT, 422)
