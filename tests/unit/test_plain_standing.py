"""Line mode says in sentences how the till stands with its hub: once, and again when it comes back."""

import asyncio
import io
from typing import Any

import msgspec

from pos.domain.events import Message
from pos.entry import load_keymap
from pos.plain import LineMode
from pos.view import HubView, TillView

REPLACED = "This till was replaced by another machine."


class Standing:
    """A till of which only the view is asked."""

    def __init__(self) -> None:
        self.view = TillView("ready", "1", "demo", language="en")

    def subscribe(self, _listener: Any) -> None:
        pass

    async def handle(self, _command: Any) -> None:
        self.view = msgspec.structs.replace(self.view, message=None)

    async def settle(self) -> None:
        pass


def test_what_is_wrong_with_the_line_is_said_once_and_again_when_it_comes_back() -> None:
    till = Standing()
    out = io.StringIO()
    states = [
        HubView(configured=True, online=True),
        HubView(configured=True, online=True, problem="replaced"),
        HubView(configured=True, online=True, problem="replaced"),
        HubView(configured=True, online=False),
        HubView(configured=True, online=True, problem="replaced"),
        HubView(configured=True, online=True),
        HubView(configured=True, online=True, problem="replaced"),
    ]
    at = iter(states)

    async def read() -> bytes:
        hub = next(at, None)
        if hub is None:
            return b""
        message = Message("hub-replaced", {"node": "Hub"}, "alarm") if hub.problem else None
        till.view = msgspec.structs.replace(till.view, hub=hub, message=message)
        return b"7\n"

    asyncio.run(LineMode(till, load_keymap("default"), read, out, as_json=False).run())  # type: ignore[arg-type]
    _, _, *answers = out.getvalue().splitlines()
    assert [REPLACED in answer for answer in answers] == [False, True, False, False, False, False, True]
