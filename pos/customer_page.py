"""The customer's screen as a page: what is in the cart, what it costs, the change and the code of the receipt.

Pure functions from the till's view to HTML. Big enough to be read from a step away, black on white, each state in
words and never by colour alone. Nobody's name is on it.
"""

from html import escape
from typing import Final

from pos.customer import quantity_of
from pos.domain.line import Line
from pos.resources import Texts
from pos.view import TillView
from pos.words import amount, quantity_text

__all__ = ["SCRIPT", "STYLE", "page", "picture"]

LINES_MAX: Final = 40


def page(inside: str, words: Texts, title: str) -> str:
    """The whole document. Without script it loads itself again every few seconds."""
    return f"""<!doctype html>
<html lang="{words.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="stylesheet" href="/style.css">
<noscript><meta http-equiv="refresh" content="3"></noscript>
</head>
<body>
<main id="till">{inside}</main>
<p id="away" role="status" hidden>{escape(words("customer.moment"))}</p>
<script src="/page.js" defer></script>
</body>
</html>
"""


def picture(view: TillView, words: Texts, idle: tuple[str, str], qr: str = "") -> str:
    """What stands in the page now. `qr` is the code to be scanned, or that of the last receipt, as SVG, empty until it is made."""
    banner = f'<p class="training">{escape(words("customer.page-training"))}</p>' if view.training else ""
    if view.state == "question" and view.question is not None and view.question.qr and not view.question.own:
        return banner + _scanning(view, words, qr)
    if view.lines:
        return banner + _selling(view, words)
    if view.state == "paid" and view.last_sale is not None:
        return banner + _paid(view, words, qr)
    if view.state in {"signed-out", "stopped"}:
        return banner + _idle(words("customer.closed"), "")
    return banner + _idle(*idle)


def _idle(first: str, second: str) -> str:
    return f'<section class="idle"><h1>{escape(first)}</h1><p>{escape(second)}</p></section>'


def _selling(view: TillView, words: Texts) -> str:
    shown = [line for line in view.lines if line.live][-LINES_MAX:]
    rows = "\n".join(_row(line, words, newest=line is shown[-1]) for line in shown)
    due = ""
    if view.due_minor != view.total_minor:
        due = _sum("due", words("customer.due"), view.due_minor, view, words)
    return (
        f'<section class="cart"><ul>{rows}</ul></section>\n'
        f'<section class="sums" role="status">'
        f"{_sum('total', words('customer.total'), view.total_minor, view, words)}{due}</section>"
    )


def _scanning(view: TillView, words: Texts, qr: str) -> str:
    """The customer pays by phone: what, and the code for it."""
    question = view.question
    assert question is not None, "something is asked"
    named = words(f"customer.page-scan-{question.code.partition('-')[0]}")
    text = words("customer.page-scan") if named.startswith("customer.") else named
    what = escape(f"{question.fields.get('amount', '')} {view.currency}")
    code = f"<figure>{qr}<figcaption>{escape(text)}</figcaption></figure>" if qr else ""
    return (
        f'<section class="paid" role="status"><div>'
        f'<p class="total"><span>{escape(words("customer.due"))}</span> <b>{what}</b></p></div>{code}</section>'
    )


def _row(line: Line, words: Texts, *, newest: bool) -> str:
    language = words.language
    text = words("customer.moment") if line.kind == "open" else line.text
    what = ""
    if line.unit != "pc":
        price = amount(line.unit_minor, language)
        what = f"{quantity_text(line.quantity, line.unit, language)} × {price}"
    elif quantity_of(line, words):
        what = f"{abs(line.quantity):f} × {amount(line.unit_minor, language)}"
    rows = [
        f'<span class="text">{escape(text)}</span>',
        f'<span class="what">{escape(what)}</span>' if what else "",
        "" if line.kind == "open" else f'<span class="amount">{amount(line.total_minor, language)}</span>',
    ]
    rows += [
        f'<span class="less">{escape(discount.text or words("customer.page-less"))}</span>'
        f'<span class="amount less">{amount(-discount.amount_minor, language)}</span>'
        for discount in line.discounts
        if discount.amount_minor
    ]
    return f"<li{' class=newest' if newest else ''}>{''.join(rows)}</li>"


def _sum(name: str, label: str, minor: int, view: TillView, words: Texts) -> str:
    return (
        f'<p class="{name}"><span>{escape(label)}</span> '
        f"<b>{amount(minor, words.language)} {escape(view.currency)}</b></p>"
    )


def _paid(view: TillView, words: Texts, qr: str) -> str:
    sale = view.last_sale
    assert sale is not None, "something was paid"
    change = (
        _sum("change", words("customer.change"), sale.change_minor, view, words)
        if sale.change_minor
        else f'<p class="change"><span>{escape(words("customer.thanks"))}</span></p>'
    )
    code = ""
    if qr:
        code = f"<figure>{qr}<figcaption>{escape(words('customer.page-code'))}</figcaption></figure>"
    paper = f'<p class="paper">{escape(words("customer.page-paper"))}</p>' if sale.paper else ""
    return (
        f'<section class="paid" role="status"><div>'
        f"{_sum('total', words('customer.page-paid'), sale.total_minor, view, words)}{change}{paper}</div>{code}</section>"
    )


SCRIPT: Final = """\
"use strict";
// Shows what the till pushes; when the till is not heard, no sum that may be old stays in sight.
const till = document.getElementById("till"), away = document.getElementById("away");
let heard = Date.now();
const here = () => { heard = Date.now(); till.hidden = false; away.hidden = true; };
const source = new EventSource("/events");
source.onmessage = (event) => {
  here();
  till.innerHTML = event.data;
  const newest = till.querySelector(".newest");
  if (newest) newest.scrollIntoView({ block: "end" });
};
source.addEventListener("beat", here);
setInterval(() => {
  if (Date.now() - heard > 5000) { till.hidden = true; away.hidden = false; }
  if (source.readyState === EventSource.CLOSED) location.reload();
}, 1000);
"""

STYLE: Final = """\
:root { font: 400 clamp(22px, 2.6vmin + 8px, 44px)/1.25 system-ui, "DejaVu Sans", sans-serif; color: #111; background: #fff; }
* { box-sizing: border-box; margin: 0; }
[hidden] { display: none !important; }
html, body { height: 100%; overflow: hidden; }
main { height: 100%; display: flex; flex-direction: column; }
.training { background: #111; color: #fff; text-align: center; font-weight: 700; padding: .3em; }
.idle, #away { flex: 1; height: 100%; display: flex; flex-direction: column; justify-content: center; align-items: center; text-align: center; gap: .5em; padding: 1em; }
.idle h1 { font-size: 2em; }
.cart { flex: 1; overflow: hidden; padding: .5em 1em 0; }
.cart ul { list-style: none; padding: 0; height: 100%; overflow-y: auto; scrollbar-width: none; }
.cart li { display: grid; grid-template-columns: 1fr auto; column-gap: 1em; padding: .25em .4em; border-bottom: 1px solid #767676; }
.cart .newest { font-weight: 700; border-left: .3em solid #111; }
.cart .text { grid-column: 1; overflow-wrap: anywhere; }
.cart .what { grid-column: 1; font-size: .8em; color: #333; }
.cart .less { grid-column: 1; font-size: .8em; }
.cart .amount { grid-column: 2; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.cart .text + .amount, .cart .what + .amount { grid-row: 1; }
.sums { background: #111; color: #fff; padding: .4em 1em; }
.total, .due, .change { display: flex; justify-content: space-between; align-items: baseline; gap: 1em; flex-wrap: wrap; }
.total b, .due b, .change b { margin-left: auto; font-size: 2em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.paid { flex: 1; min-height: 0; display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 1.5em; padding: 1em; }
.paid > div { flex: 1 1 12em; display: flex; flex-direction: column; gap: .6em; }
.paid .change b { font-size: 3em; }
.paid .change span { font-weight: 700; }
.paid figure { flex: 0 1 auto; text-align: center; max-width: min(70vmin, 100%); }
.paid svg { width: min(56vmin, 90vw); height: auto; display: block; margin: auto; }
"""
