"""Payment services: one payment for one order wherever the wire is cut or the till is killed, and never a guess.

The service is a fake in the shape of Stripe's reference (tests/simulators/psp.py). Time is virtual.
"""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.psp.line import PspLine
from drivers.psp.stripe import Stripe, StripeKeyError, read_key
from pos.card_ports import NotKeptError, TerminalDay, TerminalSeen, TerminalStatus
from pos.domain.card import APPROVED, CardAnswer, CardEnd, CardPaper, CardRequest, CardResult, CardState
from pos.domain.psp import PspOrder, PspSays, verdict_of
from pos.psp_ports import PspRefusedError
from tests.simulation.virtual import SimClock, VirtualLoop, run_virtual
from tests.simulators.psp import FAULTS, FakeService, FakeTransport

KEY = "sk_test_fake"
AMOUNT = 1_299
BROKEN = [fault for fault in FAULTS if fault]


class Desk:
    """The till's side: what is kept survives a kill."""

    def __init__(self) -> None:
        self.results: list[CardResult] = []
        self.ends: list[CardEnd] = []
        self.answers: list[CardAnswer] = []
        self.states: list[CardState] = []
        self.full = False
        self.told = asyncio.Event()

    def knows(self, terminal: str, terminal_id: str) -> bool:
        return True

    async def seen(self, terminal: str, seen: TerminalSeen) -> None:
        pass

    async def result(self, payment_id: str, result: CardResult) -> None:
        await asyncio.sleep(0.01)
        if self.full:
            raise NotKeptError("disk full")
        self.results.append(result)

    async def paper(self, payment_id: str, paper: CardPaper) -> None:
        pass

    async def printed(self, terminal: str, paper: CardPaper) -> None:
        raise AssertionError("a service prints nothing")

    def state(self, payment_id: str, state: CardState) -> None:
        self.states.append(state)

    def ended(self, payment_id: str, end: CardEnd) -> None:
        self.ends.append(end)
        self.told.set()

    def answer(self, payment_id: str, answer: CardAnswer) -> None:
        self.answers.append(answer)
        self.told.set()

    def not_cancelled(self, payment_id: str, code: int | None) -> None:
        pass

    def day(self, terminal: str, day: TerminalDay) -> None:
        pass

    def status(self, terminal: str, status: TerminalStatus) -> None:
        pass


class World:
    """A till's line and the service behind it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.clock = SimClock(loop, "till")
        self.service = FakeService(lambda: self.clock.true_ms() / 1000)
        self.wire = FakeTransport(self.service, asyncio.sleep)
        self.desk = Desk()
        self.tasks: list[asyncio.Future[None]] = []
        self.line = self._line()

    def _line(self) -> PspLine:
        stripe = Stripe(KEY, return_url="https://shop.example/paid", transport=self.wire)
        line = PspLine("link", stripe, self.clock, text="Laden, Kasse 3")
        line.connect(self.desk)
        return line

    def order(self, **changes: Any) -> PspOrder:
        reference = next((one.reference for one in reversed(self.desk.results) if one.reference), "")
        base = {
            "payment_id": "P1",
            "kind": "sale",
            "amount_minor": AMOUNT,
            "begun_ms": self.begun,
            "reference": reference,
        }
        return PspOrder(**(base | changes))  # type: ignore[arg-type]

    def start(self, kind: Any = "sale", **changes: Any) -> None:
        self.begun = self.clock.wall_ms()
        fields: dict[str, Any] = {"payment_id": "P1"} | changes
        self.line.start(CardRequest(kind=kind, amount_minor=AMOUNT, begun_ms=self.begun, **fields))

    async def over(self, seconds: float = 7_200) -> None:
        async with asyncio.timeout(seconds):
            await self.desk.told.wait()
        self.desk.told.clear()

    def kill(self) -> None:
        """The till dies; what it kept stays."""
        for task in list(self.line._tasks.values()):
            task.cancel()
        self.desk.ends.clear()
        self.desk.told.clear()
        self.line = self._line()

    async def settle(self, **changes: Any) -> str:
        """Ask until it is known, as the till does every ten seconds."""
        for _ in range(600):
            self.line.ask(self.order(), **changes)
            await self.over()
            found = self.outcome(self.desk.answers[-1])
            if found != "unknown":
                return found
            await asyncio.sleep(10)
        return "unknown"

    def outcome(self, answer: CardAnswer) -> str:
        if answer.found == "nothing":
            return "declined"
        if answer.found == "silent" or answer.result is None:
            return "unknown"
        says = PspSays(
            answer.detail,  # type: ignore[arg-type]
            answer.result.reference,
            answer.result.amount_minor,
            answer.result.currency,
        )
        return verdict_of(self.order(), says).outcome

    def later(self, after: float) -> None:
        self.tasks.append(asyncio.ensure_future(self.customer(after)))

    async def customer(self, after: float) -> None:
        await asyncio.sleep(after)
        for session in list(self.service.sessions):
            self.service.pay(session)


def virtual(main: Callable[[World], Any]) -> None:
    async def whole(loop: VirtualLoop) -> None:
        world = World(loop)
        await main(world)
        assert loop.faults == []

    run_virtual(whole)


def approved(world: World) -> bool:
    """By what was kept and how it ended; None of it is a guess."""
    last = world.desk.results[-1] if world.desk.results else None
    return world.desk.ends[-1].by == "completion" and last is not None and last.code == APPROVED


def test_a_customer_pays_by_link() -> None:
    async def case(world: World) -> None:
        world.start()
        world.later(20)
        await world.over()
        assert approved(world)
        last = world.desk.results[-1]
        assert (last.amount_minor, last.currency, last.reference) == (AMOUNT, "EUR", "cs_test_0001")
        assert any(state.link.startswith("https://") for state in world.desk.states)
        assert world.service.charged("P1") == AMOUNT
        assert all("https" not in str(result) for result in world.desk.results), "who has the link can pay"

    virtual(case)


def test_polls_grow_rare() -> None:
    async def case(world: World) -> None:
        world.start()
        await asyncio.sleep(600)
        assert 100 < len(world.service.requests) < 140
        world.line.cancel()
        await world.over()
        assert world.desk.ends[-1] == CardEnd("refused", detail="expired")

    virtual(case)


def test_a_link_that_nobody_pays_ends_by_itself() -> None:
    async def case(world: World) -> None:
        world.start()
        await world.over()
        assert world.desk.ends[-1].by == "refused"
        assert 2_000 < world.clock.mono_ms() / 1000 < 2_300
        assert not world.service.pay("cs_test_0001")

    virtual(case)


def test_what_is_paid_while_it_is_cancelled_wins() -> None:
    async def case(world: World) -> None:
        def pays(method: str, path: str) -> None:
            if path.endswith("/expire"):
                world.service.pay("cs_test_0001")

        world.wire.before = pays
        world.start()
        await asyncio.sleep(5)
        world.line.cancel()
        await world.over()
        assert approved(world)
        assert world.service.charged() == AMOUNT

    virtual(case)


def test_money_that_takes_its_time_is_unknown_and_then_known() -> None:
    async def case(world: World) -> None:
        world.start()
        await asyncio.sleep(3)
        world.service.pay("cs_test_0001", late=True)
        await asyncio.sleep(30)
        world.line.cancel()
        await world.over()
        assert world.desk.ends[-1] == CardEnd("unknown", detail="pending")
        world.service.arrive("cs_test_0001")
        assert await world.settle() == "approved"

    virtual(case)


@pytest.mark.parametrize(("at", "fault"), list(itertools.product(range(6), BROKEN)))
def test_one_payment_wherever_a_request_breaks(at: int, fault: str) -> None:
    async def case(world: World) -> None:
        world.wire.faults.extend([""] * at + [fault])
        world.start()
        world.later(12)
        await world.over()
        assert len(world.service.sessions) == 1
        if world.desk.ends[-1].by == "unknown":
            assert await world.settle() == "approved"
        else:
            assert approved(world)
        assert world.service.charged("P1") == AMOUNT

    virtual(case)


@pytest.mark.parametrize(("at", "fault"), list(itertools.product(range(6), BROKEN)))
def test_a_cancel_that_breaks_leaves_nothing_that_could_still_be_paid(at: int, fault: str) -> None:
    async def case(world: World) -> None:
        world.wire.faults.extend([""] * at + [fault])
        world.start()
        await asyncio.sleep(4)
        world.line.cancel()
        await world.over()
        if world.desk.ends[-1].by == "unknown":
            assert await world.settle(cancel=True) == "declined"
        else:
            assert world.desk.ends[-1].by == "refused"
        assert not any(world.service.pay(session) for session in world.service.sessions)
        assert world.service.charged() == 0

    virtual(case)


@pytest.mark.parametrize("pays", [True, False])
@pytest.mark.parametrize("step", range(1, 40, 2))
def test_a_till_that_dies_anywhere_asks_and_never_orders_a_second_one(step: int, pays: bool) -> None:
    async def case(world: World) -> None:
        world.start()
        if pays:
            world.later(3.2)
        await asyncio.sleep(step * 0.11)
        world.kill()
        await asyncio.sleep(2)
        found = await world.settle()
        assert len(world.service.sessions) == 1
        charged = world.service.charged("P1")
        assert (found, charged) in {("approved", AMOUNT), ("declined", 0)}
        assert found == ("approved" if pays else "declined")

    virtual(case)


def test_a_service_that_is_away_leaves_it_unknown_until_it_answers() -> None:
    async def case(world: World) -> None:
        world.start()
        await asyncio.sleep(3)
        world.wire.away = True
        world.service.pay("cs_test_0001")
        world.kill()
        for _ in range(5):
            world.line.ask(world.order())
            await world.over()
            assert world.outcome(world.desk.answers[-1]) == "unknown"
        world.wire.away = False
        assert await world.settle() == "approved"

    virtual(case)


def test_an_order_that_never_arrived_is_known_to_be_none_only_when_it_cannot_arrive_any_more() -> None:
    async def case(world: World) -> None:
        world.wire.away = True
        world.start()
        await world.over()
        assert world.desk.ends[-1].by == "unknown"
        world.kill()
        await asyncio.sleep(400)
        world.wire.away = False
        assert await world.settle() == "declined"
        assert world.service.sessions == {}

    virtual(case)


def test_after_a_day_it_is_only_looked_for() -> None:
    async def case(world: World) -> None:
        world.wire.faults.append("lost")
        world.start()
        await asyncio.sleep(0.5)
        world.kill()
        assert world.desk.results == []
        world.service.pay("cs_test_0001")
        await asyncio.sleep(30 * 3_600)
        world.service._kept.clear()  # keys are forgotten
        before = len(world.service.requests)
        assert await world.settle() == "approved"
        assert {method for method, _ in world.service.requests[before:]} == {"GET"}

    virtual(case)


@pytest.mark.parametrize(("at", "fault"), list(itertools.product(range(3), BROKEN)))
def test_a_refund_is_given_once_wherever_it_breaks(at: int, fault: str) -> None:
    async def case(world: World) -> None:
        world.start()
        await world.customer(5)
        await world.over()
        world.wire.faults.extend([""] * at + [fault])
        world.start("refund", payment_id="R1", of_reference="cs_test_0001")
        await world.over()
        if world.desk.ends[-1].by == "unknown":
            world.line.ask(world.order(payment_id="R1", kind="refund", of="cs_test_0001", reference=""))
            await world.over()
            assert world.desk.answers[-1].result is not None
            assert world.desk.answers[-1].result.code == APPROVED
        else:
            assert world.desk.ends[-1].by == "completion"
        assert (len(world.service.refunds), world.service.charged()) == (1, 0)

    virtual(case)


def test_more_than_was_paid_is_not_given_back() -> None:
    async def case(world: World) -> None:
        world.start()
        await world.customer(5)
        await world.over()
        for name in ("R1", "R2"):
            world.start("refund", payment_id=name, of_reference="cs_test_0001")
            await world.over()
        assert [end.by for end in world.desk.ends] == ["completion", "completion", "refused"]
        assert world.service.charged() == 0

    virtual(case)


def test_what_could_not_be_kept_is_unknown() -> None:
    async def case(world: World) -> None:
        world.start()
        await asyncio.sleep(5)
        world.desk.full = True
        await world.customer(0)
        await world.over()
        assert world.desk.ends[-1].by == "unknown"
        world.desk.full = False
        assert await world.settle() == "approved"

    virtual(case)


def test_a_wrong_key_is_said_and_stands_in_no_sentence() -> None:
    async def case(world: World) -> None:
        stripe = Stripe("sk_test_other_secret", return_url="https://x", transport=world.wire)
        with pytest.raises(PspRefusedError) as caught:
            await stripe.create(PspOrder("P1", "sale", 100))
        assert "secret" not in f"{caught.value!r} {stripe!r}"

    virtual(case)


@pytest.mark.parametrize(
    ("says", "outcome", "rule"),
    [
        (None, "unknown", "silent"),
        (PspSays("paid", "c", AMOUNT, "EUR"), "approved", "ours"),
        (PspSays("paid", "c", AMOUNT - 1, "EUR"), "unknown", "amount"),
        (PspSays("paid", "c", AMOUNT, "USD"), "unknown", "amount"),
        (PspSays("paid", "c", None, "EUR"), "unknown", "amount"),
        (PspSays("open", "c"), "unknown", "open"),
        (PspSays("pending", "c"), "unknown", "pending"),
        (PspSays("expired", "c"), "declined", "expired"),
        (PspSays("none"), "declined", "none"),
    ],
)
def test_only_what_the_service_says_decides(says: PspSays | None, outcome: str, rule: str) -> None:
    verdict = verdict_of(PspOrder("P1", "sale", AMOUNT), says)
    assert (verdict.outcome, verdict.rule) == (outcome, rule)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stripe.key"
    path.write_text("sk_test_1\n")
    path.chmod(0o600)
    assert read_key(path) == "sk_test_1"
    path.chmod(0o640)
    with pytest.raises(StripeKeyError, match="chmod 600"):
        read_key(path)
    path.chmod(0o600)
    path.write_text("pk_live_1\n")
    with pytest.raises(StripeKeyError, match="no secret key"):
        read_key(path)
    with pytest.raises(StripeKeyError):
        read_key(tmp_path / "none")
