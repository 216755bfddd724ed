"""The shop page: a small shop in the browser that uses the public API and nothing else, to try the whole journey.

Its settings are here; `web/shop_page.py` serves it.
"""

import tomllib
from pathlib import Path

import msgspec
from sqlalchemy.engine import Connection

from sync.hub.shop.kit.actor import find_token

__all__ = ["ShopPage", "ShopPageError", "demand_public", "read_shop_page"]


class ShopPageError(Exception):
    """The settings of the shop page cannot be used; the text is one sentence."""


class ShopPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`token` is one of the role storefront; everyone sees it. `name` stands at the top, else the brand's.

    `payment_url`: where an order is paid, with {order} where its id stands; without it orders are paid at collection only.
    `payment_note` says what kind of payment that is. `note` is shown on every view.
    """

    token: str
    name: str = ""
    payment_url: str = ""
    payment_note: str = ""
    note: str = ""


def read_shop_page(path: Path) -> ShopPage:
    """The settings in a TOML file. Raises ShopPageError."""
    try:
        with path.open("rb") as file:
            found = msgspec.convert(tomllib.load(file), ShopPage)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ShopPageError(f"the settings of the shop page cannot be used: {error}") from error
    if found.payment_url and not found.payment_url.startswith(("https://", "http://")):
        raise ShopPageError("payment_url of the shop page is an address: https://...{order}")
    return found


def demand_public(connection: Connection, page: ShopPage) -> None:
    """The page's token is shown to everyone, so it may do what everyone may. Raises ShopPageError."""
    actor = find_token(connection, page.token)
    if actor is None:
        raise ShopPageError(
            "the shop page's token is not in use; make one: tresen hub token new shop --role storefront"
        )
    if not actor.is_public:
        raise ShopPageError(
            f"the shop page's token has the role {actor.role}; everyone sees it, so only storefront will do"
        )
