"""The receipt by e-mail: to the customer whom the sale names, or to an address that is typed.

The fact says that it was wanted, and to whom by reference; the hub writes to that customer. A typed address goes beside the journal:
it waits in the till's memory until the hub has taken or refused it, and is forgotten then.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Generator
from typing import Any, Final

import msgspec

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.question import Option, Question
from pos.node_ports import ShopAnswer
from pos.ports import Submit
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.ledger import Ledger
from pos.till.receipts.receipt_book import Receipt, ReceiptBook
from pos.till.surroundings import Surroundings
from pos.till_facts import ReceiptWanted

__all__ = ["ReceiptLetters"]

_KEPT: Final = "receipt-letters"
_WAITING_MAX: Final = 200
_PAUSE_MS: Final = 30_000
_OLD_MS: Final = 7 * 24 * 3_600_000
_ADDRESS: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_ADDRESS_MAX: Final = 200
_NEVER: Final = frozenset({400, 404, 409, 413, 422})
_log = logging.getLogger("tresen.receipt-letters")


class _Letter(msgspec.Struct, frozen=True):
    """What the hub is to be asked for, under this key."""

    key: str
    body: bytes
    at_ms: int


class ReceiptLetters:
    """The key "receipt-mail", and the same for any receipt of this till from the list."""

    def __init__(
        self, desk: Desk, ledger: Ledger, book: ReceiptBook, surroundings: Surroundings, submit: Submit
    ) -> None:
        self._desk = desk
        self._surroundings = surroundings
        self._submit = submit
        self._ledger = ledger
        self._book = book
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._next_ms = 0
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {"receipt-mail": self._mail}
        book.actions["receipt-mail"] = self._of_receipt

    def _mail(self, command: c.Do) -> Flow:
        self._desk.must_be_signed_in()
        self._must_reach()
        last = self._desk.last_sale
        if self._desk.showing_last and last is not None and not command.text:
            receipt = Receipt(self._desk.world.journal.head.till, self._desk.last_epoch, last)
        else:
            receipt = yield from self._book.wanted(command.text)
        yield from self._of_receipt(receipt)

    def _of_receipt(self, receipt: Receipt) -> Flow:
        self._must_reach()
        sale = receipt.sale
        if not sale.link:
            raise Refusal("receipt-mail-no-page")
        found = yield self._book.history.receipt(receipt.epoch, sale.number)
        if found is None:
            raise Refusal("receipt-elsewhere", code=receipt.key)
        customer = sale.customer
        if customer:
            options = tuple(Option(key, word=f"ask.receipt-mail-{key}") for key in ("customer", "other"))
            chosen = yield Question("receipt-mail-to", options=options)
            customer = customer if chosen == "customer" else ""
        address = "" if customer else (yield from self._address())
        place = {"number": sale.number, "epoch": receipt.epoch, "seq": found.seq}
        wanted = ReceiptWanted(operator=self._desk.operator_id(), customer=customer, **place)
        if address:
            yield self._keep(address, sale.language, place)
        yield self._ledger.append([wanted], None)
        heard = self._surroundings.hub.online
        said = "receipt-mail-goes" if heard else "receipt-mail-waits"
        self._desk.message = e.Message(said, {"number": receipt.key}, "info")
        self._begin()

    def _must_reach(self) -> None:
        if self._desk.training:
            raise Refusal("receipt-mail-training")
        if self._desk.world.shop is None:
            raise Refusal("receipt-mail-no-hub")

    def _address(self) -> Generator[Any, Any, str]:
        while True:
            answer = yield Question("receipt-mail", "text", scans="refuse")
            address = str(answer).strip()
            if len(address) <= _ADDRESS_MAX and address.isprintable() and _ADDRESS.fullmatch(address):
                return address
            self._desk.refuse(e.Message("receipt-mail-no-address"))

    # -- typed addresses on their way

    async def _keep(self, address: str, language: str, place: dict[str, int]) -> None:
        body = msgspec.json.encode({**place, "email": address, "language": language})
        world = self._desk.world
        one = _Letter(world.ids.new_id(), body, world.clock.wall_ms())
        async with self._lock:
            await self._save([*(await self._load())[-_WAITING_MAX + 1 :], one])

    def tick(self) -> None:
        """What waits is asked for again now and then, from the first moment of a start."""
        if not self._desk.training and self._desk.world.clock.mono_ms() >= self._next_ms:
            self._begin()

    def _begin(self) -> None:
        world = self._desk.world
        if world.shop is None or world.memory is None or (self._task is not None and not self._task.done()):
            return
        self._next_ms = world.clock.mono_ms() + _PAUSE_MS
        self._task = asyncio.get_running_loop().create_task(self._send_quietly(), name="receipt letters")

    async def _send_quietly(self) -> None:
        try:
            async with self._lock:
                await self._send()
        except Exception:  # noqa: BLE001 - logged; it is tried again
            _log.exception("the hub could not be asked for receipts by e-mail")

    async def _send(self) -> None:
        """One after the other; an address is forgotten when the hub has it, will not have it, or a week is over."""
        shop, clock = self._desk.real_world.shop, self._desk.real_world.clock
        assert shop is not None, "looked at before"
        rest = await self._load()
        for one in tuple(rest):
            answer: ShopAnswer = await shop.ask("POST", "/receipts/letters", one.body, key=one.key)
            late = clock.wall_ms() - one.at_ms >= _OLD_MS
            refused = answer.status in _NEVER and answer.code != "not-here-yet"
            if answer.silent and not late:
                return
            if not (answer.yes or refused or late):
                continue
            if not answer.yes:
                _log.error("a receipt by e-mail was given up: %s", answer.code or "a week is over")
                self._submit(c.Notice("receipt-mail-refused", ""))
            rest = [each for each in rest if each != one]
            await self._save(rest)

    async def _load(self) -> list[_Letter]:
        memory = self._desk.real_world.memory
        raw = await memory.get(_KEPT) if memory is not None else None
        try:
            return msgspec.json.decode(raw or b"[]", type=list[_Letter])
        except msgspec.MsgspecError:
            _log.exception("what was kept of receipts by e-mail cannot be read")
            return []

    async def _save(self, letters: list[_Letter]) -> None:
        memory = self._desk.real_world.memory
        if memory is not None:
            await memory.put(_KEPT, msgspec.json.encode(letters))
