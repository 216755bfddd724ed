"""The app: wiring between the till, the terminal and the one widget. It decides nothing."""

import asyncio
from collections.abc import Callable, Sequence

from textual import events
from textual.app import App, ComposeResult
from textual.screen import Screen

from pos.brand import NO_BRAND, ShopBrand
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.cart import Line
from pos.entry import Entry, Keymap
from pos.ports import Clock
from pos.quickkeys import Page, QuickKeys
from pos.resources import texts
from pos.till import Till
from pos.tui.controls import Controls
from pos.tui.face import Drawing, Face
from pos.tui.keypad import PadDriver, pad_key
from pos.tui.paint import Brush
from pos.tui.pump import Pump
from pos.tui.scene import CartRows, Scene
from pos.tui.screens import draw
from pos.tui.screens.code import code_room
from pos.tui.sounds import Alarm, Sounds, sound_of
from pos.tui.themes import Theme
from pos.tui.timer import Later, later
from pos.tui.wedge import KeySieve, Wedge
from pos.view import TillView

__all__ = ["BareScreen", "TillApp"]

_ROWS_MIN = 12
_COLUMNS_MIN = 40


class BareScreen(Screen[None], inherit_bindings=False):
    """Textual's screen without focus keys, copy keys and toasts."""

    AUTO_FOCUS = ""


class TillApp(App[int], inherit_bindings=False):
    """The cashier's screen on a till. Run it with `run_async()`; `exit(code)` ends it.

    `qr_blocks` makes the rows of a code for a link; it is asked after the paid screen stands, once a link.
    `qr_fitting` makes them for a code that a customer is to scan now, for so many columns and rows.
    `first_frame` is called when the first frame is on the terminal, `painted` after each later one.
    `quick_keys` are the pages of the shop, `left_handed` puts what is touched at the left. `brand` is asked at each picture. `wedge` tells a scanner that types into the terminal from a person; None takes every key as typed.
    """

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    AUTO_FOCUS = ""
    INLINE_PADDING = 0

    def __init__(
        self,
        till: Till,
        keymap: Keymap,
        *,
        clock: Clock,
        theme: Theme,
        digits_are_cents: bool = True,
        qr_blocks: Callable[[str], list[str]] | None = None,
        qr_fitting: Callable[[str, int, int], list[str]] | None = None,
        first_frame: Callable[[], None] | None = None,
        painted: Callable[[], None] | None = None,
        sounds: Sounds | None = None,
        demo_ctrl_c: bool = False,
        wedge: Wedge | None = None,
        timer: Later = later,
        quick_keys: QuickKeys | None = None,
        left_handed: bool = False,
        brand: Callable[[], ShopBrand] = lambda: NO_BRAND,
    ) -> None:
        super().__init__(driver_class=PadDriver, ansi_color=theme.terminal_colours)
        self._till = till
        self._wall = clock
        self._look = self._theme = theme
        self._brand = brand
        self._worn = NO_BRAND
        self._make_qr = qr_blocks
        self._fit_qr = qr_fitting
        self._first_frame = first_frame
        self._painted = painted
        self._sounds = sounds or self._bell
        self._demo_ctrl_c = demo_ctrl_c
        self._quick_keys = quick_keys or QuickKeys()
        self._left_handed = left_handed
        entry = Entry(digits_are_cents=digits_are_cents, pages=self._pages)
        self._controls = Controls(lambda: till.view, till.submit, keymap, clock, entry, self._pages)
        self._bar = keymap.bar()
        self._brush = Brush(theme, 80)
        self._row_cache: dict[int, tuple[Line, str, CartRows]] = {}
        self._qr: tuple[str, tuple[str, ...]] = ("", ())
        self._qr_asked = ("", 0, 0)
        self._pump = Pump(self._renew)
        self._timer = timer
        self._alarm = Alarm(self._sounds, timer)
        self._keys = KeySieve(
            wedge, press=self._pressed, scanned=self._scanned, echo=self._echoed, later=self._in_line
        )
        self._face = Face(self._draw, self._touched)
        till.subscribe(self._heard)

    def get_default_screen(self) -> Screen[None]:
        return BareScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self._face

    def on_mount(self) -> None:
        self._tick()
        if self._first_frame is not None:
            self.call_after_refresh(self._first_frame)

    def on_unmount(self) -> None:
        self._alarm.stop()

    @property
    def drawing(self) -> Drawing:
        """What stands on the screen; tests and screen dumps read it."""
        return self._face.drawing

    # -- in

    async def on_event(self, event: events.Event) -> None:
        """Keys never wander through focus and bindings: there is one place they go to."""
        if isinstance(event, events.Key):
            self._keys.key(event.key, event.character, round(event.time * 1000))
        elif isinstance(event, events.Paste):
            self._keys.flush(round(event.time * 1000))
            self._controls.paste(event.text)
            self._pump.poke()
        else:
            await super().on_event(event)

    def _pressed(self, key: str, character: str | None) -> None:
        if key == "ctrl+c" and self._demo_ctrl_c:
            self.exit(0)
            return
        if not self._controls.key(pad_key(key), character) and key in _SAYS_NO:
            self._controls.local.deaf = key.upper()
            self._sounds("blocked")
        self._pump.poke()

    def _scanned(self, code: str) -> None:
        self._till.submit(c.Scan(code, "scanner:wedge"))

    def _echoed(self, text: str) -> None:
        self._controls.echo(text)
        self._pump.poke()

    def _in_line(self, delay_ms: int, act: Callable[[], None]) -> Callable[[], None]:
        """A timer that goes the keys' own way through the driver: keys that came before it are taken first."""

        def ring() -> None:
            if self._driver is not None and self._running:
                self._driver.send_message(events.Callback(act))

        return self._timer(delay_ms, ring)

    def _touched(self, token: str) -> None:
        self._keys.flush(self._wall.mono_ms())
        self._controls.touch(token)
        self._pump.poke()

    def _heard(self, happened: Sequence[e.Event]) -> None:
        self._controls.heard(happened)
        sound = sound_of(happened, lambda: self._till.view.message)
        sound = self._alarm.heard(happened, self._till.view.message, sound)
        if sound:
            self._sounds(sound)
        self._pump.poke()

    def _bell(self, sound: str) -> None:
        if sound != "ok" and self._running:
            self.bell()

    # -- out

    def _renew(self) -> None:
        if not self._running or not self._face.is_mounted:
            return
        self._controls.notice()
        if self._face.renew() and self._painted is not None:
            self.call_after_refresh(self._painted)
        self._want_qr()

    def _draw(self, width: int, height: int) -> Drawing:
        brand = self._brand()
        if brand != self._worn:
            self._worn, self._look = brand, self._theme.branded(brand.accent, brand.on_accent)
        if self._brush.width != width or self._brush.theme is not self._look:
            self._brush = Brush(self._look, width)
            self._row_cache.clear()
        view = self._till.view
        words = texts(view.language)
        if width < _COLUMNS_MIN or height < _ROWS_MIN:
            small = self._brush.row((words("ui.too-small"), "alarm"))
            return Drawing([small, *[self._brush.blank()] * (height - 1)])
        link = _code_of(view)
        return draw(
            Scene(
                view=view,
                local=self._controls.local,
                brush=self._brush,
                words=words,
                height=height,
                now=self._wall.now(),
                bar=self._bar,
                qr=self._qr[1] if link and self._qr[0] == link else (),
                row_cache=self._row_cache,
                pages=self._pages(),
                left_handed=self._left_handed,
                shop=brand.name,
            )
        )

    def _pages(self) -> tuple[Page, ...]:
        return self._quick_keys.at(self._wall.now().time())

    def _want_qr(self) -> None:
        """Making a code takes a while: the change is painted first, the code right after it."""
        view = self._till.view
        asks = view.state == "question" and view.question is not None and bool(view.question.qr)
        if self._make_qr is None or (view.state != "paid" and not asks):
            return
        link = _code_of(view)
        room = code_room(*self.size) if asks and self._fit_qr is not None else (0, 0)
        if link and (link, *room) != self._qr_asked:
            self._qr_asked = (link, *room)
            self.call_after_refresh(self._show_qr, link, *room)

    def _show_qr(self, link: str, columns: int, rows: int) -> None:
        assert self._make_qr is not None, "asked only when there is one"
        fit = self._fit_qr
        self._qr = (link, tuple(fit(link, columns, rows) if fit and rows else self._make_qr(link)))
        self._pump.poke()

    def _tick(self) -> None:
        """The clock: one row, once a minute."""
        if not self._running:
            return
        self._pump.poke()
        asyncio.get_running_loop().call_later(60.05 - self._wall.now().second, self._tick)


def _code_of(view: TillView) -> str:
    """What a code on this screen would say: what the customer is to scan now, else the link of the last receipt."""
    if view.question is not None and view.question.qr:
        return view.question.qr
    return view.last_sale.link if view.last_sale is not None else ""


_SAYS_NO = frozenset(f"f{number}" for number in range(1, 25))
