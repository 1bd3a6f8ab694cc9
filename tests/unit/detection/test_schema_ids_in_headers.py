"""Schema ids in headers: GUIDs, and values without a prefix."""

from collections.abc import Callable
from uuid import UUID

from services.contracts import GuidsUnknown, HeaderSchemaId, UnknownSchemaId
from services.detection.schema_decoder_cache import SchemaDecoderCache
from tests.support.fake_registry import BODY, GUID, REVERSED, SCHEMA, Clock, FakeRegistry, refusal


def test_a_schema_id_in_a_header_is_that_of_a_bare_body(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]
) -> None:
    registry.add(7, SCHEMA.json, "legit-value", "fraud-value")
    registry.guids[GUID.id] = 7  # type: ignore[index]
    decoders = make()
    for schema_id in (GUID, HeaderSchemaId(7)):
        decoder = decoders.decoder_of(schema_id)
        assert decoder.passthrough_topics == {"legit", "fraud"}
        assert decoder.body(BODY) == BODY
    assert decoders.decoder_of(7).body(b"\x00\x00\x00\x00\x07" + BODY) == BODY
    assert decoders.decoder_of(GUID) is decoders.decoder_of(GUID)


def test_a_guid_of_another_context_is_read_and_belongs_to_no_topic(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]
) -> None:
    registry.add(7, REVERSED, "legit-value", "fraud-value")
    registry.guids[GUID.id] = 7  # type: ignore[index]
    registry.other_contexts.add(7)
    assert make().decoder_of(GUID).passthrough_topics == frozenset()


def test_a_guid_that_is_not_known_yet_is_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    registry.guids[GUID.id] = 7  # type: ignore[index]
    registry.add(7, SCHEMA.json, "legit-value", "fraud-value", visible_at=clock.now + 1)
    decoders = make()
    assert decoders.decoder_of(GUID).native
    assert clock.waited > 0
    error = refusal(decoders, HeaderSchemaId(UUID(int=1)))
    assert isinstance(error, UnknownSchemaId)


def test_a_registry_without_guids_is_not_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    registry.knows_no_guids = True
    decoders = make()
    assert isinstance(refusal(decoders, GUID), GuidsUnknown)
    assert clock.waited == 0
    assert isinstance(refusal(decoders, GUID), GuidsUnknown)
    assert registry.requests == [GUID]
