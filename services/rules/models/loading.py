"""Reads the tables ``[models.NAME]`` of a rules file, and the model files that they name."""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from avroguard.avro.canonical_form import fingerprint
from avroguard.avro.names import suggestion
from services.contracts import Schema
from services.errors import ContractError
from services.rules.faults import Faults, shown
from services.rules.features.feature import Feature, FeatureSet
from services.rules.model import Mode
from services.rules.models.json_reading import ModelError
from services.rules.models.model_file import parse_model
from services.rules.models.score import ModelScore
from services.rules.models.scoring_model import ScoringModel

ReadFile = Callable[[str], bytes]
"""Returns the content of a file that a rules file names.

Raises:
    ModelError: It can't be read.
"""

THRESHOLD = "threshold"
"""The name by which the condition of a rule calls the threshold of its model."""

_KEYS = ("file", "mode", "budget", "threshold")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_BUDGET = re.compile(r"([1-9][0-9]{0,8})/day")


def beside(rules_file: Path) -> ReadFile:
    """Return what reads files named relative to the directory of a rules file."""

    def read(name: str) -> bytes:
        path = rules_file.parent / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: can't be read: {error.strerror}; scripts/train writes a model") from None

    return read


def no_files(name: str) -> bytes:
    """Refuse to read a file, where rules come without a directory.

    Raises:
        ModelError: Always.
    """
    raise ModelError(f"{name}: can't be read: these rules have no directory in which to look for it")


def model_files(content: bytes) -> list[str]:
    """Return the files that the models of a rules file name, as far as it can be read."""
    try:
        tables = tomllib.loads(content.decode()).get("models", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return []
    entries = tables.values() if isinstance(tables, dict) else ()
    files = (table.get("file") for table in entries if isinstance(table, dict))
    return sorted({file for file in files if isinstance(file, str)})


@dataclass
class ModelReader:
    """Reads the models of a rules file.

    Args:
        tables: The content of ``[models]``.
        faults: Collects what is wrong.
        schema: The schema of the transactions.
        features: The features of the file.
        taken: Names of fields and constants.
        read_file: Reads a model file.
    """

    tables: Any
    faults: Faults
    schema: Schema
    features: FeatureSet
    taken: Collection[str]
    read_file: ReadFile

    def read(self) -> list[ModelScore]:
        """Return the models, as far as they are without fault."""
        if not isinstance(self.tables, dict):
            self.faults.add(("models",), f"expected tables [models.NAME], found {shown(self.tables)}")
            return []
        return [model for name, table in self.tables.items() if (model := self._model(name, table))]

    def _model(self, name: str, table: Any) -> ModelScore | None:
        path = ("models", name)
        if not _NAME.fullmatch(name):
            self.faults.add(path, f'"{name}" is no name for a model: small letters, digits and _, a letter first')
            return None
        if name in self.taken or name in self.features.by_name or name == THRESHOLD:
            self.faults.add(path, f'"{name}" is the name of a field, a feature or a setting as well; rename the model')
            return None
        if not isinstance(table, dict):
            self.faults.add(path, f"expected a table [models.{name}], found {shown(table)}")
            return None
        self.faults.unknown_keys(path, table, _KEYS)
        mode = self._mode(path, table)
        model = self._file(path, table)
        if model is None or not self._features_fit(path, model):
            return None
        threshold, budget = self._threshold(path, table, model)
        if threshold is None or mode is None:
            return None
        self._compare_contract(path, model)
        return ModelScore(name, model.digest, threshold, mode, model, budget)

    def _mode(self, path: tuple[str, str], table: Mapping[str, Any]) -> Mode | None:
        value = table.get("mode")
        if value in list(Mode):
            return Mode(value)
        near = suggestion(value, list(Mode)) if isinstance(value, str) else ""
        self.faults.add((*path, "mode"), f"mode: expected live or shadow, found {shown(value)}{near}")
        return None

    def _file(self, path: tuple[str, str], table: Mapping[str, Any]) -> ScoringModel | None:
        value = table.get("file")
        if not isinstance(value, str):
            self.faults.add((*path, "file"), f"file: expected the name of a model file, found {shown(value)}")
            return None
        try:
            return parse_model(self.read_file(value), value)
        except ModelError as error:
            self.faults.add((*path, "file"), f"file: {error}")
            return None

    def _features_fit(self, path: tuple[str, str], model: ScoringModel) -> bool:
        try:
            digest = self.features.select(model.features).digest
        except ContractError as error:
            self.faults.add((*path, "file"), f"file: the model needs an {error}")
            return False
        if digest != model.features_digest:
            self.faults.add(
                (*path, "file"),
                f"file: the model was trained on features with the digest {model.features_digest}, and those of this "
                f"file have {digest}: declare {', '.join(model.features)} as they were, or train it again",
            )
        return digest == model.features_digest

    def _compare_contract(self, path: tuple[str, str], model: ScoringModel) -> None:
        """Warn where the contract has changed since training: features with the same definitions may mean more or less.

        That is no fault: a compatible change of the contract, such as a field more, must not stop a model.
        """
        now, then = (
            text.removeprefix("sha256:") for text in (fingerprint(self.schema.json), model.contract_fingerprint)
        )
        if not now.startswith(then):
            self.faults.warn(
                (*path, "file"),
                f"file: the model was trained on transactions with the contract {then[:12]}, and theirs is {now[:12]} "
                "now: compare the schemas (scripts/diff-schemas); where a field that its features read has another "
                "meaning, train it again",
            )

    def _threshold(
        self, path: tuple[str, str], table: Mapping[str, Any], model: ScoringModel
    ) -> tuple[float | None, int | None]:
        """Return the threshold, and the budget that it is of; None for both where they are faulty."""
        if ("budget" in table) == ("threshold" in table):
            self.faults.add(path, 'expected either budget, such as "100/day", or threshold, a score from 0 to 1')
            return None, None
        if "threshold" in table:
            value = table["threshold"]
            if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 1:
                self.faults.add((*path, "threshold"), f"threshold: expected a score from 0 to 1, found {shown(value)}")
                return None, None
            return float(value), None
        budget = table["budget"]
        match = _BUDGET.fullmatch(budget) if isinstance(budget, str) else None
        if match is None:
            message = f'budget: expected alerts a day, such as "100/day", found {shown(budget)}'
            self.faults.add((*path, "budget"), message)
            return None, None
        threshold = model.threshold_for(int(match[1]))
        if threshold is None:
            most = model.alert_rates[-1].per_day
            self.faults.add(
                (*path, "budget"),
                f"budget: the model was tested on {most:,.0f} transactions a day, fewer than {budget}: expect no more "
                "alerts than those, or set a threshold",
            )
        return threshold, int(match[1])


def with_models(features: FeatureSet, models: Collection[ModelScore]) -> FeatureSet:
    """Return features with the scores of models among the definitions, but not among the names of the file."""
    scores = tuple(Feature(model.name, model) for model in models)
    return FeatureSet(features.names, (*features.ordered, *scores))
