"""Card terminals by their addresses, with what the till's folder keeps of them: the password, and a trace if one is wanted."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pos.device_ports import DeviceState
from pos.domain.commands import DeviceReported
from pos.ports import Clock, Worker
from pos.resources import config_path
from pos.settings import Settings
from pos.storage_ports import Memory

if TYPE_CHECKING:
    from drivers.card.terminal import ZvtTerminal

__all__ = ["PASSWORD_FILE", "device_name", "make_terminals", "password_file"]

PASSWORD_FILE = "card-password"  # noqa: S105 - where it is, not what it is
TRACE_FILE = "card-terminal.log"
_TRACE_MAX = 5_000_000
_COLUMNS = 40
_log = logging.getLogger("tresen.devices")


def device_name(number: int) -> str:
    """What the terminal is called among the devices: "card", "card-2", ..."""
    return "card" if number == 1 else f"card-{number}"


def password_file(state: Path, settings: Settings) -> Path:
    """Where the terminals' password is looked for."""
    given = settings.devices.card_password_file
    return Path(given).expanduser() if given else state / PASSWORD_FILE


def make_terminals(
    state: Path,
    settings: Settings,
    memory: Memory,
    tell: Callable[[Any], None],
    clock: Clock,
    workers: Callable[[str], Worker],
) -> "list[ZvtTerminal]":
    """The terminals of the settings, none yet running; what is wrong with an address is told as that device's fault."""
    devices = settings.devices
    if not devices.card:
        return []
    from drivers.card.addresses import PortAddressError, read_card_address  # noqa: PLC0415 - only where there is one
    from drivers.card.orders import Wishes  # noqa: PLC0415
    from drivers.card.terminal import ZvtTerminal  # noqa: PLC0415

    wishes = Wishes(
        currency=settings.shop.currency,
        config=devices.card_config,
        charset=devices.card_charset,
        columns=_columns(settings),
        sync=devices.card_sync,
    )
    trace = _trace(state / "log" / TRACE_FILE, workers("card-trace")) if devices.card_trace else None
    made: list[ZvtTerminal] = []
    for number, text in enumerate(devices.card, 1):
        name = device_name(number)
        try:
            address = read_card_address(text)
        except PortAddressError as error:
            _log.error("%s: %s", name, error)
            tell(DeviceReported(name, DeviceState.FAULT, "bad-address"))
            continue
        made.append(
            ZvtTerminal(
                str(number),
                address,
                tell,
                clock,
                device=name,
                wishes=wishes,
                password_file=password_file(state, settings),
                memory=memory,
                trace=trace,
            )
        )
    return made


def _columns(settings: Settings) -> int:
    """How many characters the receipt printer has in a row."""
    from receipts.profiles import load_profiles  # noqa: PLC0415 - only where there is a terminal

    profile = load_profiles(config_path() / "printers.toml").get(settings.devices.printer_profile)
    return profile.columns if profile is not None else _COLUMNS


def _trace(file: Path, worker: Worker) -> Callable[[str], None]:
    """Lines are written aside, for their owner's eyes; one older file is kept."""

    def write(line: str) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists() and file.stat().st_size > _TRACE_MAX:
                file.replace(file.with_suffix(".old"))
            file.touch(mode=0o600)
            with file.open("a", encoding="utf-8") as log:
                log.write(f"{line}\n")
        except OSError as error:
            _log.warning("the trace of the card terminal was not written: %s", error)

    return lambda line: worker.post(lambda: write(line))
