"""A phone or tablet for whoever is signed in: the till asks the hub for a code that opens the staff page (docs/staff-page.md).

The page may what the operator's own rights allow, until the day's end. Whoever is no operator any more has no page either.
"""

import datetime as dt
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from pos.domain import commands as c
from pos.domain.question import Option, Question
from pos.node_ports import ShopDesk
from pos.ports import Ids
from pos.storage_ports import Memory
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.orders.desk import PICKUP
from pos.till.stock.room import STOCK_MOVE, STOCK_WRITE_OFF
from pos.till.tasks import TASKS

__all__ = ["StaffPage", "end_pages_of_removed"]

_RIGHTS: Final = (STOCK_MOVE, STOCK_WRITE_OFF, PICKUP, TASKS)
_GIVEN: Final = "staff-page.given"
_Given = dict[str, int]


class _Code(msgspec.Struct):
    code: str
    url: str
    expires_ms: int


class StaffPage:
    """The key "staff-page"."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions = {"staff-page": self._pair}

    def _pair(self, _: c.Do) -> Flow:
        desk = self._desk
        desk.must_be_signed_in()
        shop, operator = desk.world.shop, desk.operator
        assert operator is not None, "somebody is signed in"
        if shop is None:
            raise Refusal("staff-page-training" if desk.training else "stock-no-hub")
        rights = [right for right in _RIGHTS if desk.may(right)]
        if not rights:
            raise Refusal("staff-page-no-rights")
        until_ms = _end_of_day_ms(desk.world.clock.now(), desk.setup.cash.day_ends_hour)
        body = {
            "operator": operator.operator_id,
            "name": operator.name,
            "rights": rights,
            "until_ms": until_ms,
        }
        yield _note(desk.world.memory, operator.operator_id, until_ms)
        answer = yield shop.ask(
            "POST", "/staff/codes", msgspec.json.encode(body), key=desk.world.ids.new_id()
        )
        if answer.silent:
            raise Refusal("staff-page-silent")
        if not answer.yes:
            raise Refusal("staff-page-refused", code=answer.code or str(answer.status))
        made = msgspec.json.decode(answer.body, type=_Code)
        zone = desk.world.clock.now().tzinfo
        until = dt.datetime.fromtimestamp(made.expires_ms / 1000, zone).strftime("%H:%M")
        yield Question(
            "staff-page",
            options=(Option("done", word="ask.staff-page-done"),),
            fields={"name": operator.name, "until": until},
            rows=((_grouped(made.code), ""), (made.url, "")),
            scans="refuse",
            qr=f"{made.url}#{made.code}",
            own=True,
        )


async def end_pages_of_removed(memory: Memory, shop: ShopDesk, ids: Ids, here: Collection[str]) -> None:
    """Ask the hub to end the pages of operators who are not `here` any more; silence is for the next time."""
    given = await _read(memory)
    gone = sorted(given.keys() - set(here))
    for operator in gone:
        body = msgspec.json.encode({"operator": operator})
        if (await shop.ask("POST", "/staff/end", body, key=ids.new_id())).yes:
            given = await _read(memory)
            given.pop(operator, None)
            await memory.put(_GIVEN, msgspec.json.encode(given))


async def _note(memory: Memory | None, operator: str, until_ms: int) -> None:
    """Who may hold a page, before the hub is asked: so that it can be ended."""
    if memory is not None:
        given = await _read(memory)
        await memory.put(_GIVEN, msgspec.json.encode({**given, operator: until_ms}))


async def _read(memory: Memory) -> _Given:
    raw = await memory.get(_GIVEN)
    try:
        return msgspec.json.decode(raw, type=_Given) if raw else {}
    except msgspec.MsgspecError:
        return {}


def _end_of_day_ms(now: dt.datetime, ends_hour: int) -> int:
    """The next time that a business day ends; the hub lets no page live longer than twelve hours."""
    end = now.replace(hour=ends_hour, minute=0, second=0, microsecond=0)
    return int((end if end > now else end + dt.timedelta(days=1)).timestamp() * 1000)


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
