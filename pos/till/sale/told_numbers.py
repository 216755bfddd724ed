"""Numbers that are told where goods may be meant: an article's number is never the number of a receipt."""

from collections.abc import Generator
from typing import Any, Final

from pos.domain import events as e
from pos.domain.codes import is_gtin, key_of
from pos.domain.question import Question
from pos.ports import CatalogueUnavailableError
from pos.till.desk import Desk

__all__ = ["goods_named", "terminal_number"]

_SURE_DIGITS: Final = 12  # no terminal and no till counts so far


def goods_named(desk: Desk, text: str) -> str | None:
    """The text of the article that a typed number belongs to, empty for one the shop does not know; None: no article's number."""
    if not is_gtin(text):
        return None
    try:
        article = desk.world.catalogue.find(key_of(text))
    except CatalogueUnavailableError:
        article = None
    if article is not None:
        return article.text
    return "" if len(text) >= _SURE_DIGITS else None


def terminal_number(desk: Desk, question: Question) -> Generator[Any, Any, str | None]:
    """The receipt number of a card terminal, as typed; what is an article's number is refused, and asked again."""
    while True:
        typed: str | None = yield question
        goods = goods_named(desk, typed) if typed is not None else None
        if goods is None:
            return typed
        desk.refuse(e.Message("article-no-number", {"code": goods or typed or ""}))
