"""The decoder of a schema id: passed through, re-encoded, or refused because a field would be lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.detection.schema_decoder import FieldWouldBeLost, require_equal_schemas
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.errors import ContractError, PoisonError
from tests.support.fake_registry import BODY, ID, NEWER, REVERSED, SCHEMA, Clock, FakeRegistry, later, refusal


def test_a_newer_schema_is_passed_through_where_it_is_registered(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]
) -> None:
    registry.add(7, NEWER, "legit-value", "fraud-value", "input-value")
    decoder = make().decoder_of(7)
    assert decoder.passthrough_topics == {"legit", "fraud"}
    assert decoder.lost == ("note",)


def test_a_field_is_never_dropped(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache], clock: Clock
) -> None:
    registry.add(7, NEWER, "legit-value", "input-value")
    decoders = make()
    error = refusal(decoders, 7)
    assert isinstance(error, FieldWouldBeLost)
    assert str(error) == (
        "schema id 7 has data that fraud can't take (note): it is not registered under fraud-value, and the schema "
        "there, id 1, has no place for it; register it there (scripts/register-schemas), then put the message back "
        "(scripts/redrive)"
    )
    registry.add(7, NEWER, "legit-value", "input-value", "fraud-value")
    later(decoders, clock)
    assert decoders.decoder_of(7).passthrough_topics == {"legit", "fraud"}


def test_what_loses_nothing_is_reencoded(registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]) -> None:
    registry.add(7, REVERSED)
    decoders = make()
    decoder = decoders.decoder_of(7)
    assert decoder.passthrough_topics == frozenset()
    assert decoder.lost == ()
    body = b"\x0a\x06EUR\x02\x05\x02b\x02a" + ID
    assert decoders.framed(decoders.own_body(decoder, body), "legit") == b"\x00\x00\x00\x00\x01" + BODY
    assert (decoders.take_reencoded(), decoders.take_reencoded()) == (1, 0)
    decoders.framed(BODY, "legit")
    decoders.aborted()
    assert decoders.take_reencoded() == 0


def test_a_value_beyond_the_outputs_schema_is_the_messages_fault(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]
) -> None:
    amount = {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2}
    fields = [{**field, "type": amount} if field["name"] == "amount" else field for field in SCHEMA.json["fields"]]
    registry.add(7, {**SCHEMA.json, "fields": fields})
    decoders = make()
    large = b"\x12" + (10**20).to_bytes(9, "big")
    body = ID + b"\x02a\x02b" + large + b"\x06EUR\x0a"
    with pytest.raises(PoisonError, match="can't be re-encoded.*amount"):
        decoders.own_body(decoders.decoder_of(7), body)


def test_an_alert_may_lack_what_its_schema_has_no_place_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoderCache]
) -> None:
    registry.add(7, NEWER, "legit-value", "fraud-value")
    decoders = make()
    assert decoders.own_body(decoders.decoder_of(7), BODY + b"\x02\x04hi") == BODY


def test_topics_of_other_schemas_are_refused_at_start(tmp_path: Path) -> None:
    from services.contracts import load_contracts

    contracts = load_contracts()
    require_equal_schemas([contracts.topic("streaming.transactions.legit")], SCHEMA)
    with pytest.raises(
        ContractError, match=r"topic streaming.alerts carries .*alert.avsc; expected .*transaction.avsc"
    ):
        require_equal_schemas([contracts.topic("streaming.alerts")], SCHEMA)
