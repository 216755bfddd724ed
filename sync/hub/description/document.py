"""The document (OpenAPI 3.1): every route of the application, its messages as msgspec reads and writes them, its refusals."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from sync.cart_messages import Claim, ParkedAsk
from sync.hub.description.examples import EXAMPLES
from sync.hub.description.lines import LINES
from sync.hub.description.reading import Reading, read_handler, roles_of
from sync.hub.problems import PROBLEM_JSON
from sync.hub.shop.kit.bulk import Import
from sync.hub.shop.kit.http import BODY_MAX_BYTES
from sync.hub.shop.kit.work import KEY_MAX
from sync.wire import Batch, Brought, Enrol, EpochRequest, Fork, Gap, Hello, Problem, Rotation

__all__ = ["describe", "described_json", "routes"]

_ASKED: Final[dict[str, Any]] = {
    "put_till": Hello, "post_facts": Batch, "post_enrolment": Enrol, "post_key": Rotation, "post_epoch": EpochRequest,
    "post_parked": ParkedAsk, "post_claim": Claim,
}  # fmt: skip
"""Messages that tills' handlers read by themselves."""
_MACHINES: Final = ("/v1/tills/", "/v1/enrolments", "/v1/keys", "/v1/relays", "/v1/changes")
_OPEN: Final = frozenset({"/v1/health", "/v1/enrolments", "/v1/staff/sessions"})
_REFUSED: Final = {
    400: "The request cannot be read",
    401: "Nobody the hub knows",
    403: "Known, and may not do this",
    404: "There is no such thing, or not for this caller",
    405: "Not with this method; `Allow` names those there are",
    409: "Its state forbids it, or somebody else was first",
    412: "It is at another version than `If-Match` says",
    413: "Too large",
    415: "Another content type is needed",
    421: "A store's relay; the hub answers this",
    422: "It makes no sense here, or the key was used for another request",
    429: "Too often; `Retry-After` says when to come again",
    503: "The database does not answer; nothing was decided, ask again under the same key",
}
_SECURITY: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "tresen_ID_SECRET",
        "description": "Made by `tresen hub token new`. Its role is a set of scopes; the scopes named are needed.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "A till's or relay's HTTP message signature (RFC 9421, Ed25519) with `Signature-Input` and "
        "`Content-Digest`: docs/protocol.md. The scopes are those of the role `till`.",
    },
}
_ABOUT: Final = (
    "Facts up, changes down, and the channels' API: docs/protocol.md and docs/hub-api.md. Errors are problem documents "
    f"(RFC 9457). A body is at most {BODY_MAX_BYTES} bytes, if nothing else is said; a till's may be gzip. This document is made from the "
    "code: `tresen hub openapi`."
)


def described_json(app: Litestar) -> bytes:
    """The document as it is stored and served."""
    return msgspec.json.format(msgspec.json.encode(describe(app), order="deterministic"), indent=1) + b"\n"


def routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """(path, method, handler) of all that is described, by path."""
    for route in sorted(app.routes, key=lambda one: one.path_format):
        if isinstance(route, HTTPRoute) and not route.path.startswith("/v1/schema"):
            for method, found in sorted(route.route_handler_map.items()):
                handler = found[0]
                if method not in {"OPTIONS", "HEAD"}:
                    yield route.path_format, method, handler


def describe(app: Litestar) -> dict[str, Any]:
    found = [(*one, read_handler(one[2])) for one in routes(app)]
    schema_of, schemas = _schemas(found)
    paths: dict[str, Any] = {}
    for path, method, handler, reading in found:
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, handler, reading, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tresen hub", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {str(status): _refusal(status) for status in _REFUSED},
            "headers": _HEADERS,
            "parameters": _PARAMETERS,
            "securitySchemes": _SECURITY,
        },
    }


def _operation(
    path: str, method: str, handler: HTTPRouteHandler, reading: Reading, schema_of: Callable[[Any], Any]
) -> dict[str, Any]:
    text = " ".join((handler.fn.__doc__ or handler.name or "").split())
    named = handler.fn.__name__
    operation: dict[str, Any] = {
        "operationId": "-".join(
            (method.lower(), *path.replace("{", "").replace("}", "").strip("/").split("/"))
        ),
        "tags": [path.split("/")[2] if path.startswith("/v1/") else "pages"],
        "summary": text.partition(". ")[0].rstrip("."),
        "description": text,
    }
    is_page = not path.startswith("/v1/")
    parameters = [_parameter(one, schema_of) for one in reading.inputs]
    if is_page:
        operation["responses"] = _PAGE_ANSWERS
        operation["security"] = [{}]
        return operation | ({"parameters": parameters} if parameters else {})
    operation["security"] = _security(path, reading)
    if reading.scope:
        operation["x-scope"], operation["x-roles"] = reading.scope, roles_of(reading.scope)
    if reading.writes and method != "GET":
        parameters.append(
            _ref("parameters", "Idempotency-Key" if method == "POST" else "Idempotency-Key-optional")
        )
    parameters += [_ref("parameters", "If-Match")] if reading.held else []
    parameters += [_ref("parameters", "If-None-Match")] if _compares(method, reading) else []
    said = getattr(handler.operation_class(), "parameters", None) or ()
    parameters += [_ref("parameters", one.name) for one in said if one.name == "X-Tresen-Secret"]
    if parameters:
        operation["parameters"] = parameters
    body = _body(named, path, method, reading, schema_of)
    if body:
        operation["requestBody"] = {"required": True, "content": body}
    operation["responses"] = _answers(path, method, handler, reading, schema_of, has_body=bool(body))
    return operation


def _compares(method: str, reading: Reading) -> bool:
    return method == "GET" and reading.tagged and not reading.writes


def _security(path: str, reading: Reading) -> list[dict[str, list[str]]]:
    if path in _OPEN:
        return [{}]
    if path.startswith(_MACHINES):
        return [{"signature": []}]
    if path.startswith("/v1/catalogue/"):
        return [{"token": [reading.scope]}, {}]  # open to the office's network
    roles = set(roles_of(reading.scope))
    kinds = (["token"] if roles - {"till"} else []) + (["signature"] if "till" in roles else [])
    return [{kind: [reading.scope]} for kind in kinds]


def _parameter(one: Any, schema_of: Callable[[Any], Any]) -> dict[str, Any]:
    schema = dict(schema_of(one.type))
    if one.default is not msgspec.UNSET and one.default is not None:
        schema["default"] = one.default
    needed = one.default is msgspec.UNSET
    return {"name": one.name, "in": one.place, "required": needed, "schema": schema}


def _body(
    named: str, path: str, method: str, reading: Reading, schema_of: Callable[[Any], Any]
) -> dict[str, Any]:
    if path in LINES and method != "GET":
        return dict(LINES[path])
    asked = (
        reading.body
        if reading.body is not None
        else (_ASKED.get(named) if path.startswith(_MACHINES) else None)
    )
    if asked is None:
        return {}
    content = {"schema": schema_of(asked)}
    examples = EXAMPLES.get(asked, {})
    if examples:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"application/json": content}


def _answers(
    path: str,
    method: str,
    handler: HTTPRouteHandler,
    reading: Reading,
    schema_of: Callable[[Any], Any],
    *,
    has_body: bool,
) -> dict[str, Any]:
    headers = {}
    if reading.tagged:
        headers["ETag"] = _ref("headers", "ETag")
    if reading.writes and method != "GET":
        headers["Idempotent-Replayed"] = _ref("headers", "Idempotent-Replayed")
    answers: dict[str, Any] = {
        str(handler.status_code): {
            "description": "Done" if reading.writes else "Found",
            "content": _TEXTS
            if reading.answer is None
            else {"application/json": {"schema": schema_of(reading.answer)}},
            **({"headers": headers} if headers else {}),
        }
    }
    if _compares(method, reading):
        answers["304"] = {"description": "The caller holds this very version", "headers": headers}
    statuses = _statuses(path, reading, has_body=has_body)
    answers |= {str(status): _ref("responses", str(status)) for status in sorted(statuses)}
    if path.endswith("/facts"):
        answers["409"] = _said("The chain has a gap, or forks", {"anyOf": [schema_of(Gap), schema_of(Fork)]})
    if path in LINES and method != "GET":
        answers["422"] = {
            "description": "Some lines were left out, or nothing was taken where all lines were to hold",
            "content": {
                "application/json": {
                    "schema": schema_of(Brought if path.startswith("/v1/catalogue/") else Import)
                },
                PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}},
            },
        }
    return answers


def _statuses(path: str, reading: Reading, *, has_body: bool) -> set[int]:
    if path == "/v1/health":
        return {405, 503}
    statuses = {400, 401, 403, 405, 503} | ({413, 415} if has_body else set())
    if path.startswith("/v1/catalogue/"):
        return statuses | {409}
    if path.startswith(_MACHINES):
        return statuses | {404, 409, 413, 429}
    statuses |= {404, 409, 413, 421, 422, 429}
    return statuses | ({412} if reading.held else set())


def _refusal(status: int) -> dict[str, Any]:
    found = _said(_REFUSED[status], {"$ref": "#/components/schemas/Problem"})
    if status in {429, 503}:
        found["headers"] = {"Retry-After": _ref("headers", "Retry-After")}
    if status == 405:
        found["headers"] = {"Allow": {"required": True, "schema": {"type": "string"}}}
    return found


def _said(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM_JSON: {"schema": schema}}}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _schemas(
    found: list[tuple[str, str, HTTPRouteHandler, Reading]],
) -> tuple[Callable[[Any], Any], dict[str, Any]]:
    """Looks a type's schema up; and all that have a name."""
    types: list[Any] = [Problem, Gap, Fork, Brought, Import, *_ASKED.values()]
    for *_, reading in found:
        types += [reading.body, reading.answer, *(one.type for one in reading.inputs)]
    unique = list(dict.fromkeys(one for one in types if one is not None))
    listed, components = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    long = {name: ".".join(name.split(".")[-1:]) for name in components if "." in name}
    for name in long:
        module, _, cls = name.rpartition(".")
        room = [part for part in module.split(".") if part != "messages"][-1]
        long[name] = f"{room}.{cls}"
    tidy = [_tidy(schema, long) for schema in listed]
    known = dict(zip(unique, tidy, strict=True))
    schemas = {long.get(name, name): _tidy(schema, long) for name, schema in sorted(components.items())}
    return lambda wanted: known[wanted], schemas


def _tidy(value: Any, renamed: dict[str, str]) -> Any:
    """Patterns as JSON Schema has them, not as Python; references by their short names."""
    if isinstance(value, list):
        return [_tidy(one, renamed) for one in value]
    if not isinstance(value, dict):
        return value
    tidy = {key: _tidy(one, renamed) for key, one in value.items()}
    if isinstance(tidy.get("pattern"), str):
        tidy["pattern"] = tidy["pattern"].replace("\\Z", "$").replace("\\x00", "\\u0000")
    if isinstance(tidy.get("$ref"), str):
        head, _, name = tidy["$ref"].rpartition("/")
        tidy["$ref"] = f"{head}/{renamed.get(name, name)}"
    return tidy


_KEY_SCHEMA: Final = {"type": "string", "minLength": 1, "maxLength": KEY_MAX, "pattern": "^[!-~]+$"}
_KEY: Final = {
    "name": "Idempotency-Key", "in": "header", "schema": _KEY_SCHEMA,
    "description": "Names this request for 45 days: sent again, it gets the first answer again",
}  # fmt: skip
_VERSION: Final = {"type": "string"}
_PARAMETERS: Final = {
    "Idempotency-Key": {**_KEY, "required": True},
    "Idempotency-Key-optional": {**_KEY, "required": False},
    "If-Match": {
        "name": "If-Match", "in": "header", "required": False, "schema": _VERSION,
        "description": "The ETag of the version that was seen; 412 where somebody was faster",
    },
    "If-None-Match": {
        "name": "If-None-Match", "in": "header", "required": False, "schema": _VERSION,
        "description": "The ETag of the version that the caller holds; 304 where it is the newest",
    },
    "X-Tresen-Secret": {
        "name": "X-Tresen-Secret", "in": "header", "required": False,
        "schema": {"type": "string", "maxLength": 64, "pattern": "^[0-9a-f]*$"},
        "description": "The resource's secret, as it was given out when it was made; public callers need it",
    },
}  # fmt: skip
_HEADERS: Final = {
    "ETag": {"description": "The version of this, where it has one", "schema": {"type": "string", "pattern": '^".*"$'}},
    "Idempotent-Replayed": {
        "description": "The answer was given before, under this key; nothing was done now",
        "schema": {"const": "true"},
    },
    "Retry-After": {
        "description": "Seconds to wait", "required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}  # fmt: skip
_TEXTS: Final = {kind: {"schema": {"type": "string"}} for kind in ("application/x-ndjson", "text/csv")}
_PAGE: Final = {"text/html": {"schema": {"type": "string"}}}
_PAGE_ANSWERS: Final = {
    "200": {"description": "The page, or the form of it that the address names"},
    "default": {"description": "A page that says what is wrong", "content": _PAGE},
}
