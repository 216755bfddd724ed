"""Where webhooks may go: public addresses only, unless the hub was told otherwise.

The name is looked up at each delivery, every address it has must be allowed, and the connection goes to one of those
that were looked at: a name that answers differently a moment later leads nowhere else.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

__all__ = [
    "PUBLIC_ONLY",
    "Address",
    "Look",
    "Rules",
    "Target",
    "UrlError",
    "check_url",
    "is_public",
    "target_of",
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Look = Callable[[str, int], Awaitable[Sequence[str]]]
URL_MAX: Final = 500
_TRANSLATED: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


class UrlError(Exception):
    """An address that is not called; `code` is url, scheme, private-address or no-address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Rules(msgspec.Struct, frozen=True):
    """`networks` that are allowed though they are not public; into them, and only there, http goes as well."""

    networks: tuple[Network, ...] = ()


PUBLIC_ONLY: Final = Rules()


class Target(msgspec.Struct, frozen=True):
    """One address to connect to. `host` is the name in the address, for the certificate; `port` its port."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def url(self) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{shown}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return shown if self.port == usual else f"{shown}:{self.port}"


def check_url(url: str, rules: Rules) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of an address that may be one of ours. Raises UrlError."""
    if len(url) > URL_MAX or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UrlError("url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlError("url") from error
    if parts.scheme not in ({"https", "http"} if rules.networks else {"https"}):
        raise UrlError("scheme")
    host = (parts.hostname or "").rstrip(".")
    if not host or parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise UrlError("url")
    literal = _literal(host)
    if literal is not None and not _allowed(literal, rules):
        raise UrlError("private-address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme], path


async def target_of(url: str, rules: Rules, look: "Look | None" = None) -> Target:
    """Look the name up and choose an address. Raises UrlError, also where one of its addresses is not allowed."""
    scheme, host, port, path = check_url(url, rules)
    try:
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in await (look or _look)(host, port)]
    except (OSError, ValueError, UnicodeError) as error:
        raise UrlError("no-address") from error
    if not found:
        raise UrlError("no-address")
    if not all(_allowed(address, rules) for address in found):
        raise UrlError("private-address")
    if scheme == "http" and not all(any(_inner(a) in n for n in rules.networks) for a in found):
        raise UrlError("scheme")
    return Target(scheme, host, port, path, str(found[0]))


def is_public(address: Address) -> bool:
    """Whether the whole internet can reach it, whatever it is wrapped in."""
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved and not inner.is_unspecified


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _TRANSLATED) or (
        address in _COMPATIBLE and int(address) > 0xFFFF
    ):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _allowed(address: Address, rules: Rules) -> bool:
    inner = _inner(address)
    return is_public(address) or any(inner in network for network in rules.networks)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


async def _look(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in found]
