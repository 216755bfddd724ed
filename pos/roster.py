"""The people of a till as whoever runs the shop changes them: names, roles, PINs, badges. On the caller's thread."""

import base64
import contextlib
from collections.abc import Collection

import apsw
import msgspec

from pos.people import PeopleStore, PinRefusedError, check_name, transaction
from pos.ports import Operator

__all__ = ["Listed", "Roster"]

_BADGE_BYTES = 10


class Listed(msgspec.Struct, frozen=True):
    """An operator as `tresen people list` shows one. `badges` counts those that are good."""

    operator: Operator
    badges: int
    locked: bool


class Roster(PeopleStore):
    """What `tresen people` does. A till that runs sees it at its next look."""

    def listed(self) -> list[Listed]:
        now_ms = self._clock.wall_ms()
        with contextlib.closing(self.connect()) as connection:
            badges = dict(connection.execute("select operator_id, count(*) from badge group by operator_id"))
            locked = {
                who
                for (who,) in connection.execute("select who from sign_in_try where until_ms > ?", (now_ms,))
            }
        self.load()
        return [
            Listed(operator, badges.get(operator.operator_id, 0), operator.operator_id in locked)
            for operator in self.operators()
        ]

    def change(
        self,
        name: str,
        *,
        supervisors: Collection[str],
        new_name: str = "",
        role: str = "",
        language: str | None = None,
    ) -> Operator:
        """Another name, role or language; what is empty stays. `supervisors` are the roles that may everything, of whom
        one must stay. Raises PinRefusedError.
        """
        operator = self._named(name)
        if role and role not in supervisors:
            self._keep_one(operator, supervisors)
        if new_name:
            check_name(new_name)
        changed = msgspec.structs.replace(
            operator,
            name=new_name.strip() or operator.name,
            role=role or operator.role,
            language=operator.language if language is None else language,
        )
        with contextlib.closing(self.connect()) as connection:
            try:
                connection.execute(
                    "update operator set name = ?, role = ?, language = ? where operator_id = ?",
                    (changed.name, changed.role, changed.language, changed.operator_id),
                )
            except apsw.ConstraintError as error:
                raise PinRefusedError(f"There is an operator {changed.name} already, or was one.") from error
        return changed

    def remove(self, name: str, *, supervisors: Collection[str]) -> Operator:
        """Nobody signs in under this name any more; what was done stays under its number. Raises PinRefusedError."""
        operator = self._named(name)
        self._keep_one(operator, supervisors)
        with contextlib.closing(self.connect()) as connection, transaction(connection):
            connection.execute(
                "update operator set active = 0 where operator_id = ?", (operator.operator_id,)
            )
            connection.execute("delete from badge where operator_id = ?", (operator.operator_id,))
        return operator

    def set_large(self, name: str, *, large: bool) -> None:
        """Large type on the screen, from the next sign-in on. Raises PinRefusedError."""
        operator = self._named(name)
        add, drop = (
            "insert or ignore into large_type values(?)",
            "delete from large_type where operator_id = ?",
        )
        with contextlib.closing(self.connect()) as connection:
            connection.execute(add if large else drop, (operator.operator_id,))

    def set_pin(self, name: str, pin: str, *, due: bool = True) -> Operator:
        """A new PIN, and tries begin anew; raises PinRefusedError."""
        operator = self._named(name)
        self.add(operator.name, pin, due=due)
        with contextlib.closing(self.connect()) as connection:
            connection.execute("delete from sign_in_try where who = ?", (operator.operator_id,))
        return operator

    def new_badge(self, name: str) -> tuple[Operator, str]:
        """A badge of this operator: what its code holds, told once. Raises PinRefusedError."""
        operator = self._named(name)
        payload = base64.b32encode(self._ids.token(_BADGE_BYTES)).decode()
        with contextlib.closing(self.connect()) as connection:
            connection.execute(
                "insert into badge values(?, ?, ?)",
                (self.digest(payload), operator.operator_id, self._clock.wall_ms()),
            )
        return operator, payload

    def revoke_badges(self, name: str) -> tuple[Operator, int]:
        """None of this operator's badges is good any more; how many there were. Raises PinRefusedError."""
        operator = self._named(name)
        with contextlib.closing(self.connect()) as connection:
            connection.execute("delete from badge where operator_id = ?", (operator.operator_id,))
            return operator, connection.changes()

    def _named(self, name: str) -> Operator:
        """By name or number."""
        self.load()
        wanted = name.strip()
        by_number = [one for one in self.operators() if one.operator_id == wanted]
        by_name = [one for one in self.operators() if one.name.casefold() == wanted.casefold()]
        found = by_name or by_number
        if not found:
            names = ", ".join(operator.name for operator in self.operators())
            raise PinRefusedError(f"There is no operator {wanted}. There are: {names}.")
        return found[0]

    def _keep_one(self, operator: Operator, supervisors: Collection[str]) -> None:
        others = [one for one in self.operators() if one.role in supervisors and one != operator]
        if operator.role in supervisors and not others:
            raise PinRefusedError(
                f"{operator.name} is the last one who may everything: make another one first."
            )
