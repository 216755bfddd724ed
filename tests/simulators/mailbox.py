"""A mail server that delivers nothing and a payment service that moves no money: both say that they are fakes.

`python -m tests.simulators.mailbox --smtp PORT --http PORT --folder DIR --hub URL --token TOKEN --back URL`: letters become files
in DIR and can be read at the address; an order is "paid" at /pay?order=ID.
"""

import argparse
import asyncio
import html
import signal
import urllib.parse
import urllib.request
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import msgspec

__all__ = ["Letters", "main", "serve_mail"]

_PAGE = """<!doctype html><html lang="de"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}}pre{{white-space:pre-wrap;background:#f2f4f3;color:#111;padding:1rem}}
button{{font:inherit;padding:.7rem 1rem}}</style><h1>{title}</h1>{body}"""


class Letters:
    """What came, in order, also as files 0001.eml, 0002.eml, ..."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.all: list[EmailMessage] = []
        for path in sorted(folder.glob("*.eml")):
            self._add(path.read_bytes())

    def take(self, content: bytes) -> None:
        (self.folder / f"{len(self.all) + 1:04}.eml").write_bytes(content)
        self._add(content)

    def _add(self, content: bytes) -> None:
        found = message_from_bytes(content, policy=default)
        assert isinstance(found, EmailMessage)
        self.all.append(found)


def _text(letter: EmailMessage) -> str:
    part = letter.get_body(("plain", "html"))
    return "" if part is None else str(part.get_content())


async def serve_mail(letters: Letters, port: int = 0) -> asyncio.Server:
    """SMTP as far as a sender needs it (RFC 5321), without encryption; takes everything."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")

        say("220 fake.invalid ESMTP fake")
        while line := await reader.readline():
            word = line.strip().upper().partition(b" ")[0]
            if word == b"QUIT":
                say("221 2.0.0 bye")
                break
            if word == b"DATA":
                say("354 go on")
                letters.take(await _letter(reader))
            say("250-fake.invalid\r\n250 8BITMIME" if word == b"EHLO" else "250 2.0.0 OK")
        writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", port)


async def _letter(reader: asyncio.StreamReader) -> bytes:
    lines = []
    while (line := await reader.readline()) not in {b".\r\n", b""}:
        lines.append(line[1:] if line.startswith(b"..") else line)
    return b"".join(lines)


async def _serve_pages(port: int, page: Callable[[str, str], tuple[str, str]]) -> asyncio.Server:
    """`page` makes (redirect, HTML) of method and target; it may wait, so it runs beside the loop."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = (await reader.readline()).decode("latin-1").split()
        while (await reader.readline()).strip():
            pass
        if len(first) >= 2:
            to, body = await asyncio.to_thread(page, first[0], first[1])
            head = f"303 See Other\r\nLocation: {to}" if to else "200 OK"
            raw = body.encode()
            writer.write(
                f"HTTP/1.1 {head}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(raw)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + raw
            )
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "0.0.0.0", port)


class _Service:
    def __init__(self, letters: Letters, hub: str, token: str, back: str) -> None:
        self._letters = letters
        self._hub = hub
        self._token = token
        self._back = back

    def page(self, method: str, target: str) -> tuple[str, str]:
        parts = urllib.parse.urlsplit(target)
        order = urllib.parse.parse_qs(parts.query).get("order", [""])[0]
        if parts.path == "/pay" and order.replace("-", "").isalnum():
            return self._pay(method, order)
        if parts.path.startswith("/letter/") and parts.path[8:].isdigit():
            found = self._letters.all[int(parts.path[8:]) - 1 :][:1]
            return "", _page("Brief", "".join(self._letter(one) for one in found))
        rows = "".join(
            f'<li><a href="/letter/{n}">{html.escape(one["Subject"] or "")}</a> an {html.escape(one["To"] or "")}</li>'
            for n, one in enumerate(self._letters.all, 1)
        )
        return "", _page(
            "Briefkasten der Vorführung",
            f"<p>Eine Attrappe: nichts davon wurde zugestellt.</p><ol>{rows}</ol>",
        )

    @staticmethod
    def _letter(one: EmailMessage) -> str:
        return (
            f"<p>An {html.escape(one['To'] or '')}: <b>{html.escape(one['Subject'] or '')}</b></p>"
            f"<pre>{html.escape(_text(one))}</pre>"
        )

    def _pay(self, method: str, order: str) -> tuple[str, str]:
        found = self._ask("GET", f"/orders/{order}")
        rest = found["rest_minor"]
        if rest > 0 and method == "POST":
            payment = {"amount_minor": rest, "provider": "fake-payments", "reference": f"fake-{order}"}
            self._ask("POST", f"/orders/{order}/payments", {"payment": payment})
            return f"{self._back}#/order/{order}", ""
        if rest <= 0:
            return f"{self._back}#/order/{order}", ""
        form = (
            f"<p>Eine Attrappe: hier fließt kein Geld.</p><p>Bestellung {found['number']}: {rest / 100:.2f} EUR</p>"
            f'<form method="post" action="/pay?order={order}"><button>So tun, als wäre bezahlt</button></form>'
        )
        return "", _page("Zahlung der Vorführung", form)

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, int]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if body is not None:
            headers["Idempotency-Key"] = f"fake-payments{path}"
        data = None if body is None else msgspec.json.encode(body)
        request = urllib.request.Request(f"{self._hub}/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return msgspec.json.decode(answer.read(), type=dict)


def _page(title: str, body: str) -> str:
    return _PAGE.format(title=title, body=body)


async def _run(wanted: argparse.Namespace) -> None:
    letters = Letters(wanted.folder)
    service = _Service(letters, wanted.hub, wanted.token, wanted.back)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with await serve_mail(letters, wanted.smtp), await _serve_pages(wanted.http, service.page):
        await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--smtp", "--http"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    for name in ("--hub", "--token", "--back"):
        parser.add_argument(name, default="")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
