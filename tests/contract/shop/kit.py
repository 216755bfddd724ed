"""The hub's shop inside a test: the real application, asked with a token or as a till; and commands run bare."""

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import msgspec

from sync.hub.database import transact
from sync.hub.shop.kit.actor import Actor, issue_token
from sync.hub.shop.kit.facts import follow, lagging
from sync.hub.shop.kit.work import Work
from sync.hub.shop.rooms import ROOMS
from tests.contract.hub_rig import Rig, Signing

_KEYS = itertools.count(1)
_A = TypeVar("_A")
_T = TypeVar("_T")

OFFICE = Actor("token", "office", "admin")
TILL = Actor("till", "demo/1", "till", "demo")


class Channel:
    """Asks the API as one caller. Each POST gets a key of its own unless one is given."""

    def __init__(self, rig: Rig, role: str = "admin", store: str = "", till: str = "") -> None:
        self.rig = rig
        if till:
            self._line = httpx.AsyncClient(
                transport=rig.transport(), base_url="http://hub", auth=Signing(rig, store, till)
            )
            return
        self.name = f"{role} {next(_KEYS)}"
        token = transact(rig.engine, issue_token, self.name, role, store, rig.hub.ids, rig.clock.wall_ms())
        self._line = httpx.AsyncClient(
            transport=rig.transport(), base_url="http://hub", headers={"Authorization": f"Bearer {token}"}
        )

    async def ask(
        self, method: str, path: str, data: Any = None, *, key: str = "", secret: str = "", **headers: str
    ) -> httpx.Response:
        """`path` begins behind /v1. `data` is sent as JSON; header names may have _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if method == "POST":
            named["Idempotency-Key"] = key or f"key-{next(_KEYS)}"
        if secret:
            named["X-Tresen-Secret"] = secret
        content = b""
        if data is not None or method == "POST":
            content = msgspec.json.encode({} if data is None else data)
            named["Content-Type"] = "application/json"
        return await self._line.request(method, f"/v1{path}", content=content, headers=named)

    async def get(self, path: str, **options: Any) -> Any:
        """The JSON of an answer that must be 200."""
        answer = await self.ask("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, data: Any = None, **options: Any) -> Any:
        answer = await self.ask("POST", path, data, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def put(self, path: str, data: Any, **options: Any) -> Any:
        answer = await self.ask("PUT", path, data, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()


def do(rig: Rig, function: Callable[[Work, _A], _T], ask: _A, actor: Actor = OFFICE) -> _T:
    """One command in its transaction, without the network."""

    def run(connection: Any) -> _T:
        work = Work(connection, rig.clock.wall_ms(), rig.hub.ids, actor)
        answer = function(work, ask)
        work.finish()
        return answer

    return transact(rig.engine, run)


def hear(rig: Rig) -> None:
    """Let the shop hear all facts that are there."""
    with rig.engine.connect() as connection:
        behind = lagging(connection)
    for store, till, epoch in behind:
        while transact(rig.engine, follow, ROOMS, store, till, epoch, rig.clock.wall_ms(), rig.hub.ids):
            pass
