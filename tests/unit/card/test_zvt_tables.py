"""The fields of the specification have their lengths, and the package needs nothing of the till."""

import subprocess
import sys
from pathlib import Path

from drivers.card.zvt.fields import FIELDS, TLVS

SIZES = {
    size: bytes.fromhex(tags)
    for size, tags in {
        1: "01 02 03 05 19 27 8A 8C A0 D0 D2 D3 E0 E9 EA F0 F9 FA FB FC FD 72 73 74 75",
        2: "0D 0E 17 3A 49 87",
        3: "0B 0C 37 3D 88 AA",
        4: "29 70 71",
        5: "BA",
        6: "04",
        8: "3B EB",
        15: "2A",
    }.items()
}
COUNTERS = {
    2: (0x22, 0x23, 0x2D, 0x4C, 0x8B, 0xA7, 0xD1, *range(0xE1, 0xE9), *range(0xF1, 0xF9)),
    3: (0x24, 0x2E, 0x3C, 0x60, 0x92, 0x9A, 0xAF),
    -1: (0x06,),
}
NEVER = {0x0E, 0x23, 0x24, 0x2D, 0x2E, 0x3A, 0x9A, 0xA7, 0xD1}


def test_every_field_has_the_length_of_the_specification() -> None:
    wanted = {tag: (size, 0) for size, tags in SIZES.items() for tag in tags}
    wanted |= {tag: (0, counter) for counter, tags in COUNTERS.items() for tag in tags}
    assert {tag: (kind.size, kind.counter) for tag, kind in FIELDS.items()} == wanted


def test_card_data_is_marked_in_both_tables() -> None:
    assert all(FIELDS[tag].seen == "nothing" for tag in NEVER)
    assert FIELDS[0x22].seen == "card-number"
    assert all(TLVS[tag].seen == "nothing" for tag in (0x1F08, 0x1F09, 0x1F0A, 0x57, 0x5A, 0x5F20, 0x9F6B))
    assert all(kind.seen == "text" for kind in (*FIELDS.values(), *TLVS.values()) if kind.holds == "text")


def test_names_are_not_given_twice() -> None:
    names = [kind.name for kind in FIELDS.values()]
    assert len(names) == len(set(names))


def test_the_package_loads_the_standard_library_and_msgspec_only() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import drivers.card.zvt, drivers.card.zvt.facts\n"
        "loaded = set(sys.modules) - before\n"
        "tops = {name.partition('.')[0] for name in loaded} - set(sys.stdlib_module_names)\n"
        "print(sorted(tops - {'msgspec', 'typing_extensions', 'drivers'}))\n"
        "print(sorted(n for n in loaded if n.startswith('drivers.') and not n.startswith('drivers.card')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.split() == ["[]", "[]"]
