"""The clusters that faults are tried on: made when first needed, used for many rounds, put right between them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.errors import ExpectedError
from tools.chaos.small_disk import SmallDisk
from tools.harness.link import Link
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster, ephemeral
from tools.local_cluster.ports import HOST, free_ports

ONE, THREE, SMALL_DISK = "one broker", "three brokers", "one broker on a small disk"


class Bench:
    """A cluster with what breaks around it.

    Args:
        cluster: One or three brokers.
        link: A way to the first broker that can be cut; None where there is none.
        disk: The small file system that the first broker is on; None where there is none.
    """

    def __init__(self, cluster: Cluster, link: Link | None = None, disk: SmallDisk | None = None) -> None:
        self.cluster = cluster
        self.link = link
        self.disk = disk

    def heal(self) -> None:
        """Puts everything right: room on the disk, the network whole, all nodes up and every replica in sync.

        Raises:
            ExpectedError: It can't be put right.
        """
        if self.link:
            self.link.restore()
        if self.disk:
            self.disk.free()
        for node in self.cluster.nodes:
            if node.running:
                node.resume()
        self.cluster.start()
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap_servers, "log_level": 0})

        def whole() -> bool:
            with suppress(KafkaException):
                metadata = admin.list_topics(timeout=5)
                topics = metadata.topics.values()
                partitions = [partition for topic in topics for partition in topic.partitions.values()]
                complete = len(metadata.brokers) == len(self.cluster.brokers)
                return complete and all(len(partition.isrs) == len(partition.replicas) for partition in partitions)
            return False

        wait_for(whole, "all replicas are in sync", pause=0.2)


class Lab:
    """All clusters of a run."""

    def __init__(self) -> None:
        self._stacks: dict[str, ExitStack] = {}
        self._benches: dict[str, Bench] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._benches):
            self.drop(name)

    def bench(self, kind: str) -> Bench:
        """A healthy bench of a kind, the only one that runs; a new one where the last one can't be put right.

        Raises:
            NotRun: This machine can't have one.
        """
        for other in set(self._benches) - {kind}:
            self.drop(other)
        if kind in self._benches:
            try:
                self._benches[kind].heal()
            except ExpectedError:
                self.drop(kind)
            else:
                return self._benches[kind]
        stack = ExitStack()
        self._benches[kind] = stack.enter_context(_make(kind))
        self._stacks[kind] = stack
        return self._benches[kind]

    def drop(self, kind: str) -> None:
        """Ends a bench."""
        self._benches.pop(kind)
        self._stacks.pop(kind).close()


@contextmanager
def _make(kind: str) -> Iterator[Bench]:
    if kind == THREE:
        with ephemeral(3, amend=_quick) as cluster:
            yield Bench(cluster)
    elif kind == SMALL_DISK:
        with SmallDisk.mounted() as disk, ephemeral(amend=_quick) as cluster:
            disk.take_in(cluster.broker(1))
            yield Bench(cluster, disk=disk)
    else:
        advertised, inner = free_ports(2)

        def amend(properties: Mapping[str, str]) -> Mapping[str, str]:
            return _quick(properties) | {
                "listeners": f"{properties['listeners']},LINK://{HOST}:{inner}",
                "advertised.listeners": f"{properties['advertised.listeners']},LINK://{HOST}:{advertised}",
                "listener.security.protocol.map": f"{properties['listener.security.protocol.map']},LINK:PLAINTEXT",
            }

        with Link(advertised, inner) as link, ephemeral(amend=amend) as cluster:
            yield Bench(cluster, link=link)


def _quick(properties: Mapping[str, str]) -> dict[str, str]:
    """Members may be declared dead sooner than after six seconds: a hundred kills must not take all day."""
    return {**properties, "group.min.session.timeout.ms": "1000"}
