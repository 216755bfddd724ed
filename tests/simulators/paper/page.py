"""The paper roll in a browser: newest receipt on top, buttons for everything that can go wrong."""

import html
import io
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.simulators.paper.control import apply, state
from tests.simulators.paper.model import Receipt
from tests.simulators.paper.printer import PaperPrinter

_SHOWN_RECEIPTS = 20
_SHOWN_PULSES = 8
_EVENT_POLL_S = 0.5

_STYLE = """
:root { color-scheme: light; --ink: #23262b; --soft: #6d737c; --line: #d9d5cc; --ground: #efece5;
        --paper: #fffdf8; --good: #2e7d4f; --bad: #b3372b; --warn: #a86b00; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
main { display: grid; grid-template-columns: 19rem minmax(0, 1fr); gap: 2.5rem; max-width: 64rem;
       margin: 0 auto; padding: 2rem 1.5rem 4rem; align-items: start; }
aside { position: sticky; top: 2rem; }
h1 { font-size: 1.35rem; margin: 0 0 .2rem; }
h2 { font-size: .78rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft);
     margin: 1.6rem 0 .5rem; }
p { margin: .2rem 0; }
.soft { color: var(--soft); font-size: .9rem; }
.lamp { display: inline-block; padding: .15rem .7rem; border-radius: 1rem; color: #fff; font-size: .9rem;
        background: var(--good); }
.lamp.bad { background: var(--bad); } .lamp.warn { background: var(--warn); } .lamp.off { background: #777; }
.buttons { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
button { font: inherit; padding: .5rem .4rem; border: 1px solid var(--line); border-radius: .5rem;
         background: #fff; color: inherit; cursor: pointer; }
button:hover { border-color: var(--soft); } button.on { background: #fbe3df; border-color: var(--bad); }
ul { list-style: none; margin: 0; padding: 0; font-variant-numeric: tabular-nums; }
li { padding: .2rem 0; border-bottom: 1px solid var(--line); font-size: .95rem; }
.printer { height: 1.1rem; border-radius: .55rem; background: #34373d; max-width: 26rem; margin: 0 auto;
           box-shadow: 0 2px 6px #0003; }
.receipt { max-width: 23rem; margin: 0 auto 1.8rem; background: var(--paper); box-shadow: 0 3px 12px #0002; }
.receipt:first-of-type { margin-top: -.3rem; }
.receipt img { display: block; width: 100%; mix-blend-mode: multiply; }
.receipt footer { padding: .35rem .8rem .5rem; border-top: 1px dashed var(--line); font-size: .8rem;
                  color: var(--soft); }
.wrong { color: var(--bad); }
.empty { text-align: center; color: var(--soft); padding: 3rem 1rem; }
@media (max-width: 44rem) { main { grid-template-columns: 1fr; } aside { position: static; } }
"""

_SCRIPT = """
const roll = document.querySelector("main");
async function fill() { const answer = await fetch("/roll"); roll.innerHTML = await answer.text(); }
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  await fetch("/control", {method: "POST", body: new URLSearchParams(new FormData(event.target, event.submitter))});
  fill();
});
new EventSource("/events").onmessage = fill;
"""


def _lamp(printer: PaperPrinter) -> str:
    now = printer.status
    choices = (
        (not printer.powered, "off", "Ausgeschaltet", "Power off"),
        (now.broken, "bad", "Gerätefehler", "Unrecoverable error"),
        (now.cutter_error, "bad", "Messer blockiert", "Cutter error"),
        (now.overheated, "bad", "Druckkopf zu heiß", "Print head too hot"),
        (now.cover_open, "bad", "Deckel offen", "Cover open"),
        (now.paper == "end", "bad", "Papier zu Ende", "Paper end"),
        (now.offline, "bad", "Offline", "Offline"),
        (not printer.reading, "warn", "Hängt", "Reads nothing"),
        (now.paper == "near-end", "warn", "Papier fast zu Ende", "Paper near end"),
    )
    kind, german, english = next(
        ((kind, german, english) for holds, kind, german, english in choices if holds),
        ("good", "Bereit", "Ready"),
    )
    return f'<span class="lamp {kind}" title="{english}">{german}</span>'


def _buttons(printer: PaperPrinter) -> str:
    now = printer.status
    shown = (
        (now.paper == "end", "paper ok", "paper end", "Papier einlegen", "Papier leer", "Paper out/in"),
        (now.paper == "near-end", "paper ok", "paper near-end", "Neue Rolle", "Fast leer", "Paper near end"),
        (now.cover_open, "cover closed", "cover open", "Deckel zu", "Deckel auf", "Cover"),
        (now.cutter_error, "cutter ok", "cutter error", "Messer frei", "Messer klemmt", "Cutter error"),
        (not printer.powered, "power on", "power off", "Einschalten", "Ausschalten", "Power"),
        (printer.powered and not printer.reading, "hang off", "hang on", "Weiterlesen", "Hängen", "Hang"),
        (now.drawer_open, "drawer closed", "drawer open", "Lade zu", "Lade auf", "Drawer sensor"),
    )
    cells = [
        f'<button name="do" value="{undo if active else do}" title="{title}"'
        f"{' class=on' if active else ''}>{undo_label if active else label}</button>"
        for active, undo, do, undo_label, label, title in shown
    ]
    return f'<form class="buttons" method="post" action="/control">{"".join(cells)}</form>'


def _receipt(receipt: Receipt) -> str:
    wrong = "".join(f'<p class="wrong">{html.escape(str(item))}</p>' for item in receipt.violations)
    ending = "" if receipt.cut else ", noch nicht geschnitten"
    # The length in the address makes the browser fetch a receipt again while it grows.
    source = f"/receipt/{receipt.number}.png?{receipt.dots}"
    return (
        f'<article class="receipt"><img src="{source}" alt="{html.escape(receipt.text)}">'
        f'<footer title="Receipt">Bon {receipt.number}, {receipt.mm:.0f} mm{ending}{wrong}</footer></article>'
    )


def roll(printer: PaperPrinter) -> str:
    """The changing part of the page."""
    receipts = printer.receipts[::-1][:_SHOWN_RECEIPTS]
    pulses = "".join(
        f'<li title="Drawer opened">Lade geöffnet {pulse.at:%H:%M:%S} <span class="soft">'
        f"Pin {pulse.pin}, {pulse.on_ms} ms</span></li>"
        for pulse in printer.pulses[::-1][:_SHOWN_PULSES]
    )
    paper = "".join(map(_receipt, receipts)) or (
        '<p class="empty" title="No receipt yet">Noch kein Bon gedruckt.</p>'
    )
    wrong = len(printer.violations)
    word = "Regelverstoß" if wrong == 1 else "Regelverstöße"
    verdict = f'<p class="wrong">{wrong} {word}</p>' if wrong else ""
    return (
        f'<aside><h1 title="Receipt printer">Bondrucker</h1><p>{_lamp(printer)}</p>'
        f'<p class="soft">{printer.profile.columns} Zeichen, {printer.mm / 1000:.2f} m Papier, '
        f"{printer.buffered} Byte warten</p>{verdict}"
        f'<h2 title="Faults">Störungen</h2>{_buttons(printer)}'
        f'<h2 title="Cash drawer">Kassenlade</h2><ul>{pulses or "<li class=soft>Noch nicht geöffnet</li>"}</ul>'
        f'</aside><section><div class="printer"></div>{paper}</section>'
    )


def page(printer: PaperPrinter) -> str:
    return (
        '<!doctype html><html lang="de"><head><meta charset="utf-8"><title>Bondrucker</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f'<noscript><meta http-equiv="refresh" content="2"></noscript><style>{_STYLE}</style></head>'
        f"<body><main>{roll(printer)}</main><script>{_SCRIPT}</script></body></html>"
    )


class PageServer(ThreadingHTTPServer):
    """The page on 127.0.0.1. `serve_forever()` it in a thread, end it with `shutdown()`, `server_close()`."""

    daemon_threads = True

    def __init__(self, printer: PaperPrinter, port: int = 0) -> None:
        self.printer = printer
        self.closing = False
        super().__init__(("127.0.0.1", port), _PageHandler)

    @property
    def port(self) -> int:
        return self.server_port

    def shutdown(self) -> None:
        self.closing = True
        super().shutdown()


class _PageHandler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        path, printer = urlsplit(self.path).path, self.server.printer
        if path == "/":
            self._answer("text/html; charset=utf-8", page(printer).encode())
        elif path == "/roll":
            self._answer("text/html; charset=utf-8", roll(printer).encode())
        elif path == "/state":
            self._answer("application/json", json.dumps(state(printer)).encode())
        elif path == "/events":
            self._events()
        elif path.startswith("/receipt/") and path.endswith(".png"):
            self._picture(path.removeprefix("/receipt/").removesuffix(".png"))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        query = parse_qs(urlsplit(self.path).query)
        for words in form.get("do", []) + query.get("do", []):
            apply(self.server.printer, words)
        self.send_response(303)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _picture(self, number: str) -> None:
        wanted = [receipt for receipt in self.server.printer.receipts if str(receipt.number) == number]
        if not wanted:
            self.send_error(404)
            return
        png = io.BytesIO()
        wanted[0].image().save(png, "PNG")
        self._answer("image/png", png.getvalue())

    def _events(self) -> None:
        """Server-sent events: one message whenever something visible changed."""
        printer = self.server.printer
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        seen = printer.version
        try:
            while not self.server.closing:
                if printer.wait_change(seen, _EVENT_POLL_S):
                    printer.wait_idle(_EVENT_POLL_S)
                    seen = printer.version
                    self.wfile.write(f"data: {seen}\n\n".encode())
                else:
                    self.wfile.write(b": still here\n\n")
        except OSError:
            return

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_message: object) -> None:
        """Silent: the page asks often."""
