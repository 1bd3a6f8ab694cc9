"""A registry with a clock, and decoders that ask it."""

from collections.abc import Callable
from typing import Any

import pytest

from services.detection import lookup_budget, schema_decoder_cache, schema_lookup
from services.detection.schema_decoder import Output
from services.detection.schema_decoder_cache import SchemaDecoderCache
from tests.support.fake_registry import FRAUD, LEGIT, SCHEMA, Clock, FakeRegistry


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(schema_decoder_cache, "time", clock)
    monkeypatch.setattr(lookup_budget, "time", clock)
    monkeypatch.setattr(schema_lookup, "time", clock)
    return clock


@pytest.fixture
def registry(clock: Clock) -> FakeRegistry:
    return FakeRegistry(clock)


@pytest.fixture
def make(registry: FakeRegistry, clock: Clock) -> Callable[..., SchemaDecoderCache]:
    def make(*outputs: Output, **more: Any) -> SchemaDecoderCache:
        more = {"wait": clock.wait, "subjects": ["input-value"], **more}
        return SchemaDecoderCache(registry, SCHEMA, outputs or [LEGIT, FRAUD], **more)

    return make
