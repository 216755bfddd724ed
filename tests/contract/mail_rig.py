"""Mail servers for tests, on real sockets: one that behaves (aiosmtpd), and one that does what it is told."""

import asyncio
import email
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sync.hub.shop.letters.mail import MailServer

USER, PASSWORD = "laden", "geheim & sicher"


class Box:
    """Keeps what was accepted. `rcpt` and `data` may hold answers that are given instead, one for each try."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[str] = []
        self.rcpt: list[str] = []
        self.data: list[str] = []
        self.logins = 0
        self.encrypted: list[bool] = []

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.rcpt:
            return self.rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data:
            return self.data.pop(0)
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.to += envelope.rcpt_tos
        self.encrypted.append(session.ssl is not None)
        return "250 2.0.0 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        good = (
            isinstance(data, LoginPassword)
            and data.login == USER.encode()
            and data.password == PASSWORD.encode()
        )
        self.logins += good
        return AuthResult(success=good, handled=False)


def part(mail: EmailMessage, kind: str) -> str:
    """The text of the "plain" or "html" part."""
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def server_at(port: int, **options: Any) -> MailServer:
    return MailServer(
        **{
            "host": "127.0.0.1",
            "port": port,
            "security": "insecure",
            "sender": "laden@example.org",
            **options,
        }
    )


@asynccontextmanager
async def mail_server(
    box: Box, tls: tuple[str, str] | None = None, *, wrapped: bool = False
) -> AsyncIterator[int]:
    """Gives the port. With `tls` it takes letters only after STARTTLS and a login; `wrapped`: TLS from the first byte."""
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)

    def protocol() -> SMTP:
        strict = context is not None and not wrapped
        return SMTP(
            box,
            hostname="mail.test",
            tls_context=None if wrapped else context,
            require_starttls=strict,
            auth_required=strict,
            authenticator=box.authenticate if context else None,
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=context if wrapped else None
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


class Told:
    """A server that answers by a script, whatever it is told; an empty answer hangs, "cut" ends the line.

    `heard` are the lines that came. A letter's content is one step, up to its final dot: the step "half" ends the line in
    the middle of it, "swallow" takes it with its dot and ends the line without a word.
    """

    def __init__(self, *script: str) -> None:
        self._script = script
        self.heard: list[bytes] = []
        self.letters = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for step in self._script:
                if step == "cut":
                    return
                if step == "hang":
                    await reader.read()
                    return
                if step == "drip":
                    while True:
                        writer.write(b"2")
                        await writer.drain()
                        await asyncio.sleep(0.02)
                if step == "half":
                    await reader.readline()
                    return
                if step == "swallow":
                    await self._letter(reader)
                    return
                if step == "letter":
                    await self._letter(reader)
                    continue
                writer.write(step.encode() + b"\r\n")
                await writer.drain()
                if not step.startswith("354"):
                    line = await reader.readline()
                    if not line:
                        return
                    self.heard.append(line)
        except OSError:
            pass
        finally:
            writer.close()

    async def _letter(self, reader: asyncio.StreamReader) -> None:
        while (line := await reader.readline()) not in {b".\r\n", b""}:
            pass
        self.letters += line == b".\r\n"


@asynccontextmanager
async def told(*script: str) -> AsyncIterator[tuple[int, Told]]:
    made = Told(*script)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], made
    finally:
        server.close()
        await server.wait_closed()
