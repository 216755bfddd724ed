"""Answers to customers' browsers: their headers, their language, and whoever asks too often."""

from typing import Any, Final

from litestar import Request, Response

from receipts.look import PLAIN, Look
from sync.wire import Problem, encode_json

__all__ = ["HEADERS", "LANGUAGES", "address_of", "language_of", "respond", "too_many"]

LANGUAGES: Final = ("de", "en")
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "private",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Vary": "Accept-Language",
}
_HTML: Final = "text/html"
_DATA: Final = frozenset({"json", "ekabs.json"})


def language_of(accept: str, default: str) -> str:
    """The language of ours that an Accept-Language header (RFC 9110, 12.5.4) wants most."""
    best, best_weight = default if default in LANGUAGES else "de", 0.0
    for item in accept[:200].split(","):
        tag, _, quality = item.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def too_many(form: str, language: str, retry_s: int, look: Look = PLAIN) -> Response[bytes]:
    """For an address that asks too often."""
    headers = {"Retry-After": str(retry_s), "Cache-Control": "no-store"}
    if form in _DATA:
        problem = Problem(429, "Too many requests", f"ask again in {retry_s} seconds")
        return respond(encode_json(problem), "application/problem+json", 429, headers)
    from receipts.html import too_many_page  # noqa: PLC0415

    return respond(too_many_page(language, look).encode(), _HTML, 429, headers)


def address_of(request: Request[Any, Any, Any]) -> str:
    return request.client.host if request.client is not None else ""


def respond(
    content: bytes, media_type: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return Response(content, status_code=status, media_type=media_type, headers=HEADERS | (headers or {}))
