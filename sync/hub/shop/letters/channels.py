"""Channels: each is an apprise address. E-mail is read from it and sent by `mail`; everything else apprise sends.

apprise says only whether it went well. For e-mail that is not enough, see `mail`; elsewhere "no" is taken as "try again
later", and a service that took the message over and could not say so may carry it twice.
"""

import asyncio
import warnings
from typing import TYPE_CHECKING, Any, Final

from pos.ports import Clock, Worker
from sync.hub.brand import Brand
from sync.hub.shop.letters.mail import Mail, MailServer
from sync.hub.shop.letters.messenger import Letter, Messenger, Outcome

if TYPE_CHECKING:
    from sync.hub.shop.letters.settings import Channel

__all__ = ["AppriseMessenger", "ChannelError", "mail_server", "messenger_for"]

LIMIT_S: Final = 60.0
TO: Final = "{to}"
_MAIL: Final = ("mailto://", "mailtos://")


class ChannelError(Exception):
    """A channel's settings cannot be used; the text is one sentence and holds no password."""


def messenger_for(channel: "Channel", brand: Brand, worker: Worker, clock: Clock) -> Messenger:
    """What carries letters by this channel. Raises ChannelError."""
    if channel.url.startswith(_MAIL):
        return Mail(mail_server(channel, brand), worker, clock)
    return AppriseMessenger(channel.url, worker)


def mail_server(channel: "Channel", brand: Brand) -> MailServer:
    """The server that a mailto:// or mailtos:// address of apprise names. Raises ChannelError."""
    found: Any = _instance(channel.url)
    if found is None:
        raise ChannelError(
            "the address of a mail server is like mailtos://user:password@mail.example:587?from=shop@example.org"
        )
    sender = brand.sender or (found.from_addr[1] or "")
    modes = {"starttls": "starttls", "ssl": "ssl", "insecure": "insecure"}
    try:
        return MailServer(
            host=found.smtp_host or found.host,
            port=found.port or {"starttls": 587, "ssl": 465}.get(found.secure_mode, 25),
            security=modes[found.secure_mode],  # type: ignore[arg-type]
            sender=sender,
            sender_name=brand.sender_name or brand.name,
            reply_to=brand.reply_to,
            user=found.user or "",
            password=found.password or "",
            ca=channel.ca,
        )
    except (KeyError, ValueError) as error:
        raise ChannelError(str(error)) from error


class AppriseMessenger:
    """One address for each letter: `url` with {to} where the receiver's stands."""

    def __init__(self, url: str, worker: Worker) -> None:
        self._url = url
        self._worker = worker
        if TO not in url or _instance(url.replace(TO, "+491700000000")) is None:
            raise ChannelError(
                "a channel is an address that apprise knows, with {to} where the receiver's stands"
            )

    async def send(self, letter: Letter) -> Outcome:
        if not letter.to or any(not (c.isalnum() or c in "+-_.@") for c in letter.to):
            return Outcome("refused", "address")
        try:
            async with asyncio.timeout(LIMIT_S):
                return await self._worker.run(self._send, letter)
        except TimeoutError:
            return Outcome("unknown", "slow")

    def _send(self, letter: Letter) -> Outcome:
        target = _instance(self._url.replace(TO, letter.to.replace("+", "%2B")))
        if target is None:
            return Outcome("refused", "address")
        body = letter.short or letter.text
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                went = target.notify(body=body, title=letter.subject)
        except Exception:  # noqa: BLE001 - a plugin may raise anything, and its words may hold the address
            return Outcome("later", "failed")
        return Outcome("sent", "ok") if went else Outcome("later", "no")


def _instance(url: str) -> Any:
    import logging  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what Python has given up
        import apprise  # noqa: PLC0415 - 1.5 s that only a hub with messages pays

        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines hold addresses
        return apprise.Apprise.instantiate(url)
