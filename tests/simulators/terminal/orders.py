"""What a terminal does for each command of a till but the registration."""

import datetime as dt
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from tests.simulators.terminal.bank import Bank
from tests.simulators.terminal.cards import CARDS
from tests.simulators.terminal.customer import Customer
from tests.simulators.terminal.links import LinkLostError
from tests.simulators.terminal.memory import LAST_RECEIPT, Kind, Memory, Transaction
from tests.simulators.terminal.papers import Line, Paper, block, print_line, receipt, totals_lines
from tests.simulators.terminal.rules import Order, Registration
from tests.simulators.terminal.statuses import completion, intermediate, status, totals
from tests.simulators.terminal.talk import Talk
from tests.simulators.terminal.wire import apdu, tag

if TYPE_CHECKING:
    from tests.simulators.terminal.terminal import Setup

__all__ = ["Orders"]

_SEND_STATUS, _NO_PRINT = 1, 2


class Orders(Talk):
    """The commands. What they need beside the line stands in the terminal."""

    setup: "Setup"
    bank: Bank
    memory: Memory
    customer: Customer
    clock: Callable[[], dt.datetime]
    registration: Registration | None
    screen: str
    _unasked: bool

    @property
    def orders(self) -> dict[str, Callable[[Order], Awaitable[None]]]:
        return {
            "0501": self._status_enquiry,
            "0601": self.pay,
            "060C": self._tip,
            "0610": partial(self._end_of_day, close=False),
            "0612": self._reprint,
            "0620": self._repeat,
            "0622": self.reserve,
            "0623": self._book,
            "0624": self._book,
            "0625": self._release,
            "0630": self._reverse,
            "0631": self.refund,
            "0650": partial(self._end_of_day, close=True),
            "0670": self._just_do,
            "0691": self._just_do,
            "0693": self._just_do,
            "06E0": self._just_do,
        }

    async def pay(self, order: Order) -> None:
        raise NotImplementedError

    async def reserve(self, order: Order) -> None:
        raise NotImplementedError

    async def refund(self, order: Order) -> None:
        raise NotImplementedError

    def unacknowledged(self, tx: Transaction) -> None:
        """The till did not say that it has this one."""
        raise NotImplementedError

    @property
    def reg(self) -> Registration:
        return self.registration or Registration()

    def new_transaction(self, kind: Kind, minor: int, *, card: int | None = None) -> Transaction:
        """With the next numbers."""
        taken, trace = self.memory.numbers()
        now = self.clock()
        return Transaction(
            kind,
            0,
            minor,
            taken,
            trace,
            taken,
            f"{now:%m%d}",
            f"{now:%H%M%S}",
            card=self.customer.card if card is None else card,
            auth=f"{trace * 7919 % 1_000_000:06d}",
            entry=self.customer.entry,
            cvm=self.customer.cvm,
        )

    async def tell(self, code: int, minutes: int | None = None) -> None:
        """An intermediate status, if the till wants them."""
        if self.reg.statuses:
            await self.ask(intermediate(code, minutes), f"04FF {code:02X}")

    async def show(self, tx: Transaction) -> None:
        """The status of a transaction, until the till has it."""
        while True:
            answer, _ = await self.ask(status(tx, self.setup.identity, with_tags=self.reg.with_tags))
            if answer == "849C":
                await self.pause(2)
                continue
            if answer not in ("8000", "8400"):
                self.violate(f"{answer} to a status: the charge is taken back")
                self._take_back(tx, "the till refused the status")
                await self.ask(apdu("061E", b"\x66"))
                raise LinkLostError("goods not given")
            return

    def _take_back(self, tx: Transaction, why: str) -> None:
        if tx.charge and self.bank.charges[tx.charge - 1].state != "void":
            self.bank.void(self.bank.charges[tx.charge - 1], why)
        self.memory.pending = None

    async def deliver(self, tx: Transaction) -> None:
        """Status and receipts of what the bank has approved; it is stored when the till has taken all of it."""
        self.memory.pending = tx
        try:
            await self.show(tx)
            if tx.fault == "twice":
                await self.show(tx)
            await self.print_receipts(tx)
        except LinkLostError:
            if self.memory.pending is tx:
                self.unacknowledged(tx)
            raise
        self.memory.store(tx)

    async def print_receipts(self, tx: Transaction, *, copy: bool = False) -> None:
        who = self.setup.identity
        papers: tuple[Paper, ...] = ("merchant", "customer")
        for paper in papers:
            lines = receipt(tx, paper, who.terminal_id, who.vu_number, self.reg.width, copy=copy)
            if self.reg.prints_payments:
                info = 4 if tx.code else 1 | (2 if tx.cvm == 1 and paper == "merchant" else 0)
                await self.print(paper, lines, info, tx.fault)

    async def print(self, paper: Paper, lines: list[Line], info: int = 0, fault: str = "") -> None:
        charset = "iso8859-1" if fault == "wrong-charset" else self.setup.charset
        if self.reg.blocks and fault != "tlv-after-text":
            lines = [*lines, (0x81, "")]
            wanted = self.setup.charset_tag
            await self.ask(block(paper, lines, charset, info=info, charset_tag=wanted), f"06D3 {paper}")
            return
        tail = tag("06", tag("1F07", b"\x01" if paper == "merchant" else b"\x02"))
        for attribute, text in [*lines, (0x81, "")]:
            odd = tail if fault == "tlv-after-text" and text else b""
            await self.ask(print_line(attribute, text, charset, tail=odd), f"06D1 {paper}")

    async def _fail(self, code: int) -> None:
        await self.ask(apdu("061E", bytes((code,))))

    async def _repeat(self, order: Order) -> None:
        await self.say(apdu("8000"))
        self._unasked = False
        last = self.memory.last
        if last is None:
            await self._fail(self.setup.nothing)
            return
        if order.service & _SEND_STATUS and self.reg.controls_all and last.fault != "repeat-without-status":
            await self.show(last)
        if not order.service & _NO_PRINT:
            await self.print_receipts(last, copy=True)
        await self.ask(completion())

    async def _reprint(self, order: Order) -> None:
        await self.say(apdu("8000"))
        if self.memory.last is not None:
            await self.print_receipts(self.memory.last, copy=True)
        await self.ask(completion())

    async def _status_enquiry(self, order: Order) -> None:
        version = "" if order.service & 2 else self.setup.identity.version
        await self.say(apdu("8000"))
        if self.reversing:
            await self.tell(0x05)
        await self.ask(completion(0x9C if self.reversing else self.setup.terminal_status, version))

    async def _just_do(self, order: Order) -> None:
        await self.say(apdu("8000"))
        if order.control in ("0670", "0693"):
            await self.tell(0x0E)
            self.setup.terminal_status = 0
        if order.control == "0670":  # the operator's host tells the time, and the terminal the till
            now = self.clock()
            told = bytes.fromhex(f"AA{now:%y%m%d}0C{now:%H%M%S}")
            await self.ask(apdu("0401", told))
        await self.ask(completion())

    async def _reverse(self, order: Order) -> None:
        """Take a payment of the open batch back. What is reversed is reversed, whether the till hears it or not."""
        await self.say(apdu("8000"))
        found = self.memory.find(int(order.receipt or "0"))
        if found is None or found.kind in ("release", "tip"):
            await self._fail(0xB5)
        elif found.taken_back:
            await self._fail(0xB4)
        elif order.minor not in (None, found.minor):
            await self._fail(0xB7)
        else:
            await self.tell(0x04)
            await self.pause(self.timing.host_s)
            self._take_back(found, "reversed by the till")
            found.taken_back = True
            tx = self.new_transaction("reversal", found.minor, card=found.card)
            tx.original_trace, tx.charge = found.trace, 0
            await self._stored(tx)

    async def _stored(self, tx: Transaction) -> None:
        """Show what happened and cannot be undone by silence."""
        self.memory.store(tx)
        await self.show(tx)
        await self.print_receipts(tx)
        await self.ask(completion())

    async def _book(self, order: Order) -> None:
        """06 24 with what was used, 06 23 with what was not; 06 23 for FFFF asks for what is open."""
        await self.say(apdu("8000"))
        if order.receipt == "ffff":
            await self._open_ones()
            return
        found = self._reserved(order)
        if found is None or order.minor is None:
            await self._fail(0xB8)
            return
        used = order.minor if order.control == "0624" else found.minor - order.minor
        if not 0 < used <= found.minor:
            await self._fail(0xB7)
            return
        charge = self.bank.charges[found.charge - 1]
        charge.state, charge.minor = "charged", used
        self.memory.reserved.remove(found)
        tx = self.new_transaction("book", used, card=found.card)
        tx.original_trace, tx.charge = found.trace, found.charge
        await self._stored(tx)

    def _reserved(self, order: Order) -> Transaction | None:
        wanted = int(order.receipt or "0")
        return next((tx for tx in self.memory.reserved if tx.receipt == wanted), None)

    async def _open_ones(self) -> None:
        opened = [bytes.fromhex(f"{tx.receipt:04d}") for tx in self.memory.reserved]
        data = b"\xb8\x87" + (opened[0] if opened else b"\xff\xff")
        if len(opened) > 1:
            data += tag("06", tag("23", *(tag("08", number) for number in opened)))
        await self.ask(apdu("061E", data))

    async def _release(self, order: Order) -> None:
        await self.say(apdu("8000"))
        found = self._reserved(order)
        if found is None:
            await self._fail(0xB8)
            return
        self._take_back(found, "released by the till")
        self.memory.reserved.remove(found)
        tx = self.new_transaction("release", found.minor, card=found.card)
        tx.original_trace = found.trace
        await self._stored(tx)

    async def _tip(self, order: Order) -> None:
        await self.say(apdu("8000"))
        found = self.memory.find(int(order.receipt or "0"))
        if found is None or found.kind != "sale" or found.taken_back or not order.minor:
            await self._fail(0xB5)
            return
        tx = self.new_transaction("tip", order.minor, card=found.card)
        tx.charge = self.bank.charge("tip", order.minor, CARDS[found.card].number, tx.trace).number
        tx.original_trace = found.trace
        await self._stored(tx)

    def totals(self) -> list[tuple[int, int]]:
        """(how many, sum) of the open batch by column."""
        sums = [[0, 0] for _ in range(7)]
        for tx in self.memory.batch:
            if not tx.taken_back and tx.kind in ("sale", "book", "tip", "refund"):
                row = sums[CARDS[tx.card].column]
                row[0] += 1
                row[1] += -tx.minor if tx.kind == "refund" else tx.minor
        return [(count, max(0, minor)) for count, minor in sums]

    async def _end_of_day(self, _: Order, *, close: bool) -> None:
        await self.say(apdu("8000"))
        await self.tell(0x0F if close else 0x0E)
        await self.pause(self.timing.host_s)
        columns, batch, now = self.totals(), self.memory.batch, self.clock()
        first, last = (batch[0].receipt, batch[-1].receipt) if batch else (0, 0)
        if close:
            self.memory.batch = []
        if self.reg.prints_admin:
            who = self.setup.identity
            title = "KASSENSCHNITT" if close else "ZWISCHENSUMMEN"
            await self.print("administration", totals_lines(columns, who.terminal_id, self.reg.width, title))
        await self.ask(totals(columns, first, last, f"{now:%m%d}", f"{now:%H%M%S}"))
        await self.ask(completion())

    async def sync(self, order: Order) -> None:
        """Tag 1F1F: the last receipt number that the till knows. Exactly one behind takes the newest payment back."""
        last = self.memory.last
        if order.sync is None or order.sync < 0 or last is None or self.setup.personality != "keep":
            return
        before = LAST_RECEIPT if last.receipt == 1 else last.receipt - 1
        if order.sync == before and last.kind == "sale" and not last.taken_back:
            await self.tell(0x05)
            self._take_back(last, "1F1F one behind")
            last.taken_back = True
