"""Writes an invented catalogue of any size: `python -m tests.benchmarks.million FILE.csv.gz --variants 1000000`.

The same number gives the same file. Codes are valid EAN-13 in no order, some articles have several.
"""

import argparse
import gzip
import random
from collections.abc import Iterator
from pathlib import Path

SEED = 20_250_101
HEADER = "gtin,sku,name,price,vat_rate,unit,min_age,content_quantity,content_unit"
# Made-up makers: two syllables each, none of them a brand we know.
STARTS = (
    *(
        "Alb",
        "Birk",
        "Dorn",
        "Eich",
        "Feld",
        "Grün",
        "Hain",
        "Hol",
        "Kirch",
        "Lind",
        "Moor",
        "Nord",
        "Ober",
        "Rosen",
    ),
    *("Sand", "See", "Stein", "Tann", "Ulm", "Wald", "Weid", "Wolf"),
)
ENDS = (
    "au",
    "bach",
    "berg",
    "brück",
    "feld",
    "grund",
    "hof",
    "horst",
    "mühle",
    "ried",
    "see",
    "tal",
    "thal",
    "wies",
)
KINDS = ("", "", "", "Bio-", "Land-", "Haus-", "Alpen-", "Premium-")
# What it is, with its VAT rate, lowest price in cents, minimum age.
GOODS = (
    *(("Käse", 7, 149, 0), ("Vollmilch", 7, 99, 0), ("Joghurt", 7, 49, 0), ("Butter", 7, 179, 0)),
    *(("Brötchen", 7, 29, 0), ("Roggenbrot", 7, 249, 0), ("Nudeln", 7, 79, 0), ("Müsli", 7, 199, 0)),
    *(("Äpfel", 7, 129, 0), ("Möhren", 7, 89, 0), ("Kartoffeln", 7, 199, 0), ("Erdbeeren", 7, 249, 0)),
    *(("Schokolade", 7, 89, 0), ("Kekse", 7, 119, 0), ("Gummibärchen", 7, 79, 0), ("Würstchen", 7, 199, 0)),
    *(("Kaffee", 7, 499, 0), ("Tee", 7, 149, 0), ("Grießbrei", 7, 69, 0), ("Rührei-Mischung", 7, 129, 0)),
    *(
        ("Mineralwasser", 19, 39, 0),
        ("Apfelschorle", 19, 79, 0),
        ("Pils", 19, 89, 16),
        ("Riesling", 19, 399, 16),
    ),
    *(
        ("Kräuterlikör", 19, 899, 18),
        ("Spülmittel", 19, 95, 0),
        ("Zahnbürste", 19, 149, 0),
        ("Seife", 19, 65, 0),
    ),
    *(("Straßenkreide", 19, 199, 0), ("Fußmatte", 19, 799, 0), ("Schraube", 19, 9, 0), ("Kabel", 19, 299, 0)),
)
WORDS = (
    *(
        "mild",
        "kräftig",
        "fein",
        "würzig",
        "natur",
        "extra",
        "süß",
        "dunkel",
        "hell",
        "klassisch",
        "frisch",
        "groß",
    ),
    *(
        "klein",
        "rot",
        "grün",
        "blau",
        "weiß",
        "schwarz",
        "Vanille",
        "Erdbeere",
        "Zitrone",
        "Nuss",
        "Kräuter",
        "Paprika",
    ),
)
SIZES = (
    ("100", "g"),
    ("150", "g"),
    ("250", "g"),
    ("400", "g"),
    ("500", "g"),
    ("1", "kg"),
    ("0.5", "l"),
    ("1", "l"),
)
# A prime step visits all numbers of nine digits in an order that looks like none.
STEP, SPACE = 618_033_989, 1_000_000_000


def ean13(body: int) -> str:
    """Twelve digits and their check digit."""
    odd = even = 0
    rest = body
    while rest:
        rest, pair = divmod(rest, 100)
        odd += pair % 10
        even += pair // 10
    return f"{body:012d}{-(3 * odd + even) % 10}"


def rows(variants: int) -> Iterator[str]:
    """The lines of the file, without their ends."""
    assert 0 < variants <= SPACE // 2, "more articles than numbers"
    number = random.Random(SEED).random
    makers = [start + end for start in STARTS for end in ENDS]
    words = [f"{one} {other}" for one in WORDS for other in WORDS if one != other]
    yield HEADER
    for i in range(variants):
        code = ean13(400_000_000_000 + i * STEP % SPACE)
        if i % 20 == 0:  # the second code lies in the shop's own numbers
            code += "|" + ean13(200_000_000_000 + i * STEP % SPACE)
        what, rate, lowest, age = GOODS[int(number() * len(GOODS))]
        size, unit = SIZES[int(number() * len(SIZES))]
        cents = lowest + 10 * int(number() * 50)
        maker, kind = makers[int(number() * len(makers))], KINDS[int(number() * len(KINDS))]
        name = f"{maker} {kind}{what} {words[int(number() * len(words))]} {size} {unit}"
        yield f"{code},A{i:07d},{name},{cents // 100}.{cents % 100:02d},{rate},pc,{age},{size},{unit}"


def write(path: Path, variants: int) -> None:
    if path.suffix == ".gz":
        with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as packed:
            packed.writelines(f"{row}\n" for row in rows(variants))
    else:
        with path.open("w", encoding="utf-8") as plain:
            plain.writelines(f"{row}\n" for row in rows(variants))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--variants", type=int, default=1_000_000)
    options = parser.parse_args()
    write(options.file, options.variants)
    print(f"{options.variants:,} variants, {options.file.stat().st_size:,} bytes: {options.file}")


if __name__ == "__main__":
    main()
