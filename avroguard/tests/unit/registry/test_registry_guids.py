"""Schemas by their GUID, as Confluent's registry has them since 8.0 and others don't."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest

from avroguard.errors import ExpectedError, UsageError
from avroguard.registry.client import Registry
from avroguard.registry.ids import HeaderSchemaId
from avroguard.registry.schema_ids import GuidsUnknown, NotAnAvroSchema, UnknownSchemaId
from avroguard.registry.settings import RegistrySettings

GUID = UUID("faf361af-fef4-8ae1-c084-57b4184b8584")
PATH = f"/schemas/guids/{GUID}"
NOT_FOUND = httpx2.Response(404, json={"error_code": 40403, "message": "Schema not found"})
NO_SUCH_PATH = httpx2.Response(404, json={"error_code": 404, "message": "HTTP 404 Not Found"})
TYPES = httpx2.Response(200, json=["JSON", "PROTOBUF", "AVRO"])
IDS = httpx2.Response(200, json=[{"context": ".", "id": 1}, {"context": ".ctx2", "id": 5}])


def registry(answers: dict[str, httpx2.Response], url: str = "http://schemas.test") -> Registry:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return answers[request.url.raw_path.decode().removeprefix("/contexts/.ctx2").removeprefix("/contexts/.other")]

    return Registry(RegistrySettings.load(url=url, retries=0), transport=httpx2.MockTransport(handler))


@pytest.mark.parametrize(("url", "expected"), [("", 1), ("/contexts/.ctx2", 5), ("/contexts/.other", None)])
def test_the_id_is_that_of_the_urls_context(url: str, expected: int | None) -> None:
    assert registry({f"{PATH}/ids": IDS}, f"http://schemas.test{url}").id_of_guid(GUID) == expected


def test_the_schema_of_a_guid_has_its_references_resolved() -> None:
    plain = {"guid": str(GUID), "schemaType": "AVRO", "schema": '"ex.User"', "references": [{"name": "ex.User"}]}
    resolved = {"guid": str(GUID), "schema": '{"type": "fixed", "name": "ex.User", "size": 2}'}
    answers = {PATH: httpx2.Response(200, json=plain), f"{PATH}?format=resolved": httpx2.Response(200, json=resolved)}
    assert registry(answers).schema_by_guid(GUID) == {"type": "fixed", "name": "ex.User", "size": 2}
    assert registry(answers).schema_of(HeaderSchemaId(GUID))["name"] == "ex.User"


def test_an_id_in_a_header_is_looked_up_as_any_other() -> None:
    answers = {"/schemas/ids/7": httpx2.Response(200, json={"schema": '"long"'})}
    assert registry(answers).schema_of(HeaderSchemaId(7)) == registry(answers).schema_of(7) == "long"


CALLS: list[Callable[[Registry], Any]] = [
    lambda client: client.id_of_guid(GUID),
    lambda client: client.schema_by_guid(GUID),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answers", "error", "said"),
    [
        ({"": NOT_FOUND, "/ids": NOT_FOUND}, UnknownSchemaId, f"schema GUID {GUID} is not in the registry at http://"),
        ({"": NO_SUCH_PATH, "/ids": NO_SUCH_PATH}, GuidsUnknown, "http://schemas.test does not know schema GUIDs"),
        ({"": httpx2.Response(404), "/ids": httpx2.Response(404)}, GuidsUnknown, "producers that put the schema id in"),
    ],
)
def test_what_is_not_there(
    call: Callable[[Registry], Any], answers: dict[str, httpx2.Response], error: type[ExpectedError], said: str
) -> None:
    client = registry({**{PATH + path: answer for path, answer in answers.items()}, "/schemas/types": TYPES})
    with pytest.raises(error) as caught:
        call(client)
    assert said in str(caught.value)


def test_no_id_anywhere_is_unknown() -> None:
    with pytest.raises(UnknownSchemaId):
        registry({f"{PATH}/ids": httpx2.Response(200, json=[])}).id_of_guid(GUID)


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_registry_is_not_taken_for_one_without_guids(call: Callable[[Registry], Any]) -> None:
    with pytest.raises(UsageError, match="not the base of a registry's Confluent API"):
        call(registry({PATH: NO_SUCH_PATH, f"{PATH}/ids": NO_SUCH_PATH, "/schemas/types": NO_SUCH_PATH}))


def test_the_guid_of_another_kind_of_schema() -> None:
    answer = httpx2.Response(200, json={"schemaType": "JSON", "schema": "{}"})
    with pytest.raises(NotAnAvroSchema, match=f"schema GUID {GUID} is JSON, expected AVRO"):
        registry({PATH: answer}).schema_by_guid(GUID)


def test_a_version_has_its_guid() -> None:
    body = {"subject": "s", "version": 1, "id": 1, "schema": '"int"'}
    for guid, expected in ((str(GUID), GUID), ("?", None), (None, None), (7, None)):
        answers = {"/subjects/s/versions/1": httpx2.Response(200, json=body | {"guid": guid})}
        assert registry(answers).version("s", 1).guid == expected
