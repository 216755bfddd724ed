"""The hub's changes as records that `pos.catalogue.changes` takes: articles and price lists."""

import logging
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from pos.catalogue.prices import ListSaid
from pos.domain.article_record import ArticleChanged, RecordRefusedError, change_of
from pos.domain.price_lists import ListRefusedError, read_price_list
from pos.domain.price_said import PastOf

__all__ = ["records_of"]

_log: Final = logging.getLogger("tresen.catalogue")


def records_of(changes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that this software can read; one that it cannot must not hold the others up."""
    found: list[dict[str, Any]] = []
    for change in changes:
        try:
            found.append(_list_of(change) if change["kind"] == "price-list" else _article_of(change))
        except (RecordRefusedError, ListRefusedError) as error:
            _log.error("%s %s from the hub was left out: %s", change["kind"], change["key"], error)
    return found


def _article_of(change: dict[str, Any]) -> dict[str, Any]:
    found = change_of(change["body"])
    if isinstance(found, ArticleChanged) and change.get("history") is not None:
        try:
            found = msgspec.structs.replace(found, past=msgspec.convert(change["history"], PastOf))
        except msgspec.ValidationError as error:
            _log.error("what %s cost before cannot be read: %s", found.article.sku, error)
    record: dict[str, Any] = msgspec.to_builtins(found)
    return record


def _list_of(change: dict[str, Any]) -> dict[str, Any]:
    said = ListSaid(read_price_list(change["body"]))
    if change.get("history") is not None:
        try:
            before = msgspec.convert(change["history"], _Before)
            said = ListSaid(said.list, before.since_ms, tuple(_standing(before)))
        except msgspec.ValidationError as error:
            _log.error("how price list %s stood before cannot be read: %s", said.list.id, error)
    return {"change": "price-list", "said": msgspec.to_builtins(said)}


class _Before(msgspec.Struct, frozen=True):
    since_ms: int
    was: tuple[tuple[int, int, dict[str, Any]], ...] = ()


def _standing(before: _Before) -> Iterable[tuple[int, int, Any]]:
    for since, until, record in before.was:
        try:
            yield since, until, read_price_list(record)
        except ListRefusedError as error:
            _log.error("how a price list stood before cannot be read: %s", error)
