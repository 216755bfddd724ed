"""The link that every receipt carries: made at the till, good before the sale reaches the hub.

<store>.<128 random bits>.<short MAC>, for the path /r/<that>

A gift receipt's link, for the path /g/<that>, has the same form: the bits enciphered under the store's key, with a MAC of its
own. So it is good at once, whoever has the key finds the receipt, and nobody else can make the receipt's link of it.

The hub's own pages (an order, a cart, a case) have links of the same form: what they show has an id of 128 bits, enciphered under the hub's
key, so that nothing has to be kept for a link and nobody can make one of an id.
"""

import binascii
import hashlib
import hmac
import re
from typing import Any, Final

__all__ = [
    "TOKEN_BYTES",
    "gift_link",
    "mint_link",
    "number_of_page",
    "page_link",
    "receipt_of_gift",
    "split_link",
    "verify_link",
]

TOKEN_BYTES: Final = 16
_MAC_BYTES: Final = 6
_MAC_TAG: Final = b"tresen.link.1"
_GIFT_TAG: Final = b"tresen.gift.1"
_GIFT_KEY: Final = b"tresen.gift.key.1"
_PAGE_TAG: Final = b"tresen.page.1 "
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_LINK: Final = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9_-]{0,31})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{8})", re.ASCII
)


def mint_link(store: str, token: bytes, link_key: bytes) -> str:
    """`<store>.<128 random bits>.<short MAC>`, for the path `/r/<that>`. `token`: 16 bytes of chance."""
    if len(token) != TOKEN_BYTES:
        raise ValueError(f"a link takes {TOKEN_BYTES} bytes of chance, not {len(token)}")
    link = _link(store, token, link_key, _MAC_TAG)
    if not _LINK.fullmatch(link):
        raise ValueError(f"a store named {store!r} cannot stand in a link")
    return link


def split_link(link: str) -> tuple[str, bytes, bytes] | None:
    """Store, token and MAC of a link (the MAC unchecked); None if it is none."""
    match = _LINK.fullmatch(link)
    if match is None:
        return None
    store, token, mac = match.groups()
    token_bytes = _bytes_of(token + "==")
    if _base64url(token_bytes) != token:  # the last character holds spare bits: one spelling only
        return None
    return store, token_bytes, _bytes_of(mac)


def verify_link(link: str, link_key: bytes) -> bool:
    """Whether whoever made the link had the store's key. Takes the same time for each wrong MAC."""
    parts = split_link(link)
    if parts is None:
        return False
    store, token, mac = parts
    return hmac.compare_digest(mac, _mac(store, token, link_key))


def gift_link(link: str, link_key: bytes) -> str:
    """The gift receipt's link of a receipt's; empty for a link that this key did not make."""
    parts = split_link(link)
    if parts is None or not verify_link(link, link_key):
        return ""
    hidden = _cipher(link_key).encryptor().update(parts[1])
    return _link(parts[0], hidden, link_key, _GIFT_TAG)


def receipt_of_gift(link: str, link_key: bytes) -> str:
    """The receipt's link of a gift receipt's; empty for one that this key did not make."""
    parts = split_link(link)
    if parts is None or not hmac.compare_digest(parts[2], _mac(parts[0], parts[1], link_key, _GIFT_TAG)):
        return ""
    return _link(parts[0], _cipher(link_key).decryptor().update(parts[1]), link_key, _MAC_TAG)


def page_link(kind: str, store: str, number: bytes, key: bytes) -> str:
    """The link of a page of the hub's. `kind` keeps links of orders, carts and cases apart; `number`: 16 bytes."""
    if len(number) != TOKEN_BYTES:
        raise ValueError(f"a page's number has {TOKEN_BYTES} bytes, not {len(number)}")
    tag = _PAGE_TAG + kind.encode()
    return _link(store, _cipher(key, tag).encryptor().update(number), key, tag)


def number_of_page(kind: str, link: str, key: bytes) -> tuple[str, bytes] | None:
    """Store and number of a page's link; None for one that this key did not make for this kind."""
    parts = split_link(link)
    tag = _PAGE_TAG + kind.encode()
    if parts is None or not hmac.compare_digest(parts[2], _mac(parts[0], parts[1], key, tag)):
        return None
    return parts[0], _cipher(key, tag).decryptor().update(parts[1])


def _cipher(link_key: bytes, use: bytes = _GIFT_KEY) -> Any:
    """One block, so that no mode is needed: a permutation of the tokens that only the key tells."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - gifts are rare

    key = hmac.new(link_key, use, hashlib.sha256).digest()
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - a single block of random bits


def _link(store: str, token: bytes, link_key: bytes, tag: bytes) -> str:
    return f"{store}.{_base64url(token)}.{_base64url(_mac(store, token, link_key, tag))}"


def _mac(store: str, token: bytes, link_key: bytes, tag: bytes = _MAC_TAG) -> bytes:
    return hmac.new(link_key, tag + store.encode() + b"\0" + token, hashlib.sha256).digest()[:_MAC_BYTES]


def _base64url(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def _bytes_of(text: str) -> bytes:
    return binascii.a2b_base64(text.encode().translate(_FROM_URL))
