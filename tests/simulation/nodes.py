"""The hub and relays of the simulation: the real application, ledger and projector over SQLite on a disk that can die."""

import asyncio
import contextlib
import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import msgspec
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from pos.facts import StoredFact
from sync.cart_messages import ParkedAsk
from sync.codes import enrol_proof
from sync.hub.app import create_app
from sync.hub.database import Database, migrate, open_engine, transact
from sync.hub.enrolment import new_code
from sync.hub.gate import Gate
from sync.hub.machine_feed import redeem
from sync.hub.service import Hub
from sync.identity import Identity, Node
from sync.keys import SigningKey
from sync.wire import Ack, Enrol, Enrolled, Problem, Welcome
from tests.simulation.disk import ram_folder
from tests.simulation.network import Answer, Asked
from tests.simulation.participant import Machine

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["NodeMachine"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
DATABASE = "hub.db"
STORE = "demo"
_acks = msgspec.json.Decoder(Ack)
_welcomes = msgspec.json.Decoder(Welcome)
_asks = msgspec.json.Decoder(ParkedAsk)
_apps: dict[str, Any] = {}


@functools.cache
def empty_database() -> bytes:
    """A hub's file with all its tables, made once."""
    with ram_folder() as folder:
        engine = open_engine(f"sqlite:///{folder / DATABASE}")
        migrate(engine)
        engine.dispose()
        return (folder / DATABASE).read_bytes()


class NodeMachine(Machine):
    """A node. The application is made once a process and serves the hub of the life that runs."""

    def __init__(self, world: "World", name: str) -> None:
        super().__init__(world, name)
        self.engine: Engine | None = None
        self.hub: Hub | None = None
        self.public_key = b""
        self.upstream: Identity | None = None
        self.gate: Gate | None = None
        (self.disk.folder / DATABASE).write_bytes(empty_database())

    @property
    def database(self) -> Path:
        return self.disk.folder / DATABASE

    def start(self) -> None:
        self.up = True
        self.power_loss = False
        try:
            self.engine = open_engine(f"sqlite:///{self.database}")
            self.hub = self._new_hub(self.engine)
            self.public_key = self.hub.key.public
        except Exception as error:
            if self.disk.dead:
                return
            raise AssertionError(f"{self.name} does not start: {error}") from error
        if self.name not in _apps:
            _apps[self.name] = create_app(self.hub).app
        _apps[self.name].state.hub = self.hub
        self.gate = Gate(_apps[self.name], self.hub)
        self.task(self._live(self.hub))
        self.world.note(f"{self.name} is up")
        self.world.history.node_started(self)

    def _new_hub(self, engine: Engine) -> Hub:
        database = Database(engine, [self.worker()])
        if self.upstream is None:
            # The shop has a simulation of its own; here it would only cost time.
            return Hub(database, self.clock, self.ids, public_url="https://beleg.example", channels=False)
        return Hub(
            database,
            self.clock,
            self.ids,
            public_url="https://beleg.example",
            upstream=self.upstream,
            transport=lambda: self.world.network.line(self.name, "hub"),
        )

    def enrol(self, machine: str, public_key: bytes, *, role: str = "till", replace: bool) -> Enrolled | None:
        """A code made here and redeemed at once; None if the disk died over it."""
        node, now_ms, nonce = self.hub, self.clock.wall_ms(), self.rng.randbytes(16)
        assert node is not None
        code = self.transact(
            new_code,
            self.rng.randbytes,
            store=STORE,
            machine=machine,
            role=role,
            replace=replace,
            now_ms=now_ms,
        )
        if code is None:
            return None
        proof = enrol_proof(code.key, public_key, nonce)
        message = Enrol(code.code_id, public_key, nonce, proof, role)
        enrolled = self.transact(
            redeem, message, node.key, self.rng.randbytes(4).hex(), name=self.name, now_ms=now_ms
        )
        node.feeds.ring({f"store:{STORE}"})
        assert not isinstance(enrolled, Problem), enrolled
        return enrolled

    def join(self, hub: "NodeMachine") -> None:
        """Become a relay below a hub."""
        seed = self.rng.randbytes(32)
        hub.enrol(self.name, SigningKey(seed).public, role="relay", replace=False)
        node = Node("http://hub", "hub", hub.name, hub.public_key)
        self.upstream = Identity(STORE, self.name, "relay", seed, (node,))

    def holds(self, till: str, fact: StoredFact) -> bool:
        """Whether this very fact is here, in the chain or aside."""
        if not self.up or self.disk.dead:
            return False
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            place = (till, fact.epoch, fact.seq, fact.hash)
            where = "where till = ? and epoch = ? and seq = ? and hash = ?"
            found = connection.execute(
                f"select 1 from fact {where} union all select 1 from quarantine {where}", (*place, *place)
            )
            return found.fetchone() is not None
        finally:
            connection.close()

    def transact(
        self, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T | None:
        """What a person does at this node, here and now; None if the disk died over it."""
        if self.engine is None:
            return None
        try:
            return transact(self.engine, function, *args, **kwargs)
        except SQLAlchemyError:
            if self.disk.dead:
                return None
            raise

    def go_back_to(self, image: bytes) -> None:
        """The machine is rebuilt from a copy of its database."""
        self.die(for_good=True)
        self.disk.close()
        self.disk = self.new_disk()
        self.database.write_bytes(image)
        self.world.history.went_back(self)
        self.start()

    async def _live(self, hub: Hub) -> None:
        async with hub.running():
            await asyncio.get_running_loop().create_future()

    def ended(self) -> None:
        engine, self.engine, self.hub = self.engine, None, None
        if engine is not None:
            with contextlib.suppress(Exception):
                engine.dispose()

    def serve(self, asked: Asked, answered: Callable[[Answer | None], None]) -> bool:
        if not self.up or self.disk.dead:
            return False
        self.task(self._serve(asked, answered, self.dead()))
        return True

    async def _serve(
        self, asked: Asked, answered: Callable[[Answer | None], None], dead: Callable[[], bool]
    ) -> None:
        answer: Answer | None = None
        gate = self.gate
        assert gate is not None
        try:
            answer = await self._ask(gate, asked)
        finally:
            if answer is None or dead():
                answered(None)
            else:
                self._observe(asked, answer)
                answered(answer)

    async def _ask(self, gate: Gate, asked: Asked) -> Answer:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": asked.method,
            "headers": list(asked.headers),
            "scheme": "http",
            "path": asked.path,
            "raw_path": asked.path.encode(),
            "query_string": asked.query,
            "server": ("hub", 80),
            "client": ("127.0.0.1", 4711),
            "root_path": "",
        }
        status = 0
        headers: list[tuple[bytes, bytes]] = []
        body = bytearray()
        received = False

        async def receive() -> dict[str, Any]:
            nonlocal received
            if received:
                await asyncio.get_running_loop().create_future()
            received = True
            return {"type": "http.request", "body": asked.body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", []))
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await gate(scope, receive, send)
        return Answer(status, headers, bytes(body))

    def _observe(self, asked: Asked, answer: Answer) -> None:
        """What this node said, whoever hears it."""
        if asked.method == "POST" and asked.path.endswith("/facts"):
            till = asked.path.split("/")[4]
            if answer.status == 200:
                self.world.history.acknowledged(self, till, _acks.decode(answer.body))
            else:
                self.world.note(f"{self.name} answers {answer.status} to {till}: {answer.body[:160]!r}")
        if asked.method == "PUT" and answer.status == 200 and "/tills/" in asked.path:
            welcome = _welcomes.decode(answer.body)
            self.world.history.held(
                self.name, asked.path.split("/")[4], (welcome.acked_epoch, welcome.acked_seq)
            )
        if asked.path.endswith("/parked") and answer.status == 200:
            self.world.history.gave_up(asked.client, _asks.decode(asked.body).released)
        if answer.status >= 500 and not (answer.status == 503 and self.upstream is not None):
            self.world.history.node_errors.append(
                f"{self.name} {asked.path} {answer.status} {answer.body[:300]!r}"
            )
