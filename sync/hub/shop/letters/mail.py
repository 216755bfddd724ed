"""E-mail over SMTP, such that it is always known how far a letter came.

The conversation is our own: what matters is whether the server had the end of the letter, and what it said then.
Up to the final dot a broken line means "not sent"; after it, without an answer, "unknown".
"""

import asyncio
import re
import smtplib
import socket
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal

import msgspec

from pos.ports import Clock, Worker
from sync.hub.shop.letters.messenger import Letter, Outcome, id_of

__all__ = ["Mail", "MailServer", "compose", "plain_address"]

STEP_S: Final = 20.0
LIMIT_S: Final = 90.0
_OUR_FAULT: Final = Outcome("refused", "address")
_STATUS: Final = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})\b")
_LOCAL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_DOMAIN: Final = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


class MailServer(msgspec.Struct, frozen=True):
    """Where mail is handed in. `security`: "starttls" and "ssl" verify the server's certificate, by `ca` if it is given.

    `step_s` bounds one wait, `limit_s` the whole conversation.
    """

    host: str
    port: int
    security: Literal["starttls", "ssl", "insecure"]
    sender: str
    sender_name: str = ""
    reply_to: str = ""
    user: str = ""
    password: str = ""
    ca: str = ""
    step_s: float = STEP_S
    limit_s: float = LIMIT_S

    def __post_init__(self) -> None:
        if not plain_address(self.sender):
            raise ValueError("the sender of e-mails is an address like shop@example.org")
        if (
            self.password
            and self.security == "insecure"
            and self.host not in {"127.0.0.1", "::1", "localhost"}
        ):
            raise ValueError("a password for e-mail goes over starttls or ssl only; take mailtos://")


def plain_address(text: str) -> str:
    """The address in the form in which SMTP takes it everywhere; empty for what is none."""
    local, at, domain = text.strip().rpartition("@")
    try:
        domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        return ""
    good = at and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) and len(domain) <= 253
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    return f"{local}@{domain}" if good and not dots else ""


def compose(letter: Letter, server: MailServer, clock: Clock) -> EmailMessage:
    """The letter as it goes over the wire, with a Message-ID that follows from its key. Raises ValueError for no address."""
    to = plain_address(letter.to)
    if not to:
        raise ValueError("no address")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(_line(server.sender_name), addr_spec=plain_address(server.sender))
    mail["To"] = Address(addr_spec=to)
    mail["Subject"] = _line(letter.subject)
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = f"<{id_of(letter.key)}@{server.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if server.reply_to:
        mail["Reply-To"] = Address(addr_spec=plain_address(server.reply_to))
    if letter.unsubscribe:
        mail["List-Unsubscribe"] = f"<{_line(letter.unsubscribe)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(letter.text, cte="quoted-printable")
    if letter.html:
        mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return mail


def _line(text: str) -> str:
    return " ".join(text.split())


class Mail:
    """The messenger. `worker` is a thread of its own: it waits for the server."""

    def __init__(self, server: MailServer, worker: Worker, clock: Clock) -> None:
        self._server = server
        self._worker = worker
        self._clock = clock

    async def send(self, letter: Letter) -> Outcome:
        try:
            content = compose(letter, self._server, self._clock).as_bytes()
        except ValueError:
            return _OUR_FAULT
        talk = _Conversation(self._server, plain_address(letter.to), content)
        task = asyncio.ensure_future(self._worker.run(talk.hold))
        try:
            done, _ = await asyncio.wait((task,), timeout=self._server.limit_s)
            if not done:
                talk.abort()  # a server that drips never lets a single wait run out
            return await task
        except asyncio.CancelledError:
            talk.abort()
            raise


class _Conversation:
    """One letter, one connection. `hold` runs on a thread, `abort` is called from another."""

    def __init__(self, server: MailServer, to: str, content: bytes) -> None:
        self._server = server
        self._to = to
        # Lines that begin with a dot get another one, for a dot alone ends the letter.
        self._content = re.sub(rb"(?m)^\.", b"..", content)
        self._smtp: smtplib.SMTP | None = None
        self._dot = False
        self._answered = False

    def abort(self) -> None:
        line = self._smtp.sock if self._smtp is not None else None
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def hold(self) -> Outcome:
        """Say it all. Never raises."""
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._smtp = _line_to(self._server)
            smtp.begin()
            return self._hand_over(smtp)
        except _AnswerError as error:
            return error.outcome
        except smtplib.SMTPAuthenticationError as error:
            return Outcome("later", _code(error.smtp_code, error.smtp_error), server=True)
        except smtplib.SMTPResponseException as error:
            return Outcome("later", _code(error.smtp_code, error.smtp_error), server=True)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            if self._dot:
                return Outcome("unknown", "cut", server=True)
            return Outcome("later", _reason(error), server=True)
        finally:
            if smtp is not None:
                with suppress(OSError, smtplib.SMTPException, ValueError):
                    if self._answered:
                        smtp.quit()
                smtp.close()

    def _hand_over(self, smtp: "_Line") -> Outcome:
        sender = plain_address(self._server.sender)
        size = [f"size={len(self._content)}"] if smtp.has_extn("size") else []
        _check(smtp.mail(sender, size), 250, never="later", server=True)
        _check(smtp.rcpt(self._to), 250, 251)
        _check(smtp.docmd("DATA"), 354)
        smtp.send(self._content)
        if not self._content.endswith(b"\r\n"):
            smtp.send(b"\r\n")
        self._dot = True
        smtp.send(b".\r\n")
        answer = smtp.getreply()
        self._answered = True
        _check(answer, 250)
        return Outcome("sent", _code(*answer))


class _AnswerError(Exception):
    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.answer)
        self.outcome = outcome


def _check(
    answer: tuple[int, bytes],
    *good: int,
    never: Literal["refused", "later"] = "refused",
    server: bool = False,
) -> None:
    code, text = answer
    if code in good:
        return
    if code == -1:
        raise smtplib.SMTPServerDisconnected("no answer")
    known = 400 <= code < 600
    how: Literal["refused", "later"] = never if known and code >= 500 else "later"
    raise _AnswerError(Outcome(how, _code(code, text), server or code == 421 or not known))


def _code(code: int, text: bytes | str) -> str:
    """The server's code with its enhanced status; its words may hold the address, so they are not kept."""
    found = _STATUS.match(text if isinstance(text, bytes) else text.encode())
    return f"{code} {found[1].decode()}" if found else str(code)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, TimeoutError):
        return "slow"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "not-offered"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "cut"
    return "unreachable"


class _Line(smtplib.SMTP):
    """A line that is not open yet, so that `sock` can be shut down while it is being opened."""

    def __init__(self, server: MailServer) -> None:
        super().__init__(local_hostname=server.sender.rpartition("@")[2], timeout=server.step_s)
        self._host = server.host  # what the certificate must be for
        self._server = server

    def begin(self) -> None:
        server = self._server
        code, text = self.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        self.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            code, text = self.starttls(context=_context(server))
            if code != 220:
                raise smtplib.SMTPResponseException(code, text)
            self.ehlo_or_helo_if_needed()
        if server.user and server.password:
            self.login(server.user, server.password)


class _TlsLine(_Line):
    """TLS from the first byte on."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return _context(self._server).wrap_socket(
            socket.create_connection((host, port), timeout), server_hostname=host
        )


def _line_to(server: MailServer) -> _Line:
    return _TlsLine(server) if server.security == "ssl" else _Line(server)


def _context(server: MailServer) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
