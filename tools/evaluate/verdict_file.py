"""Writes what became of each transaction: a row each, as Parquet or CSV.

Columns: the transaction's fields, `fraud` and `scenario` where they are known, `score` and `severity` of the live
rules, `rules` and `shadow_rules` that matched, and for every row each aggregation of the rules as `rule.aggregation`
and each feature. Amounts, and what is aggregated of them, are in units of the currency; inactivity is in seconds. A
value that there isn't is empty.
"""

import csv
import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from services.contracts import Schema
from services.errors import UsageError
from services.history import Block
from services.rules.fields import fields_of_schema
from services.rules.model import ID, Aggregation, Measure, Mode, RuleSet, Severity
from services.rules.reasons import scale_of
from services.rules.rule_match import AggregateValue, RuleMatches, as_number
from tools.evaluate.report import RANKS, score

_FIELDS = (ID, "source", "target", "amount", "currency", "created_at")
_VERDICT = ("fraud", "scenario", "score", "severity", "rules", "shadow_rules")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class _Writer(Protocol):
    def write(self, columns: Mapping[str, Sequence[Any]]) -> None: ...

    def close(self) -> None: ...


class VerdictFile:
    """A file of verdicts that is being written; it appears under its name once it is whole.

    Args:
        path: The file; CSV if its name says so, else Parquet.
        rules: The rules.
        schema: The schema of a transaction.

    Attributes:
        rows: The number of rows that were written.

    Raises:
        UsageError: The file can't be written, or pyarrow isn't installed.
    """

    def __init__(self, path: Path, rules: RuleSet, schema: Schema) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._fields = fields_of_schema(schema)
        self._live = {rule.name for rule in rules.rules if rule.mode is Mode.LIVE}
        self._writer: _Writer | None = None
        self.rows = 0
        try:
            self._partial.touch()
        except OSError as error:
            raise UsageError(f"{path}: can't be written: {error.strerror}") from None
        self._kind = _CsvWriter if path.suffix.lower() == ".csv" else _ParquetWriter

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        if kind is None and self._writer is not None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)

    def write(
        self,
        block: Block,
        matches: Sequence[RuleMatches],
        features: Mapping[str, NDArray[np.float64]],
        aggregates: Mapping[tuple[str, Aggregation], Sequence[AggregateValue]],
    ) -> None:
        """Write the rows of a block that are to be reported about.

        Args:
            block: The block.
            matches: The rule matches of all its rows.
            features: The features of all its rows by name.
            aggregates: The result of each row, by the name of the rule and the aggregation.
        """
        rows = np.arange(block.rows) if block.counted is None else np.flatnonzero(block.counted)
        columns: dict[str, Sequence[Any]] = {name: self._field(block, name, rows) for name in _FIELDS}
        columns |= self._verdicts(block, matches, rows)
        for (rule, aggregation), values in aggregates.items():
            unit = (
                1000 if aggregation.window.measure is Measure.INACTIVITY else 10 ** scale_of(aggregation, self._fields)
            )
            numbers = (as_number(values[row]) for row in rows.tolist())
            columns[f"{rule}.{aggregation.name}"] = [None if each is None else float(each / unit) for each in numbers]
        for name, column in features.items():
            columns[name] = [None if np.isnan(each) else each for each in column[rows].tolist()]
        if self._writer is None:
            self._writer = self._kind(self._partial, list(columns), self._fields["amount"].kind.scale)
        self._writer.write(columns)
        self.rows += len(rows)

    def _field(self, block: Block, name: str, rows: NDArray[np.int64]) -> list[Any]:
        values = block.columns[name][rows].tolist()
        if name == "amount":
            scale = self._fields[name].kind.scale
            return [Decimal(value).scaleb(-scale) for value in values]
        if name == "created_at":
            return [_EPOCH + dt.timedelta(milliseconds=value) for value in values]
        return [value.decode("utf-8", "replace") for value in values]

    def _verdicts(
        self, block: Block, matches: Sequence[RuleMatches], rows: NDArray[np.int64]
    ) -> dict[str, Sequence[Any]]:
        live: list[list[str]] = [[] for _ in range(block.rows)]
        shadow: list[list[str]] = [[] for _ in range(block.rows)]
        severities: list[Severity | None] = [None] * block.rows
        for of_rule in matches:
            rule = of_rule.rule
            for row in of_rule.rows.tolist():
                if rule.name not in self._live:
                    shadow[row].append(rule.name)
                    continue
                live[row].append(rule.name)
                highest = severities[row]
                if highest is None or RANKS[rule.severity] > RANKS[highest]:
                    severities[row] = rule.severity
        fraud: list[bool | None] = [None] * block.rows
        scenario: list[str | None] = [None] * block.rows
        if block.labels is not None:
            known = np.ones(block.rows, np.bool_) if block.labels.known is None else block.labels.known
            truths = zip(block.labels.fraud.tolist(), known.tolist(), strict=True)
            fraud = [is_fraud if is_known else None for is_fraud, is_known in truths]
            scenario = [name.decode("utf-8", "replace") or None for name in block.labels.scenario.tolist()]
        scores = [score(severity, len(names)) for severity, names in zip(severities, live, strict=True)]
        named = [None if severity is None else str(severity) for severity in severities]
        parts: tuple[Sequence[Any], ...] = (fraud, scenario, scores, named, live, shadow)
        return {name: [part[row] for row in rows.tolist()] for name, part in zip(_VERDICT, parts, strict=True)}


class _CsvWriter:
    """Rows as CSV; the rules of a row are joined by semicolons."""

    def __init__(self, path: Path, names: Sequence[str], scale: int) -> None:  # noqa: ARG002 - decimals have theirs
        self._stream = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._stream)
        self._writer.writerow(names)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        for row in zip(*columns.values(), strict=True):
            self._writer.writerow([_cell(value) for value in row])

    def close(self) -> None:
        self._stream.close()


def _cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case list():
            return ";".join(value)
        case dt.datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case bool():
            return "true" if value else "false"
    return value


class _ParquetWriter:
    """Rows as Parquet, a row group for each block."""

    def __init__(self, path: Path, names: Sequence[str], scale: int) -> None:
        try:
            import pyarrow  # noqa: ICN001, PLC0415
            import pyarrow.parquet  # noqa: PLC0415
        except ImportError:
            raise UsageError(
                f"{path.with_suffix('')}: Parquet takes pyarrow; install it (scripts/install --parquet), or write .csv"
            ) from None
        self._arrow: Any = pyarrow
        text = pyarrow.string()
        types = {
            **dict.fromkeys((ID, "source", "target", "currency", "scenario", "severity"), text),
            "amount": pyarrow.decimal128(18, scale), "created_at": pyarrow.timestamp("ms", "UTC"),
            "fraud": pyarrow.bool_(), "score": pyarrow.int64(),
            "rules": pyarrow.list_(text), "shadow_rules": pyarrow.list_(text),
        }  # fmt: skip
        self._schema = pyarrow.schema([(name, types.get(name, pyarrow.float64())) for name in names])
        self._writer: Any = pyarrow.parquet.ParquetWriter(path, self._schema)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._writer.write_table(self._arrow.table(dict(columns), self._schema))

    def close(self) -> None:
        self._writer.close()
