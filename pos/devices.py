"""Wires what stands around the till: scanners, printer, drawer and the line to the hub, by address."""

import asyncio
import contextlib
import functools
import logging
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pos import brand
from pos.card_ports import CardTerminal
from pos.customer_side import CustomerSide
from pos.device_ports import DeviceState, PrintJob, Scale
from pos.domain.commands import DeviceReported, Mistyped, Notice
from pos.hub_line import HubLine
from pos.journal.file_journal import FileJournal
from pos.journal.reader import JournalFeed
from pos.journal.state import SpoolView, StateStore
from pos.ports import Clock, Ids, Submit, Worker
from pos.psp_ports import PaymentLine
from pos.resources import config_path
from pos.settings import Settings
from pos.storage_ports import Memory
from pos.system import ThreadWorker
from sync.identity import identity_file, save_identity

if TYPE_CHECKING:
    from drivers.printer.printer import EscPosPrinter
    from pos.copies import Mirroring
    from sync.client import HubClient
    from sync.downlink import News
    from sync.identity import Identity
    from sync.wire import ShopInfo

__all__ = ["Surround", "own_address"]

_Task = tuple[str, Callable[[], Coroutine[Any, Any, None]]]
HUB_HERE = "here"
HUB_HERE_PORT = 8080
_DRAIN_LOOK_S = 0.1
_DRAIN_PATIENCE_S = 3.0
_HUB_PAUSE_S = 5.0
_COMPACT_AFTER_S = 600.0
_log = logging.getLogger("tresen.devices")


class Surround:
    """Builds what the settings name; `connect` gives everything its way to the till, `tasks` run beside it."""

    def __init__(
        self,
        state: Path,
        settings: Settings,
        hub_url: str,
        clock: Clock,
        ids: Ids,
        worker: Worker,
    ) -> None:
        self._state = state
        self._settings = settings
        here, _, port = hub_url.partition(":")
        self._hub_here = here == HUB_HERE
        self._hub_port = int(port) if self._hub_here and port.isdigit() else HUB_HERE_PORT
        self._hub_url = f"http://127.0.0.1:{self._hub_port}" if self._hub_here else hub_url
        self._clock = clock
        self._ids = ids
        self._worker = worker
        self._submit: Submit | None = None
        self._journal: FileJournal | None = None
        self._tasks: list[_Task] = []
        self._later: list[Any] = []
        self.printer: EscPosPrinter | None = None
        self.hub: HubLine | None = None
        self.mirror: Mirroring | None = None
        self.customer: CustomerSide | None = None
        self._hub_brand = brand.load_brand(state)
        self._own_brand = brand.NO_BRAND
        try:
            self._own_brand = settings.brand.read(state)
        except brand.BrandError as error:  # it says so, and sells without
            self._tell(Notice("brand-unusable", str(error)))

    @property
    def brand(self) -> brand.ShopBrand:
        """How the shop looks now: as the hub said last, else as the till's own settings say."""
        return self._hub_brand or self._own_brand

    async def prepare(
        self, journal: FileJournal, store: StateStore, spool: SpoolView, feed: JournalFeed, software: str
    ) -> None:
        """Build hub client and printer; what is wrong with an address is told as a device's fault."""
        self._journal = journal
        if self._hub_url or identity_file(self._state).exists():
            await self._make_hub(store, feed, software)
        if self._settings.devices.printer:
            self._make_printer(spool)
        if self._settings.till.second_copy and journal.head.epoch:
            from pos.copies import Mirroring  # noqa: PLC0415 - only where there is one

            self.mirror = Mirroring(
                self._state, Path(self._settings.till.second_copy), journal.head, self._tell
            )

    def connect(self, submit: Submit) -> None:
        """From now on news goes to the till."""
        self._submit = submit
        for report in self._later:
            submit(report)
        if self.printer is not None:
            self._tasks.append(("printer", self.printer.run))
        if self._hub_here:
            self._tasks.append(("hub on this machine", self._run_hub_here))
        if self.hub is not None:
            self._tasks.append(("hub", self.hub.run))
        if self.mirror is not None:
            self._tasks.append(("second copy", self.mirror.run))
        self._tasks.append(("compaction", self._compact))
        self._make_scanners(submit)
        self.customer = CustomerSide(self._settings, submit, self._clock, self.code_address)
        self._tasks += self.customer.tasks

    def tasks(self) -> tuple[_Task, ...]:
        return tuple(self._tasks)

    def link_address(self, link: str) -> str:
        """Where a customer's phone finds the receipt behind a link."""
        public = self.hub.public_url if self.hub is not None else ""
        return f"{public}/r/{link}" if public and link else ""

    def code_address(self, code: str) -> str:
        """What a code on a screen says: a receipt's link as an address, anything else as it is."""
        whole = ":" in code or "\n" in code
        return code if whole else self.link_address(code)

    def warm_up(self) -> None:
        """After the first frame: load what the first receipt needs, so that its customer does not wait for it."""
        self._worker.post(self._load_receipts)

    def _load_receipts(self) -> None:
        from receipts.qr import qr_blocks  # noqa: PLC0415 - 50 ms that the first frame does not pay

        qr_blocks("warm")
        if self.printer is not None:
            from receipts.escpos import prepare  # noqa: PLC0415 - 0.4 s

            with contextlib.suppress(OSError):
                prepare(self._state)

    async def drain(self, unsent: Callable[[], int], limit_s: float) -> None:
        """Before an orderly end: give the hub the sales it lacks, as long as that makes progress."""
        if self.hub is None:
            return
        self.hub.hurry()
        started = since = self._clock.mono_ms()
        left = unsent()
        while left and self._clock.mono_ms() - started < limit_s * 1000:
            await asyncio.sleep(_DRAIN_LOOK_S)
            if unsent() != left:
                left, since = unsent(), self._clock.mono_ms()
            elif self._clock.mono_ms() - since > _DRAIN_PATIENCE_S * 1000:
                return

    async def _compact(self) -> None:
        await asyncio.sleep(_COMPACT_AFTER_S)
        from pos.compaction import compact_daily  # noqa: PLC0415 - long after the first frame

        await compact_daily(self._state, self._settings, self._clock)

    # -- hub

    async def _make_hub(self, store: StateStore, feed: JournalFeed, software: str) -> None:
        assert self._journal is not None, "prepare comes first"
        journal = self._journal

        def make(identity: "Identity") -> "HubClient":
            from sync.client import HubClient  # noqa: PLC0415 - only where there is a hub

            return HubClient(
                identity,
                epoch=lambda: journal.head.epoch,
                source=feed,
                memory=store,
                clock=self._clock,
                ids=self._ids,
                worker=self._worker,
                submit=self._tell,
                apply_changes=self._apply_changes,
                shop=self._shop_info(),
                software=software,
                at_work=lambda: self.hub is not None and self.hub.at_work(),
            )

        self.hub = HubLine(
            self._state,
            self._hub_url,
            lambda: journal.head,
            make,
            self._tell,
            self._clock,
            enrol_here=(lambda: self._enrol_here(feed, software)) if self._hub_here else None,
        )
        await self.hub.load()

    def _shop_info(self) -> "ShopInfo":
        from sync.wire import ShopInfo  # noqa: PLC0415

        shop = self._settings.shop
        return ShopInfo(
            shop.name,
            shop.address,
            shop.tax_number,
            shop.country,
            shop.currency,
            "\n".join(shop.footer_de),
            "\n".join(shop.footer_en),
        )

    async def _enrol_here(self, feed: JournalFeed, software: str) -> None:
        """The hub on this machine is this till's own: its code needs no person in between."""
        from sync.codes import read_code  # noqa: PLC0415
        from sync.enrolling import Journal, enrol  # noqa: PLC0415

        assert self._journal is not None, "prepare comes first"
        head = self._journal.head
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pos", "hub", "--db", self._hub_db(), "enrol", "--quiet"),
            *("--store", head.store, "--till", head.till),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        code, errors = await child.communicate()
        if child.returncode:
            raise RuntimeError(errors.decode(errors="replace")[-400:])
        journal = Journal(head.store, head.till, *await feed.last())
        identity, _ = await enrol(
            self._hub_url, read_code(code.decode()), ids=self._ids, journal=journal, software=software
        )
        await self._worker.run(save_identity, identity_file(self._state), identity)

    def _hub_db(self) -> str:
        return f"sqlite:///{self._state / 'hub.db'}"

    async def _run_hub_here(self) -> None:
        """A shop with one till: the hub is a process beside it, and starts again if it ends."""
        while True:
            with (self._state / "log" / "hub.log").open("ab") as log:
                child = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "pos", "hub", "--db", self._hub_db()),
                    *("--host", "0.0.0.0", "--port", str(self._hub_port)),  # noqa: S104 - phones read receipts here
                    *("--public-url", f"http://{own_address()}:{self._hub_port}"),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
                try:
                    await child.wait()
                finally:
                    if child.returncode is None:
                        child.terminate()
                        await child.wait()
            await asyncio.sleep(_HUB_PAUSE_S)

    async def _apply_changes(self, news: "News") -> None:
        """Articles from the hub go into the catalogue in a process of its own: it may take its time."""
        brands = [change for change in news.changes if change["kind"] == brand.KIND]
        promotions = [change for change in news.changes if change["kind"] == "promotion"]
        turns = news.begins or news.whole
        if brands or turns:
            wear = functools.partial(brand.take_changes, begins=news.begins, whole=news.whole)
            self._hub_brand = await self._worker.run(wear, self._state, brands)
        if promotions or turns:
            from pos.promotions.feed import take_changes  # noqa: PLC0415 - only when promotions come

            take = functools.partial(take_changes, begins=news.begins, whole=news.whole)
            await self._worker.run(take, self._state, promotions)
        changes = [change for change in news.changes if change["kind"] not in {"promotion", brand.KIND}]
        if not changes and not turns:
            return
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pos.catalogue.changes", "--state", str(self._state)),
            *("--store", self._journal.head.store if self._journal is not None else ""),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        from pos.catalogue.news import records_of  # noqa: PLC0415 - only when articles come

        records = records_of(changes)
        mark = {"cursor": f"chain:{news.cursor}", "begins": news.begins, "whole": news.whole}
        records.append({"change": "cursor", **mark, "now_ms": self._clock.wall_ms()})
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        answer, errors = await child.communicate(lines)
        if child.returncode:
            raise RuntimeError(
                f"articles from the hub were not taken: {(answer + errors).decode(errors='replace')[-400:]}"
            )

    # -- printer

    def _make_printer(self, spool: SpoolView) -> None:
        from drivers.printer.addresses import open_line  # noqa: PLC0415
        from drivers.printer.printer import EscPosPrinter  # noqa: PLC0415 - only where there is one
        from drivers.printer.session import PrinterTraits  # noqa: PLC0415
        from receipts.escpos import drawer_pulse  # noqa: PLC0415
        from receipts.profiles import load_profiles  # noqa: PLC0415

        devices = self._settings.devices
        try:
            profile = load_profiles(config_path() / "printers.toml")[devices.printer_profile]
        except KeyError:
            self._tell(DeviceReported("printer", DeviceState.FAULT, "no-profile"))
            return
        traits = PrinterTraits(
            profile.name,
            profile.barrier,
            profile.status_back,
            drawer_pulse(profile, devices.drawer_kick) if devices.drawer else b"",
        )

        def make(address: str, name: str, other: "EscPosPrinter | None" = None) -> EscPosPrinter | None:
            try:
                line = open_line(address, ThreadWorker)
            except ValueError as error:
                _log.error("printer %s: %s", address, error)
                self._tell(DeviceReported(name, DeviceState.FAULT, "bad-address"))
                return None
            # The drawer hangs on the first printer.
            own = traits if name == "printer" else msgspec.structs.replace(traits, pulse=b"")
            return EscPosPrinter(
                line,
                own,
                spool,
                self._compose,
                self._tell,
                self._worker,
                self._clock,
                name=name,
                other=other,
                drawer_open=devices.drawer_sensor,
                drawer_open_s=devices.drawer_open_s,
            )

        other = make(devices.printer_other, "printer:other") if devices.printer_other else None
        self.printer = make(devices.printer, "printer", other)
        if other is not None:
            self._tasks.append(("other printer", other.run))

    def _compose(self, job: PrintJob, profile_name: str) -> bytes:
        """The bytes of one receipt; runs on the worker, for the library behind it is slow to load."""
        from receipts.escpos import compose, compose_document, prepare  # noqa: PLC0415 - 0.3 s, never on the start path
        from receipts.logo import raster  # noqa: PLC0415
        from receipts.model import Shop, branded, build  # noqa: PLC0415
        from receipts.profiles import load_profiles  # noqa: PLC0415

        assert self._journal is not None, "prepare comes first"
        prepare(self._state)
        profile = load_profiles(config_path() / "printers.toml")[profile_name]
        named, worn = self._settings.shop, self.brand
        logo = raster(worn.logo, profile.dots) if worn.logo else b""
        shop = branded(
            Shop(
                named.name,
                named.address,
                named.tax_number,
                named.country,
                named.currency,
                "\n".join(named.footer_de),
                "\n".join(named.footer_en),
            ),
            worn,
            with_name=not logo,
        )
        if job.document is not None:
            public = self.hub.public_url if self.hub is not None else ""
            return compose_document(job.document, shop, profile, public_url=public)
        assert job.sale is not None, "a job is a receipt or a document"
        receipt = build(
            job.sale,
            shop,
            till=self._journal.head.till,
            epoch=job.epoch,
            public_url=self.hub.public_url if self.hub is not None else "",
            copy=job.copy,
            language=job.sale.language,
            buyer=job.buyer,
        )
        return compose(receipt, profile, logo)

    # -- scale

    def make_scale(self) -> Scale | None:
        """A scale, where the settings name one; what is wrong with its address is told as its fault."""
        devices = self._settings.devices
        if not devices.scale:
            return None
        from drivers.scale_line import LiveScale, PortAddressError  # noqa: PLC0415 - only where there is one

        try:
            scale = LiveScale(devices.scale, devices.scale_protocol, self._tell, self._clock)
        except PortAddressError as error:
            _log.error("scale: %s", error)
            self._tell(DeviceReported("scale", DeviceState.FAULT, "bad-address"))
            return None
        self._tasks.append(("scale", scale.run))
        return scale

    # -- card terminals

    def make_cards(self, memory: Memory) -> tuple[CardTerminal, ...]:
        """The card terminals of the settings."""
        if not self._settings.devices.card:
            return ()
        from pos.card_line import make_terminals  # noqa: PLC0415 - only where there is one

        made = make_terminals(self._state, self._settings, memory, self._tell, self._clock, ThreadWorker)
        self._tasks += [(f"card terminal {terminal.name}", terminal.run) for terminal in made]
        return tuple(made)

    def make_services(self) -> tuple[PaymentLine, ...]:
        """The line to a payment service, where the settings name one."""
        from pos.payment_services import make_line  # noqa: PLC0415

        line = make_line(self._state, self._settings, self._clock)
        if line is None:
            return ()
        self._tasks.append(("payment service", line.run))
        return (line,)

    # -- scanners

    def _make_scanners(self, submit: Submit) -> None:
        devices = self._settings.devices
        if not devices.scanner:
            return
        from drivers.scanner import AddressError, make_scanner  # noqa: PLC0415 - only where there is one

        for at, address in enumerate(devices.scanner):
            try:
                scanner = make_scanner(
                    address,
                    submit,
                    self._clock,
                    name=str(at + 1) if at else "",
                    layout=devices.scanner_layout,
                    repeat_ms=self._settings.till.scan_repeat_ms,
                    on_repeat=lambda code, _gap_ms: submit(Mistyped("scan-suppressed", code)),
                )
            except AddressError as error:
                _log.error("scanner %s: %s", address, error)
                submit(DeviceReported("scanner", DeviceState.FAULT, str(error)))
                continue
            self._tasks.append((f"scanner {address}", scanner.run))

    def _tell(self, report: Any) -> None:
        if self._submit is not None:
            self._submit(report)
        else:
            self._later.append(report)


def own_address() -> str:
    """The address of this machine in its network, for links that phones open; nothing is sent."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        found: str = probe.getsockname()[0]
        return found
    return "127.0.0.1"
