import json

import pytest

from avroguard.avro.document import parse_json
from avroguard.avro.schema import Schema, parse_schema
from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.registry.client import Registration, Registry
from avroguard.registry.schema_ids import UnknownSchemaId
from support.registry_replay import APICURIO, CONFLUENT, KARAPACE, PRODUCTS, SETTINGS, Replay, replaying, schema_of

both = pytest.mark.parametrize("product", PRODUCTS)


def sent(case: str) -> Schema:
    return parse_schema("user.avsc", schema_of(case))


@both
def test_ping_is_answered(product: str) -> None:
    replaying(product, "types").ping()


@both
def test_schema_by_id_is_parsed_and_asked_for_once(product: str) -> None:
    registry = replaying(product, "schemas/ids")
    assert registry.schema_by_id(1) == json.loads(schema_of("register s1 v1"))
    assert registry.schema_by_id(1)["name"] == "User"


@both
def test_an_unknown_id_is_the_messages_fault_and_asked_for_again(product: str) -> None:
    registry = replaying(product, "schemas/ids unknown", "schemas/ids unknown")
    for _ in range(2):
        with pytest.raises(UnknownSchemaId, match="schema id 99999 is not in the registry at http://schemas.test"):
            registry.schema_by_id(99999)


@both
def test_subjects_of_an_id(product: str) -> None:
    assert replaying(product, "schemas/ids/versions").subjects_of(1) == {"s1", "s2", "s3"}


@both
def test_subjects_of_an_unknown_id(product: str) -> None:
    if product == KARAPACE:
        assert not replaying(product, "ids/versions unknown").subjects_of(99999)
        return
    with pytest.raises(UnknownSchemaId, match="99999"):
        replaying(product, "ids/versions unknown").subjects_of(99999)


@both
@pytest.mark.parametrize("case", ["lookup", "lookup whitespace", "lookup key order"])
def test_find_does_not_mind_spelling(product: str, case: str) -> None:
    # Karapace has a version for each spelling, and finds the last one.
    number = 2 if product == KARAPACE else 1
    assert replaying(product, case).look_up("s1", sent(case)) == Registration("s1", number, number)


@both
@pytest.mark.parametrize(("case", "subject"), [("lookup unknown schema", "s1"), ("lookup unknown subject", "nope")])
def test_find_and_require_what_is_not_registered(product: str, case: str, subject: str) -> None:
    assert replaying(product, case).look_up(subject, sent(case)) is None
    expected = f"subject {subject}: user.avsc is not registered; run avroguard register"
    latest = "version latest" if subject == "s1" else "unknown subject latest"
    with pytest.raises(ContractError, match=expected):
        replaying(product, latest, case).require(subject, sent(case))


def test_find_an_invalid_schema() -> None:
    schema = Schema(parse_json("bad.avsc", schema_of("lookup invalid")))
    with pytest.raises(
        ContractError, match=r"subject s1: looking up bad.avsc: POST .*/subjects/s1 answered 422 \(42201\)"
    ):
        replaying(CONFLUENT, "lookup invalid").look_up("s1", schema)
    assert replaying(APICURIO, "lookup invalid").look_up("s1", schema) is None


@both
def test_versions(product: str) -> None:
    assert replaying(product, "versions s1").versions("s1") == ([1, 2] if product == KARAPACE else [1])
    assert replaying(product, "unknown subject versions").versions("nope") == []


@both
def test_a_version_is_parsed(product: str) -> None:
    version = replaying(product, "get v1 s1 (text kept?)").version("s1", 1)
    assert (version.subject, version.version, version.id) == ("s1", 1, 1)
    assert version.schema == json.loads(schema_of("register s1 v1"))


@both
def test_the_latest_version_has_its_number(product: str) -> None:
    latest = replaying(product, "version latest").version("s1")
    assert (latest.version, latest.id) == {CONFLUENT: (5, 5), APICURIO: (4, 6), KARAPACE: (6, 6)}[product]


@both
@pytest.mark.parametrize(
    ("case", "subject", "version"), [("unknown subject latest", "nope", "latest"), ("unknown version", "s1", 99)]
)
def test_a_version_that_is_not_there_is_named(product: str, case: str, subject: str, version: int | str) -> None:
    with pytest.raises(ContractError, match=rf"subject {subject}: reading version {version}: GET .* answered 404"):
        replaying(product, case).version(subject, version)


@both
def test_history_is_every_version(product: str) -> None:
    cases = ["get v1 s1 (text kept?)"] * (2 if product == KARAPACE else 1)
    registry = Registry(SETTINGS, transport=Replay(product, "versions s1", *cases, any_number=True))
    assert len(registry.history("s1")) == len(cases)


def test_register_says_version_and_id() -> None:
    case = "register s1 v1"
    assert replaying(CONFLUENT, case).register("s1", sent(case)) == Registration("s1", 1, 1)
    # Others answer with the id alone: the version is the latest, if that is the schema, or looked up.
    latest = Replay(APICURIO, case, "get v1 s1 (text kept?)", any_number=True)
    assert Registry(SETTINGS, transport=latest).register("s1", sent(case)) == Registration("s1", 1, 1)
    assert replaying(APICURIO, case, "version latest", "lookup").register("s1", sent(case)) == Registration("s1", 1, 1)


def test_register_a_change_of_docs_is_a_version_of_confluents_alone() -> None:
    case = "re-reg doc change"
    assert replaying(CONFLUENT, case).register("s1", sent(case)) == Registration("s1", 2, 2)
    asked_again = Replay(APICURIO, case, "version latest", "lookup", any_body=True)
    assert Registry(SETTINGS, transport=asked_again).register("s1", sent(case)) == Registration("s1", 1, 1)


def test_register_what_is_incompatible() -> None:
    case = "register incompatible (default cfg)"
    with pytest.raises(
        ContractError, match=r"subject s4: registering user.avsc: .* answered 409 \(40901\): Schema being"
    ):
        replaying(CONFLUENT, case).register("s4", sent(case))


def test_register_under_a_read_only_subject() -> None:
    case = "mode register in READONLY"
    with pytest.raises(ContractError, match=r"answered 422 \(42205\): Subject s1 .*read-only"):
        replaying(CONFLUENT, case).register("s1", sent(case))


@pytest.mark.parametrize(("case", "subject"), [("subject with slash", "a/b"), ("subject with space", "a b")])
def test_subjects_are_quoted(case: str, subject: str) -> None:
    assert replaying(CONFLUENT, case).register(subject, sent(case)).subject == subject


@both
def test_the_level_of_a_subject(product: str) -> None:
    assert replaying(product, "get config unknown subject").compatibility_level("cfgonly") is Level.FULL


@both
def test_the_level_of_a_subject_without_one(product: str) -> None:
    level = replaying(product, "config s1 unset").compatibility_level("s1")
    assert level is {CONFLUENT: None, APICURIO: Level.NONE, KARAPACE: None}[product]


@both
@pytest.mark.parametrize(("case", "subject"), [("put config s1 FULL", "s1"), ("put config unknown subject", "cfgonly")])
def test_set_a_level(product: str, case: str, subject: str) -> None:
    replaying(product, case).set_compatibility_level(subject, Level.FULL)


@both
@pytest.mark.parametrize("case", ["del config s1", "del config s1 again"])
def test_unset_a_level_that_is_set_or_not(product: str, case: str) -> None:
    replaying(product, case).set_compatibility_level("s1", None)


@both
def test_the_registrys_own_word(product: str) -> None:
    case = "compat latest incompatible"
    # Apicurio's level for a subject is NONE unless it is set.
    assert replaying(product, case).is_compatible("s4", sent(case)) is (product == APICURIO)


@both
@pytest.mark.parametrize(
    ("case", "version"), [("compat unknown subject latest", "latest"), ("compat unknown subject all", "all")]
)
def test_anything_is_compatible_with_an_unknown_subject(product: str, case: str, version: str) -> None:
    cases = [case, "unknown subject versions"] if product == KARAPACE and version == "all" else [case]
    assert replaying(product, *cases).is_compatible("nope", sent(case), version)


@both
def test_the_registrys_word_on_a_version_that_is_not_there(product: str) -> None:
    case = "compat unknown version"
    with pytest.raises(ContractError, match=r"subject s4: checking user.avsc against version 99: .* answered 404"):
        replaying(product, case).is_compatible("s4", sent(case), 99)
