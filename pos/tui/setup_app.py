"""The first run as an app of its own: it asks, tries the devices out, and returns the answers."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from textual import events
from textual.app import App, ComposeResult
from textual.screen import Screen

from pos.resources import texts
from pos.tui.app import BareScreen
from pos.tui.face import Drawing, Face
from pos.tui.keypad import PadDriver, pad_key
from pos.tui.paint import Brush
from pos.tui.pump import Pump
from pos.tui.screens.setup import SetupAnswers, Wizard, draw_setup
from pos.tui.themes import Theme

__all__ = ["Outcome", "SetupApp", "Trials"]


class Outcome(msgspec.Struct, frozen=True):
    """What a trial came to: `said` is a sentence for the screen, `value` an address where one was found."""

    ok: bool
    said: str = ""
    value: str = ""


class Trials(msgspec.Struct, frozen=True):
    """What the wizard may try out; None where the machine cannot. They answer with errors, never raise them.

    `scanner` waits for a scan and tells code (`said`) and device (`value`); `test_print` and `test_drawer`
    take the printer's address; `import_catalogue` takes a path and a function that hears the rows so far; `enrol`
    takes the hub's address and a code, and tells which till this one becomes.
    """

    scanner: Callable[[], Awaitable[Outcome]] | None = None
    test_print: Callable[[str], Awaitable[Outcome]] | None = None
    test_drawer: Callable[[str], Awaitable[Outcome]] | None = None
    import_catalogue: Callable[[str, Callable[[int], None]], Awaitable[Outcome]] | None = None
    enrol: Callable[[str, str], Awaitable[Outcome]] | None = None


class SetupApp(App[SetupAnswers], inherit_bindings=False):
    """`run_async()` gives the answers, or None when it was left with Ctrl-C.

    `begun`: address and code of an enrolment that an earlier dialogue did not finish; it is gone on with.
    """

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    AUTO_FOCUS = ""

    def __init__(
        self, *, theme: Theme, trials: Trials, language: str = "de", begun: tuple[str, str] = ("", "")
    ) -> None:
        super().__init__(driver_class=PadDriver, ansi_color=theme.terminal_colours)
        self._look = theme
        self._trials = trials
        self._trial: asyncio.Task[None] | None = None
        self._brush = Brush(theme, 80)
        self.wizard = Wizard(self._try, language, begun)
        self._pump = Pump(self._renew)
        self._face = Face(self._draw, lambda _: None)

    def get_default_screen(self) -> Screen[None]:
        return BareScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self._face

    @property
    def drawing(self) -> Drawing:
        return self._face.drawing

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self._pressed(pad_key(event.key), event.character)
        elif isinstance(event, events.Paste):
            for char in event.text:
                self.wizard.type(char)
            self._pump.poke()
        else:
            await super().on_event(event)

    def _pressed(self, key: str, character: str | None) -> None:
        wizard = self.wizard
        if key == "ctrl+c":
            self._stop_trial()
            self.exit(None)
        elif key == "enter":
            wizard.enter()
        elif key == "escape":
            self._stop_trial()
            wizard.escape()
        elif key == "backspace":
            wizard.backspace()
        elif character is not None and len(character) == 1:
            wizard.type(character)
        if wizard.finished is not None:
            self._stop_trial()
            self.exit(wizard.finished)
        self._pump.poke()

    def _try(self, what: str, text: str) -> None:
        """One trial at a time; what is asked anew replaces what still runs."""
        self._stop_trial()
        self._trial = asyncio.get_running_loop().create_task(self._run_trial(what, text))

    def _stop_trial(self) -> None:
        if self._trial is not None:
            self._trial.cancel()
            self._trial = None

    async def _run_trial(self, what: str, text: str) -> None:
        wizard, trials = self.wizard, self._trials
        words = texts(wizard.language)
        outcome = Outcome(ok=True)
        if what == "scanner" and trials.scanner is not None:
            wizard.told(what, words("setup.scanner-waits"), ok=False)
            self._pump.poke()
            outcome = await trials.scanner()
            said = words("setup.scanner-heard", code=outcome.said, address=outcome.value)
            outcome = Outcome(outcome.ok, said if outcome.ok else words("setup.scanner-none"), outcome.value)
        elif what == "scanner":
            outcome = Outcome(ok=False, said=words("setup.scanner-none"))
        elif what == "print" and trials.test_print is not None:
            outcome = await trials.test_print(text)
        elif what == "drawer" and trials.test_drawer is not None:
            outcome = await trials.test_drawer(text)
        elif what == "catalogue":
            outcome = await self._import(text)
        elif what == "hub-code" and trials.enrol is not None:
            wizard.told(what, words("setup.hub-code-asks"), ok=False)
            self._pump.poke()
            address, _, code = text.partition(" ")
            outcome = await trials.enrol(address, code)
            said = words("setup.hub-code-done", till=outcome.said) if outcome.ok else outcome.said
            outcome = Outcome(outcome.ok, said)
        wizard.told(what, outcome.said, ok=outcome.ok, value=outcome.value)
        self._pump.poke()

    async def _import(self, path: str) -> Outcome:
        if self._trials.import_catalogue is None:
            return Outcome(ok=True, value=path)
        words = texts(self.wizard.language)

        def progress(count: int) -> None:
            self.wizard.told("catalogue", words("setup.catalogue-reads", count=count), ok=False)
            self._pump.poke()

        outcome = await self._trials.import_catalogue(path, progress)
        said = words("setup.catalogue-done", count=outcome.said) if outcome.said.isdigit() else outcome.said
        return Outcome(outcome.ok, said or words("setup.catalogue-none", path=path), path)

    def _renew(self) -> None:
        if self._running and self._face.is_mounted:
            self._face.renew()

    def _draw(self, width: int, height: int) -> Drawing:
        if self._brush.width != width:
            self._brush = Brush(self._look, width)
        return draw_setup(self.wizard, self._brush, height)
