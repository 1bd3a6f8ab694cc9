"""The job as statements of Flink SQL. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.detector_flink.output_rows import FIXED

FUNCTION = "evaluate_batch"
"""The name of the function that evaluates records."""

_COLUMNS = """
  record_key BYTES,
  record_value BYTES,
  topic STRING NOT NULL METADATA{virtual},{offsets}
  `timestamp` TIMESTAMP_LTZ(3) NOT NULL METADATA,
  headers MAP<STRING NOT NULL, BYTES> METADATA"""

_OFFSETS = """
  `partition` INT NOT NULL METADATA VIRTUAL,
  `offset` BIGINT NOT NULL METADATA VIRTUAL,"""

_FORMATS = {
    "connector": "kafka",
    "key.format": "raw",
    "key.fields": "record_key",
    "value.format": "raw",
    "value.fields-include": "EXCEPT_KEY",
}


@dataclass(frozen=True)
class JobTopics:
    """Topics that the job reads and writes.

    Attributes:
        read: The input topic and the repartition topics.
        written: All topics that records are written to.
        group: The consumer group: a job without a savepoint begins at its offsets, and commits there.
    """

    read: Sequence[str]
    written: Sequence[str]
    group: str


def source(topics: JobTopics, client: Mapping[str, str]) -> str:
    """Return the statement that creates the source.

    Args:
        topics: The topics.
        client: Properties of Kafka's clients.
    """
    options = _FORMATS | {
        "topic": ";".join(topics.read),
        "scan.startup.mode": "group-offsets",
        "properties.group.id": topics.group,
        "properties.auto.offset.reset": "earliest",
        "properties.isolation.level": "read_committed",
    }
    return _create("records", _COLUMNS.format(virtual=" VIRTUAL", offsets=_OFFSETS), options, client)


def sink(topics: JobTopics, client: Mapping[str, str], timeout_ms: int) -> str:
    """Return the statement that creates the sink, which is exactly once.

    Args:
        topics: The topics.
        client: Properties of Kafka's clients.
        timeout_ms: The brokers abort a transaction after that: longer than the longest outage of the job.
    """
    options = _FORMATS | {
        "topic": ";".join(topics.written),
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": topics.group,
        "properties.transaction.timeout.ms": str(timeout_ms),
        "properties.max.request.size": "2097152",
        "properties.linger.ms": "20",
        "properties.batch.size": "1000000",
    }
    return _create("outputs", _COLUMNS.format(virtual="", offsets=""), options, client)


def insert() -> str:
    """Return the statement that is the job: every record is evaluated, and what follows from it is written."""
    names = f"(CARDINALITY(r) - {FIXED}) / 2"
    return f"""INSERT INTO outputs SELECT
  r[2],
  r[3],
  CAST(r[1] AS STRING),
  TO_TIMESTAMP_LTZ(CAST(CAST(r[4] AS STRING) AS BIGINT), 3),
  MAP_FROM_ARRAYS(
    CAST(ARRAY_SLICE(r, {FIXED + 1}, {FIXED} + {names}) AS ARRAY<STRING NOT NULL>),
    ARRAY_SLICE(r, {FIXED + 1} + {names}))
FROM (
  SELECT {FUNCTION}(
    topic, `partition`, `offset`, `timestamp`, record_key, record_value, MAP_KEYS(headers), MAP_VALUES(headers)
  ) AS evaluated FROM records
) AS e CROSS JOIN UNNEST(e.evaluated) AS u(r)"""  # noqa: S608 - nothing in it comes from outside


def _create(table: str, columns: str, options: Mapping[str, str], client: Mapping[str, str]) -> str:
    everything = {**{f"properties.{name}": value for name, value in client.items()}, **options}
    listed = ",\n  ".join(f"{_quoted(name)} = {_quoted(value)}" for name, value in everything.items())
    return f"CREATE TABLE {table} ({columns}\n) WITH (\n  {listed}\n)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
