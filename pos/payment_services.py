"""The line to a payment service, as far as the settings name one."""

import logging
from pathlib import Path

from pos.ports import Clock
from pos.psp_ports import PaymentLine
from pos.settings import Settings

__all__ = ["make_line"]

_log = logging.getLogger("tresen.psp")


def make_line(state: Path, settings: Settings, clock: Clock) -> PaymentLine | None:
    """None where there is none, or where its key cannot be used: then the log says why."""
    rules = settings.psp
    if not rules.provider:
        return None
    from drivers.psp.line import PspLine  # noqa: PLC0415 - only where there is one
    from drivers.psp.stripe import BASE, Stripe, StripeKeyError, read_key  # noqa: PLC0415

    try:
        key = read_key(state / rules.key_file)
    except StripeKeyError as error:
        _log.error("payment service: %s", error)
        return None
    service = Stripe(
        key, return_url=rules.return_url, methods=rules.methods, base=rules.address.rstrip("/") or BASE
    )
    return PspLine(rules.provider, service, clock, text=settings.shop.name or "Tresen")
