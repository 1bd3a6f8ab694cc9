"""Meanings of values: logical types of Avro, and the types of Kafka Connect and Debezium.

Connect writes its types as ``connect.name`` beside the plain type, with parameters in ``connect.parameters``.
Sources: https://avro.apache.org/docs/1.12.0/specification/#logical-types,
https://debezium.io/documentation/reference/stable/connectors/mysql.html#mysql-temporal-types
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avroguard.compatibility.nodes import Named, Node

_TICKS_PER_SECOND = {"millis": 10**3, "micros": 10**6, "nanos": 10**9}
_CONNECT = "org.apache.kafka.connect.data."
_DEBEZIUM = "io.debezium."
_LOGICAL = {
    f"{quantity}-{unit}": (quantity, ticks)
    for quantity in ("timestamp", "local-timestamp", "time")
    for unit, ticks in _TICKS_PER_SECOND.items()
}
_BY_CONNECT_NAME = {
    f"{_CONNECT}Decimal": ("decimal", 0),
    f"{_CONNECT}Date": ("date", 0),
    f"{_CONNECT}Time": ("time", 10**3),
    f"{_CONNECT}Timestamp": ("timestamp", 10**3),
    f"{_DEBEZIUM}time.Date": ("date", 0),
    f"{_DEBEZIUM}time.Time": ("time", 10**3),
    f"{_DEBEZIUM}time.MicroTime": ("time", 10**6),
    f"{_DEBEZIUM}time.NanoTime": ("time", 10**9),
    f"{_DEBEZIUM}time.Timestamp": ("timestamp", 10**3),
    f"{_DEBEZIUM}time.MicroTimestamp": ("timestamp", 10**6),
    f"{_DEBEZIUM}time.NanoTimestamp": ("timestamp", 10**9),
    f"{_DEBEZIUM}time.MicroDuration": ("duration", 10**6),
    f"{_DEBEZIUM}time.NanoDuration": ("duration", 10**9),
    f"{_DEBEZIUM}data.Uuid": ("uuid", 0),
}
_TEXTS = {"uuid", f"{_DEBEZIUM}data.Json", f"{_DEBEZIUM}data.Xml", f"{_DEBEZIUM}data.Enum"}
"""Meanings that restrict a text: it can be read as a plain text without loss."""


@dataclass(frozen=True)
class Meaning:
    """The meaning of a value beyond its Avro type.

    Attributes:
        name: The name in the schema: ``timestamp-millis``, ``io.debezium.time.MicroTimestamp``.
        quantity: The meaning without its unit: ``timestamp``, ``decimal``; the name where no unit is known.
        ticks: The unit, in ticks per second; 0 where it has none.
    """

    name: str
    quantity: str
    ticks: int = 0

    def equals(self, other: "Meaning") -> bool:
        """Return whether both mean the same; their names do not count."""
        return (self.quantity, self.ticks) == (other.quantity, other.ticks)

    @property
    def restricts_text(self) -> bool:
        """Return whether a value is a text like any other to readers that don't know the meaning."""
        return self.quantity in _TEXTS

    def factor(self, other: "Meaning") -> int | None:
        """The factor between the units of two meanings; None where they are no units of the same quantity."""
        if self.quantity != other.quantity or not (self.ticks and other.ticks):
            return None
        return max(self.ticks, other.ticks) // min(self.ticks, other.ticks)


def meaning(node: Node) -> Meaning | None:
    """Return the meaning of a type's values beyond the type; None where the type says none."""
    attributes = node.definition.attributes
    logical, connect = attributes.get("logicalType"), attributes.get("connect.name")
    if logical is not None:
        name = str(logical)
        return Meaning(name, *_LOGICAL.get(name, (name, 0)))
    if not isinstance(connect, str) or isinstance(node.definition, Named):
        return None
    if connect in _BY_CONNECT_NAME:
        return Meaning(connect, *_BY_CONNECT_NAME[connect])
    return Meaning(connect, connect) if connect.startswith((_CONNECT, _DEBEZIUM)) else None


def scale(node: Node) -> object:
    """Return the scale of a decimal, as written; 0 where the schema has none."""
    return _parameter(node, "scale", "scale") or 0


def precision(node: Node) -> object:
    """Return the precision of a decimal, as written; None where the schema has none."""
    return _parameter(node, "precision", "connect.decimal.precision")


def _parameter(node: Node, attribute: str, parameter: str) -> Any:
    """An attribute of Avro's, or a parameter of Connect's, which are texts."""
    attributes = node.definition.attributes
    if attribute in attributes:
        return attributes[attribute]
    parameters = attributes.get("connect.parameters")
    value = parameters.get(parameter) if isinstance(parameters, Mapping) else None
    return int(value) if isinstance(value, str) and value.isdecimal() else value
