"""The API for webhooks."""

from typing import Annotated, Any, Final

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from sync.hub.answers import hub_of
from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.openapi import with_key
from sync.hub.shop.kit.pages import PAGE_MAX, etag
from sync.hub.shop.webhooks import core
from sync.hub.shop.webhooks.messages import (
    Delivery,
    DeliveryPage,
    NewWebhook,
    Replay,
    Replayed,
    SecretList,
    Webhook,
    WebhookList,
)

__all__ = ["ROUTES"]

_Request = Request[Any, Any, Any]
_Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
_Cursor = Annotated[str, QueryParameter(max_length=512)]
_READ: Final = "webhooks:read"
_WRITE: Final = "webhooks:write"


def _tag(webhook: Webhook) -> str:
    return etag(webhook.version)


@post("/webhooks", status_code=201, responses=REFUSALS, operation_class=with_key())
async def post_webhook(request: _Request, data: JSONBody[NewWebhook]) -> Response[Webhook]:
    """Subscribe to what happens from now on. What to check signatures with: `GET .../secrets`."""
    ask = core.Make(data, hub_of(request).webhook_rules)
    return await act(request, _WRITE, core.make, ask, status=201, tag=_tag)


@get("/webhooks", responses=REFUSALS)
async def get_webhooks(request: _Request, cursor: _Cursor = "", limit: _Limit = 50) -> Response[WebhookList]:
    """All subscriptions."""
    return await look(request, _READ, core.listing, core.ListAsk(cursor, limit))


@get("/webhooks/{webhook_id:str}", responses=REFUSALS)
async def get_webhook(request: _Request, webhook_id: FromPath[str]) -> Response[Webhook]:
    """One subscription; its ETag is its version."""
    return await look(request, _READ, core.get, webhook_id, tag=_tag)


@put("/webhooks/{webhook_id:str}", responses=REFUSALS)
async def put_webhook(
    request: _Request, webhook_id: FromPath[str], data: JSONBody[NewWebhook]
) -> Response[Webhook]:
    """Change a subscription, pause it, or begin again after it was stopped."""
    if_match = request.headers.get("if-match", "")
    ask = core.Put(webhook_id, data, hub_of(request).webhook_rules, if_match)
    return await act(request, _WRITE, core.change, ask, tag=_tag)


@delete("/webhooks/{webhook_id:str}", status_code=200, responses=REFUSALS)
async def delete_webhook(request: _Request, webhook_id: FromPath[str]) -> Response[Webhook]:
    """End a subscription; it is answered as it was. Nothing that waits for it goes out any more."""
    return await act(request, _WRITE, core.remove, webhook_id)


@get("/webhooks/{webhook_id:str}/secrets", responses=REFUSALS)
async def get_secrets(request: _Request, webhook_id: FromPath[str]) -> Response[SecretList]:
    """What a receiver checks signatures with. Needs the right to write."""
    return await look(request, _WRITE, core.secrets, webhook_id)


@post("/webhooks/{webhook_id:str}/rotate", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_rotate(request: _Request, webhook_id: FromPath[str]) -> Response[Webhook]:
    """A new secret. The old one signs beside it for a day."""
    return await act(request, _WRITE, core.rotate, webhook_id, tag=_tag)


@post("/webhooks/{webhook_id:str}/ping", status_code=202, responses=REFUSALS, operation_class=with_key())
async def post_ping(request: _Request, webhook_id: FromPath[str]) -> Response[Delivery]:
    """Send a message of type `webhook.ping`; what became of it stands among the deliveries."""
    return await act(request, _WRITE, core.ping, webhook_id, status=202)


@post("/webhooks/{webhook_id:str}/replay", status_code=202, responses=REFUSALS, operation_class=with_key())
async def post_replay(
    request: _Request, webhook_id: FromPath[str], data: JSONBody[Replay]
) -> Response[Replayed]:
    """Send a range of a store's events again, under their old ids."""
    return await act(request, _WRITE, core.replay, core.ReplayAsk(webhook_id, data), status=202)


@get("/webhooks/{webhook_id:str}/deliveries", responses=REFUSALS)
async def get_deliveries(
    request: _Request,
    webhook_id: FromPath[str],
    delivery_state: Annotated[str, QueryParameter(name="state", pattern="^(waiting|delivered|dead)?$")] = "",
    cursor: _Cursor = "",
    limit: _Limit = 50,
) -> Response[DeliveryPage]:
    """What went out or waits, newest first, with every attempt. Kept for 30 days."""
    ask = core.DeliveriesAsk(webhook_id, delivery_state, cursor, limit)
    return await look(request, _READ, core.deliveries, ask)


ROUTES: Final = (
    post_webhook,
    get_webhooks,
    get_webhook,
    put_webhook,
    delete_webhook,
    get_secrets,
    post_rotate,
    post_ping,
    post_replay,
    get_deliveries,
)
