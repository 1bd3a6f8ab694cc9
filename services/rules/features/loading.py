"""Reads the table ``[features]`` of a rules file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from avroguard.toml_source import TomlDocument
from services.rules.aggregations import read_feature_window
from services.rules.condition_parser import parse_number
from services.rules.faults import Faults, shown
from services.rules.features.feature import Feature, FeatureSet
from services.rules.fields import Field
from services.rules.model import LABEL, Measure
from services.rules.numeric_expressions import ConditionNumber, FieldNumber
from services.rules.operands import ConditionError, Names

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_EXAMPLE = '"amount / s_avg" or { measure = "count", by = ["source"], over = "1h" }'
_MILLISECONDS = 1000
_RESERVED = ("and", "or", "not", "in", "is", "if", "else", "true", "false", "null", "none")


@dataclass
class FeatureReader:
    """Reads the features of a file; one that others are computed from is read before them.

    Args:
        document: The file.
        faults: Collects what is wrong.
        fields: The fields of a transaction.
        constants: Numbers that expressions may call by name.
        condition: Reads the condition of a window; None if it is faulty.

    Attributes:
        features: Those that were read, each after those that it is computed from; None for a faulty one.
    """

    document: TomlDocument
    faults: Faults
    fields: Mapping[str, Field]
    constants: Mapping[str, Decimal]
    condition: Callable[..., Any]
    features: dict[str, Feature | None] = field(default_factory=dict, init=False)
    _tables: Mapping[str, Any] = field(default_factory=dict, init=False)
    _reading: list[str] = field(default_factory=list, init=False)

    def read(self) -> FeatureSet:
        """Return the features, as far as they are without fault, in the order of the file."""
        tables = self.document.data.get("features", {})
        if not isinstance(tables, dict):
            self.faults.add(("features",), f"expected a table [features], found {shown(tables)}")
            return FeatureSet()
        self._tables = tables
        for name in tables:
            self._feature(name)
        known = tuple(feature for feature in self.features.values() if feature)
        names = tuple(name for name in tables if self.features[name])
        return FeatureSet(names, known)

    @property
    def names(self) -> Names:
        """The names that a condition of a rule may use, once all features are read."""
        known = {name: feature.is_condition for name, feature in self.features.items() if feature}
        faulty = {name: "the feature is faulty" for name, feature in self.features.items() if feature is None}
        return Names(self.fields, self.constants, known, faulty)

    @property
    def names_in_windows(self) -> Names:
        """The names that the condition of a window may use: no features."""
        why = "a feature can't be in a window's where: it is about fields alone, as windows are kept by it"
        return Names(self.fields, self.constants, unavailable=dict.fromkeys(self._tables, why))

    def _feature(self, name: str) -> Feature | None:
        """Return a feature, which is read if it was not."""
        if name not in self.features and name not in self._reading:
            self._reading.append(name)
            self.features[name] = self._checked(name, self._tables[name])
            self._reading.remove(name)
        return self.features.get(name)

    def _checked(self, name: str, value: Any) -> Feature | None:
        path = ("features", name)
        if not _NAME.fullmatch(name) or name in _RESERVED:
            self.faults.add(path, f'"{name}" is no name for a feature: small letters, digits and _, a letter first')
            return None
        if name in self.constants:
            self.faults.add(path, f'"{name}" is the name of a setting that conditions use; rename it')
            return None
        feature = self._read(name, value)
        if name in self.fields and feature and not _is_field(feature, name):
            self.faults.add(
                path, f'a field has the same name, so a rule could not tell them apart: rename it, or write "{name}"'
            )
            return None
        return feature

    def _read(self, name: str, value: Any) -> Feature | None:
        path, line = ("features", name), self.document.line(("features", name))
        if isinstance(value, dict):
            return self._window(name, value, line)
        if isinstance(value, bool) or not isinstance(value, str):
            self.faults.add(path, f"expected an expression or a window, such as {_EXAMPLE}, found {shown(value)}")
            return None
        try:
            expression = parse_number(value, self._names_for(value))
        except ConditionError as error:
            self.faults.add(path, str(error), error.offset)
            return None
        if not expression.fields:
            self.faults.add(path, f'"{value}" is the same for all transactions: expected a field or a feature in it')
            return None
        return Feature(name, expression, is_condition=isinstance(expression, ConditionNumber), line=line)

    def _window(self, name: str, table: Mapping[str, Any], line: int) -> Feature | None:
        path = ("features", name)
        aggregation = read_feature_window(path, table, self.faults, self.fields, self.condition)
        past = table.get("past", False)
        if not isinstance(past, bool):
            self.faults.add((*path, "past"), f"past: expected true or false, found {shown(past)}")
            return None
        if aggregation is None:
            return None
        window = aggregation.window
        if window.measure is Measure.INACTIVITY:
            unit = _MILLISECONDS
        elif window.field and window.field != LABEL and window.measure is not Measure.DISTINCT:
            unit = 10 ** self.fields[window.field].kind.scale
        else:
            unit = 1
        # Neither inactivity nor a window over labels ever has the evaluated transaction.
        is_past = past and window.measure is not Measure.INACTIVITY and window.delay_ms is None
        return Feature(name, None, replace(aggregation, every_row=True), is_past, unit, line=line)

    def _names_for(self, text: str) -> Names:
        """Return the names that an expression may use; the features in it are read first."""
        known: dict[str, bool] = {}
        unavailable: dict[str, str] = {}
        for name in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text):
            if name in self.fields or name not in self._tables:
                continue
            if name in self._reading:
                circle = " -> ".join([*self._reading[self._reading.index(name) :], name])
                unavailable[name] = f"features are computed from each other in a circle: {circle}"
            elif feature := self._feature(name):
                known[name] = feature.is_condition
            else:
                unavailable[name] = "the feature is faulty"
        others = {name: False for name in self._tables if name not in known and name not in unavailable}
        return Names(self.fields, self.constants, others | known, unavailable)


def _is_field(feature: Feature, name: str) -> bool:
    """Return whether a feature is just a field."""
    return isinstance(feature.expression, FieldNumber) and feature.expression.text == name
