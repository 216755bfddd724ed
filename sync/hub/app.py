"""Puts the hub's handlers together into one ASGI application, with its description (OpenAPI 3.1)."""

from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from sync.hub.api import software_version, till_api
from sync.hub.description.document import described_json
from sync.hub.gate import Gate
from sync.hub.office import only_office
from sync.hub.pace import Pace
from sync.hub.pages import get_gift, get_receipt
from sync.hub.problems import HANDLERS
from sync.hub.service import Hub
from sync.hub.shop.routes import channel_api
from sync.hub.web.routes import PAGES
from sync.hub.web.shop_page import ROUTES as SHOP_PAGE
from sync.hub.web.staff_page import ROUTES as STAFF_PAGE

__all__ = ["bare_app", "create_app"]


class _Described(JsonRenderPlugin):
    """Serves the document of sync.hub.description."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        return described_json(request.app)


def create_app(hub: Hub, pace: Pace = Pace()) -> Gate:  # noqa: B008 - frozen
    """The application behind its gate. Its lifespan runs the hub's own task; /v1/schema/openapi.json describes it."""
    return Gate(bare_app(State({"hub": hub}), hub.running), hub, pace)


def bare_app(state: State | None = None, *lifespan: Callable[..., Any]) -> Litestar:
    """The application alone; without a hub in its state it can only be described."""
    return Litestar(
        route_handlers=[till_api(), channel_api(), get_receipt, get_gift, *PAGES, *SHOP_PAGE, *STAFF_PAGE],
        exception_handlers=HANDLERS,
        lifespan=list(lifespan),
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Tresen hub",
            version=software_version(),
            openapi_router=Router("/v1/schema", route_handlers=[], guards=[only_office]),
            render_plugins=[_Described()],
        ),
        state=state,
    )
