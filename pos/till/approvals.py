"""What the operator may not do alone waits here until another person agrees, or Esc drops it."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.rights import Approval
from pos.ports import Operator, SignInRefusedError
from pos.till.desk import Asking, Desk, NeedsApproval, Refusal

__all__ = ["Approvals"]

_BADGE: Final = "TRSB"  # an own code (pos.domain.scans), perhaps behind the symbology's identifier
_GOES_ON: Final = (c.Approve, c.Cancel, c.Lock)
_Waiting = Coroutine[Any, Any, None] | None


class Approvals:
    """`run` handles a command as if it had just come; `dropped` hears that nobody will agree to what waited."""

    def __init__(self, desk: Desk, run: Callable[[c.Command], _Waiting], dropped: Callable[[], None]) -> None:
        self._desk = desk
        self._run = run
        self._dropped = dropped
        self.handlers = {c.Approve: self._approve}

    def ask(self, command: c.Command, needed: NeedsApproval) -> None:
        """The command was not done: it waits for somebody who has this right, this far."""
        self._desk.ask_approval(Asking(command, needed.right, self._desk.approvals, needed.size))

    def look(self, command: c.Command) -> None:
        """Before a command that is no news: while one waits, only the answer, Esc and leaving mean anything."""
        asking = self._desk.asking
        if asking is None:
            return
        if isinstance(command, c.Cancel | c.Lock):
            self._desk.asking = None
            self._dropped()
        elif not isinstance(command, _GOES_ON) and not _is_badge(command):
            if isinstance(command, c.Scan):
                self._desk.events.append(e.CodeRefused("", "busy"))
            raise Refusal("approval-needed", level="warn", right=asking.right)

    def approvers(self) -> tuple[Operator, ...]:
        """Who could agree to what waits: everybody with the right but the operator."""
        desk = self._desk
        if desk.asking is None:
            return ()
        asking, own = desk.asking, desk.operator_id()
        people = desk.world.people.operators()
        return tuple(
            person
            for person in people
            if person.operator_id != own and desk.roles.may(person.role, asking.right, asking.size)
        )

    async def _approve(self, command: c.Approve) -> None:
        desk = self._desk
        if desk.asking is None:
            raise Refusal("nothing-to-approve", level="info")
        try:
            person = await desk.world.people.sign_in(command.name, command.pin)
        except SignInRefusedError as error:
            raise Refusal(error.code, seconds=error.wait_s) from error
        await self.agree(person)

    async def agree(self, person: Operator) -> None:
        """Let what waits go on: a person who proved who they are agrees to it. Raises Refusal."""
        desk, asking = self._desk, self._desk.asking
        assert asking is not None, "something waits"
        if person.operator_id == desk.operator_id():
            raise Refusal("approve-oneself")
        if not desk.roles.may(person.role, asking.right, asking.size):
            raise Refusal("approve-no-right", name=person.name, right=asking.right)
        approval = Approval(asking.right, person.operator_id, desk.world.clock.wall_ms())
        desk.asking = None
        desk.approvals = (*asking.approvals, approval)
        desk.events.append(e.Approved(asking.right, person.name))
        try:
            waiting = self._run(asking.command)
            if waiting is not None:
                await waiting
        except NeedsApproval as needed:  # a second right
            self.ask(asking.command, needed)
        finally:
            desk.approvals = ()


def _is_badge(command: c.Command) -> bool:
    """A scan that may be somebody's badge."""
    return isinstance(command, c.Scan) and _BADGE in command.code[: len(_BADGE) + 3]
