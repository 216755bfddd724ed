"""Who works here: signing in by PIN or badge, changing places, leaving, and the till that is left alone."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.cart import Cart
from pos.domain.order_cart import taken_here
from pos.domain.pins import pin_fault
from pos.domain.question import Option, Question
from pos.domain.scans import Meaning, ScanKind
from pos.ports import NewPinError, Operator, SignInRefusedError
from pos.till.approvals import Approvals
from pos.till.carts.parking import PARKED_MAX, Parking
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Flows
from pos.till.sale.selling import Selling

__all__ = ["Signing"]

_Waiting = Coroutine[Any, Any, None] | None
_MINUTE_MS: Final = 60_000
_NEW: Final = Question("pin-new", "secret", scans="refuse")
_AGAIN: Final = Question("pin-again", "secret", scans="refuse")
_OLD: Final = Question("pin-old", "secret", scans="refuse")


class Signing:
    """`paying` says whether a payment is being written: then nobody leaves."""

    def __init__(
        self,
        desk: Desk,
        flows: Flows,
        approvals: Approvals,
        selling: Selling,
        parking: Parking,
        paying: Callable[[], bool],
    ) -> None:
        self._desk = desk
        self._flows = flows
        self._approvals = approvals
        self._selling = selling
        self._parking = parking
        self._paying = paying
        self._touched_ms = 0
        self._proved_ms: dict[str, int] = {}  # when each proved with a PIN or badge who they are
        self.handlers = {c.SignIn: self._sign_in, c.Lock: self._lock}
        self.greeting: Callable[[], Flow | None] = lambda: None
        """What whoever begins to work is asked."""
        self.functions = {"switch": self._switch, "change-pin": self._change_pin}
        self.codes = {ScanKind.BADGE: self._badge}

    def touched(self) -> None:
        """Somebody is there."""
        self._touched_ms = self._desk.world.clock.mono_ms()

    # -- in

    async def _sign_in(self, command: c.SignIn) -> None:
        self._desk.must_not_be_stopped()
        named = (one for one in self.trusted() if command.name in (one.operator_id, one.name))
        person = None if command.pin else next(named, None)
        person = person or await self._known(command.name, command.pin)
        await self._change_to(person)
        if person.pin_due:
            waiting = self._flows.begin(self._must_change(person, command.pin))
            if waiting is not None:
                await waiting

    async def _known(self, name: str, pin: str) -> Operator:
        """Who this is. Raises Refusal."""
        try:
            person = await self._desk.world.people.sign_in(name, pin)
        except SignInRefusedError as error:
            raise Refusal(error.code, seconds=error.wait_s) from error
        self._proved_ms[person.operator_id] = self._desk.world.clock.mono_ms()
        return person

    async def _change_to(self, person: Operator) -> None:
        """Whoever was here leaves, and this person works here from now on."""
        desk = self._desk
        if desk.operator is not None and desk.operator.operator_id != person.operator_id:
            await self._leave()
        desk.operator = person
        self.touched()
        desk.events.append(e.SignedIn(person.name))
        if desk.setup.cart_follows_operator and desk.standstill is None and not desk.in_doubt:
            waiting = self._parking.follow(person)
            if waiting is not None:
                await waiting

    # -- out

    def _lock(self, _: c.Lock) -> _Waiting:
        if self._desk.operator is None:
            return None
        self._flows.drop()
        return self._out()

    def _out(self) -> _Waiting:
        """Sign out; a coroutine where a cart must be set aside before."""
        cart = self._following()
        if cart is None:
            self._gone()
            return None
        return self._leave()

    async def _leave(self) -> None:
        """Sign out whatever happens; a cart that follows its operator is parked, one that cannot waits here."""
        cart, operator = self._following(), self._desk.operator
        try:
            if cart is not None and operator is not None:
                await self._parking.set_aside(cart, operator.name, follows=operator.operator_id)
        finally:
            self._gone()

    def _following(self) -> Cart | None:
        """The cart that goes with its operator: not one that is paid in part, for money has changed hands."""
        desk, cart = self._desk, self._selling.cart
        if (
            not desk.setup.cart_follows_operator
            or cart is None
            or desk.standstill is not None
            or desk.in_doubt
        ):
            return None
        full = len(desk.world.journal.head.parked) >= PARKED_MAX
        return None if full or taken_here(cart) or not any(line.live for line in cart.lines) else cart

    def _gone(self) -> None:
        if self._desk.operator is not None:
            self._desk.operator = None
            self._selling.results = None
            self._selling.quantity = None
            self._selling.on_scale = None
            self._desk.events.append(e.SignedOut())

    # -- badges

    def _badge(self, meaning: Meaning) -> _Waiting:
        if self._desk.setup.badge == "off":
            raise Refusal("code-badge", level="warn")
        return self._shown(meaning.payload)

    async def _shown(self, payload: str) -> None:
        desk = self._desk
        try:
            person = await desk.world.people.by_badge(payload)
        except SignInRefusedError as error:
            raise Refusal(error.code) from error
        if desk.asking is None and person.operator_id == desk.operator_id():
            raise Refusal("badge-same", level="info", name=person.name)
        if desk.setup.badge == "with-pin":
            if desk.asking is None and desk.operator is not None:
                await self._leave()
            desk.warn("badge-pin", level="info", name=person.name)
            desk.events.append(e.BadgeShown(person.name))
        elif desk.asking is not None:
            await self._approvals.agree(person)
        else:
            self._proved_ms[person.operator_id] = desk.world.clock.mono_ms()
            await self._change_to(person)

    # -- changing places

    def _switch(self, command: c.Do) -> Flow:
        """Somebody else works here: a touch where they signed in not long ago, else their PIN."""
        desk = self._desk
        desk.must_be_signed_in()
        others = [one for one in desk.world.people.operators() if one.operator_id != desk.operator_id()]
        if not others:
            raise Refusal("switch-nobody", level="info")
        typed = command.text.casefold()
        person = next((one for one in others if typed in (one.operator_id, one.name.casefold())), None)
        if person is None:
            if typed:
                desk.refuse(e.Message("switch-unknown", {"text": command.text[:40]}, "warn"))
            person = others[0]
            if len(others) > 1:
                options = tuple(Option(one.operator_id, one.name) for one in others)
                chosen = yield Question("switch", options=options)
                person = next(one for one in others if one.operator_id == chosen)
        pin = ""
        while not self._proved(person):
            pin = yield Question("switch-pin", "secret", fields={"name": person.name})
            try:
                person = yield self._known(person.operator_id, pin)
                break
            except Refusal as refusal:
                desk.refuse(refusal.message)
        yield self._change_to(person)
        if person.pin_due:
            yield from self._must_change(person, pin)

    def trusted(self) -> tuple[Operator, ...]:
        """Who may work here by one touch."""
        if not self._proved_ms or not self._desk.setup.switch_minutes:
            return ()
        return tuple(one for one in self._desk.world.people.operators() if self._proved(one))

    def _proved(self, person: Operator) -> bool:
        """Did they sign in here within the minutes that the shop trusts?"""
        minutes, proved = self._desk.setup.switch_minutes, self._proved_ms.get(person.operator_id)
        if not minutes or proved is None or person.pin_due:
            return False
        return self._desk.world.clock.mono_ms() - proved <= minutes * _MINUTE_MS

    # -- PINs

    def _change_pin(self, _: c.Do) -> Flow:
        self._desk.must_be_signed_in()
        person = self._desk.operator
        assert person is not None, "somebody is signed in"
        old = yield _OLD
        yield from self._choose_pin(person, old)

    def _must_change(self, person: Operator, old: str) -> Flow:
        """Somebody else chose this PIN: without one of their own nobody works here."""
        try:
            self._desk.warn("pin-due", level="info")
            yield from self._choose_pin(person, old)
            asks = self.greeting()
            if asks is not None:
                yield from asks
        finally:
            operator = self._desk.operator
            if operator is not None and operator.pin_due:
                self._gone()
                self._desk.warn("pin-due-left")

    def _choose_pin(self, person: Operator, old: str) -> Flow:
        desk = self._desk
        while True:
            new = yield _NEW
            fault = pin_fault(new, digits=desk.setup.pin_digits, number=person.operator_id)
            if fault or new == old:
                desk.refuse(e.Message(fault or "pin-same", {"digits": desk.setup.pin_digits}))
                continue
            if (yield _AGAIN) != new:
                desk.refuse(e.Message("pin-differs"))
                continue
            break
        try:
            changed: Operator = yield desk.world.people.change_pin(person.operator_id, old, new)
        except SignInRefusedError as error:
            raise Refusal(error.code, seconds=error.wait_s) from error
        except NewPinError as error:
            raise Refusal(error.code, digits=desk.setup.pin_digits) from error
        desk.operator = changed
        desk.warn("pin-changed", level="info")

    # -- the till alone

    def tick(self, _: c.Tick) -> _Waiting:
        """Time went by: what changed among the people holds, and a till that nobody touches locks itself."""
        desk = self._desk
        if desk.operator is None or self._paying():
            return None
        now = {one.operator_id: one for one in desk.world.people.operators()}.get(desk.operator_id())
        if now is None:
            return self._alone("operator-gone") if not self._money_open() else None
        if (
            now.role != desk.operator.role
            or now.name != desk.operator.name
            or now.language != desk.operator.language
        ):
            desk.operator = now
        minutes = desk.setup.idle_lock_minutes
        idle_ms = desk.world.clock.mono_ms() - self._touched_ms
        if minutes and idle_ms >= minutes * _MINUTE_MS and not self._money_open():
            return self._alone("locked-idle")
        return None

    def _alone(self, sentence: str) -> _Waiting:
        self._flows.drop()
        self._desk.asking = None
        self._proved_ms.clear()  # whoever comes now says who they are
        self._desk.warn(sentence, level="info")
        return self._out()

    def _money_open(self) -> bool:
        """Is money on its way: in part of a payment, or in a question that wants an amount or lets nothing by?"""
        cart, question = self._selling.cart, self._flows.question
        asked = question is not None and (question.kind == "amount" or question.scans == "refuse")
        return asked or (cart is not None and taken_here(cart))
