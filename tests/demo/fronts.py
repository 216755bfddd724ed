"""One script, two front ends: the line mode and the real screen. A step is a line as a script of the line mode has it.

`scan CODE` comes from a device; `key NAME` presses a key, on the screen by its terminal key, or by F9 and its numbers; `pick N`
chooses, by a digit on the screen and by number and Enter in line mode; `answer TEXT` types it and presses Enter; `in NAME PIN` signs
in or approves; `happens` lists what nobody does; `web WHAT` is what customers and the hub do (tests.demo.shop_day); `terminal WHAT` is what a card terminal does (tests.tui.fake_terminal); anything else is typed.
"""

import asyncio
import datetime as dt
import io
import itertools
from typing import Protocol

from pos.cash_facts import CashMoved
from pos.domain import commands as c
from pos.domain.scans import ScanKind, own_code
from pos.entry import load_keymap
from pos.menu import FUNCTIONS, GROUPS, MORE
from pos.plain import LineMode
from pos.tui.choices import PRINTING
from pos.tui.scene import Panel
from tests.tui.fake_terminal import FakeTerminal
from tests.tui.fakes import Screen, Shop

__all__ = ["Front", "LineFront", "ScreenFront", "as_written", "path_to"]


class Front(Protocol):
    shop: Shop

    async def do(self, step: str) -> None: ...


class LineFront:
    """A LineMode over the shop's till; `said` is all that it printed."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._out = io.StringIO()
        self._line = LineMode(shop.till, load_keymap(), _nothing, self._out, as_json=False)

    @property
    def said(self) -> str:
        return self._out.getvalue()

    async def do(self, step: str) -> None:
        step = _filled(step, self.shop)
        word, _, rest = step.partition(" ")
        if await terminal_does(self.shop, word, rest) or await happens(self.shop, word, rest):
            lines = []
        elif word in {"pick", "answer"}:
            lines = [rest, ""] if rest else [""]
        elif word == "in":
            verb = "approve" if self.shop.till.view.state == "approval" else "sign-in"
            lines = [f"{verb} {rest}"]
        elif word == "enter":
            lines = [""]
        else:
            lines = [step]
        for line in lines:
            await self._line._take(line)
            await self.shop.till.settle()
            self._line._show()


class ScreenFront:
    """The app under Pilot: every step is keys, but for scans, which come from a device."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.shop = screen.shop
        self.keys = 0
        self.pressed: list[str] = []
        """What hands did since it was emptied, as the handbook writes it: `**F7**`, `scan`, `` `A1` ``."""

    async def do(self, step: str) -> None:
        step = _filled(step, self.shop)
        word, _, rest = step.partition(" ")
        self.shop.clock.ms += 2_000  # nobody holds a key down
        if await terminal_does(self.shop, word, rest) or await happens(self.shop, word, rest):
            await self.screen.pause()
        elif word == "scan":
            self.pressed.append("scan")
            await self.screen.scan(rest)
            await self._answered()
        elif word == "key":
            keys = path_to(rest)
            self.pressed.append(f"**{' '.join(keys).upper()}**")
            open_list = self.screen.app._controls.local.panel is Panel.FUNCTIONS
            await self._press(*(keys[1:] if open_list and keys[0] == "f9" else keys))
        elif word == "pick":
            question = self.shop.till.view.question
            many = question is not None and question.with_enter
            enter = many or self.shop.till.view.state == "search"
            self.pressed += [f"**{rest}**", *(["**Enter**"] if enter else [])]
            await self._press(*rest, *(["enter"] if enter else []))
        elif word == "answer":
            self.pressed += [f"`{rest}`", "**Enter**"]
            await self._press(*_typed(rest), "enter")
        elif word == "in":
            name, _, pin = rest.partition(" ")
            await self._press(*name, "enter")
            await self._press(*pin, "enter")
        elif word == "enter":
            self.pressed.append("**Enter**")
            await self._press("enter")
        else:
            self.pressed.append(f"`{step}`")
            await self._press(*_typed(step))

    async def _press(self, *keys: str) -> None:
        for key in keys:
            self.shop.clock.ms += 500
            self.keys += 1
            await self.screen.press(key)
            await self._answered()

    async def _answered(self) -> None:
        """What the till asked a hub for has come: nobody answers a question that does not stand there yet."""
        if self.shop.till._busy:
            while self.shop.till._busy:  # noqa: ASYNC110 - the till has no event for it
                await asyncio.sleep(0.001)
            await self.screen.pause()


async def terminal_does(shop: Shop, word: str, rest: str) -> bool:
    """False for another step. The terminal says it, and the till has heard it."""
    if word != "terminal":
        return False
    terminal = shop.cards[0]
    assert isinstance(terminal, FakeTerminal), "the shop has a terminal that is told what to do"
    await terminal.acts(rest)
    await shop.till.handle(c.Tick())
    return True


async def happens(shop: Shop, word: str, rest: str) -> bool:
    """What nobody does at the till: `device NAME STATE [DETAIL]`, `hub away`, `tomorrow`, `web WHAT`. False for another step."""
    if word == "device":
        name, state, *detail = rest.split()
        shop.till.submit(c.DeviceReported(name, state, *detail))
    elif word == "hub":
        shop.till.submit(c.HubReported(online=rest != "away", acked_epoch=0, acked_seq=0))
    elif word == "web":
        await shop.outside(rest)
    elif word == "tomorrow":
        shop.clock.time += dt.timedelta(days=1)
    else:
        return False
    return True


def _filled(step: str, shop: Shop) -> str:
    """`{card}` is the code of the voucher that was sold last, `{cash}` what lies in the drawer, all of it in cents."""
    if "{card}" in step:
        cards = [line.serial for sale in shop.journal.sales for line in sale.lines if line.kind == "voucher"]
        step = step.replace("{card}", own_code(ScanKind.GIFT_CARD, cards[-1]))
    if "{cash}" in step:
        moved = [
            fact.amount_minor
            for fact in shop.journal.facts
            if isinstance(fact, CashMoved) and not fact.currency
        ]
        tenders = [tender for sale in shop.journal.sales for tender in sale.tenders]
        paid = [tender.amount_minor for tender in tenders if tender.kind == "cash"]
        step = step.replace("{cash}", f"{sum(moved) + sum(paid)}x0,01")
    return shop.fill(step)


def as_written(pressed: list[str], language: str) -> str:
    """What hands did, as the handbook has it: "**F7**, **1**, **Enter**, 3 × scan, `A1`, **Enter**"."""
    word = {"de": "scannen", "en": "scan"}[language]
    groups = [(one, len(list(same))) for one, same in itertools.groupby(pressed)]
    return ", ".join(
        (word if n == 1 else f"{n} × {word}") if one == "scan" else ", ".join([one] * n) for one, n in groups
    )


def path_to(name: str) -> tuple[str, ...]:
    """The keys that press a key of the keymap: its own, or those through the lists behind F9."""
    key = next(key for key in load_keymap().keys if key.name == name)
    if key.keys:
        return (key.keys[0],)
    if name in FUNCTIONS:
        return ("f9", str(FUNCTIONS.index(name) + 1))
    if name in PRINTING:
        return ("f9", str(PRINTING.index(name) + 1))
    more = str(FUNCTIONS.index(MORE) + 1)
    for at, (_, names) in enumerate(GROUPS.items(), start=1):
        if name in names:
            return ("f9", more, str(at), str(names.index(name) + 1))
    raise AssertionError(f"no way leads to {name}")


def _typed(text: str) -> list[str]:
    return [
        {" ": "space", ",": "comma", ".": "full_stop", "*": "asterisk", "-": "minus", "@": "at"}.get(c, c)
        for c in text
    ]


async def _nothing() -> bytes:
    await asyncio.sleep(0)
    return b""
