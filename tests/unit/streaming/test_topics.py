"""Topics: their configuration, the brokers' or the contract's, and the wait for new ones."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ClusterMetadata, ConfigEntry, ConfigResource, TopicMetadata
from structlog.testing import capture_logs

from services.contracts import Contracts, load_contracts
from services.errors import Unavailable
from services.streaming import topics
from services.streaming.clients import DEAD_LETTER_MAX_BYTES
from services.streaming.topics import (
    DEFAULT_MAX_MESSAGE_BYTES,
    TopicConfig,
    await_created,
    declared_config,
    topic_configs,
)

INPUT, DEAD_LETTERS = "queueing.transactions", "queueing.transactions.dlq"
DAY_MS = 86_400_000


class FakeAdmin:
    """Answers with the given values, or with an error for topics that have none."""

    def __init__(self, values: Mapping[str, Mapping[str, str]]) -> None:
        self._values = values

    def describe_configs(self, resources: list[ConfigResource], **_options: Any) -> dict[ConfigResource, Future[Any]]:
        answers = {}
        for resource in resources:
            answer: Future[Any] = Future()
            if resource.name in self._values:
                values = self._values[resource.name]
                answer.set_result({name: ConfigEntry(name, value) for name, value in values.items()})
            else:
                answer.set_exception(KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)))
            answers[resource] = answer
        return answers


@pytest.fixture
def contracts() -> Contracts:
    return load_contracts()


def test_the_contract_gives_each_topic_its_configuration(contracts: Contracts) -> None:
    assert declared_config(contracts.topic(INPUT)) == TopicConfig(
        7 * DAY_MS, DEFAULT_MAX_MESSAGE_BYTES, "LogAppendTime"
    )
    assert declared_config(contracts.topic(DEAD_LETTERS)) == TopicConfig(
        30 * DAY_MS, DEAD_LETTER_MAX_BYTES, "CreateTime"
    )


def test_the_configuration_is_that_of_the_brokers(contracts: Contracts) -> None:
    values = {"retention.ms": "-1", "max.message.bytes": "77", "message.timestamp.type": "CreateTime"}
    with capture_logs() as logs:
        configs = topic_configs(FakeAdmin({INPUT: values}), [contracts.topic(INPUT)])  # type: ignore[arg-type]
    assert configs == {INPUT: TopicConfig(-1, 77, "CreateTime")}
    assert logs == []


def test_the_contract_is_used_where_describing_is_not_authorised(contracts: Contracts) -> None:
    declared = [contracts.topic(INPUT), contracts.topic(DEAD_LETTERS)]
    values = {"retention.ms": "5", "max.message.bytes": "77", "message.timestamp.type": "CreateTime"}
    with capture_logs() as logs:
        configs = topic_configs(FakeAdmin({DEAD_LETTERS: values}), declared)  # type: ignore[arg-type]
    assert configs == {INPUT: declared_config(declared[0]), DEAD_LETTERS: TopicConfig(5, 77, "CreateTime")}
    assert [(line["topic"], "TOPIC_AUTHORIZATION_FAILED" in line["reason"]) for line in logs] == [(INPUT, True)]


def test_no_topics_need_no_request() -> None:
    assert topic_configs(FakeAdmin({}), []) == {}  # type: ignore[arg-type]


class LateAdmin:
    """Knows the partitions of a topic only after some requests."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)

    def list_topics(self, **_options: Any) -> ClusterMetadata:
        partitions = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
        metadata = ClusterMetadata()
        if partitions:
            topic = TopicMetadata()
            topic.partitions = dict.fromkeys(range(partitions))
            metadata.topics = {INPUT: topic}
        return metadata


def test_new_partitions_are_awaited_until_the_brokers_know_them() -> None:
    admin = LateAdmin(0, 2, 4)
    await_created(admin, {INPUT: 4})  # type: ignore[arg-type]
    assert admin.counts == [4]


def test_topics_that_the_brokers_never_know_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "PROPAGATION_SECONDS", 0)
    with pytest.raises(Unavailable, match=f"do not know yet: {INPUT}"):
        await_created(LateAdmin(2), {INPUT: 4})  # type: ignore[arg-type]
