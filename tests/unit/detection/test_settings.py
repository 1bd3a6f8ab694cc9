"""Settings of the detector: the stages, and names that are deprecated."""

import pytest

from services.detection.settings import DetectorSettings, deprecated_settings
from services.errors import UsageError
from services.rules.model import KEY
from services.streaming.settings import load_settings


@pytest.fixture(autouse=True)
def _broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BROKER_URL", "localhost:9092")


@pytest.mark.parametrize("variable", ["REPARTITION_TOPICS", "STAGE_TOPICS"])
def test_repartition_topics_are_read_under_both_names(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "source=by-source,currency=by-currency")
    stages = load_settings(DetectorSettings).stages(KEY)
    assert list(stages.items())[1:] == [("source", "by-source"), ("currency", "by-currency")]


def test_the_new_name_wins_over_the_deprecated_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPARTITION_TOPICS", "source=new")
    monkeypatch.setenv("STAGE_TOPICS", "source=old")
    assert load_settings(DetectorSettings).stages(KEY)["source"] == "new"


def test_a_deprecated_name_is_warned_about() -> None:
    assert deprecated_settings({"REPARTITION_TOPICS": "source=new"}) == []
    assert deprecated_settings({"STAGE_TOPICS": "source=old"}) == [
        "STAGE_TOPICS is deprecated: set REPARTITION_TOPICS instead"
    ]
    (both,) = deprecated_settings({"STAGE_TOPICS": "source=old", "REPARTITION_TOPICS": "source=new"})
    assert both.endswith("; STAGE_TOPICS is ignored, as REPARTITION_TOPICS is set")


def test_a_broken_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPARTITION_TOPICS", "by-source")
    with pytest.raises(UsageError, match="^REPARTITION_TOPICS: expected field=topic"):
        load_settings(DetectorSettings)
