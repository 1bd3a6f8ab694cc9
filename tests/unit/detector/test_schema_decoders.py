"""What becomes of a schema id: waited for, refused, remembered, passed through."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from avroguard.registry.schema_ids import HIGHEST_ID
from services.contracts import (
    GuidsUnknown,
    HeaderSchemaId,
    InvalidSchemaId,
    NotAnAvroSchema,
    RegisteredSchema,
    Registration,
    SchemaId,
    UnknownSchemaId,
    load_schema,
)
from services.detector import lookup_budget, schema_decoders
from services.detector.schema_decoder import FieldWouldBeLost, Output, WrongRecordError, require_equal_schemas
from services.detector.schema_decoders import ForbiddenSchemaId, SchemaDecoders
from services.errors import ContractError, ExpectedError, NotAuthorised, PoisonError, Unavailable, UsageError

SCHEMA = load_schema(Path(__file__).parents[3] / "schemas" / "transaction.avsc")
INVOICE = {"type": "record", "name": "Invoice", "fields": [{"name": "total", "type": "long"}]}
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
NEWER = {**SCHEMA.json, "fields": [*SCHEMA.json["fields"], NOTE]}
REVERSED = {**SCHEMA.json, "fields": SCHEMA.json["fields"][::-1]}
LEGIT, FRAUD, STAGE = (Output(topic, Registration(f"{topic}-value", 1, 1)) for topic in ("legit", "fraud", "stage"))
ID = bytes([72]) + b"01234567-89ab-cdef-0123-456789abcdef"
BODY = ID + b"\x02a\x02b\x02\x05\x06EUR\x0a"
LATENCY = 0.003  # seconds that an answer takes


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.waited = 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.waited += seconds
        return False


class FakeRegistry:
    """Knows what it is told, from a time on; answers take a while. Counts what it is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.schemas: dict[int, tuple[float, Any]] = {}
        self.subjects: dict[int, tuple[float, list[str]]] = {}
        self.fails: Exception | None = None
        self.asked: list[SchemaId] = []
        self.guids: dict[UUID, int] = {}
        self.other_contexts: set[int] = set()
        self.knows_no_guids = False
        self.listed = 0

    def add(self, schema_id: int, schema: Any, *subjects: str, visible_at: float = 0.0, listed_at: float = 0.0) -> None:
        self.schemas[schema_id] = visible_at, schema
        self.subjects[schema_id] = listed_at, list(subjects)

    def schema_of(self, schema_id: SchemaId) -> Any:
        number = schema_id.id if isinstance(schema_id, HeaderSchemaId) else schema_id
        self.asked.append(schema_id)
        if isinstance(number, UUID):
            if self.knows_no_guids:
                raise GuidsUnknown(f"no GUIDs such as {number}")
            return self.schema_by_id(self.guids.get(number, 0))
        return self.schema_by_id(number)

    def id_of_guid(self, guid: UUID) -> int | None:
        return self.guids[guid] if self.guids[guid] not in self.other_contexts else None

    def schema_by_id(self, schema_id: int) -> Any:
        if schema_id > HIGHEST_ID:
            self.asked.pop()
            raise InvalidSchemaId(f"no {schema_id}")
        self._clock.now += LATENCY
        if self.fails:
            raise self.fails
        visible_at, schema = self.schemas.get(schema_id, (float("inf"), None))
        if self._clock.now < visible_at:
            raise UnknownSchemaId(f"no {schema_id}")
        if isinstance(schema, Exception):
            raise schema
        return schema

    def subjects_of(self, schema_id: int) -> frozenset[str]:
        listed_at, subjects = self.subjects[schema_id]
        return frozenset(subjects if self._clock.now >= listed_at else ())

    def versions(self, subject: str) -> list[int]:
        self._clock.now += LATENCY
        if isinstance(self.fails, NotAuthorised) and "subject" in str(self.fails):
            raise self.fails
        self.listed += 1
        return [1] if any(subject in subjects for _, subjects in self.subjects.values()) else []

    def version(self, subject: str, version: int) -> RegisteredSchema:
        (schema_id,) = [one for one, (_, subjects) in self.subjects.items() if subject in subjects]
        guid = next((guid for guid, one in self.guids.items() if one == schema_id), None)
        return RegisteredSchema(subject, version, schema_id, None, guid=guid)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(schema_decoders, "time", clock)
    monkeypatch.setattr(lookup_budget, "time", clock)
    return clock


@pytest.fixture
def registry(clock: Clock) -> FakeRegistry:
    return FakeRegistry(clock)


@pytest.fixture
def make(registry: FakeRegistry, clock: Clock) -> Callable[..., SchemaDecoders]:
    def make(*outputs: Output, destinations: Collection[str] = ("legit", "fraud"), **more: Any) -> SchemaDecoders:
        more = {"wait": clock.wait, "subjects": ["input-value"], **more}
        return SchemaDecoders(
            registry, SCHEMA, outputs or [LEGIT, FRAUD, STAGE], destinations=lambda: destinations, **more
        )

    return make


def refusal(known: SchemaDecoders, schema_id: SchemaId) -> ExpectedError:
    with pytest.raises(ExpectedError) as caught:
        known[schema_id]
    return caught.value


def later(known: SchemaDecoders, clock: Clock) -> None:
    """Refusals are old, the budget is full again, and a transaction commits."""
    clock.now += 1000
    known.committed()


def test_an_unknown_id_is_asked_for_again_at_the_first_commit_after_a_while(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    known = make()
    for _ in range(3):
        assert isinstance(refusal(known, 7), UnknownSchemaId)
    asked = len(registry.asked)
    known.committed()
    clock.now += 1000
    refusal(known, 7)  # without a commit it stays known as unknown: what has to be read again must get on
    assert len(registry.asked) == asked
    registry.add(7, SCHEMA.json, "legit-value")
    known.committed()
    assert known[7].passthrough_topics == {"legit"}
    assert len(registry.asked) == asked + 1


@pytest.mark.parametrize(("delay", "waited"), [(0.1, 0.5), (3.0, 4.5), (4.5, 5.0)])
def test_an_id_that_a_follower_does_not_know_yet_is_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock, delay: float, waited: float
) -> None:
    registry.add(7, SCHEMA.json, "legit-value", "fraud-value", visible_at=clock.now + delay)
    assert make()[7].passthrough_topics == {"legit", "fraud"}
    assert clock.waited <= waited
    assert len(registry.asked) < 12


def test_an_id_that_never_comes_holds_others_up_for_some_seconds_once(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    known = make()
    assert isinstance(refusal(known, 7), UnknownSchemaId)
    assert 3 < clock.waited <= 5
    waited = clock.waited
    for _ in range(20):  # comes again and again, which is no reason to wait for it again
        later(known, clock)
        refusal(known, 7)
    assert clock.waited == waited


def test_a_flood_of_unknown_ids_takes_no_more_than_the_budget(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    known = make()
    started, periods = clock.now, 3
    schema_id = 1000
    held_up = 0.0
    while clock.now < started + periods * lookup_budget.FILL_SECONDS:
        before = clock.now
        for _ in range(50):
            refusal(known, schema_id)
            schema_id += 1
        known.committed()
        held_up += clock.now - before
        clock.now += 0.1  # the good traffic of a transaction
    budget = (periods + 1) * lookup_budget.CAPACITY_SECONDS
    listing = periods * lookup_budget.FILL_SECONDS / 0.2 * 4 * LATENCY  # five times a second, four subjects
    assert held_up < budget + listing
    assert schema_id > 20_000
    assert len(known._known) + len(known._refused) < 20_000


def test_an_id_of_an_own_subject_is_looked_up_in_a_flood(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    known = make()
    flooded = 1000
    while "not looked up" not in str(refusal(known, flooded)):
        flooded += 1
    registry.add(7, SCHEMA.json, "elsewhere")
    registry.add(8, SCHEMA.json, "input-value", "legit-value")
    clock.now += lookup_budget.FILL_SECONDS / 100
    known._budget.spend(1)
    error = refusal(known, 7)
    assert isinstance(error, UnknownSchemaId)
    assert "schema id 7 was not looked up: too many ids came" in str(error)
    assert known[8].passthrough_topics == {"legit"}
    clock.now += lookup_budget.FILL_SECONDS
    assert known[7].passthrough_topics == frozenset()  # what was not looked up is not remembered as unknown


def test_the_list_of_own_ids_is_an_aid_alone(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    known = make()
    refusal(known, 1)
    known._budget.spend(100)
    registry.fails = NotAuthorised("subjects are not to be listed")
    assert "was not looked up" in str(refusal(known, 2))


def test_a_stop_ends_the_waiting_without_a_dead_letter(make: Callable[..., SchemaDecoders]) -> None:
    known = make(wait=lambda _: True)
    assert isinstance(refusal(known, 7), Unavailable)


def test_ids_beyond_all_registries_cost_nothing(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    known, before = make(), clock.now
    for schema_id in range(2**31, 2**31 + 100):
        assert isinstance(refusal(known, schema_id), InvalidSchemaId)
    assert (registry.asked, clock.now) == ([], before)
    assert not known._known
    assert not known._refused


@pytest.mark.parametrize("schema_id", [1, 2, 3])
def test_an_error_that_is_raised_often_does_not_grow(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], schema_id: int
) -> None:
    def traceback_depth(error: BaseException) -> int:
        depth, traceback = 0, error.__traceback__
        while traceback:
            depth, traceback = depth + 1, traceback.tb_next
        return depth

    registry.add(1, INVOICE)
    registry.add(2, NEWER)
    known = make()
    refusal(known, schema_id)
    second = traceback_depth(refusal(known, schema_id))
    for _ in range(10):
        assert traceback_depth(refusal(known, schema_id)) == second


@pytest.mark.parametrize(
    ("schema", "error"),
    [
        (INVOICE, WrongRecordError),
        (NotAnAvroSchema("schema id 9 is JSON"), NotAnAvroSchema),
        ({"type": "array", "items": "nowhere"}, WrongRecordError),
    ],
)
def test_what_waiting_cannot_mend_is_not_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock, schema: Any, error: type[Exception]
) -> None:
    registry.add(9, schema)
    known = make()
    for _ in range(3):
        assert type(refusal(known, 9)) is error
        later(known, clock)
    assert clock.waited == 0
    assert registry.asked == [9]


def test_a_schema_nested_too_deeply_is_the_messages_fault(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    for schema_id, depth in enumerate((100, 300, 900), 1):
        deep: Any = "int"
        for _ in range(depth):
            deep = {"type": "array", "items": deep}
        field = {"name": "deep", "type": deep, "default": []}
        registry.add(schema_id, {**SCHEMA.json, "fields": [*SCHEMA.json["fields"], field]})
        assert isinstance(refusal(make(), schema_id), (WrongRecordError, FieldWouldBeLost))


def test_an_answer_of_no_registry_is_no_messages_fault(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    known = make()
    for error in (UsageError("answered 404: not the base of a registry"), ContractError("no schema in JSON")):
        registry.fails = error
        assert isinstance(refusal(known, 7), Unavailable)
    registry.fails = None
    registry.add(7, SCHEMA.json)
    assert known[7].native


def test_an_id_that_the_registry_keeps_to_itself(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    known = make()
    registry.fails = NotAuthorised("schema id 7: answered 403")
    assert isinstance(refusal(known, 7), ForbiddenSchemaId)
    assert clock.waited == 0
    registry.fails = NotAuthorised("subject legit-value: answered 401")
    assert isinstance(refusal(known, 8), NotAuthorised)


def test_a_newer_schema_is_passed_through_where_it_is_registered(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    registry.add(7, NEWER, "legit-value", "fraud-value", "input-value")
    decoder = make()[7]
    assert decoder.passthrough_topics == {"legit", "fraud"}
    assert decoder.lost == ("note",)


def test_a_field_is_never_lost_in_silence(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    registry.add(7, NEWER, "legit-value", "input-value")
    known = make()
    error = refusal(known, 7)
    assert isinstance(error, FieldWouldBeLost)
    assert str(error) == (
        "schema id 7 has data that fraud can't take (note): it is not registered under fraud-value, and the schema "
        "there, id 1, has no place for it; register it there (scripts/register-schemas), then put the message back "
        "(scripts/redrive)"
    )
    registry.add(7, NEWER, "legit-value", "input-value", "fraud-value")
    later(known, clock)
    assert known[7].passthrough_topics == {"legit", "fraud"}


def test_a_registration_that_a_follower_does_not_list_yet_is_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    registry.add(7, NEWER, "legit-value", "fraud-value", listed_at=clock.now + 0.2)
    assert make()[7].passthrough_topics == {"legit", "fraud"}
    assert 0 < clock.waited < 1


def test_only_topics_that_the_rules_pass_on_to_count(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    registry.add(7, NEWER, "legit-value", "fraud-value")
    destinations = {"legit", "fraud"}
    known = make(destinations=destinations)
    assert known[7].passthrough_topics == {"legit", "fraud"}
    destinations.add("stage")  # other rules, with a stage of their own
    assert isinstance(refusal(known, 7), FieldWouldBeLost)
    destinations.remove("stage")


def test_what_loses_nothing_is_reencoded(registry: FakeRegistry, make: Callable[..., SchemaDecoders]) -> None:
    registry.add(7, REVERSED)
    known = make()
    decoder = known[7]
    assert decoder.passthrough_topics == frozenset()
    assert decoder.lost == ()
    body = b"\x0a\x06EUR\x02\x05\x02b\x02a" + ID
    assert known.framed(known.own_body(decoder, body), "legit") == b"\x00\x00\x00\x00\x01" + BODY
    assert (known.take_reencoded(), known.take_reencoded()) == (1, 0)
    known.framed(BODY, "legit")
    known.aborted()
    assert known.take_reencoded() == 0


def test_a_value_that_the_outputs_schema_cannot_hold_is_the_messages_fault(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    amount = {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2}
    fields = [{**field, "type": amount} if field["name"] == "amount" else field for field in SCHEMA.json["fields"]]
    registry.add(7, {**SCHEMA.json, "fields": fields})
    known = make()
    large = b"\x12" + (10**20).to_bytes(9, "big")
    body = ID + b"\x02a\x02b" + large + b"\x06EUR\x0a"
    with pytest.raises(PoisonError, match="can't be re-encoded.*amount"):
        known.own_body(known[7], body)


def test_an_alert_may_lack_what_its_schema_has_no_place_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    registry.add(7, NEWER, "legit-value", "fraud-value")
    known = make()
    assert known.own_body(known[7], BODY + b"\x02\x04hi") == BODY


GUID = HeaderSchemaId(UUID("faf361af-fef4-8ae1-c084-57b4184b8584"))


def test_a_schema_id_in_a_header_is_that_of_a_bare_body(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    registry.add(7, SCHEMA.json, "legit-value", "fraud-value")
    registry.guids[GUID.id] = 7  # type: ignore[index]
    known = make()
    for schema_id in (GUID, HeaderSchemaId(7)):
        decoder = known[schema_id]
        assert decoder.passthrough_topics == {"legit", "fraud"}
        assert decoder.body(BODY) == BODY
    assert known[7].body(b"\x00\x00\x00\x00\x07" + BODY) == BODY
    assert known[GUID] is known[GUID]


def test_a_guid_of_another_context_is_read_and_belongs_to_no_topic(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    registry.add(7, REVERSED, "legit-value", "fraud-value")
    registry.guids[GUID.id] = 7  # type: ignore[index]
    registry.other_contexts.add(7)
    assert make()[GUID].passthrough_topics == frozenset()


def test_a_guid_that_is_not_known_yet_is_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    registry.guids[GUID.id] = 7  # type: ignore[index]
    registry.add(7, SCHEMA.json, "legit-value", "fraud-value", visible_at=clock.now + 1)
    known = make()
    assert known[GUID].native
    assert clock.waited > 0
    error = refusal(known, HeaderSchemaId(UUID(int=1)))
    assert isinstance(error, UnknownSchemaId)


def test_a_registry_without_guids_is_not_waited_for(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders], clock: Clock
) -> None:
    registry.knows_no_guids = True
    known = make()
    assert isinstance(refusal(known, GUID), GuidsUnknown)
    assert clock.waited == 0
    assert isinstance(refusal(known, GUID), GuidsUnknown)
    assert registry.asked == [GUID]


def test_a_guid_of_an_own_subject_is_looked_up_in_a_flood(
    registry: FakeRegistry, make: Callable[..., SchemaDecoders]
) -> None:
    registry.guids[GUID.id] = 8  # type: ignore[index]
    registry.add(8, SCHEMA.json, "input-value", "legit-value", "fraud-value")
    known = make()
    known._budget.spend(100)
    assert "was not looked up" in str(refusal(known, HeaderSchemaId(UUID(int=1))))
    assert known[GUID].native


def test_topics_of_other_schemas_are_refused_at_start(tmp_path: Path) -> None:
    from services.contracts import load_contracts

    contracts = load_contracts()
    require_equal_schemas([contracts.topic("streaming.transactions.legit")], SCHEMA)
    with pytest.raises(
        ContractError, match=r"topic streaming.alerts carries .*alert.avsc; expected .*transaction.avsc"
    ):
        require_equal_schemas([contracts.topic("streaming.alerts")], SCHEMA)
