"""The hub's task that delivers webhooks: several receivers at once, one message at a time for each."""

import asyncio
import datetime as dt
import logging
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import httpx
import msgspec
from sqlalchemy.engine import Connection

from pos.ports import Clock, Ids
from pos.version import VERSION
from sync.hub.database import Database
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.work import Work
from sync.hub.shop.webhooks import deliveries
from sync.hub.shop.webhooks.deliveries import Answer, Due, Leased
from sync.hub.shop.webhooks.guard import Look, Rules, UrlError, target_of
from sync.hub.shop.webhooks.messages import CloudEvent
from sync.hub.shop.webhooks.signing import signed_headers
from sync.wire import encode_json

__all__ = ["LANE", "LEASE_MS", "WebhookSender", "cloud_event"]

LANE: Final = "webhooks"
LIMIT_S: Final = 15.0
CONNECT_S: Final = 5.0
LEASE_MS: Final = 60_000
LOOK_S: Final = 2.0
_AT_ONCE: Final = 16
_RUN: Final = 20
_HOUSE_MS: Final = 3_600_000
_WAIT_MAX_S: Final = 3_600
ACTOR: Final = Actor("hub", "webhooks", "admin")

_log = logging.getLogger("tresen.webhooks")


def cloud_event(delivery: Due) -> bytes:
    """CloudEvents 1.0 in JSON; `source` and `id` together name the event for ever."""
    at = dt.datetime.fromtimestamp((delivery.at_ms or delivery.created_ms) / 1000, tz=dt.UTC)
    return encode_json(
        CloudEvent(
            specversion="1.0",
            id=delivery.delivery_id,
            source=f"urn:tresen:store:{delivery.store}" if delivery.store else "urn:tresen:hub",
            type=delivery.type,
            subject=delivery.subject or delivery.delivery_id,
            time=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            datacontenttype="application/json",
            sequence=str(delivery.n),
            data=msgspec.Raw(delivery.data),
        )
    )


class WebhookSender:
    """`run` is a task of the hub's. Several processes may run one each over one database.

    `look` and `tls` stand in for the look-up of names and the authorities that are believed (tests).
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        rules: Rules,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        look: Look | None = None,
        tls: ssl.SSLContext | None = None,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._rules = rules
        self._sleep = sleep
        self._look = look
        self._tls = tls
        self._limit_s = limit_s
        self._lease = ids.token(8).hex()
        self._woken = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._cleaned_ms = 0

    def kick(self) -> None:
        """Something may have happened. Returns at once."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled; survives everything else."""
        async with self._line() as line:
            try:
                while True:
                    try:
                        await self._begin(line)
                    except Exception:  # noqa: BLE001 - logged; what was leased comes back by itself
                        _log.exception("webhooks stopped; they go on in a moment")
                    await self._wait()
            finally:
                for task in self._busy.values():
                    task.cancel()
                await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def turn(self) -> int:
        """Deliver what is due now, and wait until that is done; gives how many receivers were served."""
        async with self._line() as line:
            begun = await self._begin(line)
            await asyncio.gather(*self._busy.values())
            return begun

    async def _begin(self, line: httpx.AsyncClient) -> int:
        now_ms = self._clock.wall_ms()
        if now_ms - self._cleaned_ms >= _HOUSE_MS:
            self._cleaned_ms = now_ms
            await self._database.run(LANE, deliveries.forget, now_ms)
        free = _AT_ONCE - len(self._busy)
        leased = await self._database.run(LANE, self._take, free) if free > 0 else []
        for hook in leased:
            task = asyncio.create_task(self._serve(line, hook), name=f"webhook {hook.webhook_id}")
            self._busy[hook.webhook_id] = task
            task.add_done_callback(partial(self._done, hook.webhook_id))
        return len(leased)

    def _done(self, webhook_id: str, _task: asyncio.Task[None]) -> None:
        self._busy.pop(webhook_id, None)
        self._woken.set()

    def _take(self, connection: Connection, limit: int) -> list[Leased]:
        work = self._work(connection)
        leased = deliveries.lease(work, self._lease, work.now_ms + LEASE_MS, limit=limit)
        work.finish()
        return leased

    async def _serve(self, line: httpx.AsyncClient, hook: Leased) -> None:
        """Deliver one after the other until nothing is due, or one fails."""
        try:
            going = True
            while going:
                now_ms = self._clock.wall_ms()
                waiting = await self._database.read(LANE, deliveries.due, hook.webhook_id, now_ms, _RUN)
                going = bool(waiting)
                for delivery in waiting:
                    answer = await self._deliver(line, hook, delivery)
                    if not await self._database.run(LANE, self._settle, hook, delivery, answer):
                        going = False
                        break
            await self._database.run(LANE, deliveries.release, hook.webhook_id, self._lease)
        except Exception:  # noqa: BLE001 - logged; its lease runs out
            _log.exception("webhook %s stopped; it goes on later", hook.webhook_id)

    def _settle(self, connection: Connection, hook: Leased, delivery: Due, answer: Answer) -> bool:
        work = self._work(connection)
        going = deliveries.settle(work, hook, self._lease, delivery, answer, work.now_ms + LEASE_MS)
        work.finish()
        return going

    async def _deliver(self, line: httpx.AsyncClient, hook: Leased, delivery: Due) -> Answer:
        """One try. Never raises; what the receiver writes is not read, only its status."""
        began_ms = self._clock.mono_ms()
        status, reason, wait_ms = 0, "", 0
        try:
            async with asyncio.timeout(self._limit_s):
                status, wait_ms = await self._post(line, hook, delivery)
                reason = "redirect" if 300 <= status < 400 else ""
        except UrlError as error:
            reason = error.code
        except (TimeoutError, httpx.TimeoutException):
            reason = "slow"
        except httpx.ConnectError as error:
            reason = "tls" if _is_tls(error) else "unreachable"
        except (httpx.HTTPError, OSError, ValueError):
            reason = "broken"
        return Answer(status, reason, self._clock.mono_ms() - began_ms, wait_ms)

    async def _post(self, line: httpx.AsyncClient, hook: Leased, delivery: Due) -> tuple[int, int]:
        target = await target_of(hook.url, self._rules, self._look)
        body = cloud_event(delivery)
        headers = {
            "Host": target.host_header,
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            **signed_headers(hook.secrets, delivery.delivery_id, self._clock.wall_ms() // 1000, body),
        }
        # The connection goes to the address that was looked at; the certificate must be the name's.
        extensions = {"sni_hostname": target.host}
        async with line.stream(
            "POST", target.url, content=body, headers=headers, extensions=extensions
        ) as answer:
            return answer.status_code, _asked_wait_ms(answer)

    def _line(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=self._tls if self._tls is not None else True,
            trust_env=False,  # no proxy: the guard looked at this very address
            follow_redirects=False,
            timeout=httpx.Timeout(self._limit_s, connect=min(CONNECT_S, self._limit_s)),
            # No connection is used twice: two names at one address must not share one.
            limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0),
            headers={"User-Agent": f"Tresen-Hub/{VERSION}"},
        )

    def _work(self, connection: Connection) -> Work:
        return Work(connection, self._clock.wall_ms(), self._ids, ACTOR)

    async def _wait(self) -> None:
        woken = asyncio.ensure_future(self._woken.wait())
        due = asyncio.ensure_future(self._sleep(LOOK_S))
        try:
            await asyncio.wait((woken, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            due.cancel()
        self._woken.clear()


def _is_tls(error: BaseException) -> bool:
    """Whether it was the certificate or the encryption that failed."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _asked_wait_ms(answer: httpx.Response) -> int:
    """What Retry-After says in seconds, where the receiver is overloaded."""
    asked = answer.headers.get("retry-after", "")
    if answer.status_code not in {429, 503} or not asked.isascii() or not asked.isdigit():
        return 0
    return min(int(asked[:9]), _WAIT_MAX_S) * 1000
