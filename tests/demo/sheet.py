"""A page of barcodes of the demo shop, so that a real scanner or phone can be tried without goods.

Print it or show it on a second screen: ``python -m tests.demo.sheet > sheet.html``.
"""

import csv
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

ARTICLES = Path(__file__).parents[2] / "config" / "demo" / "articles.csv"

# What to try, by main code, and what the till is expected to do.
TRIES = (
    ("Vollmilchschokolade 100 g", "the usual scan, 7 %"),
    ("Spülmittel Limette 500 ml", "the usual scan, 19 %"),
    ("Orangensaft Karton 1 l", "juice, 19 %, no deposit"),
    ("Haferdrink ungesüßt 1 l", "19 % in a department of 7 %"),
    ("Tampons normal 32 Stück", "7 % in a department of 19 %"),
    ("Bananen lose", "asks for the weight"),
    ("Bergkäse 6 Monate gereift", "asks for the weight"),
    ("Brötchen", "loose piece, PLU 201 too"),
    ("Mineralwasser spritzig PET 1,5 l", "deposit 0.25"),
    ("Apfelsaft naturtrüb Glas 1 l", "deposit 0.15"),
    ("Bio-Frischmilch Mehrwegglas 1 l", "deposit 0.15 at 7 %"),
    ("Pils Flasche 0,5 l", "deposit 0.08, age 16"),
    ("Pils Kasten 20 x 0,5 l", "deposit 3.10, age 16"),
    ("Mineralwasser Kasten 12 x 0,7 l", "deposit 3.30"),
    ("Weizenbier alkoholfrei Flasche 0,5 l", "deposit 0.08, no age check"),
    ("Riesling trocken 0,75 l", "age 16"),
    ("Gin Tonic Dose 0,33 l", "deposit 0.25, age 18"),
    ("Zigaretten rot 20 Stück", "age 18"),
    ("Tageszeitung", "7 %"),
    ("T-Shirt Basic M dunkelblau", "variant by size and colour"),
    ("Gartenhandschuhe Gr. 9", "variant by size"),
    ("Powerbank 10000 mAh", "asks for the serial number"),
    ("Pfand Einweg 0,25", "a deposit by itself, to take back"),
)
SECOND_CODE = ("Cola PET 1 l", "second code of one article, deposit 0.25")
UNKNOWN = "209999999999"  # valid and in no list; its check digit is added below

LEFT_ODD = (
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
)
PARITY = ("OOOOOO", "OOEOEE", "OOEEOE", "OOEEEO", "OEOOEE", "OEEOOE", "OEEEOO", "OEOEOE", "OEOEEO", "OEEOEO")
MODULE_UNITS, HEIGHT_UNITS, QUIET_MODULES = 2, 120, 11


@dataclass(frozen=True)
class Barcode:
    """One cell of the sheet: 13 digits, the article's name, and what to expect."""

    digits: str
    name: str
    expect: str


def check_digit(first12: str) -> str:
    """The 13th digit of an EAN-13 (GS1 General Specifications 7.9)."""
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(first12))
    return str(-weighted % 10)


def modules(digits: str) -> str:
    """The 95 modules of an EAN-13 as 0 and 1; the check digit is drawn as given, right or wrong."""
    right = [pattern.translate({48: "1", 49: "0"}) for pattern in LEFT_ODD]
    left = "".join(
        LEFT_ODD[int(digit)] if parity == "O" else right[int(digit)][::-1]
        for digit, parity in zip(digits[1:7], PARITY[int(digits[0])], strict=True)
    )
    return f"101{left}01010{''.join(right[int(digit)] for digit in digits[7:])}101"


def svg(digits: str) -> str:
    """The barcode as inline SVG: one rectangle a run of dark modules, quiet zones inside."""
    bars, drawn = [], modules(digits)
    start = drawn.find("1")
    while start >= 0:
        light = drawn.find("0", start)
        end = light if light >= 0 else len(drawn)
        x, width = (start + QUIET_MODULES) * MODULE_UNITS, (end - start) * MODULE_UNITS
        bars.append(f'<rect x="{x}" width="{width}" height="{HEIGHT_UNITS}"/>')
        start = drawn.find("1", end)
    total = (len(drawn) + 2 * QUIET_MODULES) * MODULE_UNITS
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {HEIGHT_UNITS}"'
        f' shape-rendering="crispEdges" role="img" aria-label="EAN-13 {digits}">{"".join(bars)}</svg>'
    )


def barcodes(articles: Path = ARTICLES) -> list[Barcode]:
    """All cells of the sheet; a name that is no longer in the file raises KeyError."""
    with articles.open(encoding="utf-8", newline="") as file:
        codes = {row["name"]: row["gtin"].split("|") for row in csv.DictReader(file)}
    cells = [Barcode(codes[name][0], name, expect) for name, expect in TRIES]
    name, expect = SECOND_CODE
    cells.append(Barcode(codes[name][1], name, expect))
    first = codes[TRIES[0][0]][0]
    wrong = first[:12] + str((int(first[12]) + 1) % 10)
    cells.append(
        Barcode(wrong, "Broken code", "wrong check digit: no scanner should read it; typed in, it is refused")
    )
    cells.append(
        Barcode(UNKNOWN + check_digit(UNKNOWN), "Unknown code", "valid, no article: an open line in the cart")
    )
    return cells


def page(cells: list[Barcode]) -> str:
    """The whole sheet as one HTML document that loads nothing else."""
    figures = "\n".join(
        f'<figure>{svg(cell.digits)}<figcaption><code>{cell.digits}</code><b lang="de">{escape(cell.name)}</b>'
        f"{escape(cell.expect)}</figcaption></figure>"
        for cell in cells
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tresen: barcodes of the demo shop</title>
<style>
body {{ font: 11pt/1.3 sans-serif; margin: 8mm; color: #000; background: #fff }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(54mm, 1fr)); gap: 9mm 6mm }}
figure {{ margin: 0; break-inside: avoid }}
svg {{ display: block; width: 46mm; height: 17mm }}
figcaption > * {{ display: block }}
@page {{ size: A4; margin: 8mm }}
@media print {{ body {{ margin: 0; font-size: 9pt }} }}
</style>
</head>
<body>
<h1>Barcodes of the demo shop</h1>
<main>
{figures}
</main>
</body>
</html>
"""


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a redirected stdout may be ASCII
    sys.stdout.write(page(barcodes()))
