"""The channels' API asked by schemathesis: requests made from its description, right ones and wrong ones, answers held to it.

Each request goes to the real application over a real database. Ids that answers name are put into the paths of later
requests, so that commands meet things that are there. Requests go with a token of all scopes; every seventh comes without,
or with a spoilt one; where a till's signature opens a route, half of them are signed instead.
"""

import asyncio
import contextlib
import itertools
import json
import random
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from sync.hub.database import transact
from sync.hub.description.document import described_json
from sync.hub.shop.kit.actor import issue_token
from tests.contract.hub_rig import Rig, Signing
from tests.contract.postgres import create_database, running_postgres
from tests.contract.shop.kit import Channel

__all__ = ["Found", "api_block", "ask_all", "on_both"]

_ID: Final = re.compile(r"\{([a-z_]+)\}")
_SPOILT: Final = (
    "",
    "Bearer",
    "Bearer tresen_000000000000_" + "0" * 48,
    "Basic dXNlcjpwYXNz",
    "Bearer \u00e4",
)
_POOL_MAX: Final = 50
_EACH_MIN: Final = 9
_CASE_MS: Final = 20


class Found(msgspec.Struct):
    """`failures` say the operation, what was asked and what is wrong with the answer."""

    cases: int = 0
    accepted: int = 0
    signed: int = 0
    unknown_callers: int = 0
    statuses: dict[str, int] = {}
    failures: list[str] = []


class _Asker:
    def __init__(self, url: str, seed: int) -> None:
        from schemathesis import openapi

        self.rig = Rig(url)
        self.chance = random.Random(seed)
        self.document = json.loads(described_json(self.rig.app.app))
        self.schema = openapi.from_dict(_without_security(self.document), config=_config())
        self.found = Found()
        self.statuses: Counter[str] = Counter()
        self._wrong: set[tuple[str, str]] = set()
        self._pool: dict[str, list[str]] = defaultdict(list)
        self._keys = itertools.count(1)
        transport = self.rig.transport()
        self._token = transact(
            self.rig.engine, issue_token, "all", "admin", "", self.rig.hub.ids, self.rig.clock.wall_ms()
        )
        self._line = httpx.AsyncClient(transport=transport, base_url="http://hub")
        self._till = httpx.AsyncClient(
            transport=transport, base_url="http://hub", auth=Signing(self.rig, "demo", "1")
        )
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._seed_data())

    async def _seed_data(self) -> None:
        office = Channel(self.rig)
        hours = [{"weekday": day, "opens": 0, "closes": 1440} for day in range(1, 8)]
        for store in ("demo", "other"):
            await office.put(
                f"/stores/{store}", {"name": store, "hours": hours, "latitude": 52, "longitude": 13}
            )
        lines = "".join(
            json.dumps(
                {
                    "sku": f"{1000 + n}",
                    "name": f"Artikel {n}",
                    "price_minor": 100 + n,
                    "tax": "A",
                    "gtins": [],
                }
            )
            + "\n"
            for n in range(5)
        )
        answer = await self._line.put(
            "/v1/catalogue/articles", content=lines, headers={"Content-Type": "application/x-ndjson"}
        )
        assert answer.status_code < 500, answer.text
        for sku in ("1000", "1001", "1002"):
            await office.post(
                "/stock/movements",
                {
                    "store": "demo",
                    "sku": sku,
                    "qty": "1000",
                    "type": "receipt",
                    "reason": "Ware",
                    "operator": "1",
                },
            )
        self._pool |= {"store": ["demo", "demo", "other"], "sku": ["1000", "1001", "1002"], "code": ["1000"]}

    def operations(self) -> list[Any]:
        found: list[Any] = [one.ok() for one in self.schema.get_all_operations()]  # type: ignore[union-attr]
        return [one for one in found if one.path.startswith("/v1/")]

    def ask(self, case: Any) -> None:
        """Send one case, as one of the callers there are, and hold its answer to the description."""
        self.rig.clock.ms += _CASE_MS
        operation = case.operation
        said = self.document["paths"][operation.path][operation.method.lower()]
        security = said["security"]
        may_sign = any("signature" in one for one in security)
        by_token = any("token" in one for one in security)
        self._known_ids(case)
        sent = case.as_transport_kwargs(base_url="http://hub")
        headers = {name: value for name, value in sent["headers"].items() if name.lower() != "authorization"}
        line, stranger = self._line, False
        if may_sign and (not by_token or self.chance.random() < 0.5):
            line = self._till
            self.found.signed += 1
        elif self.chance.randrange(7) == 0 and "x-scope" in said and {} not in security:
            stranger = True
            self.found.unknown_callers += 1
            headers["Authorization"] = self.chance.choice(_SPOILT)
        else:
            headers["Authorization"] = f"Bearer {self._token}"
        request = _request(sent, headers)
        if request is None:
            return
        answer = self.loop.run_until_complete(self._send(line, request))
        self._judge(case, answer, stranger=stranger)

    async def _send(self, line: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        answer = await line.send(request)
        await answer.aread()
        return answer

    def _known_ids(self, case: Any) -> None:
        """Most paths name what there is."""
        for name in _ID.findall(case.operation.path):
            if self._pool.get(name) and _is_right(case, "path") and self.chance.random() < 0.7:
                case.path_parameters[name] = quote(self.chance.choice(self._pool[name]), safe="")
        if isinstance(case.body, dict) and _is_right(case, "body") and self.chance.random() < 0.6:
            for name in ("store", "sku"):
                if isinstance(case.body.get(name), str):
                    case.body[name] = self.chance.choice(self._pool[name])
            for line in case.body.get("lines", ()) if isinstance(case.body.get("lines"), list) else ():
                if isinstance(line, dict) and isinstance(line.get("sku"), str):
                    line["sku"] = self.chance.choice(self._pool["sku"])
        if (
            case.method == "POST"
            and case.headers
            and _is_right(case, "header")
            and "Idempotency-Key" in case.headers
            and self.chance.random() < 0.8
        ):
            case.headers["Idempotency-Key"] = f"key-{next(self._keys)}"

    def _judge(self, case: Any, answer: httpx.Response, *, stranger: bool) -> None:
        from schemathesis.checks import not_a_server_error
        from schemathesis.core.failures import Failure, FailureGroup
        from schemathesis.specs.openapi import checks

        self.found.cases += 1
        self.statuses[str(answer.status_code)] += 1
        name = f"{case.method} {case.operation.path}"
        if stranger and answer.status_code not in {401, 400, 404, 413, 429}:
            self._fail(name, "a stranger", f"was answered {answer.status_code}", answer)
        held_to = [
            not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
            checks.response_schema_conformance, checks.response_headers_conformance,
        ]  # fmt: skip
        if not stranger:
            held_to += [checks.negative_data_rejection]
        try:
            case.validate_response(answer, checks=held_to)
        except FailureGroup as group:
            for one in group.exceptions:
                self._fail(name, type(one).__name__, str(one)[:600], answer)
        except Failure as failure:
            self._fail(name, type(failure).__name__, str(failure)[:600], answer)
        if answer.status_code < 300:
            self.found.accepted += 1
            with contextlib.suppress(ValueError):
                self._remember(answer.json())

    def _fail(self, name: str, kind: str, what: str, answer: httpx.Response) -> None:
        """One of a kind for each operation is told."""
        if (name, kind) not in self._wrong:
            self._wrong.add((name, kind))
            asked = answer.request
            sent = asked.content[:400] if asked.content else b""
            self.found.failures.append(
                f"{name}: {kind}: {what} [{asked.method} {asked.url} {sent!r} -> {answer.status_code} {answer.content[:300]!r}]"
            )

    def _remember(self, value: Any, depth: int = 0) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                if (
                    isinstance(one, str)
                    and one
                    and (name.endswith("_id") or name in {"cart", "number", "code"})
                ):
                    held = self._pool[name]
                    held.append(one)
                    del held[:-_POOL_MAX]
                elif depth < 3:
                    self._remember(one, depth + 1)
        elif isinstance(value, list):
            for one in value[:5]:
                self._remember(one, depth + 1)

    def close(self) -> None:
        async def end() -> None:
            await self._line.aclose()
            await self._till.aclose()

        self.loop.run_until_complete(end())
        self.loop.close()
        self.rig.close()
        self.found.statuses = dict(sorted(self.statuses.items()))


def _config() -> Any:
    """What else says that a request is wrong: a version, a length."""
    from schemathesis.config import SchemathesisConfig

    refused = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429"]
    return SchemathesisConfig.from_dict(
        {"checks": {"negative_data_rejection": {"expected-statuses": refused}}}
    )


def _without_security(document: dict[str, Any]) -> dict[str, Any]:
    """Who calls is this module's business."""
    bare = json.loads(json.dumps(document))
    del bare["components"]["securitySchemes"]
    for operations in bare["paths"].values():
        for one in operations.values():
            one.pop("security")
    return dict(bare)


def _is_right(case: Any, place: str) -> bool:
    """Whether this part of a request is as the description has it."""
    from schemathesis.core.parameters import ParameterLocation

    found = case.meta.components.get(ParameterLocation(place)) if case.meta is not None else None
    return found is None or found.mode.is_positive


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _request(sent: dict[str, Any], headers: dict[str, Any]) -> httpx.Request | None:
    """None for what no client can put on a wire."""
    import requests

    try:
        made = requests.Request(
            sent["method"], sent["url"], headers=headers, params=sent.get("params"), data=sent.get("data"),
            json=sent.get("json"), cookies=sent.get("cookies"),
        ).prepare()  # fmt: skip
        body: Any = made.body or b""
        content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
        raw = [(_bytes(key), _bytes(value)) for key, value in made.headers.items()]
        return httpx.Request(str(made.method), str(made.url), headers=raw, content=content)
    except (ValueError, httpx.InvalidURL, UnicodeError, requests.exceptions.RequestException):
        return None


def ask_all(
    url: str, seed: int, count: int, progress: Callable[[int], None] = lambda _: None, only: str = ""
) -> Found:
    """About `count` cases, two of three as the description has them and one against it.

    As many of each operation; a small count is of some operations, by its seed.
    """
    from schemathesis import GenerationMode

    asker = _Asker(url, seed)
    operations = [one for one in asker.operations() if only in one.path]
    some = min(len(operations), max(1, count // _EACH_MIN))
    chosen = random.Random(seed).sample(operations, some)
    rounds = -(-count // some)
    try:
        for number, operation in enumerate(chosen):
            wrong = rounds // 3 if _can_be_wrong(operation) else 0
            for mode, examples in (
                (GenerationMode.POSITIVE, rounds - wrong),
                (GenerationMode.NEGATIVE, wrong),
            ):
                if examples:
                    _draw(asker, operation, mode, examples, seed + number)
                progress(asker.found.cases)
    finally:
        asker.close()
    return asker.found


def _can_be_wrong(operation: Any) -> bool:
    """Whether something is in it that a limit holds for."""
    return bool(operation.body) or any(
        set(one.definition["schema"]) - {"type", "default"}
        for one in operation.query
        if "schema" in one.definition
    )


def _draw(asker: _Asker, operation: Any, mode: Any, examples: int, seed: int) -> None:
    from schemathesis.core.errors import SchemathesisError

    @seeded(seed)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Any) -> None:
        asker.ask(case)

    with warnings.catch_warnings(), contextlib.suppress(SchemathesisError, *_nothing_to_spoil()):
        warnings.simplefilter("ignore")
        each()


def _nothing_to_spoil() -> tuple[type[BaseException], ...]:
    """Operations without parameters and body have no wrong request."""
    from unittest import SkipTest

    from hypothesis.errors import Unsatisfiable

    return (Unsatisfiable, SkipTest)


@contextlib.contextmanager
def on_both(name: str, folder: Any) -> Iterator[dict[str, str]]:
    """A fresh database of each kind."""
    with running_postgres() as server:
        yield {
            "sqlite": f"sqlite:///{folder}/{name}.db",
            "postgresql": create_database(server, name),
        }


def api_block(seed: int, count: int, folder: Any, progress: Callable[[int], None]) -> dict[str, Any]:
    """`count` cases on each database."""
    report: dict[str, Any] = {}
    with on_both(f"api_{seed}", folder) as urls:
        for kind, url in urls.items():
            found = ask_all(url, seed, count, lambda done: progress(min(done, count)))
            assert not found.failures, "; ".join(found.failures[:5])
            report |= {
                f"{kind}_cases": found.cases,
                f"{kind}_accepted": found.accepted,
                f"{kind}_signed": found.signed,
            }
    return report
