"""The terminal: a memory, a bank behind it, and the commands of a till.

What became of a payment that the till did not acknowledge is a matter of its personality:
- "auto-reverse": it takes the charge back, which needs some time; later it shows the reversal, or what was before;
- "keep": the charge stands; the next order's tag 1F1F may say that the till knows of one less, then it is taken back;
- "mark-declined": the charge is void at once, and the transaction stands there as declined.
"""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Literal

import msgspec

from tests.simulators.terminal.bank import Bank
from tests.simulators.terminal.customer import Customer, Timing
from tests.simulators.terminal.links import Link, LinkLostError
from tests.simulators.terminal.memory import Memory, Transaction
from tests.simulators.terminal.payments import Payments
from tests.simulators.terminal.rules import SHAPES, Registration, read_order, read_registration
from tests.simulators.terminal.statuses import Identity, registered
from tests.simulators.terminal.steps import Script
from tests.simulators.terminal.talk import MOVES, PowerLostError, Talk
from tests.simulators.terminal.wire import apdu, split_apdu

__all__ = ["Personality", "Setup", "Terminal", "Timing"]

Personality = Literal["auto-reverse", "keep", "mark-declined"]


class Setup(msgspec.Struct):
    """`shows` is what an "auto-reverse" or "mark-declined" terminal shows afterwards: that transaction's end, or the one before.

    `faults`: by the cents of an amount. `goes_on`: a payment whose till is gone goes on at the card and the bank.
    `charset`: of its texts, and the tag that says so; None says nothing. `nothing` is its answer when asked for a
    receipt that does not exist: 06 1E with that code. `tags` are those it says it understands; `blocks`: it can send 06 D3. `numbered`: it wants each command to
    carry the next number (1F73), from 1 after a registration.
    """

    personality: Personality = "auto-reverse"
    identity: Identity = Identity()
    password: str = "000000"
    shows: Literal["it", "before"] = "it"
    faults: bool = True
    goes_on: bool = True
    charset: str = "cp437"
    charset_tag: int | None = None
    blocks: bool = True
    tags: tuple[str, ...] = ("1F1F", "1F36", "1F37", "1F12")
    nothing: int = 0x83
    status_byte: int = 0
    terminal_status: int = 0
    numbered: bool = False


class Terminal(Payments):
    """`attach` a line and `start` it. `clock` is the terminal's own time."""

    def __init__(
        self,
        setup: Setup | None = None,
        *,
        timing: Timing | None = None,
        bank: Bank | None = None,
        memory: Memory | None = None,
        customer: Customer | None = None,
        script: Script | None = None,
        clock: Callable[[], dt.datetime] = dt.datetime.now,
    ) -> None:
        self.setup = setup or Setup()
        Talk.__init__(self, timing or Timing(), script)
        self.bank = bank or Bank()
        self.memory = memory or Memory()
        self.customer = customer or Customer(self.timing)
        self.clock = clock
        self.registration: Registration | None = None
        self.on = False
        self.screen = ""
        self.forgave = set()
        self._number = 0
        self._registered_on: object = None
        self._may_repeat = (
            False  # a till on a serial line repeats the answer that the terminal's power cut short
        )
        self._may_not_know = False  # nobody on a serial line sees that the terminal had no power
        self._unasked = False  # a conversation broke off, and the till has not asked since what came of it
        self._task: asyncio.Task[None] | None = None
        self._reversal: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Power on. What was not finished when the power went is finished now, as the personality is."""
        self.on = True
        self.busy = ""
        self.reversing = False
        self._inbox = asyncio.Queue()
        self._may_repeat = self._may_not_know = self.serial
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(), context=self._context)

    def stop(self, *, forget: bool = False) -> None:
        """Pull the plug; `forget` loses the memory too, as when another terminal takes the place."""
        for task in (self._task, self._reversal):
            if task is not None:
                task.cancel()
        self._off(forget)

    def _off(self, forget: bool = False) -> None:
        self.on = False
        self.registration = None
        self.detach()
        if forget:
            self.memory = Memory()
            self._unasked = False

    async def _run(self) -> None:
        if self.memory.pending is not None:
            self.unacknowledged(self.memory.pending)
        try:
            while True:
                link, data = await self._inbox.get()
                if data is not None:
                    self._own = link
                    await self._command(data)
        except PowerLostError:
            if self._reversal is not None:
                self._reversal.cancel()
            self._off()

    async def _command(self, data: bytes) -> None:
        found = split_apdu(data)
        assert found is not None
        control, content = found[0].hex().upper(), found[1]
        assert self._own is not None
        if control[:2] in ("80", "84"):
            if self._loose:
                self._loose -= 1
                self.transcript.append(("<", data.hex().upper()))
            elif self._may_repeat:
                self._may_repeat = False
            elif self._arrives(self._own, control, data):
                self.violate(f"{control}, and nothing was asked")
            return
        self._may_repeat = False
        self._step = 0
        self.busy = control
        self._stop_ok = self._stop_asked = self._ended = False
        self._anew = None
        arrived = False
        try:
            arrived = self._arrives(self._own, control, data)
            if arrived:
                await self._obey(control, content)
        except LinkLostError:
            pass
        finally:
            if arrived and control in MOVES and not self._ended:
                self._unasked = True
            self.busy = ""
            self.screen = ""

    async def _obey(self, control: str, content: bytes) -> None:
        if control == "0600":
            await self._register(content)
        elif control not in SHAPES:
            self.violate(f"{control} is unknown, or not for a till")
            await self.say(apdu("8483"))
        elif control == "0602":
            if content:
                self.violate("a log-off with data")
            self.registration = None
            await self.say(apdu("8000"))
        elif control == "06B0":
            await self.say(apdu("8000"))
        else:
            order = read_order(control, content)
            for wrong in order.wrong:
                self.violate(wrong)
            self._count(control, order.number)
            if not self.is_registered and control != "0501":
                if not self._may_not_know:
                    self.violate(f"{control} without registration")
                self._may_not_know = False
                await self.say(apdu("846B"))
            elif order.wrong:
                await self.say(apdu("84FF"))
            elif order.password is not None and order.password != self.setup.password:
                self.violate("a wrong password")
                await self.say(apdu("8483"))
            elif order.currency not in (None, self.setup.identity.currency):
                await self.say(apdu("846F"))
            elif self._unasked and control in MOVES:
                self.violate(f"{control}, and what came of the last one was not asked")
                await self.orders[control](order)
            elif self.reversing and control != "0501":
                await self.say(apdu("849C"))
            else:
                await self.orders[control](order)

    async def _refuse_busy(self, link: Link, control: str, content: bytes) -> None:
        """What is said beside a conversation has its number too."""
        number = read_order(control, content).number if control in SHAPES else None
        self._number = self._number if number is None else number
        await super()._refuse_busy(link, control, content)

    def _count(self, control: str, number: int | None) -> None:
        """Each command has the number after the one before; initialisation has no place for one."""
        if not self.setup.numbered or not self.is_registered or control == "0693":
            return
        wanted = self._number % 999_999 + 1
        if number != wanted:
            self.violate(f"{control} has the number {number} and not {wanted}")
        self._number = wanted if number is None else number

    @property
    def is_registered(self) -> bool:
        return self.registration is not None and (self.serial or self._registered_on is self._own)

    async def _register(self, content: bytes) -> None:
        wanted = read_registration(content)
        for wrong in wanted.wrong:
            self.violate(wrong)
        if wanted.password != self.setup.password:
            self.violate("a wrong password")
            await self.say(apdu("8483"))
        elif wanted.currency not in (None, self.setup.identity.currency):
            own = bytes.fromhex("6F" + self.setup.identity.currency)
            await self.say(apdu("841E", own))
        else:
            await self.say(apdu("8000"))
            await self.ask(self._register_as(wanted))

    def _register_as(self, wanted: Registration) -> bytes:
        self.registration = wanted
        wanted.blocks = wanted.blocks and self.setup.blocks
        self._registered_on = self._own
        self._number = 0
        known = wanted.charset if wanted.charset in (None, 0xFF, 0xFE, 0x01, 0x02) else None
        self._charset_of(known)
        return registered(
            self.setup.identity,
            status_byte=self.setup.status_byte,
            blocks=wanted.blocks,
            charset=known if wanted.with_tags else None,
            tags=(*self.setup.tags, *(("1F73",) if self.setup.numbered else ())) if wanted.with_tags else (),
        )

    def _registered(self, link: Link, content: bytes) -> bytes:
        said = self._register_as(read_registration(content))
        self._registered_on = link
        return said

    def _charset_of(self, number: int | None) -> None:
        names = {0xFF: "cp437", 0xFE: "utf-8", 0x01: "iso8859-1", 0x02: "iso8859-2"}
        if number is not None and self.setup.charset_tag is None:
            self.setup.charset = names[number]

    def unacknowledged(self, tx: Transaction) -> None:
        """The till did not say that it has this one."""
        charge = self.bank.charges[tx.charge - 1] if tx.charge else None
        if charge is None or tx.code:
            self.memory.pending = None
            return
        if self.setup.personality == "keep":
            self.memory.store(tx)
        elif self.setup.personality == "mark-declined":
            self.bank.void(charge, "marked as declined")
            self.memory.pending = None
            tx.code, tx.charge = 0x05, 0
            if self.setup.shows == "it":
                self.memory.store(tx)
        else:
            self.reversing = True
            loop = asyncio.get_running_loop()
            self._reversal = loop.create_task(self._reverse_later(tx), context=self._context)
        self.keep()

    async def _reverse_later(self, tx: Transaction) -> None:
        await asyncio.sleep(self.timing.reversal_s)
        self.bank.void(self.bank.charges[tx.charge - 1], "automatic reversal")
        self.memory.pending = None
        if self.setup.shows == "it":
            reversal = self.new_transaction("reversal", tx.minor, card=tx.card)
            reversal.original_trace = tx.trace
            self.memory.stored.append(reversal)
        self.reversing = False
        self.keep()
