"""Scales on real ptys, against simulators that refuse what the manual does not give."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from drivers.scale_line import BOUND_S, LiveScale, PortAddressError, read_scale_address
from pos.device_ports import ScaleRefusedError
from pos.domain.commands import Command, DeviceReported
from pos.domain.weight import Weight
from pos.system import SystemClock
from tests.simulators.scale import Dialog06Scale, ScaleServer, Toledo8217Scale

PROTOCOLS = ["dialog06", "8217"]
WEIGHT = {"dialog06": Weight(Decimal("0.842"), 210), "8217": Weight(Decimal("0.842"), None)}


class Rig:
    def __init__(self, link: Path, protocol: str) -> None:
        self.news: list[DeviceReported] = []
        self.sim: Any = Dialog06Scale() if protocol == "dialog06" else Toledo8217Scale()
        self.sim.grams = 842
        self.server = ScaleServer(self.sim, link)
        self.scale = LiveScale(f"serial:{link}", protocol, self._hear, SystemClock())

    def _hear(self, command: Command) -> None:
        assert isinstance(command, DeviceReported)
        self.news.append(command)

    @property
    def state(self) -> str:
        return self.news[-1].state if self.news else ""

    async def until(self, done: Callable[[], object], timeout_s: float = 2.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not done():  # noqa: ASYNC110 - the scale lives in a thread
                await asyncio.sleep(0.002)

    async def refusal(self) -> str:
        with pytest.raises(ScaleRefusedError) as caught:
            await self.scale.weigh("Äpfel", 249)
        return caught.value.code


@contextlib.asynccontextmanager
async def running(tmp_path: Path, protocol: str) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "scale", protocol)
    task = asyncio.create_task(rig.scale.run())
    try:
        await rig.until(lambda: rig.state == "ready")
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        rig.server.close()


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 20))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_lies_on_it_comes_over_the_line(protocol: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with running(tmp_path, protocol) as rig:
            assert await rig.scale.weigh("Äpfel", 249) == WEIGHT[protocol]
            rig.sim.grams = -3
            assert await rig.refusal() == "scale-negative"
            rig.sim.grams = 842
            assert await rig.scale.weigh("Äpfel", 249) == WEIGHT[protocol]
            assert not rig.sim.refused

    run(body())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_pulled_at_any_byte_no_weight_is_made_and_the_next_one_is_right(
    protocol: str, tmp_path: Path
) -> None:
    async def body() -> None:
        async with running(tmp_path, protocol) as rig:
            for count in (1, 9, 26, 27, 31, 50) if protocol == "dialog06" else (1, 2, 5, 9, 11):
                before = len(rig.news)
                rig.server.unplug_after(count)
                try:
                    assert await rig.scale.weigh("Äpfel", 249) == WEIGHT[protocol]
                except ScaleRefusedError as error:
                    assert error.code == "scale-absent"  # noqa: PT017 - a line that broke behind the last byte is no fault
                await rig.until(lambda: any(news.state == "absent" for news in rig.news[before:]))  # noqa: B023
                assert await rig.refusal() == "scale-absent"
                rig.sim._held.clear()
                rig.server.plug()
                await rig.until(lambda: rig.state == "ready")
                assert await rig.scale.weigh("Äpfel", 249) == WEIGHT[protocol]

    run(body())


def test_noise_between_the_answers_is_passed_over(tmp_path: Path) -> None:
    async def body() -> None:
        noise = random.Random(3)
        async with running(tmp_path, "dialog06") as rig:
            for _ in range(30):
                rig.server.send(
                    bytes(noise.choice(b"abc\x00\x7f\x1b\x03") for _ in range(noise.randrange(60)))
                )
                assert await rig.scale.weigh("Äpfel", 249) == WEIGHT["dialog06"]

    run(body())


def test_a_silent_scale_is_given_up_within_the_bound_and_one_question_holds_up_no_other(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        async with running(tmp_path, "dialog06") as rig:
            rig.sim.silent = True
            assert await asyncio.wait_for(rig.refusal(), BOUND_S) == "scale-silent"
            given_up = asyncio.create_task(rig.scale.weigh("Äpfel", 249))
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            rig.sim.silent = False
            assert await rig.scale.weigh("Äpfel", 249) == WEIGHT["dialog06"]

    run(body())


@pytest.mark.parametrize(
    ("address", "protocol"),
    [
        ("tcp:/dev/x", "dialog06"),
        ("serial:/dev/x?generator=zz", "dialog06"),
        ("serial:/dev/x?generator=1021", "dialog06"),
        ("serial:/dev/x?text=maybe", "dialog06"),
        ("serial:/dev/x?text=0", "8217"),
        ("serial:/dev/x?baud=12", "8217"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(address: str, protocol: str) -> None:
    with pytest.raises(PortAddressError, match=r"it must be|no option"):
        read_scale_address(address, protocol)
