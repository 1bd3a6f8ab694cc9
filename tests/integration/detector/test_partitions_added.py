"""Partitions are added to topics while a detector runs."""

from confluent_kafka.admin import NewPartitions

from tests.support.payments import Payment, encoded
from tools.harness.pipeline import Pipeline

RAPID = """
[rules.rapid-fire]
severity = "high"
reason = "{payments} payments by {source} in 10 s"
windows.payments = { measure = "count", by = ["source"], over = "10s", at_least = 1000 }
"""


def test_new_partitions_are_evaluated_without_a_restart(pipeline: Pipeline) -> None:
    path = pipeline.directory / "rules.toml"
    path.write_text(RAPID)
    refresh = {"KAFKA_CONFIG_TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000", "RULES_FILE": str(path)}

    def pay_into_each(count: int, partitions: int = 6) -> None:
        values = encoded(pipeline, [Payment(f"payer{number}", "shop", 1000) for number in range(count)])
        for number, value in enumerate(values):
            pipeline.produce([value], partition=number % partitions)

    def add(topic: str) -> None:
        admin = pipeline.admin  # it has to outlive its request
        admin.create_partitions([NewPartitions(topic, 6)])[topic].result()

    with pipeline.start("detector", **refresh) as detector:
        detector.wait_for("rebalance", change="assigned")
        pay_into_each(4, 4)
        pipeline.wait_for_outputs(4)
        add(pipeline.input)
        missing = detector.wait_for("partitions do not exist: a topic that is read together with them has more")
        assert missing["missing"] == [f"{pipeline.by_source}-{number}" for number in (4, 5)]
        pay_into_each(12)
        pipeline.wait_for_outputs(16)
        add(pipeline.by_source)
        detector.wait_for("rebalance", partitions=missing["missing"])
        pay_into_each(60)
        legit, fraud, dead = pipeline.wait_for_outputs(76)
        assert detector.stop() == 0
        assert not detector.events("transaction aborted")
    assert (len(legit), len(fraud), len(dead)) == (76, 0, 0)
    used = {message.partition() for message in pipeline.read(pipeline.by_source)}
    assert used & {4, 5}  # and they were evaluated
