"""Reads conditions on alerts, as notifications files and the command `silence` have them."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from avroguard.avro.names import suggestion
from services.notifier.alert import RULE, SEVERITIES, SEVERITY
from services.notifier.matching import Condition
from services.rules.faults import shown
from services.rules.fields import Field


class FieldReader:
    """Reads conditions on alerts and names of their fields.

    Args:
        fields: The fields of a transaction.
    """

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._fields = fields
        self.names = [RULE, SEVERITY, *fields]

    def condition(self, name: str, value: Any) -> Condition:
        """Return the condition on a field.

        Args:
            name: The field.
            value: A text, several in an array, or a table with `at_least`, `at_most`.

        Raises:
            ValueError: It is none.
        """
        if name not in self.names:
            raise ValueError(self.unknown(name, self.names))
        if isinstance(value, Mapping):
            unknown = [key for key in value if key not in {"at_least", "at_most"}]
            if unknown or not value:
                raise ValueError(
                    f"expected at_least, at_most or both in the table, found {shown(next(iter(value), None))}"
                )
            limits = {key: self._limit(name, limit) for key, limit in value.items()}
            return Condition(name, (), limits.get("at_least"), limits.get("at_most"))
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(each, str) for each in values):
            raise ValueError(f"expected a text, several in an array, or {{ at_least = ... }}, found {shown(value)}")
        if name == SEVERITY:
            for each in values:
                self._severity(each)
        return Condition(name, tuple(values))

    def _limit(self, name: str, value: Any) -> str:
        if name == SEVERITY:
            return self._severity(value)
        if name == RULE or self._fields[name].is_text:
            raise ValueError("it is a text, which has no limits; expected the texts themselves")
        try:
            if isinstance(value, bool) or not Decimal(value).is_finite():
                raise ValueError
        except (InvalidOperation, TypeError, ValueError):
            raise ValueError(f"expected a number as the limit, found {shown(value)}") from None
        return str(value)

    @staticmethod
    def _severity(value: Any) -> str:
        if value in SEVERITIES:
            return str(value)
        raise ValueError(f"expected one of {', '.join(SEVERITIES)}, found {shown(value)}")

    @staticmethod
    def unknown(name: str, names: list[str]) -> str:
        """Return the message for the name of no field."""
        near = suggestion(name, names) or f"; it has {', '.join(names)}"
        return f"an alert has no field {shown(name)}{near}"
