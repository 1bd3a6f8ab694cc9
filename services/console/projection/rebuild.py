"""Making the projection again from the topics."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from confluent_kafka import Consumer, TopicPartition
from sqlalchemy import Connection, Engine, delete, func, select

from services.console.projection.topic_offsets import Partition
from services.console.storage.database import writing
from services.console.storage.tables import PROJECTION, alerts, cases, decisions
from services.errors import ContractError

TIMEOUT = 10


def clear(engine: Engine) -> None:
    """Empty the tables that are made from topics, and their offsets, in one transaction."""
    with writing(engine).begin() as connection:
        for table in PROJECTION:
            connection.execute(delete(table))


def topic_bounds(make_consumer: Callable[[], Consumer], topics: tuple[str, ...]) -> dict[Partition, tuple[int, int]]:
    """Return the first offset of each partition, and the one after its last."""

    def bounds(consumer: Consumer) -> Iterator[tuple[Partition, tuple[int, int]]]:
        for topic in topics:
            for number in consumer.list_topics(topic, TIMEOUT).topics[topic].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=TIMEOUT)
                yield (topic, number), (int(low), int(high))

    with closing(make_consumer()) as consumer:
        return dict(bounds(consumer))


def require_whole(
    connection: Connection, bounds: Mapping[Partition, tuple[int, int]], alerts_topic: str, decisions_topic: str
) -> None:
    """Check that the topics still have every record that the database has.

    Raises:
        ContractError: Retention has deleted some: a rebuild would lose them.
    """
    lost = 0
    for table, topic in ((alerts, alerts_topic), (decisions, decisions_topic)):
        for (name, number), (low, _high) in bounds.items():
            if name == topic:
                expired = (table.c.partition == number) & (table.c.offset < low)
                lost += connection.scalar(select(func.count()).select_from(table).where(expired)) or 0
    if lost:
        raise ContractError(
            f"{lost:,} records of the database are no longer in the topics: their retention has passed; "
            "a rebuild would lose them, and the cases that they made. --discard-expired does it all the same"
        )


def counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows of the tables that people care for."""
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in (alerts, cases, decisions)
    }
