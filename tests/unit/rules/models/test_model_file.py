"""Model files: what is written is read, and every kind of broken file is refused with its cause and place."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.rules.models import ModelError, parse_model, read_model
from services.rules.models.model_file import render_model
from tests.support.models import random_model

CONTENT = render_model(random_model())


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change of one value of a document."""

    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value(document[path[-1]]) if callable(value) else value

    return change


def without(*path: str | int) -> Callable[[dict[str, Any]], None]:
    """Return the removal of one value of a document."""

    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return change


BROKEN: dict[str, tuple[Callable[[Any], None], str]] = {
    "other format": (put("format", value="fraud-scoring-trees/9"), 'format: expected "fraud-scoring-trees/1"'),
    "missing part": (without("trees"), '"trees" is missing'),
    "unknown part": (put("bias", value=1), 'unknown name "bias"; expected format, name'),
    "name": (put("name", value="Cards!"), 'name: expected a name of small letters, digits and _, found "Cards!"'),
    "name of another type": (put("name", value=3), "name: expected a name of small letters, digits and _, found 3"),
    "digest of features": (put("features_digest", value="xyz"), "features_digest: expected a digest"),
    "fingerprint": (put("contract_fingerprint", value=None), "contract_fingerprint: expected a fingerprint"),
    "no features": (put("features", value=[]), "features: expected an array of at least 1, found []"),
    "features no array": (put("features", value={}), "features: expected an array of at least 1, found {}"),
    "feature twice": (put("features", 1, "name", value="f0"), 'features[1].name: feature "f0" is there twice'),
    "feature's name": (put("features", 1, "name", value="F 1"), "features[1].name: expected the name of a feature"),
    "feature without edges": (without("features", 0, "edges"), 'features[0]: "edges" is missing'),
    "edges not ascending": (put("features", 0, "edges", 0, value=99.0), "features[0].edges: expected ascending"),
    "edge no number": (put("features", 0, "edges", 0, value="1"), 'features[0].edges[0]: expected a number, found "1"'),
    "shares too few": (put("score", "shares", value=[1.0]), "score.shares: expected one more than the 9 edges"),
    "share above 1": (put("score", "shares", 0, value=1.5), "score.shares[0]: expected a number from 0 to 1"),
    "shares not 1": (put("score", "missing", value=0.5), "score: shares and missing add up to 1.5, expected 1"),
    "alert rates": (put("alert_rates", 1, "threshold", value=0.95), "alert_rates[1]: expected a threshold that is no"),
    "alert rates above 1": (put("alert_rates", 0, "threshold", value=2), "alert_rates[0].threshold: expected a number"),
    "time without zone": (put("training", "from", value="1970-01-01"), "training.from: expected a time with its zone"),
    "no time": (put("test", "to", value=5), "test.to: expected a time with its zone"),
    "times reversed": (put("training", "from", value="1999-01-01T00:00+00:00"), "training.to: expected a time that is"),
    "no rows": (put("training", "rows", value=0), "training.rows: expected a whole number of at least 1, found 0"),
    "more fraud than rows": (put("test", "fraud", value=201), "test.fraud: expected a whole number from 0 to 200"),
    "rows not whole": (put("test", "rows", value=1.5), "test.rows: expected a whole number of at least 1, found 1.5"),
    "settings": (put("settings", value=[]), "settings: expected an object, found []"),
    "no trees": (put("trees", value=[]), "trees: expected an array of at least 1, found []"),
    "tree no object": (put("trees", 1, value=None), "trees[1]: expected an object, found null"),
    "nodes of two lengths": (put("trees", 0, "left", value=lambda left: left[1:]), "trees[0]: left has"),
    "leaf without count": (put("trees", 0, "counts", value=lambda old: old[1:]), "trees[0]: counts has"),
    "leaf too many": (
        lambda document: [document["trees"][0][key].append(1) for key in ("values", "counts")] and None,
        "nodes has",
    ),
    "unknown feature": (put("trees", 0, "features", 0, value=3), "trees[0].features[0]: expected a whole number"),
    "threshold no number": (put("trees", 0, "thresholds", 0, value=None), "trees[0].thresholds[0]: expected a number"),
    "threshold a truth value": (put("trees", 0, "thresholds", 0, value=True), "trees[0].thresholds[0]: expected"),
    "child out of range": (put("trees", 0, "left", 0, value=99), "trees[0].left[0]: expected a whole number from"),
    "child twice": (
        lambda document: put("trees", 0, "right", 0, value=document["trees"][0]["left"][0])(document),
        "trees[0]: it is no tree: each node but the first",
    ),
    "ring of nodes": (
        put("trees", 0, value={
            "features": [0, 0, 0], "thresholds": [0, 0, 0], "left": [-1, 2, 1], "right": [-2, -3, -4],
            "missing_left": [True, True, True], "values": [0, 0, 0, 0], "counts": [1, 1, 1, 1],
        }),
        "trees[0]: it is no tree: a child that is a node comes after its parent",
    ),
    "too many leaves": (
        put("trees", 0, value={
            "features": [0] * 64, "thresholds": [0] * 64, "left": [*range(1, 64), -1],
            "right": [-2 - number for number in range(64)], "missing_left": [True] * 64, "values": [0] * 65,
            "counts": [1] * 65,
        }),
        "trees[0]: it has 65 leaves, and at most 64 can be evaluated",
    ),
    "side of missing values": (put("trees", 0, "missing_left", 0, value=1), "trees[0].missing_left[0]: expected true"),
    "leaf value": (put("trees", 0, "values", 0, value="0.1"), "trees[0].values[0]: expected a number"),
    "leaf without rows": (put("trees", 0, "counts", 0, value=0), "trees[0].counts[0]: expected a whole number of at"),
    "no checks": (put("checks", value=[]), "checks: expected an array of at least 1, found []"),
    "row too short": (put("checks", 2, "row", value=[1]), "checks[2].row: expected a value for each of 3 features"),
    "row of texts": (put("checks", 0, "row", 1, value="1"), 'checks[0].row[1]: expected a number, found "1"'),
    "score above 1": (put("checks", 0, "score", value=1.1), "checks[0].score: expected a number from 0 to 1"),
    "score of another model": (put("checks", 1, "score", value=lambda score: score + 2e-9), "checks: row 1 has"),
    "leaf value changed": (
        lambda document: [tree.update(values=[value + 0.01 for value in tree["values"]]) for tree in document["trees"]]
        and None,
        "checks: row 0 has the score",
    ),
}  # fmt: skip

NO_DOCUMENTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "line 1, column 1: expected JSON: Expecting value; is the file whole?"),
    "cut off": (CONTENT[:-200], "expected JSON: "),
    "an array": (b"[]", "expected an object, found []"),
    "a pickle": (b"\x80\x04\x95.", "byte 0: expected UTF-8, found byte 0x80"),
    "not a number": (CONTENT.replace(b'"score": 0.', b'"score": NaN, "x": 0.', 1), "expected JSON, found NaN"),
    "infinite": (CONTENT.replace(b'"score": 0.', b'"score": 1e999, "x": 0.', 1), "expected JSON, found 1e999"),
    "name twice": (
        CONTENT.replace(b'"name"', b'"name": "a", "name"', 1),
        'the name "name" is there twice in one object',
    ),
    "nested too deeply": (b"[" * 100_000, "expected JSON of a model"),
}


def test_what_is_written_is_read() -> None:
    model = parse_model(CONTENT, "cards.json")
    assert render_model(model) == CONTENT
    assert model.digest
    assert [check.score for check in model.checks] == [check.score for check in random_model().checks]
    assert any(math.isnan(value) for check in model.checks for value in check.row)


def test_there_are_more_than_thirty_kinds_of_broken_files() -> None:
    assert len(BROKEN) + len(NO_DOCUMENTS) >= 30


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_model_is_refused_with_cause_and_place(kind: str) -> None:
    change, message = BROKEN[kind]
    document = json.loads(CONTENT)
    change(document)
    with pytest.raises(ModelError) as refused:
        parse_model(json.dumps(document).encode(), "models/cards.json")
    assert str(refused.value).startswith("models/cards.json: ")
    assert message in str(refused.value)


@pytest.mark.parametrize("kind", NO_DOCUMENTS)
def test_a_file_that_is_no_json_is_refused_with_its_place(kind: str) -> None:
    content, message = NO_DOCUMENTS[kind]
    with pytest.raises(ModelError) as refused:
        parse_model(content, "cards.json")
    assert str(refused.value).startswith("cards.json: ")
    assert message in str(refused.value)


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cards.json"
    with pytest.raises(ModelError, match="cards.json: can't be read: No such file or directory; scripts/train writes"):
        read_model(path)
    path.write_bytes(CONTENT)
    assert read_model(path) == parse_model(CONTENT, "x")
    monkeypatch.setattr("services.rules.models.model_file.MAX_BYTES", 10)
    with pytest.raises(ModelError, match="bytes: a model has at most 10"):
        read_model(path)
