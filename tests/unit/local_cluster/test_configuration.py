import re

import pytest

from tools.local_cluster.kafka import broker_properties, new_cluster_id, properties_text
from tools.local_cluster.registry import registry_environment

REPLICATED = ("default", "offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


@pytest.mark.parametrize(("nodes", "replicas", "in_sync"), [(1, "1", "1"), (2, "2", "2"), (3, "3", "2"), (5, "3", "2")])
def test_replication_follows_the_number_of_brokers(nodes: int, replicas: str, in_sync: str) -> None:
    properties = broker_properties(1, 9092, {node: 20_000 + node for node in range(1, nodes + 1)}, "data")
    assert {properties[f"{topic}.replication.factor"] for topic in REPLICATED} == {replicas}
    assert properties["min.insync.replicas"] == in_sync
    assert properties["transaction.state.log.min.isr"] == in_sync


def test_every_node_names_the_same_quorum_and_its_own_listeners() -> None:
    voters = {2: 20_002, 1: 20_001}
    first, second = (broker_properties(node, 9090 + node, voters, "data") for node in (1, 2))
    assert (
        first["controller.quorum.voters"] == second["controller.quorum.voters"] == "1@127.0.0.1:20001,2@127.0.0.1:20002"
    )
    assert second["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:20002"
    assert second["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert second["node.id"] == "2"


def test_no_topic_is_auto_created_and_hanging_transactions_are_aborted() -> None:
    properties = broker_properties(1, 9092, {1: 20_001}, "data")
    assert properties["auto.create.topics.enable"] == "false"
    assert properties["transaction.abort.timed.out.transaction.cleanup.interval.ms"] == "1000"
    assert properties["group.initial.rebalance.delay.ms"] == "0"


def test_property_values_are_escaped_as_java_reads_them() -> None:
    assert properties_text({"log.dirs": "C:\\données"}) == "log.dirs=C:\\\\donn\\u00e9es\n"


def test_cluster_ids_have_kafkas_form_and_differ() -> None:
    made = {new_cluster_id() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9_-]{21}", cluster_id) for cluster_id in made)


def test_the_registry_listens_on_loopback_and_writes_before_it_answers() -> None:
    settings = registry_environment(8081, 20_001)
    assert settings["QUARKUS_HTTP_HOST"] == settings["QUARKUS_MANAGEMENT_HOST"] == "127.0.0.1"
    assert settings["APICURIO_DATASOURCE_URL"].startswith("jdbc:h2:file:")
    assert "WRITE_DELAY=0" in settings["APICURIO_DATASOURCE_URL"]
