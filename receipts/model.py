"""The receipt as data: what every rendering (text, ESC/POS, HTML) shows, decided once."""

import msgspec

__all__ = ["Shop"]


class Shop(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sells: what the law wants on a receipt, and the shop's own words. `address` is one line each."""

    name: str
    address: tuple[str, ...] = ()
    tax_number: str = ""
    country: str = "DE"
    currency: str = "EUR"
    footer_de: str = ""
    footer_en: str = ""
