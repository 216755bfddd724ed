"""How a page looks beyond the receipt itself: what the hub knows of the brand."""

import msgspec

__all__ = ["PLAIN", "Look"]


class Look(msgspec.Struct, frozen=True):
    """`style`: CSS that gives the variables of the page their colours. `logo`: an address of the same host, or empty.

    `lines`, `phone`, `email`: whom to ask. `below` is HTML that stands under a receipt, made by a template.
    """

    style: str = ""
    name: str = ""
    logo: str = ""
    lines: tuple[str, ...] = ()
    phone: str = ""
    email: str = ""
    below: str = ""


PLAIN = Look()
