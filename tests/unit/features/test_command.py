"""The file of features: its columns and metadata, in the order of the log, with labels as far as they are known."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from services.history.blocks import Block, Labels
from services.rules.features import FeatureSet
from tools.features.__main__ import main, parsed, write
from tools.features.feature_file import FeatureFile

RULES = """\
[features]
hour = "hour(created_at)"
s_count = { measure = "count", by = ["source"], over = "1h" }
t_count = { measure = "count", by = ["target"], over = "2h", past = true }
both = "s_count + t_count"

[rules.x]
severity = "low"
when = "both > 1000"
reason = "{both}"
"""
ROWS = """\
id,created_at,source,target,amount,currency,fraud
{0}1,2026-01-01T05:00:00Z,aaaaaaaaaaaa,bbbbbbbbbbbb,1.00,EUR,1
{0}2,2026-01-01T05:30:00Z,aaaaaaaaaaaa,cccccccccccc,2.00,EUR,0
{0}3,2026-01-01T06:00:00Z,aaaaaaaaaaaa,bbbbbbbbbbbb,3.00,EUR,0
""".format("00000000-0000-4000-8000-00000000000")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["features", *map(str, arguments)])
    return main()


def test_a_file_becomes_features_in_its_order(tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    out = tmp_path / "f.parquet"
    assert run(monkeypatch, "--rules", rules, "--file", tmp_path / "rows.csv", "--out", out) == 0
    table = pq.read_table(out)
    assert table.column("both").to_pylist() == [1, 2, 3]
    assert table.column("hour").to_pylist() == [5, 5, 6]
    assert table.column("s_count").to_pylist() == [1, 2, 2]
    assert [text[-1] for text in table.column("id").to_pylist()] == ["1", "2", "3"]
    assert table.column("fraud").to_pylist() == [True, False, False]
    assert table.schema.field("created_at").type.tz == "UTC"


def test_the_metadata_names_features_contract_and_rules(tmp_path: Path, rules: Path) -> None:
    out = tmp_path / "f.parquet"
    arguments = ["--rules", str(rules), "--out", str(out), "--transactions", "300", "--only", "both,hour"]
    written = write(parsed(arguments))
    assert (written.rows, written.labelled) == (300, 300)
    schema = pq.read_schema(out)
    metadata = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    assert json.loads(metadata["features"]) == ["both", "hour"]
    assert len(metadata["features_digest"]) == len(metadata["rules_version"]) == 12
    assert len(metadata["contract_fingerprint"]) == 64
    assert schema.names == ["id", "created_at", "source", "target", "both", "hour", "fraud", "scenario"]


def test_the_number_of_partitions_and_rules_make_no_difference_to_values(tmp_path: Path, rules: Path) -> None:
    common = ["--rules", str(rules), "--transactions", "2000", "--accounts", "200", "--only", "both"]
    columns = []
    for number in (1, 5):
        write(parsed([*common, "--partitions", str(number), "--out", str(tmp_path / "f.parquet")]))
        columns.append(pq.read_table(tmp_path / "f.parquet").column("both").to_numpy())
    np.testing.assert_array_equal(*columns)
    assert columns[0].max() > 3


@pytest.mark.parametrize(
    ("text", "arguments", "outcome"),
    [
        ("", (), ("it declares no features", 2)),
        (None, ("--only", "risk"), ("unknown feature risk: the rules file has hour", 1)),
        ('[features]\nfraud = "amount * 2"\n', (), ("the file has a column of that name; rename it", 2)),
        ('[features]\nx = { measure = "count", by = ["currency"], over = "1h" }\n', (), ("feature x is keyed by", 1)),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(  # noqa: PLR0917 - fixtures
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str | None,
    arguments: tuple[str, ...],
    outcome: tuple[str, int],
) -> None:  # fmt: skip
    rule = '[rules.x]\nseverity = "low"\nwhen = "amount > 1"\nreason = "."\n'
    (tmp_path / "r.toml").write_text(RULES if text is None else text + rule)
    out = tmp_path / "f.parquet"
    assert (
        run(monkeypatch, "--rules", tmp_path / "r.toml", "--transactions", 10, "--out", out, *arguments) == outcome[1]
    )
    error = capsys.readouterr().err
    assert outcome[0] in error
    assert "Traceback" not in error
    assert not list(tmp_path.glob("f.parquet*"))


def test_labels_of_a_file_count_after_the_delay_and_their_own_never(
    tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    risk = 't_risk = { measure = "share fraud", by = ["target"], over = "1d", delay = "45m" }\n'
    rules.write_text(RULES.replace("[features]\n", f"[features]\n{risk}"))
    (tmp_path / "rows.csv").write_text(ROWS + ROWS.splitlines()[3].replace("003,", "004,").replace("06:00", "06:46"))
    out = tmp_path / "f.parquet"
    assert run(monkeypatch, "--rules", rules, "--file", tmp_path / "rows.csv", "--out", out) == 0
    np.testing.assert_array_equal(pq.read_table(out).column("t_risk").to_numpy(), [np.nan, np.nan, 1, 0.5])


def test_a_label_that_is_not_known_is_empty(tmp_path: Path) -> None:
    texts = {name: np.array([b"a", b"b"]) for name in ("id", "source", "target")}
    labels = Labels(np.array([True, False]), np.array([b"fan-in", b""]), np.array([b"", b""]), np.array([True, False]))
    block = Block({**texts, "created_at": np.array([1, 2])}, 2, labels)
    with FeatureFile(tmp_path / "f.parquet", FeatureSet(("x",)), "0" * 64, "0" * 12) as file:
        file.write(block, {"x": np.array([np.nan, 1.5])})
    table = pq.read_table(tmp_path / "f.parquet")
    assert table.column("fraud").to_pylist() == [True, None]
    assert table.column("scenario").to_pylist() == ["fan-in", None]
    np.testing.assert_array_equal(table.column("x").to_numpy(), [np.nan, 1.5])
    assert (file.rows, file.labelled) == (2, 1)


def test_exact_needs_a_topic(
    tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--rules", rules, "--exact", "--out", tmp_path / "f.parquet") == 2
    assert "--exact needs --from-topic" in capsys.readouterr().err


def test_a_failure_leaves_no_file(tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")
    assert run(monkeypatch, "--rules", rules, "--file", tmp_path / "rows.csv", "--out", tmp_path / "f.parquet") != 0
    assert not list(tmp_path.glob("f.parquet*"))


def test_a_directory_that_is_not_there_is_named(
    tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "nowhere" / "f.parquet"
    assert run(monkeypatch, "--rules", rules, "--transactions", 10, "--out", out) == 2
    assert "can't be written" in capsys.readouterr().err
