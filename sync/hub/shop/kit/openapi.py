"""What the API's description says of every command: its key, its secret."""

from dataclasses import dataclass

from litestar.openapi.spec import Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType

from sync.hub.shop.kit.work import KEY_MAX

__all__ = ["with_key", "with_key_and_secret", "with_secret"]


def _key() -> Parameter:
    return Parameter(
        name="Idempotency-Key",
        param_in="header",
        required=True,
        description="Names this request for ever: sent again, it gets the first answer again",
        schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=KEY_MAX, pattern="^[!-~]+$"),
    )


def _secret() -> Parameter:
    return Parameter(
        name="X-Tresen-Secret",
        param_in="header",
        description="The resource's secret, as it was given out when it was made; public callers need it",
        schema=Schema(type=OpenAPIType.STRING, max_length=64),
    )


@dataclass
class _WithKey(Operation):
    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or ()), _key()]


@dataclass
class _WithSecret(Operation):
    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or ()), _secret()]


@dataclass
class _WithBoth(Operation):
    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or ()), _key(), _secret()]


def with_key() -> type[Operation]:
    """The operation class of a POST."""
    return _WithKey


def with_secret() -> type[Operation]:
    """The operation class of a GET of what public callers reach by its secret."""
    return _WithSecret


def with_key_and_secret() -> type[Operation]:
    return _WithBoth
