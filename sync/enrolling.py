"""A machine enrols at its node: redeems a one-time code, and learns whom to trust from then on.

Nothing that comes back is believed before the node has proved that it knows the code's secret too.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec

from pos.ports import Clock, Ids
from sync.codes import Code, enrol_proof, enrolled_proof
from sync.identity import Identity, Node
from sync.keys import SEED_BYTES, SigningKey, verify
from sync.line import Answer, Line, UntrustedAnswerError, ask_unsigned, is_silence, unsigned_line
from sync.reasons import reason_of
from sync.signatures import NONCE_BYTES, SignatureError, verify_answer
from sync.wire import (
    Enrol,
    Enrolled,
    Problem,
    Relays,
    Rotated,
    Rotation,
    encode_json,
    grant_bytes,
    rotation_bytes,
)

__all__ = ["EnrolError", "Journal", "change_key", "enrol", "find_relay"]

_T = TypeVar("_T")

_TIMEOUT_S: Final = 10.0
_TRIES: Final = 3
_PAUSE_S: Final = 1.0


class EnrolError(Exception):
    """The machine was not enrolled; the text is a sentence that says why and what to do."""


class Journal(msgspec.Struct, frozen=True):
    """The end of the journal that a machine brings along: it is a till already and means to stay it."""

    store: str
    till: str
    epoch: int
    last_seq: int
    last_hash: bytes


_TO_DO: Final = {
    "The code was used already": " Make a new one there with tresen hub enrol; for a fresh folder with --replace, if "
    "tresen hub machines lists the machine as active.",
    "The code is for a machine without a journal, and this one has a journal": " To enrol this machine, make the code "
    "without --replace; to put it in another's place, name an empty folder with --state.",
    "The code is wrong": " Look at what was typed, and that --hub names the hub that made it; or make a new one there.",
}
"""What to do about a refusal, by the hub's words for it."""


async def enrol(
    url: str,
    code: Code,
    *,
    ids: Ids,
    role: str = "till",
    journal: Journal | None = None,
    relay_url: str = "",
    ca: str = "",
    software: str = "",
    seed: bytes = b"",
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    transport: Any = None,
) -> tuple[Identity, Enrolled]:
    """Enrol at the hub at `url`, or through the relay if only that answers. Raises EnrolError.

    `ca`: file with the authorities for the nodes' TLS certificates, where they are not the machine's.
    A new key is drawn unless `seed` brings one. The identity is not saved yet.
    """
    key = SigningKey(seed or ids.token(SEED_BYTES))
    nonce = ids.token(NONCE_BYTES)
    message = Enrol(
        code.code_id, key.public, nonce, enrol_proof(code.key, key.public, nonce), role, software=software
    )
    if journal is not None:
        message = msgspec.structs.replace(
            message,
            store=journal.store,
            machine=journal.till,
            epoch=journal.epoch,
            last_seq=journal.last_seq,
            last_hash=journal.last_hash,
        )
    urls = [url, *([relay_url] if relay_url else [])]
    answer = await _ask(urls, encode_json(message), sleep, transport, ca)
    enrolled = _believed(answer, code, message)
    nodes = [Node(url, "hub", enrolled.node_name, enrolled.node_key, ca)]
    if relay_url:
        if not enrolled.relays:
            raise EnrolError(
                f"Store {enrolled.store} has no relay yet: enrol the relay first, then this till."
            )
        relay = enrolled.relays[-1]
        nodes.insert(0, Node(relay_url, "relay", relay.name, relay.public_key, ca))
    return Identity(enrolled.store, enrolled.machine, role, key.seed, tuple(nodes)), enrolled


async def find_relay(
    identity: Identity, relay_url: str, *, clock: Clock, ids: Ids, transport: Any = None
) -> Identity:
    """The identity with the store's newest relay at this address; the hub says under which key it answers.

    Raises EnrolError.
    """
    answer = await _signed(identity, "GET", "/v1/relays", b"", clock, ids, transport)
    relays = _decoded(answer, Relays).relays
    if not relays:
        raise EnrolError(f"Store {identity.store} has no relay yet: enrol the relay first.")
    hub = tuple(node for node in identity.nodes if node.role == "hub")
    relay = Node(relay_url, "relay", relays[-1].name, relays[-1].public_key, hub[0].ca)
    return msgspec.structs.replace(identity, nodes=(relay, *hub))


async def change_key(
    identity: Identity, seed: bytes, *, clock: Clock, ids: Ids, transport: Any = None
) -> tuple[Identity, int]:
    """The identity with the key of this seed, and until when (ms) the old one holds. The same seed again is harmless.

    Raises EnrolError.
    """
    key = SigningKey(seed)
    wish = Rotation(key.public, key.sign(rotation_bytes(identity.key.key_id)))
    answer = await _signed(identity, "POST", "/v1/keys", encode_json(wish), clock, ids, transport)
    rotated = _decoded(answer, Rotated)
    if rotated.key_id != key.key_id:
        raise EnrolError("The hub answers for another key.")
    return msgspec.structs.replace(identity, seed=seed), rotated.old_until_ms


async def _signed(
    identity: Identity, method: str, path: str, body: bytes, clock: Clock, ids: Ids, transport: Any
) -> Answer:
    """A question to the hub itself, on the signed line. Raises EnrolError."""
    hub = identity.node("hub")
    assert hub is not None
    try:
        async with Line(hub, identity, clock=clock, ids=ids, transport=transport) as line:
            return await line.ask(method, path, body=body, timeout_s=_TIMEOUT_S)
    except UntrustedAnswerError as error:
        raise EnrolError(f"Whoever answers at {hub.url} is not the hub of this machine: {error}.") from error
    except Exception as error:
        if not is_silence(error):
            raise
        raise EnrolError(f"The hub does not answer at {hub.url}: {reason_of(error)}.") from error


def _decoded(answer: Answer, kind: type[_T]) -> _T:
    try:
        if answer.status == 200:
            return msgspec.json.decode(answer.content, type=kind)
        problem = msgspec.json.decode(answer.content, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EnrolError(f"The hub's answer cannot be read ({error}).") from error
    detail = f" ({problem.detail})" if problem.detail else ""
    raise EnrolError(f"The hub refuses: {problem.title}{detail}.")


async def _ask(
    urls: list[str], body: bytes, sleep: Callable[[float], Awaitable[None]], transport: Any, ca: str
) -> Answer:
    """The first answer there is. The same question again is harmless: an answer may have been lost."""
    import httpx  # noqa: PLC0415

    silence: Exception = OSError("nobody answers")
    for attempt in range(_TRIES):
        if attempt:
            await sleep(_PAUSE_S)
        for url in urls:
            try:
                async with unsigned_line(_TIMEOUT_S, transport, url=url, ca=ca) as line:
                    return await ask_unsigned(line, url, "/v1/enrolments", body)
            except (OSError, httpx.TransportError) as error:
                silence = error
            except UntrustedAnswerError as error:
                raise EnrolError(f"This is no hub: {error}.") from error
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise EnrolError(f"{url} is no address of a hub: {error}.") from error
    raise EnrolError(f"The hub does not answer at {' or '.join(urls)}: {reason_of(silence)}.")


def _believed(answer: Answer, code: Code, message: Enrol) -> Enrolled:
    """What the node said, once it is certain that it is the one that made the code. Raises EnrolError."""
    if answer.status != 200:
        try:
            problem = msgspec.json.decode(answer.content, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise EnrolError(f"This is no hub: it answers {answer.status}.") from None
        raise EnrolError(f"The hub refuses: {problem.title}.{_TO_DO.get(problem.title, '')}")
    try:
        found = msgspec.json.decode(answer.content, type=Enrolled)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EnrolError(f"This is no hub of ours: its answer cannot be read ({error}).") from error
    proof = enrolled_proof(
        code.key, message.public_key, message.nonce, found.node_key,
        store=found.store, machine=found.machine, role=found.role,
    )  # fmt: skip
    try:
        if not hmac.compare_digest(proof, found.proof) or found.role != message.role:
            raise SignatureError("it does not know the code")
        verify_answer(
            found.node_key,
            status=answer.status,
            headers=answer.headers,
            body=answer.content,
            request_signature=b"",
        )
        grant = found.grant
        if grant is not None and (
            (grant.store, grant.till) != (found.store, found.machine)
            or not verify(found.node_key, grant.signature, grant_bytes(grant))
        ):
            raise SignatureError("its grant does not hold")
    except SignatureError as error:
        raise EnrolError(
            f"Whoever answers is not the hub that made this code: {error}. Nothing was enrolled."
        ) from error
    return found
