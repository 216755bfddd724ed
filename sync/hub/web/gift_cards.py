"""The page of a gift card that went out by a letter: what is left on it, and never its number."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from sync.hub.shop.cards import core
from sync.hub.shop.cards.messages import Card
from sync.hub.web.frame import Page, show

__all__ = ["ROUTES"]

_SHOWN = 4


@get("/k/{link:str}", include_in_schema=False)
async def get_card(request: Request[Any, Any, Any], link: FromPath[str]) -> Response[bytes]:
    return await show(request, lambda work: core.by_link(work, link), _draw)


def _draw(page: Page, card: Card) -> str:
    lapsed = bool(card.expires_ms) and card.expires_ms < page.now_ms
    standing = (
        "blocked" if card.blocked else "lapsed" if lapsed else "open" if card.available_minor else "empty"
    )
    until = page.moment(card.expires_ms, "UTC", hour=False) if card.expires_ms and not lapsed else ""
    return page.html("gift_card", card=card, standing=standing, until=until, end=card.number[-_SHOWN:])


ROUTES = (get_card,)
