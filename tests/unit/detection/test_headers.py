"""Headers of messages, read once for consecutive messages with the same."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.contracts import SCHEMA_ID_HEADER, HeaderSchemaId
from services.contracts.codec.header_ids import SchemaIdHeaderError
from services.detection.headers import FIRED, VERSION, HeaderRuns, without_schema_id
from services.detection.incoming import Records
from services.streaming.record_headers import Headers
from services.streaming.record_size import headers_size

GUID = UUID("faf361af-fef4-8ae1-c084-57b4184b8584")
NAMES = st.sampled_from([VERSION, FIRED, SCHEMA_ID_HEADER, "trace"])
CONTENTS = st.sampled_from([None, b"", b"a,b", b"v1", b"\x01" + GUID.bytes, b"\x00\x00\x00\x00\x07"])
HEADERS = st.none() | st.lists(st.tuples(NAMES, CONTENTS), max_size=3)


def each(headers: Headers | None) -> HeaderRuns:
    return HeaderRuns.of([headers])


@given(st.lists(HEADERS, max_size=8), st.sampled_from([0, 60]))
def test_runs_say_of_each_message_what_its_own_headers_say(some: list[Headers | None], without: int) -> None:
    headers = [*[None] * without, *some, *[None] * without]
    runs = HeaderRuns.of(headers)
    assert sum(runs.lengths) == len(headers)
    assert runs.by_message(runs.headers) == headers
    assert runs.sizes() == [headers_size(own or ()) for own in headers]
    assert runs.largest == max((headers_size(own) for own in headers if own), default=0)
    assert runs.verdicts() == [verdict for own in headers for verdict in each(own).verdicts()]
    alone = {row: schema_id for row, own in enumerate(headers) for schema_id in each(own).schema_ids().values()}
    assert {row: str(schema_id) for row, schema_id in runs.schema_ids().items()} == {
        row: str(schema_id) for row, schema_id in alone.items()
    }


def test_messages_without_headers_are_one_run() -> None:
    runs = HeaderRuns.of([None] * 5000)
    assert (runs.headers, runs.lengths) == ((None,), (5000,))
    assert runs.schema_ids() == {}


def test_schema_ids_and_what_is_wrong_with_them() -> None:
    good: Headers = [("trace", b"7"), (SCHEMA_ID_HEADER, b"\x01" + GUID.bytes)]
    schema_ids = HeaderRuns.of([None, good, good, [("trace", b"7")], [(SCHEMA_ID_HEADER, b"?")]]).schema_ids()
    assert schema_ids.keys() == {1, 2, 4}
    assert schema_ids[1] == schema_ids[2] == HeaderSchemaId(GUID)
    assert isinstance(schema_ids[4], SchemaIdHeaderError)


def test_a_part_of_messages_has_its_own_runs() -> None:
    headers: list[Headers | None] = [None, [("trace", b"1")], [("trace", b"1")], None]
    incoming = Records([None] * 4, headers)  # type: ignore[list-item]
    assert incoming.part(0, 4) is incoming
    assert incoming.part(1, 3).runs.lengths == [2]


def test_only_the_schema_id_is_taken_away() -> None:
    assert without_schema_id(None) is None
    assert without_schema_id([("a", b"1"), (SCHEMA_ID_HEADER, b"x"), ("b", None)]) == [("a", b"1"), ("b", None)]
