"""Each person's key: made when it is first needed, destroyed to erase. What is sealed under it is nobody's afterwards."""

import sqlalchemy as sa

from sync.hub.database import upsert
from sync.hub.shop.customers import tables as t
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.vault import KEY_BYTES, open_sealed, seal, vault_of

__all__ = ["destroy", "seal_for", "unseal_for"]

_NONCE_BYTES = 12


def seal_for(work: Work, subject: str, plain: bytes) -> bytes:
    """`subject`: a customer's id, or any name of somebody without an account, like `order/ID`."""
    key = _key(work, subject, make=True)
    assert key is not None
    return seal(key, work.ids.token(_NONCE_BYTES), plain, subject.encode())


def unseal_for(work: Work, subject: str, sealed: bytes) -> bytes | None:
    """None where the key was destroyed. Raises VaultError."""
    key = _key(work, subject, make=False) if sealed else None
    return None if key is None else open_sealed(key, sealed, subject.encode())


def destroy(work: Work, subject: str) -> bool:
    """Nothing sealed under this key can be read again. True: there was one."""
    c = t.customer_key.c
    blank = bytes(KEY_BYTES + 28)
    work.execute(t.customer_key.update().where(c.subject == subject).values(wrapped=blank))
    return bool(work.execute(t.customer_key.delete().where(c.subject == subject)).rowcount)


def _key(work: Work, subject: str, *, make: bool) -> bytes | None:
    vault, c = vault_of(work.connection), t.customer_key.c
    query = sa.select(c.wrapped).where(c.subject == subject)
    wrapped = work.execute(query).scalar_one_or_none()
    if wrapped is None and make:
        key = work.ids.token(KEY_BYTES)
        row = {
            "subject": subject,
            "wrapped": vault.wrap(key, work.ids.token(_NONCE_BYTES), subject),
            "created_ms": work.now_ms,
        }
        work.execute(upsert(work.connection, t.customer_key).values(row).on_conflict_do_nothing())
        wrapped = work.execute(query).scalar_one_or_none()
        if wrapped is None:
            raise RefusedError(409, "erased", "This person is being erased")
    return None if wrapped is None else vault.unwrap(bytes(wrapped), subject)
