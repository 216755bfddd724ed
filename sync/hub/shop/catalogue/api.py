"""The API for articles and prices."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from pos.domain.price_lists import Place
from sync.hub.shop.catalogue import core
from sync.hub.shop.catalogue.messages import AskedPrices, Price, ShopArticle, ShopArticles
from sync.hub.shop.kit.http import REFUSALS, look
from sync.hub.shop.kit.pages import PAGE_MAX

__all__ = ["ROUTES"]

_Store = Annotated[str, QueryParameter(max_length=32)]
_Channel = Annotated[str, QueryParameter(max_length=32)]


@get("/articles", responses=REFUSALS)
async def get_articles(
    request: Request[Any, Any, Any],
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    cursor: Annotated[str, QueryParameter(max_length=512)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
    store: _Store = "",
    channel: _Channel = "",
) -> Response[ShopArticles]:
    """Articles by sku; with `q` those whose words begin with all of its words. Prices and days are those of `store` and `channel`."""
    ask = core.ListArticles(q, cursor, limit, Place(store, channel))
    return await look(request, "catalogue:read", core.list_articles, ask)


@get("/articles/by-code/{code:str}", responses=REFUSALS)
async def get_article_by_code(
    request: Request[Any, Any, Any], code: FromPath[str], store: _Store = "", channel: _Channel = ""
) -> Response[ShopArticle]:
    """The article that a code means: EAN, UPC or another number on it, or its short number."""
    return await look(
        request, "catalogue:read", core.get_by_code, core.OneArticle(code, Place(store, channel))
    )


@get("/articles/{sku:str}", responses=REFUSALS)
async def get_article(
    request: Request[Any, Any, Any], sku: FromPath[str], store: _Store = "", channel: _Channel = ""
) -> Response[ShopArticle]:
    return await look(
        request, "catalogue:read", core.get_article, core.OneArticle(sku, Place(store, channel))
    )


@post("/prices", status_code=200, responses=REFUSALS)
async def post_prices(request: Request[Any, Any, Any], data: JSONBody[AskedPrices]) -> Response[Price]:
    """Price a cart as the till would, and say why. It changes nothing and needs no key."""
    return await look(request, "prices:read", core.price_asked, data)


ROUTES: Final = (get_articles, get_article_by_code, get_article, post_prices)
