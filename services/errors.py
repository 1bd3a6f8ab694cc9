"""The error tree of `avroguard.errors`, under the name by which services import it."""

from avroguard.errors import (
    ContractError,
    ExpectedError,
    FatalError,
    NotAuthorised,
    PoisonError,
    RetryableError,
    Unavailable,
    UsageError,
)

__all__ = [
    "ContractError",
    "ExpectedError",
    "FatalError",
    "NotAuthorised",
    "PoisonError",
    "RetryableError",
    "Unavailable",
    "UsageError",
]
