"""References, metadata and listings as the registries answered."""

import re

import httpx2
import pytest

from avroguard.avro.schema import Reference, Schema, parse_schema
from avroguard.config.subjects import SubjectContract
from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.places import Place
from avroguard.registration.metadata_and_rules import missing_extras
from avroguard.registry.client import Registration, Registry
from support.fake_registry import FakeRegistry
from support.registry_replay import APICURIO, CONFLUENT, KARAPACE, PRODUCTS, SETTINGS, Replay, replaying, schema_of

both = pytest.mark.parametrize("product", PRODUCTS)
ADDR = parse_schema("addr.avsc", schema_of("ref: register base"))


def customer() -> Schema:
    shared = {"ex.Addr": Reference("ex.Addr", "addr", ADDR)}
    return parse_schema("cust.avsc", schema_of("ref: register"), shared)


class WithAddr(httpx2.BaseTransport):
    """Registry with the schema that is referred to; it answers the rest as recorded."""

    def __init__(self, product: str, *cases: str, version: int | None = 1) -> None:
        self.version = version
        self.replay = Replay(product, *cases)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not re.fullmatch("/subjects/addr(/versions/.+)?", request.url.path):
            return self.replay.handle_request(request)
        if self.version is None:
            return httpx2.Response(404, json={"error_code": 40401, "message": "Subject not found"})
        body = {"subject": "addr", "version": self.version, "id": 26, "schema": ADDR.canonical}
        return httpx2.Response(200, json=body)


def registry(product: str, *cases: str, version: int | None = 1) -> Registry:
    return Registry(SETTINGS, transport=WithAddr(product, *cases, version=version))


def test_a_schema_is_registered_with_its_references() -> None:
    assert registry(CONFLUENT, "ref: register").register("cust", customer()) == Registration("cust", 1, 27)
    assert registry(CONFLUENT, "ref: again").register("cust", customer()) == Registration("cust", 1, 27)


@both
@pytest.mark.parametrize("case", ["ref: missing version"])
def test_a_refused_reference_is_named(product: str, case: str) -> None:
    with pytest.raises(ContractError, match=r"subject cust2: registering cust.avsc: POST .* answered 422 \(42201\)"):
        registry(product, case, version=9).register("cust2", customer())


@both
def test_what_refers_to_something_unregistered_is_not_registered(product: str) -> None:
    nothing = registry(product, version=None)
    assert nothing.look_up("cust", customer()) is None
    assert nothing.is_compatible("cust", customer())
    with pytest.raises(ContractError, match=r"cust.avsc refers to ex.Addr under addr: register that first"):
        nothing.register("cust", customer())


@both
def test_references_of_a_version(product: str) -> None:
    stored = registry(product, "ref: readback", "ref: resolved").version("cust")
    assert stored.references == ({"name": "ex.Addr", "subject": "addr", "version": 1},)
    assert stored.text["fields"][0]["type"] in ("Addr", "ex.Addr")
    assert stored.schema["fields"][0]["type"]["name"] == "Addr"


def test_metadata_are_registered_and_dropped_by_one_registry_without_a_word() -> None:
    case, metadata = "req: metadata", {"properties": {"owner": "me"}}
    schema = parse_schema("user.avsc", schema_of(case))
    assert replaying(CONFLUENT, case).register("r9", schema, metadata=metadata) == Registration("r9", 1, 23)
    contract = SubjectContract("r9", schema, Level.FULL, Place("contracts.toml", 1), metadata)
    registered = {product: replaying(product, "req: metadata readback").version("r9", 1) for product in PRODUCTS}
    keeps = {product: not missing_extras(contract, registered[product], FakeRegistry()) for product in PRODUCTS}
    assert keeps == {CONFLUENT: True, APICURIO: False, KARAPACE: False}


@both
def test_whether_a_registry_keeps_metadata(product: str) -> None:
    assert replaying(product, "meta version").keeps_metadata() is (product == CONFLUENT)


@both
def test_listing_subjects(product: str) -> None:
    assert replaying(product, "subjects").subjects() == ["s1", "s2", "s3"]
    assert replaying(product, "subjects empty").subjects() == []


@both
def test_the_registrys_own_level(product: str) -> None:
    config = replaying(product, "config s1 defaultToGlobal").config_in_scope("s1")
    assert config.level is {CONFLUENT: Level.BACKWARD, APICURIO: Level.NONE, KARAPACE: Level.BACKWARD}[product]
    unknown = ["config unknown subj defToGlobal"]
    if product != CONFLUENT:
        unknown.append("config global default")
    assert replaying(product, *unknown).config_in_scope("nope") == config


@pytest.mark.parametrize("kind", ["JSON", "PROTOBUF"])
def test_what_is_not_avro_is_said(kind: str) -> None:
    body = {"subject": "js", "version": 1, "id": 3, "schemaType": kind, "schema": "{}"}
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, json=body))
    with pytest.raises(ContractError, match=f"subject js: reading version 1: it is {kind}, expected AVRO"):
        Registry(SETTINGS, transport=answer).version("js", 1)
