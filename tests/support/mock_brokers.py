"""Brokers inside librdkafka that answer with errors on demand: they show what its client does, never exactly once."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CDLL, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path

import confluent_kafka

OFFSET_FETCH = 9
"""Number of a request in Kafka's protocol."""

_PRODUCER = 0


class MockBrokers:
    """A cluster of one broker.

    Args:
        library: librdkafka.
        cluster: Its handle of the cluster.

    Attributes:
        bootstrap_servers: Address of the broker.
    """

    def __init__(self, library: CDLL, cluster: int) -> None:
        self._library = library
        self._cluster = c_void_p(cluster)
        self.bootstrap_servers = bytes(library.rd_kafka_mock_cluster_bootstraps(self._cluster)).decode()

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic with one replica."""
        code = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        assert code == 0, code

    def answer_with(self, error: int, request: int, times: int) -> None:
        """Answer the next requests of a kind with an error.

        Args:
            error: Its code.
            request: Number of the kind.
            times: Number of requests.
        """
        self._library.rd_kafka_mock_push_request_errors(
            self._cluster, c_int(request), c_size_t(times), *[c_int(error)] * times
        )


@contextmanager
def mock_brokers() -> Iterator[MockBrokers]:
    """Run a cluster of one broker on loopback."""
    (path,) = (Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka-*")
    library = CDLL(str(path))  # the one that the client has loaded
    library.rd_kafka_new.restype = library.rd_kafka_conf_new.restype = c_void_p
    library.rd_kafka_mock_cluster_new.restype = c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = c_char_p
    reason = ctypes.create_string_buffer(512)
    client = c_void_p(library.rd_kafka_new(_PRODUCER, c_void_p(library.rd_kafka_conf_new()), reason, c_size_t(512)))
    assert client.value, reason.value
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    try:
        yield MockBrokers(library, cluster)
    finally:
        library.rd_kafka_mock_cluster_destroy(c_void_p(cluster))
        library.rd_kafka_destroy(client)
