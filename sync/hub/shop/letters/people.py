"""Whom an order's messages go to: its customer, or the guest that it names."""

from sync.hub.shop.customers import core as customers
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.telling import Contact
from sync.hub.shop.orders.body import Held
from sync.hub.shop.orders.people import person_of

__all__ = ["contact_of"]


def contact_of(work: Work, held: Held) -> Contact | None:
    """The customer of an order as the customer is reached now, else whom the order itself names.

    Raises VaultError where the hub has no key file.
    """
    if held.customer:
        try:
            found = customers.contact(work, held.customer)
        except RefusedError:
            found = None
        return None if found is None else Contact(found.email, found.phone, held.customer)
    person = person_of(work, held)
    return None if person is None else Contact(person.email, person.phone)
