"""Answers that are kept to be given again hold secrets; the database alone gives none of them away."""

import asyncio
from collections.abc import Iterator

import pytest

from sync.hub.database import transact
from sync.hub.shop.kit.work import KEY_KEPT_MS, forget_keys
from sync.hub.vault import Vault, install
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel
from tests.contract.shop.scanning import rows_of, where_found

HOURS = [{"weekday": day, "opens": 0, "closes": 1440} for day in range(1, 8)]


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


async def _secrets(office: Channel) -> list[tuple[str, dict[str, object], str, str]]:
    """(path, body, key, secret) of all that gives a secret out once."""
    await office.put("/stores/demo", {"name": "demo", "hours": HOURS})
    await office.post(
        "/stock/movements", {"store": "demo", "sku": "1", "qty": "9", "type": "receipt", "reason": "Ware"}
    )
    person = (await office.post("/customers", {"about": {"name": "A. Muster"}}))["customer_id"]
    order: dict[str, object] = {
        "kind": "reserve_and_collect",
        "store": "demo",
        "lines": [{"sku": "1", "qty": "1", "pay_minor": 100}],
    }
    cart: dict[str, object] = {"store": "demo"}
    asked: list[tuple[str, dict[str, object], str]] = [
        ("/carts", cart, "k-cart"),
        ("/orders", order, "k-order"),
        (f"/customers/{person}/links", {}, "k-link"),
    ]
    return [
        (path, body, key, (await office.post(path, body, key=key))["secret"]) for path, body, key in asked
    ]


def test_the_database_holds_no_secret_that_an_answer_gave_out(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        given = await _secrets(office)
        assert len({secret for *_, secret in given}) == 3
        assert where_found(rows_of(rig.engine), [secret for *_, secret in given]) == []
        for path, body, key, secret in given:  # and still it is given again
            again = await office.ask("POST", path, body, key=key)
            assert (again.headers["idempotent-replayed"], again.json()["secret"]) == ("true", secret)

    asyncio.run(go())


def test_another_key_file_opens_no_kept_answer_and_the_hub_says_so(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        path, body, key, _ = (await _secrets(office))[0]
        install(rig.engine, Vault(bytes(32)))
        rig.hub.database.engine.dispose()
        answer = await office.ask("POST", path, body, key=key)
        assert answer.status_code == 503, answer.text
        assert "key file" in answer.json()["title"] + answer.json().get("detail", "")

    asyncio.run(go())


def test_kept_answers_go_when_their_keys_do(rig: Rig) -> None:
    async def go() -> None:
        given = await _secrets(Channel(rig))
        assert transact(rig.engine, forget_keys, rig.clock.wall_ms() + KEY_KEPT_MS + 1) >= len(given)
        assert rows_of(rig.engine)["idempotency"] == b""

    asyncio.run(go())
