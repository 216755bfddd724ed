"""The devices that face the customer: they follow the till's view, at their own pace, and the till never waits."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from pos.customer import customer_rows
from pos.domain.commands import DeviceReported
from pos.domain.events import Event
from pos.ports import Clock, DeviceState, Submit
from pos.resources import texts
from pos.settings import Settings
from pos.view import TillView

if TYPE_CHECKING:
    from drivers.display import LineDisplay

__all__ = ["CustomerSide"]

_Task = tuple[str, Callable[[], Coroutine[Any, Any, None]]]
_log = logging.getLogger("tresen.customer")


class CustomerSide:
    """Line display and second screen, as far as the settings name them. `heard` is the till's listener."""

    def __init__(self, settings: Settings, submit: Submit, clock: Clock) -> None:
        self._settings = settings
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
        except Exception:  # noqa: BLE001 - what the customer sees may fail, the till may not
            _log.exception("the customer's side could not follow")
