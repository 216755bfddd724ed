"""Standard-Webhooks signatures: HMAC-SHA256 over `id.timestamp.body`, in base64, one for each secret in use."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from pos.ports import Ids

__all__ = ["TOLERANCE_S", "new_secret", "secret_bytes", "signed_headers", "verify"]

TOLERANCE_S: Final = 300
_MARK: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret(ids: Ids) -> str:
    """256 bits by chance, as text: `whsec_` and base64."""
    return _MARK + base64.b64encode(ids.token(_SECRET_BYTES)).decode()


def secret_bytes(secret: str) -> bytes:
    """Raises ValueError for what is none."""
    try:
        return base64.b64decode(secret.removeprefix(_MARK), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is whsec_ and base64") from error


def signed_headers(secrets: Sequence[str], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The three headers; whoever knows one of the secrets can check them."""
    signatures = " ".join(_signature(secret, message_id, str(at_s), body) for secret in secrets)
    return {"webhook-id": message_id, "webhook-timestamp": str(at_s), "webhook-signature": signatures}


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: int) -> bool:
    """What a receiver does: one signature fits, and the message is not older or newer than five minutes."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not stamp.isascii() or not stamp.isdigit() or abs(int(stamp) - now_s) > TOLERANCE_S:
        return False
    expected = _signature(secret, message_id, stamp, body)
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def _signature(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    signed = f"{message_id}.{stamp}.".encode() + body
    digest = hmac.digest(secret_bytes(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
