"""Subjects are compared by their plain names where the registry's URL chooses a context."""

import json

import httpx2

from avroguard.avro.schema import parse_schema
from avroguard.registry.client import Registration, Registry
from avroguard.registry.settings import RegistrySettings

BASE = "http://schemas.test/contexts/.ctx2"
# As Confluent Schema Registry 8.1.5 answered, word for word but for the schema.
ANSWERS = {
    "/subjects": [":.ctx2:t11-value"],
    "/schemas/ids/1/versions": [{"subject": ":.ctx2:t11-value", "version": 1}],
    "/subjects/t11-value/versions/latest": {
        "subject": ":.ctx2:t11-value",
        "version": 1,
        "id": 1,
        "guid": "faf361af-fef4-8ae1-c084-57b4184b8584",
        "schemaType": "AVRO",
        "schema": '"ex.User"',
        "references": [{"name": "ex.User", "subject": ":.ctx2:user", "version": 1}],
    },
    "/subjects/t11-value/versions/latest?format=resolved": {
        "subject": ":.ctx2:t11-value", "version": 1, "id": 1, "schemaType": "AVRO", "schema": '"long"',
    },
}  # fmt: skip


def in_context(url: str = BASE) -> Registry:
    def handler(request: httpx2.Request) -> httpx2.Response:
        path = request.url.raw_path.decode().removeprefix("/contexts/.ctx2")
        return httpx2.Response(200, json=ANSWERS[path])

    return Registry(RegistrySettings.load(url=url, retries=0), transport=httpx2.MockTransport(handler))


def test_answers_of_the_chosen_context_are_taken_for_plain_names() -> None:
    registry = in_context()
    assert registry.subjects() == ["t11-value"]
    assert registry.subjects_of(1) == {"t11-value"}
    latest = registry.version("t11-value")
    assert (latest.subject, latest.references[0]["subject"]) == ("t11-value", "user")


def test_subjects_of_another_context_keep_their_qualifier() -> None:
    registry = in_context("http://schemas.test")
    assert registry.subjects() == [":.ctx2:t11-value"]
    assert registry.subjects_of(1) == {":.ctx2:t11-value"}


def test_a_subject_that_looks_qualified_is_left_alone_in_another_context() -> None:
    answer = httpx2.Response(200, json=[":.ctx22:a", ":.ctx2:b", "c"])
    settings = RegistrySettings.load(url=BASE, retries=0)
    registry = Registry(settings, transport=httpx2.MockTransport(lambda _: answer))
    assert registry.subjects() == [":.ctx22:a", "b", "c"]


def test_requests_name_subjects_plainly() -> None:
    paths: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.raw_path.decode())
        return httpx2.Response(404, json={"error_code": 40401, "message": "Subject 't11-value' not found."})

    settings = RegistrySettings.load(url=BASE + "/", retries=0)
    registry = Registry(settings, transport=httpx2.MockTransport(handler))
    assert registry.find("t11-value", parse_schema("s.avsc", json.dumps("long").encode())) is None
    subject = "/contexts/.ctx2/subjects/t11-value"
    assert paths == [f"{subject}/versions/latest", subject]


def test_a_schema_in_another_context_is_not_ours() -> None:
    """Confluent's registry looks into every context where the default one does not have the schema."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(404, json={"error_code": 40401, "message": "Subject 't11-value' not found."})
        return httpx2.Response(200, json={"subject": ":.ctx2:t11-value", "version": 1, "id": 7, "schema": '"long"'})

    schema = parse_schema("s.avsc", json.dumps("long").encode())
    for base, expected in (("http://schemas.test", None), (BASE, Registration("t11-value", 1, 7))):
        settings = RegistrySettings.load(url=base, retries=0)
        registry = Registry(settings, transport=httpx2.MockTransport(handler))
        assert registry.find("t11-value", schema) == expected
