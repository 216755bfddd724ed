"""Whether each device of the settings is there and may be used.

Nothing is opened for writing and nothing printed: the till may be using it at this very moment.
"""

import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pos.check.report import Finding
from pos.settings import DeviceSettings

__all__ = [
    "check_card",
    "check_display",
    "check_printer",
    "check_scale",
    "check_scanner",
    "check_screen",
    "printers",
]

_SECTION = "Devices"
_CONNECT_S = 0.8
_USB = Path("/sys/bus/usb/devices")


def printers(devices: DeviceSettings) -> list[tuple[str, str]]:
    """What to call each printer, and its address; empty where none is set."""
    found = [("Receipt printer", devices.printer)]
    if devices.printer_other:
        found.append(("Other printer", devices.printer_other))
    return found


def check_printer(what: str, address: str, till_runs: bool) -> Finding:
    """Blocks for a second at most, and longer only while a host name is looked up."""
    if not address:
        to_do = "Name it in settings.toml: devices.printer"
        return Finding(_SECTION, what, "off", "none set", to_do)
    kind, _, rest = address.partition(":")
    parts = urlsplit(address)
    try:
        if kind == "tcp" and parts.hostname:
            return _tcp(what, address, parts.hostname, parts.port or 9100, till_runs)
        if kind == "serial" and parts.path:
            return _device(what, address, (parts.path,), "dialout")
        if kind == "file" and rest:
            return _file(what, address, Path(rest))
        if kind == "usb":
            vendor, product = (int(number, 16) for number in rest.split(":"))
            return _usb(what, address, vendor, product)
    except ValueError:
        pass
    to_do = "A printer's address is tcp://HOST:9100, serial:/dev/..., file:/dev/... or usb:VENDOR:PRODUCT."
    return Finding(_SECTION, what, "wrong", address, to_do)


def _tcp(what: str, address: str, host: str, port: int, till_runs: bool) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_S):
            return Finding(_SECTION, what, "ok", f"{address} answers")
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
    to_do = "Switch it on, look at its cable and network, and at its address in settings.toml."
    if till_runs:
        to_do += " Many printers take one connection only: the running till may hold it."
    return Finding(_SECTION, what, "missing", f"{address}: {reason}", to_do)


def _file(what: str, address: str, path: Path) -> Finding:
    """A device must be there; a plain file is made by the first print."""
    if path.exists() and stat.S_ISCHR(path.stat().st_mode):
        return _device(what, address, (str(path),), "lp")
    if path.is_relative_to("/dev"):
        return _device(what, address, (str(path),), "lp")
    if os.access(path if path.exists() else path.parent, os.W_OK):
        return Finding(_SECTION, what, "ok", address)
    return Finding(_SECTION, what, "wrong", f"{address} cannot be written", "Give the till's user the right.")


def _usb(what: str, address: str, vendor: int, product: int) -> Finding:
    nodes = []
    for place in _USB.glob("*/idVendor"):
        about = place.parent
        try:
            if (_number(about / "idVendor", 16), _number(about / "idProduct", 16)) == (vendor, product):
                bus, device = _number(about / "busnum", 10), _number(about / "devnum", 10)
                nodes.append(f"/dev/bus/usb/{bus:03d}/{device:03d}")
        except (OSError, ValueError):  # unplugged while we looked
            continue
    return _device(what, address, nodes, "tresen")


def check_scanner(what: str, address: str) -> Finding:
    """evdev, serial and fifo addresses are looked for; a pipe given as a number belongs to another process."""
    from drivers.scanner.address import Address, AddressError  # noqa: PLC0415 - only where there is one

    try:
        where = Address.read(address)
    except AddressError as error:
        return Finding(_SECTION, what, "wrong", address, f"Mend devices.scanner in settings.toml: {error}")
    if where.kind == "evdev":
        from drivers.scanner.evdev import candidates  # noqa: PLC0415

        return _device(what, address, candidates(where.place), "input", os.R_OK)
    if where.kind == "serial":
        return _device(what, address, (where.place,), "dialout")
    if where.kind == "fifo":
        return _device(what, address, (where.place,), "tresen", os.R_OK)
    return Finding(_SECTION, what, "off", f"{address}: only the program that gave it can tell")


def check_display(devices: DeviceSettings) -> Finding:
    """A line display never answers: ok means that its line is there."""
    from drivers.addresses import PortAddressError  # noqa: PLC0415 - only where there is one
    from drivers.display import read_display_address  # noqa: PLC0415

    what, address = "Customer display", devices.display
    if not address:
        return _none(what, "devices.display")
    try:
        where = read_display_address(address, devices.display_protocol)
    except PortAddressError as error:
        return Finding(_SECTION, what, "wrong", address, f"Mend devices.display in settings.toml: {error}")
    found = _device(what, address, (where.path,), "dialout" if where.kind == "serial" else "tresen")
    if found.state != "ok":
        return found
    return Finding(
        _SECTION, what, "ok", f"{address}, {devices.display_protocol}; it cannot answer: look at it"
    )


def check_card(what: str, address: str, password: Path, till_runs: bool) -> Finding:
    """Whether its line is there, and whether nobody else reads its password. It is asked nothing.

    A terminal mostly takes one connection: while the till runs it is left alone.
    """
    from drivers.addresses import PortAddressError  # noqa: PLC0415 - only where there is one
    from drivers.card.addresses import read_card_address  # noqa: PLC0415
    from drivers.card.passwords import PasswordError, read_password  # noqa: PLC0415

    try:
        where = read_card_address(address)
    except PortAddressError as error:
        return Finding(_SECTION, what, "wrong", address, f"Mend devices.card in settings.toml: {error}")
    try:
        own = Path(where.password) if where.password else password
        read_password(own)
    except PasswordError as error:
        to_do = f"{own}: six digits, owned by the till's user, chmod 600."
        return Finding(_SECTION, what, "wrong", f"{address}: {error}", to_do)
    if where.kind == "serial":
        return _device(what, address, (where.place,), "dialout")
    if till_runs:
        return Finding(
            _SECTION, what, "ok", f"{address}: the running till holds it; its status row says how it is"
        )
    return _tcp(what, address, where.place, where.port, till_runs)


def check_scale(devices: DeviceSettings) -> Finding:
    """Whether its line is there, and which program would read it."""
    from drivers.addresses import PortAddressError  # noqa: PLC0415
    from drivers.scale import VERSION, fingerprint  # noqa: PLC0415
    from drivers.scale_line import read_scale_address  # noqa: PLC0415

    what, address = "Scale", devices.scale
    if not address:
        return _none(what, "devices.scale, and mind the law: docs/devices.md")
    try:
        where = read_scale_address(address, devices.scale_protocol)
    except PortAddressError as error:
        return Finding(_SECTION, what, "wrong", address, f"Mend devices.scale in settings.toml: {error}")
    found = _device(what, where.path, (where.path,), "dialout")
    if found.state != "ok":
        return found
    module = f"scale module {VERSION}, {fingerprint()[:16]}, not certified"
    return Finding(_SECTION, what, "ok", f"{where.path}, {devices.scale_protocol}; {module}")


def check_screen(devices: DeviceSettings, till_runs: bool) -> Finding:
    """While the till runs its page must answer; else its port must be free."""
    from drivers.customer_screen import ScreenAddressError, read_screen_address  # noqa: PLC0415

    what, address = "Customer screen", devices.customer_screen
    if not address:
        return _none(what, "devices.customer_screen")
    try:
        host, port = read_screen_address(address)
    except ScreenAddressError as error:
        to_do = f"Mend devices.customer_screen in settings.toml: {error}"
        return Finding(_SECTION, what, "wrong", address, to_do)
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked, not listened on
    try:
        with socket.create_connection((here, port), timeout=_CONNECT_S):
            answers = True
    except OSError:
        answers = False
    if till_runs and not answers:
        to_do = "The running till does not serve it: start it anew, and read log/till.log."
        return Finding(_SECTION, what, "missing", f"http://{address}/: no answer", to_do)
    if answers and not till_runs:
        return Finding(
            _SECTION, what, "wrong", f"{address}: another program listens there", "Choose another port."
        )
    return Finding(_SECTION, what, "ok", f"http://{address}/")


def _none(what: str, key: str) -> Finding:
    return Finding(_SECTION, what, "off", "none set", f"Name it in settings.toml: {key}")


def _device(
    what: str, address: str, nodes: Sequence[str], group: str, need: int = os.R_OK | os.W_OK
) -> Finding:
    """One of several nodes that may be used is enough."""
    there = [node for node in nodes if Path(node).exists()]
    if not there:
        to_do = "Plug it in and switch it on; if it is, its address in settings.toml is another one."
        return Finding(_SECTION, what, "missing", f"{address}: not there", to_do)
    usable = [node for node in there if os.access(node, need)]
    if usable:
        return Finding(_SECTION, what, "ok", address)
    to_do = f"Add the till's user to the group {group}, or install systemd/udev/70-tresen.rules."
    return Finding(_SECTION, what, "wrong", f"{there[0]}: no permission", to_do)


def _number(path: Path, base: int) -> int:
    return int(path.read_text(encoding="ascii"), base)
