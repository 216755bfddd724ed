"""docs/guarantees.md names only tests and phases that exist, and every phase."""

import ast
import re
from pathlib import Path

from tests.simulation.phases import PHASES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) > 30
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or name not in functions_of(ROOT / path)
    ]
    assert missing == []


def test_every_phase_that_is_named_exists_and_none_is_forgotten() -> None:
    named = set(re.findall(r"simulate `([\w-]+)`", TEXT))
    listed = {
        name
        for row in re.findall(r"^\| (`[\w-]+`(?:, `[\w-]+`)*) \|", TEXT, re.MULTILINE)
        for name in re.findall(r"[\w-]+", row)
    }
    assert named <= set(PHASES)
    assert listed == set(PHASES)


def test_the_volumes_are_those_of_the_phases() -> None:
    for name, phase in PHASES.items():
        row = next(
            line
            for line in TEXT.splitlines()
            if re.match(rf"\| .*`{name}`.* \| .* \| ", line) and "::" not in line
        )
        numbers = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", row)}
        large = {least for least in phase.bars.values() if least >= 200 and least != 250_000}
        assert large <= numbers, (name, large, numbers)


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
