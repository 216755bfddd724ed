"""A card terminal at the till: pos.card_ports.CardTerminal over ZVT, one owner task for each.

`serial:/dev/ttyACM0?baud=9600` or `tcp:HOST[:20007]`. Its state and its troubles come as DeviceReported(device, ...).
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.card.addresses import CardAddress
from drivers.card.heard import Capabilities
from drivers.card.link import Link, SerialLink, TcpLink
from drivers.card.orders import Orders, Wishes
from drivers.card.passwords import PasswordError, read_password
from drivers.card.session import LOOK_S, Session, Work
from drivers.card.streams import OpenStream, stream_to
from drivers.card.talk import Call, Timers
from drivers.card.trace import traced
from drivers.supervisor import DeviceFaultError, Supervisor, presence
from pos.card_ports import CardDesk
from pos.domain.card import CardEnd, CardRequest, CardState
from pos.ports import Clock, Submit
from pos.storage_ports import Memory

__all__ = ["ZvtTerminal"]

START_S: Final = 12.0
_OPEN_S: Final = 150.0
_POKE_S: Final = 2.0
_SERIAL_APDU: Final = 0x03FF
_TIMERS: Final = Timers()


class ZvtTerminal:
    """`run()` is its task; `connect` comes before. `trace`, if given, gets a line for each message.

    One thing at a time. What is asked while it is away waits for it, START_S at most (a look: LOOK_S), and is then
    answered as not sent.
    """

    def __init__(
        self,
        name: str,
        address: CardAddress,
        submit: Submit,
        clock: Clock,
        *,
        wishes: Wishes,
        device: str = "card",
        password_file: Path | None = None,
        memory: Memory | None = None,
        trace: Callable[[str], None] | None = None,
        open_stream: OpenStream = stream_to,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        timers: Timers = _TIMERS,
    ) -> None:
        self.name = name
        self._address = address
        self._password_file = Path(address.password) if address.password else password_file
        self._memory = memory
        self._open_stream = open_stream
        self._wishes = _wishes(address, wishes)
        self._on_apdu: Callable[..., None] | None = (
            None if trace is None else traced(name, clock, trace, self._wishes.charset)
        )
        self._session = Session(
            name,
            self._link,
            self._orders,
            self._wishes,
            serial=address.kind == "serial",
            timers=timers,
            remember=self._remember,
        )
        self._supervisor = Supervisor(
            device,
            self._session,
            submit,
            clock,
            trace=partial(presence, address.place) if address.kind == "serial" else None,
            sleep=sleep,
            open_timeout_s=_OPEN_S,
        )

    def _link(self, on_life: Callable[[], None]) -> Link:
        stream = self._open_stream(self._address)
        link = SerialLink if self._address.kind == "serial" else TcpLink
        return link(stream, on_life) if self._on_apdu is None else link(stream, on_life, self._on_apdu)

    def _orders(self) -> Orders:
        try:
            return Orders(self._wishes, read_password(self._password_file))
        except PasswordError as error:
            raise DeviceFaultError(str(error)) from None

    async def _remember(self, found: Capabilities) -> None:
        if self._memory is not None:
            await self._memory.put(f"card-terminal-{self.name}", msgspec.json.encode(found))

    # -- what the till asks for

    @property
    def ready(self) -> bool:
        return self._session.serving and self._session.work is None

    @property
    def capabilities(self) -> Capabilities:
        return self._session.capabilities

    def connect(self, desk: CardDesk) -> None:
        self._session.desk = desk

    def start(self, request: CardRequest) -> None:
        self._put("pay", START_S, payment_id=request.payment_id, request=request)

    def cancel(self) -> None:
        work = self._session.work
        if work is None or work.kind != "pay":
            return
        if work.begun:
            self._session.call(Call.CANCEL)
        else:
            self._session.give_up(work, CardEnd("refused", detail="not-sent"), "")

    def look(self, payment_id: str) -> None:
        self._put("look", LOOK_S, payment_id=payment_id)

    def receipts(self, payment_id: str) -> None:
        self._put("receipts", START_S, payment_id=payment_id)

    def close_day(self) -> None:
        self._put("day", START_S)

    def service(self, what: str) -> None:
        self._put("service", START_S, what=what)

    async def run(self) -> None:
        await self._supervisor.run()

    def _put(self, kind: Any, patience_s: float, **about: Any) -> None:
        loop = asyncio.get_running_loop()
        work = Work(kind, loop.time() + patience_s, **about)
        session = self._session
        if session.work is not None:
            # The answer comes after this call has returned, as every other does.
            loop.call_soon(self._refuse, work)
            return
        session.work = work
        if kind == "look" and (session.late is None or session.late.payment_id != work.payment_id):
            session.late = session.payment(work.payment_id)
        if session.serving:
            session.call(Call.WORK)
        else:
            self._connecting(work)
        self._hurry(work)

    def _refuse(self, work: Work) -> None:
        """One thing at a time."""
        session = self._session
        running, session.work = session.work, work
        session.give_up(work, CardEnd("refused", detail="busy"), "busy")
        session.work = running

    def _connecting(self, work: Work) -> None:
        desk = self._session.desk
        if desk is not None and work.payment_id:
            desk.state(work.payment_id, CardState(text="connecting"))

    def _hurry(self, work: Work) -> None:
        """While it is away: try now, and again, until the work's time is over."""
        session = self._session
        loop = asyncio.get_running_loop()
        if session.work is not work:
            return
        if not work.begun and loop.time() >= work.until:
            detail = self._supervisor.detail or "unreachable"
            session.give_up(work, CardEnd("refused", detail="not-sent"), detail)
            return
        if not session.serving:
            self._supervisor.poke()
        pause_s = _POKE_S if work.begun else min(_POKE_S, max(work.until - loop.time(), 0.0))
        loop.call_later(pause_s, self._hurry, work)


def _wishes(address: CardAddress, wishes: Wishes) -> Wishes:
    """The settings, and what the address says otherwise."""
    changes: dict[str, Any] = {}
    if address.config:
        changes["config"] = address.config
    if address.charset:
        changes["charset"] = address.charset
    if address.kind == "serial":
        changes["max_apdu"] = min(wishes.max_apdu, _SERIAL_APDU)
    return msgspec.structs.replace(wishes, **changes)
