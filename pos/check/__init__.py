"""`tresen check`: in one table what is there, what is not, and what to do. It changes and prints nothing.

Whatever may keep silent (printer, hub, time service) is asked at once, each with a deadline, so that the table
is there within three seconds even if everything is missing.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from pos.check.report import Finding, can_sell, table
from pos.settings import Settings, default_state_folder

__all__ = ["check"]

_PATIENCE_S = 1.5
_NODE_PATIENCE_S = 2.2


class _WithPower(click.Group):
    """`power` is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return ["power"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name != "power":
            return None
        from pos.check.power_command import power  # noqa: PLC0415 - apsw may be missing

        return power


@click.group(cls=_WithPower, invoke_without_command=True)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=default_state_folder,
    show_default="TRESEN_STATE, else ~/.local/state/tresen",
    help="The till's folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def check(context: click.Context, state: Path, as_json: bool) -> None:
    """Say in one table what is there, what is not, and what to do. Exit code 1: the till cannot sell."""
    if context.invoked_subcommand:
        return
    logging.getLogger("tresen").addHandler(logging.NullHandler())  # the table says it
    findings = asyncio.run(_look(state))
    sells = can_sell(findings)
    if as_json:
        click.echo(msgspec.json.encode({"can_sell": sells, "findings": findings}))
    else:
        click.echo(table(findings))
        stopped = any(finding.must_not_sell for finding in findings)
        can = "The till could sell, and must not: see Hub." if stopped else "The till can sell."
        click.echo(can if sells else "The till cannot sell yet: see above.")
    sys.exit(0 if sells else 1)


async def _look(state: Path) -> list[Finding]:
    """All findings, in the order of the table. The silent ones run beside the rest."""
    from pos.check.copies import check_numbers  # noqa: PLC0415
    from pos.check.program import check_program  # noqa: PLC0415 - heavy, and not for --help
    from pos.check.store import check_settings, check_store, running_till  # noqa: PLC0415
    from pos.check.surroundings import check_clock, check_terminal, check_time_sync  # noqa: PLC0415
    from pos.system import SystemClock, ThreadWorker  # noqa: PLC0415

    in_settings, settings = check_settings(state)
    clock = SystemClock(settings.shop.time_zone if settings is not None else "")
    worker = ThreadWorker("check")
    waiting = [
        asyncio.ensure_future(asked)
        for asked in (*_around(settings, state, bool(running_till(state))), check_time_sync())
    ]
    program = await worker.run(check_program)
    # What looks at the articles waits for a worker of its own, on a loop of its own: it must not be the one it stands on.
    kept, journal = await worker.run(check_store, state, clock, ThreadWorker("articles"))
    answers = await asyncio.gather(*waiting)
    return [
        *program,
        *kept,
        *check_numbers(state),
        *in_settings,
        *answers[:-1],
        check_clock(clock, journal.last_wall_ms),
        answers[-1],
        *check_terminal(),
    ]


def _around(settings: Settings | None, state: Path, till_runs: bool) -> list[Awaitable[Finding]]:
    """Devices and hub by their addresses, each on a thread of its own, for any of them may hang."""
    from pos.card_line import password_file  # noqa: PLC0415
    from pos.check.copies import check_copy  # noqa: PLC0415
    from pos.check.devices import (  # noqa: PLC0415
        check_card,
        check_display,
        check_printer,
        check_scale,
        check_scanner,
        check_screen,
        printers,
    )
    from pos.check.services import check_service  # noqa: PLC0415

    if settings is None:
        mend = Finding("Devices", "Devices and hub", "off", "not looked for: the settings need mending first")
        return [asyncio.sleep(0, mend)]
    target = settings.till.second_copy
    asked: list[Awaitable[Finding]] = [
        _in_time("Till", "Second copy", target, check_copy, state, target, settings.hub.url)
    ]
    asked += [
        _in_time("Devices", what, address, check_printer, what, address, till_runs)
        for what, address in printers(settings.devices)
    ]
    if not settings.devices.scanner:
        to_do = "Name it in settings.toml: devices.scanner"
        asked.append(asyncio.sleep(0, Finding("Devices", "Scanner", "off", "none set", to_do)))
    for at, address in enumerate(settings.devices.scanner, 1):
        what = f"Scanner {at}" if len(settings.devices.scanner) > 1 else "Scanner"
        asked.append(_in_time("Devices", what, address, check_scanner, what, address))
    devices = settings.devices
    asked += [
        _in_time("Devices", "Customer display", devices.display, check_display, devices),
        _in_time("Devices", "Scale", devices.scale, check_scale, devices),
        _in_time("Devices", "Customer screen", devices.customer_screen, check_screen, devices, till_runs),
    ]
    for at, address in enumerate(devices.card, 1):
        what = f"Card terminal {at}" if len(devices.card) > 1 else "Card terminal"
        password = password_file(state, settings)
        asked.append(_in_time("Devices", what, address, check_card, what, address, password, till_runs))
    asked.append(
        _in_time(
            "Services", "Payment service", settings.psp.provider, check_service, state, settings.psp,
            patience_s=_NODE_PATIENCE_S,
        )
    )  # fmt: skip
    return asked + _nodes(settings.hub.url, state)


def _nodes(url: str, state: Path) -> list[Awaitable[Finding]]:
    """The hub, and the relay where the till was enrolled with one."""
    from pos.check.nodes import check_node  # noqa: PLC0415
    from pos.check.surroundings import check_hub, hub_address  # noqa: PLC0415
    from sync.identity import IdentityError, identity_file, load_identity  # noqa: PLC0415

    try:
        identity = load_identity(identity_file(state))
    except IdentityError as error:
        return [asyncio.sleep(0, Finding("Hub", "Key of this till", "wrong", str(error), "Enrol it again."))]
    url = hub_address(url)
    if identity is None:
        return [_in_time("Hub", "Hub", url, check_hub, url)]
    asked: list[Awaitable[Finding]] = []
    for node in reversed(identity.nodes):
        where = url if url and node.role == "hub" else node.url
        what = "Relay" if node.role == "relay" else "Hub"
        node = msgspec.structs.replace(node, url=where)  # noqa: PLW2901
        asked.append(
            _in_time("Hub", what, where, check_node, state, identity, node, patience_s=_NODE_PATIENCE_S)
        )
    return asked


async def _in_time(
    section: str,
    what: str,
    address: str,
    function: Callable[..., Finding],
    *arguments: Any,
    patience_s: float = _PATIENCE_S,
) -> Finding:
    """One look on a daemon thread; a name server that does not answer is left waiting there."""
    from pos.system import ThreadWorker  # noqa: PLC0415

    try:
        async with asyncio.timeout(patience_s):
            return await ThreadWorker(f"check {what}").run(function, *arguments)
    except TimeoutError:
        to_do = "Look at the network and the name server, or give an address in numbers."
        return Finding(section, what, "missing", f"{address}: no answer within {patience_s} s", to_do)
