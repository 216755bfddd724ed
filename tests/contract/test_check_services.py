"""`tresen check` and the payment service: a sentence for each thing that may be wrong, and never an order."""

import asyncio
from pathlib import Path

import httpx
import msgspec
import pytest

from pos.check.services import check_service
from pos.settings import PspSettings, load_settings
from tests.simulators.psp import FakeService, FakeTransport

RULES = PspSettings("stripe", "stripe.key", "", "https://shop.example/thanks", ())


def key_in(state: Path, text: str = "sk_test_fake", mode: int = 0o600) -> None:
    path = state / "stripe.key"
    path.write_text(f"{text}\n")
    path.chmod(mode)


def fake() -> FakeTransport:
    return FakeTransport(FakeService(lambda: 1_795_300_000.0), lambda _: asyncio.sleep(0))


def test_a_service_that_answers_and_takes_the_key_is_well_and_nothing_was_ordered(tmp_path: Path) -> None:
    key_in(tmp_path)
    wire = fake()
    found = check_service(tmp_path, RULES, wire)
    assert (found.state, found.section) == ("ok", "Services")
    assert "test key" in found.found
    assert wire.service.requests == [("GET", "/v1/checkout/sessions"), ("GET", "/v1/refunds")]
    assert wire.service.sessions == {}


def test_a_key_that_is_not_taken_is_said_without_showing_it(tmp_path: Path) -> None:
    key_in(tmp_path, "sk_live_another")
    found = check_service(tmp_path, RULES, fake())
    assert found.state == "wrong"
    assert "does not take the key: invalid_api_key" in found.found
    assert "sk_live" not in f"{found}"


class _Says(httpx.AsyncBaseTransport):
    def __init__(self, status: int) -> None:
        self.status = status

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = {"error": {"type": "invalid_request_error", "code": "more_permissions_required"}}
        return httpx.Response(self.status, json=body, request=request)


@pytest.mark.parametrize(
    ("status", "state", "part"),
    [
        (403, "wrong", "does not take the key"),
        (404, "wrong", "not as stripe"),
        (503, "missing", "does not answer"),
    ],
)
def test_each_answer_has_its_sentence(tmp_path: Path, status: int, state: str, part: str) -> None:
    key_in(tmp_path, "rk_test_small")
    found = check_service(tmp_path, RULES, _Says(status))
    assert found.state == state
    assert part in found.found
    assert found.to_do


def test_a_service_that_is_away_stops_no_sale(tmp_path: Path) -> None:
    key_in(tmp_path)
    wire = fake()
    wire.away = True
    found = check_service(tmp_path, RULES, wire)
    assert (found.state, found.vital) == ("missing", False)
    assert "ConnectError" in found.found


@pytest.mark.parametrize(
    ("text", "mode", "return_url", "part"),
    [
        ("sk_test_fake", 0o644, RULES.return_url, "others may read it"),
        ("pk_test_public", 0o600, RULES.return_url, "no secret key"),
        ("sk_test_fake", 0o600, "", "return_url: (empty)"),
        ("sk_test_fake", 0o600, "shop.example", "return_url: shop.example"),
    ],
)
def test_what_is_set_wrong_is_found_before_anything_is_sent(
    tmp_path: Path, text: str, mode: int, return_url: str, part: str
) -> None:
    key_in(tmp_path, text, mode)
    wire = fake()
    found = check_service(tmp_path, msgspec.structs.replace(RULES, return_url=return_url), wire)
    assert (found.state, wire.service.requests) == ("wrong", [])
    assert part in found.found


def test_where_none_is_set_nothing_is_wrong(tmp_path: Path) -> None:
    assert check_service(tmp_path, load_settings(tmp_path).psp).state == "off"
