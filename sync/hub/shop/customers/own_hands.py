"""What people do with their own data: ask for the way to it by mail, look, agree and disagree, take it along, erase it."""

import hashlib
from typing import Final

import sqlalchemy as sa
from msgspec import Struct

from sync.hub.shop.customers import consents, core
from sync.hub.shop.customers import tables as t
from sync.hub.shop.customers.messages import AddConsent, Channel, Consent, Identifier
from sync.hub.shop.customers.records import standing
from sync.hub.shop.kit.actor import secret_hash
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.core import Message, say

__all__ = [
    "ONCE_MS",
    "OPEN_MS",
    "PURPOSES",
    "Said",
    "agree",
    "ask_for_link",
    "newest",
    "open_once",
    "opens",
    "owner",
]

ONCE_MS: Final = 24 * 3_600_000
OPEN_MS: Final = 3_600_000
_HOUR_MS: Final = 3_600_000
PURPOSES: Final[tuple[tuple[str, Channel], ...]] = (
    ("marketing", "email"),
    ("marketing", "sms"),
    ("marketing", "post"),
    ("receipt", "email"),
)
"""What people are asked for on their page. What they agreed to elsewhere stands there too."""
_LENGTH: Final = 48


class Said(Struct, frozen=True):
    """`words` is what stood beside the button, `version` of which edition of the page."""

    purpose: str
    channel: Channel
    given: bool
    words: str
    version: str


def ask_for_link(work: Work, email: str, public_url: str) -> bool:
    """Write a mail with a link that opens once, to the address that the customer has; one an hour. False: to nobody."""
    found = core.find_by_identifier(work, "email", email)
    contact = core.contact(work, found) if found is not None else None
    if found is None or contact is None or _plain(contact.email) != _plain(email):
        return False
    secret = work.new_secret()
    hour = f"{found} {work.now_ms // _HOUR_MS}"
    key = f"my-data/{hashlib.sha256(hour.encode()).hexdigest()[:24]}"
    fields = {"link": f"{public_url}/me/{secret}"}
    message = Message(
        "", key, "my-data", contact.email, fields, "email", contact.language, found, work.now_ms + ONCE_MS
    )
    if not say(work, message):
        return False
    row = {"secret_hash": _once(secret), "customer_id": found, "expires_ms": work.now_ms + ONCE_MS}
    work.execute(t.customer_link.insert(), row)
    return True


def opens(work: Work, secret: str) -> bool:
    """Whether this is a link that opens once, and has not yet."""
    c = t.customer_link.c
    query = sa.select(c.customer_id).where(c.secret_hash == _once(secret), c.expires_ms > work.now_ms)
    return _is_secret(secret) and work.execute(query).first() is not None


def open_once(work: Work, secret: str) -> str | None:
    """The secret of the page itself, for an hour; the link opens nothing after that. None: it is none, or was used."""
    c = t.customer_link.c
    if not _is_secret(secret):
        return None
    gone = t.customer_link.delete().where(c.secret_hash == _once(secret), c.expires_ms > work.now_ms)
    found = work.execute(gone.returning(c.customer_id)).scalar()
    if found is None:
        return None
    page = work.new_secret()
    row = {
        "secret_hash": secret_hash(page),
        "customer_id": standing(work, found),
        "expires_ms": work.now_ms + OPEN_MS,
    }
    work.execute(t.customer_link.insert(), row)
    return page


def owner(work: Work, secret: str) -> str | None:
    """Whose page this secret opens."""
    return core.by_link(work, secret) if _is_secret(secret) else None


def agree(work: Work, customer_id: str, said: Said) -> None:
    """Note a yes or a no with what was read; the same as before is not noted again."""
    before = newest(consents.listing(work, customer_id)).get((said.purpose, said.channel))
    if (before is not None and before.given) == said.given:
        return
    consent = AddConsent(said.purpose, said.channel, said.given, "page", said.version, said.words)
    consents.add(work, consents.Given(customer_id, consent))


def newest(all_of_them: list[Consent]) -> dict[tuple[str, str], Consent]:
    """The word that holds, for each purpose and channel."""
    return {(one.purpose, one.channel): one for one in sorted(all_of_them, key=lambda one: one.at_ms)}


def _plain(email: str) -> str:
    return core.lookup_form(Identifier("email", email))


def _once(secret: str) -> bytes:
    return secret_hash(f"once {secret}")


def _is_secret(text: str) -> bool:
    return len(text) == _LENGTH and all(char in "0123456789abcdef" for char in text)
