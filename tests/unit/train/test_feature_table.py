"""Files of features are read as they are, and broken ones refused with cause and place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.errors import ContractError, UsageError
from tests.support.feature_tables import DIGEST, FINGERPRINT, feature_columns, table_of, write_table
from tools.train.feature_table import read_features, write_features
from tools.train.verdicts import read_rule_scores


def test_what_is_written_is_read(tmp_path: Path) -> None:
    columns = feature_columns(50)
    columns["fraud"] = pa.array(columns["fraud"], mask=np.arange(50) < 3)
    table = table_of(tmp_path, columns)
    assert table.names == ("amount", "risk", "noise")
    assert (table.features_digest, table.contract_fingerprint) == (DIGEST, FINGERPRINT)
    assert np.array_equal(np.column_stack(table.columns)[:, 1], columns["risk"], equal_nan=True)
    assert table.created_at.tolist() == columns["created_at"].astype(np.int64).tolist()
    assert table.labelled.tolist() == [False] * 3 + [True] * 47
    names = np.array([*table.scenarios, ""])[table.scenario]
    assert names.tolist() == columns["scenario"].tolist()
    assert len(np.unique(table.payer)) == len(set(columns["source"]))
    assert table.ids.tolist() == columns["id"]


def _metadata(**changes: str) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        known = {key.decode(): value.decode() for key, value in table.schema.metadata.items()} | changes
        return table.replace_schema_metadata({key: value for key, value in known.items() if value})

    return change


def _replaced(name: str, values: Any) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.schema.names.index(name), name, pa.array(values))


BROKEN: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "no metadata": (lambda table: table.replace_schema_metadata(None), "no features: its metadata have no features"),
    "no digest": (_metadata(features_digest=""), "its metadata have no features_digest; scripts/features writes"),
    "no fingerprint": (_metadata(contract_fingerprint=""), "its metadata have no contract_fingerprint"),
    "digest": (_metadata(features_digest="no"), "metadata features_digest: expected 12 to 64 hex digits, found 'no'"),
    "fingerprint": (_metadata(contract_fingerprint="x"), "metadata contract_fingerprint: expected 12 to 64 hex"),
    "names no JSON": (_metadata(features="amount"), "metadata features: expected an array of names, found 'amount'"),
    "no names": (_metadata(features="[]"), "metadata features: expected an array of names, found '[]'"),
    "name twice": (_metadata(features=json.dumps(["risk", "risk"])), "metadata features: a name is there twice"),
    "column missing": (lambda table: table.drop_columns(["risk"]), "there is no column risk"),
    "labels missing": (lambda table: table.drop_columns(["fraud"]), "there is no column fraud"),
    "column twice": (lambda table: table.append_column("risk", table.column("risk")), "2 columns have the name risk"),
    "feature of texts": (_replaced("risk", ["a"] * 20), "column risk holds string: expected numbers"),
    "feature infinite": (_replaced("risk", [1.0] * 19 + [np.inf]), "column risk: 1 values are infinite"),
    "time a text": (_replaced("created_at", ["2026"] * 20), "column created_at holds string: expected timestamps"),
    "time missing": (
        _replaced("created_at", [None] + [1] * 19),
        "column created_at holds int64: 1 of its values are empty",
    ),
    "label a text": (_replaced("fraud", ["perhaps"] * 20), "column fraud holds string: "),
    "no rows": (lambda table: table.slice(0, 0), "it has no rows"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_of_features_is_refused_with_cause_and_place(kind: str, tmp_path: Path) -> None:
    change, message = BROKEN[kind]
    path = write_table(tmp_path / "f.parquet", feature_columns(20))
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(ContractError) as refused:
        read_features(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)


def test_a_file_that_is_not_there_or_no_parquet_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.parquet", tmp_path / "f.csv"):
        (tmp_path / "f.csv").write_text("id,amount\n")
        with pytest.raises(ContractError, match="not a Parquet file that can be read"):
            read_features(path)
    with pytest.raises(UsageError, match="can't be written"):
        write_features(tmp_path / "no" / "f.parquet", feature_columns(5), ("risk",), DIGEST, FINGERPRINT)


def test_scores_of_rules_are_found_by_the_id(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    pq.write_table(pa.table({"id": ["b", "a", "c"], "score": [2, 1, 0]}), path)
    assert read_rule_scores(path, np.array(["a", "b"], object)).tolist() == [1, 2]
    with pytest.raises(ContractError, match="it lacks 1 of the 2 transactions with features"):
        read_rule_scores(path, np.array(["a", "x"], object))
    pq.write_table(pa.table({"id": ["b"]}), path)
    with pytest.raises(ContractError, match="expected Parquet with the columns id and score"):
        read_rule_scores(path, np.array(["a"], object))
