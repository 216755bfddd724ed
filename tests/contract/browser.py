"""A real Chromium without a window, asked over its debugging pipe: what it shows, and pictures of it."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

__all__ = ["Browser", "browsing", "chromium_is_here"]


def chromium_is_here() -> bool:
    return shutil.which("chromium") is not None


class Browser:
    """One page. Messages end with a zero byte, both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._session = ""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while True:
            raw = await asyncio.wait_for(self._reader.readuntil(b"\0"), 15)
            answer = json.loads(raw[:-1])
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found

    async def open(self, url: str, width: int = 1280, height: int = 800) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self.size(width, height)
        await self.call("Page.navigate", url=url)

    async def size(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def js(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def until(self, expression: str, timeout_s: float = 10.0) -> None:
        """Wait until a JavaScript expression is true."""
        async with asyncio.timeout(timeout_s):
            while not await self.js(expression):  # noqa: ASYNC110 - the page tells nothing by itself
                await asyncio.sleep(0.02)

    async def picture(self, path: Path) -> None:
        answer = await self.call("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(answer["data"]))


@contextlib.asynccontextmanager
async def browsing(profile: Path, seconds: int = 25) -> AsyncIterator[Browser]:
    to_child, ours_out = os.pipe()
    ours_in, from_child = os.pipe()
    command = (
        f"exec timeout {seconds} chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-quic"
        f" --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"
        f" --user-data-dir='{profile}' --remote-debugging-pipe 3<&{to_child} 4>&{from_child}"
    )
    child = await asyncio.create_subprocess_exec(
        *("bash", "-c", command),
        pass_fds=(to_child, from_child),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(to_child)
    os.close(from_child)
    reader = asyncio.StreamReader(limit=20_000_000)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours_in, "rb", buffering=0)
    )
    try:
        yield Browser(reader, ours_out)
    finally:
        transport.close()
        os.close(ours_out)
        if child.returncode is None:
            child.terminate()
        await child.wait()
