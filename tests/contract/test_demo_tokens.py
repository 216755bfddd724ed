"""The demo finds the tokens of its last start, and makes new ones only where the hub knows none."""

from pathlib import Path

from sync.hub.database import open_engine, transact
from sync.hub.shop.kit.actor import list_tokens
from tests.demo.channels import kept_tokens


def _known(db: str) -> int:
    engine = open_engine(db)
    try:
        return len(transact(engine, list_tokens))
    finally:
        engine.dispose()


def test_a_second_start_uses_the_tokens_of_the_first(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path / 'hub.db'}"
    first = kept_tokens(tmp_path / "tokens.json", db)
    assert kept_tokens(tmp_path / "tokens.json", db) == first
    assert _known(db) == len(first) == 3


def test_a_hub_that_was_begun_anew_gets_new_tokens(tmp_path: Path) -> None:
    first = kept_tokens(tmp_path / "tokens.json", f"sqlite:///{tmp_path / 'one.db'}")
    db = f"sqlite:///{tmp_path / 'two.db'}"
    assert not set(first.values()) & set(kept_tokens(tmp_path / "tokens.json", db).values())
    assert _known(db) == 3
