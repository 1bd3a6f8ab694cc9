"""Loads rules files: everything in one is checked against the schema of the transactions, every fault has its line."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from avroguard.avro.names import suggestion
from avroguard.toml_source import TomlDocument, TomlPath, parse_toml
from services.contracts import Schema
from services.errors import ContractError
from services.rules.aggregations import read_aggregations, read_duration
from services.rules.condition_parser import parse_condition
from services.rules.digests import version_of_rule, version_of_rules
from services.rules.faults import Faults, RulesError, shown
from services.rules.features import Feature, FeatureSet
from services.rules.features.loading import FeatureReader
from services.rules.fields import Field, fields_of_schema
from services.rules.model import Aggregation, Condition, Mode, Rule, RuleSet, Severity
from services.rules.models.loading import THRESHOLD, ModelReader, ReadFile, beside, no_files, with_models
from services.rules.operands import ConditionError, Names
from services.rules.reasons import TemplateError, names_in

if TYPE_CHECKING:
    from services.rules.models.score import ModelScore

_KEYS = ("severity", "mode", "alert", "alert_every", "when", "reason", "windows")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_Word = TypeVar("_Word", bound=StrEnum)


def load_rules(path: Path, schema: Schema, constants: Mapping[str, Decimal]) -> RuleSet:
    """Return the rules of a file.

    Args:
        path: The file.
        schema: The schema of the transactions.
        constants: Numbers that conditions may call by name: see `constants_of`.

    Raises:
        RulesError: One line for each fault, with file and line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RulesError(
            f"{path}: cannot be read: {error.strerror}; RULES_FILE names the file with the rules"
        ) from None
    absolute, here = path.absolute(), Path.cwd()
    source = absolute.relative_to(here) if absolute.is_relative_to(here) else path
    return parse_rules(content, str(source), schema, constants, beside(path))


def parse_rules(
    content: bytes | str,
    source: str,
    schema: Schema,
    constants: Mapping[str, Decimal],
    read_file: ReadFile = no_files,
) -> RuleSet:
    """Return the rules in the content of a file.

    Args:
        content: The content of the file.
        source: Its name, for messages.
        schema: The schema of the transactions.
        constants: Numbers that conditions may call by name: see `constants_of`.
        read_file: Reads the model files that it names.

    Raises:
        RulesError: One line for each fault, with file and line.
    """
    try:
        document = parse_toml(source, content.encode() if isinstance(content, str) else content)
    except ContractError as error:
        raise RulesError(str(error)) from None
    faults = Faults(document)
    reader = _Reader(document, faults, fields_of_schema(schema), constants)
    declared = reader.features.read()
    taken = {*reader.fields, *constants}
    reader.models = ModelReader(document.data.get("models", {}), faults, schema, declared, taken, read_file).read()
    features = with_models(declared, reader.models)
    rules = tuple(reader.rules(features))
    faults.raise_any()
    text = content if isinstance(content, str) else content.decode()
    version = version_of_rules(rules, features.ordered)
    return RuleSet(rules, version, source, text, constants, faults.warnings, features, tuple(reader.models))


def constants_of(suspicious_amount: Decimal = Decimal(900)) -> Mapping[str, Decimal]:
    """Return the numbers that conditions may call by name.

    Args:
        suspicious_amount: The setting ``SUSPICIOUS_AMOUNT``.
    """
    return {"suspicious_amount": suspicious_amount}


class _Reader:
    def __init__(
        self,
        document: TomlDocument,
        faults: Faults,
        fields: Mapping[str, Field],
        constants: Mapping[str, Decimal],
    ) -> None:
        self.document = document
        self.faults = faults
        self.fields = fields
        self.features = FeatureReader(document, faults, fields, constants, self.condition)
        self.known = FeatureSet()
        self.models: list[ModelScore] = []

    def rules(self, features: FeatureSet) -> list[Rule]:
        self.known = features
        for key in self.document.data:
            if key not in ("rules", "features", "models"):
                self.faults.add((key,), f'unknown key "{key}"; expected tables [rules.NAME], [features], [models.NAME]')
        tables = self.document.data.get("rules")
        if not isinstance(tables, dict) or not tables:
            self.faults.add(("rules",), "expected at least one table [rules.NAME]")
            return []
        return [rule for name, table in tables.items() if (rule := self.rule(name, table))]

    def rule(self, name: str, table: Any) -> Rule | None:
        path = ("rules", name)
        if not _NAME.fullmatch(name):
            self.faults.add(
                path, f'"{name}" is no name for a rule: up to 64 small letters, digits and -, a letter first'
            )
        if not isinstance(table, dict):
            self.faults.add(path, f"expected a table [rules.{name}], found {shown(table)}")
            return None
        self.faults.unknown_keys(path, table, _KEYS)
        aggregations = read_aggregations(
            table.get("windows", {}), (*path, "windows"), self.faults, self.fields, self.condition
        )
        when = self.condition((*path, "when"), table["when"]) if "when" in table else None
        features = self.features_of(when, table)
        mode = self.word(Mode, table, path, "mode", Mode.LIVE) or Mode.LIVE
        rule = Rule(
            name=name,
            severity=self.word(Severity, table, path, "severity", None) or Severity.LOW,
            reason=self.reason(table, path, aggregations),
            mode=Mode.SHADOW if self._uses_shadow(features) else mode,
            when=when,
            aggregations=aggregations,
            version="",
            line=self.document.line(path),
            alert=self.alert(table, path),
            alert_every_ms=self.alert_every(table, path),
            features=features,
        )
        if "when" not in table and not self._limited(table):
            self.faults.add(path, "it would match everything: expected a condition `when`, or a window with a limit")
        return replace(rule, version=version_of_rule(rule))

    def features_of(self, when: Condition | None, table: Mapping[str, Any]) -> tuple[Feature, ...]:
        """Return the features that a rule's condition needs, and its reason shows."""
        windows, reason = table.get("windows"), table.get("reason")
        own = {*self.fields, *(windows if isinstance(windows, dict) else ())}
        try:
            in_reason = names_in(reason) if isinstance(reason, str) else ()
        except TemplateError:
            in_reason = ()
        shown_names = {name for name in in_reason if name in self.known.by_name and name not in own}
        names = shown_names | (when.features if when else frozenset())
        return self.known.select(sorted(names)).ordered

    def _uses_shadow(self, features: Iterable[Feature]) -> bool:
        """Return whether features of a rule are scores of a shadow model: such a rule decides nothing."""
        shadows = {model.name for model in self.models if model.mode is Mode.SHADOW}
        return any(feature.name in shadows for feature in features)

    @staticmethod
    def _limited(table: Mapping[str, Any]) -> bool:
        windows = table.get("windows")
        tables = windows.values() if isinstance(windows, dict) else ()
        return any(isinstance(window, dict) and ("at_least" in window or "at_most" in window) for window in tables)

    def word(
        self, kind: type[_Word], table: Mapping[str, Any], path: TomlPath, key: str, default: _Word | None
    ) -> _Word | None:
        value = table.get(key, default)
        words = [str(word) for word in kind]
        if isinstance(value, str) and value in words:
            return kind(value)
        near = suggestion(value.lower(), words) if isinstance(value, str) else ""
        self.faults.add((*path, key), f"{key}: expected one of {', '.join(words)}, found {shown(value)}{near}")
        return None

    def alert(self, table: Mapping[str, Any], path: TomlPath) -> bool:
        value = table.get("alert", True)
        if not isinstance(value, bool):
            self.faults.add((*path, "alert"), f"alert: expected true or false, found {shown(value)}")
        return value is not False

    def alert_every(self, table: Mapping[str, Any], path: TomlPath) -> int | None:
        if "alert_every" not in table:
            return None
        path = (*path, "alert_every")
        if not table.get("windows"):
            self.faults.add(path, "alert_every: it is for each key of the rule's windows, and the rule has none")
        if table.get("alert") is False:
            self.faults.add(path, "alert_every: the rule writes no alerts, as alert = false")
        try:
            return read_duration(table["alert_every"])
        except ValueError as error:
            self.faults.add(path, f"alert_every: {error}")
            return None

    def condition(self, path: TomlPath, value: Any) -> Condition | None:
        key = path[-1]
        if not isinstance(value, str):
            self.faults.add(path, f'{key}: expected a condition such as "amount >= 900", found {shown(value)}')
            return None
        try:
            names = self.names_in(value) if key == "when" else self.features.names_in_windows
            return parse_condition(value, names)
        except ConditionError as error:
            self.faults.add(path, f"{key}: {error}", error.offset)
            return None

    def names_in(self, condition: str) -> Names:
        """Return the names that a rule's condition may use: models as features, and the threshold of its one model."""
        names = self.features.names
        scores = {model.name: False for model in self.models}
        used = [model for model in self.models if re.search(rf"\b{model.name}\b", condition)]
        constants, unavailable = dict(names.constants), dict(names.unavailable)
        if len(used) == 1:
            constants[THRESHOLD] = Decimal(repr(used[0].threshold))
        elif self.models:
            unavailable[THRESHOLD] = "it is that of the one model in the condition: name one, or write a number"
        return replace(names, constants=constants, features={**names.features, **scores}, unavailable=unavailable)

    def reason(self, table: Mapping[str, Any], path: TomlPath, aggregations: tuple[Aggregation, ...]) -> str:
        path, value = (*path, "reason"), table.get("reason")
        if not isinstance(value, str) or not value.strip():
            self.faults.add(
                path, f'reason: expected a text such as "{{amount}} {{currency}} at once", found {shown(value)}'
            )
            return ""
        windows = table.get("windows")
        names = [*(windows if isinstance(windows, dict) else ()), *self.fields, *self.features.features]
        names += [model.name for model in self.models]
        try:
            used = list(names_in(value))
        except TemplateError as error:
            self.faults.add(path, f"reason: {error}")
            return value
        for name in used:
            if name not in names:
                near = suggestion(name, names) or f"; there are {', '.join(names)}"
                kinds = "a field, a feature nor a window" if self.features.features else "a field nor a window"
                self.faults.add(path, f'reason: "{{{name}}}" is neither {kinds} of the rule{near}')
        for aggregation in aggregations:
            if not aggregation.is_limited and aggregation.name not in used:
                message = "neither has a limit nor is in the reason, so it is of no use"
                self.faults.add((*path[:-1], "windows", aggregation.name), f"windows.{aggregation.name}: {message}")
        return value
