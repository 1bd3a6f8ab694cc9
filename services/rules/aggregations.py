"""Reads the aggregations of a rule in a rules file: its tables ``windows.NAME``."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from avroguard.avro.names import suggestion
from avroguard.toml_source import TomlPath
from services.rules.faults import Faults, shown
from services.rules.fields import Field
from services.rules.model import EVENT_TIME, ID, LABEL, Aggregation, Condition, Measure, Window

ReadCondition = Callable[[TomlPath, Any], Condition | None]

_KEYS = ("measure", "by", "over", "where", "at_least", "at_most")
_FEATURE_KEYS = ("measure", "by", "over", "where", "past", "delay")
_OF_LABELS = {
    "count labels": (Measure.COUNT, None),
    "count fraud": (Measure.SUM, LABEL),
    "share fraud": (Measure.AVERAGE, LABEL),
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DURATION = re.compile(r"([0-9]{1,6})\s*(s|m|h|d)")
_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WITHOUT_FIELD = (Measure.COUNT, Measure.INACTIVITY)
_WORDS_OF_LABELS = ", ".join(f'"{word}"' for word in _OF_LABELS)
_LARGEST = Decimal("1e18")  # beyond what 64 bits hold
_COUNTING = (Measure.COUNT, Measure.DISTINCT)
_DEPRECATED = {"silence": Measure.INACTIVITY}


def read_aggregations(
    tables: Any, path: TomlPath, faults: Faults, fields: Mapping[str, Field], condition: ReadCondition
) -> tuple[Aggregation, ...]:
    """Return the aggregations of a rule, as far as they are without fault.

    Args:
        tables: The value of ``windows``.
        path: Its key.
        faults: Collects what is wrong.
        fields: The fields of a transaction.
        condition: Reads a condition; None if it is faulty.
    """
    if not isinstance(tables, dict):
        faults.add(path, f"windows: expected tables windows.NAME = {{ measure = ... }}, found {shown(tables)}")
        return ()
    if tables:
        _need_fields(path, faults, fields)
    aggregations = []
    for name, table in tables.items():
        reader = _WindowReader(name, (*path, name), faults, fields, condition, place=f"windows.{name}: ", keys=_KEYS)
        reader.check_name()
        aggregation = reader.aggregation(table)
        aggregations += [aggregation] if aggregation else []
    if len(aggregations) == len(tables):
        _need_common_key(aggregations, path, faults)
    return tuple(aggregations)


def read_feature_window(
    path: TomlPath, table: Mapping[str, Any], faults: Faults, fields: Mapping[str, Field], condition: ReadCondition
) -> Aggregation | None:
    """Return the window of a feature; None if it is faulty.

    Args:
        path: The feature's key.
        table: Its value.
        faults: Collects what is wrong.
        fields: The fields of a transaction.
        condition: Reads a condition; None if it is faulty.
    """
    _need_fields(path, faults, fields)
    return _WindowReader(str(path[-1]), path, faults, fields, condition, place="", keys=_FEATURE_KEYS).aggregation(
        table
    )


def read_duration(value: Any) -> int:
    """Return the milliseconds of a duration, such as "24h".

    Raises:
        ValueError: It is none; the message has no name in it.
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'expected a number and s, m, h or d, such as "24h", found {shown(value)}')
    milliseconds = int(match[1]) * _UNITS[match[2]]
    if not milliseconds:
        raise ValueError(f"{shown(value)} is not a duration: it must be positive")
    return milliseconds


def _need_fields(path: TomlPath, faults: Faults, fields: Mapping[str, Field]) -> None:
    """Check the fields that every window needs: the event time, and the id of a transaction."""
    time, identity = fields.get(EVENT_TIME), fields.get(ID)
    if time is None or time.kind.logical != "timestamp-millis" or time.kind.nullable:
        faults.add(path, f"windows need a field {EVENT_TIME} in the schema that is a timestamp-millis")
    if identity is None or not identity.is_text or identity.kind.nullable:
        faults.add(path, f"windows need a field {ID} in the schema that is text")


def _need_common_key(aggregations: list[Aggregation], path: TomlPath, faults: Faults) -> None:
    """Check that all windows of a rule share a field of their keys: the rule is evaluated on a topic keyed by it."""
    if not aggregations:
        return
    common = set.intersection(*(set(aggregation.window.by) for aggregation in aggregations))
    if not common:
        keys = "; ".join(f"{aggregation.name} by {', '.join(aggregation.window.by)}" for aggregation in aggregations)
        faults.add(path, f"windows: no field is in the key of all of them ({keys}): split the rule, or add one to each")


class _WindowReader:
    def __init__(
        self,
        name: str,
        path: TomlPath,
        faults: Faults,
        fields: Mapping[str, Field],
        condition: ReadCondition,
        *,
        place: str,
        keys: Sequence[str],
    ) -> None:
        self.name = name
        self.place = place
        self.keys = keys
        self.path = path
        self.faults = faults
        self.fields = fields
        self.condition = condition
        self.sound = True

    def check_name(self) -> None:
        if not _NAME.fullmatch(self.name):
            self.fault(f'"{self.name}" is no name for a window: small letters, digits and _, a letter first')
        if self.name in self.fields:
            self.fault(
                "a field of the transaction has the same name, so the reason couldn't tell them apart; rename it"
            )

    def aggregation(self, table: Any) -> Aggregation | None:
        if not isinstance(table, dict):
            self.fault(
                f'expected a table such as {{ measure = "count", by = ["source"], over = "1h" }}, found {shown(table)}'
            )
            return None
        self.faults.unknown_keys(self.path, table, self.keys, self.place)
        if self.keys is _FEATURE_KEYS and table.get("measure") in _OF_LABELS:
            return self.over_labels(table)
        if "delay" in table and "delay" in self.keys:
            self.fault(f"it is for windows over labels: expected measure = {_WORDS_OF_LABELS}", "delay")
        measured = self.measure(table.get("measure"))
        by = self.by(table.get("by"), measured)
        over_ms = self.duration("over", table.get("over"))
        where = self.condition((*self.path, "where"), table["where"]) if "where" in table else None
        if measured is None or by is None or over_ms is None or (where is None and "where" in table):
            return None
        measure, field = measured
        scale = field.kind.scale if field and measure is not Measure.DISTINCT else 0
        at_least, at_most = (self.limit(key, table, measure, over_ms, scale) for key in ("at_least", "at_most"))
        if at_least is not None and at_most is not None and at_least > at_most:
            self.fault("at_least is more than at_most: it could never fire", "at_least")
        if not self.sound:
            return None
        window = Window(measure, field.name if field else None, by, over_ms, where.text if where else "")
        return Aggregation(self.name, window, where, at_least, at_most)

    def over_labels(self, table: Mapping[str, Any]) -> Aggregation | None:
        by = self.by(table.get("by"), None)
        over_ms = self.duration("over", table.get("over"))
        if "delay" not in table:
            self.fault('expected the time after a transaction from which its label counts, such as "7d"', "delay")
        delay_ms = self.duration("delay", table["delay"]) if "delay" in table else None
        where = self.condition((*self.path, "where"), table["where"]) if "where" in table else None
        faulty = by is None or over_ms is None or delay_ms is None or (where is None and "where" in table)
        if faulty or not self.sound or by is None or over_ms is None:
            return None
        measure, field = _OF_LABELS[table["measure"]]
        window = Window(measure, field, by, over_ms, where.text if where else "", delay_ms)
        return Aggregation(self.name, window, where)

    def fault(self, message: str, key: str | None = None) -> None:
        self.sound = False
        path = self.path if key is None else (*self.path, key)
        self.faults.add(path, f"{self.place}{f'{key}: ' if key else ''}{message}")

    def field(self, name: str, key: str) -> Field | None:
        field = self.fields.get(name)
        if field is None:
            near = suggestion(name, list(self.fields)) or f"; there are {', '.join(self.fields)}"
            self.fault(f'unknown field "{name}"{near}', key)
        elif field.kind.nullable:
            self.fault(f"{name} may be without a value: a window takes only fields that always have one", key)
            return None
        return field

    def measure(self, value: Any) -> tuple[Measure, Field | None] | None:
        word, *names = value.split() if isinstance(value, str) else [""]
        if word in _DEPRECATED:
            self.faults.warn((*self.path, "measure"), f'{self.place}measure: write "{_DEPRECATED[word]}" for "{word}"')
            word = _DEPRECATED[word]
        known = [str(measure) for measure in Measure if measure is not Measure.MATCHES]
        if word not in known:
            near = suggestion(word.lower(), known) or f'; expected one of {", ".join(known)}, such as "distinct source"'
            self.fault(f"unknown measure {shown(value)}{near}", "measure")
            return None
        measure = Measure(word)
        if measure in _WITHOUT_FIELD and not names:
            return measure, None
        if measure in _WITHOUT_FIELD or len(names) != 1:
            expected = (
                f'"{measure}"' if measure in _WITHOUT_FIELD else f'{measure} and one field, such as "{measure} amount"'
            )
            self.fault(f'"{value}": expected {expected}', "measure")
            return None
        field = self.field(names[0], "measure")
        return (measure, field) if field and self.can_measure(measure, field) else None

    def can_measure(self, measure: Measure, field: Field) -> bool:
        if measure is Measure.DISTINCT and not field.is_key:
            self.fault(f"{field.name} is {field.described}: distinct values can't be counted", "measure")
            return False
        if measure is not Measure.DISTINCT and not field.is_exact:
            expected = "expected a whole number, or a decimal of up to 18 digits"
            self.fault(f"{measure} of {field.name}, which is {field.described}: {expected}", "measure")
            return False
        return True

    def by(self, value: Any, measured: tuple[Measure, Field | None] | None) -> tuple[str, ...] | None:
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            self.fault(f'expected the fields of the key, such as ["source"], found {shown(value)}', "by")
            return None
        fields = [self.field(name, "by") for name in value]
        for name in sorted({name for name in value if value.count(name) > 1}):
            self.fault(f"{name} stands there twice", "by")
        for field in fields:
            if field and not field.is_key:
                self.fault(f"{field.name} is {field.described}, which can't be a key", "by")
        if ID in value:
            self.fault(f"{ID} is unique to each transaction: each would have a window to itself", "by")
        if measured and measured[0] is Measure.DISTINCT and measured[1] in fields:
            self.fault(f"distinct {measured[1].name if measured[1] else ''} is always 1 where it is in the key", "by")
        return tuple(value)

    def duration(self, key: str, value: Any) -> int | None:
        try:
            return read_duration(value)
        except ValueError as error:
            self.fault(str(error), key)
            return None

    def limit(self, key: str, table: Mapping[str, Any], measure: Measure, over_ms: int, scale: int) -> Fraction | None:
        if key not in table:
            return None
        value = table[key]
        if measure is Measure.INACTIVITY:
            return self.inactivity(key, value, over_ms)
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not _is_moderate(Decimal(value)):
            self.fault(f"expected a number for a {measure}, found {shown(value)}", key)
            return None
        if measure in _COUNTING and (value != int(value) or value < 1):
            self.fault(f"expected a whole number of 1 or more for a {measure}, found {shown(value)}", key)
            return None
        return Fraction(value) * Fraction(10**scale)

    def inactivity(self, key: str, value: Any, over_ms: int) -> Fraction | None:
        milliseconds = self.duration(key, value)
        if milliseconds is None:
            return None
        if key == "at_least" and milliseconds >= over_ms:
            self.fault(
                f'{shown(value)} of inactivity is never in a window that is no longer than that: lengthen "over"', key
            )
        return Fraction(milliseconds)


def _is_moderate(value: Decimal) -> bool:
    return value.is_finite() and value.copy_abs() <= _LARGEST
