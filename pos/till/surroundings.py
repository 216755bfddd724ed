"""Drawer, paper, devices and the line to the hub, as the till sees them: orders out, news in."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from pos.device_ports import DeviceState, PrintJob
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.document import Document
from pos.domain.rights import declare
from pos.sale_facts import Sale
from pos.till.desk import Desk, Refusal
from pos.till.ledger import Ledger
from pos.till_facts import DrawerOpenedFact, ReceiptCopied
from pos.view import CopyView, DeviceView, HubView

__all__ = ["Surroundings"]

_ALARMS = frozenset({"fork", "replaced", "revoked", "behind", "not-enrolled", "untrusted"})
NO_SALE: Final = declare("no-sale")
_NODES = {"hub": "Hub", "relay": "Relay"}
_AWAY = "away"
_OPEN = frozenset({"open", "left-open"})
_DRAWER_SENTENCES = frozenset({"drawer-open", "drawer-left-open"})
_COPY_FINE = frozenset({"ok", "behind"})
_CANNOT_PRINT = frozenset({DeviceState.ABSENT, DeviceState.FAULT})


class Surroundings:
    """What stands around the till. Nothing here is awaited but the journal. `held` hears what each node holds of our facts."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        held: Callable[[str, tuple[int, int]], Coroutine[Any, Any, None] | None],
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._last_job = ""
        self._held = held
        self.printer = DeviceView()
        self.drawer = DeviceView()
        self.scanner = DeviceView()
        self.others = dict.fromkeys(
            ("display", "scale", "customer-screen", "card", "card-2", "card-3"), DeviceView()
        )
        self.hub = HubView(configured=desk.world.hub is not None)
        self.relay = HubView()
        self.hub_is_back: list[Callable[[], None]] = []
        self._hub_away = False
        self._both_away = False
        self.second_copy = CopyView()
        self.print_problem = ""
        self.handlers = {
            c.OpenDrawer: self._open_drawer,
            c.PrintAgain: self._print_again,
            c.SpoolDecision: self.decide,
            c.DeviceReported: self._device_reported,
            c.HubReported: self._hub_reported,
            c.CopyReported: self._copy_reported,
        }

    async def _open_drawer(self, command: c.OpenDrawer) -> None:
        """The fact first: a power cut must never leave an open drawer that nothing speaks of."""
        self._desk.must_be_signed_in()
        if self._desk.training:
            raise Refusal("training-drawer", level="info")
        drawer = self._desk.world.drawer
        if not command.by_key and (drawer is None or self.printer.state in _CANNOT_PRINT):
            raise Refusal("drawer-not-ready")
        self._desk.need(NO_SALE)
        await self.record_drawer(command.reason, by_key=command.by_key, cart_id="")
        if command.by_key:
            self._desk.warn("drawer-key-noted", level="info")
            return
        assert drawer is not None
        if not drawer.open():
            raise Refusal("drawer-not-ready")
        self._desk.events.append(e.DrawerOpened(command.reason))

    async def record_drawer(self, reason: str, *, by_key: bool, cart_id: str) -> None:
        facts = self._ledger.day_facts()
        facts.append(
            DrawerOpenedFact(
                self._desk.operator_id(),
                reason,
                by_key=by_key,
                cart_id=cart_id,
                approvals=self._desk.approvals,
            )
        )
        await self._ledger.append(facts, None)

    async def _print_again(self, _: c.PrintAgain) -> None:
        self._desk.must_be_signed_in()
        if self._desk.last_sale is None or self._desk.last is None:
            raise Refusal("no-last-sale")
        if self._desk.world.printer is None:
            raise Refusal("no-printer" if self._desk.last.link else "no-printer-no-code")
        await self._desk.know_buyer(self._desk.last_sale.buyer)
        copy = bool(self._desk.last.printing) or self._desk.last.found_at_start
        if copy:
            copied = ReceiptCopied(
                self._desk.last_sale.number, self._desk.operator_id(), self._desk.last_epoch
            )
            await self._ledger.append([copied], None)
        self.print(self._desk.last_sale, copy=copy)

    def issue(self, sale: Sale) -> None:
        """The receipt as the shop hands it out. Where there is no code to give, paper needs no asking."""
        paper = self._desk.setup.receipt_paper
        if self._desk.world.printer is None or paper == "never":
            return
        if paper == "always" or (paper == "digital-first" and not sale.link):
            self.print(sale, copy=False)
        elif self._desk.last is not None:
            self._desk.last = msgspec.structs.replace(self._desk.last, paper=paper)

    def print(self, sale: Sale, *, copy: bool) -> None:
        if self._desk.world.printer is None:
            return
        self._last_job = self._desk.world.ids.new_id()
        if self._desk.last is not None:
            self._desk.last = msgspec.structs.replace(self._desk.last, printing="queued", paper="")
        self._desk.world.printer.submit(
            PrintJob(
                self._last_job,
                sale,
                copy=copy,
                epoch=self._desk.last_epoch,
                buyer=self._desk.buyers.get(sale.buyer, ()),
            )
        )

    def print_copy(self, sale: Sale, epoch: int) -> None:
        """An older receipt once more, marked as a copy; the last sale's paper is another matter."""
        if self._desk.world.printer is not None:
            buyer = self._desk.buyers.get(sale.buyer, ())
            job = PrintJob(self._desk.world.ids.new_id(), sale, copy=True, epoch=epoch, buyer=buyer)
            self._desk.world.printer.submit(job)

    @property
    def no_paper(self) -> bool:
        """Nothing comes out now: there is no printer, or it does not answer."""
        return self._desk.world.printer is None or self.printer.state in _CANNOT_PRINT

    def print_document(self, document: Document) -> None:
        """A slip or a report; where there is no printer, nothing."""
        if self._desk.world.printer is not None:
            self._desk.world.printer.submit(PrintJob(self._desk.world.ids.new_id(), None, document=document))

    def decide(self, command: c.SpoolDecision) -> None:
        """The cashier's word on a receipt in trouble."""
        self._desk.must_be_signed_in()
        job_id = self.print_problem or self.waiting_job
        if not job_id or self._desk.world.printer is None:
            raise Refusal("no-print-problem", level="info")
        self.print_problem = ""
        self._desk.world.printer.decide(job_id, command.choice)

    @property
    def waiting_job(self) -> str:
        """The last receipt, when it waits for a printer that cannot print now."""
        last = self._desk.last
        waits = last is not None and last.printing == "queued"
        return self._last_job if waits and self.printer.state in _CANNOT_PRINT else ""

    def _device_reported(self, command: c.DeviceReported) -> None:
        if command.job_id:
            self._job_reported(command)
            return
        new = DeviceView(DeviceState(command.state), command.detail)
        if command.device == "drawer":
            old, self.drawer = self.drawer, new
            self._look_at_drawer(old)
        elif command.device == "printer":
            old, self.printer = self.printer, new
        elif command.device.startswith("scanner"):
            old, self.scanner = self.scanner, new
        elif command.device in self.others:
            old, self.others[command.device] = self.others[command.device], new
        else:
            old = DeviceView()
        if old != new:
            self._desk.events.append(e.DeviceChanged(command.device, command.state, command.detail))

    def _look_at_drawer(self, before: DeviceView) -> None:
        """One that is left open is said once, where nothing graver stands; the status row goes on saying it."""
        self._desk.drawer_is_open = self.drawer.detail in _OPEN
        said = self._desk.message
        if self.drawer.detail == "left-open" != before.detail:
            if said is None or said.level == "info":
                self._warn("drawer-left-open", "warn")
        elif not self._desk.drawer_is_open and said is not None and said.code in _DRAWER_SENTENCES:
            self._desk.message = None

    def _job_reported(self, command: c.DeviceReported) -> None:
        if command.job_id == self._last_job and self._desk.last is not None:
            self._desk.last = msgspec.structs.replace(self._desk.last, printing=command.job_state)
        if command.job_state == "unknown":
            self.print_problem = command.job_id
        elif self.print_problem == command.job_id:
            self.print_problem = ""
        self._desk.events.append(e.ReceiptPrinting(command.job_id, command.job_state))

    def _hub_reported(self, command: c.HubReported) -> Coroutine[Any, Any, None] | None:
        held = (command.acked_epoch, command.acked_seq)
        while self._desk.unsent and self._desk.unsent[0] <= held:  # one other machine is enough
            self._desk.unsent.popleft()
        new = HubView(configured=True, online=command.online, problem=command.problem)
        if command.node == "relay":
            old, self.relay = self.relay, new
        else:
            old, self.hub = self.hub, new
            self._hub_away = not command.online
            if command.online and not old.online:
                for tell in self.hub_is_back:
                    tell()
        both_away, self._both_away = self._both_away, self._hub_away and self.relay.problem == _AWAY
        if self._both_away:
            if not both_away:
                self._warn("hub-and-relay-away", "warn")
        elif command.problem != old.problem:
            self._say(command)
        self._desk.events.append(e.HubChanged(command.online, len(self._desk.unsent), command.problem))
        return self._held(command.node, held)

    def _say(self, command: c.HubReported) -> None:
        """What somebody has to look at is said once, in a sentence; the status row goes on saying it in a word."""
        if command.problem == "clock":
            way = "slow" if command.skew_ms > 0 else "fast"
            self._warn(f"hub-clock-{way}", "alarm", minutes=abs(command.skew_ms) // 60_000)
        elif command.problem in _ALARMS:
            self._warn(f"hub-{command.problem}", "alarm", node=_NODES.get(command.node, "Hub"))
        elif command.problem == _AWAY:
            self._warn("relay-away", "warn")

    def _warn(self, sentence: str, level: str, **fields: str | int) -> None:
        """News never covers why the till stands still."""
        if self._desk.standstill is None:
            self._desk.warn(sentence, level=level, **fields)

    def _copy_reported(self, command: c.CopyReported) -> Coroutine[Any, Any, None] | None:
        old, self.second_copy = self.second_copy, CopyView(command.state, command.waiting)
        if command.state == old.state:
            return None
        self._desk.events.append(e.DeviceChanged("second-copy", command.state, ""))
        if command.state == "ahead":  # it holds facts that the journal lost: the disk lied, or is an old one
            return self._desk.lock("journal-shorter")
        if command.state not in _COPY_FINE:
            self._warn(f"copy-{command.state}", "warn")
        return None
