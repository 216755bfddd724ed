"""What customers agreed to. Each word is kept; the newest of a purpose and channel holds. Silence is a no."""

from typing import Final

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from pos.ports import Clock, Ids
from sync.hub.shop.customers import tables as t
from sync.hub.shop.customers.keys import seal_for, unseal_for
from sync.hub.shop.customers.messages import AddConsent, Consent
from sync.hub.shop.customers.records import cluster, standing
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.ticks import HUB
from sync.hub.shop.kit.work import Work

__all__ = ["TRANSACTIONAL", "CustomerConsents", "Given", "add", "listing", "may_send"]

TRANSACTIONAL: Final = "transactional"
"""The purpose of messages that belong to a purchase; they need no consent (GDPR, article 6 (1) b)."""


class Given(Struct, frozen=True):
    customer_id: str
    consent: AddConsent


def add(work: Work, ask: Given) -> Consent:

    customer_id, said = standing(work, ask.customer_id), ask.consent
    row = {
        "customer_id": customer_id, "consent_id": work.new_id(), "purpose": said.purpose, "channel": said.channel,
        "given": said.given, "at_ms": work.now_ms, "source": said.source, "text_version": said.text_version,
        "evidence": seal_for(work, customer_id, said.evidence.encode()),
    }  # fmt: skip
    work.execute(t.customer_consent.insert(), row)
    work.event("", "customer.consent", customer_id, {"purpose": said.purpose, "given": said.given})
    # Without the evidence: the answer is kept by the key of its request.
    return Consent(said.purpose, said.channel, said.given, work.now_ms, said.source, said.text_version, "")


def listing(work: Work, customer_id: str) -> list[Consent]:
    """Oldest first."""
    c = t.customer_consent.c
    rows = work.execute(
        sa.select(c.purpose, c.channel, c.given, c.at_ms, c.source, c.text_version, c.evidence)
        .where(c.customer_id == customer_id)
        .order_by(c.at_ms, c.consent_id)
    )
    found = []
    for row in rows:
        evidence = (unseal_for(work, customer_id, bytes(row.evidence)) or b"").decode()
        found.append(
            Consent(row.purpose, row.channel, row.given, row.at_ms, row.source, row.text_version, evidence)
        )
    return found


def may_send(work: Work, customer_id: str, purpose: str, channel: str) -> bool:
    """Whether somebody may be written to for this, now. The newest word of all merged records holds."""
    try:
        customer_id = standing(work, customer_id)
    except RefusedError:
        return False
    state = work.execute(
        sa.select(t.customer.c.state).where(t.customer.c.customer_id == customer_id)
    ).scalar_one()
    if state != "active":
        return False
    if purpose == TRANSACTIONAL:
        return True
    c = t.customer_consent.c
    newest = work.execute(
        sa.select(c.given)
        .where(c.customer_id.in_(cluster(work, customer_id)), c.purpose == purpose, c.channel == channel)
        .order_by(c.at_ms.desc(), c.given, c.consent_id.desc())  # of two at once, the no
        .limit(1)
    ).scalar_one_or_none()
    return bool(newest)


class CustomerConsents:
    """Implements letters.seals.Consents."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    def may_send(self, connection: Connection, customer: str, purpose: str, channel: str) -> bool:
        return may_send(Work(connection, self._clock.wall_ms(), self._ids, HUB), customer, purpose, channel)
