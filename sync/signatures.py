"""Signed requests and answers: RFC 9421 with Ed25519, and Content-Digest (RFC 9530). Pure functions.

A machine signs its requests, a node its answers, both under the label `tresen`. What is covered is fixed
(docs/protocol.md, 3), so this knows only the structured fields (RFC 8941) that such signatures are made of,
and only in the one form in which they are written. Headers come as a mapping of lower-case names to values,
several lines of one name joined by ", ". Paths and queries are as they stand in the request line.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from sync.keys import verify

__all__ = [
    "LABEL",
    "NONCE_BYTES",
    "WINDOW_MAX_S",
    "Signature",
    "SignatureError",
    "answer_headers",
    "base_of",
    "content_digest",
    "has_digest",
    "holds",
    "params_of",
    "read_signature",
    "request_headers",
    "verify_answer",
    "verify_request",
]

LABEL: Final = "tresen"
NONCE_BYTES: Final = 16
WINDOW_MAX_S: Final = 300
_HEADER_MAX: Final = 4096
# What a request may carry that changes its meaning: covered wherever it is there.
_BODY_HEADERS: Final = ("content-digest", "content-type", "content-encoding")
_OF_REQUEST: Final = f'"signature";req;key="{LABEL}"'

_STRING: Final = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_KEY: Final = r"[a-z*][a-z0-9_.*-]*"
_PARAMS: Final = rf"(?:;{_KEY}(?:=(?:{_STRING}|-?[0-9]{{1,15}}|[A-Za-z*][!-+\--:<-~]*))?)*"
_COMPONENT: Final = rf"{_STRING}{_PARAMS}"
_LIST: Final = rf"\((?:{_COMPONENT}(?: {_COMPONENT})*)?\)"
_MEMBER: Final = re.compile(rf"({_KEY})=({_LIST})({_PARAMS})")
_BYTES: Final = re.compile(rf"({_KEY})=:([A-Za-z0-9+/]*={{0,2}}):")
_BETWEEN: Final = re.compile(r"[ \t]*,[ \t]*")
_PARAM: Final = re.compile(rf";({_KEY})(?:=({_STRING}|-?[0-9]{{1,15}}))?")
_EACH_COMPONENT: Final = re.compile(_COMPONENT)


class SignatureError(ValueError):
    """There is no signature, or it does not hold; the text says why."""


class Signature(msgspec.Struct, frozen=True):
    """A signature as it was found. `params` is the text of Signature-Input after the label, byte by byte.

    `components` are identifiers with their quotes; times in seconds since 1970.
    """

    components: tuple[str, ...]
    params: str
    signature: bytes
    created: int = 0
    expires: int = 0
    nonce: str = ""
    keyid: str = ""
    alg: str = ""
    tag: str = ""


def content_digest(body: bytes) -> str:
    """The value of Content-Digest."""
    return f"sha-256={_as_bytes(hashlib.sha256(body).digest())}"


def has_digest(header: str, body: bytes) -> bool:
    """Whether a Content-Digest names the SHA-256 of this body; other algorithms in it are passed over."""
    try:
        named = _byte_sequences(header).get("sha-256", b"")
    except SignatureError:
        return False
    return hmac.compare_digest(named, hashlib.sha256(body).digest())


def request_headers(
    sign: Callable[[bytes], bytes],
    *,
    keyid: str,
    tag: str,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    created: int,
    expires: int,
    nonce: bytes,
) -> dict[str, str]:
    """The headers that sign a request, to be added to `headers`. `query` without its question mark."""
    digest = {"content-digest": content_digest(body)} if body else {}
    fields = {**headers, **digest}
    components = ['"@method"', '"@path"', '"@query"']
    components += [f'"{name}"' for name in _BODY_HEADERS if name in fields]
    params = params_of(
        components, created=created, expires=expires, nonce=_text(nonce), keyid=keyid, alg="ed25519", tag=tag
    )
    values = {**_request_values(method, path, query), **_quoted(fields)}
    signature = sign(base_of(components, params, values))
    return {**digest, "signature-input": f"{LABEL}={params}", "signature": f"{LABEL}={_as_bytes(signature)}"}


def answer_headers(
    sign: Callable[[bytes], bytes],
    *,
    keyid: str,
    status: int,
    body: bytes,
    request_signature: bytes,
    created: int,
) -> dict[str, str]:
    """The headers that sign an answer; bound to the request by its signature, where it had one."""
    digest = content_digest(body)
    components = ['"@status"', '"content-digest"']
    values = {'"@status"': str(status), '"content-digest"': digest}
    if request_signature:
        components.append(_OF_REQUEST)
        values[_OF_REQUEST] = _as_bytes(request_signature)
    params = params_of(components, created=created, keyid=keyid, alg="ed25519")
    signature = sign(base_of(components, params, values))
    return {
        "content-digest": digest,
        "signature-input": f"{LABEL}={params}",
        "signature": f"{LABEL}={_as_bytes(signature)}",
    }


def read_signature(headers: Mapping[str, str], label: str = LABEL) -> Signature:
    """The signature under a label. Whether it holds is another question. Raises SignatureError."""
    inputs = headers.get("signature-input", "")
    found = dict(_members(inputs, _MEMBER)).get(label)
    signature = _byte_sequences(headers.get("signature", "")).get(label)
    if found is None or signature is None:
        raise SignatureError(f"there is no signature under the label {label}")
    components = tuple(_EACH_COMPONENT.findall(found[0]))
    if len(set(components)) != len(components):
        raise SignatureError("a component is covered twice")
    words: dict[str, str] = {}
    for name, value in _PARAM.findall(found[1]):
        if name in words:
            raise SignatureError(f"the parameter {name} stands there twice")
        words[name] = value
    created, expires = (_integer(words.get(name, "0")) for name in ("created", "expires"))
    nonce, keyid, alg, tag = (_string(words.get(name, '""')) for name in ("nonce", "keyid", "alg", "tag"))
    params = found[0] + found[1]
    return Signature(components, params, signature, created, expires, nonce, keyid, alg, tag)


def verify_request(
    found: Signature, public: bytes, *, method: str, path: str, query: str, headers: Mapping[str, str]
) -> None:
    """Raises SignatureError unless the key signed this request, all of it that counts.

    The body is another question: `has_digest`. Whether there must be a digest is the caller's to know.
    """
    needed = ['"@method"', '"@path"', '"@query"']
    needed += [f'"{name}"' for name in _BODY_HEADERS if name in headers]
    if set(found.components) != set(needed):
        raise SignatureError(f"the signature must cover {' '.join(needed)}, and nothing else")
    if found.alg != "ed25519":
        raise SignatureError("the algorithm must be ed25519")
    values = {**_request_values(method, path, query), **_quoted(headers)}
    if not holds(found, public, values):
        raise SignatureError("the signature does not hold")


def verify_answer(
    public: bytes, *, status: int, headers: Mapping[str, str], body: bytes, request_signature: bytes
) -> Signature:
    """The signature of an answer to the request with this signature. Raises SignatureError.

    `request_signature` empty: the answer to a request that was not signed.
    """
    found = read_signature(headers)
    digest = headers.get("content-digest", "")
    values = {'"@status"': str(status), '"content-digest"': digest}
    if request_signature:
        values[_OF_REQUEST] = _as_bytes(request_signature)
    if set(found.components) != set(values) or found.alg != "ed25519":
        raise SignatureError(f"an answer's signature must cover {' '.join(values)}")
    if not has_digest(digest, body):
        raise SignatureError("the answer's digest is not that of its body")
    if not holds(found, public, values):
        raise SignatureError("the answer's signature does not hold")
    return found


def params_of(components: Sequence[str], **params: str | int) -> str:
    """Signature-Input after the label: the covered components, then the parameters in the order given."""
    parts = [f"({' '.join(components)})"]
    for name, value in params.items():
        parts.append(f"{name}={value}" if isinstance(value, int) else f'{name}="{value}"')
    return ";".join(parts)


def base_of(components: Sequence[str], params: str, values: Mapping[str, str]) -> bytes:
    """The signature base (RFC 9421, 2.5). Raises SignatureError if a covered component is not there."""
    lines = []
    for component in components:
        if component not in values:
            raise SignatureError(f"{component} is covered, but not there")
        lines.append(f"{component}: {values[component]}\n")
    try:
        return f'{"".join(lines)}"@signature-params": {params}'.encode("latin-1")
    except UnicodeEncodeError as error:
        raise SignatureError("a header holds characters that no header may hold") from error


def holds(found: Signature, public: bytes, values: Mapping[str, str]) -> bool:
    return verify(public, found.signature, base_of(found.components, found.params, values))


def _request_values(method: str, path: str, query: str) -> dict[str, str]:
    return {'"@method"': method, '"@path"': path, '"@query"': f"?{query}"}


def _quoted(headers: Mapping[str, str]) -> dict[str, str]:
    return {f'"{name}"': value.strip() for name, value in headers.items()}


def _members(header: str, member: re.Pattern[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The members of a dictionary, each as its key and what else the pattern caught. Raises SignatureError."""
    header = header.strip(" ")
    if len(header) > _HEADER_MAX:
        raise SignatureError("a header is too long")
    found: list[tuple[str, tuple[str, ...]]] = []
    at = 0
    while at < len(header):
        match = member.match(header, at)
        if match is None:
            raise SignatureError("a header cannot be read")
        found.append((match[1], match.groups()[1:]))
        at = match.end()
        between = _BETWEEN.match(header, at)
        if at < len(header) and (between is None or between.end() == len(header)):
            raise SignatureError("a header cannot be read")
        at = between.end() if between else at
    if len({key for key, _ in found}) != len(found):
        raise SignatureError("a header names one thing twice")
    return found


def _byte_sequences(header: str) -> dict[str, bytes]:
    try:
        return {key: base64.b64decode(value[0], validate=True) for key, value in _members(header, _BYTES)}
    except binascii.Error as error:
        raise SignatureError("a header holds base64 that cannot be read") from error


def _integer(value: str) -> int:
    if not value or value.startswith('"'):
        raise SignatureError("a time must be a whole number")
    return int(value)


def _string(value: str) -> str:
    if not value.startswith('"') or "\\" in value:
        raise SignatureError("a parameter must be a plain string")
    return value[1:-1]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _as_bytes(data: bytes) -> str:
    return f":{_text(data)}:"
