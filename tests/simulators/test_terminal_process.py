"""The terminal as a process: words at its control port, a cable that is pulled, a memory that lasts."""

import asyncio
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from tests.simulators.terminal.desk import Look
from tests.simulators.terminal.panel import drawn
from tests.simulators.terminal.till import REGISTER, ScriptedTill
from tests.simulators.test_terminal_serial import Ends

ROOT = Path(__file__).parents[2]
PAY = "06010A04000000001250490978"
REPEAT = "0620050000000303"


class Process:
    def __init__(self, state: Path, *options: str) -> None:
        self.tills: list[ScriptedTill] = []
        self._command = [
            *(sys.executable, "-m", "tests.simulators.terminal", "--listen", "127.0.0.1:0"),
            *("--state", str(state), "--card-seconds", "0.01", *options),
        ]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        place, control = self.process.stdout.readline().split(", ")
        self.port, self.control = int(place.rpartition(":")[2]), int(control.split()[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    async def till(self) -> ScriptedTill:
        till = ScriptedTill(Ends(*await asyncio.open_connection("127.0.0.1", self.port)))
        self.tills.append(till)
        await till.run(REGISTER)
        return till

    async def hang_up(self) -> None:
        for till in self.tills:
            till.link.cut()
        self.tills.clear()
        await asyncio.sleep(0)

    async def until(self, text: str) -> None:
        """Until the screen says so."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control)
        while text not in msgspec.json.decode(await reader.readline(), type=Look).screen:
            pass
        writer.close()
        await writer.wait_closed()

    async def say(self, word: str) -> Look:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control)
        before = look = msgspec.json.decode(await reader.readline(), type=Look)
        writer.write(f"{word}\n".encode())
        while look.words == before.words:  # others are told of what changed meanwhile
            look = msgspec.json.decode(await reader.readline(), type=Look)
        writer.close()
        await writer.wait_closed()
        return look


def test_a_payment_is_approved_or_declined_by_a_word_and_outlives_a_kill(tmp_path: Path) -> None:
    async def first(process: Process) -> list[str]:
        till = await process.till()
        paying = asyncio.ensure_future(till.run(PAY))
        await process.until("Karte")
        await process.say("decline")
        assert any(message.startswith("040F") and "2705" in message for message in await paying)
        await process.say("manual")
        heard = await till.run(PAY)
        look = await process.say("")
        assert (look.charged, look.count, look.connected) == (1250, 1, True)
        assert "1 charges, 12.50 EUR" in drawn(look)
        await process.hang_up()
        return heard

    async def again(process: Process, status: str) -> None:
        till = await process.till()
        assert status in await till.run(REPEAT)
        look = await process.say("plug")
        assert await till.next(5) is None
        assert not look.connected
        assert (await process.say("plug")).on
        till = await process.till()
        assert not (await process.say("power")).on
        assert await till.next(5) is None
        await process.say("power")
        assert status in await (await process.till()).run(REPEAT)
        await process.hang_up()

    state = tmp_path / "terminal.json"
    with Process(state, "--manual") as process:
        heard = asyncio.run(first(process))
        process.process.kill()
    (status,) = [message for message in heard if message.startswith("040F")]
    with Process(state) as process:
        asyncio.run(again(process, status))
