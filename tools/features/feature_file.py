"""Writes a Parquet file of features, block by block.

Columns: `id`, `created_at`, `source`, `target`, one of float64 for each feature, `fraud` and `scenario`. A missing
value is NaN, an empty `fraud` a label that is not known. The metadata names the features, in order, and has
the digest of their definitions, the fingerprint of the transactions' schema and the version of the rules.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from services.errors import UsageError
from services.history.blocks import Block
from services.rules.features import FeatureSet
from services.rules.model import EVENT_TIME, ID
from services.rules.numeric_expressions import Numbers

ACCOUNTS = ("source", "target")
RESERVED = (ID, EVENT_TIME, *ACCOUNTS, "fraud", "scenario")
"""The columns that are no features."""


class FeatureFile:
    """A file of features that is being written; it appears under its name once it is whole.

    Args:
        path: The file.
        features: The features.
        fingerprint: Fingerprint of the transactions' schema.
        version: Version of the rules file.

    Attributes:
        rows: The number of rows that were written.
        labelled: The number of these whose label is known.

    Raises:
        UsageError: pyarrow is not installed, the file can't be written, or a feature has the name of another column.
    """

    def __init__(self, path: Path, features: FeatureSet, fingerprint: str, version: str) -> None:
        try:
            import pyarrow  # noqa: ICN001, PLC0415
            import pyarrow.parquet  # noqa: PLC0415
        except ImportError:
            raise UsageError(f"{path}: Parquet takes pyarrow; install it: scripts/install --parquet") from None
        if taken := sorted({"fraud", "scenario"}.intersection(features.names)):
            raise UsageError(f"feature {taken[0]}: the file has a column of that name; rename it")
        self._arrow: Any = pyarrow
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._names = features.names
        text, number, truth = pyarrow.string(), pyarrow.float64(), pyarrow.bool_()
        columns = [(ID, text), (EVENT_TIME, pyarrow.timestamp("ms", "UTC")), *((name, text) for name in ACCOUNTS)]
        columns += [*((name, number) for name in features.names), ("fraud", truth), ("scenario", text)]
        metadata = {
            "features": json.dumps(list(features.names)),
            "features_digest": features.digest,
            "contract_fingerprint": fingerprint,
            "rules_version": version,
        }
        self._schema = pyarrow.schema(columns, metadata)
        self.rows = self.labelled = 0
        try:
            self._writer = pyarrow.parquet.ParquetWriter(self._partial, self._schema)
        except OSError as error:
            raise UsageError(f"{path}: can't be written: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)

    def write(self, block: Block, features: Mapping[str, Numbers]) -> None:
        """Write the rows of a block that are to be reported about.

        Args:
            block: The block.
            features: The features of all its rows by name.
        """
        rows = np.arange(block.rows) if block.counted is None else np.flatnonzero(block.counted)
        if not len(rows):
            return
        columns: dict[str, Any] = {
            ID: _texts(block.columns[ID][rows]),
            EVENT_TIME: block.columns[EVENT_TIME][rows].astype("datetime64[ms]"),
            **{name: _texts(block.columns[name][rows]) for name in ACCOUNTS},
            **{name: features[name][rows] for name in self._names},
            "fraud": [None] * len(rows),
            "scenario": [None] * len(rows),
        }
        if block.labels is not None:
            labels = block.labels.at(rows)
            known = np.ones(len(rows), np.bool_) if labels.known is None else labels.known
            columns["fraud"] = self._arrow.array(labels.fraud, mask=~known)
            columns["scenario"] = self._arrow.array(_texts(labels.scenario), mask=labels.scenario == b"")
            self.labelled += int(np.count_nonzero(known))
        self.rows += len(rows)
        self._writer.write_table(self._arrow.table(columns, self._schema))


def _texts(column: Any) -> list[str]:
    return [value.decode("utf-8", "replace") for value in column.tolist()]
