"""A hub's answers over a socket that stays open, as machines and channels ask it."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles
from urllib.parse import urlsplit

__all__ = ["HubSocket", "hub_socket", "p95"]


class HubSocket:
    def __init__(self, url: str, token: str) -> None:
        at = urlsplit(url)
        self._line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> tuple[float, bytes]:
        """Milliseconds from the question's first byte to the answer's last one, and the answer."""
        began = time.perf_counter()
        self._line.request("GET", f"/v1{path}", headers=self._headers)
        answer = self._line.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        assert answer.status == 200, body
        return took, body

    def bare_ms(self, count: int) -> float:
        """What the cheapest answer takes, p95: the reference of all others."""
        return p95([self.get("/health")[0] for _ in range(count)])

    def close(self) -> None:
        self._line.close()


@contextmanager
def hub_socket(url: str, token: str) -> Iterator[HubSocket]:
    line = HubSocket(url, token)
    try:
        yield line
    finally:
        line.close()


def p95(took_ms: list[float]) -> float:
    return quantiles(took_ms, n=20)[-1]
