"""The job as statements of Flink SQL."""

from services.detector_flink.statements import JobTopics, insert, sink, source

TOPICS = JobTopics(read=["input", "by-source"], written=["by-source", "legit"], group="it's")
CLIENT = {"bootstrap.servers": "broker:9092"}


def test_the_source_reads_committed_records_of_all_stages_from_the_groups_offsets() -> None:
    text = source(TOPICS, CLIENT)
    assert "'topic' = 'input;by-source'" in text
    assert "'properties.isolation.level' = 'read_committed'" in text
    assert "'scan.startup.mode' = 'group-offsets'" in text
    assert "'properties.bootstrap.servers' = 'broker:9092'" in text
    assert "topic STRING NOT NULL METADATA VIRTUAL" in text
    assert "`offset` BIGINT NOT NULL METADATA VIRTUAL" in text


def test_the_sink_is_exactly_once_to_the_topic_of_each_row() -> None:
    text = sink(TOPICS, CLIENT, 900_000)
    assert "'sink.delivery-guarantee' = 'exactly-once'" in text
    assert "'topic' = 'by-source;legit'" in text
    assert "topic STRING NOT NULL METADATA," in text
    assert "'properties.transaction.timeout.ms' = '900000'" in text


def test_values_are_quoted() -> None:
    assert "'properties.group.id' = 'it''s'" in source(TOPICS, CLIENT)


def test_what_is_flattened_stands_alone_beside_its_rows() -> None:
    """A further column would be copied for each row of the array."""
    text = insert()
    inner = text[text.index("FROM (") : text.index("\n) AS e")]
    assert inner.count(" AS ") == 1
    assert "CROSS JOIN UNNEST(e.evaluated) AS u(r)" in text
