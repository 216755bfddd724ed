"""The devices that face the customer: they follow the till's view, at their own pace, and the till never waits."""

import asyncio
import html
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from pos.customer import customer_rows
from pos.device_ports import DeviceState
from pos.domain.commands import DeviceReported
from pos.domain.events import Event
from pos.ports import Clock, Submit
from pos.resources import texts
from pos.settings import Settings
from pos.view import TillView

if TYPE_CHECKING:
    from drivers.customer_screen import CustomerScreen
    from drivers.display import LineDisplay
    from pos.system import ThreadWorker

__all__ = ["CustomerSide"]

_Task = tuple[str, Callable[[], Coroutine[Any, Any, None]]]
_log = logging.getLogger("tresen.customer")


class CustomerSide:
    """Line display and second screen, as far as the settings name them. `heard` is the till's listener."""

    def __init__(
        self, settings: Settings, submit: Submit, clock: Clock, code_address: Callable[[str], str]
    ) -> None:
        self._settings = settings
        self._code_address = code_address
        self._screen: CustomerScreen | None = None
        self._painter: ThreadWorker | None = None
        self._painting: asyncio.Future[None] | None = None
        self._code = ("", "")  # what the newest code says, and its picture once it is made
        self._words = texts(settings.shop.language)
        self._view: Callable[[], TillView] | None = None
        self._due = False
        self._display: LineDisplay | None = None
        self.tasks: list[_Task] = []
        named = (*settings.devices.display_words, "", "")[:2]
        self._idle = (
            (named[0], named[1])
            if settings.devices.display_words
            else (settings.shop.name, self._words("customer.welcome"))
        )
        if settings.devices.display:
            self._make_display(submit, clock)
        if settings.devices.customer_screen:
            self._make_screen(submit, clock)

    def _make_display(self, submit: Submit, clock: Clock) -> None:
        from drivers.display import LineDisplay, PortAddressError  # noqa: PLC0415 - only where there is one

        devices = self._settings.devices
        try:
            self._display = LineDisplay(devices.display, devices.display_protocol, submit, clock)
        except PortAddressError as error:
            _log.error("display: %s", error)
            submit(DeviceReported("display", DeviceState.FAULT, "bad-address"))
            return
        self.tasks.append(("display", self._display.run))

    def _make_screen(self, submit: Submit, clock: Clock) -> None:
        from drivers.customer_screen import CustomerScreen, ScreenAddressError  # noqa: PLC0415 - only where there is one
        from pos.customer_page import SCRIPT, STYLE, page  # noqa: PLC0415
        from pos.system import ThreadWorker  # noqa: PLC0415

        files = {
            "/style.css": ("text/css; charset=utf-8", STYLE.encode()),
            "/page.js": ("text/javascript; charset=utf-8", SCRIPT.encode()),
        }
        title = self._settings.shop.name or "Tresen"
        try:
            self._screen = CustomerScreen(
                self._settings.devices.customer_screen,
                lambda inside: page(inside, self._words, title),
                files,
                submit,
                clock,
            )
        except ScreenAddressError as error:
            _log.error("customer screen: %s", error)
            submit(DeviceReported("customer-screen", DeviceState.FAULT, "bad-address"))
            return
        self._painter = ThreadWorker("customer")
        self.tasks.append(("customer screen", self._screen.run))

    @property
    def wanted(self) -> bool:
        return bool(self.tasks)

    def watch(self, view: Callable[[], TillView]) -> None:
        self._view = view
        self._follow()

    def heard(self, _: Sequence[Event]) -> None:
        """Something changed: look once, after all that happens now."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._follow)

    def _follow(self) -> None:
        self._due = False
        if self._view is None:
            return
        try:
            view = self._view()
            if self._display is not None:
                self._display.show(customer_rows(view, self._words, self._idle))
            if self._screen is not None:
                self._show_page(view, self._screen)
        except Exception:  # noqa: BLE001 - what the customer sees may fail, the till may not
            _log.exception("the customer's side could not follow")

    def _show_page(self, view: TillView, screen: "CustomerScreen") -> None:
        """The change at once; the code follows as soon as it is painted, and waits for no paper."""
        from pos.customer_page import picture  # noqa: PLC0415

        link = view.last_sale.link if view.state == "paid" and view.last_sale is not None else ""
        if view.state == "question" and view.question is not None:
            link = "" if view.question.own else view.question.qr
        if link and link != self._code[0]:
            self._code = (link, "")
            self._painting = asyncio.ensure_future(self._paint(link))
        code = self._code[1] if link else ""
        screen.show(lambda: picture(view, self._words, self._idle, code))

    async def _paint(self, link: str) -> None:
        address = self._code_address(link)
        if not address or self._painter is None:
            return
        from receipts.qr import qr_svg  # noqa: PLC0415 - 50 ms, once

        asked = self._view is not None and self._view().state == "question"
        label = html.escape(self._words("customer.page-scan" if asked else "customer.page-code"))
        try:
            painted = await self._painter.run(lambda: qr_svg(address, label=label))
        except Exception:  # noqa: BLE001 - the page does without
            _log.exception("the code could not be painted")
            return
        if self._code[0] == link:
            self._code = (link, painted)
            self._follow()
