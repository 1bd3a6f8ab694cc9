"""What makes a transaction suspicious: pure functions from columns to a mask, with no Kafka in sight.

To add a rule, write a function that makes a `Rule` and name it in `default_rules`. The detector decodes the union of
the fields that its rules name, and nothing else of a message.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.errors import ContractError

Columns = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """One reason to call a transaction suspicious.

    Attributes:
        name: Identifies the rule in logs and metrics.
        fields: The transaction's fields that it looks at.
        fires: Given those columns, one row per transaction, says for each row whether the rule fires.
    """

    name: str
    fields: tuple[str, ...]
    fires: Callable[[Columns], Mask]


def large_amount(threshold: Decimal, scale: int) -> Rule:
    """Suspicious from `threshold` on.

    Args:
        threshold: In units of the currency.
        scale: Decimal places of the amounts, which arrive as whole numbers of the smallest unit.
    """
    smallest = int(threshold.scaleb(scale).to_integral_value(ROUND_CEILING))
    return Rule("large_amount", ("amount",), lambda columns: np.asarray(columns["amount"] >= smallest))


def default_rules(suspicious_amount: Decimal, scale: int) -> tuple[Rule, ...]:
    """The rules that the detector runs."""
    return (large_amount(suspicious_amount, scale),)


def fields_of(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The fields that at least one rule looks at, each once."""
    return tuple(dict.fromkeys(field for rule in rules for field in rule.fields))


def suspicious(rules: Sequence[Rule], columns: Columns, rows: int) -> Mask:
    """For each of `rows` transactions, whether any rule fires."""
    verdict = np.zeros(rows, dtype=np.bool_)
    for rule in rules:
        verdict |= rule.fires(columns)
    return verdict


def scale_of(schema: Mapping[str, Any], field: str) -> int:
    """The decimal places of a record's decimal field.

    Args:
        schema: The record's schema as JSON data.
        field: The field's name.

    Raises:
        ContractError: the record has no such field, or it is no decimal.
    """
    for candidate in schema["fields"]:
        if candidate["name"] == field and isinstance(candidate["type"], dict):
            if candidate["type"].get("logicalType") == "decimal":
                return int(candidate["type"].get("scale", 0))
            break
    raise ContractError(f"{schema['name']} has no decimal field {field}, which the rules need")
