"""The outbox on both databases: nothing is lost, nothing that is known to be sent goes twice, nothing stays of a person."""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.system import ThreadWorker
from sync.hub import tables as hub_tables
from sync.hub.brand import read_brand
from sync.hub.database import Database, migrate, open_engine, transact
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters import outbox
from sync.hub.shop.letters.mail import Mail
from sync.hub.shop.letters.messenger import Letter, Messenger, Outcome
from sync.hub.shop.letters.outbox import Message
from sync.hub.shop.letters.post import ACTOR, LEASE_MS, Post
from sync.hub.shop.letters.seals import Consents, HubSeals
from sync.hub.shop.letters.settings import MessageSettings, Quiet
from sync.hub.shop.letters.tables import message as t
from sync.hub.shop.stores.messages import PutStore
from tests.contract.hub_kit import Clock, Ids
from tests.contract.mail_rig import Box, mail_server, server_at

SENT, LATER = Outcome("sent", "250"), Outcome("later", "450 4.2.1")
AWAY = Outcome("later", "unreachable", server=True)
UNKNOWN = Outcome("unknown", "cut", server=True)
REFUSED = Outcome("refused", "550 5.1.1")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NEVER_QUIET = Quiet(dt.time(0), dt.time(0))
ADDRESS = "erika.mustermann@example.com"


class Fake:
    """Notes letters, and answers as it is told; "sent" once it was told everything."""

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers)
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> Outcome:
        self.letters.append(letter)
        return self.answers.pop(0) if self.answers else SENT


class Rig:
    """A hub's database, and as many processes of the hub over it as are asked for."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        migrate(self.engine)
        self.clock = Clock()
        self.workers = [ThreadWorker(f"test-{n}") for n in range(2)]
        self.database = Database(self.engine, self.workers)
        self.seals = HubSeals(bytes(32), Ids("seals"))
        self.quiet = NEVER_QUIET
        self.stores: dict[str, Quiet] = {}

    def post(self, messenger: Messenger, consents: Consents | None = None, name: str = "one") -> Post:
        settings = MessageSettings(read_brand(), self.quiet, stores=self.stores)
        return Post(
            self.database,
            self.clock,
            Ids(name),
            settings,
            {"email": messenger},
            self.seals,
            consents or Nobody(),
        )

    def put(self, key: str = "order/17/ready", **changes: Any) -> bool:
        given: dict[str, Any] = {
            "store": "demo", "key": key, "kind": "order-ready", "to": ADDRESS,
            "fields": {"order": "W-17", "code": "7K4", "deadline_ms": self.clock.wall_ms() + DAY},
        }  # fmt: skip
        return transact(
            self.engine, outbox.put, Message(**{**given, **changes}), self.seals, self.clock.wall_ms()
        )

    def work(self, function: Callable[[Work], Any]) -> Any:
        def run(connection: Connection) -> Any:
            work = Work(connection, self.clock.wall_ms(), Ids(), ACTOR)
            answer = function(work)
            work.finish()
            return answer

        return transact(self.engine, run)

    def run(self, *posts: Post) -> None:
        async def turns() -> None:
            for post in posts:
                while await post.turn():
                    pass

        asyncio.run(turns())

    def rows(self) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(t).order_by(t.c.store, t.c.key)))

    def states(self) -> list[tuple[str, str]]:
        return [(row.state, row.reason) for row in self.rows()]

    def told(self) -> list[Any]:
        """What people are asked to look at."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(hub_tables.task).order_by(hub_tables.task.c.key)).all()
        assert {(row.kind, row.state) for row in rows} <= {("message-failed", "open")}
        return [msgspec.json.decode(bytes(row.data)) for row in rows]

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.engine.dispose()


class Nobody:
    """Agreed to anything."""

    def may_send(self, connection: Any, customer: str, purpose: str, channel: str) -> bool:
        return False


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def test_a_message_is_written_once_and_sent_once(rig: Rig) -> None:
    fake = Fake()
    assert [rig.put(), rig.put(), rig.put("order/18/ready")] == [True, False, True]
    rig.run(rig.post(fake))
    rig.run(rig.post(fake, name="two"))
    assert [letter.key for letter in fake.letters] == ["demo/order/17/ready", "demo/order/18/ready"]
    assert fake.letters[0].to == ADDRESS
    assert "7K4" in fake.letters[0].text
    assert rig.states() == [("sent", "")] * 2
    assert rig.told() == []


def test_a_message_of_a_transaction_that_failed_was_never_written(rig: Rig) -> None:
    def fails(connection: Connection) -> None:
        message = Message("demo", "k", "order-ready", ADDRESS, {"order": "1", "code": "2", "deadline_ms": 3})
        outbox.put(connection, message, rig.seals, 0)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transact(rig.engine, fails)
    assert rig.rows() == []


def test_what_a_kind_needs_and_does_not_get_is_found_at_once(rig: Rig) -> None:
    with pytest.raises(ValueError, match="needs code, deadline_ms"):
        rig.put(fields={"order": "W-17"})
    with pytest.raises(ValueError, match="no message"):
        rig.put(kind="spam")


def test_later_means_again_with_pauses_that_grow_until_it_is_given_up(rig: Rig) -> None:
    fake = Fake(*[LATER] * 200)
    post = rig.post(fake)
    rig.put()
    times = []
    for _ in range(60 * 49):
        before = len(fake.letters)
        rig.run(post)
        times += [rig.clock.ms // MINUTE] * (len(fake.letters) - before)
        rig.clock.ms += MINUTE
    assert times[:8] == [0, 1, 3, 7, 15, 31, 63, 123]
    assert 45 < len(times) < 60
    assert times[-1] <= 48 * 60
    assert rig.states() == [("given_up", "late")]
    assert rig.told() == [{"kind": "order-ready", "channel": "email", "reason": "late", "answer": ""}]


def test_a_refusal_ends_it_and_a_person_is_told_without_the_address(rig: Rig) -> None:
    rig.put()
    fake = Fake(REFUSED)
    post = rig.post(fake)
    rig.run(post)
    rig.clock.ms += DAY
    rig.run(post)
    assert len(fake.letters) == 1
    assert rig.states() == [("refused", "server")]
    (told,) = rig.told()
    assert (told["reason"], told["answer"]) == ("server", "550 5.1.1")


def test_a_server_that_is_away_is_left_alone_and_costs_the_others_no_try(rig: Rig) -> None:
    for n in range(5):
        rig.put(f"order/{n}")
    fake = Fake(AWAY, AWAY)
    post = rig.post(fake)
    rig.run(post)
    assert len(fake.letters) == 1
    assert [row.attempts for row in rig.rows()] == [1, 0, 0, 0, 0]
    rig.clock.ms += 15_000
    rig.run(post)  # one asks, and it is away still
    assert len(fake.letters) == 2
    rig.clock.ms += 29_000
    rig.run(post)
    assert len(fake.letters) == 2
    rig.clock.ms += 1_000
    rig.run(post)
    assert rig.states() == [("sent", "")] * 5


def test_what_is_unknown_goes_again_under_the_same_key_twice_at_most(rig: Rig) -> None:
    rig.put()
    fake = Fake(*[UNKNOWN] * 9)
    post = rig.post(fake)
    for _ in range(300):
        rig.run(post)
        rig.clock.ms += MINUTE
    assert [letter.key for letter in fake.letters] == ["demo/order/17/ready"] * 3
    assert rig.states() == [("given_up", "unknown")]
    assert len(rig.told()) == 1


def test_a_process_that_dies_while_it_sends_leaves_a_message_that_goes_again_after_its_lease(
    rig: Rig,
) -> None:
    rig.put()
    leased = transact(rig.engine, outbox.due, rig.clock.wall_ms(), 3, "dead", rig.clock.wall_ms() + LEASE_MS)
    fake = Fake()
    post = rig.post(fake)
    rig.run(post)
    assert fake.letters == []
    rig.clock.ms += LEASE_MS
    rig.run(post)
    assert len(fake.letters) == 1
    assert rig.rows()[0].unknowns == 1
    # The dead one comes back to life and says what became of its own try: the message is settled, and stays so.
    late = rig.work(lambda work: outbox.settle(work, leased[0], "dead", LATER))
    assert late == ""
    assert rig.states() == [("sent", "")]


def test_many_processes_send_each_message_once(rig: Rig) -> None:
    for n in range(40):
        rig.put(f"order/{n}")
    fakes = [Fake() for _ in range(4)]
    posts = [rig.post(fake, name=f"process {n}") for n, fake in enumerate(fakes)]

    async def together() -> None:
        async def work(post: Post) -> None:
            while await post.turn():
                pass

        await asyncio.gather(*(work(post) for post in posts))

    asyncio.run(together())
    keys = [letter.key for fake in fakes for letter in fake.letters]
    assert sorted(keys) == sorted(set(keys))
    assert len(keys) == 40
    assert sum(bool(fake.letters) for fake in fakes) > 1


def test_two_databases_connections_never_lease_one_message_twice(rig: Rig) -> None:
    """Threads that lease at the same time, each with a connection of its own where the database has several."""
    for n in range(60):
        rig.put(f"order/{n}")
    got: list[list[str]] = [[], []]

    def take(who: int) -> None:
        while found := transact(
            rig.engine, outbox.due, rig.clock.wall_ms(), 3, f"p{who}", rig.clock.wall_ms() + HOUR
        ):
            got[who] += [message.key for message in found]

    async def both() -> None:
        await asyncio.gather(*(worker.run(take, who) for who, worker in enumerate(rig.workers)))

    asyncio.run(both())
    assert len(got[0]) + len(got[1]) == 60
    assert not set(got[0]) & set(got[1])


def test_what_can_wait_waits_for_the_stores_morning_and_what_is_urgent_does_not(rig: Rig) -> None:
    rig.quiet = Quiet(dt.time(20, 30), dt.time(8))
    rig.stores = {"faro": Quiet(dt.time(22), dt.time(7))}
    row = {"store": "faro", "version": 1, "active": True}
    about = PutStore("Faro", time_zone="Atlantic/Azores")
    transact(
        rig.engine,
        lambda c: c.execute(hub_tables.store_info.insert(), {**row, "body": msgspec.json.encode(about)}),
    )
    evening = dt.datetime(2026, 11, 22, 22, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    rig.clock.ms += int(evening.timestamp() * 1000) - rig.clock.wall_ms()
    rig.put("ready")
    rig.put(
        "receipt",
        kind="receipt",
        fields={"number": "1", "total_minor": 1, "link": "https://x.example/", "sold_ms": 1},
    )
    rig.put("ready", store="faro")
    fake = Fake()
    post = rig.post(fake)
    rig.run(post)
    assert sorted(letter.key for letter in fake.letters) == ["demo/receipt", "faro/ready"]
    assert ("waiting", "quiet") in rig.states()
    rig.clock.ms += 10 * HOUR - 1
    rig.run(post)
    assert len(fake.letters) == 2
    rig.clock.ms += 1
    rig.run(post)
    assert fake.letters[-1].key == "demo/ready"
    assert [row.attempts for row in rig.rows()] == [1, 1, 1]


class Agreed:
    """Who agreed to marketing by e-mail, as it changes."""

    def __init__(self) -> None:
        self.customers: set[str] = set()

    def may_send(self, _connection: Connection, customer: str, purpose: str, channel: str) -> bool:
        return (purpose, channel) == ("marketing", "email") and customer in self.customers


def test_consent_is_asked_when_a_message_is_sent_not_when_it_was_written(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.hub.shop.letters import kinds as of_kinds
    from sync.hub.shop.letters.kinds import Kind

    kinds = {**of_kinds.kinds(), "order-ready": Kind(purpose="marketing")}
    monkeypatch.setattr(outbox, "kinds", lambda: kinds)
    agreed = Agreed()
    agreed.customers = {"c1", "c2"}
    for customer in ("c1", "c2", ""):
        rig.put(f"offer/{customer}", customer=customer)
    agreed.customers = {"c1"}
    fake = Fake()
    rig.run(rig.post(fake, agreed))
    assert [letter.key for letter in fake.letters] == ["demo/offer/c1"]
    assert sorted(rig.states()) == [("given_up", "consent"), ("given_up", "consent"), ("sent", "")]
    assert rig.told() == []


def test_what_does_not_hold_any_more_is_taken_back(rig: Rig) -> None:
    rig.put("ready")
    rig.put("late", until_ms=rig.clock.wall_ms() + HOUR)
    assert transact(rig.engine, outbox.withdraw, "demo", "ready", rig.clock.wall_ms())
    rig.clock.ms += HOUR
    fake = Fake()
    rig.run(rig.post(fake))
    assert fake.letters == []
    assert rig.states() == [("given_up", "late"), ("given_up", "withdrawn")]
    assert not transact(rig.engine, outbox.withdraw, "demo", "late", rig.clock.wall_ms())


def test_a_message_that_cannot_be_written_is_given_up_and_stops_no_other(rig: Rig) -> None:
    rig.put("1-bad", fields={"order": "W", "code": "x", "deadline_ms": "soon"})
    rig.put("2-good")
    fake = Fake()
    rig.run(rig.post(fake))
    assert [letter.key for letter in fake.letters] == ["demo/2-good"]
    assert rig.states() == [("given_up", "unwritable"), ("sent", "")]


def test_a_channel_that_nobody_set_up_waits_and_is_given_up_in_the_end(rig: Rig) -> None:
    rig.put(channel="sms")
    post = rig.post(Fake())
    rig.run(post)
    assert rig.states() == [("waiting", "no-channel")]
    rig.clock.ms += 48 * HOUR
    rig.run(post)
    assert rig.states() == [("given_up", "late")]


def everything(rig: Rig, tmp_path: Path) -> bytes:
    """All bytes of the database: its files, or every row of every table as text."""
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    with rig.engine.connect() as connection:
        rows = [
            repr([bytes(value) if isinstance(value, (bytes, memoryview)) else value for value in row])
            for name in sa.inspect(connection).get_table_names()
            for row in connection.execute(sa.text(f"select * from {name}"))
        ]
    return files + "\n".join(rows).encode()


def test_the_database_never_shows_an_address_or_what_was_written(rig: Rig, tmp_path: Path) -> None:
    rig.put(fields={"order": "W-17", "code": "GEHEIM-7K4", "deadline_ms": 1})
    held = everything(rig, tmp_path)
    assert b"order/17/ready" in held
    for secret in (ADDRESS, "mustermann", "GEHEIM"):
        assert secret.encode() not in held


@pytest.mark.parametrize("by", ["customer", "address"])
def test_erasure_stops_what_waits_and_empties_what_was_sent(rig: Rig, by: str) -> None:
    rig.put("sent", customer="c1")
    post = rig.post(fake := Fake())
    rig.run(post)
    rig.put("waits", customer="c1")
    rig.put("other", customer="c2", to="other@example.com")
    if by == "customer":
        count = transact(rig.engine, outbox.erase_customer, "c1", rig.clock.wall_ms())
    else:
        count = transact(
            rig.engine, outbox.erase_address, f" {ADDRESS.upper()}", rig.seals, rig.clock.wall_ms()
        )
    assert count == 2
    rig.run(post)
    assert [letter.key for letter in fake.letters] == ["demo/sent", "demo/other"]
    rows = {row.key: row for row in rig.rows()}
    for key in ("sent", "waits"):
        assert (rows[key].sealed, rows[key].address_mark, rows[key].customer) == (b"", b"", "")
    assert (rows["waits"].state, rows["waits"].reason) == ("given_up", "erased")
    assert rows["other"].sealed
    assert rig.told() == []


class LostKey(HubSeals):
    """The customer's key was destroyed."""

    def open(self, connection: Connection, customer: str, sealed: bytes) -> bytes | None:
        return None if customer == "c1" else super().open(connection, customer, sealed)


def test_what_was_sealed_with_a_key_that_was_destroyed_is_never_sent(rig: Rig) -> None:
    rig.seals = LostKey(bytes(32), Ids())
    rig.put(customer="c1")
    fake = Fake()
    rig.run(rig.post(fake))
    assert fake.letters == []
    assert rig.states() == [("given_up", "erased")]


def test_address_and_content_go_after_their_time_and_the_row_much_later(rig: Rig) -> None:
    rig.put("done")
    post = rig.post(Fake())
    rig.run(post)
    rig.put("waits", channel="sms", until_ms=rig.clock.wall_ms() + 900 * DAY)
    rig.clock.ms += 14 * DAY - 1
    assert transact(rig.engine, outbox.forget, rig.clock.wall_ms(), 14 * DAY) == 0
    rig.clock.ms += 1
    rig.run(post)  # it does so by itself
    rows = {row.key: row for row in rig.rows()}
    assert rows["done"].sealed == rows["done"].address_mark == b""
    assert rows["waits"].sealed
    rig.clock.ms += 400 * DAY
    rig.run(post)
    assert [row.key for row in rig.rows()] == ["waits"]


def test_through_a_real_mail_server_that_fails_in_between_each_message_arrives_once(rig: Rig) -> None:
    worker = ThreadWorker("test-mail")
    box = Box()
    box.rcpt = ["450 4.2.1 later", "421 4.3.2 going down"]
    box.data = ["451 4.3.0 later"]
    for n in range(6):
        rig.put(f"order/{n}", to=f"k{n}@example.com")
    rig.put("order/bad", to="no address")

    async def day() -> None:
        async with mail_server(box) as port:
            post = rig.post(Mail(server_at(port), worker, rig.clock))
            for _ in range(8):
                while await post.turn():
                    pass
                rig.clock.ms += MINUTE

    try:
        asyncio.run(day())
    finally:
        worker.close()
    assert sorted(box.to) == [f"k{n}@example.com" for n in range(6)]
    assert sorted(set(rig.states())) == [("refused", "address"), ("sent", "")]


def test_the_task_runs_sends_at_a_kick_and_finishes_a_letter_that_is_on_its_way(rig: Rig) -> None:
    class Slow(Fake):
        begun = asyncio.Event()

        async def send(self, letter: Letter) -> Outcome:
            self.begun.set()
            await asyncio.sleep(0.05)
            return await super().send(letter)

    async def scenario() -> Sequence[str]:
        fake = Slow()
        Slow.begun = asyncio.Event()
        post = rig.post(fake)
        task = asyncio.create_task(post.run())
        await asyncio.sleep(0)
        rig.put()
        post.kick()
        await asyncio.wait_for(fake.begun.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [letter.key for letter in fake.letters]

    assert asyncio.run(scenario()) == ["demo/order/17/ready"]
    assert rig.states() == [("sent", "")]


def test_addresses_are_found_whatever_their_case(new_url: Callable[[str], str]) -> None:
    seals = HubSeals(bytes(32), Ids())
    assert seals.mark("A@example.com ") == seals.mark("a@example.com")
    assert seals.mark("a@example.com") != HubSeals(bytes([1] * 32), Ids()).mark("a@example.com")
