"""A till makes a code for its operator; a phone or tablet redeems it, once, for a token that ends by itself.

A code is 12 characters: 4 are its name, 8 a secret of 40 bits. It is good for five minutes and five wrong tries. The token
may do what the operator's rights at the till allow, in that store, and its name says who it is.
"""

import hmac
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.domain.basket_code import plain_share, share_text
from pos.ports import Ids
from sync.hub import tables as hub_tables
from sync.hub.shop.kit.actor import HANDHELD, issue_handheld, secret_hash
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.staff import tables as t
from sync.hub.shop.staff.messages import Ended, EndOf, MakeCode, Pair, StaffCode, StaffSession

__all__ = [
    "CODE_VALID_MS",
    "SESSION_MAX_MS",
    "WRONG_MAX",
    "end_own",
    "end_sessions",
    "forget_old",
    "make_code",
    "pair",
]

CODE_VALID_MS: Final = 5 * 60_000
SESSION_MAX_MS: Final = 12 * 3_600_000
WRONG_MAX: Final = 5
_CHANCE_BYTES: Final = 5
_NAME: Final = 4
_CODE_KEPT_MS: Final = 3_600_000
_TOKEN_KEPT_MS: Final = 90 * 24 * 3_600_000
_SCOPES: Final = {
    "stock-move": ("stock:write",),
    "stock-write-off": ("stock:adjust",),
    "pickup": ("orders:pick",),
    "tasks": ("tasks:read", "tasks:write"),
}
_ALL: Final = ("catalogue:read", "staff:read", "stock:read", "stores:read")


def make_code(work: Work, ask: MakeCode) -> StaffCode:
    """For an operator of the till that asks. Its earlier code that nobody used ends with it."""
    until_ms = min(ask.until_ms, work.now_ms + SESSION_MAX_MS)
    if until_ms <= work.now_ms:
        raise RefusedError(422, "until", "The session would end before it begins")
    c = t.staff_code.c
    own = (c.maker == work.actor.name, c.operator == ask.operator, c.token_id == "")
    work.execute(t.staff_code.delete().where(*own))
    while True:
        code_id, secret = (share_text(work.ids.token(_CHANCE_BYTES)) for _ in range(2))
        code_id = code_id[:_NAME]
        if work.execute(sa.select(c.code_id).where(c.code_id == code_id)).first() is None:
            break
    scopes = sorted({*_ALL, *(scope for right in ask.rights for scope in _SCOPES[right])})
    row = {
        "code_id": code_id, "store": work.actor.store, "maker": work.actor.name, "operator": ask.operator,
        "name": ask.name, "scopes": " ".join(scopes), "secret_hash": secret_hash(secret),
        "expires_ms": work.now_ms + CODE_VALID_MS, "until_ms": until_ms, "wrong": 0, "used_hash": b"", "token_id": "",
    }  # fmt: skip
    work.execute(t.staff_code.insert(), row)
    return StaffCode(code_id + secret, "", work.now_ms + CODE_VALID_MS)


def pair(connection: Connection, ask: Pair, ids: Ids, now_ms: int) -> StaffSession | RefusedError:
    """Open a session, or say why not. Wrong tries are counted: the caller commits either way."""
    code_id, secret = _read(ask.code)
    c = t.staff_code.c
    mine = c.code_id == code_id
    code = connection.execute(sa.select(t.staff_code).where(mine).with_for_update()).first()
    if code is None:
        return _wrong()
    if code.wrong >= WRONG_MAX:
        return RefusedError(403, "code-tried", "The code was tried too often; make a new one at the till")
    if not hmac.compare_digest(bytes(code.secret_hash), secret_hash(secret)):
        connection.execute(t.staff_code.update().where(mine).values(wrong=c.wrong + 1))
        return _wrong()
    used = secret_hash(ask.secret)
    if code.token_id and hmac.compare_digest(bytes(code.used_hash), used):
        return _session(code, code.token_id)
    if code.token_id:
        return RefusedError(403, "code-used", "The code was used already; make a new one at the till")
    if now_ms >= code.expires_ms:
        return RefusedError(403, "code-expired", "The code has expired; make a new one at the till")
    token_id = issue_handheld(
        connection, _who(code), code.store, ask.secret, code.scopes, ids, now_ms, code.until_ms
    )
    connection.execute(t.staff_code.update().where(mine).values(token_id=token_id, used_hash=used))
    return _session(code, token_id)


def end_sessions(work: Work, ask: EndOf) -> Ended:
    """All of an operator of the till that asks, and the codes that nobody used."""
    c, k = t.staff_code.c, hub_tables.api_token.c
    work.execute(t.staff_code.delete().where(c.maker == work.actor.name, c.operator == ask.operator))
    theirs = (k.name == f"{work.actor.name}/{ask.operator}", k.role == HANDHELD)
    return _end(work, *theirs)


def end_own(work: Work, _: None) -> Ended:
    """The session that asks."""
    k = hub_tables.api_token.c
    return _end(work, k.token_id == work.actor.token_id, k.role == HANDHELD)


def forget_old(work: Work) -> int:
    """Codes soon after their time, for they name somebody; sessions once nobody asks any more who had them."""
    c, k = t.staff_code.c, hub_tables.api_token.c
    work.execute(t.staff_code.delete().where(c.expires_ms < work.now_ms - _CODE_KEPT_MS))
    old = (k.role == HANDHELD, k.expires_ms < work.now_ms - _TOKEN_KEPT_MS)
    work.execute(hub_tables.api_token.delete().where(*old))
    return 0


def _end(work: Work, *which: Any) -> Ended:
    k = hub_tables.api_token.c
    live = (k.revoked_ms == 0, k.expires_ms > work.now_ms)
    ended = work.execute(hub_tables.api_token.update().where(*which, *live).values(revoked_ms=work.now_ms))
    return Ended(ended.rowcount)


def _read(typed: str) -> tuple[str, str]:
    """Name and secret of a code as somebody typed it; empty for what cannot be one."""
    text = "".join(typed.split()).replace("-", "")
    secret = plain_share(text[_NAME:])
    name = plain_share("0000" + text[:_NAME])[_NAME:]
    return (name, secret) if name and secret else ("", "")


def _who(code: Any) -> str:
    return f"{code.maker}/{code.operator}"


def _session(code: Any, token_id: str) -> StaffSession:
    return StaffSession(
        token_id, _who(code), code.store, code.name, tuple(code.scopes.split()), code.until_ms
    )


def _wrong() -> RefusedError:
    return RefusedError(403, "code-wrong", "The code is wrong; look at the till's screen once more")
