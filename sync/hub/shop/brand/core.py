"""The brand: put, read, and as it holds now."""

from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from pos.brand import KIND
from pos.ports import Ids
from sync.hub import changes
from sync.hub import tables as hub_tables
from sync.hub.brand import Brand, at_tills, check_pictures, read_brand
from sync.hub.database import upsert
from sync.hub.shop.brand.tables import brand as t
from sync.hub.shop.kit.pages import demand_version
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.wire import encode_json

__all__ = ["BrandShown", "PutAsk", "brand_now", "get_brand", "publish", "put_brand"]

_ROW = "brand"


class BrandShown(Struct, frozen=True):
    """The brand as it holds, and which version of the office's word on it this is (0: it never said anything)."""

    version: int
    about: Brand


class PutAsk(Struct, frozen=True):
    about: dict[str, Any]
    if_match: str = ""


def put_brand(work: Work, ask: PutAsk) -> BrandShown:
    """What the office says, whole; what it leaves out is as it ships. Raises RefusedError 422 for what cannot be read."""
    try:
        found = read_brand(ask.about)
        check_pictures(found)
        shown = at_tills(found)
    except (msgspec.ValidationError, ValueError) as error:
        raise RefusedError(422, "brand", "This brand cannot be used", str(error)[:200]) from error
    row = {"name": _ROW, "version": 0, "body": b"{}"}
    work.execute(upsert(work.connection, t).values(row).on_conflict_do_nothing())
    version = work.execute(sa.select(t.c.version).where(t.c.name == _ROW).with_for_update()).scalar_one()
    demand_version(ask.if_match, version)
    values = {"version": version + 1, "body": encode_json(ask.about)}
    work.execute(t.update().where(t.c.name == _ROW).values(values))
    work.change(changes.CHAIN, KIND, _ROW, shown)
    return BrandShown(version + 1, found)


def publish(connection: Connection, otherwise: Brand | None, ids: Ids, now_ms: int) -> bool:
    """Tell the tills of a brand that they were not told of: one of the messages' settings, or put before tills knew any.

    True where they are told something. Raises BrandError for a picture that is none.
    """
    brand = brand_now(connection, otherwise)
    check_pictures(brand)
    shown = at_tills(brand)
    body = changes.TOMBSTONE if shown is None else encode_json(shown).decode()
    c = hub_tables.change.c
    newest = sa.select(c.body).where(c.scope == changes.CHAIN, c.kind == KIND).order_by(c.n.desc()).limit(1)
    if body == (connection.execute(newest).scalar() or changes.TOMBSTONE):
        return False
    told = None if shown is None else body
    changes.append(connection, changes.CHAIN, KIND, [(_ROW, told)], changes.new_stamp(ids), now_ms)
    return True


def get_brand(work: Work, otherwise: Brand | None) -> BrandShown:
    row = work.execute(sa.select(t.c.version).where(t.c.name == _ROW)).scalar()
    return BrandShown(row or 0, brand_now(work.connection, otherwise))


def brand_now(connection: Connection, otherwise: Brand | None = None) -> Brand:
    """What the office put; where it put nothing, `otherwise`, or what ships."""
    body = connection.execute(sa.select(t.c.body).where(t.c.name == _ROW)).scalar()
    if body is None:
        return otherwise or _shipped()
    return _read(bytes(body))


@lru_cache(maxsize=1)
def _shipped() -> Brand:
    return read_brand()


@lru_cache(maxsize=4)
def _read(body: bytes) -> Brand:
    return read_brand(msgspec.json.decode(body))
