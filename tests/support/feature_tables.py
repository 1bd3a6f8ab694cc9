"""Tables of features whose fraud can be learned, and the Parquet files that they come from."""

from pathlib import Path
from typing import Any

import numpy as np

from tools.train.feature_table import FeatureTable, read_features, write_features

DIGEST, FINGERPRINT = "0123456789ab", "a" * 64


def feature_columns(rows: int = 6000, days: int = 40, seed: int = 1) -> dict[str, Any]:
    """Return the columns of a file: fraud of two kinds among payments over some days."""
    random = np.random.default_rng(seed)
    times = np.sort(random.integers(0, days * 86_400_000, rows))
    amount, risk = random.lognormal(3, 1, rows), random.random(rows)
    large, risky = amount > np.quantile(amount, 0.98), (risk > 0.97) & (random.random(rows) < 0.8)
    risk[::7] = np.nan
    return {
        "id": [f"t{number}" for number in range(rows)],
        "created_at": np.datetime64("2026-01-01", "ms") + times,
        "source": [f"C{number}" for number in random.integers(0, 300, rows)],
        "target": ["T1"] * rows,
        "amount": amount,
        "risk": risk,
        "noise": random.normal(size=rows),
        "fraud": large | risky,
        "scenario": np.where(large, "large", np.where(risky, "risky", "")),
    }


def write_table(
    path: Path, columns: dict[str, Any] | None = None, names: tuple[str, ...] = ("amount", "risk", "noise")
) -> Path:
    """Write a file of features; the file."""
    write_features(path, feature_columns() if columns is None else columns, names, DIGEST, FINGERPRINT)
    return path


def table_of(tmp_path: Path, columns: dict[str, Any] | None = None) -> FeatureTable:
    """Return a table as a file of it is read."""
    return read_features(write_table(tmp_path / "f.parquet", columns))
