"""What can go wrong, and whose fault it is: the tree is that of `avroguard.errors`, which the contracts stand on."""

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
