"""A scanner on a serial line, real or USB-CDC: bytes in, Scan commands out, in one step."""

import asyncio
from collections.abc import Callable

from drivers.scanner.address import Address, AddressError, hex_bytes, one_of, whole_number
from drivers.scanner.framing import FrameReader
from drivers.supervisor import Health
from drivers.transports import SerialPort

__all__ = ["INTER_BYTE_TIMEOUT_S", "SerialScanner"]

INTER_BYTE_TIMEOUT_S = 0.2
_BAUDS = frozenset({1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200})


class SerialScanner:
    """`serial:/dev/ttyACM0?baud=9600&bits=8&parity=N&stop=1&prefix=02&suffix=0D`."""

    def __init__(self, address: Address, deliver: Callable[[str], None]) -> None:
        options = address.options
        baud = whole_number(options, "baud", 9600)
        if baud not in _BAUDS:
            raise AddressError(f"scanner option baud={baud}: it must be one of {sorted(_BAUDS)}")
        parity = one_of(options, "parity", ("N", "E", "O"), "N")
        self._port = SerialPort(
            address.place,
            baud=baud,
            bits=int(one_of(options, "bits", ("7", "8"), "8")),
            parity=parity,
            stop_bits=int(one_of(options, "stop", ("1", "2"), "1")),
        )
        self._prefix = hex_bytes(options, "prefix")
        self._suffix = hex_bytes(options, "suffix")
        self._deliver = deliver

    async def open(self) -> str:
        self._port.open()
        return self._port.path

    async def serve(self, health: Health) -> None:
        loop = asyncio.get_running_loop()
        frames = FrameReader(self._prefix, self._suffix)
        silence: asyncio.TimerHandle | None = None

        def note_losses(before: int) -> None:
            if frames.dropped > before:
                health.note("a code arrived damaged and was dropped; scan it again")

        def expire() -> None:
            before = frames.dropped
            frames.expire()
            note_losses(before)

        def on_data(data: bytes) -> None:
            nonlocal silence
            if silence is not None:
                silence.cancel()
                silence = None
            before = frames.dropped
            for code in frames.feed(data):
                self._deliver(code)
            health.seen()
            note_losses(before)
            if frames.partial:
                # A timer and no comparison of times: when the loop was late, bytes that are already
                # there are read before the timer may say that there were none.
                silence = loop.call_later(INTER_BYTE_TIMEOUT_S, expire)

        try:
            await self._port.receive(on_data)
        finally:
            if silence is not None:
                silence.cancel()

    def close(self) -> None:
        self._port.close()
