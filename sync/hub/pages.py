"""What a customer sees behind the code on a receipt: a page without login, cookies or script.

Only someone with the store's key can make a link that is answered at all; such a link may be scanned before
the till has sent the sale, and then says that the receipt is on its way.
"""

import logging
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath
from sqlalchemy.engine import Connection

from pos.facts import FactError, StoredFact, decode_fact
from pos.sale_facts import Sale
from receipts.model import Receipt, Shop, build
from sync.hub import ledger
from sync.hub.service import Hub
from sync.links import receipt_of_gift, split_link, verify_link
from sync.wire import Problem, ShopInfo, encode_json

__all__ = ["HEADERS", "get_gift", "get_receipt", "language_of"]

LANGUAGES: Final = ("de", "en")
RETRY_S: Final = 5
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "private",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Vary": "Accept-Language",
}
_TEXT: Final = "text/plain"
_HTML: Final = "text/html"
_TEXT_COLUMNS: Final = 42


_log = logging.getLogger("tresen.hub")


class Found(msgspec.Struct, frozen=True):
    """What the ledger knows of a link that is real; `fact` None while it is on its way."""

    shop: ShopInfo | None
    fact: StoredFact | None = None
    till: str = ""


@get("/r/{link:str}", include_in_schema=True)
async def get_receipt(request: Request[Any, Any, Any], link: FromPath[str]) -> Response[bytes]:
    """A receipt as a page; with `.json` or `.txt` behind the link as data or plain text."""
    hub: Hub = request.app.state.hub
    wanted = request.headers.get("accept-language", "")
    name, form = _form_of(link)
    found = await hub.database.read("", find, name, hub.no_key)
    if found is None:
        return _not_found(form, language_of(wanted, "de"))
    if found.fact is None:
        return _pending(found, form, language_of(wanted, "de"))
    try:
        return _arrived(_receipt(found, found.fact, hub.public_url, wanted), form)
    except (FactError, ValueError, ArithmeticError, OSError):
        _log.exception(
            "the receipt of fact %d/%d of till %s cannot be shown",
            found.fact.epoch,
            found.fact.seq,
            found.till,
        )
        return _broken(form, language_of(wanted, "de"))


@get("/g/{link:str}", include_in_schema=True)
async def get_gift(request: Request[Any, Any, Any], link: FromPath[str]) -> Response[bytes]:
    """A gift receipt as a page: what was bought, and no prices."""
    hub: Hub = request.app.state.hub
    wanted = request.headers.get("accept-language", "")
    found = await hub.database.read("", find_gift, link, hub.no_key)
    if found is None:
        return _not_found("html", language_of(wanted, "de"))
    if found.fact is None:
        return _pending(found, "html", language_of(wanted, "de"))
    try:
        from receipts.html import gift_page  # noqa: PLC0415 - as each rendering

        receipt = _receipt(found, found.fact, hub.public_url, wanted)
        return _respond(gift_page(receipt, f"{hub.public_url.rstrip('/')}/g/{link}").encode(), _HTML)
    except (FactError, ValueError, ArithmeticError, OSError):
        _log.exception(
            "the gift receipt of fact %d/%d of till %s cannot be shown",
            found.fact.epoch,
            found.fact.seq,
            found.till,
        )
        return _broken("html", language_of(wanted, "de"))


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


def language_of(accept: str, default: str) -> str:
    """The language of ours that an Accept-Language header (RFC 9110, 12.5.4) wants most."""
    best, best_weight = default if default in LANGUAGES else "de", 0.0
    for item in accept[:200].split(","):
        tag, _, quality = item.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _form_of(link: str) -> tuple[str, str]:
    for form in ("json", "txt"):
        if link.endswith(f".{form}"):
            return link.removesuffix(f".{form}"), form
    return link, "html"


def _shop(shop: ShopInfo | None) -> Shop:
    return msgspec.convert(msgspec.to_builtins(shop), Shop) if shop else Shop(name="")


def _arrived(receipt: Receipt, form: str) -> Response[bytes]:
    if form == "json":
        from receipts.json import receipt_json  # noqa: PLC0415 - each rendering loads when it is asked for

        return _respond(receipt_json(receipt), "application/json")
    if form == "txt":
        from receipts.text import render_text  # noqa: PLC0415

        text = "".join(f"{line}\n" for line in render_text(receipt, _TEXT_COLUMNS))
        return _respond(text.encode(), _TEXT)
    from receipts.html import receipt_page  # noqa: PLC0415

    return _respond(receipt_page(receipt).encode(), _HTML)


def _pending(found: Found, form: str, language: str) -> Response[bytes]:
    retry = {"Retry-After": str(RETRY_S), "Cache-Control": "private, no-store"}
    if form == "json":
        return _respond(b'{"status":"pending"}', "application/json", 202, retry)
    if form == "txt":
        text = "Ihr Beleg ist unterwegs.\n" if language == "de" else "Your receipt is on its way.\n"
        return _respond(text.encode(), _TEXT, 202, retry)
    from receipts.html import pending_page  # noqa: PLC0415

    return _respond(pending_page(_shop(found.shop), language).encode(), _HTML, 200, retry)


def _not_found(form: str, language: str) -> Response[bytes]:
    if form == "json":
        return _respond(encode_json(Problem(404, "No such receipt")), "application/problem+json", 404)
    if form == "txt":
        text = "Diesen Beleg gibt es nicht.\n" if language == "de" else "There is no such receipt.\n"
        return _respond(text.encode(), _TEXT, 404)
    from receipts.html import not_found_page  # noqa: PLC0415

    return _respond(not_found_page(language).encode(), _HTML, 404)


def _broken(form: str, language: str) -> Response[bytes]:
    if form == "json":
        problem = Problem(422, "This receipt cannot be shown", "the sale is stored, but it cannot be read")
        return _respond(encode_json(problem), "application/problem+json", 422)
    if form == "txt":
        text = (
            "Dieser Bon lässt sich nicht darstellen.\n"
            if language == "de"
            else "This receipt cannot be shown.\n"
        )
        return _respond(text.encode(), _TEXT, 422)
    from receipts.html import broken_page  # noqa: PLC0415

    return _respond(broken_page(language).encode(), _HTML, 422)


def _respond(
    content: bytes, media_type: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return Response(content, status_code=status, media_type=media_type, headers=HEADERS | (headers or {}))
