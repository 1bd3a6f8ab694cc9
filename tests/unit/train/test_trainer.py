"""Training names the library that is missing."""

import sys
from pathlib import Path

import pytest

from services.errors import UsageError
from tests.support.feature_tables import write_table
from tools.train.feature_table import read_features
from tools.train.trainer import TrainingSettings, train_trees


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise ImportError('no module named lightgbm')", "install it: scripts/install --training"),
        ("raise OSError('libgomp.so.1: cannot open shared object file')", "libgomp.so.1: .*apt-get install libgomp1"),
    ],
)
def test_a_missing_library_is_named(module: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lightgbm.py").write_text(module)
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    table = read_features(write_table(tmp_path / "f.parquet"))
    with pytest.raises(UsageError, match=message):
        train_trees(table, TrainingSettings())
