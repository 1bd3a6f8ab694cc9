"""Reads and writes files of features: Parquet with a row for each transaction.

Columns: `id`, `created_at`, `source`, `target`, one of numbers for each feature, `fraud` and `scenario`. An empty
`fraud` is a label that is not known yet. The metadata of the file's schema has the names of the features (`features`, a
JSON array), the digest of their definitions (`features_digest`) and the fingerprint of the transactions' schema
(`contract_fingerprint`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.errors import ContractError, UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_DIGESTS = {"features_digest": r"[0-9a-f]{12,64}", "contract_fingerprint": r"(sha256:)?[0-9a-f]{12,64}"}
_WRITTEN_BY = "scripts/features writes such files"


@dataclass(frozen=True)
class FeatureTable:
    """Features of transactions, with what is known of their truth; a row each.

    Attributes:
        names: Names of the features.
        columns: A column for each of them; NaN where a value is missing.
        created_at: Event time in milliseconds since 1970.
        payer: Number of the account that pays.
        fraud: Whether it is fraud; False where that is not known.
        labelled: Whether that is known.
        scenario: Number of the kind of fraud; negative for none.
        scenarios: Names of the kinds of fraud.
        features_digest: Digest of the features' definitions.
        contract_fingerprint: Fingerprint of the transactions' schema.
        ids: Identifier of each transaction.
    """

    names: tuple[str, ...]
    columns: tuple[Floats, ...]
    created_at: Ints
    payer: Ints
    fraud: Mask
    labelled: Mask
    scenario: Ints
    scenarios: tuple[str, ...]
    features_digest: str
    contract_fingerprint: str
    ids: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.created_at)

    def at(self, rows: Mask) -> "FeatureTable":
        """Return the table of some rows."""
        return FeatureTable(
            self.names,
            tuple(column[rows] for column in self.columns),
            self.created_at[rows],
            self.payer[rows],
            self.fraud[rows],
            self.labelled[rows],
            self.scenario[rows],
            self.scenarios,
            self.features_digest,
            self.contract_fingerprint,
            self.ids[rows],
        )


def read_features(path: Path) -> FeatureTable:
    """Return the table of a file.

    Raises:
        UsageError: pyarrow is not installed.
        ContractError: The file can't be read, or is none of features: what is wrong, and where.
    """
    arrow = _arrow(path)
    try:
        table = arrow.parquet.ParquetFile(path).read()
    except (arrow.ArrowException, OSError) as error:
        raise ContractError(f"{path}: not a Parquet file that can be read: {error}; {_WRITTEN_BY}") from None
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    names = _names(path, metadata)
    _require_columns(path, table.schema.names, names)
    if not len(table):
        raise ContractError(f"{path}: it has no rows")
    fraud = table.column("fraud")
    labelled = ~_array(fraud.is_null())
    scenario = _column(path, table, "scenario", lambda column: column.cast(arrow.string()).fill_null(""))
    kinds, numbers = np.unique(scenario.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    payers = _column(path, table, "source", lambda column: column.cast(arrow.string()).dictionary_encode())
    created_at = _column(path, table, "created_at", lambda column: _milliseconds(arrow, column))
    return FeatureTable(
        names=names,
        columns=tuple(_numbers(path, arrow, table, name) for name in names),
        created_at=_array(created_at).astype(np.int64),
        payer=_array(payers.combine_chunks().indices).astype(np.int64),
        fraud=_array(_column(path, table, "fraud", lambda column: column.cast(arrow.bool_()).fill_null(False))),
        labelled=labelled,
        scenario=numbers.astype(np.int64) - int(kinds[0] == ""),
        scenarios=tuple(kinds[kinds != ""].tolist()),
        features_digest=metadata["features_digest"],
        contract_fingerprint=metadata["contract_fingerprint"],
        ids=_array(table.column("id")),
    )


def write_features(path: Path, columns: Mapping[str, Any], names: Sequence[str], digest: str, fingerprint: str) -> None:
    """Write a file of features.

    Args:
        path: The file.
        columns: Values by column, as this module's docstring has them.
        names: Names of the features among them.
        digest: Digest of the features' definitions.
        fingerprint: Fingerprint of the transactions' schema.

    Raises:
        UsageError: pyarrow is not installed, or the file can't be written.
    """
    arrow = _arrow(path)
    metadata = {"features": json.dumps(list(names)), "features_digest": digest, "contract_fingerprint": fingerprint}
    table = arrow.table(dict(columns)).replace_schema_metadata(metadata)
    try:
        arrow.parquet.write_table(table, path)
    except OSError as error:
        raise UsageError(f"{path}: can't be written: {error}") from None


def _arrow(path: Path) -> Any:
    try:
        import pyarrow  # noqa: ICN001, PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise UsageError(f"{path}: Parquet takes pyarrow; install it: scripts/install --training") from None
    return pyarrow


def _names(path: Path, metadata: Mapping[str, str]) -> tuple[str, ...]:
    for key in ("features", *_DIGESTS):
        if key not in metadata:
            raise ContractError(f"{path}: no features: its metadata have no {key}; {_WRITTEN_BY}")
    for key, pattern in _DIGESTS.items():
        if not re.fullmatch(pattern, metadata[key]):
            raise ContractError(f"{path}: metadata {key}: expected 12 to 64 hex digits, found {metadata[key]!r}")
    try:
        names = json.loads(metadata["features"])
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ContractError(f"{path}: metadata features: expected an array of names, found {metadata['features']!r}")
    if len(set(names)) < len(names):
        raise ContractError(f"{path}: metadata features: a name is there twice: {metadata['features']}")
    return tuple(names)


def _require_columns(path: Path, there: Sequence[str], names: Sequence[str]) -> None:
    for name in ("id", "created_at", "source", "fraud", "scenario", *names):
        if there.count(name) != 1:
            problem = "there is no column" if name not in there else f"{there.count(name)} columns have the name"
            raise ContractError(f"{path}: {problem} {name}; {_WRITTEN_BY}")


def _column(path: Path, table: Any, name: str, convert: Any) -> Any:
    column = table.column(name)
    try:
        return convert(column)
    except (ValueError, TypeError, NotImplementedError) as error:  # what pyarrow's errors are
        raise ContractError(f"{path}: column {name} holds {column.type}: {error}; {_WRITTEN_BY}") from None


def _milliseconds(arrow: Any, column: Any) -> Any:
    if arrow.types.is_timestamp(column.type):
        column = column.cast(arrow.timestamp("ms", column.type.tz))
    elif not arrow.types.is_integer(column.type):
        raise TypeError("expected timestamps, or milliseconds since 1970")
    if column.null_count:
        raise ValueError(f"{column.null_count} of its values are empty")
    return column.cast(arrow.int64())


def _numbers(path: Path, arrow: Any, table: Any, name: str) -> Floats:
    def convert(column: Any) -> Any:
        if not (arrow.types.is_floating(column.type) or arrow.types.is_integer(column.type)):
            raise TypeError("expected numbers")
        return column.cast(arrow.float64()).fill_null(float("nan"))

    numbers: Floats = _array(_column(path, table, name, convert))
    if infinite := int(np.isinf(numbers).sum()):
        raise ContractError(f"{path}: column {name}: {infinite} values are infinite: expected a number, or none")
    return numbers


def _array(column: Any) -> Any:
    return np.ascontiguousarray(column.to_numpy(zero_copy_only=False) if hasattr(column, "type") else column)
