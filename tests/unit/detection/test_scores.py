"""Scores are records of their contract, whatever the number of features."""

import io
import math
import uuid
from dataclasses import replace

import fastavro
import numpy as np
import pytest

from services.contracts import load_contracts
from services.detection.scores import ScoreWriter
from services.rules.model import Mode
from services.rules.models.score import ModelScore
from tests.support.models import random_model

SCHEMA = load_contracts().topic("streaming.scores").required_schema


@pytest.mark.parametrize("features", [1, 3, 63, 64, 200])
def test_a_score_is_read_by_its_contract(features: int) -> None:
    model = replace(random_model(features=3), features=tuple(f"f{number}" for number in range(features)))
    score = ModelScore("cards", "0123456789ab", 0.25, Mode.SHADOW, model)
    random = np.random.default_rng(1)
    numbers = {name: random.normal(size=3) for name in (*model.features, "cards")}
    numbers["f0"][1] = math.nan
    ids = [str(uuid.uuid4()) for _ in range(3)]
    values = ScoreWriter("scores", SCHEMA, 7).encode("v1", score, np.array([each.encode() for each in ids]), numbers)
    for row, value in enumerate(values):
        assert value[:5] == b"\0\0\0\0\7"
        stream = io.BytesIO(value[5:])
        record = fastavro.schemaless_reader(stream, SCHEMA.json, None)
        assert stream.read() == b""
        expected = [float(numbers[name][row]) for name in model.features]
        assert np.array_equal(record.pop("features"), expected, equal_nan=True)
        assert str(record.pop("transaction_id")) == ids[row]
        assert record == {
            "model": "cards",
            "model_digest": "0123456789ab",
            "features_digest": model.features_digest,
            "rules_version": "v1",
            "live": False,
            "score": float(numbers["cards"][row]),
            "threshold": 0.25,
        }
