"""The till's line knows whether somebody works at the till, and who the till is by now."""

import asyncio
from pathlib import Path

from pos.domain.commands import HubReported
from pos.domain.events import CodeRefused, DeviceChanged, Event, HubChanged
from pos.hub_line import AT_WORK_MS, HubLine
from pos.storage_ports import Head
from sync.identity import Identity, Node, identity_file, save_identity
from tests.contract.hub_kit import Clock


def a_line(clock: Clock, folder: Path) -> HubLine:
    def nobody(_identity: object) -> None:
        raise AssertionError("there is no identity")

    return HubLine(
        folder, "", lambda: Head("demo", "1", 1, 1, b""), nobody, lambda _command: None, clock  # type: ignore[arg-type]
    )  # fmt: skip


def test_only_what_a_person_does_is_work_and_its_effect_ends(tmp_path: Path) -> None:
    clock = Clock()
    line = a_line(clock, tmp_path)
    news: list[Event] = [HubChanged(True, 3, ""), DeviceChanged("printer", "ready", "")]
    line.heard(news)
    line.heard([])
    assert not line.at_work()
    line.heard([*news, CodeRefused("4711", "broken")])
    clock.ms += AT_WORK_MS - 1
    assert line.at_work()
    line.heard(news)
    clock.ms += 1
    assert not line.at_work()


def test_an_ending_till_is_at_work_no_more(tmp_path: Path) -> None:
    line = a_line(Clock(), tmp_path)
    line.heard([CodeRefused("4711", "broken")])
    line.hurry()
    assert not line.at_work()


class Client:
    """Stands for the lines of one identity."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.public_url = ""
        self.runs = 0

    async def load(self) -> None:
        pass

    async def run(self) -> None:
        self.runs += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.runs -= 1


def test_a_till_that_runs_takes_its_new_key_by_itself_and_drops_what_was_said_of_the_old_one(
    tmp_path: Path,
) -> None:
    path = identity_file(tmp_path)
    nodes = (Node("http://relay", "relay", "relay", bytes(32)), Node("http://hub", "hub", "hub", bytes(32)))
    first = Identity("demo", "1", "till", b"1" * 32, nodes)
    made: list[Client] = []
    told: list[HubReported] = []

    def make(identity: Identity) -> Client:
        made.append(Client(identity))
        return made[-1]

    async def scenario() -> None:
        looked = asyncio.Semaphore(0)

        async def sleep(_seconds: float) -> None:
            await looked.acquire()

        async def look() -> None:
            looked.release()
            for _ in range(20):
                await asyncio.sleep(0)

        line = HubLine(
            tmp_path, "", lambda: Head("demo", "1", 1, 1, b""), make, told.append, Clock(), sleep=sleep  # type: ignore[arg-type]
        )  # fmt: skip
        save_identity(path, first)
        await line.load()
        running = asyncio.ensure_future(line.run())
        await look()
        save_identity(path, first)  # the same once more
        await look()
        path.write_text("half a file")
        await look()
        save_identity(path, Identity("demo", "2", "till", b"2" * 32, nodes))  # another till's
        await look()
        assert [client.runs for client in made] == [1]
        assert told == []
        save_identity(path, Identity("demo", "1", "till", b"2" * 32, nodes[1:]))
        await look()
        await look()
        assert [(client.runs, client.identity.seed) for client in made] == [(0, b"1" * 32), (1, b"2" * 32)]
        assert [(report.node, report.online, report.problem) for report in told] == [
            ("relay", False, ""),
            ("hub", False, ""),
        ]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert made[-1].runs == 0

    asyncio.run(scenario())
