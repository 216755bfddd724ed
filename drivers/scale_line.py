"""A scale at the till: carries the conversations of `drivers.scale` over a serial line, one at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from drivers.addresses import LineSettings, PortAddress, PortAddressError, read_address
from drivers.scale import ScaleTrouble, Trouble, Weighing, dialog06, fingerprint, toledo8217
from drivers.scale.frames import FrameReader
from drivers.scale.values import Conversation
from drivers.supervisor import Health, Supervisor, presence
from drivers.transports import SerialPort
from pos.device_ports import ScaleRefusedError
from pos.domain.weight import Weight
from pos.ports import Clock, Submit

__all__ = ["LiveScale", "PortAddressError", "read_scale_address"]

ANSWER_S: Final = 0.5
BOUND_S: Final = 5.0
_WRITE_S: Final = 0.5
_LINES: Final = {"dialog06": LineSettings(9600, 7, "O"), "8217": LineSettings(9600, 7, "E")}
_END: Final = {"dialog06": dialog06.END, "8217": toledo8217.END}


def read_scale_address(address: str, protocol: str) -> PortAddress:
    """Raises PortAddressError."""
    options = ("generator", "text") if protocol == "dialog06" else ()
    where = read_address(address, ("serial",), _LINES[protocol], options)
    try:
        dialog06.prover_of(where.options.get("generator", ""), "0000")
    except ValueError:
        raise PortAddressError(f"{address!r}: generator: it must be five hexadecimal digits") from None
    if where.options.get("text", "1") not in ("0", "1"):
        raise PortAddressError(f"{address!r}: text: it must be 0 or 1")
    return where


class LiveScale:
    """ports.Scale on `serial:/dev/ttyUSB2?baud=9600&bits=7&parity=O`. `run()` is its task.

    For dialog06, `text=0` leaves the article's text out, and `generator` is what its maker gave for the checksums.
    Raises PortAddressError. News come as DeviceReported("scale", ...).
    """

    def __init__(
        self,
        address: str,
        protocol: str,
        submit: Submit,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        where = read_scale_address(address, protocol)
        line = where.line
        self._protocol = protocol
        self._with_text = where.options.get("text", "1") == "1"
        generator = where.options.get("generator", "")
        self._prover = dialog06.prover_of(generator, fingerprint()) if generator else None
        port = SerialPort(where.path, baud=line.baud, bits=line.bits, parity=line.parity, stop_bits=line.stop)
        self._talk = _Talk(port, _END[protocol], sleep)
        self._supervisor = Supervisor(
            "scale", self._talk, submit, clock, trace=partial(presence, where.path), sleep=sleep
        )

    async def run(self) -> None:
        await self._supervisor.run()

    async def weigh(self, text: str, unit_price_minor: int, tare_g: int = 0) -> Weight:
        """What lies on the scale, at rest. Raises ScaleRefusedError, after BOUND_S at the latest."""
        if self._protocol == "dialog06":
            said = text if self._with_text else ""
            conversation = dialog06.conversation(unit_price_minor, said, tare_g, self._prover)
        else:
            conversation = toledo8217.conversation()
        try:
            async with asyncio.timeout(BOUND_S):
                found = await self._talk.hold(conversation)
        except ScaleTrouble as trouble:
            raise ScaleRefusedError(f"scale-{trouble.trouble}") from None
        except TimeoutError:
            raise ScaleRefusedError(f"scale-{Trouble.SILENT}") from None
        return Weight(found.kilograms, int(found.amount) if found.amount else None)


class _Talk:
    """The supervised device, and the one conversation that is held over it."""

    def __init__(self, port: SerialPort, end: int, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._port = port
        self._end = end
        self._sleep = sleep
        self._one = asyncio.Lock()
        self._answer: asyncio.Future[bytes] | None = None
        self._open = False

    async def open(self) -> str:
        self._port.open()
        return self._port.path

    async def serve(self, health: Health) -> None:
        frames = FrameReader(self._end)

        def on_data(data: bytes) -> None:
            health.seen()
            for frame in frames.feed(data):
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(frame)  # a frame that nobody waits for is nobody's

        self._open = True
        await self._port.receive(on_data)

    def close(self) -> None:
        self._open = False
        if self._answer is not None and not self._answer.done():
            self._answer.cancel()
        self._port.close()

    async def hold(self, conversation: Conversation) -> Weighing:
        """Raises ScaleTrouble, TimeoutError, ScaleRefusedError."""
        async with self._one:
            answer: bytes | None = None
            try:
                step = next(conversation)
                while True:
                    if step.wait_s:
                        await self._sleep(step.wait_s)
                    answer = await self._exchange(step.send, listen=step.listen)
                    step = conversation.send(answer)
            except StopIteration as end:
                weighing: Weighing = end.value
                return weighing

    async def _exchange(self, data: bytes, *, listen: bool) -> bytes | None:
        if not self._open:
            raise ScaleRefusedError("scale-absent")
        self._answer = asyncio.get_running_loop().create_future() if listen else None
        try:
            if data:
                await self._port.write(data, _WRITE_S)
            if self._answer is None:
                return None
            await asyncio.wait({self._answer}, timeout=ANSWER_S)
            if self._answer.cancelled():
                raise ScaleRefusedError("scale-absent")
            return self._answer.result() if self._answer.done() else None
        except Exception as error:
            if isinstance(error, ScaleRefusedError | TimeoutError):
                raise
            raise ScaleRefusedError("scale-absent") from error
        finally:
            self._answer = None
