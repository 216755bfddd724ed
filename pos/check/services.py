"""Whether the payment service answers and takes the key. Nothing is ordered there, made or changed."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pos.check.report import Finding
from pos.psp_ports import PspAwayError, PspKeyError, PspRefusedError
from pos.settings import PspSettings

if TYPE_CHECKING:
    import httpx

__all__ = ["check_service"]

_SECTION, _WHAT = "Services", "Payment service"


def check_service(
    state: Path, rules: PspSettings, transport: "httpx.AsyncBaseTransport | None" = None
) -> Finding:
    """Blocks until the service has answered twice; whoever calls waits no longer than it likes."""
    if not rules.provider:
        return Finding(_SECTION, _WHAT, "off", "none set")
    from drivers.psp.stripe import BASE, Stripe, StripeKeyError, read_key  # noqa: PLC0415 - only where there is one

    try:
        key = read_key(state / rules.key_file)
    except StripeKeyError as error:
        to_do = "psp.key_file in settings.toml names the file; only the till's user may read it: chmod 600"
        return Finding(_SECTION, _WHAT, "wrong", str(error), to_do)
    page = urlsplit(rules.return_url)
    if page.scheme not in {"http", "https"} or not page.hostname:
        to_do = "psp.return_url in settings.toml is the page after paying, like https://shop.example/thanks"
        return Finding(_SECTION, _WHAT, "wrong", f"return_url: {rules.return_url or '(empty)'}", to_do)
    base = rules.address.rstrip("/") or BASE
    service = Stripe(key, return_url=rules.return_url, base=base, transport=transport)

    async def look() -> None:
        try:
            await service.probe()
        finally:
            await service.close()

    try:
        asyncio.run(look())
    except PspKeyError as error:
        to_do = "Make a key that may write Checkout Sessions and Refunds, and put it into psp.key_file."
        return Finding(_SECTION, _WHAT, "wrong", f"{base} answers, and does not take the key: {error}", to_do)
    except PspRefusedError as error:
        to_do = "Look at psp.address in settings.toml: it is left empty for the service itself."
        return Finding(
            _SECTION, _WHAT, "wrong", f"{base} answers, and not as {rules.provider}: {error}", to_do
        )
    except PspAwayError as error:
        to_do = "No payment by link until it answers; everything else sells. Look at the network and at psp.address."
        return Finding(_SECTION, _WHAT, "missing", f"{base} does not answer: {error}", to_do)
    kind = "a test key: no money moves" if "_test_" in key else "the key is accepted"
    return Finding(_SECTION, _WHAT, "ok", f"{base} answers, {kind}")
