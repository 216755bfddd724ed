"""Open days in the journal's head: today's is the one to which the next sale belongs."""

import msgspec

from pos.days import Days, follow_days
from pos.facts import Fact
from pos.ports import Head

__all__ = ["follow_day", "with_days"]


def follow_day(head: Head, fact: Fact, epoch: int, seq: int) -> Head:
    """The head after one more fact, as far as days and cash sessions go."""
    days = follow_days(head.days, fact, epoch, seq)
    return head if days is head.days else with_days(head, days)


def with_days(head: Head, days: Days) -> Head:
    today = days.today
    return msgspec.structs.replace(
        head,
        days=days,
        business_day=today.business_day if today is not None else "",
        cash_session=days.session,
    )
