"""Lookups of schema ids: what is waited for, what is cached, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from services.contracts import InvalidSchemaId, NotAnAvroSchema, UnknownSchemaId
from services.detection.schema_decoder import FieldWouldBeLost, WrongRecordError
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.detection.schema_lookup import ForbiddenSchemaId
from services.errors import ContractError, NotAuthorised, Unavailable, UsageError
from tests.support.fake_registry import INVOICE, NEWER, SCHEMA, Clock, FakeRegistry, later, refusal


def test_an_unknown_id_is_looked_up_again_at_a_commit_after_a_while(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    decoders = make()
    for _ in range(3):
        assert isinstance(refusal(decoders, 7), UnknownSchemaId)
    requests = len(registry.requests)
    decoders.committed()
    clock.now += 1000
    refusal(decoders, 7)  # without a commit it stays known as unknown: what has to be read again must get on
    assert len(registry.requests) == requests
    registry.add(7, SCHEMA.json, "legit-value")
    decoders.committed()
    assert decoders.decoder_of(7).passthrough_topics == {"legit"}
    assert len(registry.requests) == requests + 1


@pytest.mark.parametrize(("delay", "waited"), [(0.1, 0.5), (3.0, 4.5), (4.5, 5.0)])
def test_an_id_that_a_follower_does_not_know_yet_is_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock, delay: float, waited: float
) -> None:
    registry.add(7, SCHEMA.json, "legit-value", "fraud-value", visible_at=clock.now + delay)
    assert make().decoder_of(7).passthrough_topics == {"legit", "fraud"}
    assert clock.waited <= waited
    assert len(registry.requests) < 12


def test_an_id_that_is_never_registered_delays_others_once(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    decoders = make()
    assert isinstance(refusal(decoders, 7), UnknownSchemaId)
    assert 3 < clock.waited <= 5
    waited = clock.waited
    for _ in range(20):  # comes again and again, which is no reason to wait for it again
        later(decoders, clock)
        refusal(decoders, 7)
    assert clock.waited == waited


def test_a_registration_that_a_follower_does_not_list_yet_is_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    registry.add(7, NEWER, "legit-value", "fraud-value", listed_at=clock.now + 0.2)
    assert make().decoder_of(7).passthrough_topics == {"legit", "fraud"}
    assert 0 < clock.waited < 1


def test_a_stop_ends_the_waiting_without_a_dead_letter(make: Callable[..., SchemaDecoderCache]) -> None:
    decoders = make(wait=lambda _: True)
    assert isinstance(refusal(decoders, 7), Unavailable)


def test_ids_beyond_all_registries_cost_nothing(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    decoders, before = make(), clock.now
    for schema_id in range(2**31, 2**31 + 100):
        assert isinstance(refusal(decoders, schema_id), InvalidSchemaId)
    assert (registry.requests, clock.now) == ([], before)
    assert not decoders._known
    assert not decoders._refused


@pytest.mark.parametrize("schema_id", [1, 2, 3])
def test_an_error_that_is_raised_often_does_not_grow(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], schema_id: int
) -> None:
    def traceback_depth(error: BaseException) -> int:
        depth, traceback = 0, error.__traceback__
        while traceback:
            depth, traceback = depth + 1, traceback.tb_next
        return depth

    registry.add(1, INVOICE)
    registry.add(2, NEWER)
    decoders = make()
    refusal(decoders, schema_id)
    second = traceback_depth(refusal(decoders, schema_id))
    for _ in range(10):
        assert traceback_depth(refusal(decoders, schema_id)) == second


@pytest.mark.parametrize(
    ("schema", "error"),
    [
        (INVOICE, WrongRecordError),
        (NotAnAvroSchema("schema id 9 is JSON"), NotAnAvroSchema),
        ({"type": "array", "items": "nowhere"}, WrongRecordError),
    ],
)
def test_what_waiting_cannot_mend_is_not_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock, schema: Any, error: type[Exception]
) -> None:
    registry.add(9, schema)
    decoders = make()
    for _ in range(3):
        assert type(refusal(decoders, 9)) is error
        later(decoders, clock)
    assert clock.waited == 0
    assert registry.requests == [9]


def test_a_schema_nested_too_deeply_is_the_messages_fault(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]
) -> None:
    for schema_id, depth in enumerate((100, 300, 900), 1):
        deep: Any = "int"
        for _ in range(depth):
            deep = {"type": "array", "items": deep}
        field = {"name": "deep", "type": deep, "default": []}
        registry.add(schema_id, {**SCHEMA.json, "fields": [*SCHEMA.json["fields"], field]})
        assert isinstance(refusal(make(), schema_id), (WrongRecordError, FieldWouldBeLost))


def test_an_answer_of_no_registry_is_no_messages_fault(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]
) -> None:
    decoders = make()
    for error in (UsageError("answered 404: not the base of a registry"), ContractError("no schema in JSON")):
        registry.fails = error
        assert isinstance(refusal(decoders, 7), Unavailable)
    registry.fails = None
    registry.add(7, SCHEMA.json)
    assert decoders.decoder_of(7).native


def test_an_id_that_the_registry_keeps_to_itself(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    decoders = make()
    registry.fails = NotAuthorised("schema id 7: answered 403")
    assert isinstance(refusal(decoders, 7), ForbiddenSchemaId)
    assert clock.waited == 0
    registry.fails = NotAuthorised("subject legit-value: answered 401")
    assert isinstance(refusal(decoders, 8), NotAuthorised)
