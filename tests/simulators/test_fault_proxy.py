"""The failing line fails as it says: each fault, seen from both ends, with the same faults for the same seed."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.simulators.fault_proxy import FATES, Weather, plan, running_proxy

SILENCE_S = 0.15


class Echo:
    """Answers each line with itself, in capitals, and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # closed before
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError), line, line.makefile("rb") as lines:
            for asked in lines:
                self.heard.append(asked)
                line.sendall(asked.upper())


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


def connect(url: str) -> socket.socket:
    port = int(url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def ask(line: socket.socket, text: bytes) -> bytes:
    """b"" when the line ended, TimeoutError when nothing came."""
    line.sendall(text)
    answer = b""
    while not answer.endswith(b"\n"):
        part = line.recv(100)
        if not part:
            return answer
        answer += part
    return answer


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def silent(line: socket.socket) -> bool:
    line.settimeout(SILENCE_S)
    try:
        line.recv(1)
    except TimeoutError:
        return True
    else:
        return False
    finally:
        line.settimeout(5)


def test_a_calm_line_passes_everything_both_ways(echo: Echo) -> None:
    with running_proxy(echo.address) as proxy, connect(proxy.url) as line:
        assert ask(line, b"one\n") == b"ONE\n"
        assert ask(line, b"x" * 50_000 + b"\n") == b"X" * 50_000 + b"\n"
        assert proxy.counts == {"connections": 1}
        assert proxy.faults == 0


def test_a_lost_answer_is_one_that_the_server_gave(echo: Echo) -> None:
    with running_proxy(echo.address) as proxy:
        proxy.set(Weather(answer_lost=1, after=(1, 1)))
        with connect(proxy.url) as line:
            assert ask(line, b"hello\n") == b"HELLO\n"
            with pytest.raises(ConnectionResetError):
                ask(line, b"facts\n")
        assert echo.heard == [b"hello\n", b"facts\n"]
        assert proxy.counts["answer_lost"] == 1


def test_a_fate_can_wait_for_one_kind_of_request(echo: Echo) -> None:
    with running_proxy(echo.address) as proxy:
        proxy.set(Weather(answer_lost=1, after=(0, 0), only="POST"))
        with connect(proxy.url) as line:
            assert ask(line, b"GET 1\n") == b"GET 1\n"
            assert ask(line, b"GET 2\n") == b"GET 2\n"
            with pytest.raises(ConnectionResetError):
                ask(line, b"POST 3\n")
        assert echo.heard[-1] == b"POST 3\n"


def test_a_reset_cuts_in_the_middle_of_what_is_asked(echo: Echo) -> None:
    with running_proxy(echo.address, seed=3) as proxy:
        proxy.set(Weather(reset=1, after=(0, 0)))
        with connect(proxy.url) as line, pytest.raises(OSError, match=r"reset|pipe"):
            ask(line, b"y" * 20_000 + b"\n")
        assert not echo.heard
        assert proxy.counts["reset"] == 1


def test_a_half_open_line_takes_everything_and_gives_nothing(echo: Echo) -> None:
    with running_proxy(echo.address) as proxy:
        proxy.set(Weather(half_open=1, after=(0, 0)))
        with connect(proxy.url) as line:
            line.sendall(b"anyone\n")
            until(lambda: echo.heard == [b"anyone\n"])
            assert silent(line)
            assert proxy.counts["half_open"] == 1


def test_a_black_hole_lets_nothing_arrive(echo: Echo) -> None:
    with running_proxy(echo.address) as proxy:
        proxy.set(Weather(black_hole=1))
        with connect(proxy.url) as line:
            line.sendall(b"anyone\n")
            assert silent(line)
        assert not echo.heard
        assert proxy.counts["black_hole"] == 1


def test_a_slow_line_gives_one_byte_at_a_time(echo: Echo) -> None:
    with running_proxy(echo.address) as proxy:
        proxy.set(Weather(slow=1, after=(0, 0)))
        with connect(proxy.url) as line:
            line.sendall(b"slowly\n")
            assert line.recv(100) == b"S"
            proxy.set(Weather())
            answer = b"S"
            while not answer.endswith(b"\n"):
                answer += line.recv(100)
            assert answer == b"SLOWLY\n"


@pytest.mark.parametrize("way", ["in", "out", "both"])
def test_a_partition_holds_its_direction_up_until_it_heals(echo: Echo, way: str) -> None:
    with running_proxy(echo.address) as proxy, connect(proxy.url) as line:
        assert ask(line, b"before\n") == b"BEFORE\n"
        proxy.set(Weather(partition=way))  # type: ignore[arg-type]
        line.sendall(b"during\n")
        assert silent(line)
        assert (b"during\n" in echo.heard) == (way == "in")
        proxy.set(Weather())
        assert line.recv(100) == b"DURING\n"
        assert proxy.counts["partition"] == 1


def test_a_refused_line_breaks_what_stands_and_comes_back_on_the_same_port(echo: Echo) -> None:
    with running_proxy(echo.address) as proxy:
        with connect(proxy.url) as line:
            assert ask(line, b"a\n") == b"A\n"
            proxy.set(Weather(refuse=True))
            with pytest.raises(ConnectionResetError):
                line.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(proxy.url)
        proxy.set(Weather())
        with connect(proxy.url) as line:
            assert ask(line, b"b\n") == b"B\n"
        assert proxy.counts["refuse"] == 1


def test_a_dead_server_is_a_dead_line(echo: Echo) -> None:
    echo.close()
    with running_proxy(echo.address) as proxy:
        with contextlib.suppress(ConnectionResetError), connect(proxy.url) as line:
            assert ask(line, b"a\n") == b""
        assert proxy.counts["target away"] == 1


def test_the_same_seed_gives_each_connection_the_same_fate(echo: Echo) -> None:
    def fates(seed: int) -> list[str]:
        ends = []
        with running_proxy(echo.address, seed=seed) as proxy:
            proxy.set(Weather(reset=0.3, answer_lost=0.5, after=(0, 3)))
            for _ in range(12):
                with connect(proxy.url) as line:
                    passed = 0
                    with contextlib.suppress(OSError):
                        while passed < 5 and ask(line, b"z" * 1_500 + b"\n"):
                            passed += 1
                    ends.append(f"{passed}")
            return [*ends, str(sorted(proxy.counts.items()))]

    assert fates(5) == fates(5)
    assert fates(5) != fates(6)


def test_a_plan_knows_every_fault_and_follows_from_its_seed() -> None:
    def first(seed: int) -> list[tuple[float, Weather]]:
        spells = plan(seed)
        return [next(spells) for _ in range(300)]

    assert first(1) == first(1)
    assert first(1) != first(2)
    kinds = {fate for _, weather in first(1) for fate in FATES if getattr(weather, fate)}
    assert kinds == set(FATES)
    assert {weather.partition for _, weather in first(1)} == {"", "in", "out", "both"}
    assert any(weather.refuse for _, weather in first(1))


def test_as_a_process_it_is_switched_by_its_control_port(echo: Echo) -> None:
    target = echo.address.removeprefix("http://")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.fault_proxy", "--to", target, "--control", "0"],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        with connect(f":{ports['control']}") as control, control.makefile("rwb") as orders:

            def order(**wanted: object) -> dict[str, object]:
                orders.write(json.dumps(wanted).encode() + b"\n")
                orders.flush()
                answer: dict[str, object] = json.loads(orders.readline())
                return answer

            with connect(f":{ports['port']}") as line:
                assert ask(line, b"a\n") == b"A\n"
            assert "error" in order(whether=1)
            assert order(weather={"refuse": True})["counts"] == {"connections": 1, "refuse": 1}
            with pytest.raises(ConnectionRefusedError):
                connect(f":{ports['port']}")
            stormy = order(follow=3)["weather"]
            until(lambda: order()["weather"] != stormy)
    finally:
        process.kill()
        process.communicate()
