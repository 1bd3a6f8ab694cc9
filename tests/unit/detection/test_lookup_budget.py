"""The budget of lookups: unknown schema ids take a limited time, and own ones are looked up all the same."""

from collections.abc import Callable
from uuid import UUID

from services.contracts import HeaderSchemaId, UnknownSchemaId
from services.detection import lookup_budget
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.errors import NotAuthorised
from tests.support.fake_registry import GUID, LATENCY, SCHEMA, Clock, FakeRegistry, refusal


def test_a_flood_of_unknown_ids_takes_no_more_than_the_budget(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    decoders = make()
    started, periods = clock.now, 3
    schema_id = 1000
    held_up = 0.0
    while clock.now < started + periods * lookup_budget.FILL_SECONDS:
        before = clock.now
        for _ in range(50):
            refusal(decoders, schema_id)
            schema_id += 1
        decoders.committed()
        held_up += clock.now - before
        clock.now += 0.1  # the good traffic of a transaction
    budget = (periods + 1) * lookup_budget.CAPACITY_SECONDS
    listing = periods * lookup_budget.FILL_SECONDS / 0.2 * 4 * LATENCY  # five times a second, four subjects
    assert held_up < budget + listing
    assert schema_id > 20_000
    assert len(decoders._known) + len(decoders._refused) < 20_000


def test_an_id_of_an_own_subject_is_looked_up_in_a_flood(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    decoders = make()
    flooded = 1000
    while "not looked up" not in str(refusal(decoders, flooded)):
        flooded += 1
    registry.add(7, SCHEMA.json, "elsewhere")
    registry.add(8, SCHEMA.json, "input-value", "legit-value")
    clock.now += lookup_budget.FILL_SECONDS / 100
    decoders._lookup.budget.spend(1)
    error = refusal(decoders, 7)
    assert isinstance(error, UnknownSchemaId)
    assert "schema id 7 was not looked up: too many ids came" in str(error)
    assert decoders.decoder_of(8).passthrough_topics == {"legit"}
    clock.now += lookup_budget.FILL_SECONDS
    assert (
        decoders.decoder_of(7).passthrough_topics == frozenset()
    )  # what was not looked up is not remembered as unknown


def test_a_guid_of_an_own_subject_is_looked_up_in_a_flood(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]
) -> None:
    registry.guids[GUID.id] = 8  # type: ignore[index]
    registry.add(8, SCHEMA.json, "input-value", "legit-value", "fraud-value")
    decoders = make()
    decoders._lookup.budget.spend(100)
    assert "was not looked up" in str(refusal(decoders, HeaderSchemaId(UUID(int=1))))
    assert decoders.decoder_of(GUID).native


def test_the_list_of_own_ids_is_an_aid_alone(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    decoders = make()
    refusal(decoders, 1)
    decoders._lookup.budget.spend(100)
    registry.fails = NotAuthorised("subjects are not to be listed")
    assert "was not looked up" in str(refusal(decoders, 2))
