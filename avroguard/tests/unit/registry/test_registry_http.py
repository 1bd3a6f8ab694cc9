"""Answers of a registry, or of another server in its place, to any request; and the requests we send."""

import base64
import contextlib
from collections.abc import Callable

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avroguard.avro.schema import parse_schema
from avroguard.errors import ContractError, ExpectedError, NotAuthorised, Unavailable, UsageError
from avroguard.levels import Level
from avroguard.registry.client import Registry
from avroguard.registry.schema_ids import InvalidSchemaId, NotAnAvroSchema
from avroguard.registry.settings import RegistrySettings

Handler = Callable[[httpx2.Request], httpx2.Response]
TYPES = httpx2.Response(200, json=["AVRO"])
# As Confluent's registry 8.1.5 answers when its broker is stalled, and when no node is the leader.
TIMED_OUT = httpx2.Response(500, json={"error_code": 50002, "message": "Register operation timed out"})
NO_LEADER = httpx2.Response(500, json={"error_code": 50004, "message": "Leader not known."})
SCHEMA = parse_schema("s.avsc", b'"int"')


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("avroguard.registry.http.time.sleep", made.append)
    return made


def registry(handler: Handler, url: str = "http://schemas.test/api/", **settings: object) -> Registry:
    return Registry(RegistrySettings.load(url=url, **settings), transport=httpx2.MockTransport(handler))


def answering(*responses: httpx2.Response | Exception) -> Handler:
    remaining = list(responses)

    def handler(request: httpx2.Request) -> httpx2.Response:
        response = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if isinstance(response, Exception):
            raise response
        return httpx2.Response(response.status_code, content=response.content, headers=response.headers)

    return handler


@pytest.mark.parametrize(
    "passing",
    [
        httpx2.Response(500),
        httpx2.Response(503, text="<html>busy</html>"),
        httpx2.Response(429),
        httpx2.Response(200, text="<html>log in</html>"),
        httpx2.Response(302, headers={"Location": "http://elsewhere"}),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("cut"),
    ],
)
def test_what_may_pass_is_tried_again(passing: httpx2.Response | Exception, pauses: list[float]) -> None:
    registry(answering(passing, passing, TYPES)).ping()
    assert len(pauses) == 2
    assert pauses[1] > pauses[0] / 3


@pytest.mark.parametrize(
    ("lasting", "said"),
    [
        (httpx2.Response(500), "answered 500 Internal Server Error \\(tried 4 times\\)"),
        (TIMED_OUT, "answered 500 Internal Server Error \\(50002\\): Register operation timed out \\(tried 4 times\\)"),
        (NO_LEADER, "answered 500 Internal Server Error \\(50004\\): Leader not known. \\(tried 4 times\\)"),
        (httpx2.Response(503, json={}), "answered 503 Service Unavailable \\(tried 4 times\\)"),
        (httpx2.Response(200, text="<html>"), "something that is not JSON"),
        (httpx2.Response(302), "redirects elsewhere"),
        (httpx2.ConnectError("refused"), "refused"),
        (httpx2.ReadTimeout(""), "no answer within 10 s"),
    ],
)
def test_what_lasts_names_the_endpoint_and_is_no_messages_fault(
    lasting: httpx2.Response | Exception, said: str, pauses: list[float]
) -> None:
    with pytest.raises(Unavailable, match=said) as caught:
        registry(answering(lasting)).schema_by_id(7)
    assert "GET http://schemas.test/api/schemas/ids/7" in str(caught.value)
    assert "tried 4 times" in str(caught.value)
    assert len(pauses) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_not_tried_again(status: int, pauses: list[float]) -> None:
    with pytest.raises(NotAuthorised, match=rf"answered {status}.*SCHEMA_REGISTRY_BASIC_AUTH") as caught:
        registry(answering(httpx2.Response(status))).ping()
    assert caught.value.exit_code == 4
    assert not pauses


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(404),
        httpx2.Response(404, text="<html>not here</html>"),
        httpx2.Response(404, json={"error_code": 404, "message": "HTTP 404 Not Found"}),
    ],
)
def test_a_404_of_something_else_is_never_taken_for_an_unknown_id(response: httpx2.Response) -> None:
    with pytest.raises(UsageError, match="SCHEMA_REGISTRY_URL is not the base of a registry's Confluent API"):
        registry(answering(response)).schema_by_id(7)


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(409),
        httpx2.Response(409, text="Incompatible"),
        httpx2.Response(409, json={"error_code": 409, "message": "Incompatible"}),
        httpx2.Response(418, json=["odd"]),
        httpx2.Response(400, json={"detail": "odd", "title": "x"}),
        httpx2.Response(200, json=["not", "an", "object"]),
        httpx2.Response(200, json={"compatibilityLevel": "SOMETIMES"}),
        httpx2.Response(200, json={}),
    ],
)
def test_a_refusal_of_any_shape_names_subject_and_endpoint(response: httpx2.Response) -> None:
    with pytest.raises(ContractError) as caught:
        registry(answering(response)).compatibility_level("s-value")
    assert "subject s-value" in str(caught.value)
    assert "GET http://schemas.test/api/config/s-value" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "todo"),
    [
        (409, 40901, "avroguard check --against registry says what is incompatible"),
        (409, 409, "avroguard check --against registry says what is incompatible"),
        (422, 42201, "avroguard lint may say why"),
        (422, 422, "avroguard lint may say why"),
        (422, 42205, "it is not in mode READWRITE"),
        (418, 41800, "no reason given"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, code: int, todo: str) -> None:
    answer = httpx2.Response(status, json={"error_code": code})
    with pytest.raises(ContractError) as caught:
        registry(answering(answer)).register("s-value", SCHEMA)
    said = (
        f"subject s-value: registering s.avsc: POST http://schemas.test/api/subjects/s-value/versions answered {status}"
    )
    assert str(caught.value).startswith(f"{said} ({code}): no reason given")
    assert todo in str(caught.value)


@pytest.mark.parametrize(
    "body", [{"schema": 3}, {"schema": "{"}, {}, {"schema": "x", "version": "1", "id": 1}, {"id": None, "version": 1}]
)
def test_a_version_that_makes_no_sense(body: dict[str, object]) -> None:
    with pytest.raises(ContractError, match="versions/1"):
        registry(answering(httpx2.Response(200, json=body))).version("s", 1)


def test_the_id_of_another_kind_of_schema_is_the_messages_fault() -> None:
    with pytest.raises(NotAnAvroSchema, match="schema id 24 is JSON, expected AVRO"):
        registry(answering(httpx2.Response(200, json={"schema": "{}", "schemaType": "JSON"}))).schema_by_id(24)


def test_an_id_that_is_no_java_int_is_not_asked_for() -> None:
    client = registry(answering(httpx2.Response(404, json={"error_code": 404, "message": "HTTP 404 Not Found"})))
    for call in (client.schema_by_id, client.subjects_of):
        with pytest.raises(InvalidSchemaId, match="schema id 2147483648 is in no registry"):
            call(2**31)
    with pytest.raises(UsageError):
        client.schema_by_id(2**31 - 1)


@pytest.mark.parametrize("text", ["{", '{"items":' * 5000])
def test_a_schema_that_cannot_be_read_is_the_messages_fault(text: str) -> None:
    with pytest.raises(NotAnAvroSchema, match="schema id 24: not JSON, or nested too deeply"):
        registry(answering(httpx2.Response(200, json={"schema": text}))).schema_by_id(24)


def test_an_id_with_references_is_asked_for_whole() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        text = '"long"' if request.url.query == b"format=resolved" else '"ex.A"'
        references = [{"name": "ex.A", "subject": "a", "version": 1}]
        return httpx2.Response(200, json={"schema": text, "references": references})

    assert registry(handler).schema_by_id(5) == "long"


@pytest.mark.parametrize(
    ("reference", "said"),
    [({"version": 1}, "answered with a schema within itself"), ({}, "answered with a reference to no version")],
)
def test_references_that_lead_nowhere_are_an_error(reference: dict[str, int], said: str) -> None:
    references = [{"name": "ex.A", "subject": "a", **reference}]
    body = {"version": 1, "id": 5, "schema": '"ex.A"', "references": references}
    with pytest.raises(ContractError, match=said):
        registry(answering(httpx2.Response(200, json=body))).schema_by_id(5)


words = st.sampled_from(["schema", "id", "version", "subject", "references", "schemaType", "error_code", "message"])
answers = st.recursive(
    st.none() | st.booleans() | st.integers(40000, 50000) | st.sampled_from(["", "AVRO", "{", '"int"', "FULL"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(words | st.just("compatibilityLevel"), inner, max_size=4)
    ),
    max_leaves=8,
)
CALLS: list[Callable[[Registry], object]] = [
    lambda client: client.ping(),
    lambda client: client.schema_by_id(1),
    lambda client: client.subjects_of(1),
    lambda client: client.find("s", SCHEMA),
    lambda client: client.require("s", SCHEMA),
    lambda client: client.history("s"),
    lambda client: client.register("s", SCHEMA),
    lambda client: client.compatibility_level("s"),
    lambda client: client.set_compatibility_level("s", Level.FULL),
    lambda client: client.set_compatibility_level("s", None),
    lambda client: client.is_compatible("s", SCHEMA, "all"),
]


class Answers(httpx2.BaseTransport):
    """Answers with each body in turn, and with the last one from then on."""

    status: int
    bodies: list[object]

    def handle_request(self, _: httpx2.Request) -> httpx2.Response:
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        return httpx2.Response(self.status, json=body)


ANSWERS = Answers()
ASKED = Registry(RegistrySettings.load(url="http://schemas.test", retries=0), transport=ANSWERS)


@given(st.sampled_from(CALLS), st.sampled_from([200, 201, 204, 400, 404, 409, 422]), st.lists(answers, min_size=1))
def test_any_answer_ends_in_a_result_or_an_error_of_ours(
    call: Callable[[Registry], object], status: int, bodies: list[object]
) -> None:
    ANSWERS.status, ANSWERS.bodies = status, bodies
    ASKED._by_id.clear()
    with contextlib.suppress(ExpectedError):
        call(ASKED)


def test_several_urls_are_tried_in_turn() -> None:
    hosts: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        return httpx2.Response(503) if request.url.host == "one.test" else TYPES

    registry(handler, "http://one.test, http://two.test:8081/").ping()
    assert hosts == ["one.test", "two.test"]


@pytest.mark.parametrize(
    ("url", "settings", "expected"),
    [
        ("http://schemas.test", {"basic_auth": "me:pa:ss"}, "Basic " + base64.b64encode(b"me:pa:ss").decode()),
        ("http://me:p%40ss@registry.test", {}, "Basic " + base64.b64encode(b"me:p@ss").decode()),
        ("http://schemas.test", {"bearer_token": "token"}, "Bearer token"),
        ("http://me:pass@registry.test", {"bearer_token": "token"}, "Bearer token"),
        ("http://schemas.test", {}, None),
    ],
)
def test_credentials_are_sent(url: str, settings: dict[str, str], expected: str | None) -> None:
    seen: list[str | None] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("Authorization"))
        return TYPES

    registry(handler, url, **settings).ping()
    assert seen == [expected]


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500])
def test_credentials_are_in_no_message(status: int, pauses: list[float]) -> None:
    client = registry(answering(httpx2.Response(status)), "http://me:concealed@registry.test", basic_auth="you:hidden")
    with pytest.raises(ExpectedError) as caught:
        client.ping()
    for text in (str(caught.value), repr(caught.value), str(client), repr(client._settings)):
        assert "concealed" not in text
        assert "hidden" not in text
