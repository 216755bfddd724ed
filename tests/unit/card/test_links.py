"""Messages over a serial line and over TCP: timers, repeats, duplicates and whatever else comes over a cable."""

import asyncio
import os
import pty
import tty
from collections.abc import Awaitable, Callable

import pytest

from drivers.card.addresses import CardAddress, PortAddressError, read_card_address
from drivers.card.link import Down, SerialLink, TcpLink
from drivers.card.streams import SerialStream, TcpStream
from drivers.card.zvt.apdu import Apdu
from drivers.card.zvt.serial import frame
from drivers.supervisor import DeviceAbsentError, DeviceFaultError
from tests.simulation.virtual import run_virtual
from tests.unit.card.lines import ScriptedStream, hexed

ACK, NAK = b"\x06", b"\x15"
ORDER = Apdu(0x0601, hexed("04000000001000490978"))
YES = Apdu(0x8000)


def on_serial(play: Callable[[SerialLink, ScriptedStream], Awaitable[None]]) -> ScriptedStream:
    stream = ScriptedStream()

    async def main(_loop: object) -> None:
        link = SerialLink(stream)
        await link.open()
        try:
            await play(link, stream)
        finally:
            link.close()

    run_virtual(main)
    return stream


def now() -> float:
    return asyncio.get_running_loop().time()


# -- serial


def test_a_frame_goes_out_and_its_acknowledgement_ends_the_sending() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.on_write = lambda _data: stream.say(ACK)
        await link.send(ORDER)

    stream = on_serial(play)
    assert stream.bytes_sent == [hexed("100206010A0400000000101000490978 1003") + frame(ORDER)[-2:]]


def test_silence_for_t2_repeats_twice_and_no_more() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        with pytest.raises(DeviceAbsentError, match="card-silent"):
            await link.send(ORDER)
        assert now() == pytest.approx(15.0)

    stream = on_serial(play)
    assert [at for at, _ in stream.sent] == pytest.approx([0.0, 5.0, 10.0])
    assert {data for _, data in stream.sent} == {frame(ORDER)}


def test_a_refused_frame_is_repeated_at_once() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        replies = [NAK, NAK, ACK]
        stream.on_write = lambda _data: stream.say(replies.pop(0))
        await link.send(ORDER)
        assert now() == 0.0

    assert len(on_serial(play).sent) == 3


def test_three_refusals_are_an_error_of_the_line() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.on_write = lambda _data: stream.say(NAK)
        with pytest.raises(DeviceAbsentError):
            await link.send(ORDER)

    assert len(on_serial(play).sent) == 3


def test_a_message_is_acknowledged_before_anybody_reads_it() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.say(frame(YES))
        for _ in range(5):
            await asyncio.sleep(0)
        assert stream.bytes_sent == [ACK]
        assert link.inbox.get_nowait() == YES

    on_serial(play)


def test_a_frame_that_stops_is_refused_after_200_ms() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        whole = frame(ORDER)
        for part in (whole[:5], whole[5:9]):
            stream.say(part)
            await asyncio.sleep(0.19)
        assert stream.sent == []
        await asyncio.sleep(0.02)
        assert stream.bytes_sent == [NAK]
        assert stream.sent[0][0] == pytest.approx(0.39)
        stream.say(whole)
        assert await link.inbox.get() == ORDER

    on_serial(play)


def test_a_spoilt_frame_is_refused_and_its_repeat_taken() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        spoilt = bytearray(frame(YES))
        spoilt[3] ^= 0x40
        stream.say(bytes(spoilt))
        stream.say(frame(YES))
        assert await link.inbox.get() == YES
        await asyncio.sleep(0)
        assert stream.bytes_sent == [NAK, ACK]
        assert link.inbox.empty()

    on_serial(play)


def test_an_acknowledgement_and_the_answer_in_one_read() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.on_write = lambda data: stream.say(ACK + frame(YES)) if data == frame(ORDER) else None
        await link.send(ORDER)
        assert await link.inbox.get() == YES

    on_serial(play)


def test_a_message_that_comes_again_is_the_same_one_until_it_was_answered() -> None:
    line = Apdu(0x06D1, b"\x00Summe")

    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.say(frame(line))
        stream.say(frame(line))
        await asyncio.sleep(1)
        assert stream.bytes_sent == [ACK, ACK]
        assert link.inbox.qsize() == 1
        stream.on_write = lambda data: stream.say(ACK) if data == frame(YES) else None
        await link.send(YES)
        stream.say(frame(line))
        await asyncio.sleep(1)
        assert link.inbox.qsize() == 2, "after our answer it is a new line with the same words"

    on_serial(play)


def test_the_next_message_acknowledges_what_we_sent() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.on_write = lambda data: stream.say(frame(YES)) if data == frame(ORDER) else None
        await link.send(ORDER)
        assert now() == 0.0
        assert await link.inbox.get() == YES
        stream.say(frame(YES))
        await asyncio.sleep(0.1)
        assert link.inbox.empty(), "it is still not answered: the same one again"

    assert [data for data in on_serial(play).bytes_sent if data != ACK] == [frame(ORDER)]


def test_what_crosses_an_unasked_message_does_not_acknowledge_it() -> None:
    stop = Apdu(0x06B0)

    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.on_write = lambda data: (
            stream.say(frame(Apdu(0x04FF, b"\x0a"))) if data == frame(stop) else None
        )
        with pytest.raises(DeviceAbsentError):
            await link.send(stop, unasked=True)

    assert on_serial(play).bytes_sent.count(frame(stop)) == 3


def test_stray_replies_between_frames_change_nothing() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.say(ACK + NAK + ACK)
        await asyncio.sleep(0.1)
        with pytest.raises(DeviceAbsentError):
            await link.send(ORDER)

    assert len(on_serial(play).sent) == 3


def test_noise_is_told_from_silence() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.on_write = lambda _data: stream.say(b"\xf8\x78\xe0")
        with pytest.raises(DeviceAbsentError, match="card-noise"):
            await link.send(ORDER)

    on_serial(play)


def test_the_end_of_the_line_ends_the_sending_and_is_said_once() -> None:
    async def play(link: SerialLink, stream: ScriptedStream) -> None:
        stream.on_write = lambda _data: stream.hang_up()
        with pytest.raises(DeviceAbsentError, match="card-closed"):
            await link.send(ORDER)
        assert isinstance(await link.inbox.get(), Down)
        assert link.inbox.empty()

    on_serial(play)


def test_over_a_real_pty() -> None:
    async def main() -> None:
        terminal, till = pty.openpty()
        tty.setraw(terminal)
        os.set_blocking(terminal, False)
        stream = SerialStream(read_card_address(f"serial:{os.ttyname(till)}?baud=115200&stop=1"))
        link = SerialLink(stream)
        await link.open()
        heard = asyncio.Event()
        got = bytearray()

        def readable() -> None:
            got.extend(os.read(terminal, 4096))
            if bytes(got).startswith(frame(ORDER)) and not heard.is_set():
                heard.set()
                os.write(terminal, ACK + frame(YES))

        loop = asyncio.get_running_loop()
        loop.add_reader(terminal, readable)
        try:
            async with asyncio.timeout(5):
                await link.send(ORDER)
                assert await link.inbox.get() == YES
                while not bytes(got).endswith(ACK):  # noqa: ASYNC110 - the terminal's end has no event of its own
                    await asyncio.sleep(0)
            assert bytes(got) == frame(ORDER) + ACK
            loop.remove_reader(terminal)
            os.close(terminal)
            async with asyncio.timeout(5):
                assert isinstance(await link.inbox.get(), Down)
        finally:
            link.close()
            os.close(till)

    asyncio.run(main())


# -- TCP


def on_tcp(play: Callable[[TcpLink, ScriptedStream], Awaitable[None]]) -> ScriptedStream:
    stream = ScriptedStream()

    async def main(_loop: object) -> None:
        link = TcpLink(stream)
        await link.open()
        try:
            await play(link, stream)
        finally:
            link.close()

    run_virtual(main)
    return stream


def test_on_tcp_a_message_goes_bare_and_nothing_is_acknowledged_on_the_line() -> None:
    async def play(link: TcpLink, stream: ScriptedStream) -> None:
        await link.send(ORDER)
        for byte in hexed("800000") + hexed("04FF010A"):
            stream.say(bytes((byte,)))
        assert await link.inbox.get() == YES
        assert await link.inbox.get() == Apdu(0x04FF, b"\x0a")

    assert on_tcp(play).bytes_sent == [hexed("06010A04000000001000490978")]


@pytest.mark.parametrize(
    ("banner", "code"),
    [
        (b"VER 1.2.3 YOMANI\r\n", "card-text"),
        (hexed("150369"), "card-other-protocol"),
        (hexed("1503030002"), "card-tls"),
        (frame(YES), "card-serial-frames"),
    ],
)
def test_another_protocol_on_the_port_is_named(banner: bytes, code: str) -> None:
    async def play(link: TcpLink, stream: ScriptedStream) -> None:
        stream.say(banner)
        down = await link.inbox.get()
        assert isinstance(down, Down)
        assert isinstance(down.error, DeviceFaultError)
        assert str(down.error) == code

    on_tcp(play)


def test_over_a_real_socket_and_nobody_there() -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(13) == hexed("06010A04000000001000490978")
            writer.write(hexed("8000"))
            await writer.drain()
            writer.write(hexed("00"))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        link = TcpLink(TcpStream("127.0.0.1", port))
        await link.open()
        async with asyncio.timeout(5):
            await link.send(ORDER)
            assert await link.inbox.get() == YES
            assert isinstance(await link.inbox.get(), Down)
        link.close()
        server.close()
        await server.wait_closed()
        with pytest.raises(DeviceAbsentError, match="card-refused"):
            await TcpLink(TcpStream("127.0.0.1", port)).open()

    asyncio.run(main())


# -- addresses


def test_addresses() -> None:
    tcp = read_card_address("tcp:192.0.2.20")
    assert (tcp.kind, tcp.place, tcp.port) == ("tcp", "192.0.2.20", 20007)
    assert read_card_address("tcp://terminal.shop:22000?charset=iso8859_1&config=3e") == CardAddress(
        "tcp", "terminal.shop", 22000, tcp.line, "3E", "iso8859_1"
    )
    assert read_card_address("tcp:[2001:db8::7]:20008").place == "2001:db8::7"
    serial = read_card_address("serial:/dev/ttyACM0")
    assert (serial.place, serial.line.baud, serial.line.bits, serial.line.parity, serial.line.stop) == (
        "/dev/ttyACM0",
        9600,
        8,
        "N",
        2,
    )
    assert read_card_address("serial:/dev/ttyUSB0?baud=115200&stop=1").line.stop == 1


@pytest.mark.parametrize(
    "text",
    [
        "tcp:",
        "tcp:host:port",
        "tcp:host:0",
        "udp:host",
        "serial:",
        "tcp:host?baud=9600",
        "tcp:host?config=FF",
        "tcp:host?charset=klingon",
        "serial:/dev/ttyS0?baud=300",
    ],
)
def test_an_address_that_is_none_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(PortAddressError, match=r"it must be|no option|charset="):
        read_card_address(text)
