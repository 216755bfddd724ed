"""Articles as the hub has them: by sku, by code, by words, at the prices of a day. The same that a till reads from its file."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.domain.article import Article, Deposit, GroupPrice
from pos.domain.article_record import ArticleChanged, RecordRefusedError, change_of
from pos.domain.codes import key_of, read_code
from pos.domain.folding import WORD_MIN_LENGTH, query_words
from pos.domain.price_lists import EVERYBODY, Place, PriceList, at_place, group_rungs, ladder, standing
from sync.hub import tables as ledger
from sync.hub.shop.catalogue import tables as t
from sync.hub.shop.catalogue.index import without_media
from sync.hub.shop.catalogue.messages import Media
from sync.hub.shop.catalogue.price_lists import price_lists, with_list_prices

__all__ = ["Known", "by_codes", "by_skus", "page", "search"]


class Known(msgspec.Struct, frozen=True):
    """An article at the price of a day, and what stands beside it in its record."""

    article: Article
    codes: tuple[str, ...] = ()
    product: str = ""
    option_names: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()


def by_skus(
    connection: Connection, skus: Iterable[str], day: dt.date, place: Place = EVERYBODY
) -> dict[str, Known]:
    """Those of these articles that there are, at the prices of a day and a place; its groups of customers do not count."""
    lists = at_place(price_lists(connection), place)
    bodies = _bodies(connection, skus)
    if lists:
        bodies = with_list_prices(connection, bodies)
    changes = {sku: change for sku, body in bodies.items() if (change := _change(body)) is not None}
    wanted = {change.article.deposit.sku for change, _ in changes.values() if change.article.deposit}
    deposits = _deposits(connection, wanted, day)
    return {sku: _known(change, media, deposits, day, lists) for sku, (change, media) in changes.items()}


def by_codes(connection: Connection, codes: Iterable[str]) -> dict[str, str]:
    """Code -> sku, for those codes that mean an article."""
    keys = {code: read_code(code).key or key_of(code) for code in codes}
    c = t.article_code.c
    found = {
        row.key: row.sku
        for row in connection.execute(sa.select(c.key, c.sku).where(c.key.in_(sorted(set(keys.values())))))
    }
    return {code: found[key] for code, key in keys.items() if key in found}


def page(connection: Connection, after: str, limit: int) -> list[tuple[str, str]]:
    """The records (sku, body) behind a sku, by sku; also those of articles that are gone."""
    c = ledger.article.c
    query = sa.select(c.sku, c.body).where(c.sku > after).order_by(c.sku).limit(limit)
    return [(row.sku, row.body) for row in connection.execute(query)]


def search(connection: Connection, text: str, after: str, limit: int) -> list[str]:
    """Skus of articles whose words begin with all of the words of `text`, by sku. Single letters are not looked at."""
    words = [word for word in query_words(text) if len(word) >= WORD_MIN_LENGTH or word.isdigit()]
    if not words:
        return []
    words.sort(key=len, reverse=True)  # the longest finds the fewest
    first, *rest = words
    c = t.article_word.c
    query = sa.select(c.sku).where(_begins(c.word, first), c.sku > after)
    for word in rest:
        other = t.article_word.alias()
        query = query.where(
            sa.exists(sa.select(other.c.sku).where(other.c.sku == c.sku, _begins(other.c.word, word)))
        )
    rows = connection.execute(query.distinct().order_by(c.sku).limit(limit))
    return [row.sku for row in rows]


def _begins(column: Any, word: str) -> Any:
    """A single digit must stand as a word of its own ("milch 1 l")."""
    start = word.encode()
    return (
        column == start if len(word) < WORD_MIN_LENGTH else sa.and_(column >= start, column < start + b"\xff")
    )


def _bodies(connection: Connection, skus: Iterable[str]) -> dict[str, str]:
    c = ledger.article.c
    rows = connection.execute(sa.select(c.sku, c.body).where(c.sku.in_(sorted(set(skus)))))
    return {row.sku: row.body for row in rows}


def _change(body: str) -> tuple[ArticleChanged, tuple[Media, ...]] | None:
    """None for an article that is gone."""
    record = msgspec.json.decode(body)
    try:
        change = change_of(without_media(record))
    except RecordRefusedError:
        return None
    if not isinstance(change, ArticleChanged):
        return None
    return change, msgspec.convert(record.get("media", ()), tuple[Media, ...])


def _deposits(
    connection: Connection, skus: Sequence[str] | set[str], day: dt.date
) -> dict[str, Deposit | None]:
    """A deposit that is an article of its own is sold as that one says, any other one as it was sent last."""
    if not skus:
        return {}
    c = t.article_deposit.c
    found: dict[str, Deposit | None] = {
        row.sku: msgspec.json.decode(bytes(row.body), type=Deposit)
        for row in connection.execute(sa.select(c.sku, c.body).where(c.sku.in_(sorted(skus))))
    }
    for sku, body in _bodies(connection, skus).items():
        own = _change(body)
        if own is not None:
            article = own[0].article
            found_price = standing(ladder(own[0].own, (), {}), day)
            minor = found_price.minor if found_price is not None else None
            found[sku] = Deposit(sku, article.text, minor, article.tax_code) if minor is not None else None
    return found


def _known(
    change: ArticleChanged,
    media: tuple[Media, ...],
    deposits: Mapping[str, Deposit | None],
    day: dt.date,
    lists: Mapping[str, PriceList],
) -> Known:
    article = change.article
    deposit = deposits.get(article.deposit.sku, article.deposit) if article.deposit is not None else None
    rungs = ladder(change.own, change.listed, lists)
    for_all = standing(rungs, day)
    article = msgspec.structs.replace(
        article,
        price_minor=for_all.minor if for_all is not None else None,
        price_list=for_all.list if for_all is not None else "",
        group_prices=tuple(GroupPrice(one.groups, one.minor, one.list) for one in group_rungs(rungs, day)),
        deposit=deposit,
        product=0,
    )
    return Known(article, change.codes, change.product, change.option_names, media)
