"""Open days, payments and transfers in the journal's head: today's day is the one to which the next sale belongs."""

import msgspec

from pos.facts import Fact
from pos.standing import Standing, follow_standing
from pos.storage_ports import Head

__all__ = ["follow_head", "with_standing"]


def follow_head(head: Head, fact: Fact, epoch: int, seq: int) -> Head:
    """The head after one more fact, as far as days, cash sessions, payments and transfers go."""
    before = Standing(head.days, head.payments, head.transfers)
    standing = follow_standing(before, fact, epoch, seq)
    return head if standing is before else with_standing(head, standing)


def with_standing(head: Head, standing: Standing) -> Head:
    today = standing.days.today
    return msgspec.structs.replace(
        head,
        days=standing.days,
        business_day=today.business_day if today is not None else "",
        cash_session=standing.days.session,
        payments=standing.payments,
        transfers=standing.transfers,
    )
