"""The bytes to and from a card terminal: a serial line or a TCP connection, alike to what stands above."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Protocol

from drivers.card.addresses import CardAddress
from drivers.supervisor import DeviceAbsentError, DeviceFaultError
from drivers.transports import SerialPort

__all__ = ["OpenStream", "SerialStream", "Stream", "TcpStream", "stream_to"]

CONNECT_S: Final = 3.0
_READ_BYTES: Final = 4096


class Stream(Protocol):
    """A way for bytes. Errors are DeviceAbsentError and DeviceFaultError, their texts codes for the cashier."""

    async def open(self) -> None: ...

    async def receive(self, on_data: Callable[[bytes], None]) -> None:
        """Give all that comes to `on_data`, until the way ends, which is said by DeviceAbsentError.

        It is bound to no name here: who takes a picture of a task that waits must not find a card's number in it.
        """
        ...

    async def write(self, data: bytes, timeout_s: float) -> None:
        """Hand over all of `data`; TimeoutError after `timeout_s`."""
        ...

    def close(self) -> None: ...


OpenStream = Callable[[CardAddress], Stream]
"""Makes the stream of an address, not yet opened."""


def stream_to(address: CardAddress) -> Stream:
    return SerialStream(address) if address.kind == "serial" else TcpStream(address.place, address.port)


class SerialStream:
    """A serial line; USB terminals are one too."""

    def __init__(self, address: CardAddress) -> None:
        line = address.line
        self._port = SerialPort(
            address.place, baud=line.baud, bits=line.bits, parity=line.parity, stop_bits=line.stop
        )

    async def open(self) -> None:
        self._port.open()

    async def receive(self, on_data: Callable[[bytes], None]) -> None:
        await self._port.receive(on_data)

    async def write(self, data: bytes, timeout_s: float) -> None:
        await self._port.write(data, timeout_s)

    def close(self) -> None:
        self._port.close()


class TcpStream:
    """A connection that the till opens. "refused": nobody listens there, or the terminal serves somebody else."""

    def __init__(self, host: str, port: int) -> None:
        self._peer = (host, port)
        self._socket: socket.socket | None = None

    async def open(self) -> None:
        line = socket.socket(socket.AF_INET6 if ":" in self._peer[0] else socket.AF_INET, socket.SOCK_STREAM)
        line.setblocking(False)
        self._socket = line
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(line, self._peer)
        except ConnectionRefusedError as error:
            self.close()
            raise DeviceAbsentError("card-refused") from error
        except socket.gaierror as error:
            self.close()
            raise DeviceFaultError("card-unknown-host") from error
        except (OSError, TimeoutError) as error:
            self.close()
            raise DeviceAbsentError("unreachable") from error

    async def receive(self, on_data: Callable[[bytes], None]) -> None:
        while True:
            on_data(await self._some())

    async def _some(self) -> bytes:
        assert self._socket is not None, "open comes first"
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, _READ_BYTES)
        except OSError as error:
            raise DeviceAbsentError("unreachable") from error
        if not data:
            raise DeviceAbsentError("card-closed")
        return data

    async def write(self, data: bytes, timeout_s: float) -> None:
        if self._socket is None:
            raise DeviceAbsentError("unreachable")
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except TimeoutError:
            raise
        except OSError as error:
            raise DeviceAbsentError("unreachable") from error

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
