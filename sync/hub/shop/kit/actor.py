"""Who calls the API of the channels: a till by its signature, everybody else by a token; and what each may do.

A scope is `resource:read` or `resource:write`; `export` and `import` are for all of a resource at once, `stock:adjust` for levels
changed by word alone, `orders:pick` for what a store packs. A token belongs to one role, and to one store or to all. The token of a
web shop can be seen by everyone who visits it, so its role reaches a cart, an order or a return only with the secret that
was given out when it was made (`Work.demand_secret`).
"""

import hashlib
import hmac
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.ports import Ids
from sync.hub import tables as t
from sync.hub.shop.kit.refusal import RefusedError

__all__ = [
    "HANDHELD",
    "ROLES",
    "Actor",
    "Token",
    "find_token",
    "issue_handheld",
    "issue_token",
    "list_tokens",
    "revoke_token",
    "secret_hash",
]

_SHOP: Final = (
    *("catalogue", "prices", "promotions", "stock", "carts", "orders", "returns", "customers", "cards"),
    *("receipts", "stores", "tasks", "cases", "surveys", "messages", "webhooks", "events"),
)


def _both(*resources: str) -> frozenset[str]:
    return frozenset(f"{name}:{kind}" for name in resources for kind in ("read", "write"))


_OUT: Final = frozenset({"catalogue:export", "promotions:export"})
_HANDS: Final = frozenset({"stock:adjust", "orders:pick"})
HANDHELD: Final = "handheld"
ROLES: Final = {
    "admin": _both(*_SHOP, "tokens") | _OUT | _HANDS | {"customers:export", "customers:import"},
    "connector": (_both(*_SHOP) | _OUT | _HANDS) - {"customers:write"},
    "staff": _both(
        *("stock", "carts", "orders", "returns", "customers", "cards", "tasks", "cases", "receipts")
    )
    | {
        "catalogue:read",
        "prices:read",
        "promotions:read",
        "stores:read",
        "surveys:read",
        "messages:read",
        "messages:write",
    }
    | _OUT
    | _HANDS,
    HANDHELD: _both("stock", "tasks")
    | {"catalogue:read", "orders:pick", "staff:read", "stock:adjust", "stores:read"},
    "storefront": frozenset(
        {
            *("catalogue:read", "prices:read", "stock:read", "stores:read", "carts:read", "carts:write"),
            *("orders:read", "orders:write", "returns:read", "returns:write"),
        }
    ),
    "till": _both("stock", "carts", "orders", "returns", "customers", "cards", "tasks", "cases")
    | {"catalogue:read", "prices:read", "promotions:read", "stores:read", "receipts:read", "receipts:write"}
    | {"stock:adjust", "orders:pick", "staff:write"},
}
"""What each role may do. A relay calls as its store's till. Of `handheld`, the staff page's, each token has some."""

_SECRET_BYTES: Final = 24
_MARK: Final = "tresen"


class Actor(msgspec.Struct, frozen=True):
    """Who acts. `name`: the token's name, or `store/till`. `store`: the only one it may touch; empty: all.

    `granted`: scopes with blanks between, where the token has not all of its role's. `expires_ms`: when it ends by itself, 0: never.
    """

    kind: str
    name: str
    role: str
    store: str = ""
    token_id: str = ""
    granted: str = ""
    expires_ms: int = 0

    @property
    def scopes(self) -> frozenset[str]:
        of_role = ROLES.get(self.role, frozenset())
        return of_role.intersection(self.granted.split()) if self.granted else of_role

    @property
    def is_public(self) -> bool:
        """Whether anyone may hold what this actor proves itself with."""
        return self.role == "storefront"

    def demand(self, scope: str) -> None:
        if scope not in self.scopes:
            raise RefusedError(403, "forbidden", "This caller may not do this", scope)

    def demand_store(self, store: str) -> None:
        """For what only the store's own people and tills may touch. Raises RefusedError."""
        if self.store and self.store != store:
            raise RefusedError(403, "forbidden", "This caller belongs to another store", store[:64])


class Token(msgspec.Struct, frozen=True):
    """A token as it is listed; the secret itself is nowhere. `expires_ms` 0: it does not end by itself."""

    token_id: str
    name: str
    role: str
    store: str
    created_ms: int
    revoked_ms: int
    expires_ms: int


def secret_hash(secret: str) -> bytes:
    """For secrets by chance, 128 bits and more: no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()


def issue_token(connection: Connection, name: str, role: str, store: str, ids: Ids, now_ms: int) -> str:
    """A new token, shown this once: `tresen_ID_SECRET`. Raises RefusedError for a role that is none."""
    if role not in ROLES or role in {"till", HANDHELD}:
        raise RefusedError(422, "role", "There is no such role", role[:32])
    secret = ids.token(_SECRET_BYTES).hex()
    token_id = _issue(connection, name, role, store, secret, ids, now_ms)
    return f"{_MARK}_{token_id}_{secret}"


def issue_handheld(
    connection: Connection,
    name: str,
    store: str,
    secret: str,
    granted: str,
    ids: Ids,
    now_ms: int,
    expires_ms: int,
) -> str:
    """A device's token, whose `secret` it made itself; the token's id."""
    return _issue(connection, name, HANDHELD, store, secret, ids, now_ms, granted, expires_ms)


def _issue(
    connection: Connection, name: str, role: str, store: str, secret: str, ids: Ids, now_ms: int,
    granted: str = "", expires_ms: int = 0,
) -> str:  # fmt: skip
    token_id = ids.token(6).hex()
    row = {
        "token_id": token_id, "name": name, "role": role, "store": store, "secret_hash": secret_hash(secret),
        "created_ms": now_ms, "revoked_ms": 0, "expires_ms": expires_ms, "scopes": granted,
    }  # fmt: skip
    connection.execute(t.api_token.insert(), row)
    return token_id


def revoke_token(connection: Connection, token_id: str, now_ms: int) -> bool:
    """False where there is none that is in use."""
    c = t.api_token.c
    where = (c.token_id == token_id, c.revoked_ms == 0)
    return bool(connection.execute(t.api_token.update().where(*where).values(revoked_ms=now_ms)).rowcount)


def list_tokens(connection: Connection) -> list[Token]:
    c = t.api_token.c
    columns: tuple[Any, ...] = (
        *(c.token_id, c.name, c.role, c.store, c.created_ms, c.revoked_ms, c.expires_ms),
    )
    return [Token(*row) for row in connection.execute(sa.select(*columns).order_by(c.created_ms, c.token_id))]


def find_token(connection: Connection, presented: str) -> Actor | None:
    """None for what is no token in use. Whoever asks looks whether its time is over (`Actor.expires_ms`)."""
    mark, token_id, secret = (*presented.split("_"), "", "", "")[:3]
    if mark != _MARK or len(token_id) != 12 or presented.count("_") != 2:
        return None
    c = t.api_token.c
    row = connection.execute(
        sa.select(c.name, c.role, c.store, c.secret_hash, c.scopes, c.expires_ms).where(
            c.token_id == token_id, c.revoked_ms == 0
        )
    ).first()
    if row is None or not hmac.compare_digest(bytes(row.secret_hash), secret_hash(secret)):
        return None
    return Actor("token", row.name, row.role, row.store, token_id, row.scopes, row.expires_ms)
