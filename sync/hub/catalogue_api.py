"""Articles and promotions in bulk, in and out: NDJSON or CSV, piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
from litestar import MediaType, Request, Response, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlalchemy.engine import Connection

from pos.domain.promotions.rows import Promotion
from sync.hub import articles, changes, promotions
from sync.hub import tables as t
from sync.hub.answers import hub_of, json_answer
from sync.hub.body import chunks
from sync.hub.office import office_or
from sync.hub.problems import PROBLEM_JSON, ProblemError
from sync.hub.records import RecordError, RecordsRefusedError
from sync.hub.shop.catalogue import price_lists
from sync.hub.shop.catalogue import tables as shop
from sync.hub.shop.kit.bulk import (
    WHOLE_MAX_LINES,
    FormatAsked,
    LineError,
    Reader,
    Sheet,
    read_stream,
)
from sync.hub.shop.kit.bulk_http import PAGE_ROWS, Page, form_of, stream
from sync.hub.shop.kit.http import problem_of
from sync.hub.shop.kit.refusal import RefusedError
from sync.wire import Brought, Problem, RefusedRecord

__all__ = ["ARTICLES", "CATALOGUE_ROUTES", "LIST_PRICES", "PRICE_LISTS", "PROMOTIONS"]

CATALOGUE_MAX_BYTES: Final = 512 * 1024 * 1024
_WHOLE_MAX_BYTES: Final = 32 * 1024 * 1024
_RECORDS_AT_ONCE: Final = 500
_ERRORS_MAX: Final = 100
ARTICLES: Final = Sheet(
    ("sku", "text", "tax_code", "gtin", "unit", "content_unit"),
    (
        *(
            "price_minor",
            "department",
            "min_age",
            "serial_required",
            "content",
            "deposit",
            "product",
            "options",
        ),
        *("option_names", "codes", "prices", "media", "gone"),
    ),
    ("sku",),
)
PROMOTIONS: Final = Sheet(
    ("id", "text", "kind", "coupon", "valid_from", "valid_to", "time_from", "time_to"),
    tuple(
        name
        for name in Promotion.__struct_fields__
        if name not in {"id", "text", "kind", "coupon", "valid_from", "valid_to", "time_from", "time_to"}
    ),
    ("id", "text", "kind"),
)

PRICE_LISTS: Final = Sheet(
    ("id", "text", "valid_from", "valid_to"),
    ("stores", "channels", "groups", "priority", "active"),
    ("id", "text"),
)
LIST_PRICES: Final = Sheet(
    ("list", "sku", "valid_from", "valid_to"), ("price_minor", "prices", "gone"), ("list", "sku")
)

_PROBLEM = ResponseSpec(Problem, generate_examples=False, media_type=PROBLEM_JSON)
_REFUSALS: Final = dict.fromkeys((400, 401, 403, 413, 415, 503), _PROBLEM)
_LEFT_OUT: Final = {422: ResponseSpec(Brought, generate_examples=False, media_type=MediaType.JSON)}
_Whole = Annotated[bool, QueryParameter()]


def _body(ref: str) -> RequestBody:
    schema = Reference(ref=f"#/components/schemas/{ref}")
    kinds = ("application/x-ndjson", "text/csv")
    return RequestBody(required=True, content={kind: OpenAPIMediaType(schema=schema) for kind in kinds})


@dataclass
class _ArticlesOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("ArticleLine")


@dataclass
class _PromotionsOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("PromotionLine")


@dataclass
class _PriceListsOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("PriceListLine")


@dataclass
class _ListPricesOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("ListPriceLine")


@put(
    "/catalogue/articles",
    operation_class=_ArticlesOperation,
    request_max_body_size=None,
    responses={**_REFUSALS, **_LEFT_OUT},
    guards=[office_or("catalogue:write")],
)
async def put_articles(request: Request[Any, Any, Any], whole: _Whole = False) -> Response[Brought]:
    """Insert or replace articles, one JSON object with a `sku` a line, or CSV; unchanged ones make no change.

    Records that no till could read are left out and named by their line in the answer, which is 422 then; all others are
    taken, in order, some hundreds in each commit. After any other error, send all of it again. With `whole` all are
    taken or none: at most 5,000.
    """
    bring = _Bringing(ARTICLES, articles.read_article, articles.put_articles, articles.RECORD_MAX_BYTES)
    return await _bring(request, bring, one_by_one=True, whole=whole)


@put(
    "/catalogue/promotions",
    operation_class=_PromotionsOperation,
    request_max_body_size=None,
    responses={**_REFUSALS, **_LEFT_OUT},
    guards=[office_or("promotions:write")],
)
async def put_promotions(request: Request[Any, Any, Any], whole: _Whole = False) -> Response[Brought]:
    """Insert or replace promotions, one JSON object with an `id` a line, or CSV; unchanged ones make no change.

    The first row that no till could read ends the request with all that is wrong with it. With `whole` all are taken or
    none, and every bad row is named (422): at most 5,000. One is ended by sending it with `active` false.
    """
    bring = _Bringing(
        PROMOTIONS, promotions.read_promotion, promotions.put_promotions, promotions.RECORD_MAX_BYTES
    )
    return await _bring(request, bring, one_by_one=False, whole=whole)


@put(
    "/catalogue/price-lists",
    operation_class=_PriceListsOperation,
    request_max_body_size=None,
    responses={**_REFUSALS, **_LEFT_OUT},
    guards=[office_or("catalogue:write")],
)
async def put_price_lists(request: Request[Any, Any, Any], whole: _Whole = False) -> Response[Brought]:
    """Insert or replace price lists, one JSON object with an `id` a line, or CSV; unchanged ones make no change.

    A list says in which stores and channels and for which groups of customers its prices hold, from when to when, and how it
    ranks. One is ended by sending it with `active` false or a last day. Errors as with articles.
    """
    bring = _Bringing(
        PRICE_LISTS, price_lists.read_list, price_lists.put_price_lists, price_lists.RECORD_MAX_BYTES
    )
    return await _bring(request, bring, one_by_one=True, whole=whole)


@put(
    "/catalogue/list-prices",
    operation_class=_ListPricesOperation,
    request_max_body_size=None,
    responses={**_REFUSALS, **_LEFT_OUT},
    guards=[office_or("catalogue:write")],
)
async def put_list_prices(request: Request[Any, Any, Any], whole: _Whole = False) -> Response[Brought]:
    """What articles cost in price lists: one JSON object with `list` and `sku` a line, or CSV; unchanged ones make no change.

    A line is all that an article costs in a list: `price_minor` with its days, or several `prices`; `gone` takes it out of the
    list. Lists and articles come first: a line that names none there is fails, as others do with articles.
    """
    bring = _Bringing(
        LIST_PRICES, price_lists.read_list_price, price_lists.put_list_prices, price_lists.RECORD_MAX_BYTES
    )
    return await _bring(request, bring, one_by_one=True, whole=whole)


@get("/catalogue/price-lists", responses=_REFUSALS, guards=[office_or("catalogue:export")])
async def get_price_lists(request: Request[Any, Any, Any], form: FormatAsked = "ndjson") -> Stream:
    """All price lists by id: NDJSON or CSV."""
    return await _export(request, form, PRICE_LISTS, _price_lists, "price-lists")


@get("/catalogue/list-prices", responses=_REFUSALS, guards=[office_or("catalogue:export")])
async def get_list_prices(request: Request[Any, Any, Any], form: FormatAsked = "ndjson") -> Stream:
    """What articles cost in price lists, by list and article: NDJSON or CSV, written while it is read."""
    return await _export(request, form, LIST_PRICES, _list_prices, "list-prices")


@get("/catalogue/articles", responses=_REFUSALS, guards=[office_or("catalogue:export")])
async def get_articles(request: Request[Any, Any, Any], form: FormatAsked = "ndjson") -> Stream:
    """All articles by sku, with codes and dated prices, as they were brought in: NDJSON or CSV, written while it is read.

    Brought in elsewhere they are the same articles. What changes meanwhile may be in it or not.
    """
    return await _export(request, form, ARTICLES, _articles, "articles")


@get("/catalogue/promotions", responses=_REFUSALS, guards=[office_or("promotions:export")])
async def get_promotions(request: Request[Any, Any, Any], form: FormatAsked = "ndjson") -> Stream:
    """All promotions by id as they came last: NDJSON or CSV."""
    return await _export(request, form, PROMOTIONS, _promotions, "promotions")


async def _export(
    request: Request[Any, Any, Any],
    form: str,
    sheet: Sheet,
    page: Callable[[Connection, str], Page],
    name: str,
) -> Stream:
    hub = hub_of(request)
    _demand_hub(hub)

    async def read(after: str) -> Page:
        return await hub.database.read("", page, after)

    return await stream(form, sheet, read, name)


def _articles(connection: Connection, after: str) -> Page:
    c = t.article.c
    query = sa.select(c.sku, c.body).where(c.sku > after).order_by(c.sku).limit(PAGE_ROWS)
    rows = connection.execute(query).all()
    return [_one_line(row.body) for row in rows], rows[-1].sku if rows else ""


def _promotions(connection: Connection, after: str) -> Page:
    c = t.change.c
    mine = (c.scope == changes.CHAIN, c.kind == "promotion")
    newest = (
        sa.select(c.key, sa.func.max(c.n).label("n"))
        .where(*mine, c.key > after)
        .group_by(c.key)
        .order_by(c.key)
        .limit(PAGE_ROWS)
        .subquery()
    )
    query = sa.select(c.key, c.body).join(newest, (c.key == newest.c.key) & (c.n == newest.c.n)).where(*mine)
    rows = connection.execute(query.order_by(c.key)).all()
    bodies = [_one_line(row.body) for row in rows if row.body != changes.TOMBSTONE]
    return bodies, rows[-1].key if rows else ""


def _price_lists(connection: Connection, after: str) -> Page:
    c = shop.price_list_history.c
    query = (
        sa.select(c.list, c.body)
        .where(c.until_ms.is_(None), c.list > after)
        .order_by(c.list)
        .limit(PAGE_ROWS)
    )
    rows = connection.execute(query).all()
    return [row.body.encode() for row in rows], rows[-1].list if rows else ""


def _list_prices(connection: Connection, after: str) -> Page:
    c = shop.list_price.c
    query = sa.select(c.list, c.sku, c.prices).order_by(c.list, c.sku).limit(PAGE_ROWS)
    if after:
        name, _, sku = after.partition("\n")
        query = query.where(sa.or_(c.list > name, sa.and_(c.list == name, c.sku > sku)))
    rows = connection.execute(query).all()
    lines = [
        msgspec.json.encode({"list": row.list, "sku": row.sku, "prices": msgspec.Raw(row.prices.encode())})
        for row in rows
    ]
    return lines, f"{rows[-1].list}\n{rows[-1].sku}" if rows else ""


def _one_line(body: str) -> bytes:
    """Old records may hold line breaks between their fields."""
    text = body.encode()
    return text if b"\n" not in text and b"\r" not in text else msgspec.json.format(text, indent=-1)


class _Bringing(msgspec.Struct, frozen=True):
    """How one kind is read from a line and put into its table."""

    sheet: Sheet
    read: Callable[[bytes], Any]
    put: Callable[..., int]
    record_max_bytes: int


async def _bring(
    request: Request[Any, Any, Any], bring: _Bringing, *, one_by_one: bool, whole: bool
) -> Response[Brought]:
    """Take the lines of a body in order, some hundreds in each commit, or `whole`. `one_by_one`: a bad one holds up no other."""
    hub = hub_of(request)
    _demand_hub(hub)
    records = changed = refused = 0
    errors: list[RefusedRecord] = []
    pending: list[tuple[int, int, Any]] = []

    def refuse(n: int, line: int, error: RecordError | LineError) -> None:
        nonlocal refused
        refused += 1
        if len(errors) < _ERRORS_MAX:
            errors.append(RefusedRecord(n, str(error), line, LineError.of(error).field))

    async def store() -> None:
        """All that are pending; without those of which only the database shows that they cannot be taken."""
        nonlocal changed
        while pending:
            values = [record for _, _, record in pending]
            try:
                stamp = changes.new_stamp(hub.ids)
                changed += await hub.database.run("", bring.put, values, stamp, hub.clock.wall_ms())
                pending.clear()
            except RecordsRefusedError as error:
                found = dict(error.errors)
                for at, trouble in found.items():
                    refuse(pending[at][0], pending[at][1], trouble)
                pending[:] = [] if whole else [one for at, one in enumerate(pending) if at not in found]

    pieces = chunks(request, _WHOLE_MAX_BYTES if whole else CATALOGUE_MAX_BYTES)
    reader = Reader(form_of(request), bring.sheet, bring.record_max_bytes)
    try:
        async for line, raw in read_stream(pieces, reader):
            records += 1
            if whole and records > WHOLE_MAX_LINES:
                raise ProblemError(413, f"At most {WHOLE_MAX_LINES} lines at once, where all are to hold")
            try:
                if isinstance(raw, LineError):
                    raise raw
                pending.append((records, line, bring.read(raw)))
            except (RecordError, LineError) as error:
                if not (one_by_one or whole):
                    raise ProblemError(400, f"Record {records} cannot be taken", str(error)) from error
                refuse(records, line, error)
            if len(pending) >= _RECORDS_AT_ONCE and not whole:
                await store()
    except RefusedError as error:
        raise problem_of(error) from error
    if pending and not (whole and refused):
        await store()
    errors.sort(key=lambda error: error.record)
    return json_answer(Brought(records, changed, refused, tuple(errors)), 422 if refused else 200)


def _demand_hub(hub: Any) -> None:
    if hub.relay is not None:
        raise ProblemError(409, "This is a relay", "this is brought to the hub, and comes down from there")


CATALOGUE_ROUTES: Final = (
    *(put_articles, put_promotions, put_price_lists, put_list_prices),
    *(get_articles, get_promotions, get_price_lists, get_list_prices),
)
