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
_PRICE_LIST: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One line of the body",
    "required": ["id", "text"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 64},
        "text": {"type": "string", "minLength": 1, "maxLength": 200},
        **{name: {"type": "array", "items": {"type": "string"}} for name in ("stores", "channels", "groups")},
        "valid_from": {"type": "string", "format": "date"},
        "valid_to": {"type": "string", "format": "date"},
        "priority": {"type": "integer", "minimum": -1000, "maximum": 1000, "default": 0},
        "active": {"type": "boolean", "default": True},
    },
    "additionalProperties": False,
}
_LIST_PRICE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One line of the body: a price, or prices with their days, or gone",
    "required": ["list", "sku"],
    "properties": {
        "list": {"type": "string", "minLength": 1, "maxLength": 64},
        "sku": {"type": "string", "minLength": 1, "maxLength": 64},
        "price_minor": {"type": "integer", "minimum": 0},
        "valid_from": {"type": "string", "format": "date"},
        "valid_to": {"type": "string", "format": "date"},
        "prices": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["price_minor"],
                "properties": {
                    "price_minor": {"type": "integer", "minimum": 0},
                    "valid_from": {"type": "string", "format": "date"},
                    "valid_to": {"type": "string", "format": "date"},
                },
            },
        },
        "gone": {"type": "boolean"},
    },
    "additionalProperties": False,
}
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}


def _ndjson(line: dict[str, Any], example: str) -> dict[str, Any]:
    """The body is text; `x-line` says what each line of it is."""
    return {"schema": {"type": "string", "x-line": line}, "examples": {"lines": {"value": example}}}


LINES: Final[dict[str, dict[str, Any]]] = {
    "/v1/catalogue/articles": {
        "application/x-ndjson": _ndjson(
            _ARTICLE, '{"sku":"1001","text":"Apfelsaft 1 l","tax_code":"1","price_minor":199}\n'
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
    "/v1/catalogue/price-lists": {
        "application/x-ndjson": _ndjson(
            _PRICE_LIST, '{"id":"koeln","text":"Laden Köln","stores":["cgn"],"priority":0}\n'
        ),
        "text/csv": {
            **_TEXT,
            "examples": {
                "lines": {"value": 'id,text,groups,valid_from\nclub,Klub,"[""club""]",2026-12-01\n'}
            },
        },
    },
    "/v1/catalogue/list-prices": {
        "application/x-ndjson": _ndjson(_LIST_PRICE, '{"list":"koeln","sku":"1001","price_minor":189}\n'),
        "text/csv": {
            **_TEXT,
            "examples": {"lines": {"value": "list,sku,price_minor,valid_from\nkoeln,1001,189,2026-12-01\n"}},
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
