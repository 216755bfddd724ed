"""Puts the hub's handlers together into one ASGI application, with its OpenAPI description."""

from typing import Any

import msgspec
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from pos.domain.promotions import KINDS
from sync.cart_messages import Claim, ParkedAsk
from sync.hub.api import only_office, software_version, till_api
from sync.hub.gate import Gate
from sync.hub.pages import get_gift, get_receipt
from sync.hub.problems import HANDLERS
from sync.hub.service import Hub
from sync.hub.shop.routes import channel_api
from sync.hub.web.routes import PAGES
from sync.wire import Batch, Enrol, EpochRequest, Hello, Rotation

__all__ = ["create_app"]


def create_app(hub: Hub) -> Gate:
    """The application behind its gate. Its lifespan runs the hub's own task; /v1/schema/openapi.json describes it."""
    app = Litestar(
        route_handlers=[till_api(), channel_api(), get_receipt, get_gift, *PAGES],
        exception_handlers=HANDLERS,
        lifespan=[hub.running],
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Tresen hub",
            version=software_version(),
            description="Facts up, changes down. Bodies may be sent as gzip. Errors are problem documents (RFC 9457).",
            use_handler_docstrings=True,
            openapi_router=Router("/v1/schema", route_handlers=[], guards=[only_office]),
            render_plugins=[JsonRenderPlugin()],
        ),
        state=State({"hub": hub}),
    )
    schemas: dict[str, Any] = app.openapi_schema.components.schemas
    schemas.update(_request_schemas())
    return Gate(app, hub)


def _request_schemas() -> dict[str, Any]:
    """Messages that handlers read by themselves, and so Litestar does not see."""
    _, schemas = msgspec.json.schema_components(
        (Hello, Batch, Enrol, Rotation, EpochRequest, ParkedAsk, Claim),
        ref_template="#/components/schemas/{name}",
    )
    article = {
        "type": "object",
        "description": "One line of the body",
        "required": ["sku"],
        "properties": {"sku": {"type": "string", "minLength": 1, "maxLength": 64}},
        "additionalProperties": True,
    }
    promotion = {
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
    return {**schemas, "ArticleLine": article, "PromotionLine": promotion}
