"""Committed offsets of a consumer group, on a cluster that is about to have its first group."""

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from services.errors import Unavailable
from tools.harness.waiting import wait_for
from tools.local_cluster import ephemeral
from tools.topics.consumer_group import ConsumerGroup


# The admin client's call ended the process here: the answer was that this broker is not the coordinator yet.
def test_offsets_are_asked_for_while_the_group_has_no_coordinator() -> None:
    with ephemeral() as cluster:
        config = {"bootstrap.servers": cluster.bootstrap_servers, "group.id": "first", "log_level": 0}
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
        admin.create_topics([NewTopic("queue", 1)])["queue"].result()
        group = ConsumerGroup(admin, "first", Consumer({**config, "isolation.level": "read_uncommitted"}))

        def lag() -> list[int]:
            try:
                return [group.lag({("queue", 0): 0})]
            except Unavailable:
                return []

        assert wait_for(lag, "a coordinator") == [0]
