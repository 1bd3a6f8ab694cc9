"""The least permissions of each program, by its settings."""

import pytest

from services.contracts import Contracts, load_contracts
from services.errors import ContractError
from services.streaming.access import Access, Permission
from services.streaming.authorisation import ALTER, DESCRIBE, READ, WRITE
from services.streaming.topics import TopicNeed
from tools.acls.__main__ import acls_of
from tools.acls.programs import chosen, programs
from tools.local_cluster.security import ADMIN, USERS


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts()


def needs(contracts: Contracts, program: str) -> set[tuple[str, str]]:
    """Return operation and resource of each permission of a program."""
    (access,) = chosen(programs(contracts), [program])
    return {(permission.operation, permission.name) for permission in access.permissions}


def test_describe_is_left_out_where_it_is_implied() -> None:
    topics = [TopicNeed("a", 1, (DESCRIBE, READ, WRITE)), TopicNeed("b", 1), TopicNeed("c", 1, (DESCRIBE, ALTER))]
    access = Access(
        "p", [*topics, topics[0], TopicNeed("c", 1)], {"g": (DESCRIBE,)}, transactional_id="p.", has_instances=True
    )
    assert access.permissions == [
        Permission("TOPIC", "a", "LITERAL", "READ"),
        Permission("TOPIC", "a", "LITERAL", "WRITE"),
        Permission("TOPIC", "b", "LITERAL", "DESCRIBE"),
        Permission("TOPIC", "c", "LITERAL", "ALTER"),
        Permission("GROUP", "g", "LITERAL", "DESCRIBE"),
        Permission("TRANSACTIONAL_ID", "p.", "PREFIXED", "WRITE"),
    ]
    assert Access("p", transactional_id="p").permissions == [Permission("TRANSACTIONAL_ID", "p", "LITERAL", "WRITE")]


def test_settings_decide_what_a_service_needs(contracts: Contracts, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = (WRITE, "queueing.transactions.labels")
    assert labels not in needs(contracts, "generator")
    assert ("READ", "streaming.transactions.legit") not in needs(contracts, "notifier")
    monkeypatch.setenv("SCENARIOS", "standard")
    monkeypatch.setenv("SCORES_TOPIC", "streaming.scores")
    monkeypatch.setenv("STATE_TOPIC", "off")
    monkeypatch.setenv("INPUT_KEYED", "repartition")
    monkeypatch.setenv("CONSUMER_GROUP", "blue")
    assert labels in needs(contracts, "generator")
    detector = needs(contracts, "detector")
    assert {(WRITE, "streaming.scores"), (READ, "blue"), (WRITE, "blue.")} <= detector
    assert {(READ, "streaming.transactions.by-target"), (WRITE, "streaming.transactions.by-target")} <= detector
    assert "streaming.transactions.state" not in {name for _, name in detector}


def test_a_daily_report_needs_what_it_counts(
    contracts: Contracts, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("notifications") / "notifications.toml"
    file.write_text(
        '[route]\nreceivers = ["desk"]\n[receivers.desk]\ntype = "email"\nto = ["a@example.com"]\n'
        'from = "b@example.com"\nhost = "localhost"\n[report]\nat = "08:00"\nreceivers = ["desk"]\n'
    )
    monkeypatch.setenv("NOTIFICATIONS_FILE", str(file))
    counted = ("streaming.transactions.legit", "streaming.transactions.fraud", "streaming.decisions")
    assert {(READ, topic) for topic in counted} <= needs(contracts, "notifier")


def test_only_detectors_and_redrives_write_repartition_topics_and_state(contracts: Contracts) -> None:
    internal = {"streaming.transactions.by-source", "streaming.transactions.by-target", "streaming.transactions.state"}
    writers = {
        access.program
        for access in programs(contracts)
        for permission in access.permissions
        if permission.operation == WRITE and permission.name in internal
    }
    assert writers == {"detector", "redrive"}


def test_every_program_has_a_user_on_the_local_cluster(contracts: Contracts) -> None:
    assert {access.program for access in programs(contracts)} == set(USERS) - {ADMIN, "register-schemas"}


def test_users_may_have_other_names(contracts: Contracts) -> None:
    acls = acls_of(chosen(programs(contracts), ["generator"]), {"generator": "CN=generator"})
    assert {acl.principal for acl in acls} == {"User:CN=generator"}


def test_an_unknown_program_is_named_with_the_known_ones(contracts: Contracts) -> None:
    with pytest.raises(ContractError, match="no program detectr; expected one of generator, detector, "):
        chosen(programs(contracts), ["detectr"])
