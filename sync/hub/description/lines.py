"""Bodies of lines (NDJSON, CSV), which handlers read by themselves."""

from typing import Any, Final

from pos.domain.promotions import KINDS

__all__ = ["LINES"]

_ARTICLE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One line of the body",
    "required": ["sku"],
    "properties": {"sku": {"type": "string", "minLength": 1, "maxLength": 64}},
    "additionalProperties": True,
}
_PROMOTION: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One line of the body",
    "required": ["id", "text", "kind"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 64},
        "text": {"type": "string"},
        "kind": {"enum": list(KINDS)},
    },
    "additionalProperties": True,
}
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}


def _ndjson(line: dict[str, Any], example: str) -> dict[str, Any]:
    """The body is text; `x-line` says what each line of it is."""
    return {"schema": {"type": "string", "x-line": line}, "examples": {"lines": {"value": example}}}


LINES: Final[dict[str, dict[str, Any]]] = {
    "/v1/catalogue/articles": {
        "application/x-ndjson": _ndjson(
            _ARTICLE, '{"sku":"1001","name":"Apfelsaft 1 l","price_minor":199}\n'
        ),
        "text/csv": {
            **_TEXT,
            "examples": {"lines": {"value": "sku,text,tax_code,price_minor\n1001,Apfelsaft 1 l,1,199\n"}},
        },
    },
    "/v1/catalogue/promotions": {
        "application/x-ndjson": _ndjson(_PROMOTION, '{"id":"p1","text":"Saft -10 %","kind":"percent"}\n'),
        "text/csv": {
            **_TEXT,
            "examples": {"lines": {"value": "id,text,kind,percent\np1,Saft -10 %,percent,10\n"}},
        },
    },
    "/v1/customers/import": {
        "application/x-ndjson": {
            **_TEXT,
            "examples": {"lines": {"value": '{"name":"A. Muster","email":"a.muster@example.org"}\n'}},
        },
        "text/csv": {
            **_TEXT,
            "examples": {"lines": {"value": "name,email\nA. Muster,a.muster@example.org\n"}},
        },
    },
    "/v1/stock/import": {
        "application/x-ndjson": {
            **_TEXT,
            "examples": {"lines": {"value": '{"store":"demo","sku":"1001","safety":"2"}\n'}},
        },
        "text/csv": {**_TEXT, "examples": {"lines": {"value": "store,sku,safety\ndemo,1001,2\n"}}},
    },
}
