"""The API's description is that of the code: all of it, and what is stored of it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from sync.hub.app import bare_app
from sync.hub.cli import hub
from sync.hub.description.document import describe, described_json, routes
from sync.hub.description.examples import EXAMPLES
from sync.hub.description.reading import read_handler
from sync.hub.shop.kit.actor import ROLES

STORED = Path(__file__).parents[2] / "docs" / "openapi.json"
COMMAND = "tresen hub openapi > docs/openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(described_json(bare_app()))
    return found


def test_the_stored_description_is_that_of_the_code() -> None:
    same = STORED.read_bytes() == described_json(bare_app())
    assert same, f"the routes changed and docs/openapi.json did not; write it anew and commit it: {COMMAND}"


def test_the_command_writes_the_document_without_a_database() -> None:
    answer = CliRunner().invoke(hub, ["openapi"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["openapi"] == "3.1.0"


def test_every_route_of_the_channels_names_a_scope_that_a_role_has() -> None:
    known = set().union(*ROLES.values())
    for path, method, handler in routes(bare_app()):
        reading = read_handler(handler)
        machines = path.startswith(("/v1/tills/", "/v1/enrolments", "/v1/keys", "/v1/relays", "/v1/changes"))
        if path.startswith("/v1/") and path not in {"/v1/health", "/v1/staff/sessions"} and not machines:
            assert reading.scope in known, (
                f"{method} {path} asks for no scope that there is: {reading.scope!r}"
            )


def test_every_post_of_the_channels_needs_a_key_unless_it_changes_nothing(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        post = operations.get("post")
        if post is None or "x-scope" not in post or path == "/v1/prices":
            continue
        named = [one.get("$ref", "") for one in post.get("parameters", ())]
        assert "#/components/parameters/Idempotency-Key" in named, path


def test_every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own(
    document: dict[str, Any],
) -> None:
    names = [one["operationId"] for operations in document["paths"].values() for one in operations.values()]
    assert len(names) == len(set(names)) > 90
    text = json.dumps(document)
    for reference in {part.partition('"')[0] for part in text.split('"$ref": "')[1:]}:
        at: Any = document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]


def test_patterns_are_those_of_json_schema(document: dict[str, Any]) -> None:
    assert "\\\\Z" not in json.dumps(document)


@pytest.mark.parametrize("asked", list(EXAMPLES), ids=lambda one: one.__name__)
def test_examples_are_what_the_hub_reads(asked: Any) -> None:
    for value in EXAMPLES[asked].values():
        msgspec.convert(value, asked)


def test_two_builds_give_the_same_bytes() -> None:
    assert describe(bare_app()) == describe(bare_app())
