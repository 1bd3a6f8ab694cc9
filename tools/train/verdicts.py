"""Reads what rules say of transactions, from the file that `scripts/evaluate --out` writes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.errors import ContractError, UsageError


def read_rule_scores(path: Path, ids: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the score of rules for each of some transactions.

    Args:
        path: A Parquet file with the columns `id` and `score`: 0 where no rule matched, the higher the more suspicious.
        ids: Identifiers of the transactions.

    Raises:
        UsageError: pyarrow is not installed.
        ContractError: The file can't be read, or lacks a transaction.
    """
    try:
        import pyarrow  # noqa: ICN001, PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise UsageError(f"{path}: Parquet takes pyarrow; install it: scripts/install --training") from None
    arrow: Any = pyarrow
    try:
        table = arrow.parquet.read_table(path, columns=["id", "score"])
        scores = table.column("score").cast(arrow.int64()).to_numpy()
    except (arrow.ArrowException, OSError) as error:
        raise ContractError(
            f"{path}: expected Parquet with the columns id and score, as scripts/evaluate --out writes it: {error}"
        ) from None
    by_id = dict(zip(table.column("id").to_pylist(), scores.tolist(), strict=True))
    if missing := sum(identifier not in by_id for identifier in ids.tolist()):
        raise ContractError(
            f"{path}: it lacks {missing:,} of the {len(ids):,} transactions with features: make both from one file"
        )
    return np.array([by_id[identifier] for identifier in ids.tolist()], np.int64)
