"""How ids are remembered that can't be read."""

from pathlib import Path
from typing import Any

import pytest

from services.contracts import UnknownSchemaId, load_schema
from services.detector import writers
from services.detector.writers import Writers, WrongRecordError

SCHEMA = load_schema(Path(__file__).parents[3] / "schemas" / "transaction.avsc")
INVOICE = {"type": "record", "name": "Invoice", "fields": [{"name": "total", "type": "long"}]}


class FakeRegistry:
    """Counts what it is asked; knows only what it is told."""

    def __init__(self) -> None:
        self.schemas: dict[int, Any] = {}
        self.asked = 0

    def schema_by_id(self, schema_id: int) -> Any:
        self.asked += 1
        if schema_id not in self.schemas:
            raise UnknownSchemaId(f"no {schema_id}")
        return self.schemas[schema_id]

    def subjects_of(self, _schema_id: int) -> frozenset[str]:
        return frozenset()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(writers, "time", clock)
    return clock


def traceback_depth(error: BaseException) -> int:
    depth, traceback = 0, error.__traceback__
    while traceback:
        depth, traceback = depth + 1, traceback.tb_next
    return depth


def raised(known: Writers, schema_id: int) -> BaseException:
    with pytest.raises((UnknownSchemaId, WrongRecordError)) as caught:
        known[schema_id]
    return caught.value


def test_an_unknown_id_is_asked_for_again_at_the_first_commit_after_a_while(clock: Clock) -> None:
    registry = FakeRegistry()
    known = Writers(registry, SCHEMA, [])
    for _ in range(3):
        assert isinstance(raised(known, 7), UnknownSchemaId)
    known.committed()
    clock.now += 1000
    raised(known, 7)  # without a commit it stays known as unknown: what has to be read again must get on
    assert registry.asked == 1
    registry.schemas[7] = SCHEMA.json
    known.committed()
    assert known[7].governed == frozenset()
    assert registry.asked == 2


@pytest.mark.parametrize("schema_id", [1, 2])
def test_an_error_that_is_raised_often_does_not_grow(clock: Clock, schema_id: int) -> None:
    registry = FakeRegistry()
    registry.schemas[1] = INVOICE
    known = Writers(registry, SCHEMA, [])
    raised(known, schema_id)
    second = traceback_depth(raised(known, schema_id))
    for _ in range(10):
        assert traceback_depth(raised(known, schema_id)) == second
