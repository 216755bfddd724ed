"""The vectors of ../shared/data: bytes of real terminals and tills, and what they mean."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[4] / "shared" / "data" / "zvt_vectors.json"


@functools.cache
def every() -> tuple[dict[str, Any], ...]:
    """Empty on machines without the folder."""
    return tuple(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.exists() else ()


def names(*transports: str, invalid: bool = False) -> list[Any]:
    """Parameters: one test a vector; where the folder is not there, one that says so."""
    found = [v["name"] for v in every() if v["transport"] in transports and bool(v.get("invalid")) == invalid]
    missing = pytest.mark.skip(reason="the folder ../shared with zvt_vectors.json is not on this machine")
    return found or [pytest.param("missing", marks=missing)]


def vector(name: str) -> dict[str, Any]:
    if not every():
        pytest.skip("the folder ../shared with zvt_vectors.json is not on this machine")
    return next(v for v in every() if v["name"] == name)
