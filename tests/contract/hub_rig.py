"""A whole hub inside a test: the real application over a real database, asked through httpx."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import httpx
from sqlalchemy.engine import Connection, Engine

from pos.system import ThreadWorker
from sync.hub import machines
from sync.hub.app import create_app
from sync.hub.database import Database, migrate, open_engine, transact
from sync.hub.service import Hub
from sync.hub.vault import Vault
from sync.identity import Identity, Node
from sync.keys import SigningKey
from sync.signatures import request_headers
from sync.wire import Batch, Hello, ShopInfo, Welcome, encode_batch
from tests.contract.hub_kit import NOW_MS, SHOP, Clock, Ids, as_json, key_for, sealed_by

JSON = {"Content-Type": "application/json"}
_NONCES = (n.to_bytes(16, "big") for n in itertools.count(1))


class Signing(httpx.Auth):
    """Signs what goes to /v1 as a machine would: as the till that the path names, or as `machine`."""

    requires_request_body = True

    def __init__(self, rig: "Rig", store: str = "", machine: str = "") -> None:
        self.rig = rig
        self.store = store
        self.machine = machine

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        path, _, query = request.url.raw_path.decode().partition("?")
        if path.startswith("/v1/") and path != "/v1/health" and not path.startswith("/v1/catalogue/"):
            parts = path.split("/")
            store, machine = parts[3:5] if parts[2] == "tills" else ("demo", "1")
            key = self.rig.enrolled(self.store or store, self.machine or machine)
            created = self.rig.clock.wall_ms() // 1000
            signed = request_headers(
                key.sign,
                keyid=f"{self.store or store}/{self.machine or machine}/{key.key_id}",
                tag=self.rig.hub.key.key_id,
                method=request.method,
                path=path,
                query=query,
                headers=dict(request.headers),
                body=request.content,
                created=created,
                expires=created + 120,
                nonce=next(_NONCES),
            )
            request.headers.update(signed)
        yield request


class Rig:
    """One hub: its application, and a client for each address that asks."""

    def __init__(self, url: str, name: str = "hub", **options: Any) -> None:
        self.engine = open_engine(url)
        migrate(self.engine)
        count = 1 if self.engine.dialect.name == "sqlite" else 3
        self.workers = [ThreadWorker(f"test-{n}") for n in range(count)]
        self.clock = Clock()
        database = Database(self.engine, self.workers)
        self.hub = Hub(
            database,
            self.clock,
            Ids(name),
            **{"public_url": "https://beleg.example/", "vault": Vault(bytes(range(32))), **options},
        )
        self.app: Any = create_app(self.hub)
        self._enrolled: set[tuple[str, str]] = set()

    def restart(self) -> None:
        """The hub's program starts anew over its database."""
        self.hub = Hub(
            self.hub.database, self.clock, Ids(f"hub {self.clock.ms}"), public_url="https://beleg.example/"
        )
        self.app = create_app(self.hub)

    def asking_from(
        self, address: str = "127.0.0.1", *, store: str = "", machine: str = ""
    ) -> httpx.AsyncClient:
        """A client that signs as the till it asks about, or always as the one named."""
        return httpx.AsyncClient(
            transport=self.transport(address), base_url="http://hub", auth=Signing(self, store, machine)
        )

    def stranger(self, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """A client that signs nothing."""
        return httpx.AsyncClient(transport=self.transport(address), base_url="http://hub")

    def enrolled(self, store: str = "demo", machine: str = "1", role: str = "till") -> SigningKey:
        """The machine's key, in the hub's tables by now."""
        key = key_for(store, machine)
        if (store, machine) not in self._enrolled:
            self._enrolled.add((store, machine))
            enrol_directly(self.engine, store, machine, key.public, role=role)
        return key

    def identity(self, store: str = "demo", machine: str = "1", role: str = "till") -> Identity:
        """Who the machine is, as its file would say; its node is at http://hub."""
        key = self.enrolled(store, machine, role)
        node = Node("http://hub", "hub", "hub", self.hub.key.public)
        return Identity(store, machine, role, key.seed, (node,))

    def transport(self, address: str = "127.0.0.1") -> httpx.ASGITransport:
        return httpx.ASGITransport(self.app, client=(address, 4711))

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.engine.dispose()


def enrol_directly(engine: Engine, store: str, machine: str, public_key: bytes, role: str = "till") -> None:
    """A machine's key in the tables, without a code."""

    def write(connection: Connection) -> None:
        machines.lock(connection, store, machine, role, NOW_MS)
        machines.add_key(connection, store, machine, public_key, NOW_MS)

    transact(engine, write)


@asynccontextmanager
async def hub_rig(url: str, name: str = "hub") -> AsyncIterator[Rig]:
    rig = Rig(url, name)
    try:
        async with rig.hub.running():
            yield rig
    finally:
        rig.close()


async def say_hello(
    line: httpx.AsyncClient, store: str = "demo", till: str = "1", shop: ShopInfo | None = SHOP
) -> Welcome:
    import msgspec

    message = Hello(store, till, 1, "test", shop)
    answer = await line.put(f"/v1/tills/{store}/{till}", content=as_json(message), headers=JSON)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Welcome)


async def send(line: httpx.AsyncClient, batch: Batch) -> httpx.Response:
    """With the till's seal, where the batch has none."""
    content, _ = encode_batch(batch if batch.seal else sealed_by(batch))
    return await line.post(
        f"/v1/tills/{batch.store}/{batch.till}/facts",
        content=content,
        headers={**JSON, "Content-Encoding": "gzip"},
    )


async def until_arrived(line: httpx.AsyncClient, link: str, **headers: str) -> httpx.Response:
    """The receipt's page, once the projection has it."""
    async with asyncio.timeout(10):
        while True:
            answer = await line.get(f"/r/{link}", headers=headers)
            if answer.status_code != 200 or "retry-after" not in answer.headers:
                return answer
            await asyncio.sleep(0.01)


class Process:
    """`tresen hub` as a process of its own; `script` may bring another way to start it."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None, script: str = "") -> None:
        import os

        root = str(Path(__file__).parents[2])
        code = script or "from sync.hub.cli import hub; hub()"
        self.popen = Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=PIPE,
            stderr=PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONPATH": root, **(env or {})},
        )

    def ready(self) -> str:
        """Wait until it listens; gives its address."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line.startswith("hub ready on "):
            _, errors = self.popen.communicate(timeout=10)
            raise AssertionError(f"{line!r}, {errors}")
        return line.removeprefix("hub ready on ").strip()

    def end(self) -> tuple[int, str, str]:
        """SIGTERM; gives exit code, output, errors."""
        self.popen.terminate()
        out, errors = self.popen.communicate(timeout=20)
        return self.popen.returncode, out, errors


@contextmanager
def hub_process(*arguments: str, env: dict[str, str] | None = None, script: str = "") -> Iterator[Process]:
    process = Process(*arguments, env=env, script=script)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.communicate(timeout=10)
