"""Hub and relay as an enrolled till sees them: asked with its own key, they say how it stands there."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pos.check.report import Finding
from pos.storage_ports import JournalUnavailableError
from sync.identity import Identity, Node

if TYPE_CHECKING:
    from sync.enrolling import Journal
    from sync.line import Answer, Line

__all__ = ["check_node"]

_SECTION: Final = "Hub"
_ASK_S: Final = 1.2
_AWAY: Final = {
    "hub": "The till sells without it and sends later. Look whether it runs, at the network, and at hub.url.",
    "relay": "Sales go to the hub directly; until it is back the shop has no second copy. Look whether it runs "
    "(systemctl status tresen-relay), and at the network.",
}
_FOREIGN: Final = {
    "hub": "Nothing it says is believed. Look at hub.url; a hub that was made anew: tresen enrol --hub URL --code CODE",
    "relay": "Nothing it says is believed. A new relay has a new key: tresen enrol --relay-url URL",
}
_STANDING: Final = {
    "replaced": (
        "another machine took this till's place",
        'Sell nothing more here. Switch it off when the screen does not say "only here" any more.',
    ),
    "revoked": (
        "the key of this till was revoked: what it sells is kept aside",
        "Sell nothing more here until it is enrolled again: tresen hub enrol at the hub, tresen enrol here.",
    ),
    "behind": (
        "it holds newer facts of this till than the till itself: this disk is an old one",
        "Start the till where it reaches its hub: it gets new numbers by itself.",
    ),
    "fork": (
        "it holds other sales under this till's numbers: a copy of this till is in use",
        "Find the other machine. This one gets new numbers by itself.",
    ),
}
_MUST_NOT_SELL: Final = frozenset({"replaced", "revoked"})


def check_node(state: Path, identity: Identity, node: Node) -> Finding:
    """Says hello as the till does, with nothing new in it; blocks for two seconds at most."""
    what = "Relay" if node.role == "relay" else "Hub"
    try:
        return asyncio.run(_ask(state, identity, node, what))
    except (ImportError, JournalUnavailableError) as error:
        return Finding(_SECTION, what, "off", f"{node.url} was not asked: {error}")


async def _ask(state: Path, identity: Identity, node: Node, what: str) -> Finding:
    from pos.enrol import journal_end  # noqa: PLC0415 - what this takes may be missing
    from pos.system import SystemClock, SystemIds  # noqa: PLC0415
    from sync.line import Line, UntrustedAnswerError, is_silence  # noqa: PLC0415
    from sync.reasons import reason_of  # noqa: PLC0415

    own = journal_end(state)
    if own is None:
        return Finding(_SECTION, what, "off", f"{node.url} was not asked: there is no till here yet")
    if (own.store, own.till) != (identity.store, identity.machine):
        found = f"the key is of till {identity.machine} of store {identity.store}, and this is {own.till}"
        return Finding(_SECTION, what, "wrong", found, "Enrol this till: tresen enrol --hub URL --code CODE")
    try:
        async with Line(node, identity, clock=SystemClock(), ids=SystemIds()) as line:
            answer = await _hello(line, identity, own)
            newest = journal_end(state)
            if newest is not None and newest != own:  # the till sells: what the node said may be of before
                own, answer = newest, await _hello(line, identity, newest)
    except UntrustedAnswerError:
        found = f"whoever answers at {node.url} is not our {node.role}"
        return Finding(_SECTION, what, "wrong", found, _FOREIGN[node.role])
    except Exception as error:
        if not is_silence(error):
            raise
        return Finding(_SECTION, what, "missing", f"{node.url}: {reason_of(error)}", _AWAY[node.role])
    return _found(what, node, own, answer)


async def _hello(line: "Line", identity: Identity, own: "Journal") -> "Answer":
    from pos.bootstrap import software  # noqa: PLC0415
    from sync.wire import Hello, encode_json  # noqa: PLC0415

    hello = Hello(identity.store, identity.machine, own.epoch, software(), None, own.last_seq, own.last_hash)
    path = f"/v1/tills/{identity.store}/{identity.machine}"
    return await line.ask("PUT", path, body=encode_json(hello), timeout_s=_ASK_S)


def _found(what: str, node: Node, own: "Journal", answer: "Answer") -> Finding:
    import msgspec  # noqa: PLC0415

    from sync.wire import Problem, Welcome  # noqa: PLC0415

    try:
        if answer.status == 200:
            welcome = msgspec.json.decode(answer.content, type=Welcome)
        else:
            problem = msgspec.json.decode(answer.content, type=Problem)
            detail = f" ({problem.detail})" if problem.detail else ""
            to_do = "Look at tresen hub machines: which keys this till has there, and which hold."
            return Finding(_SECTION, what, "wrong", f"{node.url} refuses: {problem.title}{detail}", to_do)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Finding(_SECTION, what, "wrong", f"{node.url} answers {answer.status}", _FOREIGN[node.role])
    if welcome.standing in _STANDING:
        said, to_do = _STANDING[welcome.standing]
        stop = welcome.standing in _MUST_NOT_SELL
        return Finding(_SECTION, what, "wrong", f"{node.url} answers: {said}", to_do, must_not_sell=stop)
    whole = (welcome.acked_epoch, welcome.acked_seq) == (own.epoch, own.last_seq)
    return Finding(
        _SECTION, what, "ok", f"{node.url} answers and {'has all' if whole else 'waits for the newest'} facts"
    )
