"""The hub's task that empties the outbox: asks for consent and the hour, writes each message out, and hands it over."""

import asyncio
import logging
import re
import zoneinfo
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from jinja2 import TemplateError
from sqlalchemy.engine import Connection

from pos.ports import Clock, Ids
from sync.hub.brand import Brand
from sync.hub.database import Database
from sync.hub.shop.brand.core import brand_now
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters import outbox, telling
from sync.hub.shop.letters.messenger import Letter, Messenger, Outcome
from sync.hub.shop.letters.outbox import UNKNOWNS_MAX, Content, Due
from sync.hub.shop.letters.quiet import allowed_from
from sync.hub.shop.letters.rendering import write
from sync.hub.shop.letters.seals import Consents, Seals
from sync.hub.shop.letters.settings import MessageSettings
from sync.hub.shop.letters.shops import Shop, shop_of
from sync.hub.shop.letters.telling import ContactOf
from sync.hub.vault import VaultError

__all__ = ["LANE", "LEASE_MS", "Post"]

LANE: Final = "messages"
ACTOR: Final = Actor("hub", "messages", "admin")
LEASE_MS: Final = 300_000
LOOK_S: Final = 5.0
_AT_ONCE: Final = 3  # all of them, one after the other, end within a lease
_FIRST_PAUSE_MS: Final = 15_000
_LONGEST_PAUSE_MS: Final = 600_000
_END_S: Final = 3.0
_HOUSE_MS: Final = 3_600_000
_PATH: Final = re.compile(r"/[a-z]/[A-Za-z0-9_.-]+")

_log = logging.getLogger("tresen.messages")


class Post:
    """`run` is a task of the hub's. Several processes may run one each over one database.

    A channel whose server is away is left alone for a while, 15 s at first and 10 min at most, and its messages wait
    without being counted as tried.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        settings: MessageSettings,
        messengers: Mapping[str, Messenger],
        seals: Seals,
        consents: Consents,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        contact_of: ContactOf | None = None,
        public_url: str = "",
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._messengers = messengers
        self._seals = seals
        self._consents = consents
        self._sleep = sleep
        self._contact_of = contact_of
        self._public_url = public_url
        self._ids = ids
        self._lease = ids.token(8).hex()
        self._kicked = asyncio.Event()
        self._away_until: dict[str, int] = {}
        self._pause_ms: dict[str, int] = {}
        self._cleaned_ms = 0

    def kick(self) -> None:
        """There may be a new message. Returns at once."""
        self._kicked.set()

    async def run(self) -> None:
        """Until cancelled; a letter that is on its way then is waited for, a moment."""
        while True:
            turn = asyncio.ensure_future(self.turn())
            try:
                busy = await asyncio.shield(turn)
            except asyncio.CancelledError:
                await asyncio.wait((turn,), timeout=_END_S)
                turn.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await turn
                raise
            except Exception:  # noqa: BLE001 - logged; what was leased comes back by itself
                _log.exception("the outbox stopped; it goes on in a moment")
                busy = False
            if not busy:
                await self._wait()

    async def turn(self) -> bool:
        """Send what is due, a few; False if there was nothing."""
        now_ms = self._clock.wall_ms()
        if now_ms - self._cleaned_ms >= _HOUSE_MS:
            self._cleaned_ms = now_ms
            await self._database.run(LANE, outbox.forget, now_ms, self._settings.retention_ms)
        await self._hear()
        leased = await self._database.run(LANE, outbox.due, now_ms, _AT_ONCE, self._lease, now_ms + LEASE_MS)
        for message in leased:
            try:
                await self._one(message)
            except (TemplateError, KeyError, TypeError, ValueError, OSError) as error:
                # Never the text: it may hold what a person wrote.
                _log.error(
                    "message %s %s cannot be written: %s", message.kind, message.key, type(error).__name__
                )
                await self._database.run(LANE, self._give_up, message, "unwritable")
        return bool(leased)

    async def _hear(self) -> None:
        """Write down what customers are to be told of what happened meanwhile."""
        channels = frozenset(self._messengers)
        behind = self._contact_of is not None
        while behind and self._contact_of is not None:
            now_ms = self._clock.wall_ms()
            try:
                behind = await self._database.run(
                    LANE, telling.follow, self._contact_of, channels, now_ms, self._ids, self._public_url
                )
            except VaultError as error:
                _log.error("customers are told nothing new: %s", error)
                behind = False

    async def _one(self, message: Due) -> None:
        ready = await self._database.run(LANE, self._look, message)
        if ready is not None:
            await self._send(message, *ready)

    def _look(self, connection: Connection, message: Due) -> tuple[Content, Shop, Brand] | None:
        """What to send, if anything; else it is postponed or given up by now."""
        shop = shop_of(connection, message.store)
        content, verdict, at_ms = self._decide(connection, message, shop)
        if verdict in {"quiet", "server", "no-channel", "no-key"}:
            outbox.postpone(connection, message, self._lease, at_ms, verdict)
        elif verdict:
            self._give_up(connection, message, verdict)
        if content is None:
            return None
        return content, shop, brand_now(connection, self._settings.brand)

    def _decide(self, connection: Connection, message: Due, shop: Shop) -> tuple[Content | None, str, int]:
        """Its content, or why it waits and until when, or why it is given up."""
        now_ms = self._clock.wall_ms()
        until_ms = message.until_ms or message.created_ms + self._settings.give_up_ms
        if not outbox.renew(connection, message, self._lease, now_ms + LEASE_MS):
            return None, "", 0
        if now_ms >= until_ms:
            return None, "late", 0
        if message.unknowns > UNKNOWNS_MAX:
            return None, "unknown", 0
        if message.purpose != "transactional" and not (
            message.customer
            and self._consents.may_send(connection, message.customer, message.purpose, message.channel)
        ):
            return None, "consent", 0
        away_ms = self._away_until.get(message.channel, 0)
        if message.channel not in self._messengers:
            return None, "no-channel", min(until_ms, now_ms + _LONGEST_PAUSE_MS)
        if now_ms < away_ms:
            return None, "server", min(until_ms, away_ms)
        if not message.urgent:
            silence = self._settings.quiet_of(message.store)
            allowed_ms = allowed_from(silence, zoneinfo.ZoneInfo(shop.time_zone), now_ms)
            if allowed_ms > now_ms:
                return None, "quiet", min(until_ms, allowed_ms)
        try:
            content = outbox.read_content(connection, message, self._seals)
        except VaultError:
            return None, "no-key", min(until_ms, now_ms + _LONGEST_PAUSE_MS)
        return (content, "", 0) if content is not None else (None, "erased", 0)

    async def _send(self, message: Due, content: Content, shop: Shop, brand: Brand) -> None:
        fields = {name: self._whole(value) for name, value in content.fields.items()}
        written = write(message.kind, message.language, fields, shop, brand)
        letter = Letter(
            to=content.to,
            subject=written.subject,
            text=written.text,
            html=written.html,
            short=written.short,
            key=f"{message.store}/{message.key}",
            unsubscribe=str(content.fields.get("unsubscribe") or ""),
        )
        outcome = await self._messengers[message.channel].send(letter)
        now_ms = self._clock.wall_ms()
        pause_ms = self._paused(message.channel, outcome, now_ms)
        state = await self._database.run(LANE, self._settle, message, outcome, pause_ms)
        if state != "sent":
            _log.warning(
                "message %s %s: %s (%s)",
                message.kind,
                message.key,
                outcome.how,
                outcome.answer or "no answer",
            )

    def _whole(self, value: Any) -> Any:
        """A link that is a path is one below the address at which customers find the hub's pages."""
        is_path = isinstance(value, str) and _PATH.fullmatch(value)
        return f"{self._public_url}{value}" if is_path and self._public_url else value

    def _paused(self, channel: str, outcome: Outcome, now_ms: int) -> int:
        """Leave a server alone that is in trouble; gives for how long."""
        if not outcome.server or outcome.how == "refused":
            self._pause_ms.pop(channel, None)
            self._away_until.pop(channel, None)
            return 0
        pause_ms = min(_LONGEST_PAUSE_MS, self._pause_ms.get(channel, _FIRST_PAUSE_MS // 2) * 2)
        self._pause_ms[channel] = pause_ms
        self._away_until[channel] = now_ms + pause_ms
        return pause_ms

    def _settle(self, connection: Connection, message: Due, outcome: Outcome, pause_ms: int) -> str:
        work = self._work(connection)
        state = outbox.settle(work, message, self._lease, outcome, pause_ms=pause_ms)
        work.finish()
        return state

    def _give_up(self, connection: Connection, message: Due, reason: str) -> None:
        work = self._work(connection)
        outbox.give_up(work, message, self._lease, reason)
        work.finish()

    def _work(self, connection: Connection) -> Work:
        return Work(connection, self._clock.wall_ms(), self._ids, ACTOR)

    async def _wait(self) -> None:
        kicked = asyncio.ensure_future(self._kicked.wait())
        due = asyncio.ensure_future(self._sleep(LOOK_S))
        try:
            await asyncio.wait((kicked, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            kicked.cancel()
            due.cancel()
        self._kicked.clear()
