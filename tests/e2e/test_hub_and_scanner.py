"""The till with a real hub and a real scanner line: articles that come down, reads that come twice."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.hub.articles import ArticleRecord
from sync.hub.articles import put_articles as store_articles
from sync.hub.database import open_engine, transact
from tests.simulation.hubs import enrol_till, running_hub
from tests.simulation.line_till import LineTill

CUCUMBER = "2000000000299"
NEW_CODE = "2000000099996"
ROOT = Path(__file__).parents[2]


def put_articles(url: str, *records: dict[str, object]) -> None:
    body = "".join(json.dumps(record) + "\n" for record in records).encode()
    request = urllib.request.Request(
        url + "/v1/catalogue/articles", body, {"Content-Type": "application/x-ndjson"}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_an_article_put_at_the_hub_is_sold_at_the_till_and_a_bad_one_holds_nothing_up(
    start: Callable[..., LineTill], state: Path, tmp_path: Path
) -> None:
    with running_hub(tmp_path) as (url, db):
        enrol_till(state, db, url)
        with pytest.raises(urllib.error.HTTPError) as refused:
            put_articles(url, {"sku": "POISON", "text": "no price", "tax_code": "B"})
        assert "price_minor" in json.dumps(json.loads(refused.value.read())["errors"])
        engine = open_engine(db)
        poison = [ArticleRecord("POISON", '{"sku":"POISON"}')]  # as a hub of an older version took it
        transact(engine, store_articles, poison, "00000001", 1_790_000_000_000)
        engine.dispose()
        put_articles(
            url,
            {
                "sku": "NEW-1",
                "text": "Kürbis Stück",
                "tax_code": "B",
                "price_minor": 299,
                "gtin": NEW_CODE,
                "codes": [NEW_CODE],
            },
        )
        till = start(state, "--hub", url)
        till.sign_in()
        end = time.monotonic() + 30
        while True:
            view = till.send(f"scan {NEW_CODE}")
            if view["lines"][-1]["text"] == "Kürbis Stück":
                break
            assert time.monotonic() < end, "the article did not come down"
            till.send("key void-cart")
            till.send("key void-cart")
            time.sleep(0.2)
        assert till.send("key cash")["total_minor"] == 299
        assert till.send(f"scan {CUCUMBER}")["total_minor"] == 89  # what was there before still is
        till.end()


def test_a_label_read_twice_at_once_is_one_line_where_the_shop_wants_it_and_says_so(
    start: Callable[..., LineTill], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = state / "scanner"
    os.mkfifo(line)
    monkeypatch.setenv("TRESEN_TILL_SCAN_REPEAT_MS", "60000")
    till = start(state, "--scanner", f"fifo:{line}")
    till.sign_in()
    subprocess.run(
        [sys.executable, "-m", "tests.simulators.scanner", "--to", str(line), CUCUMBER, CUCUMBER],
        check=True,
        cwd=ROOT,
        timeout=20,
    )
    end = time.monotonic() + 10
    while not any(event == {"event": "refused", "code": "scan-suppressed"} for event in till.events):
        assert time.monotonic() < end, till.events
        view = till.send("key help")
        time.sleep(0.05)
    view = till.send("key cash")
    assert view["total_minor"] == 89


def test_by_default_the_same_label_read_twice_is_sold_twice(
    start: Callable[..., LineTill], state: Path
) -> None:
    line = state / "scanner"
    os.mkfifo(line)
    till = start(state, "--scanner", f"fifo:{line}")
    till.sign_in()
    subprocess.run(
        [sys.executable, "-m", "tests.simulators.scanner", "--to", str(line), *[CUCUMBER] * 20],
        check=True,
        cwd=ROOT,
        timeout=20,
    )
    end = time.monotonic() + 10
    while len(till.send("key help")["lines"]) < 20:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert till.send("key cash")["total_minor"] == 20 * 89
