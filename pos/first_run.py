"""The guided first run: asks on the screen, tries devices out, and makes the till."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from pos.domain.commands import Command, Scan
from pos.enrol import make_enrolled, redeem
from pos.notify import READY, Watchdog, feed_from_loop, notify
from pos.settings import Settings
from pos.setup import SetupError, make_till
from pos.system import SystemClock, ThreadWorker
from pos.tui.screens.setup import SetupAnswers
from pos.tui.setup_app import Outcome, SetupApp, Trials
from pos.tui.themes import load_theme
from sync.begun import unfinished
from sync.codes import grouped
from sync.enrolling import EnrolError
from sync.identity import Identity, identity_file
from sync.wire import Enrolled

__all__ = ["arguments_of", "first_run"]

_SCAN_WAIT_S = 20.0
_WRITE_S = 3.0
_TEST_PAGE = b"\x1b@Tresen\n\nTest 1234567890\n\x1bd\x04\x1dV\x42\x00"
_DRAWER_PULSE = b"\x1b\x70\x00\x32\x32"


async def first_run(state: Path, settings: Settings) -> bool:
    """True when a till was made. What is typed wrong is asked again inside; a refusal is told and ends it."""
    enrolment: list[tuple[Identity, Enrolled]] = []

    async def try_code(address: str, code: str) -> Outcome:
        try:
            enrolment[:] = [await redeem(state, address, code)]
        except (EnrolError, OSError) as error:
            return Outcome(ok=False, said=str(error))
        identity, _ = enrolment[0]
        return Outcome(ok=True, said=f"{identity.store}/{identity.machine}")

    begun = unfinished(identity_file(state))
    app = SetupApp(
        theme=load_theme(settings.till.theme),
        trials=Trials(
            scanner=_wait_for_scan,
            test_print=lambda address: _send(address, _TEST_PAGE),
            test_drawer=lambda address: _send(address, _DRAWER_PULSE),
            import_catalogue=lambda path, progress: _import(state, path, progress),
            enrol=try_code,
        ),
        language=settings.shop.language,
        begun=(begun.hub, grouped(begun.code)) if begun is not None else ("", ""),
    )
    watchdog = Watchdog.from_environment()
    feeding = asyncio.ensure_future(feed_from_loop(watchdog))
    notify(READY)
    try:
        answers = await app.run_async()
    finally:
        feeding.cancel()
    if answers is None:
        return False
    try:
        if answers.hub_code and enrolment:
            make_enrolled(state, *enrolment[0], **arguments_of(answers))
        else:
            make_till(state, **arguments_of(answers))
    except (SetupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return False
    return True


def arguments_of(answers: SetupAnswers) -> dict[str, Any]:
    return {
        "operator": answers.operator,
        "pin": answers.pin,
        "hub": answers.hub,
        "shop": {
            "name": answers.shop_name,
            "address": list(answers.address),
            "tax_number": answers.tax_number,
            "language": answers.language,
        },
        "devices": {
            "scanner": [answers.scanner] if answers.scanner else [],
            "printer": answers.printer,
            "drawer": answers.drawer,
        },
    }


async def _wait_for_scan() -> Outcome:
    """Listen to every keyboard and serial line there is; the first that sends a code is the scanner."""
    from drivers.scanner import AddressError, make_scanner  # noqa: PLC0415

    heard: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
    addresses = [
        *(f"evdev:{path}?grab=no" for path in sorted(Path("/dev/input/by-id").glob("*-event-kbd"))),
        *(f"serial:{path}" for path in sorted(Path("/dev/serial/by-id").glob("*"))),
    ]

    def listen(address: str) -> Callable[[Command], None]:
        def submit(command: Command) -> None:
            if isinstance(command, Scan) and not heard.done():
                heard.set_result((command.code, address.removesuffix("?grab=no")))

        return submit

    clock = SystemClock()
    tasks = []
    for address in addresses:
        with contextlib.suppress(AddressError):
            tasks.append(asyncio.ensure_future(make_scanner(address, listen(address), clock).run()))
    try:
        code, address = await asyncio.wait_for(heard, _SCAN_WAIT_S)
        return Outcome(ok=True, said=code, value=address)
    except TimeoutError:
        return Outcome(ok=False)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(address: str, data: bytes) -> Outcome:
    from drivers.printer.addresses import open_line  # noqa: PLC0415

    try:
        line = open_line(address, ThreadWorker)
    except ValueError as error:
        return Outcome(ok=False, said=str(error))
    try:
        await asyncio.wait_for(line.open(), _WRITE_S)
        await line.write(data, _WRITE_S)
        await asyncio.sleep(0.2)
    except Exception as error:  # noqa: BLE001 - whatever it is, the person at the screen should read it
        return Outcome(ok=False, said=str(error) or type(error).__name__)
    finally:
        line.close()
    return Outcome(ok=True)


async def _import(state: Path, path: str, progress: Callable[[int], None]) -> Outcome:
    """In a process of its own: the importer's SQLite and the till's must not meet in one. Says the number of articles,
    or why not; nothing where there is no such file.
    """
    if not Path(path).is_file():
        return Outcome(ok=False)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    departments = Path(path).with_name("departments.csv")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pos", "catalogue", "import", path, "--state", str(state), "--json"),
        *(("--departments", str(departments)) if departments.is_file() else ()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await child.communicate()
    with contextlib.suppress(msgspec.DecodeError, msgspec.ValidationError):
        summary = msgspec.json.decode(out, type=_Summary)
        if child.returncode == 0:
            progress(summary.articles)
            return Outcome(ok=True, said=str(summary.articles))
        if summary.refusals:
            first = summary.refusals[0]
            return Outcome(
                ok=False, said=f"{summary.rows_refused}: {first.get('line')}, {first.get('cause')}"
            )
    lines = (errors + out).decode("utf-8", "replace").strip().splitlines()
    said = next((line for line in lines if line.startswith("Error:")), lines[0] if lines else "")
    return Outcome(ok=False, said=said.removeprefix("Error: "))


class _Summary(msgspec.Struct):
    """What the importer answers with --json, as far as it is shown here."""

    articles: int
    rows_refused: int
    refusals: list[dict[str, Any]]
